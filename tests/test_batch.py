"""Runs that share a connectome and a step: each as it is alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_rate_circuit import known

from cerebellum import run
from cerebellum.description.circuit import load_model
from cerebellum.errors import ArgumentError
from cerebellum.rate import fused, measured_transfer
from cerebellum.results.numbers import numbers_of
from cerebellum.simulation import batch as batches_of
from cerebellum.simulation import sweep as sweeps
from cerebellum.simulation.batch import run_batch, takes_several
from cerebellum.simulation.sweep import Point, batches, points

SMALL = {"scale": "0.05", "block.cs_us.trial_duration": "120", "block.cs_us.window.onset": "40"}
RATE = "block.cs_us.stimulus.conditioned.rate"
SHORT = {**SMALL, "block.cs_us.window.duration": "60"}
for stimulus, onset, duration in (("background", 0, 120), ("conditioned", 40, 70), ("unconditioned", 100, 10)):
    SHORT[f"block.cs_us.stimulus.{stimulus}.onset"] = str(onset)
    SHORT[f"block.cs_us.stimulus.{stimulus}.duration"] = str(duration)


def sweep(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cerebellum", "sweep", "cs_us", "--model", "mouse", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def without_timing(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key != "timing"}


@pytest.mark.parametrize("compiled", [True, False])
def test_each_of_a_batch_is_as_it_is_alone(compiled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that run side by side, one that lasts longer, and one in which a population is cut off.

    In torch, where sums are of another order, to single precision.
    """
    monkeypatch.setattr(fused, "knows", lambda _: compiled)
    monkeypatch.setattr(measured_transfer, "of", lambda *_: known())
    settings = [
        {**SHORT, RATE: "20"},
        {**SHORT, RATE: "60"},
        {**SHORT, "block.cs_us.trial_duration": "130"},
        {**SHORT, "lesion": "['golgi']"},
    ]
    together = run_batch("cs_us", "mouse", "rate", settings, seed=3)
    assert together[0].connectome is together[3].connectome
    alone = [run("cs_us", "mouse", "rate", settings=one, seed=3) for one in settings]
    for one, other in zip(together, alone, strict=True):
        found, wanted = (dict(numbers_of(without_timing(each.summary))) for each in (one, other))
        assert found == (wanted if compiled else pytest.approx(wanted, rel=1e-4, abs=1e-4))
    rates = [one.summary["rates"]["granule"]["window"]["mean"] for one in together]
    assert len(set(rates)) == 4


def test_what_makes_another_circuit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="leave the circuit as it is"):
        run_batch("cs_us", "mouse", "rate", [SHORT, {**SHORT, "scale": "0.06"}])
    with pytest.raises(ArgumentError, match="takes several conditions"):
        run_batch("cs_us", "mouse", "spiking", [SHORT, SHORT])
    assert takes_several("rate", load_model("mouse"))
    assert not any(takes_several(engine, load_model("kanerva")) for engine in ("rate", "spiking", "both"))


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", None]), st.integers(1, 3)), max_size=30),
    st.integers(0, 9),
    st.integers(1, 16),
)
def test_batches_hold_every_point_once_and_share_circuit_and_seed(
    drawn: list[tuple[str | None, int]], workers: int, most: int
) -> None:
    todo = [Point((), seed, str(number), circuit) for number, (circuit, seed) in enumerate(drawn)]
    found = batches(todo, workers, most)
    assert sorted(int(point.key) for one in found for point in one) == list(range(len(todo)))
    for one in found:
        assert len(one) <= most
        assert len({(point.circuit, point.seed) for point in one}) == 1
        assert len(one) == 1 or one[0].circuit is not None
    if len(todo) >= workers:  # none stands idle
        assert len(found) >= workers
    if not workers:
        assert len(found) == len(todo)


def test_points_of_one_circuit_know_it_where_the_engine_takes_several() -> None:
    found = points("cs_us", "mouse", "rate", {RATE: ["20", "40"], "scale": ["0.05", "0.06"]}, [1, 2], {})
    assert len({point.circuit for point in found}) == 2
    assert None not in {point.circuit for point in found}
    for engine in ("spiking", "both"):
        assert {point.circuit for point in points("cs_us", "mouse", engine, {RATE: ["20"]}, [1], {})} == {None}


def test_a_sweep_runs_batches_and_finds_what_runs_find(tmp_path: Path) -> None:
    """The full mouse, whose transfer functions are shipped."""
    out, own = tmp_path / "sweep", {key: text for key, text in SHORT.items() if key != "scale"}
    fixed = [part for key, text in own.items() for part in ("--set", f"{key}={text}")]
    done = sweep("--engine", "rate", "--workers", 1, "--out", out, *fixed, "--vary", f"{RATE}=20,60,80")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(out / "table.csv")
    alone = run("cs_us", "mouse", "rate", settings={**own, RATE: "60"}, seed=1)
    found = table.loc[table[RATE] == 60, "rates.granule.window.mean"].item()
    assert found == pytest.approx(alone.summary["rates"]["granule"]["window"]["mean"], rel=1e-12)
    assert len(set(table["timing.rate.simulate"])) == 1  # one step for all of them


def test_a_device_that_the_engine_or_the_machine_has_not_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    for more, said in ((["--device", "cuda"], "no such option"), (["--engine", "rate", "--device", "tpu"], "'cuda'")):
        done = sweep("--vary", f"{RATE}=20,60", "--out", out, *more)
        assert done.returncode == 2
        assert said in done.stderr
        assert not out.exists()


def test_a_batch_that_fails_is_run_point_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from cerebellum.simulation import run as runs
    from cerebellum.simulation.sweep import _run_points, _Task

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("out of memory")

    def one(*_: Any, settings: dict[str, str], **__: Any) -> Any:
        if settings[RATE] == "60":
            raise RuntimeError("this one")
        return type("Result", (), {"summary": {"rate": settings[RATE]}})

    monkeypatch.setattr(batches_of, "run_batch", broken)
    monkeypatch.setattr(runs, "run", one)
    todo = [Point(((RATE, rate),), 1, rate, "circuit") for rate in ("20", "60", "80")]
    with pytest.warns(UserWarning, match="out of memory"):
        found = _run_points(_Task("cs_us", "mouse", "rate", {}, "cpu"), todo)
    assert found == [{"rate": "20"}, "this one", {"rate": "80"}]


def test_workers_elsewhere_may_have_what_this_machine_has_not() -> None:
    assert len(points("cs_us", "mouse", "rate", {RATE: ["20"]}, [1], {}, "cuda", elsewhere=True)) == 1
    with pytest.raises(ArgumentError, match="no such option"):
        points("cs_us", "mouse", "spiking", {RATE: ["20"]}, [1], {}, "cuda", elsewhere=True)


def test_a_batch_that_is_lost_with_its_worker_is_given_out_point_by_point(monkeypatch: pytest.MonkeyPatch) -> None:
    from dask.distributed import Client, LocalCluster

    def lost(_: Any, batch: list[Point]) -> Any:
        if len(batch) > 1 or batch[0].key == "60":
            raise RuntimeError("the worker is gone")
        return [{"rate": batch[0].key}]

    monkeypatch.setattr(sweeps, "_run_points", lost)
    todo = [Point(((RATE, rate),), 1, rate, "circuit") for rate in ("20", "60", "80")]
    task = sweeps._Task("cs_us", "mouse", "rate", {}, "cpu")
    cluster = LocalCluster(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0")  # type: ignore[no-untyped-call]
    with cluster, Client(cluster):  # type: ignore[no-untyped-call]
        found = dict(sweeps._finished(task, todo, cluster.scheduler_address, None))
    told = {point.key: summary for point, summary in found.items()}
    assert told == {"20": {"rate": "20"}, "60": "the worker is gone", "80": {"rate": "80"}}
