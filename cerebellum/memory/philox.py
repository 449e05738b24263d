"""Random numbers that are a function of their place: Philox-4x32-10, the same on every device and for any order.

The numbers of cell c are those of the counter (c, block), so a cell's inputs can be made again wherever and whenever
they are needed, and nothing of them has to be stored. Salmon, Moraes, Dror & Shaw (2011), Parallel random numbers: as
easy as 1, 2, 3, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import torch

from cerebellum.memory import compiled_read
from cerebellum.theory.check import whole_number

MULTIPLY = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
ROUNDS = 10
MASK_32 = 0xFFFFFFFF


def philox(cells: torch.Tensor, blocks: int, seed: int, compiled: bool = True) -> torch.Tensor:
    """Four 32-bit words for each block of each cell.

    Parameters
    ----------
    cells : cell numbers, int64, 0..2^63 - 1, shape (cells,); the counter is (low, high, block, 0)
    blocks : how many counters a cell has, at least 1
    seed : the key, 0..2^64 - 1
    compiled : take the C loop for cells on the CPU where there is a compiler; the words are the same

    Returns
    -------
    int64 of 0..2^32 - 1, shape (4 blocks, cells), on the device of `cells`
    """
    blocks = whole_number("blocks", blocks, 1)
    seed = whole_number("seed", seed, 0, 2**64 - 1)
    if compiled and cells.device.type == "cpu":
        found = compiled_read.philox(cells, blocks, seed)
        if found is not None:
            return found
    return torch.cat([_block(cells, block, seed) for block in range(blocks)])


def _block(cells: torch.Tensor, block: int, seed: int) -> torch.Tensor:
    """One counter of each cell, shape (4, cells); products wrap at 2^64, which leaves all 64 bits right."""
    c0, c1 = cells & MASK_32, (cells >> 32) & MASK_32
    c2, c3 = torch.full_like(cells, block), torch.zeros_like(cells)
    k0, k1 = seed & MASK_32, seed >> 32
    for _ in range(ROUNDS):
        low, high = c0 * MULTIPLY[0], c2 * MULTIPLY[1]
        c0, c1, c2, c3 = (
            ((high >> 32) & MASK_32) ^ c1 ^ k0,
            high & MASK_32,
            ((low >> 32) & MASK_32) ^ c3 ^ k1,
            low & MASK_32,
        )
        k0, k1 = (k0 + WEYL[0]) & MASK_32, (k1 + WEYL[1]) & MASK_32
    return torch.stack((c0, c1, c2, c3))
