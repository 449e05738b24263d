"""Records of a protocol in the spiking engine. Part of it: imports brian2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cerebellum.activity.recording import UNITS, Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.cells import MODELS
from cerebellum.connectome.connectome import Connectome
from cerebellum.experiment.records import Planned
from cerebellum.spiking.recorder import Recorder
from cerebellum.typing import Floats


def recorders(
    plans: Mapping[str, Planned], connectome: Connectome, groups: Mapping[str, Any], synapses: Mapping[str, Any]
) -> dict[str, Recorder]:
    """What copies the state that each record wants; of rates, and of what a lesion has taken out, nothing does."""
    made = {}
    for name, plan in plans.items():
        if (projection := plan.described.projection) is not None:
            if projection in synapses:
                size = len(connectome.edges[projection])
                weights = {"weight": (synapses[projection], "w", size)}
                made[name] = Recorder(f"record_{name}", weights, plan.elements, plan.spans, "end")
        elif plan.population in groups and (states := _states(plan, connectome)):
            group, size = groups[plan.population], connectome.size(plan.population)
            variables = {state: (group, state, size) for state in states}
            made[name] = Recorder(f"record_{name}", variables, plan.elements, plan.spans, "after_thresholds")
    return made


def _receptors(plan: Planned, connectome: Connectome) -> dict[str, tuple[Any, str]]:
    """Receptor -> its model, and the state that is its conductance, or its current."""
    models = connectome.circuit.population[plan.population].receptor_models()
    return {name: (model, model.states(name)[0]) for name, model in models.items()}


def _states(plan: Planned, connectome: Connectome) -> list[str]:
    """State variables from which the record is made."""
    wanted, model = plan.described.of, MODELS[connectome.circuit.population[plan.population].cell]
    conducts = model.takes == "conductance"
    states = ["v"] if "voltage" in wanted or ("current" in wanted and conducts) else []
    states += [model.adaptation] if "adaptation" in wanted else []
    if {"conductance", "current"} & set(wanted):
        states += [state for _, state in _receptors(plan, connectome).values()]
    return states


def recordings(
    plans: Mapping[str, Planned],
    made: Mapping[str, Recorder],
    connectome: Connectome,
    spikes: Mapping[str, Spikes],
) -> dict[str, Recording]:
    """What came of the records."""
    out, dt = {}, connectome.circuit.dt
    for name, plan in plans.items():
        time = np.asarray(plan.steps * dt, dtype=float)
        copied = (
            {key: np.array([row[key] for row in made[name].kept]) for key in made[name].variables}
            if name in made
            else {}
        )
        values = {} if plan.described.projection else _values(plan, connectome, copied)
        units = {key: UNITS[key.split(".")[0]] for key in values}
        more: dict[str, Any] = {}
        if (projection := plan.described.projection) is not None and copied:
            edges, conducts = connectome.edges[projection], _conducts(connectome, projection)
            values, units = copied, {"weight": "siemens" if conducts else "amperes"}
            more = {"sources": edges.pre[plan.elements].astype(np.int64), "projection": projection}
            more["cells"] = edges.post[plan.elements].astype(np.int64)
        if "rate" in plan.described.of:
            values["rate"], units["rate"] = rate(plan, spikes[plan.population], dt), UNITS["rate"]
        if values:
            out[name] = Recording(plan.population, more.pop("cells", plan.elements), time, values, units, **more)
    return out


def _conducts(connectome: Connectome, projection: str) -> bool:
    target = connectome.circuit.projection[projection].target
    return MODELS[connectome.circuit.population[target].cell].takes == "conductance"


def _values(plan: Planned, connectome: Connectome, copied: Mapping[str, Floats]) -> dict[str, Floats]:
    """The quantities, of the copied states."""
    wanted, out = plan.described.of, {}
    if not copied:
        return {}
    model = MODELS[connectome.circuit.population[plan.population].cell]
    if "voltage" in wanted:
        out["voltage"] = copied["v"]
    if "adaptation" in wanted:
        out["adaptation"] = copied[model.adaptation]
    for name, (receptor, state) in _receptors(plan, connectome).items():
        if state not in copied:
            continue
        if model.takes == "current":
            out[f"current.{name}"] = receptor.sign * copied[state]
            continue
        conductance = receptor.gated(copied[state] + receptor.tonic, copied.get("v", 0.0))
        if "conductance" in wanted:
            out[f"conductance.{name}"] = copied[state] + receptor.tonic
        if "current" in wanted:
            out[f"current.{name}"] = conductance * (receptor.reversal - copied["v"])
    return out


def rate(plan: Planned, spikes: Spikes, dt: float) -> Floats:
    """Mean rate (Hz) of the cells from each sample to the next, shape (samples, 1)."""
    mine = np.isin(spikes.cell, plan.elements)
    chosen = Spikes(spikes.time[mine], spikes.cell[mine], spikes.dt)
    found = []
    for first, last, every in plan.spans:
        begins = np.arange(first, last, every)
        ends = np.minimum(begins + every, last)
        fired = chosen.before(np.asarray(ends * dt, float)) - chosen.before(np.asarray(begins * dt, float))
        found.append(fired / (len(plan.elements) * np.asarray(ends - begins, float) * dt))
    return np.concatenate(found)[:, None] if found else np.empty((0, 1))
