"""Expected cells, told apart by the time since their last spike.

A cell that has just fired is far from one that is about to; the mean of both is neither. So the expectation of a cell
is kept as classes of age: the probability that its last spike lies so long ago, and the mean voltage and currents of
the cell if it does. In a step, a class loses the share that spikes, which is reborn at age 0 as the cell's reset says.
A class of m steps hands all it has to the next every m steps, whose means become those of the mixture: so ages stay
together to within the class, and cells that fire like clocks in step as long as they would (Gerstner 2000, Neural
Comput 12:43; Chizhov and Graham 2007, Phys Rev E 75:011924; Naud and Gerstner 2012, PLoS Comput Biol 8:e1002711).
Adaptation by earlier spikes than the last enters through its mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.rate.membrane import Hazard, Membrane
from cerebellum.rate.time_step import BIN

# Steps after which each class hands on; who outlives them all stays in the last.
FINE_CLASSES = (1,) * 16 + (2,) * 16 + (4,) * 16 + (8,) * 16 + (16,) * 8 + (1,)
# For granule cells, which fire at their inputs' spikes: a cell that fires by itself at 15 Hz would be 14 % too slow.
COARSE_CLASSES = (1, 1, 2, 4, 16, 32, 1)
MANY_CELLS = 5_000  # cells; so many get the coarse classes
NO_MASS = 1e-12  # probability that counts as none


def classes(cells: int, hold: int) -> tuple[int, ...]:
    """Steps of the age classes of a population, the first `hold` of one each."""
    ages = FINE_CLASSES if cells < MANY_CELLS else COARSE_CLASSES
    return (1,) * (hold - ages.count(1) + 1) + ages


def leaving(stays: tuple[int, ...]) -> NDArray[np.bool_]:
    """Whether each class but the last hands on in a step; steps repeat with the period. Shape (period, classes - 1)."""
    return np.asarray(np.arange(1, math.lcm(*stays) + 1)[:, None] % np.array(stays[:-1]) == 0)


class RefractoryDensity:
    """State of a population.

    Attributes
    ----------
    mass : probability that a cell is in the class, shape (classes, ..., cells); sums to 1 over classes
    v : mean voltage (V) of the class
    slow : its mean other states

    Parameters
    ----------
    draws : of the circuit, which give the state an axis between classes and cells; 0: none
    """

    def __init__(self, membrane: Membrane, cells: int, draws: int = 0) -> None:
        stays = classes(cells, membrane.hold)
        shape = (len(stays), draws, cells) if draws else (len(stays), cells)
        v, slow = membrane.begin(cells)
        self.membrane = membrane
        hands_on = leaving(stays)
        self.leaving = torch.as_tensor(hands_on, **membrane.tensor_options).reshape(
            *hands_on.shape, *[1] * len(shape[1:])
        )
        self.step = 0
        self.mass = torch.zeros(shape, **membrane.tensor_options)
        self.mass[-1] = 1.0
        self.v = v.expand(shape).clone()
        self.slow = tuple(one.expand(shape).clone() for one in slow)

    def tensors(self) -> list[Tensor]:
        """The state but for `step`, for `take`."""
        return [self.mass, self.v, *self.slow]

    def take(self, tensors: Iterable[Tensor]) -> None:
        """Go on from what `tensors` gave."""
        self.mass, self.v, *slow = tensors
        self.slow = tuple(slow)

    def advance(self, hazard: Hazard, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """One step under each receptor's mean conductance (S) and an excitatory one `beside`.

        `hazard` : as `transfer_table.TransferSurface`

        Returns
        -------
        rate (Hz), shape (..., cells)
        """
        cell, hold = self.membrane, self.membrane.hold
        moved = cell.advance(self.v, self.slow, conductance, beside)
        if hold:
            moved = torch.cat([cell.reset.expand(hold, *moved.shape[1:]), moved[hold:]])
        slow = cell.advance_slow(self.slow, self.v, moved)
        chance = hazard(moved[hold:] - cell.threshold, moved[hold:] - self.v[hold:]) * BIN
        fired = chance.clamp(max=1.0) * self.mass[hold:]
        born = fired.sum(dim=0)
        before = tuple((fired * one[hold:]).sum(dim=0) / born.clamp(min=NO_MASS) for one in slow)
        left = torch.cat([self.mass[:hold], self.mass[hold:] - fired])
        passing = left[:-1] * self.leaving[self.step % len(self.leaving)]
        self.step += 1
        come = torch.cat([born[None], passing])
        self.mass = torch.cat([left[:-1] - passing, left[-1:]]) + come
        share = come / self.mass.clamp(min=NO_MASS)
        reborn = (cell.reset.expand_as(born), *cell.spiked(before))
        mixed = [
            torch.lerp(own, torch.cat([first[None], own[:-1]]), share)
            for own, first in zip((moved, *slow), reborn, strict=True)
        ]
        self.v, self.slow = mixed[0], tuple(mixed[1:])
        return born / BIN
