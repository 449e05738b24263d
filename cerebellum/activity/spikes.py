"""Spike trains of one population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cerebellum.clock import NANOSECOND, nearest
from cerebellum.typing import Ints


@dataclass(frozen=True)
class Spikes:
    """Ordered by time: times (s) and cells, both shape (spikes,).

    `dt` is the time step (s) of the engine that made them; a nanosecond where it is not known.
    """

    time: NDArray[np.float64]
    cell: NDArray[np.int32]
    dt: float = NANOSECOND

    def __len__(self) -> int:
        return len(self.time)

    def before(self, times: NDArray[np.float64] | list[float]) -> Ints:
        """Number of spikes in the steps before each time (s), same shape; a spike in the very step is not before it."""
        # Half a step before the edge lies no spike, whatever the rounding of either.
        return np.searchsorted(self.time, (nearest(np.asarray(times), self.dt) - 0.5) * self.dt)

    def within(self, start: float, stop: float) -> slice:
        """The spikes in [start, stop) (s)."""
        first, last = self.before([start, stop])
        return slice(int(first), int(last))
