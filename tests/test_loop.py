"""Closed loops: what passes is what cells do, one interval late, on every engine and target; bad callables end it."""

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
from typer.testing import CliRunner

from cerebellum.activity.spikes import Spikes
from cerebellum.cli.commands import app
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.errors import CerebellumError, InputError
from cerebellum.experiment.fibers import Fibers
from cerebellum.experiment.loop import Exchange
from cerebellum.loop import Loop
from cerebellum.loop.environment import around
from cerebellum.results.result import Result
from cerebellum.results.saved import open_run
from cerebellum.simulation.run import run
from cerebellum.typing import Floats, Ints

DT, INTERVAL, SEED = 5e-4, 1e-3, 3
FIBERS, CELLS = 6, 4


def value(number: float, unit: str) -> list[Any]:
    return [number, unit, "assumed: case"]


def circuit(fibers: int = FIBERS, cells: bool = True) -> Circuit:
    """Fibres onto a relay, and onto four cells with an afferent each."""
    membrane = {
        "C_m": value(100, "pF"), "tau_m": value(10, "ms"), "E_L": value(-70, "mV"), "V_th": value(-50, "mV"),
        "V_reset": value(-70, "mV"), "I_e": value(180, "pA"), "t_ref": value(1.5, "ms"),
    }  # fmt: skip
    synapse = {"kind": "alpha", "effect": "excitatory", "tau": value(2, "ms"), "reversal": value(0, "mV")}
    tables: dict[str, Any] = {
        "title": "case",
        "description": "case",
        "time_step": value(DT * 1e3, "ms"),
        "microzones": value(1, "1"),
        "population": {
            "mossy_fiber": {"cell": "source", "count": value(fibers, "1")},
            "inferior_olive": {"cell": "source", "count": value(1, "1")},
            "glomerulus": {"cell": "relay", "count": value(1, "1"), "role": "relay_cell"},
        },
        "projection": {
            "relayed_to_glomerulus": {
                "from": "mossy_fiber", "to": "glomerulus", "delay": value(1, "ms"), "rule": {"kind": "all_to_all"},
            },
        },
    }  # fmt: skip
    if cells:
        tables["population"]["nuclear"] = {
            "cell": "conductance_lif", "count": value(CELLS, "1"), "parameters": membrane,
            "receptor": {"ampa": synapse},
            "afferent": {"receptor": "ampa", "weight": value(2, "nS"), "delay": value(1, "ms")},
        }  # fmt: skip
        tables["projection"]["mossy_fiber_to_nuclear"] = {
            "from": "mossy_fiber", "to": "nuclear", "delay": value(1, "ms"), "rule": {"kind": "all_to_all"},
            "receptor": "ampa", "weight": value(1, "nS"),
        }  # fmt: skip
    return Circuit.model_validate(tables)


def plan(seconds: float, times: list[float] | None = None) -> Protocol:
    """One trial; `times` (ms) of spikes that the protocol gives all fibres."""
    stimulus = {
        "given": {
            "kind": "burst", "population": "mossy_fiber", "onset": value(0, "ms"),
            "times": [times, "ms", "assumed: case"],
        }
    }  # fmt: skip
    block = {
        "over": "trials",
        "trials": value(1, "1"),
        "trial_duration": value(seconds * 1e3, "ms"),
        "stimulus": stimulus if times else {},
    }
    return Protocol.model_validate({"title": "case", "description": "case", "block": {"only": block}})


def controller(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
    """Drives each fibre, afferent and cell by what the cells did: an error of an interval or a cell changes all."""
    nuclear = seen["nuclear"]
    return {
        "mossy_fiber": 100 + 0.3 * nuclear.sum() + 20 * np.arange(FIBERS),
        "nuclear": 1e-11 * np.arange(CELLS) - 1e-13 * nuclear,
        "mean": nuclear.mean(),
    }


CLOSED = Loop(
    controller, ["nuclear", "glomerulus"], {"mossy_fiber": "rate", "nuclear": "current"}, INTERVAL, ["mean"], None
)


def closed(target: str, seconds: float = 1.0, loop: Loop = CLOSED, **more: Any) -> Result:
    return run(plan(seconds), circuit(), loop=loop, target=target, seed=SEED, **more)


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


def hang(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
    time.sleep(60)
    return {}


def fail(now: float, seen: Mapping[str, Floats]) -> dict[str, Any]:
    raise InputError("no such thing")  # what the package raises is as much an error of the callable as any other


BAD: dict[str, tuple[Any, str]] = {
    "raises": (fail, "raised InputError: no such thing"),
    "hangs": (hang, r"no answer within 0\.2 s"),
    "shape": (lambda now, seen: {"mossy_fiber": np.zeros(FIBERS + 1)}, r"mossy_fiber: found shape \(7,\); .*\(6,\)"),
    "nan": (lambda now, seen: {"mossy_fiber": [1, 2, np.nan, 4, 5, 6]}, "mossy_fiber: found nan Hz"),
    "negative": (lambda now, seen: {"mossy_fiber": -1.0}, "found -1 Hz; wanted 0 to 2000 Hz"),
    "too fast": (lambda now, seen: {"mossy_fiber": 2001.0}, "found 2001 Hz"),
    "infinite": (lambda now, seen: {"nuclear": np.inf}, "nuclear: found inf A; wanted a finite number"),
    "words": (lambda now, seen: {"mossy_fiber": "fast"}, "mossy_fiber: found 'fast'; wanted numbers"),
    "name": (lambda now, seen: {"mossy": 1.0}, "found 'mossy'; wanted names"),
    "none": (lambda now, seen: None, "found None; wanted a dict"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_callable_is_an_error_that_says_when_and_why(bad: str) -> None:
    step, message = BAD[bad]
    loop = Loop(step, ["nuclear"], {"mossy_fiber": "rate", "nuclear": "current"}, 0.01, timeout=0.2)
    with pytest.raises(CerebellumError, match=f"the loop's callable at t = 0 s: .*{message}") as caught:
        Exchange(loop, circuit(), 1.0)({"nuclear": np.zeros(CELLS)})
    assert not isinstance(caught.value, InputError)


def test_it_ends_the_run_and_leaves_nothing(tmp_path: Path) -> None:
    step, message = BAD["raises"]
    loop = Loop(step, ["nuclear"], {"mossy_fiber": "rate"})
    with pytest.raises(CerebellumError, match=f"at t = 0 s: .*{message}"):
        closed("numpy", 0.02, loop, out=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


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
from tests.test_loop import CLOSED, INTERVAL, Loop, closed, controller
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


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "interval off the grid": ({"interval": 0.00125}, "1.25 ms.*time steps of 0.5 ms"),
    "interval of nothing": ({"interval": 0.0}, "interval"),
    "unknown cells": ({"read": ["purkinje"]}, "purkinje.*there is: mossy_fiber"),
    "given spikes": ({"read": ["inferior_olive"]}, "given by the protocol"),
    "own spikes": ({"drive": {"glomerulus": "rate"}}, "makes its own spikes"),
    "no membrane": ({"drive": {"mossy_fiber": "current"}}, "no membrane"),
    "a word": ({"drive": {"mossy_fiber": "volts"}}, "rate, current"),
    "twice": ({"record": ["mossy_fiber"]}, "it is driven"),
    "timeout": ({"timeout": 0}, "timeout"),
    "no list": ({"read": "nuclear"}, r"read = 'nuclear': wanted a list of names: \['nuclear'\]"),
    "name and role": ({"read": ["glomerulus", "relay_cell"]}, "glomerulus, relay_cell.*by its name and its role"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_any_work(case: str) -> None:
    wrong, message = REFUSED[case]
    given: dict[str, Any] = {"read": ["nuclear"], "drive": {"mossy_fiber": "rate"}, **wrong}
    with pytest.raises(InputError, match=message):
        run(plan(0.1), circuit(), loop=Loop(controller, **given), target="numpy")


@pytest.mark.parametrize(
    ("engine", "kind", "message"),
    [("rate", "current", "the rate engine takes no current into purkinje"), ("volley", "current", "closes no loops")],
)
def test_an_engine_refuses_what_it_cannot(engine: str, kind: Any, message: str) -> None:
    loop = Loop(controller, ["purkinje"], {"purkinje": kind})
    model = "mouse" if engine == "rate" else "jaeckel"
    with pytest.raises(InputError, match=message):
        run("recall" if engine == "volley" else "background", model, engine, loop=loop)


SCRIPT = """
from cerebellum.loop import Loop
from cerebellum.loop.environment import around
good = Loop(lambda now, rates: {"mossy_fiber": 10.0}, ["granule"], {"mossy_fiber": "rate"})
bad = Loop(lambda now, rates: {"mossy_fiber": -10.0}, ["granule"], {"mossy_fiber": "rate"})
number = 3
"""
SMALL = [
    word
    for setting in (
        "population.granule.count=64", "population.purkinje.count=64", "patterns.source=random", "patterns.count=1",
        "block.baseline.trial_duration=30", "block.baseline.window.onset=10", "block.baseline.window.duration=20",
        "block.read.cues_per_pattern=1", "block.read.noise=[0]", "block.read.trial_duration=50",
        "block.read.window.duration=30", "block.read.stimulus.cue.volleys=1",
    )
    for word in ("--set", setting)
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("bad", 1, "found -10 Hz"),
        ("number", 2, "wanted a cerebellum.loop.Loop"),
        ("missing", 2, "bad, good, number"),
    ],
)
def test_the_command_line_takes_a_loop_from_a_file(
    name: str, code: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from cerebellum.cli import commands

    (tmp_path / "mine.py").write_text(SCRIPT)
    loop = ["--loop", f"{tmp_path / 'mine.py'}:{name}"]
    words = ["run", "recall", "--model", "jaeckel", "--target", "numpy", *SMALL, *loop, "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["cerebellum", *words])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == code
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("__")] == ["mine.py"]


def test_a_file_of_a_loop_that_is_none(tmp_path: Path) -> None:
    for words in ("nothing", str(tmp_path / "none.py") + ":loop"):
        done = CliRunner().invoke(app, ["run", "recall", "--loop", words])
        assert isinstance(done.exception, InputError)
        assert "--loop" in str(done.exception)


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
