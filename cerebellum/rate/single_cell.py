"""Cells alone under synaptic input of changing intensity: the experiment from which the rate circuit's cells are read.

A cell gets the synapses that its circuit gives it on average. The rate of each source population wanders, so that the
cell is seen at every level of excitation and inhibition, at rest and in change. Spikes of populations that make their
own are Poisson at that rate; of those that the protocol drives, or the circuit draws, every spike is known, here as
there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from cerebellum.cells import conductance_lif, eglif
from cerebellum.connectome.connectome import Connectome, expected_synapses
from cerebellum.description.population import Population
from cerebellum.errors import ArgumentError
from cerebellum.rate.time_step import BIN, steps_within
from cerebellum.typing import Floats

DRAWN = ("granule", "golgi", "basket", "stellate")
"""Populations whose spikes a rate circuit with draws makes: the cells that share the chance of few inputs."""
LEAST, MOST = 0.3, 100.0  # Hz; range of a source population's mean rate, even in its logarithm
FLUCTUATION = 1.2  # greatest standard deviation of the logarithm of a source population's rate about its mean
FASTEST, SLOWEST = 3e-3, 0.3  # s; range of the correlation time of that fluctuation, even in its logarithm
SLICE = 200  # cells whose conductances are computed at once, for memory's sake


@dataclass(frozen=True)
class Input:
    """Synapses of one projection onto the mean cell of a population.

    Attributes
    ----------
    port : receptor
    source : population that fires them
    number : of source cells
    weight : of one spike: peak conductance (S)
    known : whether the rate circuit knows the spikes themselves, not only their rate
    """

    port: str
    source: str
    number: float
    weight: float
    known: bool


def spike_weight(connectome: Connectome, projection: str) -> float:
    """Peak conductance (S) that one spike opens, all contacts together; of short-term plastic synapses when rested."""
    described = connectome.circuit.projection[projection]
    contacts = described.contacts.mean.number if described.contacts is not None else 1.0
    released = described.short_term.U.si if described.short_term is not None else 1.0
    return connectome.weight[projection] * contacts * released


def inputs(connectome: Connectome, population: str, drawn: bool = False) -> dict[str, Input]:
    """Projections onto a population, and as '' its outside fibre, one a cell.

    Known are the spikes that the protocol gives, and those of cells with an outside fibre: the olive fires at that. If
    `drawn`, those of `DRAWN` populations, too.
    """
    circuit = connectome.circuit
    synapses, out = expected_synapses(circuit), {}
    afferent = circuit.population[population].afferent
    if afferent is not None:
        out[""] = Input(afferent.receptor, "", 1.0, afferent.weight.si, known=True)
    for name, projection in circuit.projection.items():
        if projection.target != population or not projection.receptor:
            continue
        source = circuit.population[projection.source]
        known = source.cell in ("source", "relay") or source.afferent is not None
        known |= drawn and projection.source in DRAWN
        # Two digits, so that circuits of different size, whose means differ by rounding, share what is measured.
        number = float(f"{synapses[name] / circuit.size(population):.2g}")
        weight = spike_weight(connectome, name)
        out[name] = Input(projection.receptor, projection.source, number, weight, known)
    return out


@dataclass(frozen=True)
class Drive:
    """What reached each port of many cells and what they fired, in bins of `BIN`.

    Attributes
    ----------
    conductance : port -> mean conductance over the bin (S), of known spikes as they came and of others in expectation,
        shape (bins, cells)
    spikes : number fired in the bin, shape (bins, cells)
    """

    conductance: dict[str, NDArray[np.float32]]
    spikes: NDArray[np.uint8]


def wandering(cells: int, bins: int, rng: np.random.Generator) -> Floats:
    """Rates (Hz) of a source population as `cells` cells see it, each an exponential Ornstein-Uhlenbeck process.

    shape (bins, cells)
    """
    mean = np.exp(rng.uniform(np.log(LEAST), np.log(MOST), cells))
    sigma = rng.uniform(0.0, FLUCTUATION, cells)
    keep = np.exp(-BIN / np.exp(rng.uniform(np.log(FASTEST), np.log(SLOWEST), cells)))
    state, out = rng.standard_normal(cells), np.empty((bins, cells))
    for now in range(bins):
        out[now] = mean * np.exp(sigma * state - sigma**2 / 2)
        state = keep * state + np.sqrt(1 - keep**2) * rng.standard_normal(cells)
    return out


def alpha_mean(rate: Floats, tau: float) -> Floats:
    """Mean over each bin of the alpha conductance of unit weight under `rate` (Hz, along the first axis), from 0.

    g' = h - g / tau, h' = e rate / tau - h / tau with the rate constant within a bin, exactly.
    """
    a = np.exp(-BIN / tau)
    h = lfilter([math.e * (1 - a)], [1.0, -a], rate, axis=0)
    before = np.concatenate([np.zeros_like(h[:1]), h[:-1]])
    g = lfilter([1.0], [1.0, -a], BIN * a * before + math.e * tau * (1 - a * (1 + BIN / tau)) * rate, axis=0)
    whole_h = math.e * BIN * rate - tau * (h - before)
    return tau * (whole_h - (g - np.concatenate([np.zeros_like(g[:1]), g[:-1]]))) / BIN


class Arrivals(Mapping[int, list[tuple[str, NDArray[np.int64], Floats]]]):
    """Poisson arrivals drawn when a cell model asks for a step's; counts those of known inputs."""

    def __init__(self, given: dict[str, Input], rates: dict[str, Floats], dt: float, rng: np.random.Generator) -> None:
        self.given, self.rates, self.dt, self.rng = given, rates, dt, rng
        bins, cells = next(iter(rates.values())).shape
        self.cells, self.steps, self.each = np.arange(cells), bins * steps_within(dt), steps_within(dt)
        self.count = {name: np.zeros((bins, cells), np.uint16) for name, one in given.items() if one.known}

    def __getitem__(self, step: int) -> list[tuple[str, NDArray[np.int64], Floats]]:
        out = []
        for name, one in self.given.items():
            number = self.rng.poisson(one.number * self.dt * self.rates[one.source][step // self.each])
            if one.known:
                self.count[name][step // self.each] += number.astype(np.uint16)
            out.append((one.port, self.cells, one.weight * number))
        return out

    def __iter__(self) -> Any:
        return iter(range(self.steps))

    def __len__(self) -> int:
        return self.steps


def experiment(
    population: Population, given: dict[str, Input], cells: int, duration: float, dt: float, rng: np.random.Generator
) -> Drive:
    """Drive `cells` cells of a population for `duration` (s) by wandering rates of their source populations.

    Raises
    ------
    ArgumentError
        For a cell model without conductances.
    """
    bins = round(duration / BIN)
    sources = dict.fromkeys(one.source for one in given.values())
    rates = {source: wandering(cells, bins, rng) for source in sources}
    arrivals = Arrivals(given, rates, dt, rng) if given else None
    step, who = respond(population, cells, bins * steps_within(dt), dt, rng, arrivals)
    spikes = np.zeros((bins, cells), np.uint8)
    np.add.at(spikes, (step // steps_within(dt), who), 1)
    ports = {name: receptor.port for name, receptor in population.receptor.items()}
    total = {name: np.zeros((bins, cells), np.float32) for name in ports}
    for name, one in given.items():
        counted = arrivals.count.get(name) if arrivals else None
        for first in range(0, cells, SLICE):
            some = slice(first, first + SLICE)
            rate = one.number * rates[one.source][:, some] if counted is None else counted[:, some] / BIN
            total[one.port][:, some] += (one.weight * alpha_mean(rate, ports[one.port].tau)).astype(np.float32)
    return Drive(total, spikes)


def respond(
    population: Population, cells: int, steps: int, dt: float, rng: np.random.Generator, arrivals: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Steps and numbers of the cells that spike, as the spiking engine's cells would under the same arrivals."""
    ports = {name: receptor.port for name, receptor in population.receptor.items()}
    silent, parameters = np.zeros((steps, 1)), population.si()
    if population.cell == "eglif":
        return eglif.respond(parameters, ports, eglif.start(parameters, cells, rng), silent, dt, arrivals)
    if population.cell == "conductance_lif":
        begin = rng.uniform(parameters["V_reset"], parameters["V_th"], cells)
        _, spiked = conductance_lif.respond(parameters, ports, begin, silent, dt, arrivals)
        return np.nonzero(spiked)  # type: ignore[return-value]
    raise ArgumentError("population", population.cell, "wanted a cell with conductances: eglif or conductance_lif")
