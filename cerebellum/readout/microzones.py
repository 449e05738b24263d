"""From spikes to numbers: rates in windows, per cell and per microzone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import counts
from cerebellum.connectome.connectome import zone_of
from cerebellum.description.protocol import Protocol
from cerebellum.experiment.schedule import Trial, window
from cerebellum.typing import Floats, Ints

if TYPE_CHECKING:
    from cerebellum.results.result import Result


def rates(spikes: Spikes, cells: int, protocol: Protocol, trials: list[Trial]) -> Floats:
    """Rate (Hz) of each cell in the window of each trial, shape (trials, cells)."""
    out = np.empty((len(trials), cells))
    for row, trial in enumerate(trials):
        start, stop = window(protocol, trial)
        out[row] = counts(spikes, cells, start, stop) / (stop - start)
    return out


def zone_mean(values: Floats, zones: int) -> Floats:
    """Mean over the cells of each microzone, shape (trials, cells) -> (trials, zones)."""
    zone = zone_of(values.shape[1], zones)
    total = np.zeros((len(values), zones))
    np.add.at(total.T, zone, values.T)
    return total / np.bincount(zone, minlength=zones)


def pause(baseline: Floats, asked: Floats, zones: int) -> Floats:
    """The Purkinje readout y: baseline minus rate, Hz, mean over the microzone, shape (trials, zones).

    Positive where the climbing fibre wrote a 1: its depression made the cells pause.
    """
    return zone_mean(baseline[None, :] - asked, zones)


def granule_counts(result: Result, role: str) -> Ints:
    """Granule spikes in the windows of all trials of a role, those that show the same pattern or cue added up.

    Shape (patterns or cues, cells).
    """
    spikes, cells, trials = result.spikes["granule"], result.circuit.size("granule"), result.schedule.of(role)
    out = np.zeros((max(trial.pattern for trial in trials) + 1, cells), dtype=np.int64)
    for trial in trials:
        out[trial.pattern] += counts(spikes, cells, *window(result.protocol, trial))
    return out
