"""A finished run opened, listed, set beside others and run again; the model that a protocol runs on."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cerebellum
from cerebellum.description import library
from cerebellum.description.circuit import load_model
from cerebellum.description.compatibility import other_model
from cerebellum.description.protocol import default_model, load_protocol
from cerebellum.errors import InputError, ProtocolFileError
from cerebellum.machine import progress
from cerebellum.results import Result, SavedRun, open_run
from cerebellum.simulation import again, provenance
from cerebellum.simulation.again import run_again
from cerebellum.simulation.provenance import commit


@pytest.fixture(scope="module")
def recalled(tmp_path_factory: pytest.TempPathFactory, small_settings: dict[str, str]) -> tuple[Result, Path]:
    """A small memory by the engine of volleys, with its folder."""
    out = tmp_path_factory.mktemp("runs") / "recalled"
    settings = {**small_settings, "population.granule.count": "200"}
    return cerebellum.run("recall", "jaeckel", "volley", settings=settings, out=out), out


def test_an_opened_run_has_what_the_run_had(recalled: tuple[Result, Path]) -> None:
    result, folder = recalled
    saved = open_run(folder)
    assert saved.circuit == result.circuit
    assert saved.protocol == result.protocol
    assert saved.trials == result.trials
    assert set(saved.weights) == set(result.weights)
    for name, weights in result.weights.items():
        assert np.array_equal(saved.weights[name], weights)
    assert saved.reader_weights.distances is not None
    assert np.array_equal(saved.reader_weights.distances, result.recalled.distances())
    for name, weights in result.plastic.items():
        assert np.allclose(saved.plastic[name], weights, rtol=1e-6, atol=0)
    assert result.connectome is not None
    for name, edges in result.connectome.edges.items():
        assert np.array_equal(saved.connectome.edges[name].pre, edges.pre)
        assert np.array_equal(saved.connectome.edges[name].post, edges.post)


def test_tables_and_arrays_have_the_numbers(recalled: tuple[Result, Path]) -> None:
    result, folder = recalled
    tables = open_run(folder).to_pandas()
    pd.testing.assert_frame_equal(tables["trials"], open_run(folder).trial_table)  # the one of trials.csv
    pd.testing.assert_frame_equal(tables["trials"], result.to_pandas()["trials"], rtol=1e-8)
    numbers = dict(tables["numbers"].itertuples(index=False))
    assert numbers["recall.rate.bits"] == result.summary["recall"]["rate"]["bits"]
    pytest.importorskip("xarray")
    arrays = result.to_xarray()
    assert np.array_equal(arrays.weight.sel(reader="sdm"), result.weights["sdm"])
    assert arrays.weight.dims == ("reader", "cue", "pattern")


def test_a_run_says_itself_in_a_line_and_a_card(recalled: tuple[Result, Path]) -> None:
    result, folder = recalled
    assert repr(result) == "<result: Recall on Jaeckel's memory, volley, seed 1>"
    assert repr(open_run(folder)) == f"<run {folder}: Recall on Jaeckel's memory, volley, seed 1>"
    assert repr(result.connectome).startswith("<connectome of Jaeckel's memory, seed 1: ")
    assert "Recall on Jaeckel&#x27;s memory" in open_run(folder)._repr_html_()


def test_a_run_comes_out_the_same_again_and_a_changed_number_is_told(
    recalled: tuple[Result, Path], tmp_path: Path
) -> None:
    found = run_again(recalled[1], progress=progress.silent)
    assert found.same
    assert found.lines()[0].startswith("The same")
    changed = tmp_path / "changed"
    shutil.copytree(recalled[1], changed)
    summary = json.loads((changed / "summary.json").read_text())
    summary["recall"]["rate"]["bits"] = 0.25
    (changed / "summary.json").write_text(json.dumps(summary))
    found = run_again(changed, progress=progress.silent)
    assert not found.same
    assert list(found.numbers) == ["recall.rate.bits"]
    assert "recall.rate.bits was 0.25" in " ".join(found.lines())


def test_a_protocol_runs_on_the_first_model_that_it_names(tmp_path: Path) -> None:
    for name in library.names("protocols"):
        plan = load_protocol(name)
        assert plan.models, f"{name}: wants models = [...]"
        assert set(plan.models) <= set(library.names("models"))
        assert default_model(name) == default_model(plan) == plan.models[0]
        assert other_model(plan, plan.models[0]) == ""
    mine = tmp_path / "mine.toml"
    mine.write_text("extends = 'recall'\nmodels = []\n")
    with pytest.raises(ProtocolFileError, match="names none that it is for; wanted a model beside it, of jaeckel"):
        default_model(str(mine))


def test_models_that_lie_over_one_that_is_named_suit_and_others_are_told(tmp_path: Path) -> None:
    assert other_model("background", "mouse_feedback") == ""
    assert other_model("background", "kanerva") == ("the protocol 'Background' is made for mouse, and not for kanerva")
    mine = tmp_path / "mine.toml"
    mine.write_text("extends = 'jaeckel'\ntitle = 'mine'\n")
    assert other_model("recall", str(mine)) == ""


def test_the_commit_is_that_of_the_checkout(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    assert commit(package) is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x"]
    subprocess.run([*git, "init", "-q"], check=True)
    (package / "a.py").write_text("")
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert commit(package) == found
    (package / "a.py").write_text("changed")
    assert commit(package) == f"{found}-dirty"


def test_progress_is_silent_where_nobody_looks() -> None:
    with progress.shown(None) as report:
        assert report is progress.silent
    seen: list[str] = []
    with progress.shown(lambda stage, done: seen.append(stage)) as report:
        report("sampling", None)
    assert seen == ["sampling"]


def test_a_loop_that_the_protocol_brings_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    described = {"model": load_model("mouse_flocculus"), "protocol": load_protocol("okr")}
    told = {key: one.model_dump(mode="json", by_alias=True, exclude_none=True) for key, one in described.items()}
    (tmp_path / "run.json").write_text(json.dumps({**told, "engine": "spiking", "engines": {"spiking": {}}, "seed": 3}))
    (tmp_path / "summary.json").write_text("{}")
    monkeypatch.setattr(SavedRun, "exchanges", "what passed")
    monkeypatch.setattr(again, "run", lambda protocol, circuit, *_, seed, **__: (protocol, circuit, seed))
    monkeypatch.setattr(again, "compared", lambda _, result: result)
    assert run_again(tmp_path) == (described["protocol"], described["model"], 3)
    monkeypatch.setattr(SavedRun, "protocol", load_protocol("background"))
    with pytest.raises(InputError, match="a loop was closed around this run"):
        run_again(tmp_path)


def test_a_library_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch on a Python for which there is none: the spiking engine needs none of it."""
    monkeypatch.setattr(provenance, "LIBRARIES", ("numpy", "no-such-library"))
    made = cerebellum.prepare("recall", "jaeckel", 1, {"patterns.source": "random", "patterns.count": "2"})
    result = Result(made.circuit, made.protocol, made.schedule, None, summary={"timing": {}})
    told = provenance.provenance(result, "spiking", [], 1, datetime(2026, 1, 1, tzinfo=UTC))
    assert told["versions"]["numpy"] == np.__version__
    assert "no-such-library" not in told["versions"]
