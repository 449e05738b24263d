"""Stimuli as a protocol file describes them: what drives which cells, when.

A stimulus is a table of the file with its own `kind`, and draws its spikes itself. Another package adds one by a
subclass of `Stimulus` and an entry point of the group 'cerebellum.stimuli', named as its `kind`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np

from cerebellum.cells import MODELS
from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.edges import zone_of
from cerebellum.description.schema import ByKind, Count, Duration, Rate, Table, Time, Times, Word
from cerebellum.description.units import Value
from cerebellum.description.where import Scene, Where
from cerebellum.errors import InputError, brief
from cerebellum.plugins import Registry
from cerebellum.typing import Cells, Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit

STIMULI = Registry(
    "stimulus",
    "cerebellum.stimuli",
    {
        "volley": "cerebellum.description.stimulus:Volley",
        "pointer": "cerebellum.description.stimulus:Pointer",
        "poisson": "cerebellum.description.stimulus:Poisson",
        "regular": "cerebellum.description.stimulus:Regular",
        "burst": "cerebellum.description.stimulus:Burst",
        "sinusoid": "cerebellum.description.rate_stimulus:Sinusoid",
        "rate_over_time": "cerebellum.description.rate_stimulus:RateOverTime",
        "fiber_groups": "cerebellum.description.rate_stimulus:FiberGroups",
        "spike_trains": "cerebellum.description.rate_stimulus:SpikeTrains",
        "current_step": "cerebellum.description.current_stimulus:CurrentStep",
        "current_ramp": "cerebellum.description.current_stimulus:CurrentRamp",
        "current_noise": "cerebellum.description.current_stimulus:CurrentNoise",
        "current_table": "cerebellum.description.current_stimulus:CurrentTable",
    },
)
CUT = 3.0  # standard deviations of a jitter


class Stimulus(Table):
    """What all stimuli share. `population` is the name of one, or the role of the one that has it."""

    kind: str
    population: str
    onset: Time
    """From the begin of the trial, or from the onset of the stimulus that it `follows`."""
    follows: Word | None = None
    onset_jitter: Time | None = None
    """The onset is drawn for every trial, evenly within so much of `onset` to both sides."""
    frozen: bool = False
    """Whether every trial, of any block, has the same draw, as a recorded stimulus has."""
    injects: ClassVar[bool] = False
    """Whether it brings a current (`current`) and not spikes (`spikes`)."""

    @property
    def lasts_on(self) -> bool:
        """Whether it goes on until the next trial begins."""
        return False

    def starting(self, onset: float) -> Self:
        """The same with another onset, s."""
        return self.model_copy(update={"onset": Value(onset, "s", self.onset.source, "time"), "follows": None})

    @property
    def shows_pattern(self) -> bool:
        """Whether it shows the trial's address or pointer."""
        return False

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """Spike times within the trial (s), any order, and their cells, both shape (spikes,)."""
        raise NotImplementedError

    def current(self, scene: Scene, trial: int, rng: np.random.Generator) -> tuple[Cells, Floats]:
        """Cells, and the current (A) in each step from the onset on in the block's trial of this number.

        The current has the shape (steps, 1), for all these cells, or (steps, cells).
        """
        raise NotImplementedError

    def expected(self, cells: int, trial: float) -> float:
        """Spikes that it draws, about, in a trial of this length (s) for so many cells: for the estimate of memory."""
        return float(cells)

    def late(self, trial: Value, trials: int | None) -> list[str]:
        """What does not fit trials of this duration, and of this number where the block gives it; begun as a key."""
        if reaches(self.onset.si, trial):
            return [f".onset: found {self.onset}; wanted inside the trial ({trial})"]
        return []

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """What does not fit the circuit, a line each, begun with the key at fault (`place` is the stimulus's)."""
        try:
            name = circuit.find(self.population)
        except InputError as error:
            return [f"{place}.population: {error}"]
        if name is None:
            known = ", ".join(circuit.population)
            return [f"{place}: the model has no population {brief(self.population)}; there is: {known}"]
        population = circuit.population[name]
        if self.injects:
            if not MODELS[population.cell].has_membrane:
                return [f"{place}: {name} has no membrane to inject a current into"]
        elif not MODELS[population.cell].given and population.afferent is None:
            return [f"{place}: {name} makes its own spikes; only a source cell, or one with an afferent, can be driven"]
        return []


def reaches(time: float, trial: Value) -> bool:
    """Whether a time (s) lies at the end of the trial or beyond, where the next begins."""
    return nearest(time, NANOSECOND) >= nearest(trial.si, NANOSECOND)


AnyStimulus = Annotated[Stimulus, ByKind(STIMULI)]


class Volley(Stimulus):
    """The trial's address on the mossy fibres: each fibre of the address fires once a volley."""

    kind: Literal["volley"]
    population: str = "mossy_fiber"
    volleys: Count
    interval: Duration
    jitter: Time
    """Standard deviation of a fibre's spike time about the volley's, Gaussian; what is beyond 3 is drawn again."""

    @property
    def shows_pattern(self) -> bool:
        """The address."""
        return True

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """Volley by volley."""
        assert scene.address is not None
        starts = self.onset.si + self.interval.si * np.arange(int(self.volleys.number))
        jitter = rng.standard_normal((len(starts), len(scene.address)))
        while (far := np.abs(jitter) > CUT).any():
            jitter[far] = rng.standard_normal(far.sum())
        when = starts[:, None] + jitter * self.jitter.si
        return when.ravel(), np.tile(scene.address, len(starts)).astype(np.int32)

    def expected(self, cells: int, trial: float) -> float:
        """Of every cell one a volley."""
        return cells * self.volleys.number

    def late(self, trial: Value, trials: int | None) -> list[str]:
        """Every volley lies in the trial, jitter and all."""
        last, reach = self.onset.si + (self.volleys.number - 1) * self.interval.si, CUT * self.jitter.si
        if reaches(last, trial):
            return super().late(trial, trials) or [
                f": the last volley starts at {last * 1e3:g} ms, after the trial ends"
            ]
        if nearest(self.onset.si, NANOSECOND) < nearest(reach, NANOSECOND) or reaches(last + reach, trial):
            return [f".jitter: found {self.jitter}; {CUT:g} times that leads out of the trial ({trial})"]
        return []


class Pointer(Stimulus):
    """The trial's pointer on the climbing fibres: a spike in the microzones whose bit is 1."""

    kind: Literal["pointer"]
    population: str = "inferior_olive"

    @property
    def shows_pattern(self) -> bool:
        """The pointer."""
        return True

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """One of every cell of those microzones, at the onset."""
        assert scene.pointer is not None
        cells = np.flatnonzero(scene.pointer[zone_of(scene.cells, scene.circuit.zones)]).astype(np.int32)
        return np.full(len(cells), self.onset.si), cells


class SomeCells(Stimulus):
    """What stimuli share that drive all cells of a population, or those `where` it says."""

    where: Where | None = None

    @property
    def shows_pattern(self) -> bool:
        """If the cells are the address's."""
        return self.where is not None and self.where.shows_pattern

    def chosen(self, scene: Scene) -> Cells:
        """The driven cells, shape (cells,)."""
        return np.arange(scene.cells, dtype=np.int32) if self.where is None else self.where.cells_in(scene)

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """Cells can be chosen so."""
        faults = super().faults(place, circuit)
        if faults or self.where is None:
            return faults
        name = circuit.find(self.population)
        assert name is not None
        return self.where.faults(f"{place}.where", Scene(circuit, name))


class Lasting(Stimulus):
    """What stimuli share that last for a `duration`, or, without one, until the next trial begins."""

    duration: Duration | None = None

    @property
    def lasts_on(self) -> bool:
        """Without a duration."""
        return self.duration is None

    def lasts(self, trial: float) -> float:
        """For how long (s) in a trial of this length (s), the interval after it included."""
        return trial - self.onset.si if self.duration is None else self.duration.si

    def late(self, trial: Value, trials: int | None) -> list[str]:
        """They end with the trial, or before."""
        end = self.onset.si + self.lasts(trial.si)
        after = nearest(end, NANOSECOND) > nearest(trial.si, NANOSECOND)
        return super().late(trial, trials) or [f": ends at {end * 1e3:g} ms, after the {trial} trial"] * after

    def steps(self, scene: Scene) -> tuple[int, int]:
        """First time step, and the one after the last, counted from the trial's begin."""
        dt = scene.circuit.dt
        return nearest(self.onset.si, dt), nearest(self.onset.si + self.lasts(scene.length), dt)


class Poisson(Lasting, SomeCells):
    """Independent Poisson spikes of a population's cells, or of those `where` it says."""

    kind: Literal["poisson"]
    rate: Rate

    def expected(self, cells: int, trial: float) -> float:
        """The rate's."""
        return cells * self.rate.si * self.lasts(trial)

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """So many, evenly in the steps of the duration."""
        chosen, dt, (first, last) = self.chosen(scene), scene.circuit.dt, self.steps(scene)
        number = rng.poisson(self.rate.si * (last - first) * dt, len(chosen))
        step = first + np.floor((last - first) * rng.random(number.sum()))
        return step * dt, np.repeat(chosen, number)


class Regular(Lasting, SomeCells):
    """Trains of even intervals, each cell with a random phase of its own."""

    kind: Literal["regular"]
    rate: Rate

    def expected(self, cells: int, trial: float) -> float:
        """The rate's."""
        return cells * self.rate.si * self.lasts(trial)

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """Cell by cell."""
        chosen, dt, (first, last) = self.chosen(scene), scene.circuit.dt, self.steps(scene)
        if self.rate.si == 0:
            return np.empty(0), chosen[:0]
        interval = 1.0 / (self.rate.si * dt)  # in steps, as what follows
        trains = interval * (rng.random(len(chosen))[:, None] + np.arange(int((last - first) / interval) + 1))
        row, column = np.nonzero(trains < last - first)
        return (first + np.floor(trains[row, column])) * dt, chosen[row]


class Burst(SomeCells):
    """The same spikes on all chosen cells, `times` after the onset."""

    kind: Literal["burst"]
    times: Times

    def spikes(self, scene: Scene, rng: np.random.Generator) -> tuple[Floats, Cells]:
        """All cells at once, time by time."""
        chosen, when = self.chosen(scene), self.onset.si + np.array([time.si for time in self.times])
        return np.repeat(when, len(chosen)), np.tile(chosen, len(when))

    def expected(self, cells: int, trial: float) -> float:
        """Of every cell all times."""
        return float(cells * len(self.times))

    def late(self, trial: Value, trials: int | None) -> list[str]:
        """Every spike comes in the trial."""
        last = self.onset.si + max(time.si for time in self.times)
        after = [f": the last spike comes at {last * 1e3:g} ms, after the trial ends"] * reaches(last, trial)
        return super().late(trial, trials) or after
