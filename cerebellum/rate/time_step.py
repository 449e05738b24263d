"""The rate circuit's time step."""

from __future__ import annotations

from cerebellum.errors import ArgumentError

BIN = 5e-4  # s; the rate circuit's time step, in which drive and response are kept


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
