"""Currents into chosen cells over time."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from cerebellum.description import data_file
from cerebellum.description.schema import Current, Currents, Deviation, Duration, Times
from cerebellum.description.stimulus import Lasting, SomeCells
from cerebellum.description.units import Value
from cerebellum.description.where import Scene
from cerebellum.errors import InputError
from cerebellum.typing import Cells, Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit


class Injected(Lasting, SomeCells):
    """What currents share: the chosen cells, from the onset on, added to all that flows there."""

    injects: ClassVar[bool] = True

    def current(self, scene: Scene, trial: int, rng: np.random.Generator) -> tuple[Cells, Floats]:
        """Cells, and A in each step of `steps`, shape (steps, 1) of all alike or (steps, cells)."""
        first, last = self.steps(scene)
        return self.chosen(scene), self.amperes(
            np.asarray(np.arange(last - first) * scene.circuit.dt, dtype=float), scene, trial, rng
        )

    def amperes(self, time: Floats, scene: Scene, trial: int, rng: np.random.Generator) -> Floats:
        """The current (A) at times from the onset (s), the begins of its steps, as `current`."""
        raise NotImplementedError


class CurrentStep(Injected):
    """A constant current: one amplitude for all trials, or one for each, in order."""

    kind: Literal["current_step"]
    amplitudes: Currents

    def amperes(self, time: Floats, scene: Scene, trial: int, rng: np.random.Generator) -> Floats:
        """That of the trial."""
        return np.full((len(time), 1), self.amplitudes[trial % len(self.amplitudes)].si)

    def late(self, trial: Value, trials: int | None) -> list[str]:
        """There is one amplitude, or one for each trial."""
        found = len(self.amplitudes)
        wrong = [] if found in (1, trials) else [f".amplitudes: found {found}; wanted one for each of the trials"]
        return super().late(trial, trials) or wrong


class CurrentRamp(Injected):
    """A current that goes from one amplitude to another on a straight line."""

    kind: Literal["current_ramp"]
    first: Current
    last: Current

    def amperes(self, time: Floats, scene: Scene, trial: int, rng: np.random.Generator) -> Floats:
        """A step has the current of its middle."""
        share = (np.arange(len(time)) + 0.5) / max(len(time), 1)
        return (self.first.si + (self.last.si - self.first.si) * share)[:, None]


class CurrentNoise(Injected):
    """Gaussian current with a correlation time (Ornstein-Uhlenbeck), in exact steps; stationary from the onset on."""

    kind: Literal["current_noise"]
    mean: Current
    sd: Deviation
    tau: Duration
    shared: bool = False
    """Whether all chosen cells have the same noise."""

    def amperes(self, time: Floats, scene: Scene, trial: int, rng: np.random.Generator) -> Floats:
        """x(t + dt) = a x(t) + sqrt(1 - a^2) N(0, 1), a = exp(-dt / tau)."""
        from scipy.signal import lfilter

        columns = 1 if self.shared else len(self.chosen(scene))
        kept = np.exp(-scene.circuit.dt / self.tau.si)
        drawn = rng.standard_normal((len(time), columns))
        drawn[1:] *= np.sqrt(1 - kept**2)
        return np.asarray(self.mean.si + self.sd.si * lfilter([1.0], [1.0, -kept], drawn, axis=0))


class CurrentTable(Injected):
    """A current that a table or a file gives over time, straight lines between; before and after it none.

    A file has times (s) from the onset in its first column, then currents (A): one column for all chosen cells, or one
    for each in order of their numbers.
    """

    kind: Literal["current_table"]
    times: Times | None = None
    currents: Currents | None = None
    path: str | None = None
    """From the working folder."""

    @model_validator(mode="after")
    def _table_or_file(self) -> CurrentTable:
        if (self.path is None) == (self.times is None) or (self.times is None) != (self.currents is None):
            raise InputError("wanted times and currents, or the path of a file")
        if self.times is not None and self.currents is not None:
            seconds = [time.si for time in self.times]
            if len(self.times) != len(self.currents) or sorted(set(seconds)) != seconds:
                raise InputError("times, currents: wanted as many currents as times, and times that ascend")
        return self

    def amperes(self, time: Floats, scene: Scene, trial: int, rng: np.random.Generator) -> Floats:
        """Column by column."""
        if self.path is not None:
            times, currents = data_file.course(self.path)
            data_file.refuse_columns(self.path, currents.shape[1], len(self.chosen(scene)))
        else:
            assert self.times is not None
            assert self.currents is not None
            times, currents = np.array([t.si for t in self.times]), np.array([[one.si] for one in self.currents])
        return np.stack([data_file.between(time, times, column) for column in currents.T], axis=1)

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """The file can be read, and has a current for all cells or for each."""
        if (faults := super().faults(place, circuit)) or self.path is None:
            return faults
        try:
            _, currents = data_file.course(self.path)
        except InputError as error:
            return [f"{place}.path: {error}"]
        name = circuit.find(self.population)
        assert name is not None
        cells = circuit.size(name) if self.where is None else int(self.where.expected(circuit.size(name)))
        exact = self.where is None or self.where.exact
        if currents.shape[1] == 1 or (currents.shape[1] <= cells and not exact) or currents.shape[1] == cells:
            return []
        return [f"{place}.path: found {currents.shape[1]} columns; wanted one, or one for each of {cells} cells"]
