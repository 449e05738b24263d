"""An experiment as its protocol file describes it: patterns, blocks of trials, stimuli, what is read when."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from cerebellum import lesions, library
from cerebellum.cells import MODELS
from cerebellum.circuit import Circuit, PopulationName
from cerebellum.errors import InputError, ProtocolFileError
from cerebellum.schema import (
    Count,
    Currents,
    Duration,
    Extent,
    Position,
    Rate,
    Table,
    Time,
    Times,
    check_sources,
    parse,
)
from cerebellum.units import steps


class DigitPatterns(Table):
    """Handwritten digits: pointer = the pixels, address = the pixels through a seeded random projection."""

    source: Literal["digits"]
    count: Count


class RandomPatterns(Table):
    """Independent fair bits for addresses and pointers; `balanced` pointers have as many ones as zeros."""

    source: Literal["random"]
    count: Count
    balanced: bool = False


class SparsePatterns(Table):
    """Random sets of `active` mossy fibres, each fibre a line of its own; pointers have as many ones as zeros.

    Noise moves active lines: a cue with n flipped elements has n of its fibres replaced by n others.
    """

    source: Literal["sparse"]
    count: Count
    active: Count


class FilePatterns(Table):
    """Patterns and cues from a NumPy file (.npz), see `patterns.read_file`; blocks over cues ask the file's cues."""

    source: Literal["file"]
    path: str
    """From the working folder."""
    count: Count
    cues: Count


PatternSource = Annotated[DigitPatterns | RandomPatterns | SparsePatterns | FilePatterns, Field(discriminator="source")]


class Volley(Table):
    """The trial's address on the mossy fibres: each fibre of the address fires once a volley."""

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


class Sphere(Table):
    """Cells whose somata lie within `radius` of a point.

    Points are given at scale 1; in a scaled volume x and y move with its sides, the radius stays.
    """

    kind: Literal["sphere"]
    x: Position
    y: Position
    z: Position
    radius: Extent


class Cylinder(Table):
    """Cells whose somata lie within `radius` of an upright axis."""

    kind: Literal["cylinder"]
    x: Position
    y: Position
    radius: Extent


class Nearest(Table):
    """The `cells` cells nearest to a point: neighbouring fibres."""

    kind: Literal["nearest"]
    x: Position
    y: Position
    z: Position
    cells: Count


class Edge(Table):
    """The `cells` cells nearest to the border of the volume where x is 0."""

    kind: Literal["edge"]
    cells: Count


class Address(Table):
    """The mossy fibres that are on in the trial's address: of a pair the fibre of the bit's value, or a sparse set."""

    kind: Literal["address"]


Where = Annotated[Sphere | Cylinder | Nearest | Edge | Address, Field(discriminator="kind")]


class Poisson(Table):
    """Independent Poisson spikes of a population's cells, or of those `where` it says."""

    kind: Literal["poisson"]
    population: PopulationName
    onset: Time
    duration: Duration
    rate: Rate
    where: Where | None = None


class Regular(Table):
    """Trains of even intervals, each cell with a random phase of its own."""

    kind: Literal["regular"]
    population: PopulationName
    onset: Time
    duration: Duration
    rate: Rate
    where: Where | None = None


class Burst(Table):
    """The same spikes on all chosen cells, `times` after the onset."""

    kind: Literal["burst"]
    population: PopulationName
    onset: Time
    times: Times
    where: Where | None = None


class CurrentStep(Table):
    """A current into every cell of a population; the first trial gets the first of the amplitudes, and so on."""

    kind: Literal["current_step"]
    population: PopulationName
    onset: Time
    duration: Duration
    amplitudes: Currents


Stimulus = Annotated[Volley | Pointer | Poisson | Regular | Burst | CurrentStep, Field(discriminator="kind")]


def needs_pattern(stimulus: Stimulus) -> bool:
    """Whether the stimulus shows the trial's address or pointer."""
    return isinstance(stimulus, Volley | Pointer) or isinstance(getattr(stimulus, "where", None), Address)


class Window(Table):
    """The part of a trial in which spikes are counted."""

    onset: Time
    duration: Duration


class Block(Table):
    """Trials of one kind, run one after another."""

    over: Literal["patterns", "cues", "trials"]
    """One trial for each stored pattern, for each noisy cue, or `trials` alike."""
    trials: Count | None = None
    repeats: Count | None = None
    """Patterns only: how often all of them are shown, one round after another; once if not given."""
    subset: tuple[int, int] | None = None
    """Patterns and cues: first of the stored patterns that the block shows or asks for, and the one after its last.

    Where the cues come from a file, a block over cues names the file's cues instead.
    """
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
        if self.over == "cues" and self.role != "read":
            raise InputError(f"over = 'cues' asks; found role = {self.role!r}; wanted role = 'read'")
        if self.subset is not None and (self.over == "trials" or not 0 <= self.subset[0] < self.subset[1]):
            raise InputError(f"subset: found {list(self.subset)}; wanted [first, last + 1], over patterns or cues")
        if self.repeats is not None and self.over != "patterns":
            raise InputError(f"repeats: wanted with over = 'patterns' only; found over = {self.over!r}")
        if self.role in ("baseline", "read") and self.window is None:
            raise InputError(f"role = {self.role!r} wants a window: [block.NAME.window] with onset and duration")
        if self.role == "read" and self.over != "cues":
            raise InputError(f"role = 'read' asks with cues; found over = {self.over!r}; wanted over = 'cues'")
        if self.over == "trials" and any(needs_pattern(s) for s in self.stimulus.values()):
            raise InputError(
                "over = 'trials' has no pattern for a volley, pointer or address; use over = 'patterns' or 'cues'"
            )
        if self.window and self.window.onset.si + self.window.duration.si > self.trial_duration.si * (1 + 1e-9):
            raise InputError(f"window ends after the trial ({self.trial_duration})")
        for name, stimulus in self.stimulus.items():
            if stimulus.onset.si >= self.trial_duration.si:
                raise InputError(
                    f"stimulus.{name}.onset: found {stimulus.onset}; wanted inside the trial ({self.trial_duration})"
                )
            if isinstance(stimulus, Poisson | Regular | CurrentStep):
                end = stimulus.onset.si + stimulus.duration.si
                if end > self.trial_duration.si * (1 + 1e-9):
                    raise InputError(
                        f"stimulus.{name}: ends at {end * 1e3:g} ms, after the {self.trial_duration} trial"
                    )
            if isinstance(stimulus, CurrentStep) and (
                self.trials is None or len(stimulus.amplitudes) != self.trials.number
            ):
                raise InputError(
                    f"stimulus.{name}.amplitudes: found {len(stimulus.amplitudes)}; wanted one for each of the trials"
                )
            if isinstance(stimulus, Burst):
                last = stimulus.onset.si + max(time.si for time in stimulus.times)
                if last >= self.trial_duration.si:
                    raise InputError(
                        f"stimulus.{name}: the last spike comes at {last * 1e3:g} ms, after the trial ends"
                    )
            if isinstance(stimulus, Volley):
                last = stimulus.onset.si + (stimulus.volleys.number - 1) * stimulus.interval.si
                if last >= self.trial_duration.si:
                    raise InputError(
                        f"stimulus.{name}: the last volley starts at {last * 1e3:g} ms, after the trial ends"
                    )
        return self

    def shown(self, count: int) -> range:
        """Numbers of the patterns that the block shows or asks for, of `count` in all."""
        return range(count) if self.subset is None else range(*self.subset)

    def cues_at(self, flips: int) -> int:
        """Cues of each pattern at a noise level; the clean cue is always the same, so it is asked once."""
        assert self.cues_per_pattern is not None
        return int(self.cues_per_pattern.number) if flips else 1


class Protocol(Table):
    """A whole protocol file. Blocks run in the order of the file."""

    title: str
    description: str
    lesion: list[str] = Field(default_factory=list)
    """What is blocked: projections, populations, or a word of `lesions.WORDS`."""
    patterns: PatternSource | None = None
    weights: bool = True
    """Whether the weight of every stored pattern in a read is asked for; that wants two pointer bits a pattern."""
    block: dict[str, Block]
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Protocol:
        if not self.block:
            raise InputError("block: a protocol wants at least one [block.NAME]")
        for name, block in self.block.items():
            if block.over != "trials" and self.patterns is None:
                raise InputError(f"block.{name}: over = {block.over!r} wants a [patterns] table")
            if block.over == "cues":
                self._check_cues(name, block)
        if len(found := [name for name, block in self.block.items() if block.role == "baseline"]) > 1:
            raise InputError(f"only one block can have role = 'baseline', found {', '.join(found)}")
        written = set[int]()
        for name, block in self.block.items():
            cues = self.file_cues if block.over == "cues" else None
            there, what = (self.pattern_count, "patterns") if cues is None else (cues, "cues")
            if block.subset is not None and block.subset[1] > there:
                raise InputError(f"block.{name}.subset: found {list(block.subset)}; there are {there} {what}")
            if block.role == "write":
                written |= set(block.shown(there))
            if block.role == "read" and cues is None and not written.issuperset(block.shown(there)):
                raise InputError(f"block.{name}: asks for patterns that no write block has written before")
        check_sources(self, self.sources)
        return self

    def _check_cues(self, name: str, block: Block) -> None:
        if self.file_cues is None and (not block.noise or block.cues_per_pattern is None):
            raise InputError(
                f'block.{name}: over = \'cues\' wants noise = [0, ...] and cues_per_pattern = [number, "1", "source"]'
            )
        if self.file_cues is not None and (block.noise or block.cues_per_pattern is not None):
            raise InputError(f"block.{name}: the cues come from a file; wanted no noise and no cues_per_pattern")

    @property
    def pattern_count(self) -> int:
        """Number of stored patterns."""
        return int(self.patterns.count.number) if self.patterns else 0

    @property
    def file_cues(self) -> int | None:
        """Number of cues in the patterns' file; None where cues are made from the patterns."""
        return int(self.patterns.cues.number) if isinstance(self.patterns, FilePatterns) else None

    @property
    def active_lines(self) -> int | None:
        """Fibres on in every address of a sparse code; None for other codes."""
        return int(self.patterns.active.number) if isinstance(self.patterns, SparsePatterns) else None

    def block_of(self, role: str) -> str | None:
        """Name of the block with this role."""
        return next((name for name, block in self.block.items() if block.role == role), None)

    def blocks_of(self, role: str) -> list[str]:
        """Names of all blocks with this role, in order."""
        return [name for name, block in self.block.items() if block.role == role]

    def trials_in(self, block: Block) -> int:
        """Number of trials of a block."""
        if block.over == "trials":
            assert block.trials is not None
            return int(block.trials.number)
        if block.over == "patterns":
            return len(block.shown(self.pattern_count)) * (int(block.repeats.number) if block.repeats else 1)
        if self.file_cues is not None:
            return len(block.shown(self.file_cues))
        return len(block.shown(self.pattern_count)) * sum(block.cues_at(flips) for flips in block.noise)

    @property
    def duration(self) -> float:
        """Biological time of the whole protocol, s."""
        return sum(self.trials_in(block) * block.trial_duration.si for block in self.block.values())


def _alike(blocks: dict[str, Any], where: str) -> dict[str, Any]:
    """The blocks with those that are `like` another laid over it."""
    plain = {key: block for key, block in blocks.items() if not (isinstance(block, dict) and "like" in block)}
    out = {}
    for key, block in blocks.items():
        if key not in plain:
            if not isinstance(plain.get(block["like"]), dict):
                raise ProtocolFileError(
                    f"{where}: block.{key}.like: found {block['like']!r}; wanted one of {', '.join(plain)}"
                )
            block = library.merge(plain[block["like"]], {k: v for k, v in block.items() if k != "like"})
        out[key] = block
    return out


def load_protocol(name: str, settings: dict[str, str] | None = None) -> Protocol:
    """The protocol of a shipped name, or of a path ending in .toml; `settings` and errors as in `load_model`.

    A block with `like = "other"` is that block, settings included, with its own keys laid over.
    """
    tables, path, _ = library.read_extended("protocols", name)
    tables = library.apply_settings(tables, settings or {})
    blocks = tables.get("block")
    if isinstance(blocks, dict):
        tables["block"] = _alike(blocks, path.name)
    return parse(Protocol, tables, path.name, ProtocolFileError)


def check_together(protocol: Protocol, circuit: Circuit) -> None:
    """Whether this protocol can run on this circuit.

    Raises
    ------
    ProtocolFileError
        Every mismatch: a stimulated population that the circuit lacks or that makes its own spikes, more patterns than
        the pointer bits can resolve, times off the circuit's grid.
    """
    faults = lesions.faults(protocol.lesion, circuit)
    for name, block in protocol.block.items():
        for key, stimulus in block.stimulus.items():
            faults += _stimulus_faults(f"block.{name}.stimulus.{key}", stimulus, circuit)
        for key, time in (("trial_duration", block.trial_duration.si),):
            try:
                steps(time, circuit.dt)
            except InputError as error:
                faults.append(f"block.{name}.{key}: {error}")
    weighed = protocol.weights and protocol.block_of("read") is not None
    if weighed and 2 * protocol.pattern_count > circuit.zones:
        faults.append(
            f"patterns.count: found {protocol.pattern_count}; with {circuit.zones} pointer bits (microzones) the "
            f"weights of at most {circuit.zones // 2} patterns can be told apart; store fewer, set more microzones, "
            "or weights = false"
        )
    if faults:
        raise ProtocolFileError("\n".join(faults))


def _stimulus_faults(place: str, stimulus: Stimulus, circuit: Circuit) -> list[str]:
    if stimulus.population not in circuit.population:
        known = ", ".join(circuit.population)
        return [f"{place}: the model has no population {stimulus.population!r}; there is: {known}"]
    population = circuit.population[stimulus.population]
    if isinstance(stimulus, CurrentStep):
        if MODELS[population.cell].synapse is None:
            return [f"{place}: {stimulus.population} has no membrane to inject a current into"]
        return []
    if population.cell != "source" and population.afferent is None:
        return [
            f"{place}: {stimulus.population} makes its own spikes; only a source cell, or one with an afferent, "
            "can be driven"
        ]
    if isinstance(stimulus, Volley | Pointer):
        return []
    if isinstance(stimulus.where, Address):
        wrong = stimulus.population != "mossy_fiber"
        return [f"{place}.where: an address lies on the mossy fibres, not on {stimulus.population}"] if wrong else []
    if stimulus.where is not None and circuit.volume is None:
        return [f"{place}.where: the cells of this model have no positions"]
    if isinstance(stimulus.where, Nearest | Edge) and stimulus.where.cells.number > circuit.size(stimulus.population):
        return [
            f"{place}.where.cells: found {stimulus.where.cells}; there are {circuit.size(stimulus.population)} "
            f"{stimulus.population} cells: wanted fewer, or a larger scale"
        ]
    return []
