"""What else would give weights like these: simpler models, each against the prediction, with its error."""

from __future__ import annotations

from typing import Any

import numpy as np

from cerebellum.experiment.patterns import Patterns
from cerebellum.readout import agreement
from cerebellum.readout.curve import BOUNDS, RESAMPLES
from cerebellum.readout.granule_code import Code
from cerebellum.theory import attention
from cerebellum.typing import Bits, Floats, Ints

RIVALS = ("indicator", "linear", "mossy_fiber", "softmax_half", "softmax_twice")
"""Models that the prediction has to beat; exact counts and granule spikes are ceilings, softmax its approximation."""


def weights(code: Code, patterns: Patterns) -> dict[str, Floats]:
    """Rival -> weights, shape (cues, patterns), rows sum to 1.

    indicator : 1 of the cue's own pattern; of a lure the nearest ones share it
    linear : cosine of cue and pattern, none below 0
    mossy_fiber : fibres that both switch on, as a Purkinje cell on mossy fibres would sum them, without granule cells
    softmax_half, softmax_one, softmax_twice : of the cosine, at so many times the kernel's beta
    """
    distance = patterns.distances()
    cosine, beta = code.cosine(distance), code.fit().beta
    own = np.where(patterns.lure[:, None], distance == distance.min(axis=1, keepdims=True), patterns.own)
    shared = cosine if patterns.sparse else 1 + cosine
    rows = {"indicator": own.astype(float), "linear": cosine.clip(0), "mossy_fiber": shared}
    found = {name: agreement.normalized(np.asarray(values, dtype=float)) for name, values in rows.items()}
    times = {"softmax_half": 0.5, "softmax_one": 1.0, "softmax_twice": 2.0}
    return found | {name: attention.softmax_weights(cosine, factor * beta) for name, factor in times.items()}


def against(
    measured: Floats, expected: Floats, rival: Floats, own: Bits, target: Ints, rng: np.random.Generator
) -> Any:
    """How well a rival explains weights, and how much better the prediction does, with its error.

    Returns
    -------
    identity, others_identity : of the measured weights about the rival
    behind, others_behind : identity of the prediction less the rival's, with [low, high], the 95 % interval when the
        cues' own patterns are drawn anew
    """
    cluster = np.unique(target, return_inverse=True)[1]
    drawn = rng.multinomial(cluster.max() + 1, np.full(cluster.max() + 1, 1 / (cluster.max() + 1)), RESAMPLES)
    found: dict[str, Any] = {}
    for name, pick in (("", np.ones_like(own)), ("others_", ~own)):
        found[f"{name}identity"] = agreement.identity(measured[pick], rival[pick])
        gain, low, high = _behind(measured, expected, rival, pick, cluster, drawn)
        found[f"{name}behind"] = {"mean": gain, "low": low, "high": high}
    return found


def _behind(a: Floats, b: Floats, rival: Floats, pick: Bits, cluster: Ints, drawn: Ints) -> tuple[float, float, float]:
    """(SSE of the rival - SSE of `b`) / SST of `a`, and its interval over draws of clusters."""
    terms = [pick * 1.0, a * pick, a * a * pick, ((a - rival) ** 2 - (a - b) ** 2) * pick]
    sums = np.array([np.bincount(cluster, term.sum(axis=1)) for term in terms])

    def gain(n: Floats, first: Floats, second: Floats, excess: Floats) -> Floats:
        total = second - first**2 / np.maximum(n, 1)
        return np.divide(excess, total, out=np.full_like(total, np.nan), where=total > 0)

    draws = gain(*(drawn @ sums.T).T)
    low, high = np.nanpercentile(draws, BOUNDS) if np.isfinite(draws).any() else (np.nan, np.nan)
    return float(gain(*sums.sum(axis=1)[:, None])[0]), float(low), float(high)
