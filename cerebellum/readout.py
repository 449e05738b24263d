"""From spikes to numbers: rates in windows, per cell and per microzone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cerebellum.connectome import zone_of
from cerebellum.protocol import Protocol
from cerebellum.spikes import Spikes
from cerebellum.stimuli import Schedule, Trial

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def window(protocol: Protocol, trial: Trial) -> tuple[float, float]:
    """Start and stop (s) of a trial's read window; the whole trial where its block has none."""
    chosen = protocol.block[trial.block].window
    if chosen is None:
        return trial.start, trial.stop
    return trial.start + chosen.onset.si, trial.start + chosen.onset.si + chosen.duration.si


def counts(spikes: Spikes, cells: int, start: float, stop: float) -> Ints:
    """Spikes of each cell in [start, stop), shape (cells,)."""
    first, last = np.searchsorted(spikes.time, [start - 1e-9, stop - 1e-9])
    return np.bincount(spikes.cell[first:last], minlength=cells)


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


def granule_overlap(spikes: Spikes, cells: int, schedule: Schedule, protocol: Protocol) -> Floats:
    """Granule spikes shared by each read and each write trial: sum over cells of the product, (cues, patterns)."""
    written = np.stack([counts(spikes, cells, trial.start, trial.stop) for trial in schedule.of("write")])
    asked = np.stack([counts(spikes, cells, *window(protocol, trial)) for trial in schedule.of("read")])
    return asked.astype(float) @ written.astype(float).T
