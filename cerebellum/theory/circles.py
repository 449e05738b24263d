"""Binary sparse distributed memory: Hamming balls in {0,1}^n and the addresses two of them share.

A hard location (neuron) is active for an address that lies within `radius` of it, so two addresses `distance` apart
share the neurons whose addresses lie in both balls. Everything here rests on one exact step. Moving one centre from
distance v to v + 1 loses the points at exactly the write radius w of one centre and the read radius q of the other on
the remaining n - 1 coordinates,

    I(v) - I(v + 1) = C(v, t) C(n - 1 - v, a),   t = (v + w - q) / 2,   a = (w + q - v) / 2,

and nothing if v - w + q is odd. Summed from the far end, where the balls part, all terms are positive: exact in
integers, and free of cancellation in logarithms. For w = q it is the lune formula of Kanerva (1988), Sparse
Distributed Memory, appendix B; the same numbers come from equation 3 of Bricken & Pehlevan (2021), arXiv:2111.05498.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import gammaln

from cerebellum.errors import ArgumentError
from cerebellum.theory.check import one_of, real_number, whole_number, whole_numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def ball_volume(n: int, radius: int) -> int:
    """Addresses within `radius` of a centre in {0,1}^n: the sum of C(n, i) for i <= radius, exact.

    Raises ArgumentError if n < 1 or radius is not in 0..n.
    """
    n, radius = _space(n, radius)
    return _ball(n, radius)


def log_ball_volume(n: int, radius: int) -> float:
    """Natural logarithm of `ball_volume`, without large integers."""
    n, radius = _space(n, radius)
    return float(np.logaddexp.reduce(log_binomial(n, np.arange(radius + 1))))


def intersection(n: int, radius: int, distance: int, read_radius: int | None = None) -> int:
    """Addresses of {0,1}^n that lie in both balls, whose centres are `distance` apart, exact.

    Parameters
    ----------
    n : bits of an address.
    radius : Hamming radius of the write ball; and of the read ball unless `read_radius` is given.
    distance : Hamming distance of the two centres, 0..n.

    Raises ArgumentError if a value is not a whole number in its range.
    """
    n, radius = _space(n, radius)
    read = radius if read_radius is None else whole_number("read_radius", read_radius, 0, n, "n")
    distance = whole_number("distance", distance, 0, n, "n")
    end = min(n, radius + read + 1)
    # Antipodal balls: x is in both if it has at most `radius` differences from one and `read` from the other.
    total = _ball(n, radius) - _ball(n, n - read - 1) if end == n and radius + read >= n else 0
    v = max(distance, abs(radius - read))
    v += (v + radius - read) % 2
    if v >= end:
        return total
    t, a = (v + radius - read) // 2, (radius + read - v) // 2
    term = math.comb(v, t) * math.comb(n - 1 - v, a)
    while v < end:
        total += term
        if a == 0 or n - 1 - v - a == 0 or v + 2 > n - 1:
            break
        # The ratio of consecutive terms: cheaper than two new binomials, and exact as every term is an integer.
        rest = n - 1 - v
        term = term * ((v + 2) * (v + 1) * a * (rest - a)) // ((t + 1) * (v - t + 1) * rest * (rest - 1))
        v, t, a = v + 2, t + 1, a - 1
    # Nearer than |radius - read| the smaller ball lies inside the other: no point is lost there.
    return total


def log_intersection(
    n: int, radius: int, distances: ArrayLike | None = None, read_radius: int | None = None
) -> NDArray[np.float64]:
    """Natural logarithm of `intersection` at many distances at once; -inf where the balls do not meet.

    Parameters
    ----------
    distances : whole numbers in 0..n, any shape; default 0, 1, .. n.

    Returns the logarithms, shape of `distances`. Relative error of the intersection below 1e-11 at n = 1,000 and 1e-10
    at n = 10,000 (the error of the log-gamma function). Raises ArgumentError for values out of range.
    """
    n, radius = _space(n, radius)
    read = radius if read_radius is None else whole_number("read_radius", read_radius, 0, n, "n")
    profile = _log_profile(n, radius, read)
    return profile if distances is None else profile[whole_numbers("distances", distances, 0, n, "n")]


def expected_neurons(n: int, radius: int, distance: int, neurons: float) -> float:
    """Mean number of neurons active for both addresses, of `neurons` with uniformly random addresses: r I / 2^n."""
    neurons = _neurons(neurons)
    share = Fraction(intersection(n, radius, distance), 1 << n)
    try:
        return float(Fraction(neurons) * share)
    except OverflowError:
        raise ArgumentError("neurons", neurons, "the expected number exceeds a float: use log_intersection") from None


@dataclass(frozen=True)
class NeuronCount:
    """How many neurons two addresses share in a memory with random neuron addresses.

    mean, sd : of the count over draws of the neurons.
    low, high : the central interval that holds the count with probability `coverage`.
    """

    mean: float
    sd: float
    low: float
    high: float
    coverage: float


def neuron_count(
    n: int, radius: int, distance: int, neurons: float, model: str = "binomial", coverage: float = 0.95
) -> NeuronCount:
    """Distribution of the number of shared neurons: "binomial", or its "poisson" limit for a small share of the space.

    The count belongs to the drawn neurons: it stays the same from one read to the next.
    """
    from scipy.stats import binom, norm, poisson  # slow to import, and needed here alone

    one_of("model", model, ("binomial", "poisson"))
    coverage = real_number("coverage", coverage, 0.0, 1.0)
    neurons = _neurons(neurons)
    share = float(Fraction(intersection(n, radius, distance), 1 << n))
    mean = float(neurons) * share
    sd = math.sqrt(mean * (1.0 - share) if model == "binomial" else mean)
    law = binom(float(neurons), share) if model == "binomial" else poisson(mean)
    # From a mean of a million on, the quantiles of both laws are normal to the digit, and scipy's searches fail.
    low, high = law.interval(coverage) if mean < 1e6 else norm(mean, sd).interval(coverage)
    return NeuronCount(mean, sd, float(low), float(high), coverage)


def empty_ball_probability(n: int, radius: int, neurons: float) -> float:
    """Probability that no neuron of `neurons` with random addresses lies within `radius` of an address: (1 - p)^r."""
    n, radius = _space(n, radius)
    neurons = _neurons(neurons)
    if radius == n:
        return 1.0 if neurons == 0 else 0.0
    # ln(1 - p) through the smaller of p and 1 - p, so that neither a tiny nor a nearly full ball loses digits.
    share = Fraction(_ball(n, radius), 1 << n)
    log_outside = math.log1p(-float(share)) if share < Fraction(1, 2) else math.log(float(1 - share))
    return math.exp(float(neurons) * log_outside)


def log_binomial(n: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
    """Natural logarithm of C(n, k), elementwise; -inf outside 0 <= k <= n."""
    n, k = np.asarray(n, dtype=np.float64), np.asarray(k, dtype=np.float64)
    inside = (k >= 0) & (k <= n)
    kept = np.where(inside, k, 0.0)
    whole = np.maximum(n, 0.0)
    log = gammaln(whole + 1) - gammaln(kept + 1) - gammaln(whole - kept + 1)
    return np.where(inside, log, -np.inf)


def _space(n: int, radius: int) -> tuple[int, int]:
    n = whole_number("n", n, 1)
    return n, whole_number("radius", radius, 0, n, "n")


def _neurons(neurons: float) -> float:
    """The number of neurons; a Python int stays exact (2**n does not fit a float for large n)."""
    if isinstance(neurons, int) and not isinstance(neurons, bool):
        return whole_number("neurons", neurons, 0)
    return real_number("neurons", neurons, 0.0)


def _ball(n: int, radius: int) -> int:
    """Sum of C(n, i) for i <= radius; 0 for a negative radius."""
    total, term = 0, 1
    for i in range(radius + 1):
        total += term
        term = term * (n - i) // (i + 1)
    return total


def _log_profile(n: int, radius: int, read: int) -> NDArray[np.float64]:
    """ln I(v) for v = 0..n: the loss of every step, summed from the far end in logarithms."""
    v = np.arange(n)
    odd = (v + radius - read) % 2 == 1
    t, a = (v + radius - read) // 2, (radius + read - v) // 2
    log_loss = np.where(odd, -np.inf, log_binomial(v, t) + log_binomial(n - 1 - v, a))
    log_antipodal = -np.inf
    if radius + read >= n:
        log_antipodal = float(np.logaddexp.reduce(log_binomial(n, np.arange(n - read, radius + 1))))
    return np.logaddexp.accumulate(np.append(log_loss, log_antipodal)[::-1])[::-1]
