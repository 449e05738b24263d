"""The granule layer's expansion code in torch: which cells fire how often for a batch of addresses.

Cells with few dendrites are counted with the batch packed into bits: one machine word holds 64 addresses, the counters
are bit planes added with carries, so a gather of k words counts the matches of 64 addresses at once. Cells that read
many lines are one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cerebellum.errors import ArgumentError
from cerebellum.memory.bits import count_bits, equal_to, pack, unpack

PLANES_HOLD = 15  # dendrites that fit in four bit planes
BLOCK = 1 << 13  # cells at a time: their words and planes stay in the processor's cache
SPARSE = 0.02  # below this share of active cells, adding their rows is faster than a full product


@dataclass(frozen=True)
class GranuleActivity:
    """What a batch of addresses does to the granule layer.

    Attributes
    ----------
    matches : matching inputs of the cells that fire, 0 for silent cells, small integers, shape (batch, cells)
    response : spikes for 0..dendrites matches
    """

    matches: torch.Tensor
    response: torch.Tensor

    @property
    def batch(self) -> int:
        """Number of addresses."""
        return len(self.matches)

    def dense(self) -> torch.Tensor:
        """Spikes a volley, shape (batch, cells)."""
        if self._single is not None:
            return (self.matches != 0).to(self.response.dtype) * self._single
        return self.response[self.matches.to(torch.int64)]

    def total(self) -> torch.Tensor:
        """Spikes of all cells, shape (batch,)."""
        return self.dense().sum(dim=1)

    def of(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Active cells of one address, and their spikes."""
        cells = self.matches[row].nonzero(as_tuple=True)[0]
        return cells, self.response[self.matches[row, cells].to(torch.int64)]

    def summed(self, weights: torch.Tensor) -> torch.Tensor:
        """activity @ weights; weights (cells, outputs) -> (batch, outputs)."""
        some = self.matches[:, :BLOCK] != 0
        if some.float().mean() > SPARSE:
            out = torch.zeros((self.batch, weights.shape[1]), dtype=weights.dtype, device=weights.device)
            for first in range(0, len(weights), BLOCK):
                block = GranuleActivity(self.matches[:, first : first + BLOCK], self.response)
                out.addmm_(block.dense().to(weights.dtype), weights[first : first + BLOCK])
            return out
        row, cell = self.matches.nonzero(as_tuple=True)
        offsets = torch.searchsorted(row, torch.arange(self.batch, device=row.device))
        spikes = self.response[self.matches[row, cell].to(torch.int64)].to(weights.dtype)
        return torch.nn.functional.embedding_bag(cell, weights, offsets, mode="sum", per_sample_weights=spikes)

    @property
    def _single(self) -> float | None:
        """The spikes of an active cell, if all fire alike."""
        spikes = torch.unique(self.response[self.response != 0])
        return float(spikes[0]) if len(spikes) == 1 else None


class GranuleCode:
    """Mossy fibres to granule cells.

    Parameters
    ----------
    sources : mossy fibre of every dendrite, shape (cells, dendrites)
    response : spikes for 0..dendrites matching inputs; response[0] must be 0 (silent without input)
    fibers : number of mossy fibres
    """

    def __init__(
        self,
        sources: NDArray[np.int32],
        response: NDArray[np.float64],
        fibers: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.cells, self.dendrites = sources.shape
        if response.shape != (self.dendrites + 1,) or response[0] != 0:
            raise ArgumentError("response", response.shape, f"wanted {self.dendrites + 1} values, the first of them 0")
        self.response = torch.as_tensor(response, dtype=dtype, device=device)
        self.fires = torch.as_tensor(response != 0, device=device)
        index = torch.as_tensor(sources, dtype=torch.int64, device=device)
        self.index: torch.Tensor | None = None
        self.contacts: torch.Tensor | None = None
        if self.dendrites <= PLANES_HOLD:
            self.index = index.T.contiguous()
        else:
            self.contacts = torch.zeros((fibers, self.cells), dtype=torch.float32, device=device)
            cell = torch.arange(self.cells, device=device).repeat_interleave(self.dendrites)
            self.contacts[index.reshape(-1), cell] = 1.0

    def __call__(self, fired: torch.Tensor) -> GranuleActivity:
        """Active cells; `fired` bool, shape (batch, fibres)."""
        if self.contacts is not None:
            # Counts up to the number of dendrites are exact in float32.
            matches = (fired.to(torch.float32) @ self.contacts).round().to(torch.int64)
            return GranuleActivity((matches * self.fires[matches]).to(torch.int16), self.response)
        assert self.index is not None
        words = pack(fired)
        # Cells lie along the first axis in memory: that is how words unpack and how `summed` walks.
        matches = torch.zeros((self.cells, len(fired)), dtype=torch.uint8, device=fired.device)
        firing = [m for m, fires in enumerate(self.fires.tolist()) if fires]
        for first in range(0, self.cells, BLOCK):
            planes = count_bits(words, self.index[:, first : first + BLOCK])
            for m in firing:
                matches[first : first + BLOCK].add_(unpack(equal_to(planes, m), len(fired)), alpha=m)
        return GranuleActivity(matches.T, self.response)
