"""One trial as a protocol file describes it: its stimuli, and the windows in which its spikes are counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field, model_validator

from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.schema import Duration, Table, Time, Word
from cerebellum.description.stimulus import AnyStimulus, Stimulus
from cerebellum.description.units import Value
from cerebellum.errors import InputError

WHOLE, MAIN = "trial", "window"  # names of the windows that no protocol has to name


class Window(Table):
    """A part of a trial in which spikes are counted."""

    onset: Time
    duration: Duration


class TrialKind(Table):
    """A kind of trial that blocks are made of: `[trial.NAME]`."""

    duration: Duration
    plasticity: bool | None = None
    """Whether synapses learn in it; None: as the block says."""
    window: Window | None = None
    windows: dict[Word, Window] = Field(default_factory=dict)
    stimulus: dict[Word, AnyStimulus] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _within_itself(self) -> TrialKind:
        if any(stimulus.shows_pattern for stimulus in self.stimulus.values()):
            raise InputError("a kind of trial has no pattern for a volley, pointer or address")
        raise_faults(faults_within(self.duration, self.named_windows, self.stimulus, None))
        return self

    @property
    def named_windows(self) -> dict[str, Window]:
        """All windows by their names; that of `window` is `window`."""
        return windows_by_name(self.window, self.windows)


@dataclass(frozen=True)
class OneTrial:
    """What is common to all ways to describe a trial: of a kind, or of a block that has one kind of its own.

    Attributes
    ----------
    kind : name of the kind, or of the block
    place : dotted key of the table that has the stimuli
    duration : s, without the interval after it
    """

    kind: str
    place: str
    duration: float
    plasticity: bool
    window: Window | None
    windows: Mapping[str, Window]
    stimulus: Mapping[str, Stimulus]


def windows_by_name(window: Window | None, windows: Mapping[str, Window]) -> dict[str, Window]:
    """All windows of a table by their names."""
    return {**({MAIN: window} if window is not None else {}), **windows}


def onset_of(key: str, stimuli: Mapping[str, Stimulus]) -> float:
    """When a stimulus begins in the trial (s), but for jitter: by itself, or counted from that which it follows."""
    found = stimuli[key]
    return found.onset.si + (onset_of(found.follows, stimuli) if found.follows is not None else 0.0)


def raise_faults(faults: list[str]) -> None:
    """One error for all of them.

    Raises
    ------
    InputError
        If there is one.
    """
    if faults:
        raise InputError("\n".join(faults))


def faults_within(
    duration: Value, windows: Mapping[str, Window], stimuli: Mapping[str, Stimulus], trials: int | None
) -> list[str]:
    """What does not fit trials of this duration, and of this number where it is known; each begun with a key."""
    faults = [
        f"{'' if name == MAIN else f'windows.{name}: '}window ends after the trial ({duration})"
        for name, window in windows.items()
        if nearest(window.onset.si + window.duration.si, NANOSECOND) > nearest(duration.si, NANOSECOND)
    ]
    if {WHOLE, MAIN} & windows.keys() - {MAIN}:
        faults.append(f"windows.{WHOLE}: the whole trial has this name; wanted another")
    for key in stimuli:
        own = _unfollowable(key, stimuli)
        faults += [f"stimulus.{key}{fault}" for fault in own or _late(key, stimuli, duration, trials)]
    return faults


def _unfollowable(key: str, stimuli: Mapping[str, Stimulus]) -> list[str]:
    """Why the onset of a stimulus cannot be told."""
    seen = [key]
    while (then := stimuli[seen[-1]].follows) is not None:
        if then not in stimuli:
            return [f".follows: found {then!r}; there is: {', '.join(stimuli)}"]
        if then in seen:
            return [f".follows: {' follows '.join([*seen, then])}; wanted one that begins by itself"]
        seen.append(then)
    return []


def _late(key: str, stimuli: Mapping[str, Stimulus], duration: Value, trials: int | None) -> list[str]:
    """What leads a stimulus out of the trial, with the jitter of its own and of what it follows."""
    stimulus, least, most = stimuli[key], 0.0, 0.0
    link: str | None = key
    while link is not None:
        jitter = stimuli[link].onset_jitter
        least, most = least - (jitter.si if jitter else 0), most + (jitter.si if jitter else 0)
        link = stimuli[link].follows
    if most and stimulus.lasts_on:
        return [".duration: missing; a stimulus whose onset has a jitter ends by itself, wanted a duration"]
    base = onset_of(key, stimuli)
    if nearest(base + least, NANOSECOND) < 0:
        return [f".onset_jitter: found {stimulus.onset_jitter}; it leads out of the trial ({duration})"]
    return stimulus.starting(base + most).late(duration, trials)
