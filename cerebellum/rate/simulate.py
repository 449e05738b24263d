"""Run a schedule on the rate circuit, and keep what a comparison with spikes needs: little of it, at every scale.

Kept are the mean rate of every population in every step of 1 ms, and the rates of single cells in bins as fine as a
few million numbers a population allow. What a readout needs exactly is asked for: each cell's expected spikes in
windows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.activity.outcome import Outcome
from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ArgumentError, ProtocolFileError
from cerebellum.experiment.schedule import Schedule, plastic_spans
from cerebellum.machine.progress import Progress, silent
from cerebellum.rate import fused, measured_transfer, time_step
from cerebellum.rate.network import RateCircuit, given_rates
from cerebellum.rate.recording import Keeper, Tally, over_draws
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer_table import TransferSurface


def build(
    connectome: Connectome,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    draws: int = 0,
    progress: Progress = silent,
) -> RateCircuit:
    """The circuit with its cells' transfer functions (`measured_transfer.of`); `draws` as of `RateCircuit`.

    Raises
    ------
    ProtocolFileError
        If the protocol injects currents: the transfer functions are of conductances.
    ArgumentError
        If the circuit's time step is no whole part of the rate circuit's.
    """
    circuit = connectome.circuit
    time_step.steps_within(circuit.dt)
    if schedule.currents:
        raise ProtocolFileError("the rate engine knows cells by their conductances and cannot inject currents")
    surfaces = {}
    for name, population in circuit.population.items():
        if MODELS[population.cell].has_membrane and name not in schedule.lesion:
            surfaces[name] = TransferSurface(measured_transfer.of(connectome, name, draws > 0, progress), dtype)
    return RateCircuit(connectome, surfaces, schedule.lesion, device, dtype, draws)


def simulate(
    connectome: Connectome,
    schedule: Schedule,
    *,
    device: torch.device | str = "cpu",
    dtype: str = "float32",
    draws: int = 0,
    progress: Progress = silent,
) -> Outcome:
    """Run a schedule, without gradients.

    Parameters
    ----------
    draws : realizations of drawn spikes to average, all different by the connectome's seed; 0: expectations only
    """
    return together(connectome, [schedule], device=device, dtype=dtype, draws=draws, progress=progress)[0]


def together(
    connectome: Connectome,
    schedules: Sequence[Schedule],
    *,
    device: torch.device | str = "cpu",
    dtype: str = "float32",
    draws: int = 0,
    progress: Progress = silent,
    compiled: bool = True,
) -> list[Outcome]:
    """Run schedules that differ in their spikes alone side by side, without gradients; parameters as of `simulate`.

    `compiled` : take the compiled step on a CPU, where there is a C compiler and the step knows the circuit's cells

    Raises
    ------
    ArgumentError
        If schedules differ in duration, plasticity, lesions or the populations they drive, or several shall be drawn.
    """
    _refuse_unlike(schedules, draws)
    clock = time.perf_counter()
    first, precision = schedules[0], getattr(torch, dtype)
    with one_thread():
        module = build(connectome, first, device=device, dtype=precision, draws=draws, progress=progress)
        seconds = {"build": time.perf_counter() - clock}
        clock = time.perf_counter()
        records = [Record(connectome.circuit, one) for one in schedules]
        with torch.no_grad():
            if compiled and fused.knows(module) and _has_compiler(precision):
                weights = _fused(module, schedules, records, progress)
            else:
                weights = _in_torch(module, schedules, records, progress)
    seconds["simulate"] = time.perf_counter() - clock
    return [
        Outcome(
            {name: connectome.circuit.size(name) for name in connectome.circuit.population},
            rates={name: keeper.rates() for name, keeper in record.keepers.items()},
            weights={name: weight.double().cpu().numpy() for name, weight in own.items()},
            tallied={name: (tally.windows, tally.counts) for name, tally in record.tallies.items()},
            seconds=seconds,
        )
        for record, own in zip(records, weights, strict=True)
    ]


def _has_compiler(dtype: torch.dtype) -> bool:
    """Whether there is a compiled step; says so where there is none."""
    if fused.library(dtype) is not None:
        return True
    warnings.warn("no C compiler works here, so the rate engine steps in torch, ten times slower", stacklevel=4)
    return False


class Record:
    """What a schedule keeps."""

    def __init__(self, circuit: Circuit, schedule: Schedule) -> None:
        steps = nearest(schedule.duration, BIN)
        self.keepers = {name: Keeper(circuit, name, steps) for name in circuit.population}
        self.tallies = {name: Tally(circuit.size(name), windows, steps) for name, windows in schedule.counted.items()}

    def add(self, name: str, step: int, values: NDArray[Any]) -> None:
        """Rates (Hz) of a population in a step, shape (cells,)."""
        self.keepers[name].add(step, values)
        if name in self.tallies:
            self.tallies[name].add(step, values)


def _refuse_unlike(schedules: Sequence[Schedule], draws: int) -> None:
    if draws and len(schedules) > 1:
        raise ArgumentError("draws", draws, "wanted 0 with several schedules, or one schedule")
    alike = [
        (nearest(one.duration, BIN), one.lesion, sorted(one.events), plastic_spans(one.trials)) for one in schedules
    ]
    if any(one != alike[0] for one in alike):
        wanted = "wanted those of one duration, with the same lesions, driven populations and plastic blocks"
        raise ArgumentError("schedules", len(schedules), wanted)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one core meanwhile: a step is too short to be shared, least of all while the other cores have work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fused(
    module: RateCircuit, schedules: Sequence[Schedule], records: Sequence[Record], progress: Progress
) -> list[dict[str, Tensor]]:
    """All steps in compiled code; the weights at the end of each schedule."""
    spans = plastic_spans(schedules[0].trials)
    circuit = fused.FusedCircuit(module, schedules, spans, module.connectome.seed)
    for name in module.alive:
        tallies = [record.tallies[name] for record in records if name in record.tallies]
        circuit.record(name, [record.keepers[name] for record in records], tallies)
    return circuit.run(progress)


def _in_torch(
    module: RateCircuit, schedules: Sequence[Schedule], records: Sequence[Record], progress: Progress
) -> list[dict[str, Tensor]]:
    """The same in torch."""
    several = len(schedules) if len(schedules) > 1 else 0
    given = [given_rates(one, module.circuit, module.tensor_options) for one in schedules]
    state = module.begin(plastic_spans(schedules[0].trials), module.connectome.seed, several)
    steps = nearest(schedules[0].duration, BIN)
    for step in range(steps):
        driven, afferent = _side_by_side([module.driven(one, step) for one in given])
        for name, rate in module(state, driven, afferent).items():
            for number, record in enumerate(records):
                own = rate[number] if several and rate.dim() > 1 else over_draws(rate)
                record.add(name, step, own.cpu().numpy())
        if step % 100 == 0:
            progress("rate engine", step / steps)
    weights = {name: one.weight.detach() for name, one in state.plastic.items()}
    if several:
        return [{n: w[number] if w.dim() > 1 else w for n, w in weights.items()} for number in range(several)]
    return [{name: over_draws(weight) for name, weight in weights.items()}]


def _side_by_side(
    given: list[tuple[dict[str, Tensor], dict[str, Tensor]]],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Driven rates and those of outside fibres, of one schedule, or of several, shape (schedules, cells)."""
    if len(given) == 1:
        return given[0]
    out: list[dict[str, Tensor]] = []
    for rates in zip(*given, strict=True):
        like = {name: torch.zeros_like(rate) for own in rates for name, rate in own.items()}
        out.append({name: torch.stack([own.get(name, none) for own in rates]) for name, none in like.items()})
    return out[0], out[1]
