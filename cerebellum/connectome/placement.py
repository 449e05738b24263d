"""Where the cells of a circuit with a volume lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cerebellum.machine.streams import generator
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit

PACKED = 0.1
"""Share of a layer up to which the somata of a population are kept apart; random packing stalls at 0.38 in space."""
REDRAWS = 200


def positions(circuit: Circuit, seed: int) -> dict[str, Floats]:
    """Soma centres of every population, m, shape (cells, 3), ordered by x so that microzones are runs of cells.

    Drawn evenly in the population's layer; see `Population.soma` for overlap. Empty for a circuit without a volume.
    z is 0 at the bottom of the granular layer.
    """
    if circuit.volume is None:
        return {}
    places = {}
    for name, population in circuit.population.items():
        low, size = circuit.box(name)
        radius = population.soma.si if population.soma else 0.0
        cells = _apart(circuit.size(name), low, size, radius, generator(seed, "positions", name))
        places[name] = cells[np.argsort(cells[:, 0], kind="stable")]
    return places


def _apart(cells: int, low: Floats, size: Floats, radius: float, rng: np.random.Generator) -> Floats:
    """Points in a box, redrawn while they are nearer to another than two radii."""
    from scipy.spatial import cKDTree

    points = low + size * rng.random((cells, 3))
    flat = size[2] == 0.0
    filled = cells * (np.pi * radius**2 if flat else 4 / 3 * np.pi * radius**3)
    if filled > PACKED * np.prod(size[:2] if flat else size) * (3 if flat else 1):
        return points
    for _ in range(REDRAWS):
        close = cKDTree(points).query_pairs(2 * radius, output_type="ndarray")
        if not len(close):
            break
        moved = np.unique(close[:, 1])
        points[moved] = low + size * rng.random((len(moved), 3))
    return points
