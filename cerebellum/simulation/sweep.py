"""Many runs of one protocol over values and seeds, on dask.distributed: restarts where it stopped, ends in one table.

A sweep folder holds one file for each finished point, named by a hash of all that decides its outcome (resolved model
and protocol, engine, seed). A restarted sweep runs only the points without a file, whatever their order; changing a
model or adding a value never mixes old and new. A sweep that is interrupted kills its workers, keeps what is finished,
and says so. Where the engine takes several conditions as one (`simulation.batch`), points of one circuit and one seed
are given to a worker together.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cerebellum.errors import CerebellumError, InputError
from cerebellum.machine.atomic import whole_file
from cerebellum.machine.progress import Progress, silent
from cerebellum.results.folder import refuse_unwritable, write_json
from cerebellum.results.numbers import numbers_of

if TYPE_CHECKING:
    import pandas as pd
    from dask.distributed import Client, Future

BATCH = {"cpu": 4, "cuda": 16}  # points given to a worker together at most: those at work are lost with it
ANSWER = 5.0  # s; in which a scheduler must answer
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Point:
    """One run of a sweep: the varied settings and the seed, the hash that names its file, and that of its circuit.

    `circuit` is None where each point is run for itself.
    """

    settings: tuple[tuple[str, str], ...]
    seed: int
    key: str
    circuit: str | None = None


def points(
    protocol: str,
    model: str | None,
    engine: str,
    vary: dict[str, list[str]],
    seeds: Sequence[int],
    fixed: dict[str, str],
    device: str = "cpu",
    elsewhere: bool = False,
) -> list[Point]:
    """Every combination of the varied values, for every seed; each is resolved, so a bad value fails here.

    `elsewhere` : other machines will run them, whose devices are not known here

    Raises
    ------
    InputError
        If the engine does not exist, a value cannot be set, or two values give the same circuit and protocol.
    """
    from cerebellum.description.compatibility import check_together
    from cerebellum.simulation.batch import takes_several
    from cerebellum.simulation.engines import choose, configure
    from cerebellum.simulation.prepare import resolve

    out: dict[str, Point] = {}
    for values in itertools.product(*vary.values()):
        varied = tuple(zip(vary, values, strict=True))
        circuit, plan = resolve(model, protocol, {**fixed, **dict(varied)})
        check_together(plan, circuit)
        configure(choose(engine, circuit), {"device": "cpu"} if elsewhere and device == "cuda" else _options(device))
        described = circuit.model_dump_json(by_alias=True)
        shared = hashlib.sha256(described.encode()).hexdigest() if takes_several(engine, circuit) else None
        described += plan.model_dump_json() + engine + "".join(_options(device).values())
        for seed in seeds:
            key = hashlib.sha256(f"{described}{seed}".encode()).hexdigest()[:20]
            if key in out:
                raise InputError(f"--vary: {dict(varied)} and {dict(out[key].settings)} are the same run")
            out[key] = Point(varied, seed, key, shared)
    return list(out.values())


def _options(device: str) -> dict[str, Any]:
    """What the engine is told; nothing by default, as not every engine has devices."""
    return {} if device == "cpu" else {"device": device}


def run_sweep(
    protocol: str,
    model: str | None,
    engine: str,
    vary: dict[str, list[str]],
    seeds: Sequence[int],
    out: Path,
    *,
    fixed: dict[str, str] | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    progress: Progress = silent,
) -> pd.DataFrame:
    """Run the points that are not finished yet, then write `table.csv` and `sweep.png` into `out`.

    Parameters
    ----------
    vary : dotted key -> values as text, as for `--set`
    scheduler : address of a running dask scheduler; None starts worker processes on this machine
    workers : number of local worker processes, default one a core, or one for a GPU
    device : 'cpu', or 'cuda' for the engines of rates

    Returns
    -------
    one row a point: the varied keys, seed, and every number of summary.json

    Raises
    ------
    InputError
        If a setting, the engine or the device does not exist, or no scheduler answers; nothing is written.
    CerebellumError
        If points failed; the others are kept.
    KeyboardInterrupt, SystemExit
        As they come, with a note that says how much is kept; the table of that is written.
    """
    fixed = fixed or {}
    wanted = points(protocol, model, engine, vary, seeds, fixed, device, elsewhere=scheduler is not None)
    store = out / "points"
    refuse_unwritable(store)
    failed: list[str] = []
    try:
        todo = _missing(store, wanted)
        task = _Task(protocol, model, engine, fixed, device)
        with closing(_finished(task, todo, scheduler, workers)) as finished:
            for point, summary in finished:
                if isinstance(summary, str):
                    failed.append(f"{dict(point.settings)} seed {point.seed}: {summary}")
                else:
                    store.mkdir(parents=True, exist_ok=True)
                    with whole_file(_file(store, point)) as part:
                        write_json(part, {"settings": dict(point.settings), "seed": point.seed, "summary": summary})
                progress("sweeping", 1 - (len(_missing(store, wanted)) - len(failed)) / len(wanted))
        from cerebellum.plotting.sweep import sweep_figure

        table = _write_table(store, wanted, out)
        if len(table):
            with whole_file(out / "sweep.png") as part:
                sweep_figure(table, list(vary)).savefig(part, dpi=150)
    except (KeyboardInterrupt, SystemExit) as stop:
        kept = len(_write_table(store, wanted, out))
        stop.add_note(f"{kept} of {len(wanted)} points kept; the same command goes on")
        raise
    if failed:
        raise CerebellumError(f"{len(failed)} of {len(wanted)} points failed:\n" + "\n".join(failed))
    return table


@contextmanager
def _client(scheduler: str | None, workers: int | None) -> Iterator[Client]:
    """A client of the running scheduler at that address, or of worker processes of its own.

    Where the block ends before its time, these are killed, with what they have started, and waiting points of another
    scheduler are cancelled.
    """
    from dask.distributed import Client, LocalCluster

    if scheduler is not None:
        try:
            client = Client(scheduler, timeout=ANSWER)  # type: ignore[no-untyped-call]
        except Exception as error:  # whatever may sit there instead
            raise InputError(
                f"--scheduler {scheduler}: no dask scheduler answers there; wanted an address such as "
                "tcp://127.0.0.1:8786 of one that runs (start it with `dask scheduler`)"
            ) from error
        with client:
            yield client
        return
    with ExitStack() as stack:
        try:
            resource_tracker.ensure_running()  # which would let the signal through again in the thread that starts it
            with _held_back(signal.SIGINT):  # for good from the workers, which inherit that: Ctrl-C is handled here
                cluster = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,  # Brian2's device is global state of its process
                    processes=True,
                    dashboard_address=":0",
                    silence_logs=logging.CRITICAL,  # of workers that end; what fails is said in the end
                )  # type: ignore[no-untyped-call]
            stack.enter_context(cluster)
            yield stack.enter_context(Client(cluster))  # type: ignore[no-untyped-call]
        except BaseException:
            logging.getLogger("distributed").handlers[:] = [logging.NullHandler()]  # it tells how connections break
            for process in multiprocessing.active_children():
                process.kill()
            raise


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Threads and processes that are started meanwhile never see the signal, this thread sees it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(frozen=True)
class _Task:
    """What all points of a sweep share."""

    protocol: str
    model: str | None
    engine: str
    fixed: dict[str, str]
    device: str


def _finished(
    task: _Task, todo: Sequence[Point], scheduler: str | None, workers: int | None
) -> Generator[tuple[Point, dict[str, Any] | str]]:
    """Each point with its summary as it comes, or with what went wrong."""
    if not todo:
        return
    from dask.distributed import as_completed

    with _client(scheduler, workers or (1 if task.device == "cuda" else os.cpu_count())) as client:
        at_work = len(client.ncores())  # type: ignore[no-untyped-call]

        def given(batch: list[Point]) -> Future[Any]:
            return client.submit(_run_points, task, batch, key="-".join(point.key for point in batch))

        futures = {given(batch): batch for batch in batches(todo, at_work, BATCH[task.device])}
        coming = as_completed(futures)  # type: ignore[no-untyped-call]
        for future in coming:
            batch = futures[future]
            if future.status == "finished":
                yield from zip(batch, future.result(), strict=True)
            elif len(batch) == 1:
                yield batch[0], str(future.exception())
            else:  # a worker that dies takes the whole batch with it
                alone = {given([point]): [point] for point in batch}
                futures.update(alone)
                coming.update(alone)  # type: ignore[no-untyped-call]


def batches(todo: Sequence[Point], workers: int, most: int) -> list[list[Point]]:
    """Points that run as one: of one circuit and seed, `most` at most, and no fewer batches than there are workers.

    Each alone where there are no workers yet, as nobody knows how many will come.
    """
    groups: dict[object, list[Point]] = {}
    for point in todo:
        groups.setdefault((point.circuit, point.seed) if point.circuit else point.key, []).append(point)
    size = max(1, min(most, len(todo) // workers)) if workers else 1
    return [group[first : first + size] for group in groups.values() for first in range(0, len(group), size)]


def _run_points(task: _Task, batch: Sequence[Point]) -> list[dict[str, Any] | str]:
    """In a worker: the summary of each run, or what went wrong with it."""
    import torch

    from cerebellum.simulation.batch import run_batch
    from cerebellum.simulation.run import run

    torch.set_num_threads(1)  # the workers share the cores already
    settings = [{**task.fixed, **dict(point.settings)} for point in batch]
    seed, options = batch[0].seed, _options(task.device)
    with _ONE_AT_A_TIME:  # Brian2 has one device a process
        if len(batch) > 1:
            try:
                together = run_batch(task.protocol, task.model, task.engine, settings, seed=seed, **options)
                return [result.summary for result in together]
            except Exception as error:  # whose fault it was shows where each runs for itself
                warnings.warn(f"a batch of {len(batch)} points failed, so each runs alone: {error}", stacklevel=1)
        found: list[dict[str, Any] | str] = []
        for own in settings:
            try:
                one = run(task.protocol, task.model, task.engine, seed=seed, settings=own, progress=silent, **options)
                found.append(one.summary)
            except Exception as error:  # what the others found is kept
                found.append(str(error) or repr(error))
        return found


def _file(store: Path, point: Point) -> Path:
    return store / f"{point.key}.json"


def _missing(store: Path, wanted: Sequence[Point]) -> list[Point]:
    return [point for point in wanted if not _file(store, point).exists()]


def _write_table(store: Path, wanted: Sequence[Point], out: Path) -> pd.DataFrame:
    """The finished points of a sweep, one row each, as `table.csv` too; no file of none."""
    import pandas as pd

    rows = []
    for point in wanted:
        if _file(store, point).exists():
            summary = json.loads(_file(store, point).read_text())["summary"]
            rows.append({**dict(point.settings), "seed": point.seed, **dict(numbers_of(summary))})
    table = pd.DataFrame(rows)
    if rows:
        with whole_file(out / "table.csv") as part:
            table.to_csv(part, index=False)
    return table
