"""Inhibition that balances what a driven granular layer excites: feed-forward, by interneurons, solved for one weight.

The cells run alone, under Poisson spikes at the mean rates of what reaches them: interneurons at rest and when granule
cells are driven, each at the rate at which its own population inhibits it as much as it does; then the target, between
those rates. The weight is that at which the target's rate is the same in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from cerebellum.cells import MODELS
from cerebellum.connectome.wiring import expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.projection import BalanceWeight
from cerebellum.errors import ModelFileError
from cerebellum.machine.streams import generator
from cerebellum.typing import Floats, Ints

SECONDS, SETTLED = 0.5, 0.1  # of every run, and of its begin that is left out
ALIKE = 16  # cells under the same drive
RATES = np.linspace(0.0, 200.0, 21)  # Hz; at which a population of interneurons may inhibit itself
SHARES = np.geomspace(0.25, 4.0, 17)  # of a first guess, in which the weight is looked for


class _Poisson(Mapping[int, list[tuple[str, Ints, Floats]]]):
    """Spikes that reach each receptor in a step: `rate` of arrivals (Hz) of weight `weight` (S), both (cells,)."""

    def __init__(self, given: list[tuple[str, Floats, Floats]], dt: float, rng: np.random.Generator) -> None:
        self.given, self.dt, self.rng = given, dt, rng
        self.cells = np.arange(len(given[0][1]))

    def __getitem__(self, step: int) -> list[tuple[str, Ints, Floats]]:
        return [(name, self.cells, weight * self.rng.poisson(rate * self.dt)) for name, rate, weight in self.given]

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def __len__(self) -> int:
        return round(SECONDS / self.dt)


def balanced(circuit: Circuit, name: str, weight: Mapping[str, float]) -> float:
    """The weight (S) of an inhibitory projection described by a `BalanceWeight`; `weight` has those already known.

    Raises
    ------
    ModelFileError
        If nothing excites the interneurons, or no weight balances.
    """
    wanted, target = circuit.projection[name].weight, circuit.projection[name].target
    assert isinstance(wanted, BalanceWeight)
    origin = circuit.projection[wanted.of].source
    granule = np.array([wanted.rest.si, wanted.driven.si])
    synapses = expected_synapses(circuit)
    number = {key: synapses[key] / circuit.size(p.target) for key, p in circuit.projection.items()}

    def unit(key: str, of: float) -> float:
        contacts = circuit.projection[key].contacts
        return of * (contacts.mean.number if contacts is not None else 1.0)

    def onto(population: str, sources: Mapping[str, Floats], left_out: str = "") -> list[tuple[str, Floats, Floats]]:
        """Arrivals of all projections from `sources` (population -> rate, Hz, of each cell)."""
        return [
            (p.receptor, number[key] * sources[p.source], np.full_like(sources[p.source], unit(key, weight[key])))
            for key, p in circuit.projection.items()
            if p.target == population and p.source in sources and key != left_out
        ]

    def rates(population: str, given: list[tuple[str, Floats, Floats]]) -> Floats:
        """Mean rate (Hz) of every `ALIKE` cells."""
        described = circuit.population[population]
        model, rng = MODELS[described.cell], generator(0, "balance", name, population)
        start = model.out_of_phase or model.start
        if model.respond is None or start is None:
            raise ModelFileError(
                f"projection.{name}.weight: {population} cells ({described.cell}) have no reference; wanted a number"
            )
        cells = len(given[0][1])
        begin = start(described.si(), cells, rng)
        arrivals: Any = _Poisson(given, circuit.dt, rng)
        step, who = model.respond(
            described.si(), described.receptor_models(), begin, np.zeros((len(arrivals), 1)), circuit.dt, arrivals
        )
        counted = np.bincount(who[step * circuit.dt >= SETTLED], minlength=cells)
        return counted.reshape(-1, ALIKE).mean(axis=1) / (SECONDS - SETTLED)

    known: dict[str, Floats] = {origin: granule}
    for population in dict.fromkeys(p.source for p in circuit.projection.values() if p.target == target):
        if any(p.source == origin and p.target == population for p in circuit.projection.values()):
            drive = {origin: np.repeat(granule, len(RATES) * ALIKE), population: np.repeat(np.tile(RATES, 2), ALIKE)}
            fired = rates(population, onto(population, drive)).reshape(2, -1)
            known[population] = np.array([_crossing(RATES, found - RATES) for found in fired])
    if (source := circuit.projection[name].source) not in known or source == origin:
        raise ModelFileError(f"projection.{name}.weight: nothing excites {source} from {origin}; wanted a number")

    own = circuit.projection[name]
    tried = SHARES * _guess(circuit, name, known, number, {**weight, name: 1.0}, unit)
    between = {key: np.repeat(rate, len(tried) * ALIKE) for key, rate in known.items()}
    given = onto(target, between, left_out=name)
    given.append((own.receptor, number[name] * between[source], unit(name, 1.0) * np.repeat(np.tile(tried, 2), ALIKE)))
    rest, driven = rates(target, given).reshape(2, -1)
    found = _crossing(np.log(tried), driven - rest)
    if not np.log(tried[0]) < found < np.log(tried[-1]):
        raise ModelFileError(
            f"projection.{name}.weight: no weight between {tried[0] * 1e9:.3g} and {tried[-1] * 1e9:.3g} nS leaves "
            f"{target} cells at their rate; wanted a number, or another rate of {origin} cells"
        )
    return float(np.exp(found))


def _crossing(x: Floats, y: Floats) -> float:
    """Where a course that falls crosses 0: of a line through the neighbours of its last sign change."""
    above = np.flatnonzero(y > 0)
    if len(above) == 0 or above[-1] + 1 == len(y):
        return float(x[0] if len(above) == 0 else x[-1])
    near = slice(max(0, above[-1] - 2), above[-1] + 4)
    slope, offset = np.polyfit(x[near], y[near], 1)
    return float(np.clip(-offset / slope, x[near][0], x[near][-1]))


def _guess(
    circuit: Circuit,
    name: str,
    known: Mapping[str, Floats],
    number: Mapping[str, float],
    weight: Mapping[str, float],
    unit: Callable[[str, float], float],
) -> float:
    """The weight at which mean currents balance half-way between reset and threshold."""
    projection = circuit.projection[name]
    cell, receptors = circuit.population[projection.target].si(), circuit.population[projection.target]
    voltage = (cell["V_reset"] + cell["V_th"]) / 2
    models = receptors.receptor_models()

    def current(key: str) -> float:
        p = circuit.projection[key]
        open_for = float(models[p.receptor].course(np.ones((2000, 1)), 1e-4)[-1, 0])  # s, of a spike that opens 1 S
        more = float(known[p.source][1] - known[p.source][0])
        return number[key] * more * open_for * unit(key, weight[key]) * (models[p.receptor].reversal - voltage)

    rest = sum(
        current(key)
        for key, p in circuit.projection.items()
        if p.target == projection.target and p.source in known and key != name
    )
    return max(-rest / current(name), 1e-12)
