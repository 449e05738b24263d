"""Run a schedule on the rate circuit, and keep what a comparison with spikes needs: little of it, at every scale.

Kept are the mean rate of every population in every step of 1 ms, and the rates of single cells in bins as fine as a
few million numbers a population allow. What a readout needs exactly is asked for: each cell's expected spikes in
windows.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.activity.outcome import Outcome
from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ArgumentError, ProtocolFileError
from cerebellum.experiment.schedule import Schedule, plastic_ends, plastic_spans
from cerebellum.experiment.stretches import Stretch, step_before, stretches
from cerebellum.machine.progress import Progress, silent
from cerebellum.rate import fused, measured_transfer, records, time_step
from cerebellum.rate.blocks import STEPS, Blocks, takes, watched
from cerebellum.rate.loop import RateLoop, check_interval
from cerebellum.rate.network import RateCircuit, given_rates
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.recording import Keeper, Tally, over_draws
from cerebellum.rate.state import State
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer_table import TransferSurface
from cerebellum.typing import Floats, Ints

_NO_BLOCKS: set[torch.device] = set()


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
    graphs: bool | None = None,
) -> list[Outcome]:
    """Run schedules that differ in their spikes alone on one circuit, without gradients; parameters as of `simulate`.

    Side by side in torch; the compiled step, whose vectors one schedule fills, takes one after the other.

    `compiled` : take the compiled step on a CPU, where there is a C compiler and the step knows the circuit's cells
    `graphs` : in torch, take steps in blocks (`blocks`); None: on a GPU

    Raises
    ------
    ArgumentError
        If schedules differ in duration, plasticity, lesions or the populations they drive, or several shall be drawn.
    """
    _refuse_unlike(schedules, draws)
    if schedules[0].loop is not None:
        check_interval(schedules[0].loop)
    clock = time.perf_counter()
    first, precision = schedules[0], getattr(torch, dtype)
    graphs = torch.device(device).type == "cuda" if graphs is None else graphs
    with one_thread():
        module = build(connectome, first, device=device, dtype=precision, draws=draws, progress=progress)
        seconds = {"build": time.perf_counter() - clock}
        clock = time.perf_counter()
        kept = [Kept(connectome.circuit, one) for one in schedules]
        with torch.no_grad():
            closed = None
            if compiled and first.loop is None and fused.knows(module) and _has_compiler(precision):
                learnt = []
                for one, record in zip(schedules, kept, strict=True):
                    begun = time.perf_counter()
                    circuit = _laid_out(module, one, record)
                    seconds["build"] += time.perf_counter() - begun
                    clock += time.perf_counter() - begun
                    learnt.append(_fused(circuit, one, progress))
            else:
                closed = RateLoop(module, first.loop, first) if first.loop is not None else None
                learnt = [_in_torch(module, schedules, kept, closed, graphs, progress)]
    seconds["simulate"] = time.perf_counter() - clock
    weights = [own for each in learnt for own in each.weights()]
    snapshots = [own for each in learnt for own in each.snapshots]
    return [
        Outcome(
            {name: connectome.circuit.size(name) for name in connectome.circuit.population},
            rates={name: keeper.rates() for name, keeper in record.keepers.items()},
            weights=own,
            snapshots=taken,
            tallied={name: (tally.windows, tally.counts) for name, tally in record.tallies.items()},
            records={name: recorder.recording() for name, recorder in learnt[0].recorded.items()},
            exchanges=closed.exchange.exchanges() if closed is not None else None,
            seconds=seconds,
        )
        for record, own, taken in zip(kept, weights, snapshots, strict=True)
    ]


def _has_compiler(dtype: torch.dtype) -> bool:
    """Whether there is a compiled step; says so where there is none."""
    if fused.library(dtype) is not None:
        return True
    warnings.warn("no C compiler works here, so the rate engine steps in torch, ten times slower", stacklevel=4)
    return False


class Kept:
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


class Learnt:
    """Weights of plastic projections at the ends of plastic blocks and of the run, and records."""

    def __init__(
        self, module: RateCircuit, schedules: Sequence[Schedule], plastic: Mapping[str, PlasticSynapses]
    ) -> None:
        self.schedules, self.plastic = schedules, plastic
        self.recorded = records.recorders(schedules[0].records, module.connectome, plastic)
        self.of_rates, self.of_weights = _by_kind({n: r for n, r in self.recorded.items() if _lives(r, module)})
        self.snapshots: list[dict[str, dict[str, Floats]]] = [{name: {} for name in plastic} for _ in schedules]
        self.due: dict[int, list[tuple[str, str]]] = {}  # steps after which a block's changes, made late, are all there
        for block, stop in plastic_ends(schedules[0].trials).items():
            for name, synapses in plastic.items():
                self.due.setdefault(nearest(stop, BIN) - 1 + synapses.late, []).append((name, block))

    def after(self, step: int, rates: Callable[[str], NDArray[Any]]) -> None:
        """Keep what is due after a step, in which a population had `rates` (Hz), shape (cells,)."""
        for population, recorders in self.of_rates.items():
            values = rates(population)
            for recorder in recorders:
                recorder.add_rates(step, values)
        for name, recorder in self.of_weights:
            recorder.add_weights(step, self.plastic[name])
        for name, block in self.due.get(step, ()):
            for snapshots, weight in zip(self.snapshots, self._numbers(name), strict=True):
                snapshots[name][block] = weight

    def weights(self) -> list[dict[str, Floats]]:
        """At the end; also those of blocks whose last changes are still due."""
        ends = {name: self._numbers(name) for name in self.plastic}
        out = [{name: each[number] for name, each in ends.items()} for number in range(len(self.schedules))]
        for snapshots, own in zip(self.snapshots, out, strict=True):
            for name, kept in snapshots.items():
                kept |= {block: own[name] for block in plastic_ends(self.schedules[0].trials) if block not in kept}
        return out

    def _numbers(self, name: str) -> list[Floats]:
        """The weights of each schedule; of draws the mean."""
        weight = self.plastic[name].weight.detach().double().cpu()
        several = len(self.schedules)
        each = weight.expand(several, -1) if several > 1 else over_draws(weight)[None]
        return [np.array(one.numpy()) for one in each]


def _lives(recorder: records.Recorder, module: RateCircuit) -> bool:
    """Whether no lesion has taken out what is recorded."""
    return recorder.plan.described.projection is not None or recorder.plan.population in module.alive


def _by_kind(
    recorded: dict[str, records.Recorder],
) -> tuple[dict[str, list[records.Recorder]], list[tuple[str, records.Recorder]]]:
    """Recorders of rates by population; those of weights with their projection."""
    of_rates: dict[str, list[records.Recorder]] = {}
    of_weights = []
    for recorder in recorded.values():
        if (projection := recorder.plan.described.projection) is not None:
            of_weights.append((projection, recorder))
        else:
            of_rates.setdefault(recorder.plan.population, []).append(recorder)
    return of_rates, of_weights


def _refuse_unlike(schedules: Sequence[Schedule], draws: int) -> None:
    if draws and len(schedules) > 1:
        raise ArgumentError("draws", draws, "wanted 0 with several schedules, or one schedule")
    if len(batches(schedules, len(schedules))) > 1:
        wanted = (
            "wanted those of one duration, lesions, driven populations and plastic blocks, without loops or records"
        )
        raise ArgumentError("schedules", len(schedules), wanted)


def batches(schedules: Sequence[Schedule], most: int) -> list[list[int]]:
    """Numbers of schedules that `together` takes at once, `most` in each."""
    groups: dict[object, list[int]] = {}
    for number, one in enumerate(schedules):
        groups.setdefault(number if watched(one) else repr(alike(one)), []).append(number)
    return [group[first : first + most] for group in groups.values() for first in range(0, len(group), most)]


def alike(schedule: Schedule) -> object:
    """What must be equal of schedules that run side by side."""
    return (
        nearest(schedule.duration, BIN),
        schedule.lesion,
        sorted(schedule.events),
        plastic_spans(schedule.trials),
        plastic_ends(schedule.trials),
        stretches(schedule.trials, schedule.duration, BIN),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one core meanwhile: a step is too short to be shared, least of all while the other cores have work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _laid_out(module: RateCircuit, schedule: Schedule, kept: Kept) -> fused.FusedCircuit:
    """The circuit for compiled code, and what it shall keep."""
    circuit = fused.FusedCircuit(module, schedule, plastic_spans(schedule.trials), module.connectome.seed)
    for name in module.alive:
        circuit.record(name, kept.keepers[name], kept.tallies.get(name))
    return circuit


def _fused(circuit: fused.FusedCircuit, schedule: Schedule, progress: Progress) -> Learnt:
    """All steps in compiled code."""
    learnt = Learnt(circuit.module, [schedule], {name: one.synapses for name, one in circuit.plastic.items()})
    circuit.run(lambda step: learnt.after(step, circuit.mean_rate), bool(learnt.recorded), progress)
    return learnt


def _in_torch(
    module: RateCircuit,
    schedules: Sequence[Schedule],
    kept: Sequence[Kept],
    closed: RateLoop | None,
    graphs: bool,
    progress: Progress,
) -> Learnt:
    """The same in torch, and what is closed around the circuit."""
    several = len(schedules) if len(schedules) > 1 else 0
    given = [given_rates(one, module.circuit, module.tensor_options) for one in schedules]
    state = module.begin(plastic_spans(schedules[0].trials), module.connectome.seed, several)
    learnt = Learnt(module, schedules, state.plastic)
    steps = nearest(schedules[0].duration, BIN)
    parts = stretches(schedules[0].trials, schedules[0].duration, BIN)
    before = step_before(parts, steps)
    blocks = _blocks(module, schedules, before) if graphs and takes(module, schedules) else None

    def keep(name: str, step: int, rate: NDArray[Any]) -> None:
        for number, record in enumerate(kept):
            record.add(name, step, rate[number] if rate.ndim > 1 else rate)

    for first, last in _steps(parts, state, blocks):
        if blocks is not None and last - first > 1:
            for name, rates in blocks.run(state, first).items():
                for step, rate in enumerate(rates, first):
                    keep(name, step, rate)
            progress("rate engine", first / steps)
            continue
        driven, afferent = _side_by_side([module.driven(one, first, before) for one in given])
        if closed is not None:
            closed.drive(first, driven, afferent)
        found = module(state, driven, afferent)
        if closed is not None:
            closed.see(found)
        for name, rate in found.items():
            keep(name, first, (rate if several else over_draws(rate)).cpu().numpy())
        learnt.after(first, lambda name, found=found: over_draws(found[name]).cpu().numpy())  # type: ignore[misc]
        if first % 100 == 0:
            progress("rate engine", first / steps)
    return learnt


def _blocks(module: RateCircuit, schedules: Sequence[Schedule], before: Ints) -> Blocks | None:
    """Blocks of steps; None, with a word, where the driver will not record them: then not again in this process."""
    device = module.tensor_options["device"]
    if device in _NO_BLOCKS:
        return None
    stream = torch.cuda.current_stream() if device.type == "cuda" else None
    try:
        return Blocks(module, schedules, before)
    except RuntimeError as error:
        _NO_BLOCKS.add(device)
        if stream is not None:
            torch.cuda.set_stream(stream)
        warnings.warn(f"steps are not taken in blocks, and take longer: {error}", stacklevel=2)
        return None


def _steps(parts: Sequence[Stretch], state: State, blocks: Blocks | None) -> Iterator[tuple[int, int]]:
    """All steps of a run, with the state in which each begins, one by one or in blocks: first, and last excluded."""
    saved: dict[str, Any] | None = None
    for part in parts:
        if part.trial >= 0 and saved is None:
            saved = state.saved()
        if saved is not None:
            state.restore(saved)
        saved = saved if part.trial >= 0 else None
        state.go_to(part.first)
        first = part.first
        while first < part.last:
            whole = blocks is not None and part.last - first >= STEPS and blocks.next(state)
            last = first + (STEPS if whole else 1)
            yield first, last
            first = last


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
