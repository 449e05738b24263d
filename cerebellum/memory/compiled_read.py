"""Compiled loops of large memories: random words of cells, and a read of few-dendrite cells in one pass.

Each function returns None where there is no C compiler; callers then use torch, with the same numbers.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from cerebellum.machine import compiler

WORD = 64  # addresses in one machine word
WORDS = 4  # machine words that the loops take at a time
# A cell's matches are counted in five bit planes.
MOST_DENDRITES = 16
SOURCE = Path(__file__).with_suffix(".c")


def library() -> ctypes.CDLL | None:
    """The compiled loops, built on first use."""
    found = compiler.library(SOURCE)
    if found is not None:
        found.read_few.restype = ctypes.c_int64
    return found


def philox(cells: torch.Tensor, blocks: int, seed: int) -> torch.Tensor | None:
    """`memory.philox.philox` on the CPU."""
    lib = library()
    if lib is None:
        return None
    cells = cells.contiguous()
    out = torch.empty((4 * blocks, len(cells)), dtype=torch.int64)
    lib.philox(_at(cells), _whole(len(cells)), _whole(blocks), ctypes.c_uint64(seed), _at(out))
    return out


def answering(fibers: torch.Tensor, threshold: int, fired: torch.Tensor) -> torch.Tensor | None:
    """The addresses each cell answers to, as bits: int64 (cells, words).

    fibers : int32 (dendrites, cells), rows contiguous. fired : int64 (2n, words), see `bits.pack`.
    """
    lib = library()
    if lib is None:
        return None
    active = []
    for some in _by_four(fired):
        active.append(torch.empty((fibers.shape[1], WORDS), dtype=torch.int64))
        lib.answering(*_cells(fibers, threshold), _at(some), _at(active[-1]))
    return torch.cat(active, dim=1)[:, : fired.shape[1]]


def read_few(
    fibers: torch.Tensor, threshold: int, fired: torch.Tensor, counters: torch.Tensor, sums: torch.Tensor
) -> bool:
    """Add to `sums` the counters of the cells that answer to each address; False without a compiler.

    counters : int8 (cells, outputs), contiguous. sums : int64 (addresses, outputs). The others as in `answering`.
    """
    lib = library()
    if lib is None:
        return False
    for number, some in enumerate(_by_four(fired)):
        found = torch.zeros((WORDS * WORD, counters.shape[1]), dtype=torch.int64)
        width = _whole(counters.shape[1])
        if lib.read_few(*_cells(fibers, threshold), _at(some), _at(counters), width, _at(found)):
            raise MemoryError("read_few: no memory for the sums")
        part = sums[number * WORDS * WORD : (number + 1) * WORDS * WORD]
        part += found[: len(part)]
    return True


def _by_four(fired: torch.Tensor) -> list[torch.Tensor]:
    """Columns of `fired` four at a time, the last of them padded with addresses at which nothing fires."""
    padded = torch.nn.functional.pad(fired, (0, -fired.shape[1] % WORDS))
    return [part.contiguous() for part in torch.split(padded, WORDS, dim=1)]


def _cells(fibers: torch.Tensor, threshold: int) -> tuple[ctypes.c_void_p | ctypes.c_int64, ...]:
    return _at(fibers), *(_whole(number) for number in (fibers.shape[1], fibers.stride(0), len(fibers), threshold))


def _at(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _whole(number: int) -> ctypes.c_int64:
    return ctypes.c_int64(number)
