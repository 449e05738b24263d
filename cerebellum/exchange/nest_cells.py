"""Our cells as models of NEST: names and parameters in NEST's units (ms, mV, pF, nS, pA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cerebellum.cells import RECEPTORS
from cerebellum.cells.alpha import AlphaConductance
from cerebellum.cells.exponential import ExponentialCurrent
from cerebellum.cells.model import Parameters
from cerebellum.cells.receptor import ReceptorModel
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.units import Value
from cerebellum.typing import Floats

Numbers = dict[str, Any]
"""Parameter -> number, list of one number a receptor, or shape (cells,)."""

NESTML_CELL = "eglif"
NEST_UNIT = {
    "time": 1e3,
    "voltage": 1e3,
    "current": 1e12,
    "capacitance": 1e12,
    "conductance": 1e9,
    "current rate": 1e6,  # nS/ms
    "inverse time": 1e-3,
    "concentration": 1.0,
    "number": 1.0,
    "rate": 1.0,
    "length": 1e6,
}
"""Dimension -> how many of NEST's units an SI unit is."""


@dataclass(frozen=True)
class NestCells:
    """A population for NEST.

    Attributes
    ----------
    template : name of the model, 'nest:...'; 'cerebellum:...' of a cell that NEST has no model of
    kind : 'point_neuron', or 'virtual' of cells whose spikes are given
    parameters : the same for all cells
    of_each : parameter -> of each cell, shape (cells,)
    """

    template: str
    kind: str
    parameters: Numbers
    of_each: dict[str, Floats]

    @property
    def known(self) -> bool:
        """Whether NEST has such cells, or a model in NESTML goes with the export."""
        return not self.template.startswith("cerebellum:")


def cells_of(connectome: Connectome, population: str) -> NestCells:
    """A population of the circuit."""
    described = connectome.circuit.population[population]
    receptors = described.receptor_models()
    given = connectome.parameters[population]
    if described.cell == "source":
        return NestCells("NULL", "virtual", {}, {})
    if described.cell == "relay":
        return NestCells("nest:parrot_neuron", "point_neuron", {}, {})
    if described.cell == "conductance_lif" and _all(receptors, AlphaConductance):
        template, numbers = "nest:aeif_cond_alpha_multisynapse", _conductance_lif(given, receptors)
    elif described.cell == "lif" and _all(receptors, ExponentialCurrent):
        resting = connectome.resting_current.get(population, {})
        held = sum(receptors[key].sign * current for key, current in resting.items())
        template, numbers = "nest:iaf_psc_exp_multisynapse", _lif(given, receptors, held)
    elif described.cell == NESTML_CELL and _all(receptors, AlphaConductance):
        template = f"nest:{NESTML_CELL}_{len(receptors)}"
        numbers = _in_units(given, described.parameters) | _numbered(receptors)
    else:
        template, numbers = f"cerebellum:{described.cell}", _in_units(given, described.parameters)
        numbers["receptors"] = {
            name: {"kind": table.kind, **{key: getattr(table, key).si * NEST_UNIT[dimension]
                                          for key, dimension in RECEPTORS[table.kind].parameters.items()
                                          if getattr(table, key) is not None}}
            for name, table in described.receptor.items()
        }  # fmt: skip
    if (phase := connectome.start.get(population)) is not None:
        low, high = (np.asarray(given[key], dtype=float) for key in ("V_reset", "V_th"))
        numbers["V_m"] = (low + phase * (high - low)) * 1e3
    of_each = {key: value for key, value in numbers.items() if isinstance(value, np.ndarray) and value.ndim}
    same = {key: value for key, value in numbers.items() if key not in of_each}
    return NestCells(template, "point_neuron", same, of_each)


def _all(receptors: Mapping[str, ReceptorModel], kind: type) -> bool:
    return all(type(receptor) is kind for receptor in receptors.values())


def _number(value: Any) -> Any:
    return value if np.ndim(value) else float(value)


def _conductance_lif(p: Parameters, receptors: Mapping[str, Any]) -> Numbers:
    """An adaptive exponential cell without exponential and adaptation; what is always open is part of its leak."""
    tonic = sum(receptor.tonic for receptor in receptors.values())
    reversed_to = sum(receptor.tonic * receptor.reversal for receptor in receptors.values())
    leak = np.asarray(p["C_m"]) / np.asarray(p["tau_m"])
    rest = (leak * np.asarray(p["E_L"]) + reversed_to) / (leak + tonic)
    return {
        "C_m": _number(np.asarray(p["C_m"]) * 1e12),
        "g_L": _number((leak + tonic) * 1e9),
        "E_L": _number(rest * 1e3),
        **{key: _number(np.asarray(p[key]) * 1e3) for key in ("V_th", "V_reset", "t_ref")},
        "I_e": _number(np.asarray(p["I_e"]) * 1e12),
        "V_m": _number(np.asarray(p["E_L"]) * 1e3),
        "a": 0.0,
        "b": 0.0,
        "Delta_T": 0.0,
        "tau_syn": [receptor.tau * 1e3 for receptor in receptors.values()],
        "E_rev": [receptor.reversal * 1e3 for receptor in receptors.values()],
    }


def _lif(p: Parameters, receptors: Mapping[str, Any], held: float) -> Numbers:
    """At rest under the currents `held` (A) at time 0, as the spiking engine begins."""
    keys = ("tau_m", "E_L", "V_th", "V_reset", "t_ref")
    rest = np.asarray(p["E_L"]) + np.asarray(p["tau_m"]) * (np.asarray(p["I_e"]) + held) / np.asarray(p["C_m"])
    return {
        **{key: _number(np.asarray(p[key]) * 1e3) for key in keys},
        **{key: _number(np.asarray(p[key]) * 1e12) for key in ("C_m", "I_e")},
        "V_m": _number(np.minimum(rest, np.asarray(p["V_th"])) * 1e3),
        "tau_syn": [receptor.tau * 1e3 for receptor in receptors.values()],
    }


def _in_units(given: Parameters, described: Mapping[str, Value]) -> Numbers:
    """Parameters under their own names."""
    return {key: _number(np.asarray(given[key]) * NEST_UNIT[described[key].dimension]) for key in described}


def _numbered(receptors: Mapping[str, Any]) -> Numbers:
    """Parameters of receptor ports, from 1."""
    numbers: Numbers = {}
    for port, receptor in enumerate(receptors.values(), 1):
        numbers |= {
            f"tau_syn{port}": receptor.tau * 1e3,
            f"E_rev{port}": receptor.reversal * 1e3,
            f"g_tonic{port}": receptor.tonic * 1e9,
        }
    return numbers


def port(connectome: Connectome, population: str, receptor: str) -> int:
    """Number of a receptor's port, from 1; 0 of a cell without receptors."""
    known = list(connectome.circuit.population[population].receptor_models())
    return known.index(receptor) + 1 if receptor else 0


def weight_unit(connectome: Connectome, population: str, receptor: str) -> float:
    """NEST's units of one SI unit of a weight: nS of a conductance, pA of a current, negative if it inhibits."""
    if not receptor:
        return 1.0
    model = connectome.circuit.population[population].receptor_models()[receptor]
    return 1e9 if model.dimension == "conductance" else 1e12 * model.sign
