"""Sparse distributed memory of 1e4 to 1e9 granule cells in torch: same cells, same sums on CPU and GPU.

    inputs = HammingCells(64, radius=15, seed=1)              # p = 1.2e-5 of the cells active
    memory = LargeMemory(10**9, inputs, outputs=64, store="sparse")
    memory.write(addresses, pointers)
    memory.read(cues)                                         # sums of active cells' counters: the recall is the sign

Cells go by in blocks that stay in the cache, their inputs made on the fly or kept. Reads and writes touch the counters
of active cells alone. A sparse store has counters only for cells that were ever active, and a read then asks only
these: the others would add nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from cerebellum.errors import ArgumentError
from cerebellum.machine.device import choose_device
from cerebellum.memory import compiled_read
from cerebellum.memory.counters import DTYPES, EXACT, CounterStore, DenseCounters, SparseCounters
from cerebellum.memory.granule_layer import BLOCK, SPARSE
from cerebellum.memory.hard_locations import DendriteCells, HardLocations
from cerebellum.memory.interface import bits
from cerebellum.memory.size import CUES, MemorySize, refuse_unless_it_fits
from cerebellum.theory.check import one_of, whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

STORES = ("dense", "sparse")
ADDRESSES = ("generated", "stored")
CPU_BLOCK = 1 << 17  # cells at a time: the words drawn for them stay in the third-level cache
GPU_PAIRS = 1 << 27  # pairs of cue and cell at a time
KEPT_HEAP = 31 << 20  # bytes; glibc learns from blocks of up to 32 MiB


class LargeMemory:
    """The memory, or the part of it that one rank holds.

    Parameters
    ----------
    cells : granule cells of the whole memory
    inputs : what they read, `HammingCells` or `DendriteCells`
    outputs : pointer bits
    counters : "int8", "int16", "bfloat16" or "float32"; they saturate as `counter_store` says
    store : "dense", or "sparse" with counters only for cells that were ever active
    addresses : "generated" at each use, or "stored"; the cells are the same
    device : "cpu" or "cuda"
    part : numbers of the first cell and of the one after the last held here; all by default
    patterns : how many will be written, if known: a sparse store that cannot hold them is then refused at once
    compiled : use compiled loops on the CPU where there is a compiler; the answers are the same

    Raises
    ------
    ArgumentError
        For values out of range.
    ResourceError
        If it would not fit on the device, before anything is allocated; says what would.
    """

    def __init__(
        self,
        cells: int,
        inputs: HardLocations,
        outputs: int,
        *,
        counters: str = "int8",
        store: str = "dense",
        addresses: str = "generated",
        device: str = "cpu",
        part: tuple[int, int] | None = None,
        patterns: int = 0,
        compiled: bool = True,
    ) -> None:
        self.cells = whole_number("cells", cells, 1, 2**62)
        self.first, self.last = (0, self.cells) if part is None else part
        if not 0 <= self.first < self.last <= self.cells:
            raise ArgumentError("part", part, f"must be two growing numbers from 0 to cells = {self.cells}")
        self.inputs, self.compiled = inputs, compiled
        self.outputs = whole_number("outputs", outputs, 1)
        self.counters = one_of("counters", counters, tuple(DTYPES))
        self.kind = one_of("store", store, STORES)
        self.addresses = one_of("addresses", addresses, ADDRESSES)
        self.device = choose_device(device)
        self.written = 0
        self._share = float(inputs.kernel()[0])
        self._refuse_unless_it_fits(whole_number("patterns", patterns, 0), held=0)
        self.store: CounterStore = (
            DenseCounters(self.first, self.last, self.outputs, counters, self.device)
            if store == "dense"
            else SparseCounters(self.outputs, counters, self.device)
        )
        if self.device.type == "cpu":
            _keep_heap()
        self._kept = self._make_all() if addresses == "stored" else None

    @property
    def nbytes(self) -> int:
        """Bytes held in counters and stored inputs."""
        return self.store.nbytes + (0 if self._kept is None else self._kept.nbytes)

    def _refuse_unless_it_fits(self, patterns: int, held: int) -> None:
        size = MemorySize(self.last - self.first, self.inputs, self.outputs, self.counters, self.kind, self.addresses)
        refuse_unless_it_fits(size, patterns, self.device, held)

    def write(self, addresses: NDArray[Any] | torch.Tensor, pointers: NDArray[Any] | torch.Tensor) -> None:
        """Add each pointer, in -1 and +1, to the counters of the cells active at its address.

        Parameters
        ----------
        addresses : bits (patterns, n). pointers : bits (patterns, outputs). Bits are -1 and +1, 0 and 1, or booleans.

        Raises
        ------
        ArgumentError
            For other shapes or values.
        ResourceError
            If a sparse store would outgrow the device.
        """
        where = bits("addresses", addresses, self.inputs.n).to(self.device)
        what = bits("pointers", pointers, self.outputs).to(self.device)
        if len(what) != len(where):
            raise ArgumentError("pointers", tuple(what.shape), f"must have a row for each of {len(where)} addresses")
        for first in range(0, len(where), CUES):
            some = slice(first, first + CUES)
            self._write(where[some], what[some])

    def _write(self, addresses: torch.Tensor, pointers: torch.Tensor) -> None:
        if self.kind == "sparse":
            self._refuse_unless_it_fits(self.written + len(addresses), held=self.nbytes)
            self.store.add(*self._pairs(addresses), pointers)
        else:  # cells of different blocks have nothing in common
            batch = self.inputs.batch(addresses)
            for start, inputs in self._blocks(len(addresses)):
                if self._share > SPARSE:
                    self._write_by_product(start - self.first, inputs, batch, pointers)
                    continue
                pattern, position = self.inputs.search(inputs, batch, self.compiled)
                self.store.add(pattern, position + start, pointers)
        self.written += len(addresses)

    def _write_by_product(self, place: int, inputs: torch.Tensor, batch: torch.Tensor, pointers: torch.Tensor) -> None:
        """All patterns at once, by a product of activity and pointers, unless a counter could be clipped on the way."""
        size = BLOCK if self.device.type == "cpu" else inputs.shape[1]
        for first in range(0, inputs.shape[1], size):
            active = self.inputs.answers(inputs[:, first : first + size], batch, self.compiled)[:, : len(pointers)]
            rows = self.store.rows[place + first : place + first + len(active)]
            if int(active.sum(dim=1).max()) + max(int(rows.max()), -int(rows.min())) <= self.store.limit:
                rows += (active.to(torch.float32) @ pointers.to(torch.float32)).to(rows.dtype)
            else:
                pattern, position = active.T.nonzero(as_tuple=True)
                self.store.add(pattern, position + (self.first + place + first), pointers)

    def read(self, cues: NDArray[Any] | torch.Tensor) -> torch.Tensor:
        """Sums of counters over the active cells of each cue, int64 (cues, outputs), on the memory's device.

        cues : bits (cues, n). The recalled bits are the sums' signs; sums are exact for every kind of counter. Raises
        ArgumentError for other shapes or values.
        """
        queries = bits("cues", cues, self.inputs.n).to(self.device)
        sums = torch.zeros((len(queries), self.outputs), dtype=torch.int64, device=self.device)
        for first in range(0, len(queries), CUES):
            some = slice(first, first + CUES)
            self._read(self.inputs.batch(queries[some]), sums[some])
        return sums

    def _read(self, batch: torch.Tensor, sums: torch.Tensor) -> None:
        if isinstance(self.store, SparseCounters):
            size = self._block(len(sums))
            for first in range(0, len(self.store.cells), size):
                cells = self.store.cells[first : first + size]
                cue, position = self.inputs.search(self._inputs(cells), batch, self.compiled)
                self.store.summed(cue, self.store.place[first + position], sums)
            return
        for start, inputs in self._blocks(len(sums)):
            if self._read_at_once(start - self.first, inputs, batch, sums):
                continue
            if self._share > SPARSE:
                self._read_by_product(start - self.first, inputs, batch, sums)
                continue
            cue, position = self.inputs.search(inputs, batch, self.compiled)
            self.store.summed(cue, position + (start - self.first), sums)

    def _read_at_once(self, place: int, inputs: torch.Tensor, batch: torch.Tensor, sums: torch.Tensor) -> bool:
        """Search and sum in one pass, where there is a loop for it: few dendrites and int8 counters on the CPU."""
        fused = self.compiled and isinstance(self.inputs, DendriteCells) and self.counters == "int8"
        if not fused or self.device.type != "cpu":
            return False
        assert isinstance(self.inputs, DendriteCells)
        rows = self.store.rows[place : place + inputs.shape[1]]
        return compiled_read.read_few(inputs, self.inputs.threshold, batch, rows, sums)

    def _read_by_product(self, place: int, inputs: torch.Tensor, batch: torch.Tensor, sums: torch.Tensor) -> None:
        """Search, then one product of activity and counters: exact, as all partial sums are."""
        size = BLOCK if self.device.type == "cpu" else inputs.shape[1]
        dtype = torch.float32 if size * self.store.limit < EXACT else torch.float64
        for first in range(0, inputs.shape[1], size):
            active = self.inputs.answers(inputs[:, first : first + size], batch, self.compiled)[:, : len(sums)]
            rows = self.store.rows[place + first : place + first + len(active)]
            sums += (active.T.to(dtype) @ rows.to(dtype)).to(torch.int64)

    def active(self, cues: NDArray[Any] | torch.Tensor) -> list[torch.Tensor]:
        """Numbers of the cells active for each cue, ascending, int64."""
        queries = bits("cues", cues, self.inputs.n).to(self.device)
        found: list[torch.Tensor] = []
        for first in range(0, len(queries), CUES):
            some = queries[first : first + CUES]
            cue, cells = self._pairs(some)
            found += torch.split(cells, torch.bincount(cue, minlength=len(some)).tolist())
        return found

    def _pairs(self, addresses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """All pairs of address and active cell, by address, cells ascending within each."""
        batch = self.inputs.batch(addresses)
        pairs = _Pairs(len(addresses) * (self.last - self.first) * self._share, self.device)
        for start, inputs in self._blocks(len(addresses)):
            which, position = self.inputs.search(inputs, batch, self.compiled)
            pairs.append(which, position + start)
        return pairs.sorted()

    def activity(self, cues: NDArray[Any] | torch.Tensor) -> torch.Tensor:
        """Number of cells active for each cue, int64 (cues,)."""
        queries = bits("cues", cues, self.inputs.n).to(self.device)
        counts = torch.zeros(len(queries), dtype=torch.int64, device=self.device)
        for first in range(0, len(queries), CUES):
            some = counts[first : first + CUES]
            batch = self.inputs.batch(queries[first : first + CUES])
            for _, inputs in self._blocks(len(some)):
                some += torch.bincount(self.inputs.search(inputs, batch, self.compiled)[0], minlength=len(some))
        return counts

    def _block(self, cues: int) -> int:
        return CPU_BLOCK if self.device.type == "cpu" else max(CPU_BLOCK, GPU_PAIRS // max(1, cues))

    def _blocks(self, cues: int) -> Iterator[tuple[int, torch.Tensor]]:
        """The cells' inputs, block by block, with the number of the first cell of each."""
        size = self._block(cues)
        for first in range(self.first, self.last, size):
            yield first, self._inputs_of_range(first, min(first + size, self.last))

    def _inputs_of_range(self, first: int, last: int) -> torch.Tensor:
        if self._kept is not None:
            return self._kept[:, first - self.first : last - self.first]
        return self.inputs.inputs(torch.arange(first, last, device=self.device), self.compiled)

    def _inputs(self, cells: torch.Tensor) -> torch.Tensor:
        if self._kept is not None:
            return self._kept[:, cells - self.first]
        return self.inputs.inputs(cells, self.compiled)

    def _make_all(self) -> torch.Tensor:
        """Inputs of all cells held here, made block by block so that what is drawn for them never lies there whole."""
        one = self.inputs.inputs(torch.zeros(1, dtype=torch.int64, device=self.device), self.compiled)
        kept = torch.empty((len(one), self.last - self.first), dtype=one.dtype, device=self.device)
        size = self._block(32)
        for first in range(self.first, self.last, size):
            last = min(first + size, self.last)
            made = self.inputs.inputs(torch.arange(first, last, device=self.device), self.compiled)
            kept[:, first - self.first : last - self.first] = made
        return kept


def _keep_heap() -> None:
    """Let glibc keep the megabytes that every block of cells takes and gives back.

    By default it may hand them to the kernel after each block and fault them in again, page by page, or not: that
    depends on what was freed before, and took a search of 1e7 cells from 0.09 s to 0.23 s. Freeing one large piece,
    never touched, raises both of glibc's thresholds (mallopt(3), M_MMAP_THRESHOLD); elsewhere it does nothing.
    """
    torch.empty(KEPT_HEAP, dtype=torch.uint8)


class _Pairs:
    """Pairs of cue and cell as blocks bring them, in one place: thousands of small tensors would riddle the heap."""

    def __init__(self, expected: float, device: torch.device) -> None:
        self.found = torch.empty((2, int(1.1 * expected) + 1024), dtype=torch.int64, device=device)
        self.used = 0

    def append(self, cue: torch.Tensor, cell: torch.Tensor) -> None:
        end = self.used + len(cue)
        if end > self.found.shape[1]:
            larger = torch.empty((2, 2 * end), dtype=torch.int64, device=self.found.device)
            larger[:, : self.used] = self.found[:, : self.used]
            self.found = larger
        self.found[0, self.used : end] = cue
        self.found[1, self.used : end] = cell
        self.used = end

    def sorted(self) -> tuple[torch.Tensor, torch.Tensor]:
        """By cue; within a cue in the order of coming."""
        cue, order = torch.sort(self.found[0, : self.used], stable=True)
        return cue, self.found[1, : self.used][order]
