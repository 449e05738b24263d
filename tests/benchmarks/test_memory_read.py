"""How fast a million neurons are read: 256 queries of 64 bits, against torchhd's SparseDistributed and the hardware.

    python tests/benchmarks/test_memory_read.py [--threads 1] [--rounds 7]      one line of JSON per radius
    pytest -m slow --benchmark-enable tests/benchmarks/test_memory_read.py      the same through pytest-benchmark

torchhd is given our addresses, threshold and counters, so both return the same sums. Rounds of the two alternate, so
that a busy machine slows both; the ratio is that of the medians. The ceilings are measured in the same process: XOR and
population count of words in the first-level cache for the search, copying memory for the counters that a read visits.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cerebellum.machine import compiler
from cerebellum.memory import hamming
from cerebellum.memory.neurons import NeuronSDM

NEURONS, BITS, QUERIES = 10**6, 64, 256
PATTERNS = 64
# 19 is the radius that torchhd chooses for 64 bits by default (its p = 0.000368).
RADII = (11, 15, 19)


def build(radius: int) -> tuple[NeuronSDM, Any, np.ndarray]:
    """Our memory, torchhd's with the same addresses and counters, and queries of -1 and +1."""
    torchhd = pytest.importorskip("torchhd")
    rng = np.random.default_rng(5)
    ours = NeuronSDM.random(NEURONS, BITS, radius, rng)
    patterns = rng.integers(0, 2, (PATTERNS, BITS)) * 2 - 1
    ours.write(patterns)
    # Every counter in memory and not zero: untouched pages would be read for nothing. Whole numbers keep sums exact.
    ours.counters.copy_(torch.from_numpy(rng.integers(-9, 10, (NEURONS, BITS), dtype=np.int8)))
    ours._written.fill_(PATTERNS)
    theirs = torchhd.memory.SparseDistributed(NEURONS, BITS, BITS)
    theirs.threshold = BITS - 2 * radius
    words = np.ascontiguousarray(ours._words[:, :NEURONS].T)
    with torch.no_grad():
        theirs.keys.copy_(torch.from_numpy(hamming.unpack(words, BITS)).float() * 2 - 1)
        theirs.values.copy_(ours.counters)
    queries = rng.integers(0, 2, (QUERIES, BITS)) * 2 - 1
    queries[:PATTERNS] = patterns
    return ours, theirs, queries


def sums(ours: NeuronSDM, queries: np.ndarray) -> torch.Tensor:
    """What torchhd calls a read: the sums of counters, before they are divided by the number of patterns."""
    from cerebellum.memory.neurons import _sum_rows

    assert ours.counters is not None
    return _sum_rows(ours.counters, *ours._active(ours._vectors("queries", queries, BITS), writing=False))


def ceiling_search() -> float:
    """Seconds for XOR and population count of all pairs, with the words in the first-level cache, one thread."""
    lib = compiler.library(Path(__file__).with_name("search_limit.c"))
    if lib is None:
        return float("nan")
    words = np.random.default_rng(0).integers(0, 2**64, 2048, dtype=np.uint64)
    repeats = NEURONS * QUERIES // len(words)
    start = time.perf_counter()
    lib.throughput(ctypes.c_void_p(words.ctypes.data), ctypes.c_int64(len(words)), ctypes.c_int64(repeats))
    return time.perf_counter() - start


def copy_bandwidth(source: torch.Tensor, target: torch.Tensor) -> float:
    """Bytes a second, read and written, of copying one tensor to another."""
    start = time.perf_counter()
    target.copy_(source)
    return 2 * source.numel() * source.element_size() / (time.perf_counter() - start)


def compare(radius: int, rounds: int) -> dict[str, float]:
    """Medians over alternating rounds, in milliseconds, and their ratios to torchhd and to the ceilings."""
    ours, theirs, queries = build(radius)
    float_queries = torch.from_numpy(queries).float()
    packed = hamming.pack(queries > 0)
    runs = {
        "read": lambda: ours.read(queries),
        "search": lambda: hamming.within(ours._words, NEURONS, packed, radius, torch.get_num_threads()),
        "search_numpy": lambda: hamming.within(ours._words, NEURONS, packed, radius, torch.get_num_threads(), "numpy"),
        "torchhd": lambda: theirs.read(float_queries),
    }
    assert ours.counters is not None
    spare = ours.counters.clone()
    with torch.no_grad():
        assert torch.equal(sums(ours, queries), theirs.read(float_queries).as_subclass(torch.Tensor))
        times: dict[str, list[float]] = {name: [] for name in (*runs, "ceiling_search", "copy")}
        for _ in range(rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
            times["ceiling_search"].append(ceiling_search())
            times["copy"].append(copy_bandwidth(ours.counters, spare))
    median = {name: statistics.median(values) for name, values in times.items()}
    hits = sum(len(active) for active in ours.active(queries))
    visited = hits * (BITS * 4 + 4)
    result = {f"{name}_ms": 1e3 * median[name] for name in (*runs, "ceiling_search")}
    return result | {
        "radius": radius,
        "active_pairs": hits,
        "threads": torch.get_num_threads(),
        "torchhd_over_read": median["torchhd"] / median["read"],
        "torchhd_over_read_numpy": median["torchhd"] / (median["read"] - median["search"] + median["search_numpy"]),
        "search_over_ceiling": median["search"] / (median["ceiling_search"] / torch.get_num_threads()),
        "copy_GB_per_s": median["copy"] / 1e9,
        "readout_ms_at_copy_bandwidth": 1e3 * visited / median["copy"],
    }


@pytest.mark.slow
@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("memory", ["cerebellum", "torchhd"])
def test_read(benchmark, memory, radius):
    ours, theirs, queries = build(radius)
    float_queries = torch.from_numpy(queries).float()
    benchmark.group = f"radius {radius}"
    with torch.no_grad():
        assert torch.equal(sums(ours, queries), theirs.read(float_queries).as_subclass(torch.Tensor))
        if memory == "cerebellum":
            benchmark(ours.read, queries)
        else:
            benchmark(theirs.read, float_queries)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for each in RADII:
        found = compare(each, arguments.rounds)
        print(json.dumps({name: float(f"{value:.4g}") for name, value in found.items()}), flush=True)
