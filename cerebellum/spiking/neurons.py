"""Cells as Brian2 groups. Part of the spiking engine: imports brian2."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import brian2 as b2
import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import MODELS, CellModel
from cerebellum.cells.renewal import RENEWAL
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.experiment.schedule import Events, Pulse, Schedule
from cerebellum.machine.streams import generator
from cerebellum.spiking import independent, loop, run_time_data

NEVER = -1e6  # s; the time of a teacher's spike that has not come, and of a release before the first


def teachers(circuit: Circuit, population: str) -> dict[str, int]:
    """Projections whose spikes teach others onto the same cells, and how many of the last ones each cell keeps."""
    kept: dict[str, int] = {}
    for projection in circuit.projection.values():
        rule = projection.plasticity
        if projection.target == population and rule is not None:
            kept[rule.teacher] = max(kept.get(rule.teacher, 0), rule.remembered)
    return kept


def taught_at(teacher: str, number: int) -> str:
    """Name of the time of a teacher's last spike but `number`."""
    return f"{teacher}_at_{number}"


def given(name: str, cells: int, events: Events, duration: float, clock: Any) -> Any:
    """Cells whose spikes are given."""
    events = run_time_data.at_least_two(events, duration, float(clock.dt_))
    times = events.step * float(clock.dt_) * b2.second
    return b2.SpikeGeneratorGroup(cells, events.cell, times, clock=clock, name=name, sorted=True)


def outside(name: str, population: str, connectome: Connectome, schedule: Schedule, clock: Any) -> list[Any]:
    """Fibres that protocol and loop drive, as a group of that name, first, and what goes with it."""
    circuit, events = connectome.circuit, schedule.events.get(population)
    cells = circuit.size(population)
    if schedule.loop is not None and population in schedule.loop.driven(circuit, "rate"):
        own = loop.fiber_group(name, population, cells, connectome.seed, clock)
        return [own] if events is None else [own, *loop.given(own, events, schedule.duration, clock)]
    assert events is not None
    return [given(name, cells, events, schedule.duration, clock)]


@dataclass
class _Text:
    """What Brian2 is given of a population.

    Attributes
    ----------
    equations : lines, of the model and of what is kept beside it
    namespace : numbers that all cells share
    drawn : numbers that differ between cells
    begin : state at time 0 beside the model's
    """

    equations: list[str]
    namespace: dict[str, Any] = field(default_factory=dict)
    drawn: dict[str, Any] = field(default_factory=dict)
    begin: dict[str, Any] = field(default_factory=dict)

    def number(self, key: str, value: float | NDArray[np.float64]) -> None:
        """A number of the cells, SI."""
        if isinstance(value, np.ndarray):
            self.equations.append(f"{key} : 1 (constant)")
            self.drawn[key] = value
        else:
            self.namespace[key] = value


def make(
    name: str, connectome: Connectome, schedule: Schedule, coupled: bool, clock: Any, *, single: bool = False
) -> list[Any]:
    """The group of a population, first, and what goes with it; `coupled` if gap junctions bring it `I_gap`.

    With `single`, cells that only synapses drive keep their state in single precision. Sums over gap junctions, and
    currents that are functions of time, stay double.
    """
    circuit = connectome.circuit
    population = circuit.population[name]
    cells, model = circuit.size(name), MODELS[population.cell]
    if model.equations is None:
        return outside(name, name, connectome, schedule, clock)
    receptors, beside = population.receptor_models(), []
    text = _Text([model.equations(receptors)])
    if model.constants is not None:
        for key, value in model.constants(connectome.parameters[name], receptors, circuit.dt).items():
            text.number(key, value)
    if name in schedule.currents:
        injected, column = _injected(schedule.currents[name], cells, schedule.duration, circuit.dt, name)
        text.namespace[f"stimulus_{name}"] = injected
        beside.append(f"stimulus_{name}(t)" if column is None else f"stimulus_{name}(t, injected_column)")
        if column is not None:
            text.equations.append("injected_column : integer (constant)")
            text.begin["injected_column"] = column
    if coupled:
        text.equations.append("I_gap : 1")
        beside.append("I_gap")
    reset = model.reset
    if schedule.loop is not None:
        if name in schedule.loop.driven(circuit, "current"):
            text.equations.append(f"{loop.INJECTED} : 1")
            beside.append(loop.INJECTED)
        if name in schedule.loop.observed(circuit):
            text.equations.append(f"{loop.COUNTED} : 1")
            reset += f"\n{loop.COUNTED} += 1"
    _remembered(text, circuit, name)
    renewal = RENEWAL.get(population.cell) if any(trial.independent for trial in schedule.trials) else None
    if renewal:
        text.equations.append(independent.JUMPS)
    update = model.update(receptors, " + ".join(beside)) if model.update is not None else ""
    group = b2.NeuronGroup(
        cells,
        "\n".join(text.equations),
        threshold=model.threshold,
        reset=reset,
        namespace=text.namespace,
        clock=clock,
        name=name,
        dtype=_single(text, f"{update}\n{model.threshold}") if single and not beside else None,
    )
    if renewal:
        independent.renewing(group, renewal)
    if update:
        _step_and_threshold(group, update)
    for key, value in text.drawn.items():
        setattr(group, key, value)
    _begin(group, name, connectome, model)
    for key, value in text.begin.items():
        setattr(group, key, value)
    return [group]


def _single(text: _Text, step: str) -> dict[str, type[np.float32]]:
    """Single precision for what the text of a step reads; the rest, such as random numbers, stays double."""
    read = set(re.findall(r"\w+", step))
    kept = [line.split(":")[0].strip() for line in "\n".join(text.equations).splitlines()]
    return dict.fromkeys((name for name in kept if name in read), np.float32)


def _remembered(text: _Text, circuit: Circuit, name: str) -> None:
    """What cells keep of spikes: times of their teachers' last ones, and the release of their own synapses."""
    times = [taught_at(teacher, i) for teacher, kept in teachers(circuit, name).items() for i in range(kept)]
    text.equations += [f"{time} : second" for time in times]
    text.begin |= dict.fromkeys(times, NEVER * b2.second)
    for key, projection in circuit.projection.items():
        if projection.source == name and projection.release:
            text.equations += [f"{state}_{key} : 1" for state in ("used", "recovered", "sent")]
            text.equations += [f"last_{key} : second"]
            text.begin |= {f"recovered_{key}": 1.0, f"last_{key}": NEVER * b2.second}


def _step_and_threshold(group: Any, update: str) -> None:
    """Let the loop that looks for spikes take the time step, too: the state passes through the processor once."""
    thresholder = group.thresholder["spike"]

    def both(run_namespace: Any) -> None:
        type(thresholder).update_abstract_code(thresholder, run_namespace)
        thresholder.abstract_code = f"{update}\n{thresholder.abstract_code}"

    thresholder.update_abstract_code = both


def _injected(
    pulses: list[Pulse], cells: int, duration: float, dt: float, name: str
) -> tuple[Any, NDArray[np.int32] | None]:
    """Current over time, A, as a function of time, or of time and each cell's column; the columns, if they differ."""
    which = np.full((len(pulses), cells), -1, dtype=np.int32)  # the pulse's column for each cell
    for row, pulse in enumerate(pulses):
        chosen = np.arange(cells) if pulse.cells is None else pulse.cells
        apart = np.ndim(pulse.amplitude) == 2 and np.shape(pulse.amplitude)[1] > 1
        which[row, chosen] = np.arange(len(chosen)) if apart else 0
    kinds, column = np.unique(which, axis=1, return_inverse=True)
    values = np.zeros((nearest(duration, dt) + 1, kinds.shape[1]))
    for pulse, of in zip(pulses, kinds, strict=True):
        rows, into = slice(nearest(pulse.start, dt), nearest(pulse.stop, dt)), np.flatnonzero(of >= 0)
        values[rows, into] += (
            pulse.amplitude[:, of[into]] if isinstance(pulse.amplitude, np.ndarray) else pulse.amplitude
        )
    alike = kinds.shape[1] == 1
    table = b2.TimedArray(values[:, 0] if alike else values, dt=dt * b2.second, name=f"stimulus_{name}")
    return table, None if alike else column.ravel().astype(np.int32)


def _begin(group: Any, name: str, connectome: Connectome, model: CellModel) -> None:
    """State at time 0."""
    parameters, resting_current = connectome.parameters[name], connectome.resting_current.get(name, {})
    if model.start is not None:
        rng = generator(connectome.seed, "cells", name)
        for key, value in model.start(parameters, connectome.circuit.size(name), rng).items():
            setattr(group, key, value)
    if name in connectome.start:
        low, high = parameters["V_reset"], parameters["V_th"]
        group.v = low + connectome.start[name] * (high - low)
    elif model.takes == "current":
        # At rest under the currents that hold there.
        receptors = connectome.circuit.population[name].receptor_models()
        resting = sum(receptors[key].sign * current for key, current in resting_current.items())
        p = parameters
        group.v = np.minimum(p["E_L"] + p["tau_m"] * (p["I_e"] + resting) / p["C_m"], p["V_th"])
    for key, current in resting_current.items():
        setattr(group, f"I_{key}", current)
