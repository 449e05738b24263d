"""Cells of the rate circuit that spike or do not, by chance, in several realizations side by side.

An expectation takes the cells' chances for independent. They are not: a Golgi cell's spike stops hundreds of granule
cells at once, and cells that share inputs fire together before they inhibit each other. So the chance is drawn, by the
rate that `transfer` has for the cell's membrane (finite-size noise: Schwalger, Deger and Gerstner 2017, PLoS Comput
Biol 13:e1005507), and what follows is averaged over realizations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from cerebellum.cell_drive import BIN
from cerebellum.membrane import Membrane


class DrawnCells:
    """State of a population.

    Attributes
    ----------
    v, currents : voltage (V) and currents (A) of each cell in each realization, shape (draws, cells)
    held : steps for which it still stays at reset
    """

    def __init__(self, membrane: Membrane, cells: int, draws: int, chance: torch.Generator) -> None:
        self.membrane, self.chance = membrane, chance
        v, currents = membrane.begin(cells)
        self.v = v.repeat(draws, 1)
        self.currents = tuple(one.repeat(draws, 1) for one in currents)
        self.held = torch.zeros_like(self.v, dtype=torch.int32)

    def advance(
        self,
        hazard: Callable[[Tensor, Tensor], Tensor],
        conductance: Mapping[str, Tensor],
        beside: Tensor | float = 0.0,
    ) -> Tensor:
        """One step, as `ages.Ages.advance`.

        Returns
        -------
        1 / BIN (Hz) where a cell spikes and 0 elsewhere, shape (draws, cells)
        """
        cell, free = self.membrane, self.held == 0
        moved = torch.where(free, cell.advance(self.v, self.currents, conductance, beside), cell.reset)
        rate = hazard(moved - cell.threshold, moved - self.v)
        drawn = torch.rand(moved.shape, generator=self.chance, **cell.like)
        spikes = free & (drawn < rate * BIN)
        before = cell.currents(self.currents, self.v, moved)
        after = cell.spiked(before)
        self.currents = tuple(torch.where(spikes, b, a) for a, b in zip(before, after, strict=True))
        self.v = torch.where(spikes, cell.reset, moved)
        self.held = torch.where(spikes, cell.hold, (self.held - 1).clamp(min=0))
        return spikes.to(moved.dtype) / BIN
