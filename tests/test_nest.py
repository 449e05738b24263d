"""The exported network on NEST: the same cells fire at the same rates."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cerebellum.activity.spikes import Spikes
from cerebellum.exchange import export, read_spikes
from cerebellum.simulation.run import run

DURATION = {
    "scale": "0.1",
    "block.rest.trial_duration": "{ms}",
    "block.rest.window.onset": "0",
    "block.rest.window.duration": "{ms}",
    "block.rest.stimulus.background.duration": "{ms}",
    "block.rest.stimulus.climbing.duration": "{ms}",
}


def both(folder: Path, ms: int, seed: int, target: str) -> tuple[dict[str, Spikes], dict[str, Spikes], str]:
    """Spikes of our engine and of NEST, and what the script printed."""
    pytest.importorskip("nest", reason="nest-simulator (group peers) is not installed")
    settings = {key: text.format(ms=ms) for key, text in DURATION.items()}
    result = run("background", "mouse_lif", "spiking", seed=seed, settings=settings, target=target)
    assert result.connectome is not None
    export(result.connectome, folder, schedule=result.schedule, spikes=result.spikes)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    script = [sys.executable, str(folder / "run_on_nest.py")]
    done = subprocess.run(script, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return result.spikes, read_spikes(folder / "output" / "spikes_of_nest.h5", result.circuit.dt), done.stdout


def test_cells_on_nest_fire_when_ours_do(tmp_path: Path) -> None:
    """40 ms: long enough for spikes in every layer, too short for differences of integration to grow."""
    ours, nest, printed = both(tmp_path / "out", 40, 1, "numpy")
    assert set(nest) == set(ours) - {"mossy_fiber"}  # whose spikes are given
    for name, train in nest.items():
        wanted = ours[name]
        assert np.array_equal(np.sort(train.cell), np.sort(wanted.cell)), name
        order, theirs = (np.lexsort((one.time, one.cell)) for one in (wanted, train))
        moved = np.abs(wanted.time[order] - train.time[theirs])
        assert moved.max(initial=0.0) <= 1.01e-4, name  # a step, as each rounds a crossing in its own way
    assert re.search(r"^purkinje +7 +[\d.]+ +[\d.]+$", printed, re.MULTILINE)


@pytest.mark.slow
def test_rates_on_nest_are_nearer_to_ours_than_another_seed(tmp_path: Path) -> None:
    ours, nest, _ = both(tmp_path / "a", 1000, 1, "standalone")
    other, _, _ = both(tmp_path / "b", 1000, 2, "standalone")
    off = {name: abs(len(nest[name]) - len(ours[name])) for name in nest}
    seeds = {name: abs(len(other[name]) - len(ours[name])) for name in nest}
    assert sum(off.values()) <= 0.1 * sum(seeds.values())
    for name, count in off.items():
        assert count <= 0.01 * len(ours[name]) + 1, name
