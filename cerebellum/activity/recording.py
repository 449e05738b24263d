"""What a run records of single cells and synapses over time, whatever the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cerebellum.typing import Floats, Ints

UNITS = {"voltage": "volts", "adaptation": "amperes", "conductance": "siemens", "current": "amperes", "rate": "hertz"}
"""SI unit of each quantity, as NWB spells it; a weight is in siemens or amperes."""
DRAWN_UNITS = {"volts": ("mV", 1e3), "amperes": ("pA", 1e12), "siemens": ("nS", 1e9), "hertz": ("Hz", 1.0)}
"""SI unit -> the unit of figures, and how many of it are one in SI."""
DRAWN_SERIES = 4
"""Cells or synapses of a quantity in a figure."""


@dataclass(frozen=True)
class Recording:
    """One record of a protocol.

    Attributes
    ----------
    population : whose cells; of weights the target
    cells : their numbers, shape (n,); of weights those of the target cells, of a rate all that it is the mean of
    time : of the samples, s, shape (samples,); a voltage is that at the end of the step with this stamp, before a spike
        in it resets it, so it lies above threshold where a spike has the same stamp
    values : 'voltage' (V), 'adaptation' (A), 'conductance.RECEPTOR' (S), 'current.RECEPTOR' (A, inward positive),
        'weight' (S or A), shape (samples, n); 'rate' (Hz), shape (samples, 1)
    units : of each of them
    sources : of weights the source cells, shape (n,)
    projection : of weights
    """

    population: str
    cells: Ints
    time: Floats
    values: Mapping[str, Floats]
    units: Mapping[str, str]
    sources: Ints | None = None
    projection: str = ""


def sampled(number: int) -> Ints:
    """Which of so many cells or synapses a figure shows: an even sample, first and last among them."""
    return np.unique(np.linspace(0, number - 1, min(DRAWN_SERIES, number)).astype(np.int64))


def stretches(time: Floats) -> Ints:
    """Number of the stretch of each sample, from 0: a new one where more than twice the usual time has passed."""
    if len(time) < 3:
        return np.zeros(len(time), dtype=np.int64)
    apart = np.diff(time)
    return np.concatenate([[0], np.cumsum(apart > 2 * np.median(apart))])


def broken(time: Floats, values: Floats, stretch: Ints) -> tuple[Floats, Floats]:
    """Time and values of one series with a nan between stretches, where a line is to break."""
    gaps = np.flatnonzero(np.diff(stretch)) + 1
    return np.insert(time, gaps, np.nan), np.insert(values, gaps, np.nan)
