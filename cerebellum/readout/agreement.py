"""How closely two readers of one memory agree: effective weights, r2, total variation, beta, recall, and the control.

Definitions (queries q, stored patterns mu, pointers s_mu in {-1, +1}^B, readout y_q in R^B):
effective weights w_q are the least-squares coefficients of y_q on [1, s_1 .. s_M], divided by their sum over mu.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cerebellum.errors import ArgumentError
from cerebellum.typing import Floats

SHUFFLES = 20
RESAMPLES = 1000


def effective_weights(readout: Floats, signs: Floats) -> Floats:
    """Weight of every stored pattern in every readout.

    Parameters
    ----------
    readout : shape (queries, bits)
    signs : pointers as -1 and +1, shape (patterns, bits)

    Returns
    -------
    shape (queries, patterns); each row sums to 1

    Raises
    ------
    ArgumentError
        If there are fewer than two bits a pattern: the regression would fit noise.
    """
    patterns, bits = signs.shape
    if bits < 2 * patterns:
        raise ArgumentError("signs", signs.shape, f"{patterns} patterns want at least {2 * patterns} pointer bits")
    design = np.column_stack([np.ones(bits), signs.T])
    coefficients, *_ = np.linalg.lstsq(design, readout.T, rcond=None)
    return normalized(np.asarray(coefficients[1:].T, dtype=np.float64))


def normalized(weights: Floats) -> Floats:
    """Rows divided by their sum; a row of zeros (a cue that shares no cell with any pattern) stays zero."""
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total != 0)


def r2(a: Floats, b: Floats) -> float:
    """Squared Pearson correlation over all (q, mu); 0 if either is constant."""
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1] ** 2)


def total_variation(a: Floats, b: Floats) -> float:
    """Mean over queries of half the summed absolute difference."""
    return float(0.5 * np.abs(a - b).sum(axis=1).mean())


def shuffled_r2(a: Floats, b: Floats, rng: np.random.Generator) -> float:
    """r2 after the patterns of `a` are permuted with none left in place, mean over SHUFFLES permutations.

    Shuffling the pointers among the patterns permutes the columns of the least-squares weights, so this is the
    negative control of the regression itself. nan for fewer than three patterns: two weights that sum to 1 correlate
    as strongly when they are swapped, so there is nothing to control with.
    """
    if a.shape[1] < 3:
        return float("nan")
    found = []
    for _ in range(SHUFFLES):
        order = rng.permutation(a.shape[1])
        shift = np.empty_like(order)
        shift[order] = np.roll(order, 1)  # one cycle through a random order: no fixed point
        found.append(r2(a[:, shift], b))
    return float(np.mean(found))


@dataclass(frozen=True)
class Beta:
    """Slope of ln weight on cosine, and its 95 % bootstrap interval over queries."""

    value: float
    low: float
    high: float


def effective_beta(weights: Floats, cosine: Floats, target: NDArray[np.int64], rng: np.random.Generator) -> Beta:
    """Slope of ln(mean weight) on mean cosine, within groups of cues at like distance from their own pattern.

    A group contributes two points, its cues' own pattern and the mean of all other patterns, and has an intercept of
    its own: rows are normalised, so a near cue gives every other pattern less than a far cue does, and one intercept
    for all would take that for a flatter kernel. Weights are averaged before the logarithm because a single regressed
    weight of a far pattern may be negative. nan where there is no other pattern.

    Parameters
    ----------
    weights, cosine : shape (queries, patterns)
    target : the cue's own pattern, shape (queries,)
    """
    from scipy.stats import DegenerateDataWarning, bootstrap

    queries, patterns = weights.shape
    if patterns < 2:
        return Beta(float("nan"), float("nan"), float("nan"))
    rows: NDArray[np.int64] = np.arange(queries)
    own, own_cosine = weights[rows, target], cosine[rows, target]
    rest = (weights.sum(axis=1) - own) / (patterns - 1)
    apart = own_cosine - (cosine.sum(axis=1) - own_cosine) / (patterns - 1)
    # Few distances, each with many cues: group by cosine in steps of 0.05.
    group = np.floor(own_cosine / 0.05 + 1e-9).astype(int)

    def slope(pick: NDArray[np.int64]) -> float:
        rise = run = 0.0
        for label in np.unique(group[pick]):
            members = pick[group[pick] == label]
            near, far, x = own[members].mean(), rest[members].mean(), apart[members].mean()
            if near > 0 and far > 0:
                rise, run = rise + x * np.log(near / far), run + x * x
        return float(rise / run) if run else float("nan")

    if queries < 2:
        return Beta(slope(rows), slope(rows), slope(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateDataWarning)  # resamples without a slope are left out below
        found = bootstrap((rows,), slope, n_resamples=RESAMPLES, vectorized=False, method="percentile", rng=rng)
    usable = found.bootstrap_distribution[np.isfinite(found.bootstrap_distribution)]
    low, high = np.percentile(usable, [2.5, 97.5]) if len(usable) else (np.nan, np.nan)
    return Beta(slope(rows), float(low), float(high))


@dataclass(frozen=True)
class Recall:
    """Share of pointer bits right, and share of cues whose nearest stored pointer is the target's."""

    bits: float
    patterns: float


def recall(bits: NDArray[np.bool_], pointers: NDArray[np.bool_], target: NDArray[np.int64]) -> Recall:
    """Recall of decoded `bits`, shape (queries, bits), against the stored pointers (patterns, bits)."""
    distance = (bits[:, None, :] != pointers[None, :, :]).sum(axis=-1)
    right = float((bits == pointers[target]).mean())
    return Recall(right, float((distance.argmin(axis=1) == target).mean()))


def compare_all(weights: dict[str, Floats]) -> dict[str, dict[str, float]]:
    """`<a>_vs_<b>` -> r2 and tv for every pair of readers, in the given order."""
    return {
        f"{a}_vs_{b}": {"r2": r2(weights[a], weights[b]), "tv": total_variation(weights[a], weights[b])}
        for a, b in combinations(weights, 2)
    }
