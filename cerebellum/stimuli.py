"""A protocol in time: the trials, and the spikes of every driven population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cerebellum.circuit import Circuit
from cerebellum.connectome import generator, zone_of
from cerebellum.patterns import Bits, Patterns
from cerebellum.protocol import Pointer, Poisson, Protocol, Stimulus, Volley


@dataclass(frozen=True)
class Trial:
    """One trial: where it lies in time (s) and what it shows."""

    block: str
    role: str
    start: float
    stop: float
    plasticity: bool
    pattern: int = -1
    """Number of the stored pattern or cue shown; -1 for none."""


@dataclass(frozen=True)
class Events:
    """Spikes of one population, ordered by time: time step numbers and cells, both shape (spikes,)."""

    step: NDArray[np.int64]
    cell: NDArray[np.int32]


@dataclass(frozen=True)
class Schedule:
    """All trials in order, and what every source population fires."""

    trials: list[Trial]
    events: dict[str, Events]
    duration: float

    def of(self, role: str) -> list[Trial]:
        """Trials of the block with this role."""
        return [trial for trial in self.trials if trial.role == role]


def trials(protocol: Protocol) -> list[Trial]:
    """The trials of a protocol, one after another."""
    out, now = [], 0.0
    for name, block in protocol.block.items():
        for number in range(protocol.trials_in(block)):
            stop = now + block.trial_duration.si
            shown = -1 if block.over == "trials" else number
            out.append(Trial(name, block.role, now, stop, block.plasticity, shown))
            now = stop
    return out


def schedule(protocol: Protocol, circuit: Circuit, patterns: Patterns | None, seed: int) -> Schedule:
    """Draw the spikes of every source population; the same arguments give the same spikes."""
    all_trials = trials(protocol)
    times: dict[str, list[NDArray[np.float64]]] = {n: [] for n, p in circuit.population.items() if p.cell == "source"}
    cells: dict[str, list[NDArray[np.int32]]] = {name: [] for name in times}
    rng = {(n, key): generator(seed, "stimulus", n, key) for n, b in protocol.block.items() for key in b.stimulus}
    for trial in all_trials:
        block = protocol.block[trial.block]
        for key, stimulus in block.stimulus.items():
            shown = _shown(trial, block.over, stimulus, patterns)
            when, who = _spikes(stimulus, circuit, shown, rng[trial.block, key])
            times[stimulus.population].append(trial.start + when)
            cells[stimulus.population].append(who)
    events = {name: _on_grid(times[name], cells[name], circuit.dt) for name in times}
    return Schedule(all_trials, events, protocol.duration)


def _shown(trial: Trial, over: str, stimulus: Stimulus, patterns: Patterns | None) -> Bits | None:
    if patterns is None or trial.pattern < 0:
        return None
    if isinstance(stimulus, Pointer):
        number = trial.pattern if over == "patterns" else int(patterns.target[trial.pattern])
        return patterns.pointers[number]
    return (patterns.addresses if over == "patterns" else patterns.cues)[trial.pattern]


def _spikes(
    stimulus: Stimulus, circuit: Circuit, shown: Bits | None, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Spike times within the trial (s) and their cells."""
    if isinstance(stimulus, Volley):
        assert shown is not None
        fibers = 2 * np.arange(len(shown)) + shown
        starts = stimulus.onset.si + stimulus.interval.si * np.arange(int(stimulus.volleys.number))
        jitter = np.clip(rng.standard_normal((len(starts), len(fibers))), -3, 3) * stimulus.jitter.si
        when = np.maximum(starts[:, None] + jitter, 0.0)
        return when.ravel(), np.tile(fibers, len(starts)).astype(np.int32)
    if isinstance(stimulus, Pointer):
        assert shown is not None
        zones = zone_of(circuit.size(stimulus.population), circuit.zones)
        cells = np.flatnonzero(shown[zones]).astype(np.int32)
        return np.full(len(cells), stimulus.onset.si), cells
    assert isinstance(stimulus, Poisson)
    size = circuit.size(stimulus.population)
    number = rng.poisson(stimulus.rate.si * stimulus.duration.si, size)
    when = stimulus.onset.si + stimulus.duration.si * rng.random(number.sum())
    return when, np.repeat(np.arange(size, dtype=np.int32), number)


def _on_grid(times: list[NDArray[np.float64]], cells: list[NDArray[np.int32]], dt: float) -> Events:
    """Spikes on the time grid, ordered; two spikes of a cell in one step become one, as a cell can fire once a step."""
    if not times:
        return Events(np.empty(0, np.int64), np.empty(0, np.int32))
    step = np.rint(np.concatenate(times) / dt).astype(np.int64)
    pairs = np.unique(np.stack([step, np.concatenate(cells).astype(np.int64)]), axis=1)
    return Events(pairs[0], pairs[1].astype(np.int32))


def plastic_spans(all_trials: list[Trial]) -> list[tuple[float, float]]:
    """Stretches of time (s, start included, stop not) in which plasticity is on."""
    spans: list[tuple[float, float]] = []
    for trial in all_trials:
        if trial.plasticity and spans and abs(spans[-1][1] - trial.start) < 1e-9:
            spans[-1] = (spans[-1][0], trial.stop)
        elif trial.plasticity:
            spans.append((trial.start, trial.stop))
    return spans
