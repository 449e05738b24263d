"""Blocks of trials as a protocol file describes them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.schema import Duration, Listed, Table, Time, Word
from cerebellum.description.stimulus import AnyStimulus
from cerebellum.errors import InputError


class Window(Table):
    """The part of a trial in which spikes are counted."""

    onset: Time
    duration: Duration


class Block(Table):
    """Trials of one kind, run one after another."""

    over: Literal["patterns", "cues", "trials"]
    """One trial for each stored pattern, for each noisy cue, or `trials` alike."""
    trials: Listed | None = None
    repeats: Listed | None = None
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
        if self.repeats is not None and self.over != "patterns":
            raise InputError(f"repeats: wanted with over = 'patterns' only; found over = {self.over!r}")
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
        ends = [self.trial_duration.si] + [w.onset.si + w.duration.si for w in [self.window] if w is not None]
        if nearest(ends[-1], NANOSECOND) > nearest(ends[0], NANOSECOND):
            raise InputError(f"window ends after the trial ({self.trial_duration})")
        trials = None if self.trials is None else int(self.trials.number)
        late = [
            f"stimulus.{name}{fault}"
            for name, stimulus in self.stimulus.items()
            for fault in stimulus.late(self.trial_duration, trials)
        ]
        if late:
            raise InputError("\n".join(late))
        return self

    def shown(self, count: int) -> range:
        """Numbers of the patterns that the block shows or asks for, of `count` in all."""
        return range(count) if self.subset is None else range(*self.subset)

    def cues_at(self, flips: int) -> int:
        """Cues of each pattern at a noise level; the clean cue is always the same, so it is asked once."""
        assert self.cues_per_pattern is not None
        return int(self.cues_per_pattern.number) if flips else 1
