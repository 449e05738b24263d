"""How closely two readers of one memory agree: effective weights, identity R2, r2, total variation, recall.

Definitions (queries q, stored patterns mu, pointers s_mu in {-1, +1}^B, readout y_q in R^B):
effective weights w_q are the least-squares coefficients of y_q on [1, s_1 .. s_M], divided by their sum over mu.

Identity R2 comes first: r2 forgives a gain and an offset. Both also stand for pairs that are not the cue's own pattern,
as one large weight in a row makes r2 near 1 for any two readers that find it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.errors import ArgumentError
from cerebellum.typing import Bits, Floats


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
    return normalized(coefficients(readout, signs))


def coefficients(readout: Floats, signs: Floats) -> Floats:
    """The same before rows are divided by their sum, in the readout's unit; errors as there."""
    patterns, bits = signs.shape
    if bits < 2 * patterns:
        raise ArgumentError("signs", signs.shape, f"{patterns} patterns want at least {2 * patterns} pointer bits")
    design = np.column_stack([np.ones(bits), signs.T])
    found, *_ = np.linalg.lstsq(design, readout.T, rcond=None)
    return np.asarray(found[1:].T, dtype=np.float64)


def normalized(weights: Floats) -> Floats:
    """Rows divided by their sum; a row of zeros (a cue that shares no cell with any pattern) stays zero."""
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total != 0)


def identity(a: Floats, b: Floats) -> float:
    """1 - SSE / SST of `a` about `b`: the share of the variance of `a` that `b` explains as it is, neither scaled nor
    shifted; below 0 where the mean of `a` would do better. nan if `a` is constant."""
    total = float(((a - a.mean()) ** 2).sum()) if a.size else 0.0
    return 1.0 - float(((a - b) ** 2).sum()) / total if total else float("nan")


def r2(a: Floats, b: Floats) -> float:
    """Squared Pearson correlation over all (q, mu); 0 if either is constant."""
    if not a.size or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1] ** 2)


def total_variation(a: Floats, b: Floats) -> float:
    """Mean over queries of half the summed absolute difference."""
    return float(0.5 * np.abs(a - b).sum(axis=1).mean())


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


def compared(a: Floats, b: Floats, own: Bits) -> dict[str, Any]:
    """Agreement of the weights `a` with the weights `b`, as in summary.json.

    Parameters
    ----------
    a, b : shape (queries, patterns)
    own : whether a pattern is the one that the cue comes from, same shape
    """

    def both(pick: Bits) -> dict[str, float]:
        return {"identity": identity(a[pick], b[pick]), "r2": r2(a[pick], b[pick])}

    every = both(np.ones_like(own))
    return {**every, "tv": total_variation(a, b), "others": both(~own), "own": both(own)}


def compare_all(weights: dict[str, Floats], own: Bits) -> dict[str, dict[str, Any]]:
    """`<a>_vs_<b>` -> `compared` for every pair of readers, in the given order."""
    return {f"{a}_vs_{b}": compared(weights[a], weights[b], own) for a, b in combinations(weights, 2)}
