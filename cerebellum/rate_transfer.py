"""A measured transfer function in torch: filters as state, splines as patches of polynomials, with gradients."""

from __future__ import annotations

from math import factorial

import numpy as np
import torch
from scipy.interpolate import NdBSpline
from torch import Tensor

from cerebellum.cell_drive import BIN
from cerebellum.transfer import DEGREE, EFFECTS, SPLINES, Transfer, knots

PATCHES = SPLINES - DEGREE  # intervals of the splines along each coordinate


class TransferSurface(torch.nn.Module):
    """`Transfer` for a whole population at once.

    Outside the range that the experiment saw, the rate is that of the border; `outside` counts such values.
    """

    def __init__(self, transfer: Transfer, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.transfer = transfer
        self.register_buffer("patches", torch.as_tensor(_patches(transfer), dtype=dtype))
        self.outside, self.asked = 0, 0

    def forward(self, uptake: list[Tensor], excitatory: Tensor, inhibitory: Tensor) -> Tensor:
        """Rate (Hz) under the mean conductances (S) of this step; `uptake` holds the filters' state and is changed."""
        places, inside = [], []
        for number, (effect, conductance) in enumerate(zip(EFFECTS, (excitatory, inhibitory), strict=True)):
            one = self.transfer.filters[effect]
            for slot, time in ((2 * number, one.fast), (2 * number + 1, one.slow)):
                keep = float(np.exp(-BIN / time)) if time else 0.0
                uptake[slot] = keep * uptake[slot] + (1 - keep) * conductance
            x = (1 + one.share) * uptake[2 * number] - one.share * uptake[2 * number + 1]
            low, high = self.transfer.low[effect], self.transfer.high[effect]
            at = (torch.asinh(x / one.scale) - low) * (PATCHES / (high - low))
            held = at.clamp(0.0, PATCHES * (1 - 1e-6))
            place = held.detach().floor()
            places.append(place.long())
            inside.append(held - place - 0.5)
        coefficients = self.patches[places[0] * PATCHES + places[1]]
        s, t = inside[0][:, None], inside[1]
        rows = coefficients.view(-1, DEGREE + 1, DEGREE + 1)
        along = ((rows[:, 3] * s + rows[:, 2]) * s + rows[:, 1]) * s + rows[:, 0]
        return torch.exp(((along[:, 3] * t + along[:, 2]) * t + along[:, 1]) * t + along[:, 0])


def _patches(transfer: Transfer) -> np.ndarray:
    """Coefficients of each patch's cubic polynomial about its middle, shape (PATCHES**2, (DEGREE + 1)**2)."""
    spans = [knots(transfer.low[e], transfer.high[e]) for e in EFFECTS]
    spline = NdBSpline(tuple(spans), transfer.coefficients, DEGREE)
    width = [span[1] - span[0] for span in spans]
    middle = [transfer.low[e] + w * (np.arange(PATCHES) + 0.5) for e, w in zip(EFFECTS, width, strict=True)]
    grid = np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1)
    out = np.empty((PATCHES, PATCHES, DEGREE + 1, DEGREE + 1))
    for i in range(DEGREE + 1):
        for j in range(DEGREE + 1):
            scale = width[0] ** i * width[1] ** j / (factorial(i) * factorial(j))
            out[:, :, i, j] = spline(grid, nu=(i, j)) * scale
    return out.reshape(PATCHES**2, -1)
