"""Cells as Brian2 groups. Part of the spiking engine: imports brian2."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import MODELS, CellModel
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.experiment.schedule import Events, Pulse, Schedule
from cerebellum.machine.streams import generator

SI_UNIT = {
    "voltage": "volt", "current": "amp", "capacitance": "farad", "conductance": "siemens", "time": "second",
    "rate": "hertz", "inverse time": "hertz", "number": "1",
}  # fmt: skip
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


def given(name: str, cells: int, events: Events, clock: Any) -> Any:
    """Cells whose spikes are given."""
    times = events.step * float(clock.dt_) * b2.second
    return b2.SpikeGeneratorGroup(cells, events.cell, times, clock=clock, name=name, sorted=True)


def make(name: str, connectome: Connectome, schedule: Schedule, coupled: bool, clock: Any) -> Any:
    """The group of a population; `coupled` if gap junctions bring it a current `I_gap`."""
    circuit = connectome.circuit
    population = circuit.population[name]
    cells, model = circuit.size(name), MODELS[population.cell]
    if model.equations is None:
        return given(name, cells, schedule.events[name], clock)
    receptors = population.receptor_models()
    equations, beside = [model.equations(receptors)], []
    namespace: dict[str, Any] = {}
    drawn: dict[str, Any] = {}

    def number(key: str, value: float | NDArray[np.float64], unit: str) -> None:
        quantity = value * getattr(b2, unit) if unit != "1" else value
        if isinstance(value, np.ndarray):
            equations.append(f"{key} : {unit} (constant)")
            drawn[key] = quantity
        else:
            namespace[key] = quantity

    parameters = connectome.parameters[name]
    if model.differential:
        for key, dimension in model.parameters.items():
            number(key, parameters[key], SI_UNIT[dimension])
    if model.constants is not None:
        for key, value in model.constants(parameters, receptors, circuit.dt).items():
            number(key, value, "1")
    if name in schedule.currents:
        namespace[f"stimulus_{name}"] = _injected(schedule.currents[name], schedule.duration, circuit.dt, model, name)
        beside.append(f"stimulus_{name}(t)")
    if coupled:
        equations.append("I_gap : 1")
        beside.append("I_gap")
    times = [taught_at(teacher, i) for teacher, kept in teachers(circuit, name).items() for i in range(kept)]
    equations += [f"{time} : second" for time in times]
    released = [key for key, p in circuit.projection.items() if p.source == name and p.short_term is not None]
    for key in released:
        equations += [f"{state}_{key} : 1" for state in ("used", "recovered", "sent")] + [f"last_{key} : second"]
    text = model.update(receptors, " + ".join(beside)) if model.update is not None else ""
    group = b2.NeuronGroup(
        cells,
        "\n".join(equations),
        threshold=model.threshold,
        reset=model.reset,
        refractory=model.refractory or False,
        method=_exactly(text) if model.differential else "euler",
        namespace=namespace,
        clock=clock,
        name=name,
    )
    if text and not model.differential:
        group.run_regularly(text, when="groups", name=f"{name}_update")
    for key, value in drawn.items():
        setattr(group, key, value)
    _begin(group, name, connectome, model)
    for time in times:
        setattr(group, time, NEVER * b2.second)
    for key in released:
        setattr(group, f"recovered_{key}", 1.0)
        setattr(group, f"last_{key}", NEVER * b2.second)
    return group


def _exactly(text: str) -> Any:
    """A Brian2 state updater that is this text; Brian2's own 'exact' spends seconds of algebra on the same numbers."""

    def updater(equations: Any, variables: Any = None, method_options: Any = None) -> str:
        return text

    return updater


def _injected(pulses: list[Pulse], duration: float, dt: float, model: CellModel, name: str) -> Any:
    """Current over time, A."""
    values = np.zeros(nearest(duration, dt) + 1)
    for pulse in pulses:
        values[nearest(pulse.start, dt) : nearest(pulse.stop, dt)] += pulse.amplitude
    return b2.TimedArray(values * b2.amp if model.differential else values, dt=dt * b2.second, name=f"stimulus_{name}")


def _begin(group: Any, name: str, connectome: Connectome, model: CellModel) -> None:
    """State at time 0."""
    parameters, resting_current = connectome.parameters[name], connectome.resting_current.get(name, {})
    if model.start is not None:
        rng = generator(connectome.seed, "cells", name)
        for key, value in model.start(parameters, connectome.circuit.size(name), rng).items():
            setattr(group, key, value)
    unit = b2.volt if model.differential else 1
    if name in connectome.start:
        low, high = parameters["V_reset"], parameters["V_th"]
        group.v = (low + connectome.start[name] * (high - low)) * unit
    elif model.differential:
        # At rest under the currents that hold there.
        receptors = connectome.circuit.population[name].receptor_models()
        resting = sum(receptors[key].sign * current for key, current in resting_current.items())
        p = parameters
        group.v = np.minimum(p["E_L"] + p["tau_m"] * (p["I_e"] + resting) / p["C_m"], p["V_th"]) * b2.volt
    for key, current in resting_current.items():
        setattr(group, f"I_{key}", current * b2.amp)
