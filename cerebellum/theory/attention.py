"""Softmax attention as an approximation of sparse distributed memory: the beta that fits, and the weights of both.

With cosine s = 1 - 2 v / n, the intersection I(v) of two Hamming balls falls nearly exponentially in v, so its
normalised weights are nearly softmax(beta s): Bricken & Pehlevan (2021), arXiv:2111.05498, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import softmax

from cerebellum.errors import ArgumentError
from cerebellum.theory.check import one_of, real_number, real_numbers, whole_number, whole_numbers
from cerebellum.theory.circles import log_intersection
from cerebellum.theory.continuous import cap_intersection

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

ESTIMATORS = ("ols", "published", "softmax")


@dataclass(frozen=True)
class BetaFit:
    """A softmax beta fitted to a memory's weights.

    beta : the slope of log weight on cosine.
    intercept : of the same line; for "softmax", minus the log of the softmax's normaliser.
    r2 : share of the variance explained, of the log weights, or for "softmax" of the normalised weights.
    cosines, residuals : the points fitted, and log weight (for "softmax" weight) minus fit, same shape.
    estimator : "ols", "published" or "softmax".
    """

    beta: float
    intercept: float
    r2: float
    cosines: NDArray[np.float64]
    residuals: NDArray[np.float64]
    estimator: str


def fit_beta(
    n: int, radius: int, distances: ArrayLike | None = None, estimator: str = "ols", space: str = "binary"
) -> BetaFit:
    """The softmax beta that fits the circle intersection of two balls of `radius` in {0,1}^n.

    Parameters
    ----------
    distances : the Hamming distances fitted, one-dimensional, two at least; all must be shared by both balls except
        with "softmax". Default 0..radius-1, and 0..n with "softmax" (the ranges of the paper's code).
    estimator :
        "ols"        ordinary least squares of ln I on cosine.
        "published"  the paper's code: a sample covariance (over N - 1) divided by a population variance (over N), which
                     makes every published beta N / (N - 1) times too large, N being the number of distances.
        "softmax"    least squares of softmax(beta s) on the normalised intersection: the best beta for weights rather
                     than for their logarithms.
    space : "binary", or "continuous" for caps of the unit sphere with the same cosines (`continuous.cap_intersection`).

    Raises ArgumentError for values out of range, and for distances at which an intersection is empty.
    """
    one_of("estimator", estimator, ESTIMATORS)
    one_of("space", space, ("binary", "continuous"))
    n = whole_number("n", n, 1)
    radius = whole_number("radius", radius, 0, n, "n")
    if distances is None:
        if estimator != "softmax" and radius < 2:
            raise ArgumentError("radius", radius, "must be at least 2: a line needs two distances, 0..radius-1")
        distances = np.arange(n + 1 if estimator == "softmax" else radius)
    v = whole_numbers("distances", distances, 0, n, "n")
    cosines = 1.0 - 2.0 * v / n
    if space == "binary":
        log_weights = log_intersection(n, radius, v)
    else:
        log_weights = cap_intersection(n, 1.0 - 2.0 * radius / n, cosines, log=True)
    if estimator != "softmax" and np.isneginf(log_weights).any():
        reach = 2 * radius
        raise ArgumentError(
            "distances",
            v[np.isneginf(log_weights)][0].item(),
            f"must be at most 2 radius = {reach}: the balls part there",
        )
    return fit_log_weights(cosines, log_weights, estimator)


def fit_log_weights(cosines: ArrayLike, log_weights: ArrayLike, estimator: str = "ols") -> BetaFit:
    """The softmax beta of any kernel, given the log of its weights at some cosines (both one-dimensional).

    Estimators as in `fit_beta`; only "softmax" takes weights of zero (log -inf).
    """
    one_of("estimator", estimator, ESTIMATORS)
    s = real_numbers("cosines", cosines, -1.0, 1.0)
    y = np.asarray(log_weights, dtype=np.float64)
    if s.ndim != 1 or s.shape != y.shape:
        raise ArgumentError("log_weights", y.shape, f"must be one-dimensional with the shape of cosines, {s.shape}")
    if np.unique(s).size < 2:
        raise ArgumentError("cosines", s, "must hold at least two different values")
    if np.isnan(y).any() or np.isposinf(y).any() or (estimator != "softmax" and np.isneginf(y).any()):
        raise ArgumentError("log_weights", y[~np.isfinite(y)][0].item(), "must be finite")
    if estimator == "softmax":
        return _fit_softmax(s, y)
    if estimator == "ols":
        beta = float(np.cov(s, y, ddof=0)[0, 1] / np.var(s))
    else:
        beta = float(np.cov(s, y)[0, 1] / np.var(s))  # the mixed normalisation of the published code
    intercept = float(y.mean() - beta * s.mean())
    residuals = y - beta * s - intercept
    return BetaFit(beta, intercept, _explained(y, residuals), s, residuals, estimator)


def sdm_weights(n: int, radius: int, distances: ArrayLike) -> NDArray[np.float64]:
    """Weights that sparse distributed memory gives to patterns at these Hamming distances from a query.

    `distances`: whole numbers in 0..n, any shape; the weights are normalised over the last axis. Where no pattern of a
    row is within 2 `radius`, the memory answers with nothing, and the row's weights are all zero.
    """
    log_weights = log_intersection(n, radius, distances)
    if log_weights.ndim == 0 or log_weights.shape[-1] == 0:
        raise ArgumentError("distances", distances, "must have a last axis to normalise over, not empty")
    highest = log_weights.max(axis=-1, keepdims=True)
    weights = np.exp(log_weights - np.where(np.isneginf(highest), 0.0, highest))
    total = weights.sum(axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    return normalised


def softmax_weights(cosines: ArrayLike, beta: float) -> NDArray[np.float64]:
    """Attention's weights, softmax(beta s) over the last axis of `cosines` (any shape, -1..1)."""
    s = real_numbers("cosines", cosines, -1.0, 1.0)
    if s.ndim == 0 or s.shape[-1] == 0:
        raise ArgumentError("cosines", cosines, "must have a last axis to normalise over, not empty")
    weights: NDArray[np.float64] = softmax(real_number("beta", beta) * s, axis=-1)
    return weights


def _fit_softmax(s: NDArray[np.float64], log_weights: NDArray[np.float64]) -> BetaFit:
    from scipy.optimize import minimize_scalar

    target = softmax(log_weights)

    def squared_error(log_beta: float) -> float:
        return float(((softmax(np.exp(log_beta) * s) - target) ** 2).sum())

    # In ln beta, from a grid: the error has a plateau at both ends on which a bracketed search can come to rest.
    grid = np.linspace(np.log(1e-3), np.log(1e5), 200)
    best = int(np.argmin([squared_error(x) for x in grid]))
    bounds = (grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)])
    found = minimize_scalar(squared_error, bounds=bounds, method="bounded", options={"xatol": 1e-12})
    beta = float(np.exp(found.x))
    residuals = target - softmax(beta * s)
    intercept = -float(np.logaddexp.reduce(beta * s))
    return BetaFit(beta, intercept, _explained(target, residuals), s, residuals, "softmax")


def _explained(y: NDArray[np.float64], residuals: NDArray[np.float64]) -> float:
    """1 - residual / total sum of squares; for "published" it is the share the too-steep line explains."""
    return 1.0 - float((residuals**2).sum() / ((y - y.mean()) ** 2).sum())
