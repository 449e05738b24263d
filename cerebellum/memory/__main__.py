"""Store and recall random patterns in a memory of any size, on one process or under torchrun.

    python -m cerebellum.memory --cells 1e9                                        the paper's regime: n = 64, d = 15
    python -m cerebellum.memory --cells 1e6 --bits 256 --dendrites 4 --store dense
    torchrun --nproc-per-node 2 -m cerebellum.memory --cells 1e8                   --device cuda: NCCL, a card a rank

Prints recall beside theory, times and bytes as JSON. Exit 0 done, 2 the request is at fault or does not fit, 1 other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import binom, norm, poisson

from cerebellum.errors import ArgumentError, CerebellumError, InputError
from cerebellum.memory.counters import DTYPES
from cerebellum.memory.hard_locations import DendriteCells, HammingCells, HardLocations
from cerebellum.memory.large import ADDRESSES, STORES
from cerebellum.memory.sharded import Ranks, ShardedMemory
from cerebellum.memory.size import MemorySize
from cerebellum.theory.check import whole_number, whole_numbers

if TYPE_CHECKING:
    from numpy.typing import NDArray


def expected_recall(kernel: NDArray[np.float64], cells: int, patterns: int, distance: int) -> float:
    """Share of pointer bits right, ties counting half, when each of random patterns is cued `distance` bits away.

    kernel : `HardLocations.kernel`. Of the pattern's own cells a Poisson number of mean w = cells kernel[distance]
    answers, each with the right sign; the others' bring a sum of random signs with variance
    (patterns - 1) E[w' + w'^2] over binomial distances, taken as normal. (Shared cells of
    `analysis.capacity.snr_simulation`.)
    """
    n = len(kernel) - 1
    shared = kernel * cells
    noise = (patterns - 1) * float((binom.pmf(np.arange(n + 1), n, 0.5) * (shared + shared**2)).sum())
    own = float(shared[distance])
    low, high = poisson.interval(1 - 1e-12, own)
    count = np.arange(int(low), int(high) + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        right = np.where(count == 0, 0.5, norm.cdf(count / np.sqrt(noise)))
    return float((poisson.pmf(count, own) * right).sum())


def measure(
    inputs: HardLocations,
    cells: int,
    *,
    outputs: int = 64,
    patterns: int = 64,
    noise: int = 0,
    seed: int = 0,
    ranks: Ranks | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Write random patterns, read a cue of each, and say what it took.

    Parameters
    ----------
    inputs, cells, outputs, settings : of the memory, as `LargeMemory` takes them
    patterns : how many. noise : flipped bits of a cue. seed : of patterns, pointers and flips
    ranks : an entered `Ranks`; this process alone by default

    Returns
    -------
    sizes; active cells a cue (mean), recall (share of pointer bits right, ties half), each with what theory expects;
    seconds of building, writing, counting active cells, reading; bytes; `sums`, a digest of the sums read
    """
    ranks = Ranks() if ranks is None else ranks
    patterns = whole_number("patterns", patterns, 1)
    noise = int(whole_numbers("noise", noise, 0, inputs.n, "bits"))
    rng = np.random.default_rng(seed)
    addresses = rng.integers(0, 2, (patterns, inputs.n), dtype=np.int8)
    pointers = rng.integers(0, 2, (patterns, outputs), dtype=np.int8)
    cues = addresses.copy()
    for cue in cues:
        cue[rng.permutation(inputs.n)[:noise]] ^= 1
    seconds: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = call()
        if ranks.device == "cuda":
            torch.cuda.synchronize()
        seconds[name] = time.perf_counter() - start
        return found

    memory = timed("build", lambda: ShardedMemory(ranks, cells, inputs, outputs, patterns=patterns, **settings))
    timed("write", lambda: memory.write(addresses, pointers))
    active = timed("activity", lambda: memory.activity(cues)).double().cpu().numpy()
    sums = timed("read", lambda: memory.read(cues)).cpu().numpy()
    kernel = inputs.kernel()
    chosen = {key: value for key, value in settings.items() if key in ("counters", "store", "addresses")}
    first, last = ranks.share(cells)
    needed = MemorySize(last - first, inputs, outputs, **chosen).needed(patterns, ranks.device)
    right = np.where(sums == 0, 0.5, (sums > 0) == (pointers > 0))
    return {
        "cells": cells,
        "ranks": ranks.count,
        "device": torch.cuda.get_device_name() if ranks.device == "cuda" else "cpu",
        "bits": inputs.n,
        "outputs": outputs,
        "patterns": patterns,
        "noise": noise,
        "active": {"measured": float(active.mean()), "expected": float(cells * kernel[0])},
        "recall": {"measured": float(right.mean()), "expected": expected_recall(kernel, cells, patterns, noise)},
        "seconds": seconds,
        "bytes": {
            "held_by_a_rank": memory.nbytes,
            "estimate_for_a_rank": needed,
            "peak_of_a_rank": _peak(ranks.device),
        },
        "sums": hashlib.sha256(np.ascontiguousarray(sums).tobytes()).hexdigest()[:16],
    }


def _peak(device: str) -> int:
    """Largest memory of this process so far, bytes: resident, or on the card what torch allocated."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _count(text: str) -> int:
    """A whole number, also as 1e9."""
    number = float(text)
    if number != int(number):
        raise argparse.ArgumentTypeError(f"{text} is no whole number")
    return int(number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cerebellum.memory", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cells", type=_count, default=10**6, help="granule cells (default 1e6)")
    parser.add_argument("--bits", type=_count, default=64, help="address bits n (default 64)")
    parser.add_argument("--radius", type=_count, help="Hamming radius d of whole-address cells (default 15)")
    parser.add_argument("--dendrites", type=_count, help="cells of so many dendrites instead, at most 16")
    parser.add_argument("--threshold", type=_count, help="of them that must match (default all)")
    parser.add_argument("--outputs", type=_count, default=64, help="pointer bits (default 64)")
    parser.add_argument("--patterns", type=_count, default=64, help="patterns stored, each cued once (default 64)")
    parser.add_argument("--noise", type=_count, default=0, help="flipped bits of a cue (default 0)")
    parser.add_argument("--counters", choices=tuple(DTYPES), default="int8")
    parser.add_argument("--store", choices=STORES, default="sparse")
    parser.add_argument("--addresses", choices=ADDRESSES, default="generated")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=_count, default=0, help="of cells, patterns and noise (default 0)")
    parser.add_argument("--patience", type=float, default=600.0, help="seconds to wait for other ranks (default 600)")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.dendrites is not None and chosen.radius is not None:
            raise ArgumentError("radius", chosen.radius, "cells with dendrites have a threshold, no radius")
        if chosen.dendrites is None and chosen.threshold is not None:
            raise ArgumentError("threshold", chosen.threshold, "only cells with dendrites have one")
        inputs = (
            HammingCells(chosen.bits, 15 if chosen.radius is None else chosen.radius, chosen.seed)
            if chosen.dendrites is None
            else DendriteCells(chosen.bits, chosen.dendrites, chosen.threshold or chosen.dendrites, chosen.seed)
        )
        with Ranks(chosen.device, chosen.patience) as ranks:
            found = measure(
                inputs, chosen.cells, outputs=chosen.outputs, patterns=chosen.patterns, noise=chosen.noise,
                seed=chosen.seed, ranks=ranks, counters=chosen.counters, store=chosen.store,
                addresses=chosen.addresses,
            )  # fmt: skip
    except CerebellumError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    if ranks.rank == 0:
        print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
