"""One clock: times are compared as whole steps, here alone, and intervals are [start, stop).

A described time that is no whole number of steps is rounded to the nearest, halves up; `experiment.checks` says so. A
spike is stamped with the step in which its cell crosses threshold, and what arrives in a step acts from the step's end.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

from cerebellum.typing import Floats, Ints

NANOSECOND = 1e-9  # s; the step where no circuit gives one
FUZZ = 1e-6  # of a step: sums and quotients of decimal times are off by rounding, so that 1.05 / 0.1 is 10.499...


@overload
def nearest(time: float, dt: float) -> int: ...
@overload
def nearest(time: Floats, dt: float) -> Ints: ...
def nearest(time: Any, dt: float) -> Any:
    """Steps of `dt` (s) nearest to a time (s), halves up."""
    steps = np.floor(np.asarray(time) / dt + (0.5 + FUZZ))
    return steps.astype(np.int64) if np.ndim(time) else int(steps)


def on_grid(time: float, dt: float) -> bool:
    """Whether a time (s) is a whole number of steps, but for floating-point error."""
    return abs(time / dt - nearest(time, dt)) <= FUZZ + 1e-12 * abs(time / dt)
