"""Numbers have ranges: as given, as drawn, and against the time step."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest

from cerebellum.cells import MODELS
from cerebellum.connectome import drawn
from cerebellum.connectome.connectome import degrees, generator, sample
from cerebellum.description import ranges
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.projection import ShortTerm
from cerebellum.description.protocol import load_protocol
from cerebellum.description.schema import parse
from cerebellum.description.units import parse_value
from cerebellum.errors import InputError, ModelFileError
from cerebellum.experiment.pattern_file import read_file
from cerebellum.readout.comparison import compare
from cerebellum.simulation import checks, engines, memory
from cerebellum.simulation.prepare import prepare


def changed(name: str, changes: dict[str, Any]) -> Circuit:
    tables = load_model(name).model_dump(by_alias=True, exclude_none=True)
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        table = tables
        for key in parents:
            table = table[key]
        table[last] = value
    return parse(Circuit, tables, "m.toml", ModelFileError)


def v(number: float, unit: str) -> list[Any]:
    return [number, unit, "assumed: test"]


@pytest.mark.parametrize("unit", ["9**9**9", "%s", "%", "(ms)", "ms" * 99, "ms\n", "lambda: 0", "2 ms", "ms**1e9", ""])
def test_a_unit_is_looked_at_before_it_is_parsed(unit: str) -> None:
    with pytest.raises(InputError, match="is not a unit") as fault:
        parse_value(v(1, unit), "time")
    assert len(str(fault.value)) < 140


@pytest.mark.parametrize("unit", ["percent", "rad", "count", "um/um", "ms/s"])
def test_a_plain_number_has_the_unit_one(unit: str) -> None:
    with pytest.raises(InputError, match="the unit '1'"):
        parse_value(v(5, unit), "number")


@pytest.mark.parametrize(("number", "unit"), [(1e308, "ms"), (1e17, "s"), (5e-324, "ms"), (1e-30, "s")])
def test_no_time_is_beyond_all_reason(number: float, unit: str) -> None:
    with pytest.raises(InputError, match=r"wanted at (most|least)"):
        parse_value(v(number, unit), "time")


@pytest.mark.parametrize("number", [43, 1.001, -0.1])
def test_a_probability_lies_between_0_and_1(number: float) -> None:
    with pytest.raises(InputError, match="U: found"):
        parse(ShortTerm, {"U": v(number, "1"), "tau_rec": v(1, "ms"), "tau_fac": v(1, "ms")}, "m", InputError)


def test_a_time_constant_of_0_is_off_in_either_engine() -> None:
    import torch

    from cerebellum.rate.synapses import TsodyksMarkram

    def sent(facilitation: float, recovery: float) -> float:
        table = {"U": v(0.4, "1"), "tau_rec": v(recovery, "ms"), "tau_fac": v(facilitation, "ms")}
        release = TsodyksMarkram(ShortTerm.model_validate(table).si, 1, {"dtype": torch.float64})
        rate = torch.full((1,), 2000.0, dtype=torch.float64)  # a spike a step
        return [float(release(rate)) / 2000.0 for _ in range(5)][-1]

    assert sent(0, 0) == pytest.approx(0.4, rel=1e-12)
    assert sent(0, 100) < 0.1
    assert sent(100, 0) > 0.9
    assert sent(1e-6, 1e-6) == pytest.approx(sent(0, 0), rel=1e-9)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("time_step", v(1e10, "ms"), "time_step: found"),
        ("time_step", v(20, "ms"), "time_step: found 20 ms; wanted from"),
        (
            "population.golgi.parameters.tau_m",
            v(0.05, "ms"),
            "parameters.tau_m: found 0.05 ms at a time step of 0.1 ms",
        ),
        ("population.golgi.parameters.t_ref", v(0.04, "ms"), "parameters.t_ref: found 0.04 ms"),
        ("population.golgi.parameters.k_1", v(60, "1/ms"), "parameters.k_1: found 60 1/ms"),
        ("population.golgi.parameters.k_adap", v(-1, "nS/ms"), "k_adap: found -1"),
        ("population.golgi.receptor.mossy.tau", v(0.01, "ms"), "receptor.mossy.tau: found 0.01 ms"),
        ("gap_junction.golgi.conductance", v(1000, "nS"), "gap_junction.golgi.conductance: found 1000 nS"),
        ("population.golgi.density", v(1e9, "1/um^3"), "found"),
        ("population.golgi.spread", {"C_m": v(200, "pF")}, "spread.C_m: found 200 pF about"),
        ("population.golgi.spread", {"V_th": v(20, "mV")}, "of V_th > V_reset"),
    ],
)
def test_what_the_time_step_or_the_range_does_not_allow_is_refused(key: str, value: Any, words: str) -> None:
    with pytest.raises(ModelFileError) as fault:
        changed("mouse", {key: value})
    assert words in str(fault.value)


def test_gap_junctions_that_are_stable_are_taken() -> None:
    assert changed("mouse", {"gap_junction.golgi.conductance": v(1, "nS")})


def test_drawn_parameters_keep_to_the_range_and_the_rest_to_their_numbers() -> None:
    circuit = changed(
        "mouse",
        {"population.granule.spread": {"tau_m": v(12, "ms"), "V_th": v(7, "mV"), "V_reset": v(5, "mV")}},
    )
    population, cells = circuit.population["granule"], circuit.size("granule")
    found = drawn.parameters(circuit, "granule", 1)
    low, _ = ranges.bounds(MODELS["eglif"], circuit.dt)["tau_m"]
    assert np.min(found["tau_m"]) > low == circuit.dt
    assert np.min(np.subtract(found["V_th"], found["V_reset"])) > 0
    first = generator(1, "spread", "granule", "tau_m").standard_normal(cells)
    plain = population.parameters["tau_m"].si + population.spread["tau_m"].si * first
    redrawn = plain <= low
    assert 0 < redrawn.sum() < ranges.RARE * cells
    np.testing.assert_array_equal(np.asarray(found["tau_m"])[~redrawn], plain[~redrawn])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patterns.count": "1000000000"}, "patterns.count|count: found"),
        ({"block.write.repeats": "99999", "patterns.count": "60"}, "trials in all|unknown|no such key"),
    ],
)
def test_counts_are_bounded_when_read(changes: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_protocol("mouse_recall", changes)


def test_a_stimulus_of_more_than_a_spike_a_step_is_refused() -> None:
    plan = load_protocol("background", {"block.rest.stimulus.background.rate": "20000"})
    with pytest.raises(InputError, match=r"background\.rate: found 20000 Hz, more than a spike a time step of 0\.1 ms"):
        check_together(plan, load_model("mouse"))


def test_the_estimate_of_memory_knows_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = load_model("mouse_plastic", {"scale": "0.1"})
    chosen = engines.configure(engines.choose("spiking", circuit), {})
    short, long = (
        load_protocol(
            "background",
            {f"block.rest.{key}": str(ms) for key in (
                "trial_duration", "stimulus.background.duration", "stimulus.climbing.duration")},
        )
        for ms in (6000, 60_000_000)
    )  # fmt: skip
    assert memory.needed(circuit, chosen, short) > memory.needed(circuit, chosen)
    assert memory.needed(circuit, chosen, long) > 100 * memory.needed(circuit, chosen, short)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8e9))
    memory.check(circuit, chosen, short)
    with pytest.raises(InputError, match=r"most of it is the spikes (of|that)"):
        memory.check(circuit, chosen, long)


def test_a_small_circuit_says_which_convergences_it_cannot_have() -> None:
    experiment = prepare("background", "mouse", settings={"scale": "0.1"})
    found = {one.projection: one for one in degrees(experiment.connectome)}
    assert found["purkinje_to_nuclear"].described_convergence == 26.0
    assert found["purkinje_to_nuclear"].convergence_mean == 7.0
    numbers = {key: {"realised": one.convergence_mean} for key, one in found.items()}
    said = checks.checks(experiment, SimpleNamespace(summary={"convergence": numbers}, outcomes={}))["convergence"]  # type: ignore[arg-type]
    assert said["count"] >= 2
    assert "purkinje_to_nuclear 7 of 26" in said["text"]
    assert "at scale 0.1" in said["text"]


@pytest.mark.parametrize("name", ["kanerva", "jaeckel", "mouse"])
def test_at_scale_1_every_convergence_is_had(name: str) -> None:
    circuit = load_model(name)
    experiment = SimpleNamespace(circuit=circuit)
    assert checks.convergence(experiment, SimpleNamespace(summary={})).count == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "folder", "text", "numbers"])
def test_a_damaged_patterns_file_is_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "patterns.npz"
    bits = np.random.default_rng(0).random((40, 64)) < 0.5
    np.savez_compressed(path, addresses=bits, pointers=bits, cues=bits)
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped":
        path.write_bytes(data[:90] + bytes(255 - byte for byte in data[90:200]) + data[200:])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "folder":
        path = tmp_path
    elif damage == "text":
        np.savez(path, addresses=np.array([["a"]]), pointers=bits, cues=bits)
    else:
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("addresses.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': [9999\n")
    with pytest.raises(InputError, match=r"patterns\.path") as fault:
        read_file(str(path))
    assert len(str(fault.value).splitlines()) == 1
    assert len(str(fault.value)) < 400


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("summary.json", b"{"),
        ("summary.json", b"[1, 2]"),
        ("summary.json", b'{"rates": [1]}'),
        ("run.json", b'{"engines": "spiking"}'),
        ("summary.json", b"\xff\xfe"),
        ("run.json", b"[" * 100_000),
        ("run.json", b"9" * 5000),
        ("rates.npz", b"PK not a zip"),
        ("spikes.nwb", b"\x89HDF\r\n\x1a\n no more of it"),
    ],
)
def test_a_damaged_run_folder_is_one_line(file: str, content: bytes, tmp_path: Path) -> None:
    from cerebellum.readout.comparison import compare_engines

    (tmp_path / "summary.json").write_text("{}")
    model = load_model("jaeckel").model_dump(mode="json", by_alias=True, exclude_none=True)
    (tmp_path / "run.json").write_text(json.dumps({"model": model}))
    (tmp_path / file).write_bytes(content)
    with pytest.raises(InputError, match=rf"{file}: damaged") as fault:
        compare_engines(tmp_path, tmp_path)
    assert len(str(fault.value).splitlines()) == 1
    assert len(str(fault.value)) < 400
    if file.endswith(".json"):
        with pytest.raises(InputError):
            compare(tmp_path, tmp_path)


def test_markup_in_a_title_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    from cerebellum.cli import commands, tables

    plan = load_protocol("background", {"title": "'[bold]x[/nothing] :smile:'"})
    commands._console().print(tables.protocol_table(plan))
    assert "[bold]x[/nothing] :smile:" in capsys.readouterr().out


def test_a_sampled_circuit_is_the_same_with_and_without_the_check() -> None:
    connectome = sample(load_model("jaeckel", {"population.granule.count": "400"}), 1)
    golgi = connectome.circuit.population["golgi"]
    first = generator(1, "spread", "golgi", "I_e").standard_normal(connectome.size("golgi"))
    expected = golgi.parameters["I_e"].si + golgi.spread["I_e"].si * first
    np.testing.assert_array_equal(np.asarray(connectome.parameters["golgi"]["I_e"]), expected)
