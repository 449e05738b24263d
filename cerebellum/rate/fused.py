"""The rate circuit's step on a CPU in compiled code, all populations and static synapses in one call.

The same step as `network.RateCircuit`, which says what it computes and stays the path of gradients, of CUDA, and of
cells that the compiled code does not know; here are no gradients. Plastic synapses learn in torch, once a step.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Callable
from copy import copy, deepcopy
from ctypes import addressof
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.experiment.stretches import step_before, steps_back, stretches
from cerebellum.machine import compiler
from cerebellum.machine.progress import Progress
from cerebellum.rate import fused_layout as c
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.network import RateCircuit, steps_of
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.recording import Keeper, Tally
from cerebellum.rate.refractory_density import classes, leaving
from cerebellum.rate.sampled_cells import key_of
from cerebellum.rate.synapses import TsodyksMarkram, kept
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer import SCALE
from cerebellum.rate.transfer_table import TransferSurface

FOLDER = Path(__file__).parent
SPARSE = 8  # as in C
BLOCK = 100  # steps in a call, where nothing learns
STATES = 4  # of a class of age or a drawn cell


@dataclass
class _Record:
    """What C adds up of a population: over cells in each step, over the steps of bins, and in windows."""

    keeper: Keeper
    tally: Tally | None
    mean: NDArray[Any]
    sums: NDArray[Any]
    counts: NDArray[Any]

    def write(self) -> None:
        """Hand it over."""
        self.keeper.take(self.mean, self.sums)
        if self.tally is not None:
            self.tally.counts[:] = self.counts


def library(dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled step in that precision; None without a C compiler."""
    return compiler.library(FOLDER / f"{str(dtype).removeprefix('torch.')}.c", FOLDER / "fused_step.c")


def knows(module: RateCircuit) -> bool:
    """Whether the compiled step has this circuit's cells and receptors."""
    return module.tensor_options["device"].type == "cpu" and all(
        c.numbers(membrane, 0.0) is not None
        and all(c.linear(receptor) is not None for receptor in membrane.receptors.values())
        for membrane in module.membranes.values()
    )


@dataclass
class _Plastic:
    """A plastic projection: synapses, spikes under way to them, and where what they transmit goes."""

    synapses: PlasticSynapses
    emitted: deque[tuple[Tensor, Tensor]]
    arriving: NDArray[Any]
    release: TsodyksMarkram | None


class _Saved:
    """The state of a circuit, and of what learns beside it."""

    def __init__(self, circuit: FusedCircuit) -> None:
        self.circuit = circuit
        self.states = [one.copy() for one in circuit.layout.states]
        self.past = {
            name: (copy(one.emitted), deepcopy(one.release), copy(one.synapses.active), copy(one.synapses.taught))
            for name, one in circuit.plastic.items()
        }

    def restore(self) -> None:
        """Put it back."""
        for state, saved in zip(self.circuit.layout.states, self.states, strict=True):
            np.copyto(state, saved)
        for name, (emitted, release, active, taught) in self.past.items():
            one = self.circuit.plastic[name]
            one.emitted, one.release = copy(emitted), deepcopy(release)
            one.synapses.active, one.synapses.taught = copy(active), copy(taught)


class FusedCircuit:
    """A rate circuit at time 0, in the compiled step.

    Parameters
    ----------
    module : says all but the spikes
    spans : in which plasticity is on (s)
    """

    def __init__(self, module: RateCircuit, schedule: Schedule, spans: list[tuple[float, float]], seed: int) -> None:
        found = library(module.tensor_options["dtype"])
        assert found is not None
        self.library, self.module, self.described, self.seed = found, module, module.circuit, seed
        self.steps, self.width = nearest(schedule.duration, BIN), module.draws or 1
        self.parts = stretches(schedule.trials, schedule.duration, BIN)
        self.before = step_before(self.parts, self.steps)
        single = module.tensor_options["dtype"] == torch.float32
        self.layout = c.Layout(np.float32 if single else np.float64, self.width)
        names = [name for name in module.names if name not in module.plastic]
        self.projection = dict(zip(names, self._several(c.Projection, len(names)), strict=True))
        self.population = dict(zip(module.alive, self._several(c.Population, len(module.alive)), strict=True))
        self.inputs: dict[str, list[tuple[str, Any]]] = {name: [] for name in module.alive}
        self.chunk = self._chunk()
        self.rate: dict[str, NDArray[Any]] = {}
        self.records: dict[str, _Record] = {}
        self.slots: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
        for name in module.alive:
            self._begin(name)
        for name in names:
            self._synapses(name)
        self.plastic = {name: self._plastic(name, spans) for name in module.plastic}
        driven = [name for name in schedule.events if name in module.alive]
        events = self._several(c.Events, len(driven))
        for name, event in zip(driven, events, strict=True):
            self._give(name, event, schedule.events[name])
        for name in module.alive:
            self._cells(name, driven)
        self.circuit = c.Circuit(
            populations=len(self.population), projections=len(names), events=len(driven), width=self.width, bin=BIN,
            population=addressof(next(iter(self.population.values()))), event=addressof(events) if driven else None,
            projection=addressof(next(iter(self.projection.values()))) if names else None, chunk=self.chunk,
        )  # fmt: skip

    def _chunk(self) -> int:
        """Steps that cells may take before what they send in the first of them arrives: the least delay to any."""
        module, inner = self.module, self.module.membranes
        projections = {name: self.described.projection[name] for name in module.names}
        outside = any(self.described.population[name].afferent is not None for name in inner)
        if outside or module.plastic:
            return 1
        return min((module.delay[name] for name, one in projections.items() if one.target in inner), default=1)

    def _several(self, kind: Any, number: int) -> Any:
        return self.layout.hold((kind * number)())

    def _begin(self, name: str) -> None:
        """Sizes of a population, and its rates; the block after the last is 0, for synapses that there are not."""
        population, cells = self.population[name], self.described.size(name)
        population.cells, population.lanes = cells, cells * self.width
        population.blocks = c.padded(population.lanes) // c.LANES
        rates = self.layout.still(self.chunk, (population.blocks + 1) * c.LANES)
        self.rate[name], population.rates, population.rate = rates[0], rates.ctypes.data, rates.ctypes.data
        population.active = self.layout.none(cells // SPARSE + 1, kind=np.int64).ctypes.data

    def _arrive(self, name: str, receptor: str, target: str, delay: int, weight: float, made: Any = None) -> Any:
        """A way into a population, of so many slots; the slots."""
        made = self.layout.hold(c.Input()) if made is None else made
        lanes = c.padded(self.described.size(target) * self.width)
        slots, filled = self.layout.still(delay, lanes), self.layout.still(delay, kind=np.uint8)
        made.arriving, made.filled = slots.ctypes.data, filled.ctypes.data
        made.delay, made.lanes, made.weight = delay, lanes, weight
        self.inputs[target].append((receptor, made))
        self.slots[name] = slots, filled
        return slots, filled

    def _synapses(self, name: str) -> None:
        """Static synapses."""
        module, made = self.module, self.projection[name]
        described, edges = self.described.projection[name], module.connectome.edges[name]
        weight = module.connectome.weight.get(name, 1.0) * float(module.gain[name])
        self._arrive(name, described.receptor, described.target, module.delay[name], weight, made.arrive)
        source, target = self.population[described.source], self.population[described.target]
        made.source, made.target = addressof(source), addressof(target)
        begin, row, onto = self.layout.by_source(edges, source.cells)
        if self.width == 1:
            first, column, value, run = self.layout.by_runs(edges, source.blocks * c.LANES)
            made.blocks, made.run = len(first) - 1, run.ctypes.data
        else:
            first, column, value = self.layout.by_target(edges, target.cells)
        made.first, made.column, made.begin, made.row = (one.ctypes.data for one in (first, column, begin, row))
        if value is not None:
            made.value, made.onto = self.layout.array(value).ctypes.data, self.layout.array(onto).ctypes.data
        if (rule := module.connectome.release.get(name)) is not None:
            lanes = (source.blocks + 1) * c.LANES
            made.used, made.sent = self.layout.still(lanes).ctypes.data, self.layout.still(lanes).ctypes.data
            made.recovered = self.layout.state(np.ones(lanes)).ctypes.data
            shares = (rule.U, kept(rule.tau_fac), kept(rule.tau_rec))
            made.U, made.keep_used, made.keep_recovered = (self.layout.lanes(one, source.cells) for one in shares)

    def _plastic(self, name: str, spans: list[tuple[float, float]]) -> _Plastic:
        """Synapses that learn."""
        module, described = self.module, self.described.projection[name]
        slots, filled = self._arrive(name, described.receptor, described.target, 1, float(module.gain[name]))
        filled[0] = 1
        cells, options = self.described.size(described.source), module.tensor_options
        silent = torch.zeros(cells, **options)
        synapses = PlasticSynapses(module.connectome, name, module.weight[name].detach(), spans, options)
        rule = module.connectome.release.get(name)
        release = None if rule is None else TsodyksMarkram(rule, cells, options)
        return _Plastic(synapses, deque([(silent, silent)] * module.delay[name]), slots[0], release)

    def _give(self, name: str, made: Any, events: Events) -> None:
        """Spikes of a population that the protocol drives, or of its outside fibres; the same in every realization."""
        step = steps_of(events, self.described.dt, self.steps)
        order = np.argsort(step, kind="stable")
        step = np.repeat(step[order], self.width)
        lane = (events.cell[order].astype(np.int64)[:, None] * self.width + np.arange(self.width)).ravel()
        begins = self.layout.array(np.searchsorted(step, np.arange(self.steps + 1)), np.int64)
        outside, value = self.described.population[name].afferent, 1 / BIN
        into, late = self.rate[name], 0
        made.outside = outside is not None
        if outside is not None:
            slots, filled = self._arrive(f"{name}'s outside fibre", outside.receptor, name, 1, 1.0)
            into, filled[0], value = slots[0], 1, outside.weight.si / BIN
            late = nearest(outside.delay.si, BIN)
        now, past = (steps_back(self.before, number) for number in (late, late + 1))
        made.now, made.past = (self.layout.array(one, np.int64).ctypes.data for one in (now, past))
        made.begins, made.lane = begins.ctypes.data, self.layout.array(lane, np.int64).ctypes.data
        made.value, made.into = self.layout.array(np.full(len(lane), value)).ctypes.data, into.ctypes.data

    def _cells(self, name: str, driven: list[str]) -> None:
        """What a population's cells are, and the states of those with a membrane."""
        population, described = self.population[name], self.described.population[name]
        if (name in driven and described.afferent is None) or name not in self.module.membranes:
            population.kind = c.RELAYED if MODELS[described.cell].relays and name not in driven else c.GIVEN
            inputs = [one for _, one in self.inputs[name]] if population.kind == c.RELAYED else []
            population.inputs, population.input = len(inputs), self.layout.pointers(inputs)
            return
        membrane = self.module.membranes[name]
        known = c.numbers(membrane, float(self.module.tonic[name]))
        assert known is not None
        surface = self.module.surfaces[name]
        assert isinstance(surface, TransferSurface)
        spread, population.wide = self.layout.spread(known, population.cells)
        population.numbers = spread.ctypes.data
        drawn = bool(self.module.draws) and described.sampled
        population.kind, population.hold = c.DRAWN if drawn else c.EXPECTED, membrane.hold
        stays = classes(population.cells, membrane.hold)
        population.classes = 1 if drawn else len(stays)
        state = self.layout.still(population.blocks, population.classes, STATES, c.LANES)
        if drawn:
            population.key = key_of(self.seed, name)
        else:
            leaves = np.pad(leaving(stays), ((0, 0), (0, 1)))
            population.period, population.leaves = len(leaves), self.layout.array(leaves, np.uint8).ctypes.data
            state[:, -1, 0] = 1.0
        initial = np.broadcast_to(membrane.begin(population.cells)[0].double().numpy(), population.cells)
        lanes = np.pad(np.repeat(initial, self.width), (0, population.blocks * c.LANES - population.lanes), mode="edge")
        state[:, :, 0 if drawn else 1] = lanes.reshape(-1, 1, c.LANES)
        population.state = state.ctypes.data
        self._table(population, surface)
        self._ports(name, population, membrane)

    def _table(self, population: Any, surface: TransferSurface) -> None:
        found, log = surface.transfer, surface.table[0, 0].double().cpu().numpy() + np.log(BIN)
        population.table, population.columns = self.layout.array(log).ctypes.data, log.shape[1]
        below = 1 - 2 * np.finfo(self.layout.real).eps  # the last place is still in the last row or column
        axes = [1 / SCALE]
        for n, low, high in zip(log.shape, found.low, found.high, strict=True):
            axes += [low, (n - 1) / (high - low), (n - 1) * below]
        quiet, nil = c.quiet(surface)
        population.axes = self.layout.array([*axes, quiet, nil * BIN]).ctypes.data

    def _ports(self, name: str, population: Any, membrane: Membrane) -> None:
        ports = self._several(c.Port, len(membrane.receptors))
        population.ports, population.port = len(ports), addressof(ports) if len(ports) else None
        for port, (key, receptor) in zip(ports, membrane.receptors.items(), strict=True):
            inputs, step = [one for own, one in self.inputs[name] if own == key], c.linear(receptor)
            assert step is not None
            port.inputs, port.input = len(inputs), self.layout.pointers(inputs)
            lanes = population.blocks * c.LANES
            port.first, port.second = (self.layout.still(lanes).ctypes.data for _ in range(2))
            port.step = self.layout.broadcast([*step.ravel(), 2 * receptor.reversal, receptor.tonic]).ctypes.data

    def record(self, name: str, keeper: Keeper, tally: Tally | None) -> None:
        """Keep a population's rates from now on, and its spikes in windows: of draws the mean."""
        population, cells = self.population[name], self.described.size(name)
        population.per = keeper.steps_a_bin
        mean = self.layout.none(self.steps, kind=np.float64)
        sums = self.layout.none(len(keeper.cells), cells, kind=np.float32)
        population.mean, population.kept = mean.ctypes.data, sums.ctypes.data
        population.windows = 0 if tally is None else len(tally.counts)
        counts = self.layout.none(population.windows, cells, kind=np.float64)
        population.counts = counts.ctypes.data
        if tally is not None:
            population.within = self.layout.array(tally.within, np.float64).ctypes.data
        self.records[name] = _Record(keeper, tally, mean, sums, counts)

    def run(self, after: Callable[[int], None], watched: bool, progress: Progress) -> None:
        """All steps; `after` is called after each, if it is watched or learns."""
        each = 1 if self.plastic or watched else BLOCK
        saved: _Saved | None = None
        for part in self.parts:
            if part.trial >= 0 and saved is None:
                saved = _Saved(self)
            if saved is not None:
                saved.restore()
            saved = saved if part.trial >= 0 else None
            self.circuit.behind = part.behind
            for first in range(part.first, part.last, each):
                last = min(first + each, part.last)
                if self.plastic:
                    self._learning_step(first)
                    after(first)
                else:
                    self._advance(first, last)
                    if watched:
                        after(first)
                if (first - part.first) % BLOCK == 0:
                    progress("rate engine", first / self.steps)
        for record in self.records.values():
            record.write()

    def mean_rate(self, name: str) -> NDArray[Any]:
        """Rates (Hz) of a population in the last step, of draws the mean, shape (cells,)."""
        return np.asarray(self.rate[name][: self.population[name].lanes].reshape(-1, self.width).mean(axis=1))

    def _advance(self, first: int, last: int) -> None:
        self.library.steps(ctypes.byref(self.circuit), ctypes.c_int64(first), ctypes.c_int64(last))

    def _learning_step(self, step: int) -> None:
        """One step of a circuit with plastic synapses: what they transmit, the compiled step, what they learn."""
        before = {name: one.emitted.popleft() for name, one in self.plastic.items()}
        taught = {}
        for name, one in self.plastic.items():
            arrived = one.synapses.transmit(before[name][1])
            self._lanes(one.arriving, name)[:] = arrived.reshape(-1, arrived.shape[-1]).T.numpy()
            taught[name] = self._taught(one.synapses, step)
        self._advance(step, step + 1)
        for name, one in self.plastic.items():
            source = self.described.projection[name].source
            lanes = self.rate[source][: self.population[source].lanes].reshape(-1, self.width)
            rate = torch.from_numpy(lanes.T.copy())
            rate = rate[0] if self.width == 1 else rate
            one.emitted.append((rate, rate if one.release is None else one.release(rate)))
            if one.synapses.spans:
                one.synapses.learn(step, before[name][0], taught[name])

    def _lanes(self, values: NDArray[Any], projection: str) -> NDArray[Any]:
        """What arrives at each target cell, shape (cells, width), of padded lanes."""
        cells = self.described.size(self.described.projection[projection].target)
        return values[: cells * self.width].reshape(cells, self.width)

    def _taught(self, synapses: PlasticSynapses, step: int) -> Tensor:
        """Spikes a second of the teacher that arrive in a step at each target cell."""
        teacher = synapses.rule.teacher
        if teacher not in self.slots:
            return torch.zeros(len(synapses.number), **self.module.tensor_options)
        slots, filled = self.slots[teacher]
        slot = (step - self.circuit.behind) % len(slots)
        arrived = torch.from_numpy(self._lanes(slots[slot], teacher).T * float(filled[slot]))
        arrived = arrived / self.module.contacts(teacher)
        return arrived[0] if self.width == 1 else arrived
