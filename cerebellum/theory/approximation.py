"""The exponential approximation of the binary circle intersection, its bounds, and Kanerva's integral.

All functions return natural logarithms of the share of the space, I / 2^n, for comparison with
`circles.log_intersection(..) - n ln 2`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import quad

from cerebellum.errors import ArgumentError
from cerebellum.theory.check import whole_number, whole_numbers
from cerebellum.theory.circles import log_binomial

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def intersection_bounds(n: int, radius: int, distances: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log share of the largest term of the intersection's double sum, and of that term times the number of terms.

    Bricken & Pehlevan (2021), appendix B: I is a sum of C(n - v, a) C(v, c), a agreements where the centres agree and c
    where they differ. Up to radius n/2 no term exceeds a = n - radius - floor(v/2), c = floor(v/2), so the two are
    strict bounds of I. Both are -inf where the balls do not meet.

    Raises ArgumentError if radius exceeds n/2 or a distance is not in 0..n.
    """
    n, radius, v = _arguments(n, radius, distances)
    half, odd = v // 2, v % 2
    lowest = n - radius - half
    log_largest = log_binomial(n - v, lowest) + log_binomial(v, half) - n * math.log(2)
    # a = lowest + e leaves 1 + odd + 2 e values of c, until all v + 1 are allowed from e = half on.
    last = n - v - lowest
    narrow = np.clip(np.minimum(last + 1, half), 0, None)
    terms = narrow * (1 + odd) + narrow * (narrow - 1) + np.clip(last + 1 - narrow, 0, None) * (v + 1)
    return log_largest, log_largest + np.log(np.maximum(terms, 1))


def exponential_approximation(n: int, radius: int, distances: ArrayLike) -> NDArray[np.float64]:
    """Log share of the largest term by two normal approximations and a Taylor step, for distances 1..n-1.

    ln of 2 / (pi sqrt(v (n - v))) exp(-(n - 2 d)^2 / 2 n) exp(-(n - 2 d)^2 v / 2 n^2): Bricken & Pehlevan (2021),
    appendix B. Its order is right, its value is not: see `exponential_beta`.
    """
    n, radius, v = _arguments(n, radius, distances, 1, n - 1 if isinstance(n, int) else None)
    log_share: NDArray[np.float64] = _log_decay(n, radius, v) + math.log(2 / math.pi) - 0.5 * np.log(v * (n - v))
    return log_share


def exponential_beta(n: int, radius: int) -> float:
    """The softmax beta of the exponential approximation, (n - 2 d)^2 / 4 n: a third to a half of the fitted beta."""
    n, radius, _ = _arguments(n, radius, 0)
    return (n - 2 * radius) ** 2 / (4 * n)


def kanerva_log_share(n: int, radius: int, distance: int) -> float:
    """Log share of the intersection by Kanerva's integral over the normal limit (1988, appendix B).

    The integral of exp(-c^2 / 2 (1 - x)) / (2 pi sqrt(x (1 - x))) for x from v/n to 1, c = (d - n/2) / sqrt(n / 4).
    About 7% to 10% below the exact value at n = 1,000, radius 451.
    """
    n, radius, _ = _arguments(n, radius, 0)
    distance = whole_number("distance", distance, 0, n, "n")
    c = (radius - n / 2) / math.sqrt(n / 4)
    # x = cos^2 t takes away both poles: dx / sqrt(x (1 - x)) = -2 dt.
    integral = quad(lambda t: math.exp(-(c**2) / (2 * math.sin(t) ** 2)), 0.0, math.acos(math.sqrt(distance / n)))[0]
    return math.log(integral / math.pi) if integral > 0 else -math.inf


def _log_decay(n: int, radius: int, v: NDArray[np.int64]) -> NDArray[np.float64]:
    return -((n - 2 * radius) ** 2) * (1 / (2 * n) + v / (2 * n**2))


def _arguments(
    n: int, radius: int, distances: ArrayLike, low: int = 0, high: int | None = None
) -> tuple[int, int, NDArray[np.int64]]:
    n = whole_number("n", n, 2)
    radius = whole_number("radius", radius, 0, n, "n")
    if 2 * radius > n:
        raise ArgumentError(
            "radius", radius, f"must be at most n / 2 = {n / 2:g}: beyond it the tail is no longer one-sided"
        )
    return (
        n,
        radius,
        whole_numbers("distances", distances, low, n if high is None else high, "n" if high is None else "n - 1"),
    )
