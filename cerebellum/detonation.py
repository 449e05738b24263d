"""What one spike of a synapse does that fires its target by itself: a climbing fibre, an outside fibre on the olive.

Measured on the cell in steps of 1 ms from the spike's arrival: the spikes that it adds, and the share of the cell's own
firing that is left while it pauses after them. Its other inputs fire as they do alone, that is those which do: without
the inhibition of the nuclei an olivary cell rebounds again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum import cell_drive
from cerebellum.balance import Balance
from cerebellum.cell_drive import BIN, Arrivals, Floats
from cerebellum.circuit import Circuit
from cerebellum.streams import generator

CELLS, REST, FOLLOWED, BEFORE = 2000, 0.4, 0.25, 0.2  # cells; s before the spike, after it, and of the rest used
FEW_CELLS = 100
FEW = 1.0  # Hz; a cell that fires less by itself has nothing to pause
SURE = 2.5  # counting errors by which a step must differ from rest


class _Kicked(Mapping[int, list[tuple[str, NDArray[np.int64], Floats]]]):
    """One spike on every cell at one step, besides what arrives anyway."""

    def __init__(self, beside: Arrivals | None, step: int, port: str, weight: float, cells: int) -> None:
        self.beside, self.step = beside, step
        self.arrival = (port, np.arange(cells), np.full(cells, weight))

    def __getitem__(self, step: int) -> list[tuple[str, NDArray[np.int64], Floats]]:
        arriving = [] if self.beside is None else self.beside[step]
        return [*arriving, self.arrival] if step == self.step else arriving

    def __iter__(self) -> Any:
        return iter(() if self.beside is None else self.beside)

    def __len__(self) -> int:
        return 1 if self.beside is None else len(self.beside)


def responses(circuit: Circuit, balance: Balance) -> dict[tuple[str, str], Floats]:
    """(population, projection) -> added rate (Hz) and share left, shape (2, steps); '' is the population's afferent."""
    out = {}
    for name, projection in circuit.projection.items():
        if not projection.receptor:
            continue
        weight = cell_drive.spike_weight(circuit, balance, name)
        if cell_drive.detonates(circuit, projection.target, projection.receptor, weight):
            out[projection.target, name] = response(circuit, balance, projection.target, projection.receptor, weight)
    for name, population in circuit.population.items():
        if population.afferent is not None:
            weight = population.afferent.weight.si
            out[name, ""] = response(circuit, balance, name, population.afferent.receptor, weight)
    return out


def burst_steps(added: Floats) -> int:
    """Steps from the spike's arrival within which 95 % of its burst comes: of what the first 30 ms add."""
    early = np.cumsum(added[: round(0.03 / BIN)])
    return 1 + int(np.searchsorted(early, 0.95 * early[-1])) if early[-1] > 0 else 1


def alone(circuit: Circuit, population: str) -> float:
    """Rate (Hz) of a population's cells without input, by themselves; 0 of cells without a membrane."""
    described = circuit.population[population]
    if described.cell in ("source", "relay"):
        return 0.0
    rng = generator(0, "alone", population)
    steps = round(2 * REST / circuit.dt)
    step, _ = cell_drive.respond(described, FEW_CELLS, steps, circuit.dt, rng)
    return float((step >= steps // 2).sum() / (FEW_CELLS * REST))


def response(circuit: Circuit, balance: Balance, population: str, receptor: str, weight: float) -> Floats:
    """Added rate (Hz) and share of the own rate left after one spike of peak conductance `weight` (S), (2, steps)."""
    dt, described = circuit.dt, circuit.population[population]
    each = round(BIN / dt)
    steps, at = round((REST + FOLLOWED) / BIN), round(REST / BIN)
    rng = generator(0, "detonation", population, receptor)
    given = cell_drive.inputs(circuit, balance, population)
    rates = {one.source: np.full((steps, CELLS), alone(circuit, one.source)) for one in given.values()}
    given = {name: one for name, one in given.items() if rates[one.source].any()}
    beside = Arrivals(given, rates, dt, rng) if given else None
    kicked = _Kicked(beside, at * each - 1, receptor, weight, CELLS)
    step, _ = cell_drive.respond(described, CELLS, steps * each, dt, rng, kicked)
    rate = np.bincount(step // each, minlength=steps) / (CELLS * BIN)
    rest = rate[at - round(BEFORE / BIN) : at].mean()
    after = rate[at:]
    if rest <= FEW:
        return np.stack([after, np.ones_like(after)])
    seen = np.abs(after - rest) > SURE * np.sqrt(rest / (CELLS * BIN))
    burst = np.where(seen, np.maximum(after - rest, 0.0), 0.0)
    return np.stack([burst, np.where(seen, np.minimum(after / rest, 1.0), 1.0)])
