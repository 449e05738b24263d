"""Steps of the rate circuit on a GPU, a block of them in one call: recorded once as a CUDA graph, then replayed.

A step is some hundreds of small operations, which take longer to launch than to compute. What a block reads and writes
stays in place: the state at its begin, the rates that the protocol gives in its steps, the rates of all populations.
Recorded are the operations of `network.RateCircuit` itself. On a CPU, for tests, they are called as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.clock import nearest
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.experiment.stretches import steps_back
from cerebellum.rate.network import RateCircuit, steps_of
from cerebellum.rate.recording import over_draws
from cerebellum.rate.refractory_density import RefractoryDensity
from cerebellum.rate.state import State
from cerebellum.rate.time_step import BIN
from cerebellum.typing import Ints

STEPS = 32  # of a block: after so many, every class of age has handed on (`refractory_density.leaving`)


def watched(schedule: Schedule) -> bool:
    """Whether something beside the circuit wants to see its steps one by one."""
    return schedule.loop is not None or bool(schedule.records)


def takes(module: RateCircuit, schedules: Sequence[Schedule]) -> bool:
    """Whether a block's operations are the same each time: nothing learns, is watched, or asks how much is left."""
    return not (any(map(watched, schedules)) or module.plastic or module.connectome.release)


class _Given:
    """Spikes that a protocol gives a population or its outside fibres, as rates (Hz) of a block of steps."""

    def __init__(self, events: Events, cells: int, dt: float, late: int, before: Ints) -> None:
        step = steps_of(events, dt, len(before))
        order = np.argsort(step, kind="stable")
        self.cell, self.cells = events.cell[order], cells
        self.begins = np.searchsorted(step[order], np.arange(len(before) + 1))
        self.when = steps_back(before, late)

    def block(self, first: int) -> NDArray[np.float64]:
        """Shape (STEPS, cells)."""
        out = np.zeros((STEPS, self.cells))
        for row, step in zip(out, self.when[first : first + STEPS].tolist(), strict=True):
            if step >= 0:
                np.add.at(row, self.cell[self.begins[step] : self.begins[step + 1]], 1 / BIN)
        return out


class Blocks:
    """Blocks of `STEPS` steps of a circuit under schedules that run side by side.

    Parameters
    ----------
    before : the step that goes before each (`stretches.step_before`)
    """

    def __init__(self, module: RateCircuit, schedules: Sequence[Schedule], before: Ints) -> None:
        self.module, self.several = module, len(schedules) if len(schedules) > 1 else 0
        circuit, self.given, self.static = module.circuit, {}, dict[str, Tensor]()
        names = [name for name in schedules[0].events if name in module.alive]
        self.outside = {name for name in names if circuit.population[name].afferent is not None}
        for name in names:
            afferent = circuit.population[name].afferent
            late = 0 if afferent is None else nearest(afferent.delay.si, BIN)
            cells = circuit.size(name)
            self.given[name] = [_Given(one.events[name], cells, circuit.dt, late, before) for one in schedules]
            shape = (STEPS, self.several, cells) if self.several else (STEPS, cells)
            self.static[name] = torch.zeros(shape, **module.tensor_options)
        self.state = module.begin((), module.connectome.seed, self.several)
        ages = [one for one in self.state.cells.values() if isinstance(one, RefractoryDensity)]
        assert all(STEPS % len(one.leaving) == 0 for one in ages)
        for _ in range(-(-max(module.delay.values(), default=1) // STEPS) + 1):  # until all shapes are as they stay
            self._steps()
        self.begun = [one.clone() for one in self.state.tensors()]
        self.found: dict[str, Tensor] = {}
        self.graph: torch.cuda.CUDAGraph | None = None
        if module.tensor_options["device"].type == "cuda":
            self._record()

    def _steps(self) -> list[dict[str, Tensor]]:
        """Rates (Hz) of all populations in each step, shape (..., cells)."""
        rows = []
        for step in range(STEPS):
            given = {name: rates[step] for name, rates in self.static.items()}
            afferent = {name: given.pop(name) for name in self.outside}
            rows.append(self.module(self.state, given, afferent))
        return rows

    def _in_place(self) -> None:
        """A block from the state where it is kept, and back to there."""
        self.state.take(self.begun)
        rows = self._steps()
        if not self.several:
            rows = [{name: over_draws(rate) for name, rate in row.items()} for row in rows]
        self.found = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        ends = [one.clone() for one in self.state.tensors()]  # as spikes under way only change places
        for begun, end in zip(self.begun, ends, strict=True):
            begun.copy_(end)

    def _record(self) -> None:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries get their memory before anything is recorded
            self._in_place()
        torch.cuda.current_stream().wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self._in_place()

    def next(self, state: State) -> bool:
        """Whether a block can begin in this state: its classes of age hand on as those of the recorded steps."""
        return all(one.step % STEPS == 0 for one in state.cells.values() if isinstance(one, RefractoryDensity))

    def run(self, state: State, first: int) -> dict[str, NDArray[Any]]:
        """`STEPS` steps from step `first` on; `state` goes on.

        Returns
        -------
        rates (Hz) of all populations, of draws the mean, shape (STEPS, cells) or (STEPS, conditions, cells)
        """
        for name, schedules in self.given.items():
            rates = np.stack([one.block(first) for one in schedules], axis=1)
            self.static[name].copy_(torch.from_numpy(rates if self.several else rates[:, 0]))
        own = zip(self.begun, state.tensors(), strict=True)
        now = [(begun, one.clone()) for begun, one in own if one is not begun]  # it may be kept at another's place
        for begun, one in now:
            begun.copy_(one)
        if self.graph is None:
            self._in_place()
        else:
            self.graph.replay()
        state.take(self.begun)
        state.step += STEPS
        for cells in state.cells.values():
            if isinstance(cells, RefractoryDensity):
                cells.step += STEPS
        return {name: one.cpu().numpy() for name, one in self.found.items()}
