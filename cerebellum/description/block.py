"""Blocks of trials as a protocol file describes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from cerebellum.description.schema import Duration, Listed, Table, Time, Word
from cerebellum.description.stimulus import AnyStimulus
from cerebellum.description.trial import Window, faults_within, raise_faults, windows_by_name
from cerebellum.errors import InputError


class Block(Table):
    """Trials run one after another: of the block's own kind, or of the protocol's kinds of trials."""

    over: Literal["patterns", "cues", "trials", "kinds"]
    """One trial for each stored pattern, for each noisy cue, `trials` alike, or so many of each of the `kinds`."""
    trials: Listed | None = None
    kinds: dict[Word, Listed] = Field(default_factory=dict)
    order: Literal["listed", "shuffled"] = "listed"
    """Of kinds in a round: as listed, or drawn."""
    repeats: Listed | None = None
    """Patterns and kinds: how often all of them are shown, one round after another; once if not given."""
    subset: tuple[int, int] | None = None
    """Patterns and cues: first of the stored patterns that the block shows or asks for, and the one after its last.

    Where the cues come from a file, a block over cues names the file's cues instead.
    """
    trial_duration: Duration | None = None
    interval: Time | None = None
    """After each trial, before the next; what lasts on does so in it."""
    interval_jitter: Time | None = None
    """The interval is drawn for every trial, evenly within so much of `interval` to both sides."""
    plasticity: bool = False
    independent: bool = False
    """Every trial begins in the state at the block's begin, whatever the trials before it did, and so does what comes
    after the block: its trials can run in any order, or at once (`--jobs`). None of them learns.
    """
    role: Literal["baseline", "write", "read", "other"] = "other"
    window: Window | None = None
    windows: dict[Word, Window] = Field(default_factory=dict)
    """Further ones, by name."""
    noise: list[int] = Field(default_factory=list)
    """Cues only: numbers of flipped elements (pixels of an image, else address bits)."""
    cues_per_pattern: Listed | None = None
    stimulus: dict[Word, AnyStimulus] = Field(default_factory=dict)

    @field_validator("noise")
    @classmethod
    def _flips(cls, noise: list[int]) -> list[int]:
        if any(flips < 0 for flips in noise) or len(set(noise)) < len(noise):
            raise InputError(f"found {noise}; wanted different numbers of flipped elements, 0 or more")
        return noise

    @model_validator(mode="after")
    def _over_something(self) -> Block:
        if self.over == "trials" and self.trials is None:
            raise InputError('over = \'trials\' wants trials = [number, "1", "source"]')
        if self.over == "cues" and self.role != "read":
            raise InputError(f"over = 'cues' asks; found role = {self.role!r}; wanted role = 'read'")
        if self.subset is not None and (self.over == "trials" or not 0 <= self.subset[0] < self.subset[1]):
            raise InputError(f"subset: found {list(self.subset)}; wanted [first, last + 1], over patterns or cues")
        if self.repeats is not None and self.over not in ("patterns", "kinds"):
            raise InputError(f"repeats: wanted with over = 'patterns' or 'kinds' only; found over = {self.over!r}")
        if self.interval_jitter is not None and self.interval_jitter.si > (self.interval.si if self.interval else 0.0):
            raise InputError(f"interval_jitter: found {self.interval_jitter}; wanted at most the interval")
        if self.independent and self.plasticity:
            raise InputError(
                "independent: found true, and plasticity = true; what is learned would be lost: wanted one"
            )
        return self

    @model_validator(mode="after")
    def _of_kinds(self) -> Block:
        own = {
            "trial_duration": self.trial_duration, "trials": self.trials, "window": self.window,
            "windows": self.windows, "stimulus": self.stimulus,
        }  # fmt: skip
        if self.over != "kinds":
            if self.kinds or self.order != "listed":
                raise InputError(f"kinds, order: wanted with over = 'kinds' only; found over = {self.over!r}")
            if self.trial_duration is None:
                raise InputError("trial_duration: missing; wanted a value here")
            return self
        if not self.kinds:
            raise InputError('over = \'kinds\' wants kinds = { NAME = [number, "1", "source"], ... }')
        if found := [key for key, value in own.items() if value]:
            raise InputError(f"{found[0]}: over = 'kinds' has it in [trial.NAME]; wanted none here")
        if self.role != "other":
            raise InputError(f"role = {self.role!r}: over = 'kinds' has no patterns to write or read; wanted none")
        return self

    @model_validator(mode="after")
    def _as_its_role(self) -> Block:
        if self.role in ("baseline", "read") and self.window is None:
            raise InputError(f"role = {self.role!r} wants a window: [block.NAME.window] with onset and duration")
        if self.role == "read" and self.over != "cues":
            raise InputError(f"role = 'read' asks with cues; found over = {self.over!r}; wanted over = 'cues'")
        if self.over == "trials" and any(s.shows_pattern for s in self.stimulus.values()):
            raise InputError(
                "over = 'trials' has no pattern for a volley, pointer or address; use over = 'patterns' or 'cues'"
            )
        return self

    @model_validator(mode="after")
    def _within_its_trial(self) -> Block:
        if self.trial_duration is not None:
            trials = None if self.trials is None else int(self.trials.number)
            windows = windows_by_name(self.window, self.windows)
            raise_faults(faults_within(self.trial_duration, windows, self.stimulus, trials))
        return self

    def shown(self, count: int) -> range:
        """Numbers of the patterns that the block shows or asks for, of `count` in all."""
        return range(count) if self.subset is None else range(*self.subset)

    def cues_at(self, flips: int) -> int:
        """Cues of each pattern at a noise level; the clean cue is always the same, so it is asked once."""
        assert self.cues_per_pattern is not None
        return int(self.cues_per_pattern.number) if flips else 1
