"""Sweeps: every point once, kept when killed, one tidy table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cerebellum.errors import InputError
from cerebellum.sweep import points

FIXED = {"patterns.source": "random", "patterns.count": "4", "block.read.noise": "[0, 16]"}
VARY = {"population.granule.count": ["300", "400", "500"]}
COUNT = "population.granule.count"


def command(out: Path) -> list[str]:
    fixed = [part for key, text in FIXED.items() for part in ("--set", f"{key}={text}")]
    return [
        sys.executable, "-m", "cerebellum", "sweep", "recall", "--model", "jaeckel", "--engine", "rate", "--seeds", "2",
        "--vary", f"{COUNT}=300,400,500", *fixed, "--workers", "1", "--out", str(out),
    ]  # fmt: skip


def test_points_are_all_combinations_with_names_of_their_own() -> None:
    found = points("recall", "jaeckel", "rate", VARY, [1, 2], FIXED)
    assert len({point.key for point in found}) == len(found) == 6
    again = points("recall", "jaeckel", "rate", {COUNT: ["500"]}, [2], FIXED)
    assert again[0].key in {point.key for point in found}  # the name does not depend on the rest of the sweep


def test_values_that_mean_the_same_run_are_refused() -> None:
    with pytest.raises(InputError, match="same run"):
        points("recall", "jaeckel", "rate", {COUNT: ["300", "300"]}, [1], FIXED)


def test_a_bad_value_fails_before_anything_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [*command(tmp_path / "s"), "--vary", "population.nobody.count=1"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no such key" in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    process = subprocess.Popen(
        command(out), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    give_up = time.monotonic() + 120
    while len(list((out / "points").glob("*.json"))) < 2 and time.monotonic() < give_up and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in (out / "points").glob("*.json")}
    assert len(before) >= 2
    done = subprocess.run(command(out), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    after = set((out / "points").glob("*.json"))
    assert len(after) == 6
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())  # nothing was run twice
    table = pd.read_csv(out / "table.csv")
    assert len(table) == 6
    assert not table.duplicated([COUNT, "seed"]).any()
    assert table["agreement.rate_vs_sdm_exact.r2"].min() > 0.99
    assert (out / "sweep.png").stat().st_size > 0


def test_the_spiking_engine_runs_in_a_worker(tmp_path: Path, small_settings: dict[str, str]) -> None:
    """Workers run points in threads other than their main one, where Brian2 cannot be imported as it is."""
    settings = [text for key, value in small_settings.items() for text in ("--set", f"{key}={value}")]
    done = subprocess.run(
        [
            sys.executable, "-m", "cerebellum", "sweep", "recall", "--model", "jaeckel", "--workers", "1", *settings,
            "--vary", "projection.parallel_fiber_to_purkinje.delay=1,2", "--out", str(tmp_path / "s"),
        ],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(tmp_path / "s" / "table.csv")["agreement.purkinje_vs_sdm_exact.r2"].min() > 0.8
