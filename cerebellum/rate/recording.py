"""What a run of the rate circuit keeps: little of it, at every scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.activity.outcome import Windows
from cerebellum.activity.rates import STEP, Rates
from cerebellum.clock import FUZZ, nearest
from cerebellum.description.circuit import Circuit
from cerebellum.rate.time_step import BIN

KEPT = 2_000_000  # numbers of one population
WIDTHS = (1, 5, 10, 25, 50, 100, 250, 500, 1000)  # ms; bins of single cells


def over_draws(values: Tensor) -> Tensor:
    """Mean over realizations, where there are several; shape (..., n) -> (n,)."""
    return values if values.dim() == 1 else values.mean(dim=0)


class Keeper:
    """Mean rate of a population in every millisecond, and rates of its cells in bins as fine as `KEPT` allows."""

    def __init__(self, circuit: Circuit, population: str, steps: int) -> None:
        cells = circuit.size(population)
        each = round(STEP / BIN)
        width = next((w for w in WIDTHS if cells * steps / (each * w) <= KEPT), WIDTHS[-1])
        self.width, self.steps_a_bin = width, each * width
        self.of_mean, self.of_cells = np.arange(steps) // each, np.arange(steps) // self.steps_a_bin
        self.mean = np.zeros(self.of_mean[-1] + 1)
        self.cells = np.zeros((self.of_cells[-1] + 1, cells), np.float32)

    def add(self, step: int, values: NDArray[Any]) -> None:
        """Rates (Hz) of a step, shape (cells,)."""
        self.mean[self.of_mean[step]] += values.mean()
        self.cells[self.of_cells[step]] += values

    def take(self, sums: NDArray[Any], cells: NDArray[Any]) -> None:
        """Rates (Hz) of all steps: summed over cells, shape (steps,), and over the steps of bins, (bins, cells)."""
        self.mean += np.bincount(self.of_mean, sums / self.cells.shape[1])
        self.cells += cells

    def rates(self) -> Rates:
        """What was kept."""
        mean = self.mean / np.bincount(self.of_mean)
        cells = self.cells / np.bincount(self.of_cells)[:, None]
        return Rates(mean.astype(np.float32), cells.astype(np.float32), self.width * STEP)


class Tally:
    """Expected spikes of every cell in groups of windows, shape (groups, cells)."""

    def __init__(self, cells: int, windows: Windows, steps: int) -> None:
        self.windows, self.counts = windows, np.zeros((len(windows), cells))
        self.within = np.zeros((steps, len(windows)))  # parts of a step, as a window may begin or end within one
        for group, own in enumerate(windows):
            for start, stop in own:
                first, last = nearest(start, BIN), nearest(stop, BIN)
                self.within[first:last, group] += 1
                for edge, sign in ((start, 1), (stop, -1)):
                    part = edge / BIN - nearest(edge, BIN)
                    if abs(part) > FUZZ:
                        self.within[int(edge / BIN), group] -= sign * part

    def add(self, step: int, values: NDArray[Any]) -> None:
        """Rates (Hz) of a step, shape (cells,)."""
        for group in np.flatnonzero(self.within[step]):
            self.counts[group] += (self.within[step, group] * BIN) * values
