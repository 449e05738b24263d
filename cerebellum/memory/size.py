"""How many bytes a large memory takes, asked before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from cerebellum.errors import ResourceError
from cerebellum.machine.device import free_bytes
from cerebellum.memory.counters import DTYPES, KEY_BYTES
from cerebellum.memory.hard_locations import HardLocations

CUES = 256  # patterns or cues that pass over the cells together
PAIR_BYTES = 64  # working memory for each active pair of pattern and cell in a write: places, orders, counts
WORKING = {"cpu": 300e6, "cuda": 2e9}  # of one block: its inputs, the pairs found, the counters gathered


@dataclass(frozen=True)
class MemorySize:
    """What decides the size; the names are those of `large_memory.LargeMemory`."""

    cells: int
    inputs: HardLocations
    outputs: int
    counters: str = "int8"
    store: str = "dense"
    addresses: str = "generated"

    def needed(self, patterns: int, device: str = "cpu") -> float:
        """Bytes at the largest, with so many patterns written.

        Of a sparse store the expected number of cells ever active, cells (1 - (1 - p)^patterns), counts.
        """
        share = float(self.inputs.kernel()[0])
        row = self.outputs * DTYPES[self.counters].itemsize
        fixed = WORKING[device] + (self.cells * self.inputs.stored_bytes if self.addresses == "stored" else 0)
        if self.store == "dense":
            return fixed + self.cells * row
        ever = self.cells * (1.0 - (1.0 - share) ** patterns)
        # The store grows by a copy, and the pairs of one batch lie beside it.
        return fixed + 2 * ever * (row + KEY_BYTES) + PAIR_BYTES * self.cells * share * min(patterns, CUES)

    def __str__(self) -> str:
        return f"store={self.store!r}, addresses={self.addresses!r}, counters={self.counters!r}"


def refuse_unless_it_fits(size: MemorySize, patterns: int, device: torch.device, held: int) -> None:
    """Refuse a memory that needs more than the device has free beside the bytes held.

    Raises
    ------
    ResourceError
        With the bytes needed, and the nearest setting or the number of cells that would fit.
    """
    free = free_bytes(device) + held
    wanted = size.needed(patterns, device.type)
    if wanted <= free:
        return
    smaller = [
        replace(size, store=store, addresses=addresses, counters=counters)
        for store in dict.fromkeys((size.store, "sparse"))
        for addresses in dict.fromkeys((size.addresses, "generated"))
        for counters in dict.fromkeys((size.counters, "int8"))
    ]
    fitting = next((each for each in smaller if each.needed(patterns, device.type) <= free), None)
    if fitting is not None:
        remedy = f"{fitting} with {patterns} patterns"
    else:
        fixed, one = (replace(smaller[-1], cells=cells).needed(patterns, device.type) for cells in (0, 10**9))
        remedy = f"{max(0, int((free - fixed) / (one - fixed) * 1e9)):,} cells with {smaller[-1]}"
    raise ResourceError(
        f"cells = {size.cells:,}: these need {wanted:,.0f} bytes ({wanted / 2**30:.1f} GiB) on {device} and "
        f"{free / 2**30:.1f} GiB are free; what fits: {remedy}"
    )
