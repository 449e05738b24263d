"""Rates of one population over time, as the rate engine keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.clock import nearest

STEP = 1e-3  # s; of the population's mean

Rows = NDArray[np.float32]


@dataclass(frozen=True)
class Rates:
    """Hz.

    Attributes
    ----------
    mean : of the population in steps of `STEP`, shape (steps,)
    cells : of every cell in bins of `width` (s), shape (bins, cells)
    """

    mean: Rows
    cells: Rows
    width: float

    def between(self, start: float, stop: float) -> float:
        """Mean rate of the population in [start, stop) (s), to the nearest steps and one at least."""
        return float(self.mean[_spanned(start, stop, STEP, len(self.mean))].mean())

    def cells_between(self, start: float, stop: float) -> NDArray[np.float64]:
        """Mean rate of each cell in [start, stop) (s), to the nearest bins and one at least, shape (cells,)."""
        spanned = _spanned(start, stop, self.width, len(self.cells))
        return np.asarray(self.cells[spanned].mean(axis=0), dtype=np.float64)


def _spanned(start: float, stop: float, width: float, bins: int) -> slice:
    """The bins of `width` (s) nearest to [start, stop) (s); of a shorter window the one in which its middle lies."""
    first, last = nearest(start, width), nearest(stop, width)
    if last <= first:
        first = min(int((start + stop) / 2 / width), bins - 1)
        last = first + 1
    return slice(first, last)


def write(rates: dict[str, Rates], path: Path) -> None:
    """All populations in one compressed file of float32."""
    parts: dict[str, NDArray[Any]] = {}
    for name, one in rates.items():
        parts |= {f"{name}.mean": one.mean, f"{name}.cells": one.cells, f"{name}.width": np.asarray(one.width)}
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]


def read(path: Path) -> dict[str, Rates]:
    """What `write` wrote."""
    with np.load(path) as kept:
        names = dict.fromkeys(key.split(".")[0] for key in kept.files)
        return {n: Rates(kept[f"{n}.mean"], kept[f"{n}.cells"], float(kept[f"{n}.width"])) for n in names}
