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
from cerebellum.simulation.sweep import points

FIXED = {"patterns.source": "random", "patterns.count": "4", "block.read.noise": "[0, 16]"}
VARY = {"population.granule.count": ["300", "400", "500"]}
COUNT = "population.granule.count"
DELAY = "projection.parallel_fiber_to_purkinje.delay"


def command(out: Path, settings: dict[str, str]) -> list[str]:
    """Two points in both engines, by one worker."""
    fixed = [part for key, text in settings.items() for part in ("--set", f"{key}={text}")]
    return [
        sys.executable, "-m", "cerebellum", "sweep", "recall", "--model", "jaeckel", "--engine", "both",
        "--vary", f"{DELAY}=1,2", *fixed, "--workers", "1", "--out", str(out),
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
        [*command(tmp_path / "s", FIXED), "--vary", "population.nobody.count=1"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no such key" in done.stderr
    assert not (tmp_path / "s").exists()


def test_a_killed_sweep_goes_on_where_it_stopped(tmp_path: Path, small_settings: dict[str, str]) -> None:
    """Workers run points in threads other than their main one, where Brian2 cannot be imported as it is."""
    out = tmp_path / "sweep"
    process = subprocess.Popen(
        command(out, small_settings), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    give_up = time.monotonic() + 120
    while not list((out / "points").glob("*.json")) and time.monotonic() < give_up and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (before,) = (out / "points").glob("*.json")
    written = before.stat().st_mtime_ns
    done = subprocess.run(command(out, small_settings), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(list((out / "points").glob("*.json"))) == 2
    assert before.stat().st_mtime_ns == written  # not run twice
    table = pd.read_csv(out / "table.csv")
    assert sorted(table[DELAY]) == [1, 2]
    assert table["agreement.rate_vs_sdm_exact.r2"].min() > 0.99
    assert table["agreement.purkinje_vs_sdm_exact.r2"].min() > 0.8
    assert (out / "sweep.png").stat().st_size > 0
