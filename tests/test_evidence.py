"""analysis.evidence: every claim module is found, keeps the contract, and leaves its numbers and figure."""

from __future__ import annotations

import json
import re
import sys
import types
from typing import Any

import numpy as np
import pytest

from cerebellum.errors import ArgumentError, UnknownNameError

evidence = pytest.importorskip("analysis.evidence", reason="claim modules run from a checkout: python -m pytest")


@pytest.fixture
def claim(monkeypatch):
    """A claim module made here, known to `discover`."""
    module: Any = types.ModuleType("analysis.betas.made_here")

    def draw(numbers):
        from matplotlib.figure import Figure

        figure = Figure()
        figure.subplots().plot(numbers["course"])
        return figure

    module.CLAIM, module.CAPTION = "Two is more than one.", "A line."
    module.measure = lambda seed=0: {"found": np.float64(2.0 + seed), "course": np.arange(3), "published": 1}
    module.draw = draw
    module.holds = lambda numbers: {"above one": numbers["found"] > 1, "above two": numbers["found"] > 2}
    monkeypatch.setitem(sys.modules, "analysis.betas.made_here", module)
    monkeypatch.setattr(evidence, "_paths", lambda: {"made_here": evidence.FOLDER / "betas" / "made_here.py"})
    return module


def test_record_writes_numbers_and_figure(claim, tmp_path):
    found = evidence.record("made_here", seed=0, out=tmp_path / "deep")
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == [
        "made_here.json",
        "made_here.png",
        "made_here.svg",
    ]
    content = json.loads(found.files[0].read_text())
    assert content["numbers"] == {"found": 2.0, "course": [0, 1, 2], "published": 1} == found.numbers
    assert content["holds"] == {"above one": True, "above two": False} == found.holds
    assert content["seed"] == 0
    assert content["command"] == "python -m analysis.betas.made_here --seed 0"
    assert {"python", "numpy"} <= set(content["versions"])
    assert "A line." in content["caption"]


def test_the_same_numbers_give_the_same_svg(claim, tmp_path):
    first, second = (evidence.record("made_here", out=tmp_path / name).files[2].read_bytes() for name in "ab")
    assert first == second


def test_main_reads_the_command_line_and_says_what_holds(claim, tmp_path, capsys):
    evidence.main("analysis.betas.made_here", ["--seed", "3", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "Two is more than one." in printed
    assert "above two" in printed
    assert "DOES NOT HOLD" not in printed
    assert json.loads((tmp_path / "made_here.json").read_text())["numbers"]["found"] == 5.0
    evidence.main("analysis.betas.made_here", ["--out", str(tmp_path)])
    assert "DOES NOT HOLD  above two" in capsys.readouterr().out


@pytest.mark.parametrize("number", [float("nan"), float("inf"), object()])
def test_numbers_must_be_json(claim, tmp_path, number):
    claim.measure = lambda seed=0: {"found": number}
    with pytest.raises(ArgumentError, match="measure"):
        evidence.record("made_here", out=tmp_path)
    assert not any(tmp_path.iterdir())


def test_missing_parts_are_named(claim, tmp_path):
    del claim.holds
    with pytest.raises(ArgumentError, match="must define holds"):
        evidence.record("made_here", out=tmp_path)


def test_unknown_names_list_the_known(claim):
    with pytest.raises(UnknownNameError, match="made_here"):
        evidence.load("nothing")


@pytest.mark.parametrize("name", evidence.discover())
def test_every_claim_keeps_the_contract(name):
    module = evidence.load(name)
    assert all(hasattr(module, part) for part in evidence.CONTRACT)
    assert re.search(r"doi|arxiv", module.__doc__.lower()), "the docstring names the paper"
    assert re.search(r"second|minute", module.__doc__.lower()), "the docstring tells the run time"


@pytest.mark.slow
@pytest.mark.parametrize("name", evidence.discover())
def test_every_claim_runs(name, tmp_path):
    """Minutes in all. Whether a claim holds is its result, not a test; that it is measured and drawn is."""
    found = evidence.record(name, out=tmp_path)
    assert found.holds
    assert all(path.stat().st_size > 0 for path in found.files)
