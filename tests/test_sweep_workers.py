"""A sweep on a scheduler whose workers die: no point is lost."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from cerebellum.simulation.sweep import run_sweep

VARY = {"projection.parallel_fiber_to_purkinje.delay": ["1", "2", "3", "4"]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # dask tells of workers that are gone
def test_two_workers_killed_in_the_middle_lose_nothing(tmp_path: Path, small_settings: dict[str, str]) -> None:
    from dask.distributed import Client, LocalCluster

    def sweep(out: Path, address: str, progress: Any) -> Any:
        return run_sweep(
            "recall", "jaeckel", "volley", VARY, [1, 2, 3], out, fixed=small_settings, scheduler=address,
            progress=progress,
        )  # fmt: skip

    with LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:  # type: ignore[no-untyped-call]
        with Client(cluster) as client:  # type: ignore[no-untyped-call]
            pids = list(client.run(os.getpid).values())
        killed: list[int] = []
        lock = threading.Lock()

        def kill(_: str, share: float | None) -> None:
            with lock:
                if share is not None and share > 0.2 and not killed:  # some points are done, most are not
                    killed.extend(pids[:2])
                    for pid in pids[:2]:
                        os.kill(pid, signal.SIGKILL)

        table = sweep(tmp_path / "killed", cluster.scheduler_address, kill)
        assert len(killed) == 2
        with Client(cluster) as client:  # type: ignore[no-untyped-call]
            assert len(set(pids) - set(client.run(os.getpid).values())) >= 2  # they are gone, and others came
        undisturbed = sweep(tmp_path / "whole", cluster.scheduler_address, lambda *_: None)
    assert len(table) == 12
    columns = [name for name in table.columns if not name.startswith("timing")]
    assert table[columns].equals(undisturbed[columns])
