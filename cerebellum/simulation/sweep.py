"""Many runs of one protocol over values and seeds, on dask.distributed: restarts where it stopped, ends in one table.

A sweep folder holds one file for each finished point, named by a hash of all that decides its outcome (resolved model
and protocol, engine, seed). A restarted sweep runs only the points without a file, whatever their order; changing a
model or adding a value never mixes old and new.
"""

from __future__ import annotations

import hashlib
import importlib
import itertools
import json
import os
import signal
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cerebellum.errors import CerebellumError, InputError
from cerebellum.machine.progress import Progress, silent
from cerebellum.readout.comparison import numbers_of
from cerebellum.results.folder import write_json

if TYPE_CHECKING:
    import pandas as pd

_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Point:
    """One run of a sweep: the varied settings and the seed, and the hash that names its file."""

    settings: tuple[tuple[str, str], ...]
    seed: int
    key: str


def points(
    protocol: str, model: str, engine: str, vary: dict[str, list[str]], seeds: Sequence[int], fixed: dict[str, str]
) -> list[Point]:
    """Every combination of the varied values, for every seed; each is resolved, so a bad value fails here.

    Raises
    ------
    InputError
        If a value cannot be set, or two values give the same circuit and protocol.
    """
    from cerebellum.description.compatibility import check_together
    from cerebellum.simulation.prepare import resolve

    out: dict[str, Point] = {}
    for values in itertools.product(*vary.values()):
        varied = tuple(zip(vary, values, strict=True))
        circuit, plan = resolve(model, protocol, {**fixed, **dict(varied)})
        check_together(plan, circuit)
        described = circuit.model_dump_json(by_alias=True) + plan.model_dump_json() + engine
        for seed in seeds:
            key = hashlib.sha256(f"{described}{seed}".encode()).hexdigest()[:20]
            if key in out:
                raise InputError(f"--vary: {dict(varied)} and {dict(out[key].settings)} are the same run")
            out[key] = Point(varied, seed, key)
    return list(out.values())


def run_sweep(
    protocol: str,
    model: str,
    engine: str,
    vary: dict[str, list[str]],
    seeds: Sequence[int],
    out: Path,
    *,
    fixed: dict[str, str] | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> pd.DataFrame:
    """Run the points that are not finished yet, then write `table.csv` and `sweep.png` into `out`.

    Parameters
    ----------
    vary : dotted key -> values as text, as for `--set`
    scheduler : address of a running dask scheduler; None starts worker processes on this machine
    workers : number of local worker processes, default one a core

    Returns
    -------
    one row a point: the varied keys, seed, and every number of summary.json

    Raises
    ------
    CerebellumError
        If points failed; the others are kept.
    """
    fixed = fixed or {}
    wanted = points(protocol, model, engine, vary, seeds, fixed)
    store = out / "points"
    store.mkdir(parents=True, exist_ok=True)
    todo = [point for point in wanted if not (store / f"{point.key}.json").exists()]
    progress("sweeping", 1 - len(todo) / len(wanted))
    failed: list[str] = []
    if todo:
        from dask.distributed import Client, LocalCluster, as_completed

        # Processes of one thread: Brian2's device is global state of its process.
        local = None
        if scheduler is None:
            cores = workers or os.cpu_count()
            local = LocalCluster(n_workers=cores, threads_per_worker=1, processes=True, dashboard_address=None)  # type: ignore[no-untyped-call]
        with Client(local or scheduler) as client:  # type: ignore[no-untyped-call]
            futures = {
                client.submit(_run_point, protocol, model, engine, {**fixed, **dict(p.settings)}, p.seed, key=p.key): p
                for p in todo
            }
            for future in as_completed(futures):  # type: ignore[no-untyped-call]
                point = futures[future]
                if future.status == "finished":
                    _keep(store, point, future.result())
                else:
                    failed.append(f"{dict(point.settings)} seed {point.seed}: {future.exception()}")
                done = len(wanted) - sum(f.status == "pending" for f in futures)
                progress("sweeping", done / len(wanted))
        if local is not None:
            local.close()
    from cerebellum.plotting.sweep import sweep_figure

    table = read_table(store, wanted)
    table.to_csv(out / "table.csv", index=False)
    sweep_figure(table, list(vary)).savefig(out / "sweep.png", dpi=150)
    if failed:
        raise CerebellumError(f"{len(failed)} of {len(wanted)} points failed:\n" + "\n".join(failed))
    return table


def _run_point(protocol: str, model: str, engine: str, settings: dict[str, str], seed: int) -> dict[str, Any]:
    """In a worker: the summary of one run."""
    import torch

    from cerebellum.simulation.run import run

    torch.set_num_threads(1)  # the workers share the cores already
    if engine != "rate":
        _load_spiking_engine()
    with _ONE_AT_A_TIME:  # Brian2 has one device a process
        return run(protocol, model, engine, seed=seed, settings=settings).summary


def _load_spiking_engine() -> None:
    """Import Brian2 in a worker's thread.

    Brian2 sets a handler of Ctrl-C when it is imported, which Python allows in the main thread only.
    """
    if threading.current_thread() is threading.main_thread():
        return
    set_handler = signal.signal
    signal.signal = lambda *_: None
    try:
        importlib.import_module("cerebellum.spiking.network")
    finally:
        signal.signal = set_handler


def _keep(store: Path, point: Point, summary: dict[str, Any]) -> None:
    """Write a finished point, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=store, suffix=".part")
    os.close(handle)
    write_json(Path(name), {"settings": dict(point.settings), "seed": point.seed, "summary": summary})
    os.replace(name, store / f"{point.key}.json")


def read_table(store: Path, wanted: Sequence[Point]) -> pd.DataFrame:
    """The finished points of a sweep, one row each."""
    import pandas as pd

    rows = []
    for point in wanted:
        path = store / f"{point.key}.json"
        if path.exists():
            summary = json.loads(path.read_text())["summary"]
            rows.append({**dict(point.settings), "seed": point.seed, **dict(numbers_of(summary))})
    return pd.DataFrame(rows)
