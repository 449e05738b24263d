"""Run a schedule on the rate circuit, and keep what a comparison with spikes needs: little of it, at every scale.

Kept are the mean rate of every population in every step of 1 ms, and the rates of single cells in bins as fine as a
few million numbers a population allow. What a readout needs exactly is asked for: each cell's expected spikes in
windows.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum import cell_drive, transfer
from cerebellum.balance import Balance
from cerebellum.cell_drive import BIN
from cerebellum.circuit import Circuit
from cerebellum.connectome import Connectome
from cerebellum.errors import ProtocolFileError
from cerebellum.progress import Progress, silent
from cerebellum.rate_circuit import RateCircuit, given_rates
from cerebellum.rate_transfer import TransferSurface
from cerebellum.rates_in_time import STEP, Rates
from cerebellum.stimuli import Schedule, plastic_spans

KEPT = 2_000_000  # numbers of one population
WIDTHS = (1, 5, 10, 25, 50, 100, 250, 500, 1000)  # ms; bins of single cells

Windows = Sequence[Sequence[tuple[float, float]]]
"""Groups of windows [start, stop) (s)."""


@dataclass(frozen=True)
class CircuitRun:
    """What a simulation leaves.

    Attributes
    ----------
    rates : of all populations; with draws, as the other values, the mean over them
    weights : plastic projection -> weights at the end (S), in the order of the connectome's edges
    counts : population -> expected spikes of each cell in the windows asked for, shape (groups of windows, cells)
    seconds : of building and simulating
    """

    rates: dict[str, Rates]
    weights: dict[str, NDArray[np.float64]]
    counts: dict[str, NDArray[np.float64]]
    seconds: dict[str, float] = field(default_factory=dict)


def build(
    connectome: Connectome,
    balance: Balance,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    draws: int = 0,
    progress: Progress = silent,
) -> RateCircuit:
    """The circuit with its cells' transfer functions measured, or taken from the cache; `draws` as `RateCircuit`.

    Raises
    ------
    ProtocolFileError
        If the protocol injects currents: the transfer functions are of conductances.
    ArgumentError
        If the circuit's time step is no whole part of the rate circuit's.
    """
    circuit = connectome.circuit
    cell_drive.steps_within(circuit.dt)
    if schedule.currents:
        raise ProtocolFileError("the rate engine knows cells by their conductances and cannot inject currents")
    surfaces = {}
    for name, population in circuit.population.items():
        if population.cell not in ("source", "relay") and name not in schedule.lesion:
            progress(f"transfer function of {name} cells", None)
            surfaces[name] = TransferSurface(transfer.of(circuit, balance, name, draws > 0), dtype)
    return RateCircuit(connectome, balance, surfaces, schedule.lesion, device, dtype, draws)


def simulate(
    connectome: Connectome,
    balance: Balance,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    draws: int = 0,
    progress: Progress = silent,
    counted: Mapping[str, Windows] | None = None,
) -> CircuitRun:
    """Run a schedule, without gradients.

    Parameters
    ----------
    draws : realizations of drawn spikes to average, all different by the connectome's seed; 0: expectations only
    counted : population -> groups of windows in which its cells' expected spikes are added up
    """
    clock = time.perf_counter()
    module = build(connectome, balance, schedule, device=device, dtype=dtype, draws=draws, progress=progress)
    seconds = {"build": time.perf_counter() - clock}
    clock = time.perf_counter()
    circuit, steps = connectome.circuit, round(schedule.duration / BIN)
    keepers = {name: _Keeper(circuit, name, steps) for name in circuit.population}
    tallies = {name: _Tally(circuit.size(name), windows, steps) for name, windows in (counted or {}).items()}
    given = given_rates(schedule, circuit, module.like)
    with torch.no_grad():
        state = module.begin(plastic_spans(schedule.trials), connectome.seed)
        for step in range(steps):
            driven, afferent = module.driven(given, step)
            for name, rate in module(state, driven, afferent).items():
                values = _over_draws(rate).cpu().numpy()
                keepers[name].add(step, values)
                if name in tallies:
                    tallies[name].add(step, values)
            if step % 100 == 0:
                progress("rate engine", step / steps)
    seconds["simulate"] = time.perf_counter() - clock
    weights = {name: _over_draws(one.weight.detach().double()).cpu().numpy() for name, one in state.plastic.items()}
    counts = {name: tally.counts for name, tally in tallies.items()}
    return CircuitRun({n: k.rates() for n, k in keepers.items()}, weights, counts, seconds)


def _over_draws(values: Tensor) -> Tensor:
    return values if values.dim() == 1 else values.mean(dim=0)


class _Keeper:
    def __init__(self, circuit: Circuit, population: str, steps: int) -> None:
        cells = circuit.size(population)
        each = round(STEP / BIN)
        width = next((w for w in WIDTHS if cells * steps / (each * w) <= KEPT), WIDTHS[-1])
        self.width, self.of_mean, self.of_cells = width, np.arange(steps) // each, np.arange(steps) // (each * width)
        self.mean = np.zeros(self.of_mean[-1] + 1)
        self.cells = np.zeros((self.of_cells[-1] + 1, cells), np.float32)

    def add(self, step: int, values: NDArray[Any]) -> None:
        self.mean[self.of_mean[step]] += values.mean()
        self.cells[self.of_cells[step]] += values

    def rates(self) -> Rates:
        mean = self.mean / np.bincount(self.of_mean)
        cells = self.cells / np.bincount(self.of_cells)[:, None]
        return Rates(mean.astype(np.float32), cells.astype(np.float32), self.width * STEP)


class _Tally:
    def __init__(self, cells: int, windows: Windows, steps: int) -> None:
        self.counts = np.zeros((len(windows), cells))
        self.within = np.zeros((steps, len(windows)), np.int64)
        for group, own in enumerate(windows):
            for start, stop in own:
                self.within[round(start / BIN) : round(stop / BIN), group] += 1

    def add(self, step: int, values: NDArray[Any]) -> None:
        for group in np.flatnonzero(self.within[step]):
            self.counts[group] += (self.within[step, group] * BIN) * values
