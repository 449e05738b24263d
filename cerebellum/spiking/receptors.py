"""What synapses onto a population bring it: the text of an arrival, its numbers, the unit of its weights."""

from __future__ import annotations

from typing import Any

import brian2 as b2

from cerebellum.cells import MODELS
from cerebellum.description.circuit import Circuit


def unit_text(circuit: Circuit, population: str) -> str:
    """Unit of weights onto a population: 1 where its text works on SI numbers."""
    return "amp" if MODELS[circuit.population[population].cell].differential else "1"


def unit(circuit: Circuit, population: str) -> Any:
    """The same as a Brian2 unit."""
    return b2.amp if unit_text(circuit, population) == "amp" else 1


def arrival(circuit: Circuit, population: str, receptor: str, amount: str) -> str:
    """What a spike of this weight does to its target; `receptor` is '' for a cell without."""
    described = circuit.population[population]
    if not receptor:
        return MODELS[described.cell].arrival
    return described.receptor[receptor].si.arrival(receptor, amount)


def namespace(circuit: Circuit, population: str, receptor: str) -> dict[str, Any]:
    """Numbers that an arrival's text names beside the amount."""
    if not receptor:
        return {}
    model = circuit.population[population].receptor[receptor].si
    numbers = model.constants(receptor, circuit.dt)
    return {factor: numbers[factor] for factor in model.jumps(receptor).values() if factor}
