"""run(): both memories by each engine, reproducible, and every refusal before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cerebellum
from cerebellum.connectome import connectome as connectomes
from cerebellum.errors import ArgumentError, InputError, ProtocolFileError, ResourceError, UnknownNameError
from cerebellum.readout.comparison import compare
from cerebellum.results.result import Result
from cerebellum.simulation.run import run


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if a connectome is sampled."""

    def refuse(*_: object) -> None:
        raise AssertionError("work was done before the input was refused")

    monkeypatch.setattr(connectomes, "sample", refuse)


def test_both_engines_recall_what_was_written(finished: tuple[Result, Path]) -> None:
    result, _ = finished
    found = result.summary
    for reader in ("purkinje", "rate", "sdm_exact", "sdm", "attention"):
        assert found["recall"][reader]["by_flips"]["0"]["patterns"] == 1.0, reader
    # 800 granule cells and two Purkinje cells a bit: spike counts are grainy, so far below the full circuit's 0.99.
    assert found["agreement"]["purkinje_vs_sdm_exact"]["r2"] > 0.9
    assert found["agreement"]["rate_vs_sdm_exact"]["r2"] > 0.999
    assert found["agreement"]["granule_vs_sdm_exact"]["r2"] == pytest.approx(1.0)
    assert found["agreement"]["purkinje_vs_sdm_exact"]["identity"] > 0.9
    assert all(control["reached"] == 0 for control in found["agreement"]["controls"].values())
    written = found["written_weights"]["parallel_fiber_to_purkinje"]["r_ideal_counters"]
    assert written >= 0.995


def test_kanerva_recalls_by_each_engine(kanerva_settings: dict[str, str], protocol_settings: dict[str, str]) -> None:
    settings = {**kanerva_settings, **protocol_settings, "patterns.count": "3", "block.read.noise": "[0, 4]"}
    spiking = run("recall", "kanerva", "spiking", settings=settings, seed=2)
    rate = run("recall", "kanerva", "rate", settings=settings, seed=2)
    assert set(spiking.weights) == {"purkinje", "granule", "sdm", "sdm_exact", "attention"}
    assert set(rate.weights) == {"rate", "sdm", "sdm_exact", "attention"}
    assert np.array_equal(spiking.weights["sdm_exact"], rate.weights["sdm_exact"])
    assert spiking.spikes
    assert not rate.spikes
    assert rate.summary["agreement"]["rate_vs_sdm_exact"]["r2"] > 0.99
    assert spiking.summary["agreement"]["granule_vs_sdm_exact"]["r2"] > 0.99


def without_timing(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key != "timing"}


def test_the_same_seed_gives_the_same_summary(finished: tuple[Result, Path], small_settings: dict[str, str]) -> None:
    first, folder = finished
    again = run("recall", "jaeckel", "both", seed=1, settings=small_settings)
    assert without_timing(again.summary) == without_timing(first.summary)
    same = compare(folder, again)
    assert len(same) > 50
    assert all(a == pytest.approx(b, rel=1e-12, nan_ok=True) for a, b in same.values())


def test_another_seed_gives_another_summary(finished: tuple[Result, Path], small_settings: dict[str, str]) -> None:
    other = run("recall", "jaeckel", "rate", seed=2, settings=small_settings)
    assert other.summary["agreement"]["rate_vs_sdm"]["r2"] != finished[0].summary["agreement"]["rate_vs_sdm"]["r2"]


def test_descriptions_can_be_given_instead_of_names(circuit: Any, plan: Any, small_settings: dict[str, str]) -> None:
    by_object = cerebellum.run(plan, circuit, "rate", seed=1)
    by_name = cerebellum.run("recall", "jaeckel", "rate", seed=1, settings=small_settings)
    assert without_timing(by_object.summary) == without_timing(by_name.summary)
    with pytest.raises(ArgumentError, match="apply to names and paths"):
        run(plan, circuit, "rate", settings={"patterns.count": "3"})


def test_one_pattern_alone_has_no_control_but_runs(small_settings: dict[str, str]) -> None:
    found = run("recall", "jaeckel", "rate", settings={**small_settings, "patterns.count": "1"}).summary
    assert found["recall"]["rate"]["by_flips"]["0"]["bits"] == 1.0


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize("engine", ["spiking", "rate", "both"])
def test_a_run_that_would_not_fit_is_refused_before_anything_is_built(engine: str, tmp_path: Path) -> None:
    with pytest.raises(ResourceError) as caught:
        run("recall", "jaeckel", engine, settings={"population.granule.count": "900000000"}, out=tmp_path / "run")  # type: ignore[arg-type]
    for word in ("GiB", "parallel_fiber_to_purkinje", "population.granule.count"):
        assert word in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"protocol": "recal"}, UnknownNameError, "no protocol named 'recal'"),
        ({"model": "kanevra"}, UnknownNameError, "jaeckel, jaeckel_structured, kanerva"),
        ({"engine": "analog"}, ArgumentError, "spiking, rate, both"),
        ({"target": "gpu"}, ArgumentError, "standalone, runtime, numpy"),
        ({"dtype": "int8", "engine": "volley"}, ArgumentError, "float32, float64"),
        ({"dtype": "int8"}, ArgumentError, "float64, float32"),
        ({"dtype": "float32", "target": "runtime"}, ArgumentError, "float64 on the target runtime"),
        ({"draws": 2}, ArgumentError, "spiking: target, threads"),
        ({"device": "tpu", "engine": "rate"}, ArgumentError, "'cpu' or 'cuda'"),
        ({"settings": {"pattern.count": "3"}}, UnknownNameError, "patterns"),
        ({"settings": {"patterns.cuont": "3"}}, UnknownNameError, "patterns.count"),
        ({"settings": {"patterns.source": "random", "patterns.count": "33"}}, ProtocolFileError, "at most 32 patterns"),
        ({"settings": {"population.golgi.count": "-1"}}, InputError, "population.golgi.count: found -1"),
    ],
)
def test_bad_input_is_refused_before_any_work(
    arguments: dict[str, Any], error: type[Exception], words: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        run(**{"protocol": "recall", "model": "jaeckel", "out": tmp_path / "run", **arguments})
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_work")
def test_an_existing_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        run("recall", "jaeckel", out=tmp_path)


@pytest.mark.usefixtures("no_work")
def test_a_read_without_a_baseline_is_refused(plan: Any, circuit: Any) -> None:
    tables = plan.model_dump(mode="json")
    del tables["block"]["baseline"]
    with pytest.raises(ProtocolFileError, match="role = 'baseline'"):
        run(type(plan).model_validate(tables), circuit)


def test_without_a_compiler_it_says_so_and_runs_on_numpy(
    monkeypatch: pytest.MonkeyPatch, model_settings: dict[str, str]
) -> None:
    monkeypatch.setenv("CXX", "definitely-no-compiler")
    settings = {
        **model_settings,
        "population.granule.count": "100",
        "population.purkinje.count": "64",
        "patterns.source": "random",
        "patterns.count": "2",
        "block.baseline.trial_duration": "120",
        "block.baseline.window.duration": "20",
        "block.read.cues_per_pattern": "1",
        "block.read.noise": "[0]",
    }
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler found.* numpy, some 50 times slower .*install g\+\+"):
        result = run("recall", "jaeckel", settings=settings)
    assert len(result.spikes["granule"]) > 0
    assert result.provenance["engines"]["spiking"]["target"] in ("standalone", "numpy")


def test_several_reads_are_judged_by_what_was_stored_before(
    tmp_path: Path, model_settings: dict[str, str], protocol_settings: dict[str, str]
) -> None:
    """Two stages of three random patterns in both engines, the second read of all six."""
    path = tmp_path / "stages.toml"
    path.write_text(
        "extends = 'recall'\nweights = false\n[block.write]\nsubset = [0, 3]\n[block.read]\nsubset = [0, 3]\n"
        "[block.write_more]\nlike = 'write'\nsubset = [3, 6]\n[block.read_all]\nlike = 'read'\nsubset = [0, 6]\n"
    )
    settings = {**model_settings, **protocol_settings}
    result = run(str(path), "jaeckel", "both", settings=settings, out=tmp_path / "out")
    stages = result.summary["recall_by_block"]
    assert [(name, found["stored"]) for name, found in stages.items()] == [("read", 3), ("read_all", 6)]
    assert stages["read_all"]["purkinje"] == result.summary["recall"]["purkinje"]
    for found in stages.values():
        assert found["sdm_exact"]["by_flips"]["0"]["patterns"] == 1.0
        assert found["rate"]["by_flips"]["0"] == found["sdm_exact"]["by_flips"]["0"]
        assert found["purkinje"]["patterns"] >= found["sdm_exact"]["patterns"] - 0.2
    assert list(stages["read"]["purkinje"]["by_pattern"]) == ["0", "1", "2"]
    assert (tmp_path / "out" / "figures" / "blocks.png").is_file()
