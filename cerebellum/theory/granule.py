"""Granule cells as hard locations that read only a few of the lines: how often two inputs share them, and the beta.

A cell reads `dendrites` of n lines, without repetition. With +-1 (or complementary) coding it prefers a random bit on
each and is active if at least `threshold` agree: of the lines it reads, two inputs at Hamming distance v differ on u,
hypergeometrically, and on those lines the cell is a sparse distributed memory of its own,

    P(both active) = sum_u C(v, u) C(n - v, k - u) / C(n, k) I(k, k - threshold, u) / 2^k.

dendrites = n is Kanerva's memory of radius n - threshold; threshold = dendrites is the selected-coordinate design of
Jaeckel (1989), RIACS TR 89.28. With sparse codes and excitatory lines alone, threshold = dendrites is his hyperplane
design (RIACS TR 89.30).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.errors import ArgumentError
from cerebellum.theory.attention import BetaFit, fit_log_weights
from cerebellum.theory.check import real_numbers, whole_number, whole_numbers
from cerebellum.theory.circles import log_binomial, log_intersection

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def overlap(n: int, dendrites: int, threshold: int, distance: int, response: ArrayLike | None = None) -> float:
    """P(both inputs activate a random cell), or E[f f] for a graded response, at one Hamming distance.

    Parameters
    ----------
    n : input lines. dendrites : lines a cell reads, 1..n. threshold : agreeing lines that activate it, 0..dendrites.
    distance : Hamming distance of the two inputs, 0..n.
    response : f(m), the cell's output given m = 0..dendrites agreeing lines (finite, >= 0), which then replaces the
        step at `threshold`.

    Raises ArgumentError for values out of range and a response of the wrong length.
    """
    return float(math.exp(log_overlap(n, dendrites, threshold, [distance], response)[0]))


def log_overlap(
    n: int,
    dendrites: int,
    threshold: int,
    distances: ArrayLike | None = None,
    response: ArrayLike | None = None,
    read_response: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Natural logarithm of `overlap` at many distances (default 0..n), shape of `distances`; -inf where it is zero.

    read_response : g(m), where a cell answers the second input differently from the first: E[f g] then, not E[f f].
    """
    n, k, threshold = _cell(n, dendrites, threshold)
    v = whole_numbers("distances", np.arange(n + 1) if distances is None else distances, 0, n, "n")
    if response is None:
        log_pair = log_intersection(k, k - threshold) - k * math.log(2)
    else:
        log_pair = _log_graded_pairs(*_responses(k, response, read_response))
    u = np.arange(k + 1)
    spread = v[..., None]
    log_differ = log_binomial(spread, u) + log_binomial(n - spread, k - u) - log_binomial(n, k)
    log_shared: NDArray[np.float64] = np.logaddexp.reduce(log_differ + log_pair, axis=-1)
    return log_shared


def sparse_overlap(
    n: int,
    active: int,
    dendrites: int,
    threshold: int,
    shared: int,
    response: ArrayLike | None = None,
    read_response: ArrayLike | None = None,
) -> float:
    """P(both inputs activate a random cell) for excitatory-only codes, or E[f f] for a graded response.

    Parameters
    ----------
    n : input lines, of which every input has `active` on. shared : lines on in both inputs.
    dendrites : lines a cell reads, 1..n. threshold : of them on that activate it, 0..dendrites.
    response : f(m) given m = 0..dendrites lines on, in place of the step at `threshold`.
    read_response : g(m), where a cell answers the second input differently from the first: E[f g] then.

    Raises ArgumentError for values out of range, among them fewer shared lines than 2 active - n.
    """
    n, k, threshold = _cell(n, dendrites, threshold)
    active = whole_number("active", active, 0, n, "n")
    shared = whole_number("shared", shared, max(0, 2 * active - n), active, "active")
    if response is None:
        f = g = (np.arange(k + 1) >= threshold).astype(float)
    else:
        f, g = _responses(k, response, read_response)
    log_f, log_g = (np.log(h, out=np.full(k + 1, -np.inf), where=h > 0) for h in (f, g))
    # Of the lines read, `i` are on in both, `j` in the first alone, `l` in the second alone.
    i, one = np.ogrid[: min(k, shared) + 1, : min(k, active - shared) + 1]
    log_shared = -np.inf
    for alone in range(min(k, active - shared) + 1):
        rest = k - i - one - alone
        log_ways = (
            log_binomial(shared, i)
            + log_binomial(active - shared, one)
            + log_binomial(active - shared, alone)
            + log_binomial(n - 2 * active + shared, rest)
        )
        both = log_f[np.minimum(i + one, k)] + log_g[np.minimum(i + alone, k)]
        log_shared = np.logaddexp(log_shared, np.logaddexp.reduce(log_ways + both, axis=None))
    return float(np.exp(log_shared - log_binomial(n, k)))


def fit_beta(
    n: int, dendrites: int, threshold: int, distances: ArrayLike | None = None, response: ArrayLike | None = None
) -> BetaFit:
    """The softmax beta of a granule-cell layer on dense codes: least squares of ln overlap on cosine 1 - 2 v / n.

    `distances` defaults to 0, step, .. up to n/4, step max(1, n // 64). A beta holds for the range it was fitted over.
    """
    n, k, threshold = _cell(n, dendrites, threshold)
    v = np.arange(0, n // 4 + 1, max(1, n // 64)) if distances is None else whole_numbers("distances", distances, 0, n)
    return fit_log_weights(1.0 - 2.0 * v / n, log_overlap(n, k, threshold, v, response))


def fit_sparse_beta(
    n: int,
    active: int,
    dendrites: int,
    threshold: int,
    shared: ArrayLike | None = None,
    response: ArrayLike | None = None,
) -> BetaFit:
    """The softmax beta on sparse codes: least squares of ln overlap on the cosine shared / active.

    `shared` defaults to the upper half of the possible cosines, ceil(active / 2)..active.
    """
    n, k, threshold = _cell(n, dendrites, threshold)
    active = whole_number("active", active, 1, n, "n")
    o = np.arange(max((active + 1) // 2, 2 * active - n), active + 1) if shared is None else shared
    o = whole_numbers("shared", o, 0, active, "active")
    overlaps = np.array([sparse_overlap(n, active, k, threshold, int(lines), response) for lines in o])
    return fit_log_weights(o / active, np.log(overlaps, out=np.full(overlaps.shape, -np.inf), where=overlaps > 0))


def _cell(n: int, dendrites: int, threshold: int) -> tuple[int, int, int]:
    n = whole_number("n", n, 1)
    dendrites = whole_number("dendrites", dendrites, 1, n, "n")
    return n, dendrites, whole_number("threshold", threshold, 0, dendrites, "dendrites")


def _response(k: int, response: ArrayLike) -> NDArray[np.float64]:
    f = real_numbers("response", response, 0.0)
    if f.shape != (k + 1,):
        raise ArgumentError(
            "response", f.shape, f"must have one value for each of 0..dendrites matches, shape ({k + 1},)"
        )
    return f


def _responses(
    k: int, response: ArrayLike, read_response: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    f = _response(k, response)
    return f, f if read_response is None else _response(k, read_response)


def _log_graded_pairs(f: NDArray[np.float64], g: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln E[f(m_x) g(m_y)] of a cell reading k lines, for inputs that differ on u = 0..k of them."""
    k = len(f) - 1
    mean = np.empty(k + 1)
    for u in range(k + 1):
        same, mine = np.ogrid[: k - u + 1, : u + 1]  # matches where the inputs agree, and of x where they differ
        log_ways = log_binomial(k - u, same) + log_binomial(u, mine) - k * math.log(2)
        mean[u] = (np.exp(log_ways) * f[same + mine] * g[same + u - mine]).sum()
    return np.log(mean, out=np.full(k + 1, -np.inf), where=mean > 0)
