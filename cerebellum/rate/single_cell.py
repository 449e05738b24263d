"""Cells alone under synaptic input of changing intensity: the experiment from which the rate circuit's cells are read.

A cell gets the synapses that its circuit gives it on average. The rate of each source population wanders, so that the
cell is seen at every level of excitation and inhibition, at rest and in change. Spikes of populations that make their
own are Poisson at that rate; of those that the protocol drives, or the circuit draws, every spike is known, here as
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells import MODELS, Receptors
from cerebellum.description.population import Population
from cerebellum.errors import ArgumentError
from cerebellum.machine.progress import Progress, silent
from cerebellum.rate.time_step import BIN, steps_within
from cerebellum.typing import Floats

SLOWEST_RATE, FASTEST_RATE = 0.3, 100.0  # Hz; range of a source population's mean rate, even in its logarithm
FLUCTUATION = 1.2  # greatest standard deviation of the logarithm of a source population's rate about its mean
SHORTEST, LONGEST = 3e-3, 0.3  # s; range of the correlation time of that fluctuation, even in its logarithm
SLICE = 200  # cells whose conductances are computed at once, for memory's sake


@dataclass(frozen=True)
class Input:
    """Synapses of one projection onto the mean cell of a population.

    Attributes
    ----------
    receptor : of the cell
    source : population that fires them
    number : of source cells
    weight : of one spike: peak conductance (S)
    known : whether the rate circuit knows the spikes themselves, not only their rate
    """

    receptor: str
    source: str
    number: float
    weight: float
    known: bool


@dataclass(frozen=True)
class Drive:
    """What reached each receptor of many cells and what they fired, in bins of `BIN`.

    Attributes
    ----------
    conductance : receptor -> mean conductance over the bin (S) with voltage gates open, of known spikes as they came
        and of others in expectation, shape (bins, cells)
    spikes : number fired in the bin, shape (bins, cells)
    """

    conductance: dict[str, NDArray[np.float32]]
    spikes: NDArray[np.uint8]


def ornstein_uhlenbeck(cells: int, bins: int, rng: np.random.Generator) -> Floats:
    """Rates (Hz) of a source population as `cells` cells see it, each an exponential Ornstein-Uhlenbeck process.

    shape (bins, cells)
    """
    mean = np.exp(rng.uniform(np.log(SLOWEST_RATE), np.log(FASTEST_RATE), cells))
    sigma = rng.uniform(0.0, FLUCTUATION, cells)
    keep = np.exp(-BIN / np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST), cells)))
    state, out = rng.standard_normal(cells), np.empty((bins, cells))
    for now in range(bins):
        out[now] = mean * np.exp(sigma * state - sigma**2 / 2)
        state = keep * state + np.sqrt(1 - keep**2) * rng.standard_normal(cells)
    return out


class Arrivals(Mapping[int, list[tuple[str, NDArray[np.int64], Floats]]]):
    """Poisson arrivals drawn when a cell model asks for a step's; counts those of known inputs."""

    def __init__(
        self,
        given: dict[str, Input],
        rates: dict[str, Floats],
        dt: float,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> None:
        self.given, self.rates, self.dt, self.rng, self.progress = given, rates, dt, rng, progress
        bins, cells = next(iter(rates.values())).shape
        self.cells, self.steps, self.each = np.arange(cells), bins * steps_within(dt), steps_within(dt)
        self.count = {name: np.zeros((bins, cells), np.uint16) for name, one in given.items() if one.known}

    def __getitem__(self, step: int) -> list[tuple[str, NDArray[np.int64], Floats]]:
        out = []
        if step % 1000 == 0:
            self.progress("transfer functions", step / self.steps)
        for name, one in self.given.items():
            number = self.rng.poisson(one.number * self.dt * self.rates[one.source][step // self.each])
            if one.known:
                self.count[name][step // self.each] += number.astype(np.uint16)
            out.append((one.receptor, self.cells, one.weight * number))
        return out

    def __iter__(self) -> Any:
        return iter(range(self.steps))

    def __len__(self) -> int:
        return self.steps


def experiment(
    population: Population,
    given: dict[str, Input],
    cells: int,
    duration: float,
    dt: float,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> Drive:
    """Drive `cells` cells of a population for `duration` (s) by wandering rates of their source populations.

    Raises
    ------
    ArgumentError
        For a cell model without conductances.
    """
    bins = round(duration / BIN)
    sources = dict.fromkeys(one.source for one in given.values())
    rates = {source: ornstein_uhlenbeck(cells, bins, rng) for source in sources}
    arrivals = Arrivals(given, rates, dt, rng, progress) if given else None
    step, who = respond(population, cells, bins * steps_within(dt), dt, rng, arrivals)
    spikes = np.zeros((bins, cells), np.uint8)
    np.add.at(spikes, (step // steps_within(dt), who), 1)
    receptors: Receptors = population.receptor_models()
    total = {name: np.zeros((bins, cells), np.float32) for name in receptors}
    for name, one in given.items():
        counted = arrivals.count.get(name) if arrivals else None
        for first in range(0, cells, SLICE):
            some = slice(first, first + SLICE)
            rate = one.number * rates[one.source][:, some] if counted is None else counted[:, some] / BIN
            unit = receptors[one.receptor].course(rate, BIN)
            total[one.receptor][:, some] += (one.weight * unit).astype(np.float32)
    return Drive(total, spikes)


def respond(
    population: Population, cells: int, steps: int, dt: float, rng: np.random.Generator, arrivals: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps and numbers of the cells that spike, as the spiking engine's cells would under the same arrivals.

    Raises
    ------
    ArgumentError
        For a cell model without a numpy reference.
    """
    model, parameters = MODELS[population.cell], population.si()
    begin = model.out_of_phase or model.start
    if model.respond is None or begin is None:
        known = [name for name, one in MODELS.items() if one.respond is not None]
        raise ArgumentError("population", population.cell, f"wanted a cell with a reference: {' or '.join(known)}")
    silent = np.zeros((steps, 1))
    return model.respond(parameters, population.receptor_models(), begin(parameters, cells, rng), silent, dt, arrivals)
