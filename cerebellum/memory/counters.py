"""Counters of a large memory: a row for every cell, or only for the cells that were ever active.

Counters hold whole numbers and saturate at -limit and +limit: int8 127, int16 32,767, bfloat16 256 and float32 2^24
(beyond which these types skip numbers).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch

LIMITS = {"int8": 127, "int16": 32_767, "bfloat16": 256, "float32": 2**24}
DTYPES = {"int8": torch.int8, "int16": torch.int16, "bfloat16": torch.bfloat16, "float32": torch.float32}
KEY_BYTES = 16  # a cell's number and the place of its row
GROWTH = 1.5
ROWS_AT_ONCE = 1 << 23  # counters gathered at a time
EXACT = 2**24  # whole numbers up to here are exact in float32


class CounterStore(ABC):
    """Rows of counters. `rows` (places, outputs); which place a cell has is left to the kind of store."""

    def __init__(self, outputs: int, counters: str, device: torch.device) -> None:
        self.limit = LIMITS[counters]
        self.rows = torch.zeros((0, outputs), dtype=DTYPES[counters], device=device)

    @abstractmethod
    def places(self, cells: torch.Tensor, make: bool = False) -> torch.Tensor:
        """The row of each cell, int64; `make` gives rows to cells without one (`cells` ascending, each once)."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes held."""

    def add(self, pattern: torch.Tensor, cells: torch.Tensor, pointers: torch.Tensor) -> None:
        """Write: every pair adds its pattern's pointer to its cell, patterns in turn, each sum clipped to the limit.

        Parameters
        ----------
        pattern, cells : int64 (pairs,), by pattern
        pointers : of -1 and +1, int8 (patterns, outputs)
        """
        if not len(cells):
            return
        order = torch.argsort(cells, stable=True)
        cell, taken = torch.unique_consecutive(cells[order], return_counts=True)
        places = self.places(cell, make=True)
        widest = max(1, ROWS_AT_ONCE // pointers.shape[1])
        if int(taken.max()) + self._largest(places, widest) > self.limit:
            self._add_in_turn(pattern, cells, pointers)
            return
        # Nothing can be clipped: all patterns of a cell at once.
        ends = taken.cumsum(0)
        table, which = pointers.to(torch.float32), pattern[order]
        for first in range(0, len(places), widest):
            some = slice(first, first + widest)
            begin, end = int(ends[first] - taken[first]), int(ends[some][-1])
            offsets = ends[some] - taken[some] - begin
            change = torch.nn.functional.embedding_bag(which[begin:end], table, offsets, mode="sum")
            self.rows[places[some]] += change.to(self.rows.dtype)

    def _add_in_turn(self, pattern: torch.Tensor, cells: torch.Tensor, pointers: torch.Tensor) -> None:
        bounds = torch.searchsorted(pattern, torch.arange(len(pointers) + 1, device=pattern.device)).tolist()
        for number, pointer in enumerate(pointers):
            places = self.places(cells[bounds[number] : bounds[number + 1]])
            changed = self.rows[places].to(torch.float64) + pointer
            self.rows[places] = changed.clamp(-self.limit, self.limit).to(self.rows.dtype)

    def _largest(self, places: torch.Tensor, widest: int) -> int:
        """Largest absolute counter in these rows."""
        parts = (self.rows[places[first : first + widest]] for first in range(0, len(places), widest))
        return max(max(int(part.max()), -int(part.min())) for part in parts)

    def summed(self, cue: torch.Tensor, places: torch.Tensor, sums: torch.Tensor) -> None:
        """Read: add the rows of each cue's cells to its row of `sums`, int64 (cues, outputs), exactly.

        cue, places : int64 (pairs,), by cue. Floating-point partial sums are whole numbers below the size at which
        they would be rounded, so neither the order of additions nor the number of threads matters.
        """
        widest = max(1, ROWS_AT_ONCE // sums.shape[1])
        cues = torch.arange(len(sums), device=sums.device)
        for first in range(0, len(places), widest):
            some = slice(first, first + widest)
            offsets = torch.searchsorted(cue[some], cues)
            dtype = torch.float32 if min(widest, len(places)) * self.limit < EXACT else torch.float64
            rows = self.rows[places[some]].to(dtype)
            index = torch.arange(len(rows), device=rows.device)
            sums += torch.nn.functional.embedding_bag(index, rows, offsets, mode="sum").to(torch.int64)


class DenseCounters(CounterStore):
    """A row for each of the cells first..last - 1."""

    def __init__(self, first: int, last: int, outputs: int, counters: str, device: torch.device) -> None:
        super().__init__(outputs, counters, device)
        self.first = first
        self.rows = torch.zeros((last - first, outputs), dtype=self.rows.dtype, device=device)

    def places(self, cells: torch.Tensor, make: bool = False) -> torch.Tensor:
        """In the order of the cells' numbers."""
        return cells - self.first

    @property
    def nbytes(self) -> int:
        """Rows alone."""
        return self.rows.nbytes


class SparseCounters(CounterStore):
    """Rows of the cells that were ever active, in the order in which they came.

    cells : their numbers, ascending. place : the row of each.
    """

    def __init__(self, outputs: int, counters: str, device: torch.device) -> None:
        super().__init__(outputs, counters, device)
        self.cells = torch.empty(0, dtype=torch.int64, device=device)
        self.place = torch.empty(0, dtype=torch.int64, device=device)

    def places(self, cells: torch.Tensor, make: bool = False) -> torch.Tensor:
        """By binary search among the cells' numbers."""
        if make:
            self._make(cells)
        return self.place[torch.searchsorted(self.cells, cells)]

    def _make(self, cells: torch.Tensor) -> None:
        found = torch.searchsorted(self.cells, cells)
        known = torch.zeros_like(cells, dtype=torch.bool)
        inside = found < len(self.cells)
        known[inside] = self.cells[found[inside]] == cells[inside]
        new = cells[~known]
        used = len(self.cells)
        if used + len(new) > len(self.rows):
            size = max(used + len(new), int(GROWTH * len(self.rows)))
            grown = torch.zeros((size, self.rows.shape[1]), dtype=self.rows.dtype, device=self.rows.device)
            grown[:used] = self.rows[:used]
            self.rows = grown
        self.cells, order = torch.sort(torch.cat((self.cells, new)))
        self.place = torch.cat((self.place, torch.arange(used, used + len(new), device=cells.device)))[order]

    @property
    def nbytes(self) -> int:
        """Rows, numbers and places."""
        return self.rows.nbytes + self.cells.nbytes + self.place.nbytes
