"""Spike trains of one population."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Spikes:
    """Ordered by time: times (s) and cells, both shape (spikes,)."""

    time: NDArray[np.float64]
    cell: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.time)
