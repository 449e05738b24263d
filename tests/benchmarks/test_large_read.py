"""One read of 256 cues from a million granule cells of 4 dendrites, 256 address bits: against torchhd and the machine.

    python -m tests.benchmarks.test_large_read [--cells 1e6] [--rounds 15]      prints the section of docs/benchmarks.md
    pytest -m slow --benchmark-enable tests/benchmarks/test_large_read.py       the same through pytest-benchmark

The limits are measured in the same process, in alternating rounds: adding as many rows of 64 counters as the read must
add, in the same vectors and a random order, and testing all pairs of cue and cell, 256 cues at once, both out of the
first-level cache; and copying memory, for the fibres and counters that the read must fetch. torchhd's SparseDistributed
has the same numbers of cells, bits, outputs and cues and the same share of active cells; its cells see all bits.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cerebellum.machine import compiler
from cerebellum.memory import compiled_read
from cerebellum.memory.hard_locations import DendriteCells
from cerebellum.memory.large import LargeMemory
from tests.benchmarks.test_engines import median_seconds, processor, torchhd_case

BITS, DENDRITES, OUTPUTS, CUES = 256, 4, 64, 256
CACHED = 2048  # cells whose fibres stay in the first-level cache


def build(cells: int, compiled: bool = True) -> tuple[LargeMemory, np.ndarray]:
    """The memory with its inputs kept and every counter written, and the cues."""
    rng = np.random.default_rng(0)
    inputs = DendriteCells(BITS, DENDRITES, DENDRITES, seed=1)
    memory = LargeMemory(cells, inputs, OUTPUTS, addresses="stored", compiled=compiled)
    memory.store.rows.copy_(torch.from_numpy(rng.integers(-9, 10, (cells, OUTPUTS), dtype=np.int8)))
    return memory, rng.integers(0, 2, (CUES, BITS), dtype=np.int8)


def limits(memory: LargeMemory, cues: np.ndarray, pairs: int) -> dict[str, Callable[[], Any]]:
    """What the read cannot do without, each alone."""
    lib = compiler.library(compiled_read.SOURCE, Path(__file__).with_name("read_limits.c"))
    assert lib is not None
    lib.adding.restype = lib.finding.restype = ctypes.c_int64
    hits = torch.from_numpy(np.random.default_rng(1).integers(0, CUES, 4096, dtype=np.uint8))
    batch = memory.inputs.batch(torch.from_numpy(2 * cues - 1))
    few = memory.inputs.inputs(torch.arange(CACHED))
    spare, rows = memory.store.rows.clone(), memory.store.rows
    at, whole = compiled_read._at, compiled_read._whole
    return {
        "adding": lambda: lib.adding(at(hits), whole(len(hits)), whole(pairs // len(hits))),
        "finding": lambda: lib.finding(*compiled_read._cells(few, DENDRITES), at(batch), whole(memory.cells // CACHED)),
        "copying": lambda: spare.copy_(rows),
    }


def compare(cells: int, rounds: int) -> dict[str, float]:
    """Medians over alternating rounds, s; least times too, as the machine is shared."""
    memory, cues = build(cells)
    pairs = int(memory.activity(cues).sum())
    plain, _ = build(cells, compiled=False)
    assert torch.equal(memory.read(cues), plain.read(cues))
    runs = {"read": lambda: memory.read(cues), **limits(memory, cues, pairs)}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    fired = torch.zeros((CUES, 2 * BITS), dtype=torch.bool)
    fired[:, 1::2] = torch.from_numpy(cues > 0)
    peer = torchhd_case(cells, fired, memory.store.rows.float(), pairs / cells / CUES)
    found = {name: statistics.median(taken) for name, taken in times.items()}
    found |= {f"{name} least": min(taken) for name, taken in times.items()}
    counters = memory.store.rows.nbytes
    fetched = counters + memory._kept.nbytes  # type: ignore[union-attr]
    for kind in ("", " least"):
        found["fetching" + kind] = found["copying" + kind] * fetched / (2 * counters)
    found["plain"] = median_seconds(lambda: plain.read(cues), 3)
    found["torchhd"] = median_seconds(peer, 3)
    return found | {"pairs": pairs, "fetched": fetched}


def report(cells: int, found: dict[str, float]) -> str:
    """The section of docs/benchmarks.md."""
    rows = []
    for kind, label in (("", "median"), (" least", "least")):
        integer = found["adding" + kind] + found["finding" + kind]
        limit = max(integer, found["fetching" + kind])
        rows.append(
            f"| {label} | {1e3 * found['read' + kind]:.1f} ms | {1e3 * found['adding' + kind]:.1f} ms | "
            f"{1e3 * found['finding' + kind]:.1f} ms | {1e3 * found['fetching' + kind]:.1f} ms | "
            f"{limit / found['read' + kind]:.0%} | {found['adding' + kind] / found['read' + kind]:.0%} |"
        )
    return "\n".join(
        [
            f"{os.cpu_count()} cores of {processor()}, one thread; {cells:,} cells, {found['pairs']:,.0f} active pairs "
            f"of cue and cell, {found['fetched'] / 1e6:.0f} MB of fibres and int8 counters.\n",
            "| | read of 256 cues | limit: additions | limit: finding | limit: memory | share of the limit | additions "
            "alone |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            f"{CUES / found['read']:,.0f} reads a second; torchhd {CUES / found['torchhd']:,.1f} "
            f"(ratio {found['torchhd'] / found['read']:,.0f}); the same memory without a compiler "
            f"{CUES / found['plain']:,.0f} (ratio to torchhd {found['torchhd'] / found['plain']:,.1f}), same sums.",
        ]
    )


@pytest.mark.slow
def test_large_read(benchmark: Any) -> None:
    memory, cues = build(1_000_000)
    assert benchmark(memory.read, cues).shape == (CUES, OUTPUTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cells", type=float, default=1e6)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    print(report(int(chosen.cells), compare(int(chosen.cells), chosen.rounds)))


if __name__ == "__main__":
    main()
