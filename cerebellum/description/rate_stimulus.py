"""Stimuli whose rate changes over time, and given spike trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from cerebellum.clock import nearest
from cerebellum.description import data_file
from cerebellum.description.schema import Duration, Probability, Rate, Rates, Table, Time, Times, Word, quantity
from cerebellum.description.stimulus import Lasting, SomeCells
from cerebellum.description.units import Value
from cerebellum.description.where import Scene
from cerebellum.errors import InputError
from cerebellum.machine.streams import generator
from cerebellum.typing import Cells, Floats, Ints

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit

Course = Callable[[Floats, Ints], Floats]
"""Times from the onset (s) and places among the chosen cells, to rates (Hz), all of shape (n,)."""
Phase = Annotated[Value, *quantity("number", low=-1, high=1)]


def poisson(
    chosen: Cells, highest: float, course: Course, steps: tuple[int, int], dt: float, rng: np.random.Generator
) -> tuple[Floats, Cells]:
    """Poisson spikes of a rate that changes over time, by thinning of spikes at the `highest` rate (Hz).

    Lewis PA, Shedler GS (1979) Nav Res Logist 26:403. Times (s) from the trial's begin and cells, shape (spikes,).
    """
    first, last = steps
    number = rng.poisson(highest * (last - first) * dt, len(chosen))
    step = np.floor((last - first) * rng.random(number.sum()))
    place = np.repeat(np.arange(len(chosen)), number)
    kept = rng.random(len(step)) * highest < course(step * dt, place)
    return (first + step[kept]) * dt, chosen[place[kept]]


class Sinusoid(Lasting, SomeCells):
    """Poisson spikes at rate (1 + depth sin(2 pi (frequency t + phase))), t from the onset."""

    kind: Literal["sinusoid"]
    rate: Rate
    depth: Probability
    frequency: Rate
    phase: Phase | None = None
    """Of a period, at the onset."""

    def expected(self, cells: int, trial: float) -> float:
        """The mean rate's."""
        return cells * self.rate.si * self.lasts(trial)

    def course(self, time: Floats, place: Ints) -> Floats:
        """The rate (Hz) at times from the onset (s)."""
        phase = self.phase.si if self.phase else 0.0
        return self.rate.si * (1 + self.depth.si * np.sin(2 * np.pi * (self.frequency.si * time + phase)))

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """By thinning."""
        highest = self.rate.si * (1 + self.depth.si)
        return poisson(self.chosen(scene), highest, self.course, self.steps(scene), scene.circuit.dt, rng)

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """A cell fires once a step, at the highest rate too."""
        highest = self.rate.si * (1 + self.depth.si)
        return super().faults(place, circuit) or _too_high(f"{place}.rate", highest, circuit)


class RateOverTime(Lasting, SomeCells):
    """Poisson spikes at a rate that a table or a file gives over time, on straight lines; before and after it none.

    A file has times (s) from the onset in its first column, then rates (Hz): one column for all chosen cells, or one
    for each in order of their numbers.
    """

    kind: Literal["rate_over_time"]
    times: Times | None = None
    rates: Rates | None = None
    path: str | None = None
    """From the working folder."""

    @model_validator(mode="after")
    def _table_or_file(self) -> RateOverTime:
        if (self.path is None) == (self.times is None) or (self.times is None) != (self.rates is None):
            raise InputError("wanted times and rates, or the path of a file")
        if self.times is not None and self.rates is not None:
            seconds = [time.si for time in self.times]
            if len(self.times) != len(self.rates) or sorted(set(seconds)) != seconds:
                raise InputError("times, rates: wanted as many rates as times, and times that ascend")
        return self

    def table(self) -> tuple[Floats, Floats]:
        """Times (s) and rates (Hz), shape (times,) and (times, 1 or cells)."""
        if self.path is not None:
            return data_file.course(self.path)
        assert self.times is not None
        assert self.rates is not None
        return np.array([t.si for t in self.times]), np.array([[rate.si] for rate in self.rates])

    def expected(self, cells: int, trial: float) -> float:
        """By the trapezoidal rule."""
        time, rates = self.table()
        return float(cells * np.trapezoid(rates.mean(axis=1), time))

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """By thinning."""
        time, rates = self.table()
        chosen = self.chosen(scene)
        data_file.refuse_columns(self.path, rates.shape[1], len(chosen))

        def course(when: Floats, place: Ints) -> Floats:
            found = np.zeros(len(when))
            for column in range(rates.shape[1]):
                mine = np.full(len(when), True) if rates.shape[1] == 1 else place == column
                found[mine] = data_file.between(when[mine], time, rates[:, column])
            return found

        return poisson(chosen, float(rates.max()), course, self.steps(scene), scene.circuit.dt, rng)

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """The file can be read, and has a rate for all cells or for each."""
        if faults := super().faults(place, circuit):
            return faults
        try:
            _, rates = self.table()
        except InputError as error:
            return [f"{place}.path: {error}"]
        name = circuit.find(self.population)
        assert name is not None
        cells = circuit.size(name) if self.where is None else int(self.where.expected(circuit.size(name)))
        if rates.min() < 0:
            return [f"{place}: found a rate of {rates.min():g} Hz; wanted 0 or more"]
        exact = self.where is None or self.where.exact
        if rates.shape[1] != 1 and (rates.shape[1] > cells or (exact and rates.shape[1] != cells)):
            return [
                f"{place}.path: found {rates.shape[1]} columns of rates; wanted one, or one for each of {cells} cells"
            ]
        return _too_high(place, float(rates.max()), circuit)


class FiberGroup(Table):
    """Fibres with a time course of their own: after `latency` the rate is peak exp(-t / tau), or stays at the peak."""

    fraction: Probability
    peak: Rate
    sd: Rate | None = None
    """Of the peaks of fibres, Gaussian and cut at none, drawn by the seed; the same in all trials."""
    tau: Duration | None = None
    latency: Time | None = None
    latest: Time | None = None
    """Each fibre has a latency of its own, drawn evenly from `latency` to this; the same in all trials."""

    @model_validator(mode="after")
    def _in_order(self) -> FiberGroup:
        if self.latest is not None and self.latest.si < (self.latency.si if self.latency else 0.0):
            raise InputError(f"latest: found {self.latest}; wanted at least the latency")
        return self


class FiberGroups(Lasting, SomeCells):
    """Poisson spikes of groups of fibres, drawn apart by the seed, each group with a time course of its own."""

    kind: Literal["fiber_groups"]
    groups: dict[Word, FiberGroup] = Field(min_length=1)
    draw: Word = "one"
    """As of random selections: stimuli with the same word share the order in which fibres go to groups."""

    @model_validator(mode="after")
    def _fractions(self) -> FiberGroups:
        if (found := sum(group.fraction.si for group in self.groups.values())) > 1 + 1e-9:
            raise InputError(f"groups: found fractions of {found:g} together; wanted 1 at most")
        return self

    def expected(self, cells: int, trial: float) -> float:
        """At most: at the peak all the time."""
        mean = sum(group.fraction.si * group.peak.si for group in self.groups.values())
        return cells * mean * self.lasts(trial)

    def fibers(self, scene: Scene) -> dict[str, tuple[Cells, Floats]]:
        """Group -> its fibres and their latencies (s), both shape (fibres,)."""
        chosen = self.chosen(scene)
        order = chosen[generator(scene.seed, "where", scene.population, self.draw).permutation(len(chosen))]
        found, share = {}, 0.0
        for name, group in self.groups.items():
            first, last = nearest(share * len(order), 1.0), nearest((share + group.fraction.si) * len(order), 1.0)
            share += group.fraction.si
            least = group.latency.si if group.latency else 0.0
            most = group.latest.si if group.latest else least
            rng = generator(scene.seed, "latency", scene.population, self.draw, name)
            found[name] = order[first:last], least + (most - least) * rng.random(last - first)
        return found

    def peaks(self, scene: Scene, name: str, fibers: int) -> Floats:
        """Rate (Hz) at the begin of each of so many fibres of a group, shape (fibers,)."""
        group = self.groups[name]
        if group.sd is None:
            return np.full(fibers, group.peak.si)
        rng = generator(scene.seed, "peak", scene.population, self.draw, name)
        return np.clip(group.peak.si + group.sd.si * rng.standard_normal(fibers), 0.0, 1 / scene.circuit.dt)

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """Group by group."""
        parts = []
        for name, (fibers, latency) in self.fibers(scene).items():
            peaks = self.peaks(scene, name, len(fibers))
            course = self._course(self.groups[name], peaks, latency)
            highest = float(peaks.max(initial=0.0))
            parts.append(poisson(fibers, highest, course, self.steps(scene), scene.circuit.dt, rng))
        return np.concatenate([when for when, _ in parts]), np.concatenate([who for _, who in parts])

    def _course(self, group: FiberGroup, peaks: Floats, latency: Floats) -> Course:
        def rate(time: Floats, place: Ints) -> Floats:
            since = time - latency[place]
            fallen = np.exp(-np.maximum(since, 0.0) / group.tau.si) if group.tau is not None else 1.0
            return np.where(since >= 0, peaks[place] * fallen, 0.0)

        return rate


class SpikeTrains(Lasting, SomeCells):
    """Spike trains from a file: train n on the n-th of the chosen cells, or on cells drawn; times from the onset.

    The files are those of `data_file.trains`. Trains without a cell are a fault, cells without a train stay silent.
    """

    kind: Literal["spike_trains"]
    path: str
    """From the working folder."""
    units: str = ""
    """Of an NWB or SONATA file of several populations, which."""
    begin: Time | None = None
    """Time in the file that is the onset."""
    assign: Literal["in_order", "drawn"] = "in_order"

    def expected(self, cells: int, trial: float) -> float:
        """All that the file has in so long a time."""
        return float(len(self._window(self.lasts(trial))[0]))

    def left_over(self, trial: float) -> int:
        """Spikes of the file that lie behind the end of so long a trial (s), and are not played."""
        time, _ = data_file.trains(self.path, self.units)
        return int((time - (self.begin.si if self.begin else 0.0) >= self.lasts(trial)).sum())

    def _window(self, seconds: float) -> tuple[Floats, Ints]:
        time, train = data_file.trains(self.path, self.units)
        since = time - (self.begin.si if self.begin else 0.0)
        inside = (since >= 0) & (since < seconds)
        return since[inside], train[inside]

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """Those of the file."""
        chosen = self.chosen(scene)
        if self.assign == "drawn":
            chosen = chosen[generator(scene.seed, "trains", scene.population).permutation(len(chosen))]
        since, train = self._window(self.lasts(scene.length))
        if len(train) and train.max() >= len(chosen):
            raise InputError(f"{self.path}: {train.max() + 1} trains for {len(chosen)} cells; wanted a cell for each")
        return self.onset.si + since, chosen[train]

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """The file can be read, and has a cell for every train."""
        if faults := super().faults(place, circuit):
            return faults
        try:
            _, train = data_file.trains(self.path, self.units)
        except InputError as error:
            return [f"{place}.path: {error}"]
        name = circuit.find(self.population)
        assert name is not None
        cells = circuit.size(name) if self.where is None else int(self.where.expected(circuit.size(name)))
        trains = int(train.max()) + 1 if len(train) else 0
        return [f"{place}.path: found {trains} trains for {cells} cells; wanted a cell for each"] * (trains > cells)


def _too_high(place: str, highest: float, circuit: Circuit) -> list[str]:
    """A line where a rate (Hz) is more than a spike a step."""
    if highest * circuit.dt <= 1:
        return []
    return [
        f"{place}: found {highest:g} Hz at its highest, more than a spike a time step of {circuit.time_step}; "
        f"wanted at most {1 / circuit.dt:g} Hz, or a smaller time_step"
    ]
