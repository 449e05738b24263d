"""Bits packed into words: a batch of cues read at once."""

from __future__ import annotations

import torch

WORD_BITS = 64


def pack(fired: torch.Tensor) -> torch.Tensor:
    """bool (batch, fibres) -> int64 (fibres, words): bit b of word w of a fibre is batch row 64 w + b."""
    batch, fibers = fired.shape
    words = -(-batch // WORD_BITS)
    padded = torch.zeros((words * WORD_BITS, fibers), dtype=torch.int64, device=fired.device)
    padded[:batch] = fired.to(torch.int64)
    shifts = torch.arange(WORD_BITS, device=fired.device)[None, :, None]
    return (padded.view(words, WORD_BITS, fibers) << shifts).sum(dim=1).T.contiguous()


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


def unpack(bits: torch.Tensor, batch: int) -> torch.Tensor:
    """int64 (cells, words) -> its bits as uint8 0 or 1, shape (cells, batch)."""
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    single = (
        bits.view(torch.uint8)[:, :, None] >> shifts
    ) & 1  # the lowest byte comes first on every supported machine
    return single.view(len(bits), -1)[:, :batch]
