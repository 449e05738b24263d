"""Rates beside spikes, a run from the shell, sizes: `python -m tests.benchmarks.ratios steps`, `start`, `sizes`.

Rounds go through all that is compared, so that what else the machine does falls on all of it; printed are the median
and the range over rounds, of each and of its ratio to another of the same round. `steps` are time steps alone, without
what is built before them. `start` runs `cs_us` on `mouse` in processes of their own, once before the rounds to fill the
cache. `sizes` takes the mouse at several scales, each in a process of its own, for its memory.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import typer

from tests.benchmarks.peers import eglif_case
from tests.benchmarks.test_engines import PeakMemory, before_first_step, fresh_and_warm

CHILD = """
import sys, time

def hook(event, what):
    if event == "subprocess.Popen" and any(word.endswith("/main") for word in what[1]):
        print("BEGINS", time.time(), file=sys.stderr)

sys.addaudithook(hook)
from cerebellum.cli import main
sys.argv = ["cerebellum", "run", "cs_us", "--model", "mouse", "--seed", "1", "--out", sys.argv[1]]
main()
"""


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


def steps(rounds: int = 5, scale: float = 1.0, seconds: float = 0.5, batch: int = 0) -> None:
    """Seconds a biological second of the mouse at rest: spikes, expectations, eight draws; with `batch` conditions."""
    from cerebellum.rate import simulate
    from cerebellum.spiking import network

    wired, schedule = eglif_case(scale, seconds)

    def rate(number: int = 1, draws: int = 0) -> float:
        return simulate.together(wired, [schedule] * number, draws=draws)[0].seconds["simulate"] / seconds

    calls: dict[str, Callable[[], float]] = {
        "spikes": lambda: network.simulate(wired, schedule).seconds["run"] / seconds,
        "rate, expectations": rate,
        "rate, eight draws": lambda: rate(draws=8),
    }
    if batch:
        calls[f"rate, {batch} conditions"] = lambda: rate(number=batch)
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):  # the first compiles
        for name, call in calls.items():
            each = call()
            if number:
                found[name].append(each)
    print("| | s per biological second | over the spikes | over one condition |\n|---|---|---|---|")
    for name, taken in found.items():
        over = [[a / b for a, b in zip(taken, found[by], strict=True)] for by in ("spikes", "rate, expectations")]
        print(f"| {name} | {spread(taken)} | {spread(over[0])} | {spread(over[1])} |")


HEAD = (
    "scale", "cells", "synapses", "draw", "first step, cold", "warm", "spiking, s per biological s",
    "per cell and step", "peak memory", "rate, s per biological s", "over spiking", "peak memory",
)  # fmt: skip


def sizes(
    scale: list[float], rounds: int = 3, seconds: float = 0.5, rate: bool = True, figure: Path | None = None
) -> None:
    """A row for each scale of the mouse at rest; without `rate`, spikes alone; drawn into the file `figure`."""
    rows = []
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for each in scale:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            rows.append(pool.submit(_size, each, rounds, seconds, rate).result())
        print(f"| {' | '.join(rows[-1])} |", flush=True)
    if figure is not None:
        size_figure(rows, figure)


def size_figure(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Time and memory of both engines against cells, from the rows of the table."""
    from matplotlib.figure import Figure

    made = Figure(figsize=(7, 2.8), layout="constrained")
    time_axes, memory_axes = made.subplots(1, 2)
    for name, of_time, of_memory, marker in (("spiking", 6, 8, "o-"), ("rate", 9, 11, "s-")):
        there = [row for row in rows if len(row) > of_time and row[of_time]]
        cells = [int(row[1].replace(",", "")) for row in there]
        for ax, column in ((time_axes, of_time), (memory_axes, of_memory)):
            ax.loglog(cells, [float(row[column].split()[0]) for row in there], marker, label=name)
    time_axes.axhline(1.0, color="0.6", lw=0.8)
    time_axes.set(xlabel="cells", ylabel="s per biological second")
    memory_axes.set(xlabel="cells", ylabel="peak memory (GiB)")
    time_axes.legend()
    made.savefig(path, dpi=110)


def _size(scale: float, rounds: int, seconds: float, rate: bool) -> list[str]:
    from cerebellum.rate import simulate
    from cerebellum.spiking import network

    with PeakMemory() as memory:
        begin = time.perf_counter()
        case = eglif_case(scale, seconds)
        draw, circuit = time.perf_counter() - begin, case[0].circuit
        cells = sum(circuit.size(name) for name in circuit.population)
        cold, warm, _ = fresh_and_warm(case)
        runs = [each.seconds["run"] / seconds for each in (warm, *(network.simulate(*case) for _ in range(rounds - 1)))]
    row = [
        f"{scale:g}", f"{cells:,}", f"{sum(len(one) for one in case[0].edges.values()) / 1e6:.2f} M", f"{draw:.1f} s",
        f"{cold:.1f} s", f"{before_first_step(warm.seconds):.1f} s", spread(runs),
        f"{statistics.median(runs) / (cells / circuit.dt) * 1e9:.1f} ns", f"{memory.peak / 2**30:.2f} GiB",
    ]  # fmt: skip
    if not rate:
        return row + [""] * 3
    with PeakMemory() as memory:
        own = [simulate.simulate(*case).seconds["simulate"] / seconds for _ in range(rounds)]
    over = statistics.median(own) / statistics.median(runs)
    return [*row, spread(own), f"{over:.1f}", f"{memory.peak / 2**30:.2f} GiB"]


def start(rounds: int = 5) -> None:
    """Seconds from the shell to the first time step, and of a run's figures; and of the short commands.

    Figures take from the time of the file that is written before them to that of the last.
    """
    found: dict[str, list[float]] = {"to the first step": [], "the time steps": [], "figures": [], "all": []}
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            begin, out = time.time(), Path(folder) / "run"
            command = [sys.executable, "-c", CHILD, str(out)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
            whole = time.time() - begin
            simulated = json.loads((out / "summary.json").read_text())["timing"]["spiking"]["simulate"]
            drawn = max(path.stat().st_mtime for path in out.glob("figures/*")) - (out / "spikes.nwb").stat().st_mtime
        first = next(float(line.split()[1]) for line in said.splitlines() if line.startswith("BEGINS"))
        if number:
            for name, each in zip(found, (first - begin, simulated, drawn, whole), strict=True):
                found[name].append(each)
    for words in ("list", "--help", "show mouse"):
        found[words] = []
        for number in range(rounds + 1):
            begin = time.time()
            command = [sys.executable, "-m", "cerebellum", *words.split()]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            if number:
                found[words].append(time.time() - begin)
    print("| | seconds |\n|---|---|")
    for name, taken in found.items():
        print(f"| {name} | {spread(taken)} |")


if __name__ == "__main__":
    app = typer.Typer()
    app.command()(steps)
    app.command()(start)
    app.command()(sizes)
    app()
