"""A protocol in time: the trials, and the spikes of every driven population."""

from __future__ import annotations

import numpy as np

from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome, generator
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import Stimulus
from cerebellum.description.where import Scene
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.records import planned
from cerebellum.experiment.schedule import Events, Pulse, Schedule, Trial, trials
from cerebellum.typing import Bits, Ints

LOST = 0.01  # of the spikes asked of a population; more are refused


def schedule(protocol: Protocol, connectome: Connectome, patterns: Patterns | None, seed: int) -> Schedule:
    """Draw the spikes of every source population; the same arguments give the same spikes.

    Raises
    ------
    ProtocolFileError
        If a stimulus brings a spike outside its trial, or more spikes than cells can fire, once a time step each.
    """
    circuit = connectome.circuit
    all_trials = trials(protocol, circuit.dt, seed)
    given: dict[str, list[Ints]] = {name: [] for name in _given_spikes(protocol, connectome)}
    currents: dict[str, list[Pulse]] = {}
    begun: dict[str, int] = {}
    rng: dict[tuple[str, str], np.random.Generator] = {}
    drawn: dict[str, int] = {}
    kinds = {name: protocol.kinds_of(name) for name in protocol.block}
    bounds = np.array([[nearest(trial.start, circuit.dt), nearest(trial.until, circuit.dt)] for trial in all_trials])
    for row, trial in enumerate(all_trials):
        number = begun.setdefault(trial.block, 0)
        begun[trial.block] += 1
        address, pointer = _shown(trial, protocol.block[trial.block].over, patterns)
        one = kinds[trial.block][trial.kind][0]
        for key, stimulus in one.stimulus.items():
            target, length = _target(stimulus, connectome), trial.until - trial.start
            moved = nearest(trial.onsets[key], circuit.dt) - bounds[row, 0] - nearest(stimulus.onset.si, circuit.dt)
            scene = Scene(circuit, target, connectome.positions.get(target), address, pointer, length, seed)
            chance = _chance(rng, seed, trial, key, number, stimulus.frozen)
            if stimulus.injects:
                cells, amperes = stimulus.current(scene, number, chance)
                first = nearest(trial.onsets[key], circuit.dt)
                span = (first * circuit.dt, (first + len(amperes)) * circuit.dt)
                currents.setdefault(target, []).append(Pulse(*span, amperes, cells))
                continue
            when, who = stimulus.spikes(scene, chance)
            place = f"{one.place}.stimulus.{key}"
            step = _within(place, nearest(when, circuit.dt) + moved, bounds[row])
            given[target].append(np.stack([np.full(len(step), row), who.astype(np.int64), step]))
            drawn[place] = drawn.get(place, 0) + len(step)
    events = {name: _once_a_step(name, rows, bounds, circuit.dt) for name, rows in given.items()}
    duration, lesion = all_trials[-1].until, tuple(protocol.lesion)
    records = planned(protocol, connectome, all_trials, seed)
    return Schedule(all_trials, events, duration, currents, lesion, protocol, patterns, drawn=drawn, records=records)


def _chance(
    streams: dict[tuple[str, str], np.random.Generator], seed: int, trial: Trial, key: str, number: int, frozen: bool
) -> np.random.Generator:
    """The stream of a stimulus in a block, or an independent trial; of a frozen one the begin of its stream in all."""
    if frozen:
        return generator(seed, "stimulus", "frozen", key)
    if trial.independent:
        return generator(seed, "stimulus", trial.block, key, str(number))
    return streams.setdefault((trial.block, key), generator(seed, "stimulus", trial.block, key))


def _given_spikes(protocol: Protocol, connectome: Connectome) -> list[str]:
    """Populations that get spikes from outside: those that make none, and those that a stimulus drives."""
    driven = {_target(s, connectome) for s in protocol.stimuli.values() if not s.injects}
    return [name for name, p in connectome.circuit.population.items() if MODELS[p.cell].given or name in driven]


def _target(stimulus: Stimulus, connectome: Connectome) -> str:
    found = connectome.circuit.find(stimulus.population)
    assert found is not None  # checked with the circuit
    return found


def _shown(trial: Trial, over: str, patterns: Patterns | None) -> tuple[Ints | None, Bits | None]:
    """Fibres of the trial's address, and the pointer of its pattern; None where it shows none."""
    if patterns is None or trial.pattern < 0:
        return None, None
    if over == "patterns":
        return patterns.fibers(patterns.addresses[trial.pattern]), patterns.pointers[trial.pattern]
    return patterns.fibers(patterns.cues[trial.pattern]), patterns.pointers[int(patterns.target[trial.pattern])]


def _within(place: str, step: Ints, bounds: Ints) -> Ints:
    """Steps of the run, of those within a trial with these `bounds`; a time may have been rounded to its end."""
    length = int(bounds[1] - bounds[0])
    if len(step) and (step.min() < 0 or step.max() > length):
        raise ProtocolFileError(f"{place}: a spike lies outside its trial")
    return np.asarray(bounds[0] + np.minimum(step, length - 1))


def _once_a_step(population: str, rows: list[Ints], bounds: Ints, dt: float) -> Events:
    """Spikes ordered by time, each cell at most once a step, none outside its trial.

    A cell's spike in a step that has one takes the next that is free, so that rates add up and every spike is
    transmitted, recorded and learnt from as one of its own. At the end of a trial it is the one before.

    Parameters
    ----------
    rows : trial, cell and step of each spike, shape (3, spikes) each
    bounds : first step of every trial, and the one after its last, shape (trials, 2)
    """
    if not rows:
        return Events(np.empty(0, np.int64), np.empty(0, np.int32))
    trial, cell, drawn = (found := np.concatenate(rows, axis=1))[:, np.lexsort(found[[2, 1, 0]])]
    train, rank = _trains(trial, cell)
    fits = rank < (bounds[:, 1] - bounds[:, 0])[trial]
    lost = int((~fits).sum())
    if lost > LOST * len(fits):
        raise ProtocolFileError(
            f"{population}: {lost} of {len(fits)} spikes asked of its cells find no time step of {dt * 1e3:g} ms, as "
            "a cell fires once a step; wanted lower rates or a smaller time_step"
        )
    trial, cell, drawn, train, rank = (each[fits] for each in (trial, cell, drawn, train, rank))
    # Within a train, steps less ranks must not fall; trains are kept apart by a stride beyond any step.
    stride = 2 * int(bounds[-1, 1]) + 2
    level = np.maximum.accumulate(drawn - rank + train * stride) - train * stride
    left = np.searchsorted(train, train, side="right") - np.arange(len(train))
    step = np.minimum(level + rank, bounds[trial, 1] - left)
    order = np.lexsort((cell, step))
    return Events(step[order], cell[order].astype(np.int32), int((step != drawn).sum()), lost)


def _trains(trial: Ints, cell: Ints) -> tuple[Ints, Ints]:
    """Of spikes ordered by trial and cell: the train of each, one a cell and trial, and its rank in that."""
    train = np.cumsum((np.diff(trial, prepend=-1) != 0) | (np.diff(cell, prepend=-1) != 0))
    return train, np.arange(len(train)) - np.searchsorted(train, train)
