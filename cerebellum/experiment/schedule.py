"""A protocol in time: trials with their windows, and what comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cerebellum.activity.outcome import Windows
from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.protocol import Protocol
from cerebellum.experiment.loop import Loop
from cerebellum.experiment.patterns import Patterns


@dataclass(frozen=True)
class Trial:
    """One trial: where it lies in time (s) and what it shows."""

    block: str
    role: str
    start: float
    stop: float
    window: tuple[float, float]
    """In which spikes are counted: the block's, or the whole trial where it has none."""
    plasticity: bool
    pattern: int = -1
    """Number of the stored pattern or cue shown; -1 for none."""


@dataclass(frozen=True)
class Events:
    """Spikes of one population, ordered by time: time step numbers and cells, both shape (spikes,).

    A cell fires once a step. `moved` of the spikes were drawn into a step that had one, and got the next that is free.
    """

    step: NDArray[np.int64]
    cell: NDArray[np.int32]
    moved: int = 0
    lost: int = 0
    """Spikes that found no free step in their trial."""


@dataclass(frozen=True)
class Pulse:
    """A current into all cells of a population from `start` to `stop` (s), A."""

    start: float
    stop: float
    amplitude: float


@dataclass(frozen=True)
class Schedule:
    """All trials in order, and what comes from outside.

    Attributes
    ----------
    events : spikes of every source population, and of the afferents of the cells that a stimulus drives
    currents : population -> injected currents
    lesion : what the protocol blocks
    protocol, patterns : that all this was drawn from; None of one made by hand
    counted : population -> groups of windows in which its spikes will be asked for; an engine of rates adds them up
    drawn : key of a stimulus of spikes ('block.NAME.stimulus.NAME') -> its spikes in all trials
    loop : what is closed around the circuit
    """

    trials: list[Trial]
    events: dict[str, Events]
    duration: float
    currents: dict[str, list[Pulse]] = field(default_factory=dict)
    lesion: tuple[str, ...] = ()
    protocol: Protocol | None = None
    patterns: Patterns | None = None
    counted: Mapping[str, Windows] = field(default_factory=dict)
    drawn: Mapping[str, int] = field(default_factory=dict)
    loop: Loop | None = None

    def of(self, role: str) -> list[Trial]:
        """Trials of the block with this role."""
        return [trial for trial in self.trials if trial.role == role]


def trials(protocol: Protocol, dt: float = NANOSECOND) -> list[Trial]:
    """The trials of a protocol, one after another, on the clock of a circuit with the time step `dt` (s)."""
    out, now, cued = [], 0, 0  # in steps, whose sums are exact
    for name, block in protocol.block.items():
        for number in range(protocol.trials_in(block)):
            stop = now + nearest(block.trial_duration.si, dt)
            pattern = -1
            if block.over == "patterns":
                shown = block.shown(protocol.pattern_count)
                pattern = shown[number % len(shown)]
            elif block.over == "cues":
                pattern, cued = cued, cued + 1
            first, last = now, stop
            if block.window is not None:
                onset = block.window.onset.si
                first, last = now + nearest(onset, dt), now + nearest(onset + block.window.duration.si, dt)
            span, window = (now * dt, stop * dt), (first * dt, last * dt)
            out.append(Trial(name, block.role, *span, window, block.plasticity, pattern))
            now = stop
    return out


def plastic_spans(all_trials: list[Trial]) -> list[tuple[float, float]]:
    """Stretches of time (s, start included, stop not) in which plasticity is on."""
    spans: list[tuple[float, float]] = []
    for trial in all_trials:
        if trial.plasticity and spans and spans[-1][1] == trial.start:  # the same step times dt
            spans[-1] = (spans[-1][0], trial.stop)
        elif trial.plasticity:
            spans.append((trial.start, trial.stop))
    return spans


def plastic_ends(trials: list[Trial]) -> dict[str, float]:
    """Blocks in which plasticity is on, in order, and when each ends (s)."""
    return {trial.block: trial.stop for trial in trials if trial.plasticity}
