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

FEW = 15  # dendrites that fit in four bit planes
BLOCK = 1 << 16  # cells at a time: their words and planes stay in the processor's cache
WORD = 64


@dataclass(frozen=True)
class Activity:
    """Active cells of a batch, ordered by batch row, then cell.

    Attributes
    ----------
    row, cell : int64, shape (active,)
    value : spikes a volley, shape (active,)
    batch, cells : sizes
    """

    row: torch.Tensor
    cell: torch.Tensor
    value: torch.Tensor
    batch: int
    cells: int

    def dense(self) -> torch.Tensor:
        """Shape (batch, cells)."""
        out = torch.zeros((self.batch, self.cells), dtype=self.value.dtype, device=self.value.device)
        out[self.row, self.cell] = self.value
        return out

    def total(self) -> torch.Tensor:
        """Spikes of all cells, shape (batch,)."""
        out = torch.zeros(self.batch, dtype=self.value.dtype, device=self.value.device)
        return out.index_add_(0, self.row, self.value)

    def of(self, row: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Active cells of one batch row, and their values."""
        mine = self.row == row
        return self.cell[mine], self.value[mine]

    def summed(self, weights: torch.Tensor) -> torch.Tensor:
        """activity @ weights over active cells only; weights (cells, outputs) -> (batch, outputs)."""
        offsets = torch.searchsorted(self.row, torch.arange(self.batch, device=self.row.device))
        return torch.nn.functional.embedding_bag(
            self.cell, weights, offsets, mode="sum", per_sample_weights=self.value.to(weights.dtype)
        )


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
        self.response = torch.as_tensor(response, dtype=dtype, device=device)
        self.fibers, self.device = fibers, device
        index = torch.as_tensor(sources, dtype=torch.int64, device=device)
        self.index: torch.Tensor | None = None
        self.contacts: torch.Tensor | None = None
        if self.dendrites <= FEW:
            self.index = index.T.contiguous()
        else:
            self.contacts = torch.zeros((fibers, self.cells), dtype=torch.float32, device=device)
            cell = torch.arange(self.cells, device=device).repeat_interleave(self.dendrites)
            self.contacts[index.reshape(-1), cell] = 1.0

    def __call__(self, fired: torch.Tensor) -> Activity:
        """Active cells; `fired` bool, shape (batch, fibres)."""
        if self.contacts is not None:
            # Counts up to the number of dendrites are exact in float32.
            matches = (fired.to(torch.float32) @ self.contacts).round().to(torch.int64)
            value = self.response[matches]
            row, cell = value.nonzero(as_tuple=True)
            return Activity(row, cell, value[row, cell], len(fired), self.cells)
        return self._counted_in_bits(fired)

    def _counted_in_bits(self, fired: torch.Tensor) -> Activity:
        assert self.index is not None
        words = pack(fired)
        firing = [m for m in range(1, self.dendrites + 1) if float(self.response[m]) != 0]
        rows, cells, values = [], [], []
        for first in range(0, self.cells, BLOCK):
            planes = count_bits(words, self.index[:, first : first + BLOCK])
            for m in firing:
                row, cell = unpack(equal_to(planes, m), len(fired))
                rows.append(row)
                cells.append(cell + first)
                values.append(self.response[m].expand(len(row)))
        row, cell, value = torch.cat(rows), torch.cat(cells), torch.cat(values)
        order = torch.argsort(row * self.cells + cell)
        return Activity(row[order], cell[order], value[order], len(fired), self.cells)


def pack(fired: torch.Tensor) -> torch.Tensor:
    """bool (batch, fibres) -> int64 (fibres, words): bit b of word w of a fibre is batch row 64 w + b."""
    batch, fibers = fired.shape
    words = -(-batch // WORD)
    padded = torch.zeros((words * WORD, fibers), dtype=torch.int64, device=fired.device)
    padded[:batch] = fired.to(torch.int64)
    shifts = torch.arange(WORD, device=fired.device)[None, :, None]
    return (padded.view(words, WORD, fibers) << shifts).sum(dim=1).T.contiguous()


def count_bits(words: torch.Tensor, index: torch.Tensor) -> list[torch.Tensor]:
    """Matches as bit planes, least first: the sum over dendrites of bits, for 64 batch rows at once.

    Parameters
    ----------
    words : int64 (fibres, words)
    index : fibre of every dendrite, int64 (dendrites, cells)
    """
    planes: list[torch.Tensor] = []
    for dendrite in index:
        carry = torch.index_select(words, 0, dendrite)
        for place, plane in enumerate(planes):
            planes[place], carry = plane ^ carry, plane & carry
        if len(planes) < len(index).bit_length():
            planes.append(carry)
    return planes


def equal_to(planes: list[torch.Tensor], number: int) -> torch.Tensor:
    """Bits that are 1 where the counter in the planes equals `number`, int64 (cells, words)."""
    out = None
    for place, plane in enumerate(planes):
        wanted = plane if number >> place & 1 else ~plane
        out = wanted if out is None else out & wanted
    assert out is not None
    return out


def unpack(bits: torch.Tensor, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(row, cell) of every 1 in int64 (cells, words)."""
    some = (bits != 0).any(dim=1).nonzero(as_tuple=True)[0]
    shifts = torch.arange(WORD, device=bits.device)
    single = (bits[some][:, :, None] >> shifts & 1).view(len(some), -1)[:, :batch]
    place, row = single.nonzero(as_tuple=True)
    return row, some[place]
