"""A measured transfer function in torch: its logarithm tabulated, read by linear interpolation, with gradients."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cerebellum.rate.transfer import SCALE, Transfer

TABLE = 256, 128  # points along voltage and its change: some 11 and 12 between two knots of the splines


class TransferSurface(torch.nn.Module):
    """`Transfer` for a whole population at once; beyond the range that the experiment saw, the rate is the border's."""

    table: Tensor

    def __init__(self, transfer: Transfer, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.transfer = transfer
        grid = np.meshgrid(
            *(np.linspace(low, high, n) for low, high, n in zip(transfer.low, transfer.high, TABLE, strict=True)),
            indexing="ij",
        )
        log = transfer.log_rate(grid[0].ravel(), grid[1].ravel()).reshape(1, 1, *TABLE)
        self.register_buffer("table", torch.as_tensor(log, dtype=dtype))

    def forward(self, distance: Tensor, change: Tensor) -> Tensor:
        """Rate (Hz) at voltages above threshold and their changes in a step (V), of any shape."""
        if not self.transfer.spikes:
            return torch.zeros_like(distance)
        place = []
        for axis, at in ((1, change), (0, distance)):  # grid_sample wants the last axis first, from -1 to 1
            low, high = self.transfer.low[axis], self.transfer.high[axis]
            place.append((_asinh(at * (1 / SCALE)) - (low + high) / 2) * (2 / (high - low)))
        grid = torch.stack([one.reshape(1, 1, -1) for one in place], dim=-1)
        log = torch.nn.functional.grid_sample(self.table, grid, padding_mode="border", align_corners=True)
        return torch.exp(log).reshape(distance.shape)


def _asinh(x: Tensor) -> Tensor:
    """Three times as fast as torch's on the CPU, where this step of the rate circuit would take longest."""
    size = x.abs()
    return torch.copysign(torch.log(size + torch.sqrt(size * size + 1)), x)
