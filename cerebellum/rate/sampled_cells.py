"""Cells of the rate circuit that spike or do not, by chance, in several realizations side by side.

An expectation takes the cells' chances for independent. They are not: a Golgi cell's spike stops hundreds of granule
cells at once, and cells that share inputs fire together before they inhibit each other. So the chance is drawn, by the
rate that `transfer` has for the cell's membrane (finite-size noise: Schwalger, Deger and Gerstner 2017, PLoS Comput
Biol 13:e1005507), and what follows is averaged over realizations.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from cerebellum.rate.membrane import Hazard, Membrane, SingleCells
from cerebellum.rate.time_step import BIN


class SampledCells:
    """State of a population.

    Attributes
    ----------
    cells : membranes of shape (draws, cells)
    chance : draws the spikes
    """

    def __init__(self, membrane: Membrane, cells: int, draws: int, chance: torch.Generator) -> None:
        self.cells, self.chance = SingleCells(membrane, (draws, cells)), chance

    def advance(self, hazard: Hazard, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """One step, as `refractory_density.RefractoryDensity.advance`.

        Returns
        -------
        1 / BIN (Hz) where a cell spikes and 0 elsewhere, shape (draws, cells)
        """
        cells, membrane = self.cells, self.cells.membrane
        moved = cells.moved(conductance, beside)
        rate = hazard(moved - membrane.threshold, moved - cells.v)
        drawn = torch.rand(moved.shape, generator=self.chance, **membrane.tensor_options)
        spiked = cells.free & (drawn < rate * BIN)
        cells.end_step(moved, spiked)
        return spiked.to(moved.dtype) / BIN
