"""Projections as Brian2 synapses. Part of the spiking engine: imports brian2."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np

from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.plasticity import PlasticityRule
from cerebellum.description.population import Afferent
from cerebellum.description.projection import Projection, Release
from cerebellum.experiment.schedule import Schedule
from cerebellum.spiking import plasticity, receptors, run_time_data
from cerebellum.spiking.neurons import taught_at, teachers

# Order within a time step of what arrives in it; Brian2 gives -1 to all others, and then goes by name.
NOTHING = 1e-9  # s; a time constant of which a time step leaves nothing
RELEASE = -3  # before the synapses transmit what is released
TEACHING = -2  # before synapses learn, so that a teacher's spike at the window's edge counts


def make(name: str, connectome: Connectome, schedule: Schedule, source: Any, target: Any, clock: Any) -> list[Any]:
    """The Brian2 objects of a projection; the synapses themselves, named as the projection, come first."""
    circuit = connectome.circuit
    projection, edges = circuit.projection[name], connectome.edges[name]
    delay = _delay(projection, circuit) * b2.second
    common = {"source": source, "target": target, "clock": clock, "name": name}
    rule, release = projection.plasticity, connectome.release.get(name)
    beside = [] if release is None else [_release(name, release, source, delay, clock)]
    if rule is not None:
        return [_plastic(projection, rule, connectome, schedule, common), *beside]
    kept = teachers(circuit, projection.target).get(name, 0)
    namespace = receptors.namespace(circuit, projection.target, projection.receptor)
    amount, equations = "weight", ""
    if projection.receptor:
        namespace["weight"] = connectome.weight[name]
    if edges.contacts is not None:
        amount, equations = "w", "w : 1 (constant)"
    if release is not None:
        amount += f" * sent_{name}_pre"
    lines = [receptors.arrival(circuit, projection.target, projection.receptor, amount)]
    if kept:
        lines += [f"{taught_at(name, i)}_post = {taught_at(name, i - 1)}_post" for i in range(kept - 1, 0, -1)]
        lines.append(f"{taught_at(name, 0)}_post = t")
    synapses = b2.Synapses(
        model=equations,
        on_pre="\n".join(lines),
        delay=delay,
        namespace=namespace,
        **common,
    )
    if kept:
        synapses.pre.order = TEACHING
    synapses.connect(i=edges.pre, j=edges.post)
    if edges.contacts is not None:
        synapses.w = edges.contacts * connectome.weight[name]
    return [synapses, *beside]


def _delay(projection: Projection, circuit: Circuit) -> float:
    """Delay (s) of its arrivals, on the clock.

    A relay fires in the step after it sees an arrival, so it sees it a step early, and a path's latency is the sum of
    its delays whatever the time step.
    """
    early = MODELS[circuit.population[projection.target].cell].relays
    return (nearest(projection.delay.si, circuit.dt) - early) * circuit.dt


def afferent(population: str, circuit: Circuit, described: Afferent, source: Any, target: Any, clock: Any) -> Any:
    """One outside fibre onto each cell."""
    synapses = b2.Synapses(
        source,
        target,
        on_pre=receptors.arrival(circuit, population, described.receptor, "weight"),
        delay=nearest(described.delay.si, circuit.dt) * circuit.dt * b2.second,
        namespace=receptors.namespace(circuit, population, described.receptor) | {"weight": described.weight.si},
        clock=clock,
        name=f"{population}_afferent_synapses",
    )
    cells = np.arange(circuit.size(population))
    synapses.connect(i=cells, j=cells)
    return synapses


def gap_junction(name: str, connectome: Connectome, group: Any, clock: Any) -> Any:
    """Electrical coupling; the current is held over a step."""
    edges = connectome.gaps[name]
    synapses = b2.Synapses(
        group,
        group,
        model="I_gap_post = conductance * (v_pre - v_post) : 1 (summed)",
        namespace={"conductance": connectome.circuit.gap_junction[name].conductance.si},
        clock=clock,
        name=f"gap_{name}",
    )
    synapses.connect(i=edges.pre, j=edges.post)
    return synapses


def _release(name: str, rule: Release, source: Any, delay: Any, clock: Any) -> Any:
    """Updates what each source cell's synapses transmit, at a spike's arrival and before it.

    All synapses of a source cell share their history, so one update a spike serves them all.
    """
    # A time constant of 0 leaves nothing of what was: no division by it.
    kept = {tau: f" * exp(-(t - last_{name}_post) / {tau})" for tau in ("tau_fac", "tau_rec")}
    numbers = {"U": rule.U, "tau_rec": rule.tau_rec * b2.second, "tau_fac": rule.tau_fac * b2.second}
    if rule.apart:
        numbers |= {tau: np.maximum(getattr(rule, tau), NOTHING) * b2.second for tau in kept}
    else:
        kept |= {tau: " * 0" for tau in kept if getattr(rule, tau) == 0}
    lines = [
        f"used_{name}_post = used_{name}_post{kept['tau_fac']}",
        f"used_{name}_post += U * (1 - used_{name}_post)",
        f"recovered_{name}_post = 1 + (recovered_{name}_post - 1){kept['tau_rec']}",
        f"sent_{name}_post = used_{name}_post * recovered_{name}_post",
        f"recovered_{name}_post -= sent_{name}_post",
        f"last_{name}_post = t",
    ]
    release = b2.Synapses(
        source,
        source,
        model="U : 1 (constant)\ntau_rec : second (constant)\ntau_fac : second (constant)" if rule.apart else "",
        on_pre="\n".join(lines),
        delay=delay,
        namespace={} if rule.apart else numbers,
        clock=clock,
        name=f"release_{name}",
    )
    release.pre.order = RELEASE
    cells = np.arange(len(source))
    release.connect(i=cells, j=cells)
    if rule.apart:
        for key, value in numbers.items():
            setattr(release, key, value)
    return release


def _plastic(
    projection: Projection,
    rule: PlasticityRule,
    connectome: Connectome,
    schedule: Schedule,
    common: dict[str, Any],
) -> Any:
    circuit, name = connectome.circuit, common["name"]
    edges = connectome.edges[name]
    delay, window = _delay(projection, circuit) * b2.second, plasticity.window(rule, circuit.dt) * b2.second
    # The weight that is learnt, and its bounds, are of one contact, as a weight that is not.
    transmitted, model = (
        ("w", "w : 1") if edges.contacts is None else ("contacts * w", "w : 1\ncontacts : 1 (constant)")
    )
    transmitted += f" * sent_{name}_pre" if projection.release else ""
    synapses = b2.Synapses(
        model=model,
        on_pre={
            "transmit": receptors.arrival(circuit, projection.target, projection.receptor, transmitted),
            "learn": plasticity.learning(rule, circuit.dt),
        },
        delay={"transmit": delay, "learn": delay + window},
        namespace={
            "alone": rule.alone,
            "paired": rule.paired,
            "w_min": rule.w_min.si,
            "w_max": rule.w_max.si,
            "window": window,
            "learns": run_time_data.learns(schedule.trials, circuit.dt),
            **receptors.namespace(circuit, projection.target, projection.receptor),
        },
        **common,
    )
    synapses.connect(i=edges.pre, j=edges.post)
    synapses.w = connectome.weights_at_begin(name)
    if edges.contacts is not None:
        synapses.contacts = edges.contacts
    return synapses
