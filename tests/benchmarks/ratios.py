"""The rate engine beside the spikes, and a run from the shell: `python -m tests.benchmarks.ratios steps`, `... start`.

Rounds go through all that is compared, so that what else the machine does falls on all of it; printed are the median
and the range over rounds, of each and of its ratio to another of the same round. `steps` are time steps alone, without
what is built before them. `start` runs `cs_us` on `mouse` in processes of their own, once before the rounds to fill the
cache.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from tests.benchmarks.peers import eglif_case

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
        calls[f"rate, {batch} conditions at once"] = lambda: rate(number=batch)
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
    app()
