"""Cell parameters, those with a spread drawn for every cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import MODELS
from cerebellum.description import ranges
from cerebellum.description.circuit import Circuit
from cerebellum.description.edges import zone_of
from cerebellum.description.population import Population
from cerebellum.machine.streams import generator
from cerebellum.typing import Floats


def parameters(circuit: Circuit, name: str, seed: int) -> dict[str, float | Floats]:
    """SI; a float, or shape (cells,).

    The Gaussian of a spread is cut to the parameter's range: what lies outside is drawn again, of the same stream and
    after all first draws, so that a circuit without such a cell never notices.
    """
    population, cells = circuit.population[name], circuit.size(name)
    allowed = ranges.bounds(MODELS[population.cell], circuit.dt)
    found: dict[str, float | Floats] = dict(population.si())

    def draw(key: str, rng: np.random.Generator, number: int) -> Floats:
        return population.parameters[key].si + population.spread[key].si * rng.standard_normal(number)

    def wrong(key: str, value: Floats) -> NDArray[np.bool_]:
        low, high = allowed[key]
        out = (value <= low) | (value >= high)
        if key == _ordered(population):  # the last of the two to be drawn keeps V_reset below V_th
            out |= np.subtract({**found, key: value}["V_th"], {**found, key: value}["V_reset"]) <= 0
        return out

    for key in population.spread:
        rng = generator(seed, "spread", name, key)
        value = draw(key, rng, cells)
        while (again := wrong(key, value)).any():
            value[again] = draw(key, rng, int(again.sum()))
        found[key] = value
    if population.stripes:
        side = np.where(zone_of(cells, circuit.zones) % 2, 1.0, -1.0)
        found |= {key: found[key] + side * more.si for key, more in population.stripes.items()}
    return found


def _ordered(population: Population) -> str | None:
    ends = [key for key in population.spread if key in ("V_th", "V_reset")]
    return ends[-1] if ends and {"V_th", "V_reset"} <= population.parameters.keys() else None
