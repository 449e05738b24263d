"""The rate circuit's time step."""

from __future__ import annotations

from cerebellum.clock import nearest
from cerebellum.errors import ArgumentError

BIN = 5e-4  # s; the rate circuit's time step, in which drive and response are kept


def delay(time: float) -> int:
    """Steps that a spike is under way for a delay of `time` (s): to the nearest, one at least."""
    return max(1, nearest(time, BIN))


def steps_within(dt: float) -> int:
    """Time steps `dt` (s) of single cells in one of the rate circuit.

    Raises
    ------
    ArgumentError
        If they are no whole number.
    """
    number = round(BIN / dt)
    if number < 1 or abs(number * dt - BIN) > 1e-9:
        raise ArgumentError(
            "time_step", f"{dt * 1e3:g} ms", f"wanted a whole part of {BIN * 1e3:g} ms: rates step by that"
        )
    return number
