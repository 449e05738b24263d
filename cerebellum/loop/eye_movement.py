"""Eye movements: the circuit turns an eye that follows a screen (OKR), or that holds its gaze as the head turns (VOR).

Head and screen turn as sines, the eye as brainstem and cerebellum say. With v_s, v_h, v_e the velocities of screen,
head and eye, the image slips by v_s - v_h - v_e over the retina. In the light two zones of the olive are told of it,
one of each direction, by rates of base +- slip / (slip that adds 1 Hz), between 0 and the highest; in the dark both
fire at the base. Of the circuit's microzones the lower half moves the eye one way, the upper half the other:

    tau dv_e/dt = g v + c (N_1 - N_2) - v_e

with g v the brainstem's own answer to what drives it (v = v_s, or -v_h), N the mean rate of the nuclear cells of each
half and c the velocity that 1 Hz is worth. Mossy fibres fire at base + depth (v / full) with phases of their own,
evenly spread: fibres of both directions that carry velocity and position in different mixtures.

Gain and phase are those of the sine that fits the eye's velocity best (A sin + B cos and a constant), over a trial.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import model_validator

from cerebellum.activity.exchanges import Exchanges
from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.circuit import Circuit
from cerebellum.description.edges import zone_of
from cerebellum.description.loop import ClosedLoop
from cerebellum.description.schema import Duration, Fraction, Rate, Table, Time, Word, quantity
from cerebellum.description.units import Value
from cerebellum.errors import InputError
from cerebellum.experiment.loop import Loop
from cerebellum.experiment.schedule import Trial
from cerebellum.typing import Floats

DEGREE = math.pi / 180
GOLDEN = (math.sqrt(5) - 1) / 2  # of a turn: phases that are even for any number of fibres
Velocity = Annotated[Value, *quantity("angular velocity")]
Speed = Annotated[Value, *quantity("angular velocity", low=0, strict=True)]


class Mossy(Table):
    """How mossy fibres say how fast head or screen turn."""

    population: str = "mossy_fiber"
    base: Rate
    depth: Rate
    full: Speed
    """Peak velocity at which a fibre's rate goes `depth` up and down."""


class Climbing(Table):
    """How climbing fibres say how the image slips."""

    population: str = "inferior_olive"
    base: Rate
    highest: Rate
    slip: Speed
    """That adds 1 Hz."""
    latency: Time
    """From a slip to the rate."""


class Command(Table):
    """How nuclear cells move the eye."""

    population: str = "nuclear"
    velocity: Speed
    """Of 1 Hz between the two halves."""
    tau: Duration
    """Of the eye."""


class Turns(Table):
    """What turns in a block: peak velocities, both in phase."""

    head: Velocity
    screen: Velocity
    light: bool


class EyeMovement(ClosedLoop):
    """The table of a protocol file."""

    kind: Literal["eye_movement"]
    drive: Literal["head", "screen"]
    """What mossy fibres and brainstem follow: the vestibulo-ocular reflex or the optokinetic one."""
    frequency: Rate
    brainstem: Fraction
    """Gain of its own."""
    mossy: Mossy
    climbing: Climbing
    command: Command
    block: dict[Word, Turns]

    @model_validator(mode="after")
    def _turns(self) -> EyeMovement:
        if self.frequency.si <= 0:
            raise InputError(f"frequency: found {self.frequency}; wanted more than 0")
        if self.mossy.base.si < self.mossy.depth.si * max(map(self.peak, self.block.values()), default=0.0):
            raise InputError("mossy.depth: rates would fall below 0; wanted a smaller depth or a higher base")
        return self

    def peak(self, turns: Turns) -> float:
        """Highest velocity of what drives, over that of full modulation."""
        driving = turns.head if self.drive == "head" else turns.screen
        return abs(driving.si) / self.mossy.full.si

    def faults(self, circuit: Circuit, blocks: Sequence[str]) -> list[str]:
        """Opposed halves of the microzones, cells in both, turns for every block; and what `Loop.check` refuses."""
        faults = []
        if set(blocks) != set(self.block):
            faults.append(f"loop.block: found {', '.join(self.block)}; wanted the blocks {', '.join(blocks)}")
        if circuit.zones % 2:
            scaled = f" at scale {circuit.scale.number:g}" if circuit.scale else ""
            faults.append(
                f"loop: the model has {circuit.zones} microzone(s){scaled}; wanted an even number, as the eye has two "
                f"directions: --set microzones={math.ceil(2 / circuit.stretch)}"
            )
        for table in ("mossy", "climbing", "command"):
            name = getattr(self, table).population
            if (found := circuit.find(name)) is None:
                faults.append(f"loop.{table}.population: the model has no {name!r}")
            elif circuit.size(found) < circuit.zones:
                faults.append(f"loop.{table}: {circuit.size(found)} {found} cells; wanted one a microzone at least")
        if not faults:
            try:
                self.loop(circuit, ()).check(circuit)
            except InputError as error:
                faults.append(f"loop: {error}")
        return faults

    def loop(self, circuit: Circuit, trials: Sequence[Trial]) -> Loop:
        """Eye and screen as the callable of a loop."""
        drive: dict[str, Any] = {self.mossy.population: "rate", self.climbing.population: "rate"}
        names = ("head", "screen", "eye", "slip", "command")
        step = EyeAndScreen(self, circuit, trials)
        return Loop(step, [self.command.population], drive, self.interval.si, names, timeout=None)

    def measured(self, exchanges: Exchanges, trials: Sequence[Trial]) -> dict[str, Any]:
        """Gain and phase (degrees; more than 0: the eye leads) of every trial of each block."""
        found: dict[str, Any] = {}
        omega, eye = 2 * math.pi * self.frequency.si, exchanges.record["eye"]
        for trial in trials:
            turns = self.block[trial.block]
            wanted = (turns.screen.si if self.drive == "screen" else -turns.head.si) / DEGREE
            within = (exchanges.time >= trial.start - 1e-9) & (exchanges.time < trial.stop - 1e-9)
            response = fit(exchanges.time[within], eye[within], omega) / wanted if wanted else math.nan
            one = found.setdefault(trial.block, {"gain": [], "phase": []})
            one["gain"].append(abs(response))
            one["phase"].append(math.degrees(np.angle(response)))
        return found


def fit(time: Floats, values: Floats, omega: float) -> complex:
    """The sine that fits best: a + ib where values are about a sin(omega t) + b cos(omega t) + c, by least squares."""
    columns = np.stack([np.sin(omega * time), np.cos(omega * time), np.ones_like(time)], axis=1)
    a, b, _ = np.linalg.lstsq(columns, values, rcond=None)[0]
    return complex(a, b)


@dataclass
class EyeAndScreen:
    """The callable of a loop; it begins anew where it is called at time 0."""

    described: EyeMovement
    circuit: Circuit
    trials: Sequence[Trial]
    eye: float = 0.0
    slips: deque[float] = field(default_factory=deque)

    def __post_init__(self) -> None:
        one, circuit = self.described, self.circuit
        self.omega = 2 * math.pi * one.frequency.si
        self.latency = nearest(one.climbing.latency.si, one.interval.si)
        self.keep = math.exp(-one.interval.si / one.command.tau.si)
        self.first = {
            name: zone_of(cells, circuit.zones) < circuit.zones // 2
            for name in (one.climbing.population, one.command.population)
            if (cells := circuit.size(circuit.find(name) or name))
        }
        fibers = np.arange(circuit.size(circuit.find(one.mossy.population) or one.mossy.population))
        self.phase = 2 * math.pi * GOLDEN * fibers
        self.ends = np.array([trial.stop for trial in self.trials])

    def turns(self, now: float) -> Turns:
        """What turns at a time (s)."""
        row = int(np.searchsorted(self.ends, now + NANOSECOND, side="right"))
        return self.described.block[self.trials[min(row, len(self.trials) - 1)].block]

    def __call__(self, now: float, seen: dict[str, Floats]) -> dict[str, Any]:
        """Move the eye by what the nuclear cells did, and say what fibres do."""
        one, turns = self.described, self.turns(now)
        if now == 0:
            self.eye, self.slips = 0.0, deque([0.0] * self.latency)
        sine = math.sin(self.omega * now)
        head, screen = turns.head.si * sine, turns.screen.si * sine
        rates, first = seen[one.command.population], self.first[one.command.population]
        command = one.command.velocity.si * float(rates[first].mean() - rates[~first].mean())
        own = one.brainstem.si * (screen if one.drive == "screen" else -head)
        self.eye = self.keep * self.eye + (1 - self.keep) * (own + command)
        slip = screen - head - self.eye
        self.slips.append(slip if turns.light else 0.0)
        told = self.slips.popleft() / one.climbing.slip.si
        signs = np.where(self.first[one.climbing.population], 1.0, -1.0)
        peak = (turns.screen.si if one.drive == "screen" else turns.head.si) / one.mossy.full.si
        return {
            one.mossy.population: one.mossy.base.si + one.mossy.depth.si * peak * np.sin(self.omega * now - self.phase),
            one.climbing.population: np.clip(one.climbing.base.si + signs * told, 0.0, one.climbing.highest.si),
            "head": head / DEGREE,
            "screen": screen / DEGREE,
            "eye": self.eye / DEGREE,
            "slip": slip / DEGREE,
            "command": command / DEGREE,
        }
