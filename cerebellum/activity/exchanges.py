"""What passed between a circuit and what closes a loop around it, interval by interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.typing import Floats

Rows = NDArray[np.float32]
PARTS = ("read", "drive", "record")


@dataclass(frozen=True)
class Exchanges:
    """One row an exchange; what one sets acts from its time to that of the next.

    Attributes
    ----------
    interval : s, from one exchange to the next
    time : of each, s, shape (exchanges,)
    read : population -> spikes of each cell in the interval before, counted or expected, shape (exchanges, cells)
    drive : population -> what was set: rates (Hz) or currents (A) of each cell, shape (exchanges, cells)
    record : name -> what the callable said beside, shape (exchanges,)
    """

    interval: float
    time: Floats
    read: Mapping[str, Rows] = field(default_factory=dict)
    drive: Mapping[str, Floats] = field(default_factory=dict)
    record: Mapping[str, Floats] = field(default_factory=dict)

    def rates(self, population: str) -> Floats:
        """Mean rate of a population that was read in the interval before each exchange, Hz, shape (exchanges,)."""
        return np.asarray(self.read[population].mean(axis=1) / self.interval, dtype=float)


def write(exchanges: Exchanges, path: Path) -> None:
    """All of it in one compressed file."""
    parts: dict[str, Any] = {"interval": np.asarray(exchanges.interval), "time": exchanges.time}
    for part in PARTS:
        parts |= {f"{part}.{name}": rows for name, rows in getattr(exchanges, part).items()}
    np.savez_compressed(path, **parts)


def read(path: Path) -> Exchanges:
    """What `write` wrote."""
    with np.load(path) as kept:
        tables: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        for key in kept.files:
            part, _, name = key.partition(".")
            if name:
                tables[part][name] = kept[key]
        return Exchanges(float(kept["interval"]), kept["time"], **tables)
