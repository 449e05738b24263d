"""Spikes recorded once, given again to a part of the circuit: hundreds of cells in place of a quarter of a million.

Where nothing flows back, as from Purkinje cells to the granular layer, a part of the circuit with other weights, other
plasticity or other synapses can be run alone on what the rest did once. With the circuit as it was recorded, replayed
cells fire the very same spikes. A path that does lead back, as through the olive, is cut: what is replayed stays as
it was recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.spikes import Spikes
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.units import Value
from cerebellum.errors import ArgumentError
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.machine.progress import Progress, silent
from cerebellum.results.result import Result
from cerebellum.simulation import engines
from cerebellum.simulation.prepare import sample_experiment
from cerebellum.simulation.run import read_off

LIVE = ("purkinje", "nuclear")


def replay(
    recorded: Result, circuit: Circuit | None = None, live: Sequence[str] = LIVE, progress: Progress = silent
) -> Result:
    """Run some populations again, on the spikes that all others fired in a run of the spiking engine.

    Parameters
    ----------
    recorded : with its spikes and connectome
    circuit : with other numbers for what is run again; that of `recorded` if not given
    live : populations that are run; the rest fires as recorded

    Returns
    -------
    as `run` of the whole circuit gives it, without files

    Raises
    ------
    ArgumentError
        If there are no spikes to replay, the populations of `circuit` are not of the recorded sizes, or a closed loop
        drove live ones: what it sent is in no spikes.
    """
    circuit = circuit or recorded.circuit
    if not recorded.spikes or recorded.connectome is None:
        raise ArgumentError("recorded", recorded.protocol.title, "wanted a run of the spiking engine")
    for name in {*live, *recorded.spikes}:
        if name not in circuit.population or circuit.size(name) != recorded.circuit.size(name):
            raise ArgumentError("circuit", circuit.title, f"wanted the recorded number of {name} cells")
    loop = recorded.schedule.loop
    if loop is not None and (sent := [name for name in loop.drive if circuit.find(name) in live]):
        raise ArgumentError("live", live, f"wanted none that a closed loop drove, such as {sent[0]}")
    seed = recorded.connectome.seed
    experiment = sample_experiment(circuit, recorded.protocol, seed)
    connectome, schedule = _part(experiment.connectome, experiment.schedule, recorded.spikes, live)
    engine = engines.engine("spiking")
    outcome = engine.simulate(connectome, schedule, engine.options(), progress)
    assert isinstance(outcome, Outcome)
    whole = replace(outcome, size=recorded.outcomes["spiking"].size, spikes={**recorded.spikes, **outcome.spikes})
    result = Result(
        circuit, recorded.protocol, experiment.schedule, experiment.patterns, connectome=experiment.connectome
    )
    result.outcomes["spiking"] = whole
    read_off(result, experiment, [engine], seed, progress)
    return result


def _part(
    connectome: Connectome, schedule: Schedule, spikes: dict[str, Spikes], live: Sequence[str]
) -> tuple[Connectome, Schedule]:
    """The live populations with all that reaches them, as a circuit whose other cells are given their spikes."""
    circuit = connectome.circuit
    projections = {name: p for name, p in circuit.projection.items() if p.target in live}
    given = [name for name in circuit.population if name in {p.source for p in projections.values()} - set(live)]
    population: dict[str, Any] = {}
    for name in circuit.population:
        size = Value(circuit.size(name), "1", "replayed", "number")
        fixed: dict[str, Any] = {"count": size, "density": None, "ratio": None, "of": None}
        if name in given:
            fixed |= {
                "cell": "source",
                "parameters": {},
                "spread": {},
                "receptor": {},
                "afferent": None,
                "start": "rest",
            }
        if name in given or name in live:
            population[name] = circuit.population[name].model_copy(update=fixed)
    gaps = {name: gap for name, gap in circuit.gap_junction.items() if gap.population in live}
    part = circuit.model_copy(update={"population": population, "projection": projections, "gap_junction": gaps})
    known = {*population, *projections}
    events = {name: events for name, events in schedule.events.items() if name in live}
    events |= {name: _events(spikes[name], circuit.dt) for name in given}
    return (
        replace(
            connectome,
            circuit=part,
            edges={name: connectome.edges[name] for name in projections},
            parameters={name: connectome.parameters[name] if name in live else {} for name in population},
            start={name: start for name, start in connectome.start.items() if name in live},
            gaps={name: edges for name, edges in connectome.gaps.items() if name in gaps},
        ),
        replace(
            schedule,
            events=events,
            loop=None,
            currents={name: pulses for name, pulses in schedule.currents.items() if name in live},
            lesion=tuple(word for word in schedule.lesion if word in known or word not in circuit.population),
        ),
    )


def _events(spikes: Spikes, dt: float) -> Events:
    step = nearest(np.asarray(spikes.time), dt)
    order = np.lexsort((spikes.cell, step))
    return Events(np.asarray(step)[order], spikes.cell[order])
