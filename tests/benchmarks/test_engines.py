"""What the engines cost. `make bench` times them; `python -m tests.benchmarks.test_engines` prints docs/benchmarks.md.

Numbers are from one process on one machine; quote ratios measured in one run.
"""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from cerebellum.connectome import connectome
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment import patterns, stimulus
from cerebellum.memory.granule_layer import GranuleCode

RANDOM = {"patterns.source": "random", "block.read.cues_per_pattern": "1", "block.read.noise": "[0, 6]"}
BATCH, OUTPUTS, LINES, DENDRITES = 256, 64, 256, 4
SIZES = (20_000, 100_000, 1_000_000)


def spiking_case(model: str) -> tuple[Any, Any]:
    circuit, protocol = load_model(model), load_protocol("recall", RANDOM)
    made = patterns.make_patterns(protocol, circuit.size("mossy_fiber") // 2, circuit.zones, 1)
    wired = connectome.sample(circuit, 1)
    return wired, stimulus.schedule(protocol, wired, made, 1)


def synaptic_events(wired: Any, spikes: dict[str, Any]) -> int:
    """Spikes times synapses, each projection once."""
    total = 0
    for name, projection in wired.circuit.projection.items():
        outgoing = np.bincount(wired.edges[name].pre, minlength=wired.circuit.size(projection.source))
        total += int(outgoing[spikes[projection.source].cell].sum())
    return total


def rate_case(cells: int) -> tuple[GranuleCode, torch.Tensor, torch.Tensor]:
    """A layer of 4-of-4 cells on 256 address lines, a batch of addresses, counters for 64 outputs."""
    rng = np.random.default_rng(0)
    lines = np.argsort(rng.random((min(cells, 50_000), LINES), dtype=np.float32), axis=1)[:, :DENDRITES]
    lines = np.resize(lines, (cells, DENDRITES))
    sources = (2 * lines + rng.integers(0, 2, lines.shape)).astype(np.int32)
    response = np.zeros(DENDRITES + 1)
    response[-1] = 1.0
    code = GranuleCode(sources, response, 2 * LINES, torch.device("cpu"), torch.float32)
    bits = rng.random((BATCH, LINES)) < 0.5
    fired = np.zeros((BATCH, 2 * LINES), dtype=bool)
    np.put_along_axis(fired, 2 * np.arange(LINES) + bits, True, axis=1)
    counters = torch.as_tensor(rng.standard_normal((cells, OUTPUTS)), dtype=torch.float32)
    return code, torch.as_tensor(fired), counters


def torchhd_case(cells: int, fired: torch.Tensor, counters: torch.Tensor, share: float) -> Callable[[], torch.Tensor]:
    """torchhd's SparseDistributed of the same size, with a radius that activates about the same share of cells."""
    torchhd = pytest.importorskip("torchhd", reason="the peer of the benchmark: pip install torch-hd")
    memory = torchhd.memory.SparseDistributed(cells, LINES, OUTPUTS, p=share)
    with torch.no_grad():
        memory.values.copy_(counters)
    query = torchhd.MAPTensor(fired[:, 1::2].to(torch.float32) * 2 - 1)
    return lambda: memory.read(query)


def median_seconds(call: Callable[[], Any], rounds: int = 5) -> float:
    call()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kanerva", "jaeckel"])
def test_spiking(benchmark: Any, model: str) -> None:
    from cerebellum.spiking import network

    wired, scheduled = spiking_case(model)
    run = benchmark.pedantic(network.simulate, args=(wired, scheduled), rounds=1, warmup_rounds=1)
    benchmark.extra_info |= {**run.seconds, "events": synaptic_events(wired, run.spikes)}
    assert len(run.spikes["granule"]) > 0


@pytest.mark.slow
def test_rate_read(benchmark: Any) -> None:
    code, fired, counters = rate_case(100_000)
    found = benchmark(lambda: code(fired).summed(counters))
    assert found.shape == (BATCH, OUTPUTS)


def fresh_and_warm(case: tuple[Any, Any], threads: int = 1) -> tuple[float, Any, float]:
    """Seconds to the first step with an empty cache, a second run, and the peak memory of both processes (GiB)."""
    from cerebellum.spiking import network

    with tempfile.TemporaryDirectory() as cache, PeakMemory() as memory:
        os.environ["CEREBELLUM_CACHE"] = cache
        cold = network.simulate(*case, threads=threads)
        warm = network.simulate(*case, threads=threads)
        del os.environ["CEREBELLUM_CACHE"]
    return before_first_step(cold.seconds), warm, memory.peak / 2**30


class PeakMemory:
    """Largest resident memory of this process and its children together, sampled; bytes."""

    def __enter__(self) -> PeakMemory:
        self.peak, self.watching = 0, True
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.watching = False
        self.thread.join()

    def _watch(self) -> None:
        own = psutil.Process()
        while self.watching:
            # A child may end between being listed and being asked.
            with contextlib.suppress(psutil.Error):
                together = sum(process.memory_info().rss for process in [own, *own.children(recursive=True)])
                self.peak = max(self.peak, together)
            time.sleep(0.05)


def before_first_step(seconds: Mapping[str, float]) -> float:
    return seconds["build"] + seconds["write"] + seconds["compile"]


def spiking_row(label: str, make: Callable[[Any], tuple[Any, Any]], of: object, threads: int = 1) -> str:
    """One row of the table, measured in a process of its own, so that memory of one row is not in the next."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_spiking_row, label, make, of, threads).result()


def _spiking_row(label: str, make: Callable[[Any], tuple[Any, Any]], of: object, threads: int) -> str:
    case = make(of)
    wired, scheduled = case
    cold, warm, memory = fresh_and_warm(case, threads)
    synapses = sum(len(edges) for edges in wired.edges.values())
    cells = sum(wired.circuit.size(name) for name in wired.circuit.population)
    each = warm.seconds["run"] / scheduled.duration
    steps = cells / wired.circuit.dt
    event = warm.seconds["run"] / synaptic_events(wired, warm.spikes) * 1e9
    return (
        f"| {label} | {cells:,} | {synapses / 1e6:.2f} M | {cold:.1f} s | {before_first_step(warm.seconds):.1f} s | "
        f"{each:.2f} | {each / steps * 1e9:.2f} ns | {event:.1f} ns | {memory:.2f} GiB |"
    )


def mouse_case(scale: float) -> tuple[Any, Any]:
    circuit = load_model("mouse", {"scale": str(scale)})
    protocol = load_protocol("background")
    wired = connectome.sample(circuit, 1)
    return wired, stimulus.schedule(protocol, wired, None, 1)


def rate_row(cells: int) -> str:
    code, fired, counters = rate_case(cells)
    activity = code(fired)
    share = float((activity.matches != 0).float().mean())
    ours = median_seconds(lambda: code(fired).summed(counters))
    contacts = torch.zeros((2 * LINES, cells))
    index = code.index
    assert index is not None
    contacts[index.T.reshape(-1), torch.arange(cells).repeat_interleave(DENDRITES)] = 1.0
    spikes = fired.to(torch.float32)

    def dense() -> torch.Tensor:
        return ((spikes @ contacts) >= DENDRITES).to(torch.float32) @ counters

    assert torch.allclose(dense(), activity.summed(counters), atol=1e-2 * cells**0.5)
    product = median_seconds(dense, 3)
    peer = median_seconds(torchhd_case(cells, fired, counters, share), 3)
    return (
        f"| {cells:,} | {share:.2%} | {BATCH / ours:,.0f} | {BATCH / product:,.0f} | {BATCH / peer:,.0f} | "
        f"{product / ours:.1f} | {peer / ours:.1f} |"
    )


def processor() -> str:
    with open("/proc/cpuinfo") as lines:
        return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    """Print the tables of docs/benchmarks.md."""
    torch.set_num_threads(1)
    print(f"Measured on {date.today()}, {os.cpu_count()} cores of {processor()}; one thread unless said.\n")
    print("### Spiking engine\n")
    print("| run | cells | synapses | to the first step, cold | warm | s per biological s | per cell and step | per "
          "synaptic event | peak memory |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for model in ("kanerva", "jaeckel"):
        print(spiking_row(f"`recall` on `{model}`", spiking_case, model), flush=True)
    print(spiking_row("`background` on `mouse`, two threads", mouse_case, 1.0, threads=2), flush=True)
    print(f"\n### Rate engine: reads per second, {BATCH} cues at once\n")
    print(f"{LINES} address bits, {DENDRITES} dendrites, {OUTPUTS} outputs.\n")
    print("| granule cells | active | this engine | dense product | torchhd | over dense | over torchhd |")
    print("|---|---|---|---|---|---|---|")
    for cells in SIZES:
        print(rate_row(cells), flush=True)


if __name__ == "__main__":
    main()
