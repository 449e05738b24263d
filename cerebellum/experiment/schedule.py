"""A protocol in time: trials with their windows, and what comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cerebellum.activity.outcome import Window, Windows
from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.protocol import Protocol
from cerebellum.description.trial import MAIN, WHOLE, OneTrial, onset_of
from cerebellum.description.units import Value
from cerebellum.experiment.loop import Loop
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.records import Planned
from cerebellum.machine.streams import generator
from cerebellum.typing import Floats, Ints


@dataclass(frozen=True)
class Trial:
    """One trial: where it lies in time (s) and what it shows.

    Attributes
    ----------
    window : in which spikes are counted: the trial's main one, or the whole trial where it has none
    pattern : number of the stored pattern or cue shown; -1 for none
    kind : of the trial, or the block's name
    until : when the next begins, after the interval between them; `stop` where it is not given
    windows : all by name, that of the whole trial ('trial') first
    onsets : stimulus -> when it begins
    independent : whether it begins in the state at its block's begin
    """

    block: str
    role: str
    start: float
    stop: float
    window: Window
    plasticity: bool
    pattern: int = -1
    kind: str = ""
    until: float = -1.0
    windows: Mapping[str, Window] = field(default_factory=dict)
    onsets: Mapping[str, float] = field(default_factory=dict)
    independent: bool = False

    def __post_init__(self) -> None:
        if self.until < self.stop:
            object.__setattr__(self, "until", self.stop)


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
    """A current into cells of a population from `start` to `stop` (s).

    Attributes
    ----------
    amplitude : A; a float, or in each time step, shape (steps, 1) of all alike or (steps, cells)
    cells : None for all
    """

    start: float
    stop: float
    amplitude: float | Floats
    cells: NDArray[np.int32] | None = None


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
    records : what is recorded over time, by name
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
    records: Mapping[str, Planned] = field(default_factory=dict)
    loop: Loop | None = None

    def of(self, role: str) -> list[Trial]:
        """Trials of the block with this role."""
        return [trial for trial in self.trials if trial.role == role]


def trials(protocol: Protocol, dt: float = NANOSECOND, seed: int = 1) -> list[Trial]:
    """The trials of a protocol, one after another, on the clock of a circuit with the time step `dt` (s)."""
    out, now, cued = [], 0, 0  # in steps, whose sums are exact
    for name, block in protocol.block.items():
        kinds = protocol.kinds_of(name)
        order = _order(protocol, name, seed)
        interval = nearest(block.interval.si if block.interval else 0.0, dt)
        pause = interval + _jitter(block.interval_jitter, generator(seed, "interval", name).random(len(order)), dt)
        onsets = _onsets([kinds[kind][0] for kind in order], name, dt, seed)
        shown = block.shown(protocol.pattern_count)
        for number, kind in enumerate(order):
            one, pattern = kinds[kind][0], -1
            stop = now + nearest(one.duration, dt)
            if block.over == "patterns":
                pattern = shown[number % len(shown)]
            elif block.over == "cues":
                pattern, cued = cued, cued + 1
            until = stop + int(pause[number])
            windows = {WHOLE: (now * dt, stop * dt)}
            for key, window in one.windows.items():
                onset = window.onset.si
                first, last = now + nearest(onset, dt), now + nearest(onset + window.duration.si, dt)
                windows[key] = (first * dt, last * dt)
            main = windows[MAIN] if MAIN in windows else windows[WHOLE]
            begins = {key: (now + step) * dt for key, step in onsets[number].items()}
            listed = (main, one.plasticity, pattern, kind, until * dt, windows, begins)
            out.append(Trial(name, block.role, now * dt, stop * dt, *listed, independent=block.independent))
            now = until
    return out


def _order(protocol: Protocol, name: str, seed: int) -> list[str]:
    """Kinds of all trials of a block."""
    block, kinds = protocol.block[name], protocol.kinds_of(name)
    once = [kind for kind, (_, count) in kinds.items() for _ in range(count)]
    if block.over != "kinds":
        return once
    rng, out = generator(seed, "order", name), list[str]()
    for _ in range(int(block.repeats.number) if block.repeats else 1):
        out += [once[place] for place in rng.permutation(len(once))] if block.order == "shuffled" else once
    return out


def _onsets(listed: list[OneTrial], block: str, dt: float, seed: int) -> list[dict[str, int]]:
    """When each stimulus of each trial begins, steps from the trial's begin."""
    jittered = {key for one in listed for key, stimulus in one.stimulus.items() if stimulus.onset_jitter is not None}
    chance = {key: generator(seed, "onset", block, key).random(len(listed)) for key in jittered}
    found: list[dict[str, int]] = []
    for number, one in enumerate(listed):
        moved = {
            key: int(_jitter(stimulus.onset_jitter, chance[key][number], dt)) if key in jittered else 0
            for key, stimulus in one.stimulus.items()
        }
        found.append({})
        for key in one.stimulus:
            found[-1][key] = nearest(onset_of(key, one.stimulus), dt)
            link: str | None = key
            while link is not None:
                found[-1][key] += moved[link]
                link = one.stimulus[link].follows
    return found


def _jitter(reach: Value | None, chance: Floats | float, dt: float) -> Ints:
    """Whole steps, evenly within a time to both sides, of even numbers in [0, 1)."""
    most = nearest(reach.si, dt) if reach is not None else 0
    return np.floor((2 * most + 1) * np.asarray(chance)).astype(np.int64) - most


def plastic_spans(all_trials: list[Trial]) -> list[tuple[float, float]]:
    """Stretches of time (s, start included, stop not) in which plasticity is on."""
    spans: list[tuple[float, float]] = []
    for trial in all_trials:
        if trial.plasticity and spans and spans[-1][1] == trial.start:  # the same step times dt
            spans[-1] = (spans[-1][0], trial.until)
        elif trial.plasticity:
            spans.append((trial.start, trial.until))
    return spans


def plastic_ends(trials: list[Trial]) -> dict[str, float]:
    """Blocks in which plasticity is on, in order, and when each ends (s)."""
    return {trial.block: trial.until for trial in trials if trial.plasticity}
