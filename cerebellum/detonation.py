"""What one spike of a synapse does that fires its target by itself: a climbing fibre, an outside fibre on the olive.

Measured on the cell without other input, in steps of 1 ms from the spike's arrival: the spikes that it adds, and the
share of the cell's own firing that is left while it pauses after them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum import cell_drive
from cerebellum.balance import Balance
from cerebellum.cell_drive import BIN, Floats
from cerebellum.circuit import Circuit
from cerebellum.streams import generator

CELLS, REST, FOLLOWED, BEFORE = 3000, 0.4, 0.25, 0.2  # cells; s before the spike, after it, and of the rest used
FEW = 1.0  # Hz; a cell that fires less by itself has nothing to pause
SURE = 2.5  # counting errors by which a step must differ from rest


class _Once(Mapping[int, list[tuple[str, NDArray[np.int64], Floats]]]):
    """One spike on every cell at one step."""

    def __init__(self, step: int, port: str, weight: float, cells: int) -> None:
        self.step, self.arrival = step, [(port, np.arange(cells), np.full(cells, weight))]

    def __getitem__(self, step: int) -> list[tuple[str, NDArray[np.int64], Floats]]:
        if step != self.step:
            raise KeyError(step)
        return self.arrival

    def __iter__(self) -> Any:
        return iter((self.step,))

    def __len__(self) -> int:
        return 1


def responses(circuit: Circuit, balance: Balance) -> dict[tuple[str, str], Floats]:
    """(population, projection) -> added rate (Hz) and share left, shape (2, steps); '' is the population's afferent."""
    out = {}
    for name, projection in circuit.projection.items():
        if not projection.receptor:
            continue
        contacts = projection.contacts.mean.number if projection.contacts is not None else 1.0
        weight = balance.weight[name] * contacts
        if cell_drive.detonates(circuit, projection.target, projection.receptor, weight):
            out[projection.target, name] = response(circuit, projection.target, projection.receptor, weight)
    for name, population in circuit.population.items():
        if population.afferent is not None:
            out[name, ""] = response(circuit, name, population.afferent.receptor, population.afferent.weight.si)
    return out


def response(circuit: Circuit, population: str, receptor: str, weight: float) -> Floats:
    """Added rate (Hz) and share of the own rate left after one spike of peak conductance `weight` (S), (2, steps)."""
    dt, described = circuit.dt, circuit.population[population]
    each = round(BIN / dt)
    steps, at = round((REST + FOLLOWED) / BIN), round(REST / BIN)
    once = _Once(at * each - 1, receptor, weight, CELLS)
    rng = generator(0, "detonation", population, receptor)
    step, _ = cell_drive.respond(described, CELLS, steps * each, dt, rng, once)
    rate = np.bincount(step // each, minlength=steps) / (CELLS * BIN)
    rest = rate[at - round(BEFORE / BIN) : at].mean()
    after = rate[at:]
    if rest <= FEW:
        return np.stack([after, np.ones_like(after)])
    seen = np.abs(after - rest) > SURE * np.sqrt(rest / (CELLS * BIN))
    burst = np.where(seen, np.maximum(after - rest, 0.0), 0.0)
    return np.stack([burst, np.where(seen, np.minimum(after / rest, 1.0), 1.0)])
