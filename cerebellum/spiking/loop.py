"""A closed loop in the spiking engine: fibres that take rates while they fire, and the exchange. Imports brian2.

On the targets that run in Python the exchange is a function call. The compiled program stops at each exchange, writes
its counts into one named pipe and reads what acts next from another; an environment variable says where they are, so
that the program is the same in every run. If either side ends, the other reads the end of the pipe and ends too.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from subprocess import Popen
from typing import Any

import brian2 as b2
import numpy as np

from cerebellum.cells.eglif import MULTIPLIER, PRIME
from cerebellum.errors import CerebellumError
from cerebellum.experiment import fibers
from cerebellum.experiment.loop import Exchange
from cerebellum.experiment.schedule import Events
from cerebellum.machine.progress import Progress
from cerebellum.spiking import run_time_data
from cerebellum.typing import Floats

VARIABLE = "CEREBELLUM_LOOP"  # folder of the two pipes
PATIENCE = 0.1  # s between looks at whether the program still runs
COUNTED = "spiked"
"""Spikes of a cell since the last exchange."""
INJECTED = "I_loop"

# Moves bytes through a pipe; ends the program where the other side has ended.
_EXCHANGE = Template("""
static void loop_move(int pipe, const void* data, size_t left, bool out) {
    for (char* at = (char*)data; left > 0;) {
        const ssize_t moved = out ? write(pipe, at, left) : read(pipe, at, left);
        if (moved < 0 && errno == EINTR) continue;
        if (moved <= 0) { std::fputs("the other end of the loop is closed\\n", stderr); std::_Exit(3); }
        at += moved; left -= moved;
    }
}
static int loop_open(const char* name, int flags) {
    const char* folder = std::getenv("$variable");
    return open((std::string(folder ? folder : ".") + name).c_str(), flags);
}
static double loop_exchange(double t) {
    static const int out = loop_open("/out", O_WRONLY), in = loop_open("/in", O_RDONLY);
    loop_move(out, &t, sizeof t, true);
    $moves
    loop_move(in, &t, sizeof t, false);
    return 0;
}
""")
_HEADERS = ["<cerrno>", "<cstdio>", "<cstdlib>", "<cstring>", "<string>", "<fcntl.h>", "<unistd.h>"]


def fiber_group(name: str, population: str, cells: int, seed: int, clock: Any) -> Any:
    """Fibres that fire by the loop's rates, and when a spike of the protocol is due."""
    group = b2.NeuronGroup(
        cells,
        f"hazard : 1\nleft : 1\ndraw : 1\ndue : 1\n{COUNTED} : 1",
        threshold="left <= 0 or due > 0",
        reset="own = int(left <= 0)\n"
        "draw = own * ((MULTIPLIER * draw) % PRIME) + (1 - own) * draw\n"
        "left = left - own * log(draw / PRIME)\n"
        f"due = due - (1 - own)\n{COUNTED} = {COUNTED} + 1",
        namespace={"MULTIPLIER": MULTIPLIER, "PRIME": PRIME},
        method="euler",
        clock=clock,
        name=name,
    )
    group.run_regularly("left = left - hazard", when="groups", name=f"{name}_update")
    group.draw, group.left = fibers.start(seed, population, cells)
    return group


def given(group: Any, events: Events, duration: float, clock: Any) -> list[Any]:
    """What brings the protocol's spikes to such fibres, a step early; one in a step with the loop's takes the next."""
    cells, dt, begun = len(group), float(clock.dt_), events.step == 0
    group.due = np.bincount(events.cell[begun], minlength=cells).astype(float)
    later = Events(events.step[~begun] - 1, events.cell[~begun])
    later = run_time_data.at_least_two(later, duration, dt)
    times = later.step * dt * b2.second
    early = b2.SpikeGeneratorGroup(cells, later.cell, times, clock=clock, name=f"{group.name}_given", sorted=True)
    due = b2.Synapses(early, group, on_pre="due_post += 1", clock=clock, name=f"{group.name}_due")
    due.connect(i=np.arange(cells), j=np.arange(cells))
    return [early, due]


class Link:
    """The engine's side of an exchange.

    Parameters
    ----------
    groups : population -> its cells
    driven : population -> the group that takes its rates, or its currents
    """

    def __init__(self, exchange: Exchange, groups: dict[str, Any], driven: dict[str, Any], dt: float) -> None:
        self.exchange, self.dt = exchange, dt
        self.kind = {population: exchange.loop.drive[name] for population, name in exchange.drives.items()}
        self.out = {name: groups[name] for name in exchange.reads if name in groups}
        self.into = {name: driven[name] for name in exchange.drives if name in driven}
        self.failure: BaseException | None = None

    def _variable(self, population: str) -> str:
        return "hazard" if self.kind[population] == "rate" else INJECTED

    def _exchanged(self, counts: dict[str, Floats]) -> dict[str, Floats]:
        """What acts next: hazards a time step, or currents (A)."""
        try:
            given = self.exchange(counts)
        except BaseException as error:  # Brian2 would wrap it in errors of its own
            self.failure = error
            raise
        return {name: given[name] * self.dt if self.kind[name] == "rate" else given[name] for name in self.into}

    def operation(self) -> Any:
        """The exchange of the targets that run in Python."""

        def exchange() -> None:
            counts = {name: np.array(group.variables[COUNTED].get_value()) for name, group in self.out.items()}
            for group in self.out.values():
                group.variables[COUNTED].get_value()[:] = 0
            for name, values in self._exchanged(counts).items():
                self.into[name].variables[self._variable(name)].get_value()[:] = values

        return b2.NetworkOperation(exchange, clock=self._clock(), when="start", name="loop_exchange")

    def compiled_operation(self) -> Any:
        """The same of the compiled program: a cell whose update is the exchange."""
        moves = []
        for group in self.out.values():
            array, size = self._array(group, COUNTED), 8 * len(group)
            moves += [f"loop_move(out, {array}, {size}, true);", f"std::memset({array}, 0, {size});"]
        for name, group in self.into.items():
            moves.append(f"loop_move(in, {self._array(group, self._variable(name))}, {8 * len(group)}, false);")
        code = _EXCHANGE.substitute(variable=VARIABLE, moves="\n    ".join(moves))
        function = b2.Function(lambda t: t, arg_units=[b2.second], return_unit=1, stateless=False)
        function.implementations.add_implementation("cpp", code, compiler_kwds={"headers": _HEADERS})
        cell = b2.NeuronGroup(1, "asked : 1", namespace={"loop_exchange": function}, clock=self._clock(), name="loop")
        cell.run_regularly("asked = loop_exchange(t)", when="start", name="loop_exchange")
        return cell

    def _clock(self) -> Any:
        return b2.Clock(dt=self.exchange.loop.interval * b2.second, name="loop_clock")

    @staticmethod
    def _array(group: Any, variable: str) -> str:
        return f"brian::{b2.get_device().get_array_name(group.variables[variable])}"

    @contextmanager
    def pipes(self, folder: Path) -> Iterator[dict[str, str]]:
        """The environment that tells the compiled program of its pipes."""
        for name in ("out", "in"):
            os.mkfifo(folder / name, 0o600)
        # Neither open waits: the first for no writer, the second as its own reader.
        self._from = os.open(folder / "out", os.O_RDONLY | os.O_NONBLOCK)
        self._to = os.open(folder / "in", os.O_RDWR)
        try:
            yield {VARIABLE: str(folder)}
        finally:
            os.close(self._from)
            os.close(self._to)

    def serve(self, folder: Path, process: Popen[str], progress: Progress) -> None:
        """Exchange with the compiled program until it has had all, or has ended, and says why in its exit code."""
        for number in range(self.exchange.number):
            counts = self._received(process)
            if counts is None:
                return
            if not number:  # it has opened its ends: from now on, one that it closes is an error here
                ours, self._to = self._to, os.open(folder / "in", os.O_WRONLY)
                os.close(ours)
            given = self._exchanged(counts)
            try:
                _written(self._to, b"".join([*(given[name].tobytes() for name in self.into), bytes(8)]))
            except BrokenPipeError:
                return
            progress("simulating", (number + 1) / self.exchange.number)

    def _received(self, process: Popen[str]) -> dict[str, Floats] | None:
        """Counts of all populations that are read; None where the program has ended."""
        sizes = {name: len(group) for name, group in self.out.items()}
        data, wanted = bytearray(), 8 * (1 + sum(sizes.values()))
        while len(data) < wanted:
            while not select.select([self._from], [], [], PATIENCE)[0]:
                if process.poll() is not None:
                    return None
            part = os.read(self._from, wanted - len(data))
            if not part:
                return None
            data += part
        time, *_ = numbers = np.frombuffer(bytes(data))
        if abs(time - self.exchange.time) > self.dt / 2:
            raise CerebellumError(f"the loop is at {self.exchange.time:g} s where the simulation is at {time:g} s")
        ends = np.cumsum([1, *sizes.values()])
        return {name: numbers[end - size : end] for (name, size), end in zip(sizes.items(), ends[1:], strict=True)}


def _written(pipe: int, data: bytes) -> None:
    while data:
        data = data[os.write(pipe, data) :]
