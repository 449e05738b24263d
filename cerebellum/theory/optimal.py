"""The best radius of a binary sparse distributed memory: by signal to noise, by capacity, or by critical distance.

Derivations in Bricken & Pehlevan (2021), arXiv:2111.05498, appendix B.5. A ball that holds the share p of the space
has p r of the r neurons; another of the m patterns shares p^2 r of them on average.

The critical distance depends on where the other m - 1 patterns are taken to lie, and the two answers differ much:

"binomial"  at Binomial(n, 1/2) distances from the query, as random patterns do.
"half"      all at distance n/2, where a small ball (2 radius < n/2) meets none of them and nothing interferes: the
            published model, from which the paper's radius 15 follows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr, ndtri

from cerebellum.errors import ArgumentError
from cerebellum.theory.check import one_of, real_number, whole_number
from cerebellum.theory.circles import log_binomial, log_intersection

if TYPE_CHECKING:
    from numpy.typing import NDArray

CRITERIA = ("snr", "memory", "critical_distance")
INTERFERENCE = ("binomial", "half")


def optimal_radius(
    n: int, neurons: float, patterns: int, criterion: str = "snr", recall: float = 0.5, interference: str = "binomial"
) -> int:
    """The best radius for `patterns` random patterns in a memory of `neurons` neurons with n-bit addresses.

    Parameters
    ----------
    criterion :
        "snr"                signal over noise of one read, best for noise-free queries that must stand out.
        "memory"             most patterns held, each recalled whole with probability `recall`; does not use `patterns`.
        "critical_distance"  most wrong bits in a query that a read still corrects; does not use `recall`. Of several
                             equally good radii the smallest, which needs the fewest active neurons.
    interference : "binomial" or "half", the model of the other patterns for "critical_distance".

    For "snr" and "memory" it is the smallest radius whose ball holds at least `optimal_probability` of the space.
    Raises ArgumentError for values out of range.
    """
    n, neurons, patterns = _memory(n, neurons, patterns)
    if one_of("criterion", criterion, CRITERIA) == "critical_distance":
        reach = [critical_distance(n, radius, patterns, neurons, interference) for radius in range(n // 2 + 1)]
        return int(np.argmax(reach))
    p = optimal_probability(n, neurons, patterns, criterion, recall, interference)
    return int(np.searchsorted(_log_ball_shares(n), math.log(p) - 1e-12))


def optimal_probability(
    n: int, neurons: float, patterns: int, criterion: str = "snr", recall: float = 0.5, interference: str = "binomial"
) -> float:
    """The best share of the space for a ball to hold, before it is rounded to a radius; arguments of `optimal_radius`.

    "snr": p = (2 m r)^(-1/3). "memory": the positive root of 2 r^2 p^3 - 3 r z^2 p^2 - z^2 = 0, z the normal quantile
    of recall^(1/n). "critical_distance" has no formula in p: it is the share of the best radius.
    """
    n, neurons, patterns = _memory(n, neurons, patterns)
    one_of("criterion", criterion, CRITERIA)
    one_of("interference", interference, INTERFERENCE)
    log_r = math.log(neurons)
    if criterion == "snr":
        return math.exp(-(math.log(2 * patterns) + log_r) / 3)
    if criterion == "memory":
        # p = q s with s = (z^2 / 2 r^2)^(1/3) leaves q^3 - 3 r s^2 q^2 - 1 = 0, which has one positive root.
        log_s = (2 * math.log(_bit_quantile(n, recall)) - math.log(2) - 2 * log_r) / 3
        roots = np.roots([1.0, -3.0 * math.exp(log_r + 2 * log_s), 0.0, -1.0])
        q = float(roots[np.abs(roots.imag) < 1e-9 * np.abs(roots)].real.max())
        return min(1.0, q * math.exp(log_s))
    radius = optimal_radius(n, neurons, patterns, criterion, interference=interference)
    return float(np.exp(_log_ball_shares(n)[radius]))


def signal_to_noise(probability: float, neurons: float, patterns: int) -> float:
    """Signal over noise of a read at the stored pattern: sqrt(p r / (1 + p m + m r p^3))."""
    p = real_number("probability", probability, 0.0, 1.0)
    _, neurons, patterns = _memory(1, neurons, patterns)
    r = float(neurons)
    return math.sqrt(p * r) / math.sqrt(1 + p * patterns + patterns * r * p**3)


def memory_capacity(n: int, probability: float, neurons: float, recall: float = 0.5) -> float:
    """Patterns of which each is recalled whole from its own address with probability `recall`.

    m = 1 + ((p r)^2 / z^2 - p r) / (p^2 r + p^4 r^2), z the normal quantile of recall^(1/n); 0 if even one fails.
    """
    p = real_number("probability", probability, 0.0, 1.0)
    n, neurons, _ = _memory(n, neurons, 1)
    active = p * float(neurons)
    if active == 0.0:
        return 0.0
    free = (active / _bit_quantile(n, recall)) ** 2 - active
    return max(0.0, 1 + free / (p * active + (p * active) ** 2))


def critical_distance(
    n: int, radius: int, patterns: int, neurons: float | None = None, interference: str = "binomial"
) -> int:
    """The first distance of a query from a stored pattern at which a read no longer brings it nearer, in bits.

    A read fails at distance v if the two balls have parted there, or if the expected distance after it,
    `distance_after_read`, exceeds v; at v = 0, if it exceeds half a bit. Beyond n/2 the query is no cue for the
    pattern, so the answer is at most n // 2 + 1. Raises ArgumentError for values out of range.

    Parameters
    ----------
    patterns : stored random patterns, the target among them.
    neurons : with random addresses; default one at every address, 2^n.
    interference : "binomial" or "half", where the other patterns lie (see the module).
    """
    after = distance_after_read(n, radius, patterns, neurons, interference)
    v = np.arange(n // 2 + 1)
    failing = np.flatnonzero((v > 2 * radius) | (after[v] > np.maximum(v, 0.5)))
    return int(failing[0]) if failing.size else n // 2 + 1


def published_critical_distance(n: int, radius: int, patterns: int, neurons: float | None = None) -> int:
    """The critical distance as the paper's figure has it: "half", and a rule that changes where the balls part.

    The first distance that fails if it fails because the balls have parted, else the last distance that holds. The
    one bit between the two makes radius 15 the only best one at n = 64, m = 1,024, where 15, 16 and 17 are equal.
    """
    first = critical_distance(n, radius, patterns, neurons, "half")
    return first if 2 * radius < first <= n // 2 else max(first - 1, 0)


def distance_after_read(
    n: int, radius: int, patterns: int, neurons: float | None = None, interference: str = "binomial"
) -> NDArray[np.float64]:
    """Expected distance from the target after one read, for query distances 0..n: n Phi(-w / sigma).

    w is the number of neurons shared with the target, sigma^2 = w + (m - 1) <w' + w'^2> the variance of a bit's sum: a
    Poisson number of neurons each, and random bits of the other patterns, which share w'. n/2 where w = 0.
    """
    one_of("interference", interference, INTERFERENCE)
    n, neurons, patterns = _memory(n, 1 << n if neurons is None and isinstance(n, int) else neurons, patterns)
    log_w = log_intersection(n, radius) - n * math.log(2) + math.log(neurons)
    log_noise = np.logaddexp(log_w, 2 * log_w) + (math.log(patterns - 1) if patterns > 1 else -np.inf)
    if interference == "half":
        log_interference = log_noise[n // 2]
    else:
        log_interference = np.logaddexp.reduce(log_noise + log_binomial(n, np.arange(n + 1)) - n * math.log(2))
    log_z = np.full(n + 1, -np.inf)
    met = np.isfinite(log_w)
    log_z[met] = log_w[met] - np.logaddexp(log_w[met], log_interference) / 2
    after: NDArray[np.float64] = n * np.exp(log_ndtr(-np.exp(np.minimum(log_z, 300.0))))
    return after


def _memory(n: int, neurons: float | None, patterns: int) -> tuple[int, float, int]:
    n = whole_number("n", n, 1)
    patterns = whole_number("patterns", patterns, 1)
    if isinstance(neurons, int) and not isinstance(neurons, bool):
        return n, whole_number("neurons", neurons, 1), patterns  # exact: 2**n may exceed a float
    return n, real_number("neurons", neurons, 1.0), patterns


def _bit_quantile(n: int, recall: float) -> float:
    recall = real_number("recall", recall, 0.0, 1.0)
    if not 0.5**n < recall < 1.0:
        raise ArgumentError("recall", recall, "must lie between chance, 2^-n, and 1, both excluded")
    return float(ndtri(recall ** (1 / n)))


def _log_ball_shares(n: int) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.logaddexp.accumulate(log_binomial(n, np.arange(n + 1))) - n * math.log(2)
    return shares
