"""Continuous sparse distributed memory: caps of the unit sphere in R^n and the share of it that two have in common.

A neuron with unit address a is active for a unit vector x if x . a >= c, with c = 1 - 2 d / n for the Hamming radius d.
Two caps of half-angle theta = arccos c, whose centres have cosine s, meet in a share of the sphere of

    (1 / pi) int_0^{theta - phi} (1 - (c / cos(phi + t))^2)^((n - 2) / 2) dt,   phi = arccos(s) / 2,

t being the angle in the plane of the two centres. At s = 1 it is the single cap, with no special case. Equal to the
formula of Lee & Kim (2014), J. Appl. Math. Stat. Inform. 10, which has tan 0 there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np

from cerebellum.theory.check import real_number, real_numbers, whole_number
from cerebellum.theory.quadrature import NODES, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

# The integrand is dropped where it has fallen by exp(-40), 4e-18 of its peak.
_NEGLIGIBLE = -40.0


def cap_volume(n: int, threshold: float, log: bool = False) -> float:
    """Share of the unit sphere of R^n in the cap of points whose cosine to its centre is at least `threshold`.

    `threshold` is in -1..1; `log` gives the natural logarithm, which stays finite where the share underflows.
    Raises ArgumentError if n < 2 or the threshold is out of range.
    """
    return cap_intersection(n, threshold, 1.0, log)


@overload
def cap_intersection(n: int, threshold: float, cosine: float, log: bool = False) -> float: ...
@overload
def cap_intersection(
    n: int, threshold: float, cosine: Sequence[float] | NDArray[np.float64], log: bool = False
) -> NDArray[np.float64]: ...
def cap_intersection(n: int, threshold: float, cosine: ArrayLike, log: bool = False) -> float | NDArray[np.float64]:
    """Share of the unit sphere of R^n that lies in both of two equal caps, whose centres have this cosine.

    Parameters
    ----------
    threshold : least cosine of a cap's points to its centre, -1..1.
    cosine : of the two centres, -1..1, any shape.
    log : return natural logarithms (-inf where the caps do not meet).

    Returns a float for a number, else an array of the shape of `cosine`.
    Raises ArgumentError if n < 2, or for numbers out of range or NaN.
    """
    n = whole_number("n", n, 2)
    c = real_number("threshold", threshold, -1.0, 1.0)
    s = real_numbers("cosine", cosine, -1.0, 1.0)
    if c >= 0:
        log_share = _log_share(n, c, s)
    else:
        # More than half the sphere: one minus the two opposite caps, which are counted twice where they meet.
        outside = 2 * np.exp(_log_share(n, -c, np.ones(()))) - np.exp(_log_share(n, -c, s))
        log_share = np.log1p(-np.minimum(outside, 1.0))
    result = log_share if log else np.exp(log_share)
    return float(result) if result.ndim == 0 else result


def _log_share(n: int, c: float, s: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln of the share of two caps with threshold c >= 0, any shape of s."""
    sine = np.sqrt((1 - c) * (1 + c))
    theta = np.arctan2(sine, c)
    width = np.maximum(theta - np.arcsin(np.sqrt((1 - s) / 2)), 0.0)  # the arcsine keeps angles near s = 1 exact

    def log_integrand(gap: NDArray[np.float64]) -> NDArray[np.float64]:
        # With x = theta - gap, 1 - (c / cos x)^2 = sin(gap) sin(theta + x) / cos^2 x, here free of cancellation.
        cos_x = c * np.cos(gap) + sine * np.sin(gap)
        sin_sum = 2 * c * sine * np.cos(gap) + (1 - 2 * c * c) * np.sin(gap)
        log_base: NDArray[np.float64] = np.log(np.sin(gap)) + np.log(sin_sum) - 2 * np.log(cos_x)
        return (n - 2) / 2 * log_base

    with np.errstate(divide="ignore", invalid="ignore"):
        peak = log_integrand(width)
        # It falls from t = 0 on: bisect for the t beyond which it is negligible.
        low, high = np.zeros_like(width), width
        for _ in range(50):
            middle = (low + high) / 2
            kept = log_integrand(width - middle) > peak + _NEGLIGIBLE
            low, high = np.where(kept, middle, low), np.where(kept, high, middle)
        gap = (width - high)[..., None] + high[..., None] * NODES
        integral = high * (np.exp(log_integrand(gap) - peak[..., None]) @ WEIGHTS)
        log_share = np.log(integral / np.pi) + peak
    return np.where(width > 0, log_share, -np.inf)
