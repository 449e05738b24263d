"""Ctrl-C, kill and kill -9 at any instant: nothing half written, no process left behind, no point of a sweep lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from cerebellum.cli import commands
from cerebellum.machine import atomic
from cerebellum.machine.atomic import scratch_folder
from cerebellum.results.saved import open_run
from cerebellum.simulation import sweep

MARK = "CEREBELLUM_TEST_MARK"  # an environment variable, by which all processes of one command are known
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}
WORDS = {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Terminated."}
TINY = {
    "population.granule.count": "100",
    "population.purkinje.count": "64",
    "patterns.source": "random",
    "patterns.count": "3",
    "block.baseline.trial_duration": "200",
    "block.baseline.window.duration": "100",
    "block.read.cues_per_pattern": "1",
    "block.read.noise": "[0, 16]",
}
DELAY = "projection.parallel_fiber_to_purkinje.delay"


class Command:
    """One command line in processes of its own, with a temporary folder of its own."""

    def __init__(self, folder: Path, *arguments: str, settings: dict[str, str], cache: Path | None = None) -> None:
        self.folder, self.mark = folder, uuid.uuid4().hex
        self.scratch = folder / "scratch"
        self.scratch.mkdir(parents=True, exist_ok=True)
        words = [word for key, text in settings.items() for word in ("--set", f"{key}={text}")]
        environment = {**os.environ, "TMPDIR": str(self.scratch), MARK: self.mark}
        if cache is not None:
            environment["CEREBELLUM_CACHE"] = str(cache)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cerebellum", *arguments, *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # Tests that a shell runs in its background have Ctrl-C ignored, and would hand that on.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def family(self) -> list[psutil.Process]:
        """All living processes of the command, whoever their parent is."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:  # ended meanwhile, or another user's
                continue
        return found

    def wait_for(self, seen: Callable[[], object]) -> None:
        """Until `seen` is true."""
        until = time.monotonic() + 120
        while not seen():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until, "it never came"
            time.sleep(0.02)

    def runs(self, name: str, on: str = "") -> Callable[[], bool]:
        """Whether a program of that name is among the children, with a file of that name if one is given."""

        def seen() -> bool:
            try:
                children = psutil.Process(self.process.pid).children(recursive=True)
                return any(child.name() == name and (not on or on in child.cmdline()) for child in children)
            except psutil.Error:
                return False

        return seen

    def stop(self, number: signal.Signals) -> tuple[int, str, float]:
        """Exit code, what was printed, and the seconds it took; all processes must have gone with it."""
        begun = time.monotonic()
        self.process.send_signal(number)
        printed = self.process.communicate(timeout=60)[1]
        seconds = time.monotonic() - begun
        _, alive = psutil.wait_procs(self.family(), timeout=5)
        assert alive == [], "orphans"
        return self.process.returncode, printed, seconds

    def clear(self) -> None:
        """Whatever is left, at the end of a test that failed."""
        for process in self.family():
            process.kill()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts commands in the test's folder."""
    started: list[Command] = []

    def begin(*arguments: str, settings: dict[str, str], cache: Path | None = None) -> Command:
        started.append(Command(tmp_path, *arguments, settings=settings, cache=cache))
        return started[-1]

    yield begin
    for command in started:
        command.clear()


def left_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is in a temporary folder after the next one was made there and went."""
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        with scratch_folder():
            pass
    return [path.name for path in folder.iterdir() if path.name != "dask-scratch-space"]


RUN = ("run", "recall", "--model", "jaeckel", "--out", "run")


@pytest.mark.parametrize("number", STOPS)
def test_compiling_ends_with_the_run(
    number: signal.Signals, start: Callable[..., Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = start(*RUN, settings=TINY, cache=tmp_path / "cache")
    command.wait_for(command.runs("cc1plus", "hot.cpp"))
    code, printed, seconds = command.stop(number)
    assert code == CODES[number]
    assert printed == ("" if number == signal.SIGKILL else f"{WORDS[number]}\n")
    assert seconds < 5  # what is left of it on a busy machine; the compiler took 12 to 20
    if number != signal.SIGKILL:
        assert list(command.scratch.iterdir()) == []
    assert left_in(command.scratch, monkeypatch) == []
    assert {path.name for path in tmp_path.iterdir()} <= {"scratch", "cache"}
    assert [path for path in (tmp_path / "cache" / "objects").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "number", [signal.SIGINT, *(pytest.param(one, marks=pytest.mark.slow) for one in (signal.SIGTERM, signal.SIGKILL))]
)
def test_simulating_ends_with_the_run(
    number: signal.Signals,
    start: Callable[..., Command],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    small_settings: dict[str, str],
) -> None:
    """Minutes of it, compiled before as other tests have the same circuit."""
    command = start(*RUN, settings={**small_settings, "block.read.trial_duration": "200000"})
    command.wait_for(command.runs("main"))
    code, printed, _ = command.stop(number)
    assert code == CODES[number]
    assert printed == ("" if number == signal.SIGKILL else f"{WORDS[number]}\n")
    assert left_in(command.scratch, monkeypatch) == []
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]


def test_an_interrupted_simulation_on_numpy_is_no_result(start: Callable[..., Command], tmp_path: Path) -> None:
    """Brian2 by itself ends such a simulation early and goes on as if it were whole."""
    command = start(*RUN, "--target", "numpy", settings={**TINY, "block.read.trial_duration": "20000"})
    command.wait_for(lambda: list(command.scratch.iterdir()))
    time.sleep(4)  # it builds for a second, and simulates for minutes
    code, printed, _ = command.stop(signal.SIGINT)
    assert (code, printed) == (130, "Interrupted.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]


def sweep_words(workers: int = 2) -> list[str]:
    return ["sweep", "recall", "--model", "jaeckel", "--engine", "rate", "--vary", f"{DELAY}=1,2,3,4",
            "--workers", str(workers), "--out", "sweep"]  # fmt: skip


def table_of(folder: Path) -> pd.DataFrame:
    """The table of a sweep without the seconds it took."""
    table = pd.read_csv(folder / "table.csv")
    return table[[name for name in table if not name.startswith("timing.")]]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The table of the whole sweep, for the slow tests."""
    command = Command(tmp_path_factory.mktemp("whole"), *sweep_words(), settings=TINY)
    try:
        printed = command.process.communicate(timeout=300)[1]
        assert (command.process.returncode, printed) == (0, "")
        return table_of(command.folder / "sweep")
    finally:
        command.clear()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_an_interrupted_sweep_says_what_is_kept_and_goes_on(
    number: signal.Signals, start: Callable[..., Command], tmp_path: Path
) -> None:
    out = tmp_path / "sweep"
    command = start(*sweep_words(), settings=TINY)
    command.wait_for(lambda: list(out.glob("points/*.json")))
    code, printed, seconds = command.stop(number)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("points/*.json")}
    assert code == CODES[number]
    assert printed == f"{WORDS[number]}\n{len(kept)} of 4 points kept; the same command goes on\n"
    assert seconds < 10
    assert 1 <= len(kept) == len(table_of(out))
    assert not (out / "sweep.png").exists()
    again = start(*sweep_words(), settings=TINY)
    assert (again.process.communicate(timeout=300)[1], again.process.returncode) == ("", 0)
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in out.glob("points/*.json")}.items()
    assert sorted(table_of(out)[DELAY]) == [1, 2, 3, 4]
    assert (out / "sweep.png").exists()


def test_a_sweep_of_nothing_finished_leaves_nothing(start: Callable[..., Command], tmp_path: Path) -> None:
    """Interrupted while the workers start: they say nothing either."""
    command = start(*sweep_words(), settings=TINY)
    command.wait_for(lambda: len(command.family()) > 3)
    code, printed, _ = command.stop(signal.SIGINT)
    assert (code, printed) == (130, "Interrupted.\n0 of 4 points kept; the same command goes on\n")
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--engine", "analog"], "engine = 'analog': wanted one of spiking, rate, both"),
        (["--scheduler", "tcp://127.0.0.1:9"], "--scheduler tcp://127.0.0.1:9: no dask scheduler answers there"),
        (["--scheduler", "nonsense"], "--scheduler nonsense: no dask scheduler answers there"),
    ],
)
def test_a_sweep_that_cannot_run_fails_at_once(
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sweep, "ANSWER", 0.5)
    fixed = ["cerebellum", "sweep", "recall", "--model", "jaeckel", "--vary", f"{DELAY}=1"]
    monkeypatch.setattr(sys, "argv", [*fixed, *words])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {told}")
    assert list(tmp_path.iterdir()) == []


def whole(folder: Path) -> bool:
    """Whether a run folder has all that a run writes, readable."""
    run = open_run(folder)
    figures = list((folder / "figures").iterdir())
    return run.summary["timing"]["total"] > 0 and len(run.spikes["granule"]) > 0 and len(figures) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_ten_runs_killed_at_random_instants(
    seed: int, start: Callable[..., Command], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While they compile, simulate, write and draw, one after the other in one folder, half of them compiling anew."""
    rng = np.random.default_rng([seed, 1])
    first = start(*RUN, settings=TINY, cache=tmp_path / "cache")  # what all later ones find compiled
    begun = time.monotonic()
    assert (first.process.communicate(timeout=300)[1], first.process.returncode) == ("", 0)
    cold, warm = time.monotonic() - begun, 0.0
    out = tmp_path / "run"
    for turn in range(10):
        number = STOPS[rng.integers(3)]
        again = bool(rng.integers(2)) or not warm
        cache = tmp_path / ("cache" if again else f"cache_{turn}")
        earlier = (out / "run.json").read_bytes()
        command = start(*RUN, "--force", settings=TINY, cache=cache)
        begun = time.monotonic()
        if not warm:  # one that may end, to know how long it takes
            assert (command.process.communicate(timeout=300)[1], command.process.returncode) == ("", 0)
            warm = time.monotonic() - begun
        else:
            try:
                command.process.wait(rng.uniform(0, 1.1 * (warm if again else cold)))
            except subprocess.TimeoutExpired:
                code, printed, _ = command.stop(number)
                assert code in (0, CODES[number], -number), printed
                assert "Traceback" not in printed or ", in main\n" not in printed  # before Python has come to `main`
        assert whole(out)
        if command.process.returncode:
            assert (out / "run.json").read_bytes() == earlier or whole(out)
        assert left_in(command.scratch, monkeypatch) == []
        # What kill -9 leaves beside the run goes with the next one there.
        beside = {path.name for path in tmp_path.iterdir() if not path.name.startswith("cache")}
        assert number == signal.SIGKILL or beside <= {"scratch", "run"}
        with atomic.whole_file(tmp_path / "next"):
            pass
        (tmp_path / "next").unlink()
        assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("cache")} == {"scratch", "run"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(30))
def test_a_sweep_killed_at_random_instants_loses_and_doubles_no_point(
    seed: int, start: Callable[..., Command], tmp_path: Path, uninterrupted: pd.DataFrame
) -> None:
    """Killed once or twice with points done, then let go on: its table is that of the uninterrupted sweep."""
    rng = np.random.default_rng([seed, 2])
    out, written = tmp_path / "sweep", dict[str, int]()
    for _ in range(rng.integers(1, 3)):
        number = STOPS[rng.integers(3)]
        command = start(*sweep_words(), settings=TINY)
        wanted = len(written) + 1
        until = time.monotonic() + 120
        while len(list(out.glob("points/*.json"))) < wanted and command.process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.01)
        try:
            command.process.wait(rng.uniform(0, 1.5))
        except subprocess.TimeoutExpired:
            code, printed, _ = command.stop(number)
            assert code in (0, CODES[number])
            assert "Traceback" not in printed
        now = {path.name: path.stat().st_mtime_ns for path in out.glob("points/*.json")}
        assert written.items() <= now.items()  # none was lost or run again
        written = now
    last = start(*sweep_words(), settings=TINY)
    assert (last.process.communicate(timeout=300)[1], last.process.returncode) == ("", 0)
    now = {path.name: path.stat().st_mtime_ns for path in out.glob("points/*")}
    assert written.items() <= now.items()
    assert len(now) == 4
    pd.testing.assert_frame_equal(table_of(out), uninterrupted)
