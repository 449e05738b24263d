"""The attention heads of any Hugging Face transformer, read as softmax memories.

A head weighs key j for query i by softmax_j(s q_i.k_j), s its scaling (1/sqrt(width) in most models). Written with the
cosine this is softmax_j(beta_ij cos_ij) with beta_ij = s |q_i| |k_j|; it is the softmax of "Attention Approximates
Sparse Distributed Memory" (Bricken and Pehlevan 2021, arXiv:2111.05498) exactly where beta_ij is the same for all j.
`summarise` therefore gives three numbers a head:

* ``beta_max_logit``, the authors' effective beta: the largest s q.k over the keys, for the last token's query. As
  cos <= 1 it is a lower bound of that pair's beta, not beta itself;
* ``beta_norms``: the mean of s |q_i| |k_j| over the visible pairs;
* ``beta_fit`` and ``beta_fit_r2``: least squares of the logits on the cosine within each query. An R2 well below 1
  says that no single beta describes the head.

Queries and keys are taken where the attention function receives them, after rotary embedding or any normalisation, so
that the numbers belong to what the model computes. `transformers` is needed by `load` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.typing import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class HeadStates:
    """What one head computed for one text.

    Attributes
    ----------
    layer, head : position in the model, from 0
    queries, keys : shape (tokens, width), as multiplied by the attention function
    values : shape (tokens, value width)
    weights : attention weights, shape (tokens, tokens); row i is the read of query i
    visible : whether query i may see key j (False above the diagonal of a causal model), shape (tokens, tokens)
    scaling : factor s of the logits s q.k
    """

    layer: int
    head: int
    queries: Floats
    keys: Floats
    values: Floats
    weights: Floats
    visible: NDArray[np.bool_]
    scaling: float

    @property
    def logits(self) -> Floats:
        """s q_i.k_j, shape (tokens, tokens), invisible pairs included; before any soft cap or bias of the model."""
        return np.asarray(self.scaling * (self.queries @ self.keys.T))

    @property
    def cosines(self) -> Floats:
        """cos(q_i, k_j), shape (tokens, tokens)."""
        return np.asarray(_unit(self.queries) @ _unit(self.keys).T)


@dataclass(frozen=True)
class HeadSummary:
    """One head in numbers; the betas are defined at the top of this module.

    Norms are Euclidean, over tokens: mean and standard deviation. `value_weight_rank_correlation` is Spearman's
    correlation of the value norm |v_j| with the weight w_ij over visible pairs (NaN where either is constant).
    """

    layer: int
    head: int
    beta_max_logit: float
    beta_norms: float
    beta_fit: float
    beta_fit_r2: float
    query_norm: float
    query_norm_sd: float
    key_norm: float
    key_norm_sd: float
    value_norm: float
    value_norm_sd: float
    value_weight_rank_correlation: float


def summarise(states: HeadStates) -> HeadSummary:
    """Effective betas, norms, and value norms against weights of one head."""
    query_norms = np.linalg.norm(states.queries, axis=1)
    key_norms = np.linalg.norm(states.keys, axis=1)
    value_norms = np.linalg.norm(states.values, axis=1)
    visible = states.visible
    beta, r2 = _beta_fit(states)
    return HeadSummary(
        layer=states.layer,
        head=states.head,
        beta_max_logit=float(states.logits[-1][visible[-1]].max()),
        beta_norms=float(states.scaling * np.outer(query_norms, key_norms)[visible].mean()),
        beta_fit=beta,
        beta_fit_r2=r2,
        query_norm=float(query_norms.mean()),
        query_norm_sd=float(query_norms.std()),
        key_norm=float(key_norms.mean()),
        key_norm_sd=float(key_norms.std()),
        value_norm=float(value_norms.mean()),
        value_norm_sd=float(value_norms.std()),
        value_weight_rank_correlation=_rank_correlation(*value_norms_and_weights(states)),
    )


def value_norms_and_weights(states: HeadStates) -> tuple[Floats, Floats]:
    """|v_j| and w_ij of every visible pair, each of shape (pairs,): the two axes of the paper's value-norm figure."""
    norms = np.broadcast_to(np.linalg.norm(states.values, axis=1), states.weights.shape)
    return norms[states.visible], states.weights[states.visible]


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(norms > 0, norms, 1.0))


def _beta_fit(states: HeadStates) -> tuple[float, float]:
    """Slope and R2 of logits on cosines over visible pairs, both centred within each query.

    Centring drops what softmax cannot see: a constant added to all logits of a query.
    """
    counts = states.visible.sum(axis=1, keepdims=True)

    def centred(matrix: Floats) -> Floats:
        means = np.where(states.visible, matrix, 0.0).sum(axis=1, keepdims=True) / counts
        return np.asarray((matrix - means)[states.visible])

    x, y = centred(states.cosines), centred(states.logits)
    xx, yy, xy = float(x @ x), float(y @ y), float(x @ y)
    if xx == 0.0 or yy == 0.0:  # a single visible key, or keys that are all alike
        return float("nan"), float("nan")
    return xy / xx, xy * xy / (xx * yy)


def _rank_correlation(a: Floats, b: Floats) -> float:
    from scipy.stats import spearmanr

    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return float("nan")
    return float(spearmanr(a, b).statistic)
