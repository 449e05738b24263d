"""A measured transfer function in torch: its splines as patches of polynomials, with gradients."""

from __future__ import annotations

from math import factorial

import numpy as np
import torch
from scipy.interpolate import NdBSpline
from torch import Tensor

from cerebellum.cell_drive import Floats
from cerebellum.transfer import DEGREE, SCALE, SPLINES, Transfer, knots

PATCHES = SPLINES[0] - DEGREE, SPLINES[1] - DEGREE  # intervals of the splines along each coordinate
INSIDE = 1 - 1e-6


class TransferSurface(torch.nn.Module):
    """`Transfer` for a whole population at once; beyond the range that the experiment saw, the rate is the border's."""

    patches: Tensor

    def __init__(self, transfer: Transfer, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.transfer = transfer
        self.register_buffer("patches", torch.as_tensor(_patches(transfer), dtype=dtype))

    def forward(self, voltage: Tensor, change: Tensor) -> Tensor:
        """Rate (Hz) at expected voltages and their changes in a step (V), shape (cells,)."""
        if not self.transfer.spikes:
            return torch.zeros_like(voltage)
        rows, inside = [], []
        for axis, at in enumerate((voltage, torch.asinh(change / SCALE))):
            low, high = self.transfer.low[axis], self.transfer.high[axis]
            place = ((at - low) * (PATCHES[axis] / (high - low))).clamp(0.0, PATCHES[axis] * INSIDE)
            row = place.detach().floor()
            rows.append(row.long())
            inside.append(place - row - 0.5)
        c = self.patches[rows[0] * PATCHES[1] + rows[1]]
        s, t = inside[0][:, None], inside[1]
        along = ((c[:, 12:16] * s + c[:, 8:12]) * s + c[:, 4:8]) * s + c[:, 0:4]
        return torch.exp(((along[:, 3] * t + along[:, 2]) * t + along[:, 1]) * t + along[:, 0])


def _patches(transfer: Transfer) -> Floats:
    """Coefficients of each patch's cubic polynomial about its middle, shape (patches, (DEGREE + 1)**2)."""
    spans = [knots(axis, transfer.low, transfer.high) for axis in (0, 1)]
    spline = NdBSpline(tuple(spans), transfer.coefficients, DEGREE)
    width = [span[1] - span[0] for span in spans]
    middle = [transfer.low[axis] + width[axis] * (np.arange(PATCHES[axis]) + 0.5) for axis in (0, 1)]
    grid = np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1)
    out = np.empty((*PATCHES, DEGREE + 1, DEGREE + 1))
    for i in range(DEGREE + 1):
        for j in range(DEGREE + 1):
            scale = width[0] ** i * width[1] ** j / (factorial(i) * factorial(j))
            out[:, :, i, j] = spline(grid, nu=(i, j)) * scale
    return out.reshape(PATCHES[0] * PATCHES[1], -1)
