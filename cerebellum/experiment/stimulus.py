"""A protocol in time: the trials, and the spikes of every driven population."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import MODELS
from cerebellum.connectome.connectome import Connectome, generator
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import Stimulus
from cerebellum.description.where import Scene
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.schedule import Events, Pulse, Schedule, Trial, trials
from cerebellum.typing import Bits, Cells, Floats, Ints


def schedule(protocol: Protocol, connectome: Connectome, patterns: Patterns | None, seed: int) -> Schedule:
    """Draw the spikes of every source population; the same arguments give the same spikes."""
    circuit = connectome.circuit
    all_trials = trials(protocol)
    stimuli = [s for block in protocol.block.values() for s in block.stimulus.values()]
    driven = {_target(s, connectome) for s in stimuli if not s.injects}
    times: dict[str, list[Floats]] = {
        name: [] for name, p in circuit.population.items() if MODELS[p.cell].given or name in driven
    }
    cells: dict[str, list[Cells]] = {name: [] for name in times}
    currents: dict[str, list[Pulse]] = {}
    begun: dict[str, int] = {}
    rng = {(n, key): generator(seed, "stimulus", n, key) for n, b in protocol.block.items() for key in b.stimulus}
    for trial in all_trials:
        block = protocol.block[trial.block]
        number = begun.setdefault(trial.block, 0)
        begun[trial.block] += 1
        address, pointer = _shown(trial, block.over, patterns)
        for key, stimulus in block.stimulus.items():
            target = _target(stimulus, connectome)
            if stimulus.injects:
                onset, duration, amplitude = stimulus.pulse(number)
                begin = trial.start + onset
                currents.setdefault(target, []).append(Pulse(begin, begin + duration, amplitude))
                continue
            scene = Scene(circuit, target, connectome.positions.get(target), address, pointer)
            when, who = stimulus.spikes(scene, rng[trial.block, key])
            times[target].append(trial.start + when)
            cells[target].append(who)
    events = {name: _on_grid(times[name], cells[name], circuit.dt) for name in times}
    return Schedule(all_trials, events, protocol.duration, currents, tuple(protocol.lesion), protocol, patterns)


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


def _on_grid(times: list[NDArray[np.float64]], cells: list[NDArray[np.int32]], dt: float) -> Events:
    """Spikes on the time grid, ordered; two spikes of a cell in one step become one, as a cell can fire once a step."""
    if not times:
        return Events(np.empty(0, np.int64), np.empty(0, np.int32))
    step = np.rint(np.concatenate(times) / dt).astype(np.int64)
    pairs = np.unique(np.stack([step, np.concatenate(cells).astype(np.int64)]), axis=1)
    return Events(pairs[0], pairs[1].astype(np.int32))
