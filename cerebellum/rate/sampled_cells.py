"""Cells of the rate circuit that spike or do not, by chance, in several realizations side by side.

An expectation takes the cells' chances for independent. They are not: a Golgi cell's spike stops hundreds of granule
cells at once, and cells that share inputs fire together before they inhibit each other. So the chance is drawn, by the
rate that `transfer` has for the cell's membrane (finite-size noise: Schwalger, Deger and Gerstner 2017, PLoS Comput
Biol 13:e1005507), and what follows is averaged over realizations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from cerebellum.machine.streams import generator
from cerebellum.memory.philox import philox
from cerebellum.rate.membrane import Hazard, Membrane, SingleCells
from cerebellum.rate.time_step import BIN

LANES = 16  # numbers in a word of the counters that are drawn together, as the compiled step takes them


def key_of(seed: int, population: str) -> int:
    """Key of a population's random numbers."""
    return int(generator(seed, "rate draws", population).integers(2**62))


def uniform(shape: tuple[int, ...], step: int | Tensor, key: int, device: torch.device) -> Tensor:
    """Random numbers of 24 bits from [0, 1), shape (draws, cells): Philox, the same on every device and in C."""
    draws, cells = shape
    blocks = -(-draws * cells // (4 * LANES))
    counters = torch.arange(blocks * LANES, device=device) + (step << 32)
    words = philox(counters, 1, key).reshape(4, blocks, LANES).transpose(0, 1).reshape(-1)
    return (words[: draws * cells] >> 8).reshape(cells, draws).T.to(torch.float64) * 2.0**-24


class SampledCells:
    """State of a population.

    Attributes
    ----------
    cells : membranes of shape (draws, cells)
    key : of the random numbers, which are a function of it, the step, the cell and the realization
    """

    def __init__(self, membrane: Membrane, cells: int, draws: int, key: int) -> None:
        self.cells, self.key = SingleCells(membrane, (draws, cells)), key
        self.step: int | Tensor = 0

    def tensors(self) -> list[Tensor]:
        """The state, for `take`."""
        step = torch.as_tensor(self.step, device=self.cells.v.device)
        return [step, self.cells.refractory, self.cells.v, *self.cells.slow]

    def take(self, tensors: Iterable[Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self.step, self.cells.refractory, self.cells.v, *slow = tensors
        self.cells.slow = tuple(slow)

    def advance(self, hazard: Hazard, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """One step, as `refractory_density.RefractoryDensity.advance`.

        Returns
        -------
        1 / BIN (Hz) where a cell spikes and 0 elsewhere, shape (draws, cells)
        """
        cells, membrane = self.cells, self.cells.membrane
        moved = cells.moved(conductance, beside)
        rate = hazard(moved - membrane.threshold, moved - cells.v)
        drawn = uniform(moved.shape, self.step, self.key, moved.device).to(moved.dtype)
        self.step = self.step + 1
        spiked = cells.free & (drawn < rate * BIN)
        cells.end_step(moved, spiked)
        return spiked.to(moved.dtype) / BIN
