"""Closed loops: what passes is what cells do, one interval late, on every engine; the end of a side ends both."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from scipy import stats

from cerebellum.activity.spikes import Spikes
from cerebellum.errors import CerebellumError
from cerebellum.experiment.fibers import Fibers
from cerebellum.experiment.loop import Exchange
from cerebellum.loop import Loop
from cerebellum.loop.environment import around
from cerebellum.results.result import Result
from cerebellum.results.saved import open_run
from cerebellum.simulation.run import run
from cerebellum.typing import Floats, Ints
from tests.loop_case import BAD, CLOSED, DT, FIBERS, INTERVAL, SEED, circuit, closed, controller, plan


@pytest.fixture(scope="module")
def reference() -> Result:
    """1,000 exchanges."""
    return closed("numpy")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    out = tmp_path_factory.mktemp("runs") / "closed"
    return closed("standalone", out=out), out


def steps(spikes: Spikes) -> Ints:
    return np.asarray(np.rint(spikes.time / spikes.dt), dtype=np.int64)


def test_what_is_read_is_what_cells_fired_in_the_interval_before(reference: Result) -> None:
    passed, each = reference.exchanges, round(INTERVAL / DT)
    assert passed is not None
    np.testing.assert_allclose(passed.time, np.arange(1000) * INTERVAL, rtol=0, atol=1e-12)
    for name, rows in passed.read.items():
        spikes = reference.spikes[name]
        counts = np.zeros((1000, rows.shape[1]))
        np.add.at(counts, (steps(spikes) // each, spikes.cell), 1)
        assert counts.sum() > 100
        np.testing.assert_array_equal(rows[0], 0)
        np.testing.assert_array_equal(rows[1:], counts[:-1])
    np.testing.assert_allclose(passed.record["mean"], passed.rates("nuclear"), rtol=1e-6)


def test_what_is_set_acts_from_the_exchange_to_the_next(reference: Result) -> None:
    """Fibres fire as those in numpy do that get each answer in its own interval: no drift in 1,000 exchanges."""
    passed, spikes = reference.exchanges, reference.spikes["mossy_fiber"]
    assert passed is not None
    fibers, fired = Fibers(SEED, "mossy_fiber", FIBERS), []
    for number, rates in enumerate(passed.drive["mossy_fiber"]):
        for step in range(2 * number, 2 * number + 2):
            fired += [(step, cell) for cell in fibers.advance(rates * DT)]
    assert len(fired) > 500
    assert fired == list(zip(steps(spikes), spikes.cell, strict=True))


def assert_same(one: Result, other: Result) -> None:
    for name, spikes in one.spikes.items():
        np.testing.assert_array_equal(steps(spikes), steps(other.spikes[name]))
        np.testing.assert_array_equal(spikes.cell, other.spikes[name].cell)
    assert one.exchanges is not None
    assert other.exchanges is not None
    for part in ("read", "drive", "record"):
        for name, rows in getattr(one.exchanges, part).items():
            np.testing.assert_array_equal(rows, getattr(other.exchanges, part)[name])


def test_the_compiled_program_does_the_same(reference: Result, compiled: tuple[Result, Path]) -> None:
    assert_same(reference, compiled[0])


@pytest.mark.slow
def test_the_runtime_does_the_same(reference: Result) -> None:
    assert_same(reference, closed("runtime"))


def test_the_same_again_in_a_thread_and_compiles_nothing(compiled: tuple[Result, Path]) -> None:
    """The pipes lie elsewhere, and the callable now has a time limit."""
    loop = Loop(CLOSED.step, CLOSED.read, CLOSED.drive, INTERVAL, CLOSED.record, timeout=20)
    again = closed("standalone", loop=loop)
    assert_same(compiled[0], again)
    assert again.summary["timing"]["spiking"]["compile"] < 0.5 * compiled[0].summary["timing"]["spiking"]["compile"]


def test_the_run_folder_has_what_passed(compiled: tuple[Result, Path]) -> None:
    result, folder = compiled
    saved, passed = open_run(folder).exchanges, result.exchanges
    assert saved is not None
    assert passed is not None
    assert saved.interval == INTERVAL
    for part in ("read", "drive", "record"):
        assert getattr(saved, part).keys() == getattr(passed, part).keys()
    np.testing.assert_array_equal(saved.read["nuclear"], passed.read["nuclear"])
    np.testing.assert_array_equal(saved.drive["mossy_fiber"], passed.drive["mossy_fiber"])


def test_engines_agree_where_both_are_exact() -> None:
    """A fibre and a relay alone: the rate engine's expected spikes are the spiking engine's."""

    def step(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
        return {"mossy_fiber": 300 + 200 * seen["glomerulus"].sum()}

    loop = Loop(step, {"glomerulus": "spikes"}, {"mossy_fiber": "rate"}, 2e-3)
    engines: list[tuple[str, dict[str, Any]]] = [("spiking", {"target": "numpy"}), ("rate", {"dtype": "float64"})]
    found = [
        run(plan(0.5, [1.0, 3.5]), circuit(1, cells=False), engine, loop=loop, seed=SEED, **options).exchanges
        for engine, options in engines
    ]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].read["glomerulus"].sum() > 200
    np.testing.assert_allclose(found[0].read["glomerulus"], found[1].read["glomerulus"])
    np.testing.assert_allclose(found[0].drive["mossy_fiber"], found[1].drive["mossy_fiber"])


@pytest.mark.parametrize("rate", [0.0, 400.0])
def test_spikes_come_beside_those_of_the_protocol(rate: float) -> None:
    """None is lost, none is moved but where both want one step; fibres and afferents alike."""
    loop = Loop(lambda now, seen: {"mossy_fiber": rate}, [], {"mossy_fiber": "rate"}, 0.01, timeout=None)
    spikes = run(plan(0.2, [0, 5.0, 5.5, 199.5]), circuit(), loop=loop, target="numpy", seed=SEED).spikes["mossy_fiber"]
    fibers, own = Fibers(SEED, "mossy_fiber", FIBERS), np.zeros((400, FIBERS))
    for step in range(400):
        own[step, fibers.advance(np.full(FIBERS, rate * DT))] = 1
    both = own.copy()
    both[[0, 10, 11, 399]] += 1
    for step in range(399):  # what is too many goes to the next step
        over = both[step] > 1
        both[step + 1, over] += both[step, over] - 1
        both[step, over] = 1
    found = np.zeros((400, FIBERS))
    found[steps(spikes), spikes.cell] = 1
    np.testing.assert_array_equal(found, np.minimum(both, 1))


def test_fibers_are_poisson() -> None:
    """At rates that change in time; far below one spike a step, where counts are Poisson and intervals exponential."""
    cells, blocks, fibers = 500, 200, Fibers(7, "mossy_fiber", 500)
    rate = 40 * (1 + np.sin(np.arange(100) * 2 * np.pi / 100))  # Hz, in steps of 0.1 ms
    counts, stretched = np.zeros((blocks, cells)), 0.0
    last, gaps = np.zeros(cells), []
    for block, step in itertools.product(range(blocks), range(100)):
        stretched += rate[step] * 1e-4
        fired = fibers.advance(np.full(cells, rate[step] * 1e-4))
        counts[block, fired] += 1
        gaps.append(stretched - last[fired])
        last[fired] = stretched
    expected = rate.sum() * 1e-4
    assert counts.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / counts.size))
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.03)  # sd of the ratio: sqrt(2 / 1e5) = 0.004
    # In time stretched by the rate intervals are Exp(1), but for the step and for the end of the simulation.
    early = np.concatenate(gaps)[: len(np.concatenate(gaps)) // 2]
    assert stats.kstest(early[early < 4], stats.truncexpon(4).cdf).statistic < 0.02


def test_a_fibre_fires_once_a_step_at_most_and_loses_none() -> None:
    fibers = Fibers(1, "mossy_fiber", 50)
    fired = [len(fibers.advance(np.full(50, hazard))) for hazard in [1.0] * 200 + [0.0] * 200]
    assert sum(fired) == pytest.approx(50 * 200, rel=0.05)
    assert max(fired) <= 50


@pytest.mark.parametrize("bad", ["raises", "hangs", "nan"])
def test_it_ends_the_compiled_program_too(bad: str, tmp_path: Path, compiled: tuple[Result, Path]) -> None:
    step, message = BAD[bad]

    def later(now: float, seen: dict[str, Floats]) -> Any:
        return controller(now, seen) if now < 0.0145 else step(now, seen)

    loop = Loop(later, CLOSED.read, CLOSED.drive, INTERVAL, CLOSED.record, timeout=0.2)
    with pytest.raises(CerebellumError, match=rf"t = 0\.015 s: .*{message}"):
        closed("standalone", loop=loop, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    assert programs() == []


def programs() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "main"]


def test_the_end_of_the_compiled_program_ends_the_run(compiled: tuple[Result, Path]) -> None:
    def kill(now: float, seen: dict[str, Floats]) -> dict[str, Any]:
        if now > 0.01:
            (program,) = programs()
            program.kill()
            program.wait()
        return controller(now, seen)

    loop = Loop(kill, CLOSED.read, CLOSED.drive, INTERVAL, CLOSED.record, None)
    with pytest.raises(CerebellumError, match="the simulation ended with code 137"):
        closed("standalone", loop=loop)


def test_the_end_of_the_run_ends_the_compiled_program(compiled: tuple[Result, Path]) -> None:
    """Killed in the middle of an exchange."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    code = """
import os, signal
from tests.loop_case import CLOSED, INTERVAL, Loop, closed, controller
def kill(now, seen):
    if now > 0.01:
        os.kill(os.getpid(), signal.SIGKILL)
    return controller(now, seen)
closed("standalone", loop=Loop(kill, CLOSED.read, CLOSED.drive, INTERVAL, CLOSED.record, None))
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "LOOP_MARK": mark}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert done.returncode == -9
    until = time.monotonic() + 20
    while left := [each.pid for each in psutil.process_iter() if marked(each, mark)]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def marked(process: psutil.Process, mark: str) -> bool:
    try:
        return process.environ().get("LOOP_MARK") == mark and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Countdown:
    """An environment of episodes of three steps; its observation is the number of steps, its reward the action."""

    def __init__(self) -> None:
        self.seeds: list[int | None] = []
        self.steps = 0

    def reset(self, *, seed: int | None = None) -> tuple[int, dict[str, Any]]:
        self.seeds.append(seed)
        self.steps = 0
        return self.steps, {}

    def step(self, action: float) -> tuple[int, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        return self.steps, action, self.steps == 3, False, {}


def test_an_environment_is_stepped_once_an_exchange_and_begun_again() -> None:
    environment = Countdown()
    loop = around(
        environment,
        lambda observation: {"mossy_fiber": observation, "seen": observation},
        lambda rates: rates["nuclear"].sum(),
        read=["nuclear"],
        drive={"mossy_fiber": "rate"},
        record=["seen"],
        seed=5,
        timeout=None,
    )
    exchange = Exchange(loop, circuit(), 0.06)
    for number in range(6):
        exchange({"nuclear": np.array([number, 0, 0, 0.0])})
    passed = exchange.exchanges()
    np.testing.assert_array_equal(passed.record["seen"], [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(passed.drive["mossy_fiber"][:, 0], [0, 1, 2, 0, 1, 2])
    np.testing.assert_allclose(passed.record["reward"], [0, 100, 200, 300, 400, 500])
    np.testing.assert_array_equal(passed.record["episode"], [1, 0, 0, 1, 0, 0])
    assert environment.seeds == [5, None]


def test_the_guide_runs(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """As it stands there, but for 30 ms and without a compiler."""
    text = (root / "docs/closed_loop.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    assert len(code.strip().splitlines()) <= 20
    brief = {"trial_duration": "30", "window.onset": "10", "window.duration": "20"}
    brief |= {f"stimulus.{name}.duration": "30" for name in ("background", "climbing")}

    def briefly(*names: str, settings: dict[str, str], **more: Any) -> Result:
        settings = settings | {f"block.rest.{key}": number for key, number in brief.items()}
        return run(*names, settings=settings, target="numpy", **more)

    monkeypatch.setattr("cerebellum.simulation.run.run", briefly)
    monkeypatch.setattr("cerebellum.plotting.figures.write_figures", lambda result, folder: [])
    monkeypatch.chdir(tmp_path)
    exec(compile(code.replace("[100:]", "[1:]"), "closed_loop.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.startswith("3 exchanges")
    assert open_run(tmp_path / "runs" / "held").exchanges is not None
