"""Controls in which a circuit cannot know the patterns: what the same regression finds then, as distributions.

They read the synapses: the spikes that the granule cells fired in each read, through weights that are not those that
were written. A reading of the synapses is what Purkinje spikes carry at best, so a control errs on the high side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome, zone_of
from cerebellum.experiment.pointers import with_ones
from cerebellum.experiment.schedule import Schedule
from cerebellum.readout import agreement
from cerebellum.readout.curve import BOUNDS
from cerebellum.readout.microzones import by_pattern
from cerebellum.results.result import Readings
from cerebellum.typing import Bits, Floats

DRAWS = 200
SHUFFLES = 20  # of all synapses, which cost more


class Synapses:
    """Plastic synapses of Purkinje cells and the granule spikes of the last block's reads, as a linear reader.

    Attributes
    ----------
    written : weights at the end, S or A, shape (synapses,), ordered by Purkinje cell
    cued : spikes of each granule cell in the reads of each cue, shape (cues, granule cells)
    """

    def __init__(self, outcome: Outcome, connectome: Connectome, projection: str, cued: Floats) -> None:
        edges, circuit = connectome.edges[projection], connectome.circuit
        cells, self.zones = circuit.size(circuit.projection[projection].target), circuit.zones
        order = np.argsort(edges.post, kind="stable")
        self.pre, self.written = edges.pre[order], outcome.weights[projection][order]
        self.first = np.searchsorted(edges.post[order], np.arange(cells + 1))
        zone = zone_of(cells, self.zones)
        self._row = zone[edges.post[order]].astype(np.int64) * cued.shape[1] + self.pre
        self._cells = np.bincount(zone, minlength=self.zones)
        self.cued = cued

    def read(self, weights: Floats) -> Floats:
        """Minus the summed weights of active synapses, mean over the microzone's cells, shape (cues, microzones)."""
        granule = self.cued.shape[1]
        table = np.bincount(self._row, weights, self.zones * granule).reshape(self.zones, granule)
        return np.asarray(-(self.cued @ table.T) / self._cells)

    def shuffled(self, rng: np.random.Generator) -> Floats:
        """The written weights, those of each Purkinje cell in a random order."""
        weights = self.written.copy()
        for start, stop in zip(self.first[:-1].tolist(), self.first[1:].tolist(), strict=True):
            rng.shuffle(weights[start:stop])
        return weights


def controls(
    outcome: Outcome,
    connectome: Connectome,
    schedule: Schedule,
    readings: Readings,
    reader: str,
    overlap: Floats,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Distribution of r2 with the expected weights in each control.

    Beside mean, low and high (95 %): `own`, the reader's own r2, and `reached`, the share of draws that reach it.
    Coefficients are compared before their rows are divided by their sum, which may be about 0 here.

    no_plasticity : naive weights, read by pointers drawn anew
    climbing_fibers_shuffled : each microzone's climbing-fibre spikes at random ones of the writes
    weights_shuffled : the written weights in a random order within each Purkinje cell
    pointers_exchanged : the reader's own readout, by pointers that were never written

    Parameters
    ----------
    readings : of the last block that asks
    reader : whose readout and r2 stand beside
    overlap : granule spikes that its cues share with its patterns, shape (cues, patterns)
    """
    assert schedule.patterns is not None
    patterns = schedule.patterns.of_block(len(schedule.patterns.written) - 1)
    expected, signs, y = readings.weights["sdm"], patterns.signs, readings.readout[reader]
    anew = [_signs(with_ones(len(signs), signs.shape[1], signs.shape[1] // 2, rng)) for _ in range(DRAWS)]
    repeats = len(schedule.of("write")) // max(1, len(schedule.patterns.addresses))
    found = {
        "climbing_fibers_shuffled": [
            _r2(overlap @ at, signs, expected) for at in _taught(patterns.pointers, repeats, rng)
        ],
        "pointers_exchanged": [_r2(y, other, expected) for other in anew],
    }
    if (projection := _plastic(connectome, outcome)) is not None:
        granule = connectome.circuit.projection[projection].source
        rows = schedule.patterns.block_of_cue == len(schedule.patterns.written) - 1
        synapses = Synapses(
            outcome, connectome, projection, outcome.counts(granule, by_pattern(schedule.of("read")))[rows]
        )
        naive = synapses.read(np.ones_like(synapses.written))
        found["no_plasticity"] = [_r2(naive, other, expected) for other in anew]
        shuffles = [_r2(synapses.read(synapses.shuffled(rng)), signs, expected) for _ in range(SHUFFLES)]
        found["weights_shuffled"] = shuffles
    own = _r2(y, signs, expected)
    return {name: _distribution(values, own) for name, values in sorted(found.items())}


def _plastic(connectome: Connectome, outcome: Outcome) -> str | None:
    """The plastic projection from granule to Purkinje cells whose weights the run left, if any."""
    circuit = connectome.circuit
    ends = circuit.with_role("granule"), circuit.with_role("purkinje")
    return next(
        (n for n in outcome.weights if (circuit.projection[n].source, circuit.projection[n].target) == ends), None
    )


def _taught(pointers: Bits, repeats: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Climbing-fibre spikes at each pattern, each microzone's put at random writes, shape (patterns, bits)."""
    writes = np.repeat(pointers, repeats, axis=0)
    for _ in range(DRAWS):
        yield rng.permuted(writes, axis=0).reshape(len(pointers), repeats, -1).sum(axis=1).astype(float)


def _signs(pointers: Bits) -> Floats:
    return np.where(pointers, 1.0, -1.0)


def _r2(readout: Floats, signs: Floats, expected: Floats) -> float:
    if np.ptp(readout, axis=1).max() <= 1e-9 * np.abs(readout).max(initial=0.0):
        return 0.0  # every microzone says the same: rounding would be regressed
    return agreement.r2(agreement.coefficients(readout, signs), expected)


def _distribution(values: list[float], own: float) -> dict[str, float]:
    low, high = np.percentile(values, BOUNDS)
    reached = float(np.mean(np.asarray(values) >= own))
    mean = float(np.mean(values))
    return {"mean": mean, "low": float(low), "high": float(high), "draws": len(values), "own": own, "reached": reached}
