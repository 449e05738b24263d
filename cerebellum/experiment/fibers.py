"""Fibres whose rates come while they fire: Poisson trains that are the same wherever they are drawn.

A fibre's hazard is integrated against one Exp(1) draw a spike, the same process as a draw every step, and what a spike
leaves over counts for the next: so a fibre fires at most once a time step, and no spike is lost. Draws are those of
E-GLIF cells, from a generator of each fibre's own (`cells.eglif`).
"""

from __future__ import annotations

import numpy as np

from cerebellum.cells.eglif import MULTIPLIER, PRIME
from cerebellum.machine.streams import generator
from cerebellum.typing import Floats, Ints


def start(seed: int, population: str, cells: int) -> tuple[Floats, Floats]:
    """Last random number of every fibre, and its first Exp(1) draw, both shape (cells,)."""
    draw = generator(seed, "loop", population).integers(1, int(PRIME), cells).astype(float)
    return draw, -np.log(draw / PRIME)


class Fibers:
    """Step for step what the spiking engine does, in numpy."""

    def __init__(self, seed: int, population: str, cells: int) -> None:
        self.draw, self.left = start(seed, population, cells)

    def advance(self, hazard: Floats) -> Ints:
        """Fibres that fire in this time step, ascending; `hazard` is rate times time step, shape (cells,)."""
        self.left = self.left - hazard
        fired = np.flatnonzero(self.left <= 0)
        if len(fired):
            self.draw[fired] = (MULTIPLIER * self.draw[fired]) % PRIME
            self.left[fired] -= np.log(self.draw[fired] / PRIME)
        return fired
