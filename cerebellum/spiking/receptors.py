"""What synapses onto a population bring it: the text of an arrival, its numbers, the unit of its weights."""

from __future__ import annotations

from typing import Any

from cerebellum.cells import MODELS
from cerebellum.description.circuit import Circuit


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
