"""Weight of a stored pattern against its cosine with the cue: the whole curve, its slope beta, and its bend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cerebellum.typing import Floats, Ints

STEP = 0.05  # of cosines that count as one
RESAMPLES = 1000
BOUNDS = (2.5, 97.5)  # per cent; of every interval


@dataclass(frozen=True)
class Pairs:
    """Cues and stored patterns, in cells of like cosine among cues of like noise.

    Rows of weights are normalised, so a near cue gives every other pattern less than a far cue does: each noise level
    has an intercept of its own.

    Attributes
    ----------
    cell : of each pair, from 0, shape (queries, patterns)
    cosine : mean of each cell, shape (cells,)
    level : noise level of each cell, from 0, shape (cells,)
    cluster : of each query, from 0: its own pattern; what intervals draw anew, shape (queries,)
    """

    cell: Ints
    cosine: Floats
    level: Ints
    cluster: Ints

    @property
    def clusters(self) -> int:
        """Number of own patterns."""
        return int(self.cluster.max()) + 1

    def sums(self, values: Floats) -> Floats:
        """Sum in each cell of each cluster, shape (clusters, cells)."""
        out = np.zeros((self.clusters, len(self.cosine)))
        np.add.at(out, (np.broadcast_to(self.cluster[:, None], self.cell.shape), self.cell), values)
        return out


def pairs(cosine: Floats, flips: Ints, target: Ints) -> Pairs:
    """Cells of like cosine.

    Parameters
    ----------
    cosine : shape (queries, patterns)
    flips, target : noise and own pattern of each query, shape (queries,)
    """
    level = np.unique(flips, return_inverse=True)[1]
    step = np.rint(cosine / STEP).astype(np.int64)
    key = (level[:, None], step - step.min())
    _, cell = np.unique(key[0] * (int(key[1].max()) + 1) + key[1], return_inverse=True)
    cell = cell.reshape(cosine.shape)
    count = np.bincount(cell.ravel())
    mean = np.bincount(cell.ravel(), cosine.ravel()) / count
    levels = np.bincount(cell.ravel(), np.broadcast_to(level[:, None], cell.shape).ravel()) / count
    return Pairs(cell, mean, np.rint(levels).astype(np.int64), np.unique(target, return_inverse=True)[1])


def curve(weights: Floats, cosine: Floats, target: Ints) -> dict[str, list[float]]:
    """Mean weight at each cosine, over all cues, and its standard error over the cues' own patterns.

    Returns
    -------
    cosines, mean, error : in order of cosine; no error (nan) where the cues of one pattern alone have it
    """
    found = pairs(cosine, np.zeros_like(target), target)
    count, total = found.sums(np.ones_like(weights)), found.sums(weights)
    means = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    seen = (count > 0).sum(axis=0)
    spread = np.array(
        [
            np.std(column[np.isfinite(column)], ddof=1) if n > 1 else np.nan
            for column, n in zip(means.T, seen, strict=True)
        ]
    )
    mean = total.sum(axis=0) / count.sum(axis=0)
    return {"cosines": found.cosine.tolist(), "mean": mean.tolist(), "error": (spread / np.sqrt(seen)).tolist()}


@dataclass(frozen=True)
class Beta:
    """Slope of ln weight on cosine, and its bend (second derivative), each with a 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    curvature: float
    curvature_low: float
    curvature_high: float


def effective_beta(weights: Floats, expected: Floats, found: Pairs, rng: np.random.Generator) -> Beta:
    """Slope of ln(mean weight) on cosine over the whole curve, by weighted least squares.

    Weights are averaged within cells before the logarithm, as a single regressed weight may be negative; a cell whose
    mean is not positive is left out. A cell counts by (expected weight)^2 x pairs, the inverse variance of ln of a mean
    whose terms have equal errors, the same for every reader: two readers with the same curve have the same beta. The
    bend is the second derivative of a parabola fitted likewise. Intervals draw the cues' own patterns anew.

    Parameters
    ----------
    weights, expected : the reader's, and the kernel's, shape (queries, patterns)
    """
    count, total, known = (found.sums(values) for values in (np.ones_like(weights), weights, expected))
    every = np.ones((1, found.clusters))
    drawn = rng.multinomial(found.clusters, np.full(found.clusters, 1 / found.clusters), RESAMPLES)
    draws = np.concatenate([every, drawn])
    trust = (known.sum(axis=0) / count.sum(axis=0)) ** 2
    fits = _fits(found, draws @ count, draws @ total, trust)
    usable = [column[np.isfinite(column)] for column in fits[1:].T]
    low, high = np.array([np.percentile(u, BOUNDS) if len(u) else (np.nan, np.nan) for u in usable]).T
    return Beta(*(float(v) for triple in zip(fits[0], low, high, strict=True) for v in triple))


def _fits(found: Pairs, count: Floats, total: Floats, trust: Floats) -> Floats:
    """Slope of the line and second derivative of the parabola in each draw, shape (draws, 2); nan where undefined.

    Each noise level's own intercept is taken off first (Frisch and Waugh 1933), which leaves one or two regressors.
    """
    seen = (count > 0) & (total > 0)
    mean = np.divide(total, count, out=np.ones_like(total), where=seen)
    weight = np.where(seen, count * trust, 0.0)
    levels = np.eye(found.level.max() + 1)[found.level]

    def centred(values: Floats) -> Floats:
        of_level = weight @ levels
        means = np.divide((weight * values) @ levels, of_level, out=np.zeros_like(of_level), where=of_level > 0)
        return np.asarray(values - means @ levels.T)

    y = centred(np.log(mean))
    x, square = (centred(np.broadcast_to(v, y.shape)) for v in (found.cosine, found.cosine**2))

    def dot(a: Floats, b: Floats) -> Floats:
        return np.asarray((weight * a * b).sum(axis=1))

    xx, xs, ss, xy, sy = dot(x, x), dot(x, square), dot(square, square), dot(x, y), dot(square, y)
    small = 1e-9 * (weight.sum(axis=1) + np.finfo(float).tiny)
    slope = np.divide(xy, xx, out=np.full_like(xx, np.nan), where=xx > small)
    apart = xx * ss - xs**2
    bend = np.divide(xx * sy - xs * xy, apart, out=np.full_like(xx, np.nan), where=apart > small**2)
    return np.stack([slope, 2 * bend], axis=1)
