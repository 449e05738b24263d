"""What a run records of single cells and synapses over time, whatever the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cerebellum.typing import Floats, Ints

UNITS = {"voltage": "volts", "adaptation": "amperes", "conductance": "siemens", "current": "amperes", "rate": "hertz"}
"""SI unit of each quantity, as NWB spells it; a weight is in siemens or amperes."""


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
