"""Closed loops that cannot be: bad callables, what does not fit circuit or engine, files of the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from cerebellum.cli.commands import app
from cerebellum.errors import CerebellumError, InputError
from cerebellum.experiment.loop import Exchange
from cerebellum.loop import Loop
from cerebellum.simulation.run import run
from tests.loop_case import BAD, CELLS, circuit, closed, controller, plan


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
