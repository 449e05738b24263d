"""Everything that needs a GPU, as one command of at most ten minutes: equality with the CPU, speed, memory.

    python -m tests.benchmarks.gpu                       writes docs/gpu.md, docs/gpu.json and docs/figures/gpu.png
    python -m tests.benchmarks.gpu --out FOLDER          the same three files elsewhere
    python -m tests.benchmarks.gpu --device cpu --cells 1e5 --out FOLDER         a rehearsal of the command itself

Sections run one after another and are written as they come; one that fails says so, and the command ends with 1. Shares
are of what the same card measured in the same run. Sizes go up by tens until memory or time is used up.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cerebellum.errors import CerebellumError, ResourceError
from cerebellum.machine.device import choose_device
from cerebellum.memory import large
from cerebellum.memory.__main__ import expected_recall
from cerebellum.memory.granule_layer import GranuleCode
from cerebellum.memory.hard_locations import DendriteCells, HammingCells, HardLocations
from cerebellum.memory.large import LargeMemory
from cerebellum.memory.philox import philox
from tests.benchmarks.gpu_figure import figure

CUES, OUTPUTS, NOISE = 256, 64, 4
PATTERNS = {"hamming": 256, "dendrites": 64}
# Passes over int64 arrays in ten rounds of Philox written in torch: 208 bytes read and written a round.
PHILOX_BYTES = 2080
ROOT = Path(__file__).resolve().parents[2]


class Run:
    """The device, its measured ceilings, the time that is left, and the numbers found."""

    def __init__(self, device: str, cells: int, seconds: float) -> None:
        self.device, self.cells, self.end = choose_device(device), cells, time.monotonic() + seconds
        self.small = device == "cpu"
        self.found: dict[str, Any] = {}

    def left(self) -> float:
        return self.end - time.monotonic()

    def settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, call: Callable[[], Any], rounds: int = 5) -> float:
        """Median time of a call with all that it started on the device; one call before is not counted."""
        call()
        taken = []
        for _ in range(rounds):
            self.settle()
            start = time.perf_counter()
            call()
            self.settle()
            taken.append(time.perf_counter() - start)
        return statistics.median(taken)

    def once(self, call: Callable[[], Any]) -> tuple[float, Any]:
        self.settle()
        start = time.perf_counter()
        found = call()
        self.settle()
        return time.perf_counter() - start, found

    def forget(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak(self) -> float:
        """GiB that torch held at most on the card; nothing is known of the CPU."""
        return torch.cuda.max_memory_allocated() / 2**30 if self.device.type == "cuda" else float("nan")


def ceilings(run: Run) -> Iterator[str]:
    """What the card does at best, measured here."""
    source = torch.randint(-9, 9, (1 << (24 if run.small else 30),), dtype=torch.int8, device=run.device)
    target = torch.empty_like(source)
    run.found["copy"] = 2 * source.nbytes / run.seconds(lambda: target.copy_(source), 10)
    side = 512 if run.small else 8192
    for name, dtype in (("half", torch.float16), ("single", torch.float32)):
        if run.small and dtype == torch.float16:
            dtype = torch.float32
        a, b = (torch.randn(side, side, device=run.device).to(dtype) for _ in range(2))
        run.found[name] = 2 * side**3 / run.seconds(lambda a=a, b=b: a @ b, 5)  # type: ignore[misc]
    name = torch.cuda.get_device_name() if run.device.type == "cuda" else "cpu"
    run.found["device"] = name
    yield (
        f"{date.today()}, {name}, torch {torch.__version__}: copying {run.found['copy'] / 1e9:,.0f} GB/s read and "
        f"written, products {run.found['half'] / 1e12:,.1f} TFLOP/s in half and {run.found['single'] / 1e12:,.1f} in "
        "single precision."
    )


def equality(run: Run) -> Iterator[str]:
    """The device against the CPU: whole numbers, so equal or wrong."""
    cells = torch.arange(10**5) * 10**11
    same = torch.equal(philox(cells, 2, 2**63 + 5), philox(cells.to(run.device), 2, 2**63 + 5, compiled=False).cpu())
    yield f"- random words of 100,000 cells: {word(same)}"
    rng, size = np.random.default_rng(0), 20_003 if run.small else 100_003
    for name, inputs in {
        "64 bits, radius 19": HammingCells(64, 19, 3),
        "150 bits, radius 66": HammingCells(150, 66, 3),
        "4 of 4 dendrites": DendriteCells(256, 4, 4, 3),
        "11 of 16 dendrites": DendriteCells(256, 16, 11, 3),
    }.items():
        addresses = rng.integers(0, 2, (300, inputs.n), dtype=np.int8)
        pointers = rng.integers(0, 2, (40, OUTPUTS), dtype=np.int8)
        for store, kept, counters in (
            ("dense", "generated", "int8"), ("dense", "stored", "bfloat16"), ("sparse", "generated", "int16"),
            ("sparse", "stored", "float32"),
        ):  # fmt: skip
            sums, active = [], []
            for device in ("cpu", run.device.type):
                memory = LargeMemory(
                    size, inputs, OUTPUTS, store=store, addresses=kept, counters=counters, device=device
                )
                memory.write(addresses[:40], pointers)
                sums.append(memory.read(addresses).cpu())
                active.append(memory.activity(addresses).cpu())
            same = torch.equal(*sums) and torch.equal(*active)
            yield f"- {name}, {store} {counters} counters, {kept} inputs: {word(same)}"


def word(same: bool) -> str:
    if not same:
        raise AssertionError("device and CPU differ")
    return "equal"


def memories(run: Run) -> Iterator[str]:
    """Writes, reads and memory against the number of cells."""
    rows: list[dict[str, Any]] = []
    run.found["memories"] = rows
    kinds: dict[str, tuple[HardLocations, str, str]] = {
        "hamming": (HammingCells(64, 15, 1), "sparse", "generated"),
        "dendrites": (DendriteCells(256, 4, 4, 1), "dense", "stored"),
    }
    yield (
        f"`hamming`: 64 bits, radius 15, sparse int8 counters, inputs generated, {PATTERNS['hamming']} patterns; "
        f"`dendrites`: 256 bits, 4 of 4 dendrites, dense int8 counters, inputs stored, {PATTERNS['dendrites']} "
        f"patterns. {OUTPUTS} outputs, reads of {CUES} cues with {NOISE} flipped bits.\n"
    )
    yield "| kind | cells | writes/s | reads/s | full search, cues/s | recall | theory | peak |"
    yield "|---|---|---|---|---|---|---|---|"
    for kind, (inputs, store, kept) in kinds.items():
        cells, last = 10**4, 0.0
        while cells <= run.cells and 12 * last < 0.4 * run.left():
            start = time.monotonic()
            try:
                row = one_size(run, kind, inputs, cells, store, kept)
            except (ResourceError, torch.cuda.OutOfMemoryError) as error:
                yield f"| {kind} | {cells:,} | does not fit: {str(error).splitlines()[0]} | | | | | |"
                break
            rows.append(row)
            yield (
                f"| {kind} | {cells:,} | {row['writes']:,.0f} | {row['reads']:,.0f} | {row['searches']:,.0f} | "
                f"{row['recall']:.4f} | {row['theory']:.4f} | {row['peak']:.2f} GiB |"
            )
            last, cells = time.monotonic() - start, 10 * cells


def one_size(run: Run, kind: str, inputs: HardLocations, cells: int, store: str, kept: str) -> dict[str, Any]:
    """One row; a first call on a small memory has loaded the kernels already."""
    patterns, rng = PATTERNS[kind], np.random.default_rng(7)
    addresses = rng.integers(0, 2, (patterns, inputs.n), dtype=np.int8)
    pointers = rng.integers(0, 2, (patterns, OUTPUTS), dtype=np.int8)
    target = np.arange(CUES) % patterns
    cues = addresses[target].copy()
    for cue in cues:
        cue[rng.permutation(inputs.n)[:NOISE]] ^= 1
    if cells == 10**4:
        warm = LargeMemory(cells, inputs, OUTPUTS, store=store, addresses=kept, device=run.device.type)
        warm.write(addresses, pointers)
        warm.read(cues)
        warm.activity(cues)
        del warm
    run.forget()
    memory = LargeMemory(cells, inputs, OUTPUTS, store=store, addresses=kept, device=run.device.type, patterns=patterns)
    write, _ = run.once(lambda: memory.write(addresses, pointers))
    search, counts = run.once(lambda: memory.activity(cues))
    first, sums = run.once(lambda: memory.read(cues))
    read = first if first > 2 else run.seconds(lambda: memory.read(cues), 3)
    told, bits = sums.cpu().numpy(), pointers[target] > 0
    expected = cells * float(inputs.kernel()[0])
    if abs(float(counts.double().mean()) - expected) > 6 * (expected / CUES) ** 0.5 + 0.01 * expected:
        raise AssertionError(f"{float(counts.double().mean())} cells active, {expected} expected")
    return {
        "kind": kind,
        "cells": cells,
        "writes": patterns / write,
        "reads": CUES / read,
        "searches": CUES / search,
        "recall": float(np.where(told == 0, 0.5, (told > 0) == bits).mean()),
        "theory": expected_recall(inputs.kernel(), cells, patterns, NOISE),
        "peak": run.peak(),
        "held": memory.nbytes,
    }


def shares(run: Run) -> Iterator[str]:
    """How near the parts come to the ceilings."""
    cells = 10**5 if run.small else 1 << 24
    number = torch.arange(cells, device=run.device)
    taken = run.seconds(lambda: philox(number, 1, 1, compiled=False), 3)
    moved = PHILOX_BYTES * cells / taken
    yield (
        f"- random words: {cells / taken / 1e9:.2f} G cells/s; its passes move {moved / 1e9:,.0f} GB/s, "
        f"{moved / run.found['copy']:.0%} of copying"
    )
    batch = torch.randint(0, 2, (CUES, 64), dtype=torch.int8, device=run.device) * 2 - 1
    size = min(cells, large.GPU_PAIRS // CUES)
    near = HammingCells(64, 15, 1)
    inputs, asked = near.inputs(number[:size]), near.batch(batch)
    taken = run.seconds(lambda: near.search(inputs, asked), 3)
    product = 2 * 64 * CUES * size / taken
    # Of a pair: similarity written and read (2 + 2), its comparison written (1) and read twice.
    moved = 7 * CUES * size / taken
    yield (
        f"- search within a radius, 64 bits, {CUES} cues: {CUES * size / taken / 1e9:,.0f} G pairs/s; similarities and "
        f"hits move {moved / 1e9:,.0f} GB/s, {moved / run.found['copy']:.0%} of copying; {product / 1e12:.1f} TFLOP/s, "
        f"{product / run.found['half']:.1%} of products in half precision"
    )
    inputs_few = DendriteCells(256, 4, 4, 1)
    few = LargeMemory(10**5 if run.small else 10**7, inputs_few, OUTPUTS, addresses="stored", device=run.device.type)
    cues = np.random.default_rng(0).integers(0, 2, (CUES, 256), dtype=np.int8)
    few.write(cues[:8], cues[:8, :OUTPUTS])
    taken = run.seconds(lambda: few.read(cues), 3)
    product = 2 * CUES * OUTPUTS * few.cells / taken
    moved = few.nbytes / taken
    yield (
        f"- read of {few.cells:,} cells of 4 dendrites, {CUES} cues: {1e3 * taken:.2f} ms; counters and fibres once, "
        f"{moved / 1e9:,.0f} GB/s, {moved / run.found['copy'] * 2:.1%} of reading at the rate of copying; "
        f"{product / 1e12:.1f} TFLOP/s, {product / run.found['single']:.0%} of products in single precision"
    )
    run.found["shares"] = {"read_seconds": taken, "read_bytes": few.nbytes}


def rate_engine(run: Run) -> Iterator[str]:
    """The rate engine's granule layer and parallel-fibre sum, as in docs/benchmarks.md on the CPU."""
    yield "| granule cells | reads/s | largest difference from the CPU, relative |"
    yield "|---|---|---|"
    rng = np.random.default_rng(0)
    for cells in (20_000,) if run.small else (20_000, 100_000, 1_000_000):
        sources = DendriteCells(256, 4, 4, 1).inputs(torch.arange(cells)).T.numpy()
        response = np.array([0, 0, 0, 0, 1.0])
        weights = torch.as_tensor(rng.standard_normal((cells, OUTPUTS)), dtype=torch.float32)
        fired = torch.zeros((CUES, 512), dtype=torch.bool)
        fired[:, 1::2] = torch.from_numpy(rng.random((CUES, 256)) < 0.5)
        fired[:, ::2] = ~fired[:, 1::2]
        found = []
        for device in (torch.device("cpu"), run.device):
            code = GranuleCode(sources, response, 512, device, torch.float32)
            on, table = fired.to(device), weights.to(device)
            found.append(code(on).summed(table).cpu())
        taken = run.seconds(lambda code=code, on=on, table=table: code(on).summed(table), 3)  # type: ignore[misc]
        off = float((found[0] - found[1]).abs().max() / found[0].abs().max())
        if off > 1e-4:  # sums of up to 62,500 single-precision numbers in another order
            raise AssertionError(f"device and CPU differ by {off:.2g} of the largest sum")
        yield f"| {cells:,} | {CUES / taken:,.0f} | {off:.1e} |"


def rate_circuit(run: Run) -> Iterator[str]:
    """The rate circuit of the mouse at rest for 1 s: expectations, the CPU's beside, drawn spikes, a batch."""
    from cerebellum.connectome import connectome
    from cerebellum.description.circuit import load_model
    from cerebellum.description.protocol import load_protocol
    from cerebellum.experiment import stimulus
    from cerebellum.rate.simulate import together

    yield (
        "| scale | granule cells | seconds a simulated second | step by step | with 8 draws | 16 conditions |"
        " largest difference of a population's mean from the CPU, Hz |"
    )
    yield "|---|---|---|---|---|---|---|"
    keys = ("trial_duration", "stimulus.background.duration", "stimulus.climbing.duration")
    brief = {f"block.rest.{key}": "1000" for key in keys}
    plan = load_protocol("background", brief | {"block.rest.window.onset": "100", "block.rest.window.duration": "100"})
    for scale in ("0.3",) if run.small else ("1", "4", "16"):
        wired = connectome.sample(load_model("mouse", {"scale": scale}), 0)
        one, several = ([stimulus.schedule(plan, wired, None, seed) for seed in range(n)] for n in (1, 16))
        kinds: dict[str, tuple[Any, dict[str, Any]]] = {"": (one, {}), "8 draws": (one, {"draws": 8})}
        if run.device.type == "cuda":  # elsewhere conditions run one after another, in compiled steps
            kinds |= {"steps": (one, {"graphs": False}), "16": (several, {})}
        found = {kind: together(wired, given, device=run.device, **how)[0] for kind, (given, how) in kinds.items()}
        off = "-"
        if float(scale) <= 1:
            here = together(wired, one)[0].rates
            apart = max(float(np.abs(own.mean - here[name].mean).max()) for name, own in found[""].rates.items())
            if apart > 1.0:  # single precision, steep thresholds: a step's rate of a small population is one cell's
                raise AssertionError(f"device and CPU differ by {apart:.2g} Hz")
            off = f"{apart:.1e}"
        taken = {kind: f"{outcome.seconds['simulate'] / one[0].duration:.1f}" for kind, outcome in found.items()}
        told = " | ".join(taken.get(kind, "-") for kind in ("", "steps", "8 draws", "16"))
        yield f"| {scale} | {wired.circuit.size('granule'):,} | {told} | {off} |"


def ranks(run: Run) -> Iterator[str]:
    """NCCL over the cards of this machine, where there are several."""
    count = torch.cuda.device_count() if run.device.type == "cuda" else 0
    if count < 2:
        yield f"Not measured: this machine has {count} CUDA device{'' if count == 1 else 's'}, NCCL wants two or more."
        return
    command = ["-m", "cerebellum.memory", "--cells", "1e8", "--device", "cuda"]
    together = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    told = [
        json.loads(
            subprocess.run(
                [sys.executable, *start, *command], capture_output=True, text=True, check=True, timeout=180, cwd=ROOT
            ).stdout
        )
        for start in ([], together)
    ]
    yield f"- sums of one and of {count} ranks: {word(told[0]['sums'] == told[1]['sums'])}"
    one, several = (each["seconds"]["write"] for each in told)
    yield f"- writing 64 patterns in 1e8 cells: {one:.2f} s, {several:.2f} s"


SECTIONS: dict[str, Callable[[Run], Iterator[str]]] = {
    "Ceilings": ceilings,
    "Equality with the CPU": equality,
    "Memories": memories,
    "Shares of the ceilings": shares,
    "The rate engine": rate_engine,
    "The rate circuit": rate_circuit,
    "Several cards": ranks,
}


def main(arguments: list[str] | None = None) -> int:
    """Run all sections; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--cells", type=float, default=1e9, help="largest memory (default 1e9)")
    parser.add_argument("--minutes", type=float, default=8.0, help="sizes stop growing when these are used up")
    parser.add_argument("--out", type=Path, help="folder of the files (default docs of the checkout)")
    chosen = parser.parse_args(arguments)
    if chosen.device == "cpu" and chosen.out is None:
        parser.error("--device cpu is a rehearsal: give --out FOLDER, so that docs/gpu.md stays a GPU's")
    out = ROOT / "docs" if chosen.out is None else chosen.out
    try:
        run = Run(chosen.device, int(chosen.cells), 60 * chosen.minutes)
    except CerebellumError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    out.mkdir(parents=True, exist_ok=True)
    lines = ["# On a GPU", "", "Written by `python -m tests.benchmarks.gpu`.", ""]
    failed = 0
    for title, section in SECTIONS.items():
        lines += [f"## {title}", ""]
        try:
            for line in section(run):
                lines.append(line)
                print(line, flush=True)
        except Exception as error:  # the other sections are worth having all the same
            failed += 1
            traceback.print_exc()
            lines += ["", f"FAILED: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"]
        lines.append("")
        with suppress(RuntimeError):
            run.forget()
        (out / "gpu.md").write_text("\n".join(lines))
        (out / "gpu.json").write_text(json.dumps(run.found, indent=1) + "\n")
    try:
        figure(run.found.get("memories", []), out / "figures" / "gpu.png")
        lines += ["![Time and memory against the number of cells](figures/gpu.png)", ""]
        (out / "gpu.md").write_text("\n".join(lines))
    except ImportError:
        print("no matplotlib: no figure", file=sys.stderr)
    print(f"{len(SECTIONS) - failed} of {len(SECTIONS)} sections, {os.fspath(out / 'gpu.md')}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
