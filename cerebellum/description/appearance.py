"""How a circuit looks in figures and reports: colours of populations, places in the diagram, names as words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cerebellum.description.circuit import Circuit

# Okabe M, Ito K (2008) Color universal design: told apart with every kind of colour vision.
CYCLE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#f0e442")
APART = 1.5  # between places of the diagram, in which a box is some 1.4 wide


def colours(circuit: Circuit) -> dict[str, str]:
    """Colour of every population: the model file's, or the next of `CYCLE` that the file does not use."""
    given = {name: population.colour for name, population in circuit.population.items() if population.colour}
    free = [colour for colour in CYCLE if colour not in given.values()] or list(CYCLE)
    others = [name for name in circuit.population if name not in given]
    return {**{name: free[number % len(free)] for number, name in enumerate(others)}, **given}


def places(circuit: Circuit) -> dict[str, tuple[float, float]]:
    """Where every population stands in the diagram, input left, output right.

    The model file's place, or else the free point of a grid nearest to where the signal flows: right of the placed
    populations from which it comes, left of those to which it goes.
    """
    found = {name: population.place for name, population in circuit.population.items() if population.place is not None}
    for name in circuit.population:
        if name not in found:
            found[name] = _free(_wanted(circuit, name, found), found)
    return found


def _wanted(circuit: Circuit, name: str, placed: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    pairs = {(projection.source, projection.target) for projection in circuit.projection.values()}
    near = [(x + APART, y) for other, (x, y) in placed.items() if (other, name) in pairs]
    near += [(x - APART, y) for other, (x, y) in placed.items() if (name, other) in pairs]
    x, y = np.mean(near or [(0.0, 1.0)], axis=0)
    return float(x), float(y)


def _free(wanted: tuple[float, float], placed: Mapping[str, tuple[float, float]]) -> tuple[float, float]:
    taken = np.array(list(placed.values())).reshape(-1, 2)
    side = np.arange(-len(placed) - 1, len(placed) + 2) * APART / 2
    grid = np.array(wanted) + np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    clear = np.abs(grid[:, None, :] - taken[None, :, :]).max(axis=-1).min(axis=1, initial=np.inf) >= APART - 1e-9
    points = grid[clear]
    x, y = points[np.hypot(*(points - wanted).T).argmin()]
    return float(x), float(y)


def words(name: str) -> str:
    """A name of the schema as a label."""
    return name.replace("_", " ")
