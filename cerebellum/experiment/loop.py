"""A loop closed around a circuit: every interval a callable sees what cells did and says what drives others.

At each exchange, at t = 0, one interval, two intervals ..., the callable gets what the cells did in [t - interval, t);
what it answers acts in [t, t + interval). So the loop has a delay of one interval, on every engine.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cerebellum.activity.exchanges import Exchanges
from cerebellum.cells import MODELS
from cerebellum.clock import nearest, on_grid
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ArgumentError, CerebellumError, InputError, brief
from cerebellum.typing import Floats

Step = Callable[[float, dict[str, Floats]], Mapping[str, Any]]
"""Time (s) and what was read, to what is set; called first at t = 0, with zeros, and so again in every run."""
UNITS = {"rate": "Hz", "current": "A"}
TIMEOUT = 60.0  # s


@dataclass(frozen=True)
class Loop:
    """What closes a loop.

    Attributes
    ----------
    step : the callable. It gets the time (s) and, by the names of `read`, an array of all cells; it returns, by the
        names of `drive`, a number for all cells or an array, shape (cells,). What it leaves out stays as it was; all
        is 0 before it is first set
    read : population, by name or role -> 'rates' (Hz in the last interval) or 'spikes' (of each cell in it; expected
        ones on an engine of rates). A list of names asks for rates
    drive : population -> 'rate' (Hz; spikes of its outside fibres beside those of the protocol: mossy fibres, climbing
        fibres by the olive's) or 'current' (A, into each cell)
    interval : s, a whole number of the circuit's time steps
    record : names of further numbers in the answer, which are only kept
    timeout : s for one call, which then runs in a thread of its own; None waits for ever, in the thread of the run
    """

    step: Step
    read: Mapping[str, Literal["rates", "spikes"]] | Sequence[str]
    drive: Mapping[str, Literal["rate", "current"]]
    interval: float = 0.01
    record: Sequence[str] = ()
    timeout: float | None = TIMEOUT

    def __post_init__(self) -> None:
        if not self.interval > 0:
            raise ArgumentError("interval", self.interval, "wanted more than 0 s")
        if self.timeout is not None and not self.timeout > 0:
            raise ArgumentError("timeout", self.timeout, "wanted more than 0 s, or None")
        for place, names in (("read", self.read), ("record", self.record)):
            if isinstance(names, str):
                raise ArgumentError(place, names, f"wanted a list of names: [{names!r}]")
        for words, known in ((self.reads, ("rates", "spikes")), (self.drive, tuple(UNITS))):
            for name, word in words.items():
                if word not in known:
                    raise ArgumentError(name, word, f"wanted one of {', '.join(known)}")
        if both := sorted(set(self.record) & set(self.drive)):
            raise ArgumentError("record", both[0], "it is driven; wanted another name")

    @property
    def reads(self) -> dict[str, Literal["rates", "spikes"]]:
        """What is read, and as what."""
        return dict(self.read) if isinstance(self.read, Mapping) else dict.fromkeys(self.read, "rates")

    def driven(self, circuit: Circuit, kind: str) -> set[str]:
        """Populations that it drives by rates or by currents."""
        return {_population(circuit, "drive", name) for name, word in self.drive.items() if word == kind}

    def observed(self, circuit: Circuit) -> set[str]:
        """Populations that it reads."""
        return {_population(circuit, "read", name) for name in self.reads}

    def check(self, circuit: Circuit) -> None:
        """Whether the circuit has what the loop names.

        Raises
        ------
        InputError
            If not.
        """
        if not on_grid(self.interval, circuit.dt):
            wanted = f"wanted a whole number of time steps of {circuit.time_step}"
            raise ArgumentError("interval", f"{self.interval * 1e3:g} ms", wanted)
        for place, names in (("read", [*self.reads]), ("drive", [*self.drive])):
            populations = [_population(circuit, place, name) for name in names]
            if twice := [name for name, found in zip(names, populations, strict=True) if populations.count(found) > 1]:
                raise ArgumentError(place, ", ".join(twice), "one population by its name and its role; wanted it once")
        for name in self.reads:
            found = _population(circuit, "read", name)
            if MODELS[circuit.population[found].cell].given and found not in self.driven(circuit, "rate"):
                raise ArgumentError("read", name, "its spikes are given by the protocol; wanted cells that fire")
        for name, kind in self.drive.items():
            described = circuit.population[_population(circuit, "drive", name)]
            model = MODELS[described.cell]
            if kind == "current" and not model.has_membrane:
                raise ArgumentError("drive", name, "it has no membrane to inject a current into")
            if kind == "rate" and not model.given and described.afferent is None:
                wanted = "it makes its own spikes; wanted a source cell, or one with an afferent, or a current"
                raise ArgumentError("drive", name, wanted)


def _population(circuit: Circuit, place: str, name: str) -> str:
    found = circuit.find(name)
    if found is None:
        raise ArgumentError(place, name, f"the model has no such population; there is: {', '.join(circuit.population)}")
    return found


class Exchange:
    """A loop in a run: called once an interval, it checks and keeps all that passes."""

    def __init__(self, loop: Loop, circuit: Circuit, duration: float) -> None:
        loop.check(circuit)
        self.loop, self.circuit = loop, circuit
        self.steps = nearest(loop.interval, circuit.dt)
        self.number = math.ceil(nearest(duration, circuit.dt) / self.steps)
        self.reads = {_population(circuit, "read", name): name for name in loop.reads}
        self.drives = {_population(circuit, "drive", name): name for name in loop.drive}
        self.value = {name: np.zeros(circuit.size(name)) for name in self.drives}
        self.done = 0
        self._read: dict[str, list[Any]] = {name: [] for name in self.reads}
        self._drive: dict[str, list[Floats]] = {name: [] for name in self.drives}
        self._record: dict[str, list[float]] = {name: [] for name in loop.record}

    @property
    def time(self) -> float:
        """Of the next exchange, s."""
        return self.done * self.steps * self.circuit.dt

    def __call__(self, spikes: Mapping[str, Floats]) -> dict[str, Floats]:
        """One exchange.

        Parameters
        ----------
        spikes : population -> of each cell since the last exchange; those of populations that are cut are none

        Returns
        -------
        population -> rates (Hz) or currents (A) of each cell until the next exchange

        Raises
        ------
        CerebellumError
            If the callable raises, does not answer in time, or answers what cannot be.
        """
        seen = {}
        for population, name in self.reads.items():
            counts = np.array(spikes.get(population, np.zeros(self.circuit.size(population))), dtype=float)
            self._read[population].append(counts.astype(np.float32))
            seen[name] = counts / self.loop.interval if self.loop.reads[name] == "rates" else counts
        answer = self._asked(seen)
        if not isinstance(answer, Mapping):
            raise self._fault(f"found {brief(answer)}; wanted a dict from names to numbers")
        for name in answer:
            if name not in self.loop.drive and name not in self._record:
                known = ", ".join([*self.loop.drive, *self._record])
                raise self._fault(f"found {brief(name)}; wanted names of `drive` or `record`: {known}")
        for population, name in self.drives.items():
            if name in answer:
                self.value[population] = self._values(name, answer[name], self.circuit.size(population))
            self._drive[population].append(self.value[population])
        for name, kept in self._record.items():
            kept.append(float(self._values(name, answer[name], 1)[0]) if name in answer else math.nan)
        self.done += 1
        return self.value

    def exchanges(self) -> Exchanges:
        """All that has passed."""
        return Exchanges(
            self.loop.interval,
            np.arange(self.done, dtype=np.float64) * (self.steps * self.circuit.dt),
            {name: np.array(rows, np.float32) for name, rows in self._read.items()},
            {name: np.array(rows) for name, rows in self._drive.items()},
            {name: np.array(numbers) for name, numbers in self._record.items()},
        )

    def _asked(self, seen: dict[str, Floats]) -> Any:
        """What the callable answers."""
        answer: list[Any] = []
        raised: list[BaseException] = []

        def ask() -> None:
            try:
                answer.append(self.loop.step(self.time, seen))
            except BaseException as error:  # passed on below, in the thread of the run
                raised.append(error)

        if self.loop.timeout is None:
            ask()
        else:  # a daemon: one that hangs does not keep the process from ending
            thread = threading.Thread(target=ask, daemon=True)
            thread.start()
            thread.join(self.loop.timeout)
        if raised and isinstance(raised[0], Exception):
            raise self._fault(f"it raised {type(raised[0]).__name__}: {raised[0]}") from raised[0]
        if raised:
            raise raised[0]
        if not answer:
            raise self._fault(f"no answer within {self.loop.timeout:g} s (`timeout`)")
        return answer[0]

    def _values(self, name: str, found: Any, cells: int) -> Floats:
        """What was set, checked, shape (cells,)."""
        try:
            values = np.array(found, dtype=float)
        except (TypeError, ValueError):
            raise self._fault(f"{name}: found {brief(found)}; wanted numbers") from None
        if values.shape not in ((), (1,), (cells,)):
            raise self._fault(f"{name}: found shape {values.shape}; wanted one number or shape ({cells},)")
        kind = self.loop.drive.get(name)
        low, high = (0.0, 1 / self.circuit.dt) if kind == "rate" else (-math.inf, math.inf)
        good = (low <= values) & (values <= high) & np.isfinite(values)
        if not good.all():
            bad = np.ravel(values)[np.argmin(np.ravel(good))]
            wanted = f"{low:g} to {high:g} Hz, a spike a time step" if kind == "rate" else "a finite number"
            raise self._fault(f"{name}: found {bad:g} {UNITS.get(kind or '', '')}; wanted {wanted}")
        return np.array(np.broadcast_to(values, cells))

    def _fault(self, text: str) -> CerebellumError:
        return CerebellumError(f"the loop's callable at t = {self.time:g} s: {text}")


def refuse(loop: Loop, circuit: Circuit, engine: str, closes: Sequence[str]) -> None:
    """Complain before any work about a loop that a circuit or an engine does not take.

    Parameters
    ----------
    closes : kinds of drive that the engine takes

    Raises
    ------
    InputError
        With the reason.
    """
    loop.check(circuit)
    if not closes:
        raise InputError(f"the {engine} engine closes no loops: run with another, such as spiking")
    if other := [name for name, kind in loop.drive.items() if kind not in closes]:
        taken = "drive fibres by rates, or run with another engine, such as spiking"
        raise InputError(f"the {engine} engine takes no {loop.drive[other[0]]} into {other[0]}: {taken}")
