"""An experiment as its protocol file describes it: patterns, blocks of trials, stimuli, what is read when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cerebellum import library
from cerebellum.circuit import Circuit, PopulationName
from cerebellum.errors import InputError, ProtocolFileError
from cerebellum.schema import Count, Duration, Rate, Table, Time, check_sources, parse
from cerebellum.units import steps


class DigitPatterns(Table):
    """Handwritten digits: pointer = the pixels, address = the pixels through a seeded random projection."""

    source: Literal["digits"]
    count: Count


class RandomPatterns(Table):
    """Independent fair bits for addresses and pointers."""

    source: Literal["random"]
    count: Count


PatternSource = Annotated[DigitPatterns | RandomPatterns, Field(discriminator="source")]


class Volley(Table):
    """The trial's address on the mossy fibres: of each pair the fibre of the bit's value fires once a volley."""

    kind: Literal["volley"]
    population: Literal["mossy_fiber"] = "mossy_fiber"
    onset: Time
    volleys: Count
    interval: Duration
    jitter: Time
    """Standard deviation of a fibre's spike time about the volley's, Gaussian, cut at 3."""


class Pointer(Table):
    """The trial's pointer on the climbing fibres: a spike in the microzones whose bit is 1."""

    kind: Literal["pointer"]
    population: Literal["inferior_olive"] = "inferior_olive"
    onset: Time


class Poisson(Table):
    """Independent Poisson spikes of all cells of a source population."""

    kind: Literal["poisson"]
    population: PopulationName
    onset: Time
    duration: Duration
    rate: Rate


Stimulus = Annotated[Volley | Pointer | Poisson, Field(discriminator="kind")]


class Window(Table):
    """The part of a trial in which spikes are counted."""

    onset: Time
    duration: Duration


class Block(Table):
    """Trials of one kind, run one after another."""

    over: Literal["patterns", "cues", "trials"]
    """One trial for each stored pattern, for each noisy cue, or `trials` alike."""
    trials: Count | None = None
    trial_duration: Duration
    plasticity: bool = False
    role: Literal["baseline", "write", "read", "other"] = "other"
    window: Window | None = None
    noise: list[int] = Field(default_factory=list)
    """Cues only: numbers of flipped elements (pixels of an image, else address bits)."""
    cues_per_pattern: Count | None = None
    stimulus: dict[str, Stimulus] = Field(default_factory=dict)

    @field_validator("noise")
    @classmethod
    def _flips(cls, noise: list[int]) -> list[int]:
        if any(flips < 0 for flips in noise) or len(set(noise)) < len(noise):
            raise InputError(f"found {noise}; wanted different numbers of flipped elements, 0 or more")
        return noise

    @model_validator(mode="after")
    def _complete(self) -> Block:
        if self.over == "trials" and self.trials is None:
            raise InputError('over = \'trials\' wants trials = [number, "1", "source"]')
        if self.over == "cues" and (not self.noise or self.cues_per_pattern is None):
            raise InputError('over = \'cues\' wants noise = [0, ...] and cues_per_pattern = [number, "1", "source"]')
        if self.role in ("baseline", "read") and self.window is None:
            raise InputError(f"role = {self.role!r} wants a window: [block.NAME.window] with onset and duration")
        if self.over == "trials" and any(s.kind in ("volley", "pointer") for s in self.stimulus.values()):
            raise InputError("over = 'trials' has no pattern for a volley or pointer; use over = 'patterns' or 'cues'")
        if self.window and self.window.onset.si + self.window.duration.si > self.trial_duration.si * (1 + 1e-9):
            raise InputError(f"window ends after the trial ({self.trial_duration})")
        for name, stimulus in self.stimulus.items():
            if stimulus.onset.si >= self.trial_duration.si:
                raise InputError(
                    f"stimulus.{name}.onset: found {stimulus.onset}; wanted inside the trial ({self.trial_duration})"
                )
            if isinstance(stimulus, Volley):
                last = stimulus.onset.si + (stimulus.volleys.number - 1) * stimulus.interval.si
                if last >= self.trial_duration.si:
                    raise InputError(
                        f"stimulus.{name}: the last volley starts at {last * 1e3:g} ms, after the trial ends"
                    )
        return self


class Protocol(Table):
    """A whole protocol file. Blocks run in the order of the file."""

    title: str
    description: str
    patterns: PatternSource | None = None
    block: dict[str, Block]
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Protocol:
        if not self.block:
            raise InputError("block: a protocol wants at least one [block.NAME]")
        for name, block in self.block.items():
            if block.over != "trials" and self.patterns is None:
                raise InputError(f"block.{name}: over = {block.over!r} wants a [patterns] table")
        for role in ("baseline", "read"):
            if len(found := [name for name, block in self.block.items() if block.role == role]) > 1:
                raise InputError(f"only one block can have role = {role!r}, found {', '.join(found)}")
        check_sources(self, self.sources)
        return self

    @property
    def pattern_count(self) -> int:
        """Number of stored patterns."""
        return int(self.patterns.count.number) if self.patterns else 0

    def block_of(self, role: str) -> str | None:
        """Name of the block with this role."""
        return next((name for name, block in self.block.items() if block.role == role), None)

    def trials_in(self, block: Block) -> int:
        """Number of trials of a block."""
        if block.over == "trials":
            assert block.trials is not None
            return int(block.trials.number)
        if block.over == "patterns":
            return self.pattern_count
        assert block.cues_per_pattern is not None
        return self.pattern_count * len(block.noise) * int(block.cues_per_pattern.number)

    @property
    def duration(self) -> float:
        """Biological time of the whole protocol, s."""
        return sum(self.trials_in(block) * block.trial_duration.si for block in self.block.values())


def load_protocol(name: str, settings: dict[str, str] | None = None) -> Protocol:
    """The protocol of a shipped name, or of a path ending in .toml; `settings` and errors as in `load_model`."""
    tables, path, _ = library.read_extended("protocols", name)
    return parse(Protocol, library.apply_settings(tables, settings or {}), path.name, ProtocolFileError)


def check_together(protocol: Protocol, circuit: Circuit) -> None:
    """Whether this protocol can run on this circuit.

    Raises
    ------
    ProtocolFileError
        Every mismatch: a stimulated population that the circuit lacks or that makes its own spikes, more patterns than
        the pointer bits can resolve, times off the circuit's grid.
    """
    faults = []
    for name, block in protocol.block.items():
        for key, stimulus in block.stimulus.items():
            place = f"block.{name}.stimulus.{key}"
            if stimulus.population not in circuit.population:
                known = ", ".join(circuit.population)
                faults.append(f"{place}: the model has no population {stimulus.population!r}; there is: {known}")
            elif circuit.population[stimulus.population].cell != "source":
                faults.append(f"{place}: {stimulus.population} makes its own spikes; only a source cell can be driven")
        for key, time in (("trial_duration", block.trial_duration.si),):
            try:
                steps(time, circuit.dt)
            except InputError as error:
                faults.append(f"block.{name}.{key}: {error}")
    if protocol.patterns is not None and protocol.block_of("read") and 2 * protocol.pattern_count > circuit.zones:
        faults.append(
            f"patterns.count: found {protocol.pattern_count}; with {circuit.zones} pointer bits (microzones) the weights "
            f"of at most {circuit.zones // 2} patterns can be told apart; store fewer, or set more microzones"
        )
    if faults:
        raise ProtocolFileError("\n".join(faults))
