"""An eyelid that nuclear cells close, and what counts as a conditioned response, as a protocol file describes them."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import model_validator

from cerebellum.clock import NANOSECOND, nearest
from cerebellum.description.schema import Duration, Probability, Rate, Table, Time, Word
from cerebellum.description.trial import OneTrial, onset_of
from cerebellum.errors import InputError


class Eyelid(Table):
    """`[eyelid]`: an eyelid unit driven by nuclear cells, and two criteria of a conditioned response.

    Two lags, of premotor neurons and of the lid, take the mean rate r of the population above rest to the closure:
    `premotor` x' = r - r_rest - x, `lid` y' = x - y, closure = y / `full`.
    """

    population: str = "nuclear"
    conditioned: Word = "cs"
    """Stimulus from whose onset responses are timed; only trials that have it are judged."""
    unconditioned: Word = "us"
    interval: Duration
    """From the conditioned stimulus to the unconditioned one, where there is one; probes are judged over the same."""
    rest: Duration
    """Before the conditioned stimulus: the mean rate in it, over the trials of a block, is rest."""
    premotor: Duration
    lid: Duration
    full: Rate
    """Rate above rest that keeps the eye shut."""
    closure: Probability
    """First criterion: a closure that first reaches so much after `alpha` and within the interval."""
    alpha: Time
    """What comes before is no conditioned response."""
    rate: Rate
    """Second criterion, of Geminiani et al. 2022: a smoothed rate that first reaches so much above rest ..."""
    earliest: Time
    """... later than this after the conditioned stimulus ..."""
    held: Probability
    """... and is above it for so much of the time left in the interval."""

    @model_validator(mode="after")
    def _in_order(self) -> Eyelid:
        if self.full.si <= 0:
            raise InputError(f"full: found {self.full}; wanted more than 0")
        for key in ("alpha", "earliest"):
            if (found := getattr(self, key)).si >= self.interval.si:
                raise InputError(f"{key}: found {found}; wanted less than the interval of {self.interval}")
        return self

    def faults(self, kinds: Mapping[str, OneTrial]) -> list[str]:
        """What does not fit the kinds of trials, each begun with the key at fault."""
        judged = {name: one for name, one in kinds.items() if self.conditioned in one.stimulus}
        if not judged:
            return [f"eyelid.conditioned: no kind of trial has a stimulus {self.conditioned!r}"]
        faults = []
        for name, one in judged.items():
            begin = onset_of(self.conditioned, one.stimulus)
            if _less(begin, self.rest.si):
                faults.append(f"eyelid.rest: found {self.rest}; {name} has {begin * 1e3:g} ms before its stimulus")
            if _less(one.duration, begin + self.interval.si):
                faults.append(f"eyelid.interval: found {self.interval}; {name} ends before")
            if self.unconditioned in one.stimulus:
                apart = onset_of(self.unconditioned, one.stimulus) - begin
                if _less(apart, self.interval.si) or _less(self.interval.si, apart):
                    faults.append(
                        f"eyelid.interval: found {self.interval}; in {name} {self.unconditioned} comes "
                        f"{apart * 1e3:g} ms after {self.conditioned}; wanted the same"
                    )
        return faults


def _less(one: float, other: float) -> bool:
    """Of times (s), to the nanosecond."""
    return nearest(one, NANOSECOND) < nearest(other, NANOSECOND)
