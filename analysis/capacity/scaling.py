"""Memories of 1e4 to 1e9 granule cells: time, memory and recall against size, on one core.

Claim: time and memory are linear in the number of cells, and recall is what theory expects at every size. The regime of
the first memory is that of Bricken & Pehlevan (2021), doi:10.48550/arXiv.2111.05498: n = 64, d = 15. Run time: five
minutes; one gigabyte of memory, and seven for the largest memory of few dendrites.

The speed of a shared machine drifts by tens of percent over minutes, which is more than the 5 % looked for. So every
large size is timed between two runs of one fixed size, and its time counts in units of theirs; sizes come in another
random order in each of several rounds, and the median over the rounds counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

CLAIM = "Time and memory are linear in the number of granule cells up to 1e9, and recall is what theory expects."
CAPTION = (
    "Time of one thread (processor seconds of the process, as the machine is shared; medians) and bytes of counters"
    " against the number of granule cells; 64 patterns of 64 pointer bits, cues with 4 flipped bits. Whole addresses:"
    " 64 bits, radius 15, one cell in 82,000 active, counters only for cells ever active. Dendrites: 4 of 4 on 256"
    " bits, one cell in 16 active, counters for all. Inputs are made on the fly. Slopes are of the time relative to"
    " that of 1e7 cells (dendrites: 1e6) just before and after. Right: share of pointer bits recalled (points) and"
    " expected (lines)."
)
PATTERNS, OUTPUTS, NOISE = 64, 64, 4
SIZES = {
    "whole addresses": (10**4, 10**5, 10**6, 10**7, 3 * 10**7, 10**8, 3 * 10**8, 10**9),
    "dendrites": (10**4, 10**5, 10**6, 3 * 10**6, 10**7, 3 * 10**7, 10**8),
}
LARGE = {"whole addresses": 10**7, "dendrites": 10**6}  # from here on the fixed cost of a call is below 2%: our choice
ROUNDS = 3
PASSES = 5  # runs of the fixed size, averaged: about a second
WITHIN = 0.05  # of slope 1, as the claim says
TIMES = {"whole addresses": ("write", "search"), "dendrites": ("write", "read")}


def measure(seed: int = 0) -> dict[str, Any]:
    """Seconds, bytes and recall of each size, and the slopes of their logarithms over the large sizes."""
    import numpy as np
    import torch

    from cerebellum.memory.hard_locations import DendriteCells, HammingCells

    torch.set_num_threads(1)
    kinds = {
        "whole addresses": (HammingCells(64, 15, seed), "sparse"),
        "dendrites": (DendriteCells(256, 4, 4, seed), "dense"),
    }
    measured: dict[str, Any] = {}
    for kind, (inputs, store) in kinds.items():
        _one(inputs, 10**4, store, seed)  # compiles and loads what a first call needs
        small = [cells for cells in SIZES[kind] if cells < LARGE[kind]]
        rows = [_joined([_one(inputs, cells, store, seed) for _ in range(PASSES)], np.median) for cells in small]
        large, refused = _rounds(kind, inputs, store, seed)
        logs = np.log10([row["cells"] for row in large])
        fitted = {name: f"{name}_relative" for name in TIMES[kind]} | {"bytes": "bytes"}
        slopes = {
            name: float(np.polyfit(logs, np.log10([row[key] for row in large]), 1)[0]) for name, key in fitted.items()
        }
        measured[kind] = {"rows": rows + large, "slopes": slopes, "refused": refused}
    return measured


def _rounds(kind: str, inputs: Any, store: str, seed: int) -> tuple[list[dict[str, Any]], str | None]:
    """The large sizes, with times relative to the fixed one's, and why a size was refused, if one was."""
    import numpy as np

    from cerebellum.errors import ResourceError

    def mean(cells: int) -> dict[str, Any]:
        passes = max(1, round(PASSES * LARGE[kind] / cells))
        return _joined([_one(inputs, cells, store, seed) for _ in range(passes)], np.mean)

    rng = np.random.default_rng(seed)
    taken: dict[int, list[dict[str, Any]]] = {cells: [] for cells in SIZES[kind] if cells >= LARGE[kind]}
    refused = None
    for _ in range(ROUNDS):
        before = mean(LARGE[kind])
        for cells in rng.permutation(list(taken)).tolist():
            try:
                row = mean(cells)
            except ResourceError as error:
                refused = str(error)
                del taken[cells]
                continue
            after = mean(LARGE[kind])
            row |= {f"{name}_relative": 2 * row[name] / (before[name] + after[name]) for name in TIMES[kind]}
            taken[cells].append(row)
            before = after
    return [_joined(rows, np.median) for rows in taken.values()], refused


def _joined(rows: list[dict[str, Any]], how: Callable[[list[float]], Any]) -> dict[str, Any]:
    """Rows of one size as one: times by `how`, the rest is the same in all."""
    times = [key for key in rows[0] if key.removesuffix("_relative") in ("write", "read", "search")]
    return rows[0] | {key: float(how([row[key] for row in rows])) for key in times if rows[0][key] is not None}


def _one(inputs: Any, cells: int, store: str, seed: int) -> dict[str, Any]:
    import time

    import numpy as np

    from cerebellum.memory.__main__ import expected_recall
    from cerebellum.memory.large import LargeMemory

    rng = np.random.default_rng(seed)
    addresses = rng.integers(0, 2, (PATTERNS, inputs.n), dtype=np.int8)
    pointers = rng.integers(0, 2, (PATTERNS, OUTPUTS), dtype=np.int8)
    cues = addresses.copy()
    for cue in cues:
        cue[rng.permutation(inputs.n)[:NOISE]] ^= 1

    def timed(call: Callable[[], Any]) -> tuple[float, Any]:
        start = time.process_time()
        result = call()
        return time.process_time() - start, result

    memory = LargeMemory(cells, inputs, OUTPUTS, store=store, patterns=PATTERNS)
    write, _ = timed(lambda: memory.write(addresses, pointers))
    read, sums = timed(lambda: memory.read(cues))
    search, active = timed(lambda: memory.activity(cues)) if store == "sparse" else (None, None)
    recalled = sums.numpy()
    kernel = inputs.kernel()
    return {
        "cells": cells,
        "write": write,
        "read": read,
        "search": search,
        "bytes": memory.nbytes,
        "active": None if active is None else float(active.double().mean()),
        "active_expected": float(cells * kernel[0]),
        "recall": float(np.where(recalled == 0, 0.5, (recalled > 0) == (pointers > 0)).mean()),
        "recall_expected": expected_recall(kernel, cells, PATTERNS, NOISE),
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Slopes and recalls."""
    out = {}
    for kind, measured in numbers.items():
        largest = measured["rows"][-1]["cells"]
        for name, slope in measured["slopes"].items():
            what = "bytes held" if name == "bytes" else f"time of a {name}"
            out[
                f"{kind}: {what} is linear from {LARGE[kind]:.0e} to {largest:.0e} cells (slope {slope:.3f}, within"
                f" {WITHIN:.0%} of 1)"
            ] = abs(slope - 1) <= WITHIN
        # Recalls of 64 patterns, each between chance and all: four standard errors at most.
        off = [
            abs(row["recall"] - row["recall_expected"])
            - max(4 * (row["recall_expected"] * (1 - row["recall_expected"]) / PATTERNS) ** 0.5, 1e-3)
            for row in measured["rows"]
        ]
        out[f"{kind}: recall is the expected one at every size (four standard errors)"] = max(off) <= 0
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Time, bytes, recall."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for (kind, measured), colour in zip(numbers.items(), ("tab:blue", "tab:red"), strict=True):
        cells = [row["cells"] for row in measured["rows"]]
        for name, style in zip(TIMES[kind], ("o-", "s--"), strict=True):
            label = f"{kind}, {name} (slope {measured['slopes'][name]:.2f})"
            left.loglog(cells, [row[name] for row in measured["rows"]], style, ms=4, lw=1, color=colour, label=label)
        label = f"{kind} (slope {measured['slopes']['bytes']:.2f})"
        middle.loglog(cells, [row["bytes"] for row in measured["rows"]], "o-", ms=4, lw=1, color=colour, label=label)
        right.semilogx(cells, [row["recall"] for row in measured["rows"]], "o", ms=4, color=colour, label=kind)
        right.semilogx(cells, [row["recall_expected"] for row in measured["rows"]], lw=1, color=colour)
    left.set(xlabel="granule cells", ylabel="s for 64 patterns", ylim=(1e-5, 1e2))
    middle.set(xlabel="granule cells", ylabel="bytes of counters")
    right.set(xlabel="granule cells", ylabel="pointer bits right", ylim=(0.48, 1.02))
    for axes in (left, middle, right):
        axes.legend(fontsize=7, loc="lower right")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
