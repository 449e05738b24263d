"""Run a schedule on the rate circuit, and keep what a comparison with spikes needs: little of it, at every scale.

Kept are the mean rate of every population in every step of 1 ms, and the rates of single cells in bins as fine as a
few million numbers a population allow.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from cerebellum import detonation, transfer
from cerebellum.balance import Balance
from cerebellum.cell_drive import BIN
from cerebellum.circuit import Circuit
from cerebellum.connectome import Connectome
from cerebellum.errors import ProtocolFileError
from cerebellum.progress import Progress, silent
from cerebellum.rate_circuit import RateCircuit, given_rates
from cerebellum.rate_transfer import TransferSurface
from cerebellum.rates_in_time import Rates
from cerebellum.stimuli import Schedule, plastic_spans

KEPT = 2_000_000  # numbers of one population
WIDTHS = (1, 5, 10, 25, 50, 100, 250, 500, 1000)  # ms; bins of single cells


@dataclass(frozen=True)
class CircuitRun:
    """What a simulation leaves: rates of all populations, final weights of plastic ones and seconds."""

    rates: dict[str, Rates]
    weights: dict[str, NDArray[np.float64]]
    seconds: dict[str, float] = field(default_factory=dict)


def build(
    connectome: Connectome,
    balance: Balance,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Progress = silent,
) -> RateCircuit:
    """The circuit with its cells' transfer functions measured, or taken from the cache.

    Raises
    ------
    ProtocolFileError
        If the protocol injects currents: the transfer functions are of conductances.
    """
    circuit = connectome.circuit
    if schedule.currents:
        raise ProtocolFileError("the rate engine knows cells by their conductances and cannot inject currents")
    surfaces = {}
    for name, population in circuit.population.items():
        if population.cell not in ("source", "relay") and name not in schedule.lesion:
            progress(f"transfer function of {name} cells", None)
            surfaces[name] = TransferSurface(transfer.of(circuit, balance, name), dtype)
    responses = detonation.responses(circuit, balance)
    return RateCircuit(connectome, balance, surfaces, responses, schedule.lesion, device, dtype)


def simulate(
    connectome: Connectome,
    balance: Balance,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    progress: Progress = silent,
) -> CircuitRun:
    """Run a schedule, without gradients."""
    clock = time.perf_counter()
    module = build(connectome, balance, schedule, device=device, dtype=dtype, progress=progress)
    seconds = {"build": time.perf_counter() - clock}
    clock = time.perf_counter()
    circuit, steps = connectome.circuit, round(schedule.duration / BIN)
    keepers = {name: _Keeper(circuit, name, steps) for name in circuit.population}
    given = given_rates(schedule, circuit, module.like)
    with torch.no_grad():
        state = module.begin(plastic_spans(schedule.trials))
        for step in range(steps):
            driven, afferent = module.driven(given, step)
            for name, rate in module(state, driven, afferent).items():
                keepers[name].add(step, rate)
            if step % 100 == 0:
                progress("rate engine", step / steps)
    seconds["simulate"] = time.perf_counter() - clock
    weights = {name: one.weight.double().cpu().numpy() for name, one in state.plastic.items()}
    return CircuitRun({n: k.rates() for n, k in keepers.items()}, weights, seconds)


class _Keeper:
    def __init__(self, circuit: Circuit, population: str, steps: int) -> None:
        cells = circuit.size(population)
        self.width = next((w for w in WIDTHS if cells * steps / w <= KEPT), WIDTHS[-1])
        self.mean = np.zeros(steps, np.float32)
        self.cells = np.zeros((-(-steps // self.width), cells), np.float32)
        self.counted = np.bincount(np.arange(steps) // self.width)

    def add(self, step: int, rate: torch.Tensor) -> None:
        values = rate.detach().cpu().numpy()
        self.mean[step] = values.mean()
        self.cells[step // self.width] += values

    def rates(self) -> Rates:
        return Rates(self.mean, np.asarray(self.cells / self.counted[:, None], np.float32), self.width * BIN)
