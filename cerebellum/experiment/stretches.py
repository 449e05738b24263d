"""Where a run's time does not simply go on: trials that each begin in the state at their block's begin.

The state then has lived through less time than the clock shows. Times and steps are the protocol's throughout; what the
state has not lived through is `behind`. After such a block the run goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from cerebellum.cells.renewal import MOST_JUMP
from cerebellum.clock import nearest
from cerebellum.experiment.schedule import Trial
from cerebellum.machine.streams import generator
from cerebellum.typing import Ints


@dataclass(frozen=True)
class Stretch:
    """A run of steps without a break.

    Attributes
    ----------
    first, last : steps, the last excluded; none of an empty stretch between two blocks
    behind : steps up to `first` that the state has not lived through
    trial : number of the independent trial among those of the run; -1 of what is no such trial
    """

    first: int
    last: int
    behind: int = 0
    trial: int = -1


def stretches(trials: Sequence[Trial], duration: float, dt: float) -> list[Stretch]:
    """All of a run, in steps of `dt` (s): the main line, and in turn with it each independent trial of a block."""
    out, begun, behind, number = [], 0, 0, 0
    for (independent, _), group in groupby(trials, key=lambda trial: (trial.independent, trial.block)):
        block = list(group)
        if not independent:
            continue
        begin, end = (nearest(time, dt) for time in (block[0].start, block[-1].until))
        out.append(Stretch(begun, begin, behind))
        for trial in block:
            start = nearest(trial.start, dt)
            out.append(Stretch(start, nearest(trial.until, dt), behind + start - begin, number))
            number += 1
        begun, behind = end, behind + end - begin
    return [*out, Stretch(begun, nearest(duration, dt), behind)]


def step_before(parts: Sequence[Stretch], steps: int) -> Ints:
    """The step that went before each in the life of its state, -1 for none, shape (steps,)."""
    before = np.arange(steps, dtype=np.int64) - 1
    at = -1  # the main line's last step
    for part in parts:
        if part.last > part.first:
            before[part.first] = at
            if part.trial < 0:
                at = part.last - 1
    return before


def steps_back(before: Ints, number: int) -> Ints:
    """So many steps before each in the life of its state, -1 for none, shape (steps,)."""
    out = np.arange(len(before), dtype=np.int64)
    for _ in range(number):
        out = np.where(out >= 0, before[out], -1)
    return out


def jumps(trials: Sequence[Trial], seed: int) -> Ints:
    """Two numbers of each independent trial, by which cells' chances go on elsewhere (`cells.renewal`): (trials, 2)."""
    count: dict[str, int] = {}
    out = []
    for trial in trials:
        if trial.independent:
            number = count[trial.block] = count.get(trial.block, -1) + 1
            out.append(generator(seed, "independent", trial.block, str(number)).integers(1, MOST_JUMP, 2))
    return np.array(out, dtype=np.int64).reshape(-1, 2)
