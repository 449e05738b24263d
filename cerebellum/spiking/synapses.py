"""Projections as Brian2 synapses. Part of the spiking engine: imports brian2."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np

from cerebellum.cells import MODELS
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.plasticity import PlasticityRule
from cerebellum.description.population import Afferent
from cerebellum.description.projection import Projection, ShortTerm
from cerebellum.experiment.schedule import Schedule, plastic_ends, plastic_spans
from cerebellum.spiking.neurons import taught_at, teachers

# Order within a time step of what arrives in it; Brian2 gives -1 to all others, and then goes by name.
RELEASE = -3  # before the synapses transmit what is released
TEACHING = -2  # before synapses learn, so that a teacher's spike at the window's edge counts


def make(name: str, connectome: Connectome, schedule: Schedule, source: Any, target: Any, clock: Any) -> list[Any]:
    """The Brian2 objects of a projection; the synapses themselves, named as the projection, come first."""
    circuit = connectome.circuit
    projection, edges = circuit.projection[name], connectome.edges[name]
    delay = projection.delay.si * b2.second
    common = {"source": source, "target": target, "clock": clock, "name": name}
    rule = projection.plasticity
    if rule is not None:
        made = [_plastic(projection, rule, connectome, schedule, common)]
        if projection.short_term is not None:
            made.append(_release(name, projection.short_term, source, delay, clock))
        return made
    kept = teachers(circuit, projection.target).get(name, 0)
    namespace = _namespace(circuit, projection.target, projection.receptor)
    amount, equations, unit = "weight", "", _unit(circuit, projection.target)
    if projection.receptor:
        namespace["weight"] = connectome.weight[name] * unit
    if edges.contacts is not None:
        amount, equations = "w", f"w : {_unit_text(circuit, projection.target)} (constant)"
    if projection.short_term is not None:
        amount += f" * sent_{name}_pre"
    lines = [_arrival(circuit, projection.target, projection.receptor, amount)]
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
        synapses.w = edges.contacts * connectome.weight[name] * unit
    if projection.short_term is None:
        return [synapses]
    return [synapses, _release(name, projection.short_term, source, delay, clock)]


def afferent(population: str, circuit: Circuit, described: Afferent, source: Any, target: Any, clock: Any) -> Any:
    """One outside fibre onto each cell."""
    synapses = b2.Synapses(
        source,
        target,
        on_pre=_arrival(circuit, population, described.receptor, "weight"),
        delay=described.delay.si * b2.second,
        namespace=_namespace(circuit, population, described.receptor)
        | {"weight": described.weight.si * _unit(circuit, population)},
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


def _unit_text(circuit: Circuit, population: str) -> str:
    """Unit of weights onto a population: 1 where its text works on SI numbers."""
    return "amp" if MODELS[circuit.population[population].cell].differential else "1"


def _unit(circuit: Circuit, population: str) -> Any:
    return b2.amp if _unit_text(circuit, population) == "amp" else 1


def _arrival(circuit: Circuit, population: str, receptor: str, amount: str) -> str:
    return MODELS[circuit.population[population].cell].arrival.format(port=receptor, amount=amount)


def _namespace(circuit: Circuit, population: str, receptor: str) -> dict[str, Any]:
    """Numbers that a cell's arrival text names beside the amount."""
    described = circuit.population[population]
    constants = MODELS[described.cell].constants
    if not receptor or constants is None or MODELS[described.cell].differential:
        return {}
    port = {receptor: described.receptor[receptor].port}
    return {f"kick_{receptor}": constants(described.si(), port, circuit.dt)[f"kick_{receptor}"]}


def _release(name: str, rule: ShortTerm, source: Any, delay: Any, clock: Any) -> Any:
    """Updates what each source cell's synapses transmit, at a spike's arrival and before it.

    All synapses of a source cell share their history, so one update a spike serves them all.
    """
    lines = [
        f"used_{name}_post = used_{name}_post * exp(-(t - last_{name}_post) / tau_fac)",
        f"used_{name}_post += U * (1 - used_{name}_post)",
        f"recovered_{name}_post = 1 + (recovered_{name}_post - 1) * exp(-(t - last_{name}_post) / tau_rec)",
        f"sent_{name}_post = used_{name}_post * recovered_{name}_post",
        f"recovered_{name}_post -= sent_{name}_post",
        f"last_{name}_post = t",
    ]
    release = b2.Synapses(
        source,
        source,
        on_pre="\n".join(lines),
        delay=delay,
        namespace={"U": rule.U.si, "tau_rec": rule.tau_rec.si * b2.second, "tau_fac": rule.tau_fac.si * b2.second},
        clock=clock,
        name=f"release_{name}",
    )
    release.pre.order = RELEASE
    cells = np.arange(len(source))
    release.connect(i=cells, j=cells)
    return release


def _plastic(
    projection: Projection,
    rule: PlasticityRule,
    connectome: Connectome,
    schedule: Schedule,
    common: dict[str, Any],
) -> Any:
    circuit, name = connectome.circuit, common["name"]
    edges, unit = connectome.edges[name], _unit(circuit, projection.target)
    delay, window = projection.delay.si * b2.second, _window(rule, circuit.dt) * b2.second
    transmitted = "w" if projection.short_term is None else f"w * sent_{name}_pre"
    unit_text = _unit_text(circuit, projection.target)
    variables = ["w", *(weight_after(number) for number in range(len(plastic_ends(schedule.trials)) - 1))]
    synapses = b2.Synapses(
        model="\n".join(f"{variable} : {unit_text}" for variable in variables),
        on_pre={
            "transmit": _arrival(circuit, projection.target, projection.receptor, transmitted),
            "learn": _learning(rule, schedule, circuit.dt),
        },
        delay={"transmit": delay, "learn": delay + window},
        namespace={
            "alone": rule.alone * unit,
            "paired": rule.paired * unit,
            "w_min": rule.w_min.si * unit,
            "w_max": rule.w_max.si * unit,
            "window": window,
            **_namespace(circuit, projection.target, projection.receptor),
        },
        **common,
    )
    synapses.connect(i=edges.pre, j=edges.post)
    for variable in variables:
        setattr(synapses, variable, connectome.weight[name] * unit)
    return synapses


def weight_after(number: int) -> str:
    """Name of the weight as it was at the end of a plastic block; that of the last one is `w`."""
    return f"w_after_{number}"


def _window(rule: PlasticityRule, dt: float) -> float:
    """The kernel's support, s, up to the next time step."""
    return float(np.ceil(rule.timing.support / dt - 1e-6)) * dt


def _learning(rule: PlasticityRule, schedule: Schedule, dt: float) -> str:
    """Weight change of one presynaptic spike, applied `window` after it reached the synapse.

    A spike that came before the end of an earlier plastic block changes also the weight kept from that end.
    """
    lags = [f"({taught_at(rule.teacher, i)}_post - t + window)" for i in range(rule.remembered)]
    kernels = " + ".join(rule.timing.text(lag) for lag in lags)
    half = dt / 2  # spikes come on the time grid, edges lie between two of its points
    spans = [(a - half, b - half) for a, b in plastic_spans(schedule.trials)]
    on = " + ".join(f"int(t - window >= {a!r}*second and t - window < {b!r}*second)" for a, b in spans) or "0"
    lines = [f"w = clip(w + ({on}) * (alone + paired * ({kernels})), w_min, w_max)"]
    for number, end in enumerate(list(plastic_ends(schedule.trials).values())[:-1]):
        kept = weight_after(number)
        lines.append(f"{kept} = {kept} + int(t - window < {end - half!r}*second) * (w - {kept})")
    return "\n".join(lines)
