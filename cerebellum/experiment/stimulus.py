"""A protocol in time: the trials, and the spikes of every driven population."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cerebellum.connectome.connectome import Connectome, generator, zone_of
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import (
    Address,
    Burst,
    CurrentStep,
    Cylinder,
    Edge,
    Nearest,
    Pointer,
    Poisson,
    Regular,
    Sphere,
    Stimulus,
    Volley,
    Where,
    needs_pattern,
)
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.schedule import Events, Pulse, Schedule, Trial, trials
from cerebellum.typing import Bits, Cells, Floats


def schedule(protocol: Protocol, connectome: Connectome, patterns: Patterns | None, seed: int) -> Schedule:
    """Draw the spikes of every source population; the same arguments give the same spikes."""
    circuit, places = connectome.circuit, connectome.positions
    all_trials = trials(protocol)
    stimuli = [s for block in protocol.block.values() for s in block.stimulus.values()]
    driven = {s.population for s in stimuli if not isinstance(s, CurrentStep)}
    times: dict[str, list[Floats]] = {
        name: [] for name, p in circuit.population.items() if p.cell == "source" or name in driven
    }
    cells: dict[str, list[Cells]] = {name: [] for name in times}
    currents: dict[str, list[Pulse]] = {}
    begun: dict[str, int] = {}
    rng = {(n, key): generator(seed, "stimulus", n, key) for n, b in protocol.block.items() for key in b.stimulus}
    for trial in all_trials:
        block = protocol.block[trial.block]
        number = begun.setdefault(trial.block, 0)
        begun[trial.block] += 1
        for key, stimulus in block.stimulus.items():
            if isinstance(stimulus, CurrentStep):
                onset = trial.start + stimulus.onset.si
                pulse = Pulse(onset, onset + stimulus.duration.si, stimulus.amplitudes[number].si)
                currents.setdefault(stimulus.population, []).append(pulse)
                continue
            shown = _shown(trial, block.over, stimulus, patterns) if needs_pattern(stimulus) else None
            when, who = _spikes(stimulus, circuit, places, shown, rng[trial.block, key])
            times[stimulus.population].append(trial.start + when)
            cells[stimulus.population].append(who)
    events = {name: _on_grid(times[name], cells[name], circuit.dt) for name in times}
    return Schedule(all_trials, events, protocol.duration, currents, tuple(protocol.lesion), protocol, patterns)


def _shown(trial: Trial, over: str, stimulus: Stimulus, patterns: Patterns | None) -> NDArray[np.int64] | Bits:
    """Of a pointer its bits, of an address its fibres."""
    assert patterns is not None
    if isinstance(stimulus, Pointer):
        number = trial.pattern if over == "patterns" else int(patterns.target[trial.pattern])
        return patterns.pointers[number]
    return patterns.fibers((patterns.addresses if over == "patterns" else patterns.cues)[trial.pattern])


def _spikes(
    stimulus: Stimulus,
    circuit: Circuit,
    places: Mapping[str, Floats],
    shown: NDArray[np.int64] | Bits | None,
    rng: np.random.Generator,
) -> tuple[Floats, Cells]:
    """Spike times within the trial (s) and their cells; `shown` from `_shown`."""
    if isinstance(stimulus, Volley):
        assert shown is not None
        starts = stimulus.onset.si + stimulus.interval.si * np.arange(int(stimulus.volleys.number))
        jitter = np.clip(rng.standard_normal((len(starts), len(shown))), -3, 3) * stimulus.jitter.si
        when = np.maximum(starts[:, None] + jitter, 0.0)
        return when.ravel(), np.tile(shown, len(starts)).astype(np.int32)
    if isinstance(stimulus, Pointer):
        assert shown is not None
        zones = zone_of(circuit.size(stimulus.population), circuit.zones)
        cells = np.flatnonzero(shown[zones]).astype(np.int32)
        return np.full(len(cells), stimulus.onset.si), cells
    assert isinstance(stimulus, Poisson | Regular | Burst)
    if isinstance(stimulus.where, Address):
        assert shown is not None
        chosen = shown.astype(np.int32)
    elif stimulus.where is None:
        chosen = np.arange(circuit.size(stimulus.population), dtype=np.int32)
    else:
        chosen = select(stimulus.where, places[stimulus.population], circuit)
    if isinstance(stimulus, Burst):
        when = stimulus.onset.si + np.array([time.si for time in stimulus.times])
        return np.repeat(when, len(chosen)), np.tile(chosen, len(when))
    if isinstance(stimulus, Regular):
        interval = 1.0 / stimulus.rate.si
        trains = interval * (rng.random(len(chosen))[:, None] + np.arange(int(stimulus.duration.si / interval) + 1))
        row, column = np.nonzero(trains < stimulus.duration.si)
        return stimulus.onset.si + trains[row, column], chosen[row]
    number = rng.poisson(stimulus.rate.si * stimulus.duration.si, len(chosen))
    when = stimulus.onset.si + stimulus.duration.si * rng.random(number.sum())
    return when, np.repeat(chosen, number)


def select(where: Where, places: Floats, circuit: Circuit) -> Cells:
    """Cells that `where` names, of a population with these positions (m, shape (cells, 3))."""
    if isinstance(where, Edge):
        chosen = np.argsort(places[:, 0], kind="stable")[: int(where.cells.number)]
        return np.sort(chosen).astype(np.int32)
    assert not isinstance(where, Address)  # not a place
    x, y = where.x.si * circuit.stretch, where.y.si * circuit.stretch
    if isinstance(where, Cylinder):
        distance = np.hypot(places[:, 0] - x, places[:, 1] - y)
    else:
        distance = np.linalg.norm(places - np.array([x, y, where.z.si]), axis=1)
    if isinstance(where, Nearest):
        return np.sort(np.argsort(distance, kind="stable")[: int(where.cells.number)]).astype(np.int32)
    assert isinstance(where, Sphere | Cylinder)
    return np.flatnonzero(distance <= where.radius.si).astype(np.int32)


def _on_grid(times: list[NDArray[np.float64]], cells: list[NDArray[np.int32]], dt: float) -> Events:
    """Spikes on the time grid, ordered; two spikes of a cell in one step become one, as a cell can fire once a step."""
    if not times:
        return Events(np.empty(0, np.int64), np.empty(0, np.int32))
    step = np.rint(np.concatenate(times) / dt).astype(np.int64)
    pairs = np.unique(np.stack([step, np.concatenate(cells).astype(np.int64)]), axis=1)
    return Events(pairs[0], pairs[1].astype(np.int32))
