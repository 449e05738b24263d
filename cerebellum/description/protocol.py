"""An experiment as its protocol file describes it: patterns, blocks of trials, stimuli, what is read when."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, SerializeAsAny, model_validator

from cerebellum.description import library, session
from cerebellum.description.block import Block
from cerebellum.description.eyelid import Eyelid
from cerebellum.description.loop import AnyLoop
from cerebellum.description.patterns import FilePatterns, GradedPatterns, PatternSource, SparsePatterns
from cerebellum.description.record import Record
from cerebellum.description.schema import (
    Table,
    Word,
    check_sources,
    parse,
)
from cerebellum.description.stimulus import Stimulus
from cerebellum.description.trial import OneTrial, TrialKind, raise_faults, windows_by_name
from cerebellum.errors import InputError, ProtocolFileError, shortened

MOST_TRIALS = 100_000
KEYS = ("session",)  # of a file beside the fields: what `session` makes of them


class Protocol(Table):
    """A whole protocol file. Blocks run in the order of the file."""

    title: str
    description: str
    models: list[str] = Field(default_factory=list)
    """Models it is made for, and with them those that lie over one of these; without a word the first of them runs."""
    lesion: list[str] = Field(default_factory=list)
    """What is blocked: projections, populations, or a word of `lesions.WORDS`."""
    patterns: PatternSource | None = None
    weights: bool = True
    """Whether the weight of every stored pattern in a read is asked for; that wants two pointer bits a pattern."""
    trial: dict[Word, TrialKind] = Field(default_factory=dict)
    """Kinds of trials that blocks over kinds are made of."""
    block: dict[Word, Block]
    loop: SerializeAsAny[AnyLoop] | None = None
    """What is closed around the circuit."""
    eyelid: Eyelid | None = None
    """What nuclear cells close, and what counts as a conditioned response."""
    record: dict[Word, Record] = Field(default_factory=dict)
    """What is recorded of cells and synapses over time."""
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _blocks(self) -> Protocol:
        if not self.block:
            raise InputError("block: a protocol wants at least one [block.NAME]")
        for name, block in self.block.items():
            if block.over not in ("trials", "kinds") and self.patterns is None:
                raise InputError(f"block.{name}: over = {block.over!r} wants a [patterns] table")
            if block.over == "cues":
                self._check_cues(name, block)
            if unknown := [kind for kind in block.kinds if kind not in self.trial]:
                known = shortened(", ".join(self.trial), 400) or "none"
                raise InputError(f"block.{name}.kinds: no [trial.{unknown[0]}]; there is: {known}")
            if block.independent:
                self._check_independent(name, block)
        if (number := sum(self.trials_in(block) for block in self.block.values())) > MOST_TRIALS:
            raise InputError(f"block: found {number:,} trials in all; wanted at most {MOST_TRIALS:,}")
        if len(found := [name for name, block in self.block.items() if block.role == "baseline"]) > 1:
            raise InputError(f"only one block can have role = 'baseline', found {', '.join(found)}")
        return self

    @model_validator(mode="after")
    def _reads_what_was_written(self) -> Protocol:
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
        return self

    @model_validator(mode="after")
    def _records_blocks(self) -> Protocol:
        for name, record in self.record.items():
            if unknown := [block for block in record.blocks if block not in self.block]:
                known = shortened(", ".join(self.block), 400)
                raise InputError(f"record.{name}.blocks: no block {unknown[0]!r}; there is: {known}")
        return self

    @model_validator(mode="after")
    def _judges_trials(self) -> Protocol:
        if self.eyelid is not None:
            kinds = {kind: one for name in self.block for kind, (one, _) in self.kinds_of(name).items()}
            raise_faults(self.eyelid.faults(kinds))
        return self

    @model_validator(mode="after")
    def _sources_given(self) -> Protocol:
        check_sources(self, self.sources)
        return self

    def _check_independent(self, name: str, block: Block) -> None:
        if learning := [kind for kind in block.kinds if self.trial[kind].plasticity]:
            raise InputError(
                f"block.{name}.independent: found true, and trial.{learning[0]}.plasticity = true; what is learned "
                "would be lost: wanted one"
            )
        if self.loop is not None:
            raise InputError(
                f"block.{name}.independent: found true, and a [loop], which goes on over trials: wanted one"
            )

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
        described = self.patterns
        sparse = isinstance(described, SparsePatterns | GradedPatterns | FilePatterns) and described.active is not None
        return int(described.active.number) if sparse else None  # type: ignore[union-attr]

    def lures_in(self, block: Block) -> int:
        """Addresses never written that a block asks for, once each; only of blocks that ask for all patterns."""
        graded = isinstance(self.patterns, GradedPatterns) and block.over == "cues" and block.subset is None
        return self.patterns.asked_lures if graded else 0  # type: ignore[union-attr]

    def block_of(self, role: str) -> str | None:
        """Name of the block with this role."""
        return next((name for name, block in self.block.items() if block.role == role), None)

    def blocks_of(self, role: str) -> list[str]:
        """Names of all blocks with this role, in order."""
        return [name for name, block in self.block.items() if block.role == role]

    @property
    def independent(self) -> list[str]:
        """Names of the blocks whose trials each begin in the state at the block's begin."""
        return [name for name, block in self.block.items() if block.independent]

    def trials_in(self, block: Block) -> int:
        """Number of trials of a block."""
        rounds = int(block.repeats.number) if block.repeats else 1
        if block.over == "trials":
            assert block.trials is not None
            return int(block.trials.number)
        if block.over == "kinds":
            return rounds * sum(int(count.number) for count in block.kinds.values())
        if block.over == "patterns":
            return len(block.shown(self.pattern_count)) * rounds
        if self.file_cues is not None:
            return len(block.shown(self.file_cues))
        cues = len(block.shown(self.pattern_count)) * sum(block.cues_at(flips) for flips in block.noise)
        return cues + self.lures_in(block)

    def kinds_of(self, name: str) -> dict[str, tuple[OneTrial, int]]:
        """The kinds of trials of a block, and how many there are in a round of it."""
        block = self.block[name]
        if block.over == "kinds":
            return {
                kind: (self._of_kind(kind, block.plasticity), int(count.number)) for kind, count in block.kinds.items()
            }
        assert block.trial_duration is not None
        windows = windows_by_name(block.window, block.windows)
        own = OneTrial(
            name, f"block.{name}", block.trial_duration.si, block.plasticity, block.window, windows, block.stimulus
        )
        return {name: (own, self.trials_in(block))}

    def _of_kind(self, kind: str, plasticity: bool) -> OneTrial:
        found = self.trial[kind]
        learns = plasticity if found.plasticity is None else found.plasticity
        return OneTrial(
            kind, f"trial.{kind}", found.duration.si, learns, found.window, found.named_windows, found.stimulus
        )

    @property
    def stimuli(self) -> dict[str, Stimulus]:
        """All stimuli by their dotted keys, 'block.NAME.stimulus.NAME' or 'trial.NAME.stimulus.NAME'."""
        return {
            f"{place}.{name}.stimulus.{key}": stimulus
            for place, tables in (("block", self.block), ("trial", self.trial))
            for name, table in tables.items()
            for key, stimulus in table.stimulus.items()
        }

    def spent(self) -> Iterator[tuple[str, OneTrial, int, float]]:
        """Every kind of trial in every block: block, kind, number of trials, mean length with the interval (s)."""
        for name, block in self.block.items():
            interval = block.interval.si if block.interval else 0.0
            rounds = int(block.repeats.number) if block.repeats and block.over == "kinds" else 1
            for one, count in self.kinds_of(name).values():
                yield name, one, rounds * count, one.duration + interval

    def recorded_seconds(self, record: Record) -> float:
        """For how long (s) this is recorded; of drawn intervals the mean."""
        blocks = record.blocks or tuple(self.block)
        return sum(count * length for block, _, count, length in self.spent() if block in blocks)

    @property
    def duration(self) -> float:
        """Biological time of the whole protocol, s; of drawn intervals the mean."""
        return sum(count * length for _, _, count, length in self.spent())


def load_protocol(name: str, settings: dict[str, str] | None = None) -> Protocol:
    """The protocol of a shipped name, or of a path ending in .toml; `settings` and errors as in `load_model`.

    A block, or a kind of trial, with `like = "other"` is that one, settings included, without the keys that its
    `without` names and with its own laid over. `session` lists the blocks that run. Settings may give `lesion` and
    `session` to a file that has none.
    """
    tables, path, _ = library.read_extended("protocols", name)
    for key in {"lesion", "session"}.intersection(settings or {}):
        tables.setdefault(key, [])
    tables = session.arranged(library.apply_settings(tables, settings or {}), path.name)
    return parse(Protocol, tables, path.name, ProtocolFileError)


def default_model(protocol: str | Protocol) -> str:
    """The model that a protocol runs on where none is named: the first of its `models`.

    Raises
    ------
    ProtocolFileError
        If it names none.
    """
    named = (
        library.read_extended("protocols", protocol)[0].get("models") if isinstance(protocol, str) else protocol.models
    )
    if isinstance(named, list) and named and isinstance(named[0], str):
        return named[0]
    known = shortened(", ".join(library.names("models")), 400)
    raise ProtocolFileError(f"models: the protocol names none that it is for; wanted a model beside it, of {known}")
