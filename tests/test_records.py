"""Records of cells and synapses: against closed forms, one target against another, in files, and asked before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_learning import DT, NAME, PLANS
from test_plasticity import pairing, rule_of

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.recording import Recording
from cerebellum.cells import conductance_lif
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import load_protocol
from cerebellum.description.record import Record
from cerebellum.errors import InputError
from cerebellum.experiment import records
from cerebellum.experiment.records import Planned
from cerebellum.experiment.schedule import Events, Schedule, Trial
from cerebellum.results import Result, nwb
from cerebellum.simulation import memory
from cerebellum.spiking.network import simulate


def planned(
    of: list[str], population: str, elements: list[int], spans: list[tuple[int, int, int]], **more: Any
) -> Planned:
    owner = {"projection": NAME} if "weight" in of else {"population": population}
    return Planned(Record.model_validate({"of": of, **owner, **more}), population, np.array(elements), tuple(spans))


def value(number: float, unit: str) -> list[Any]:
    return [number, unit, "assumed: test"]


def conducting(cell: str) -> Circuit:
    """One fibre onto a cell of conductances, at rest where its leak and nothing else holds it."""
    membrane = {"C_m": value(100, "pF"), "tau_m": value(10, "ms"), "E_L": value(-70, "mV"), "V_th": value(-50, "mV"),
                "V_reset": value(-65, "mV"), "I_e": value(0, "pA"), "t_ref": value(2, "ms")}  # fmt: skip
    if cell == "eglif":
        membrane |= {"V_init": value(-70, "mV"), "V_min": value(-100, "mV"), "k_adap": value(0.2, "nS/ms"),
                     "k_1": value(0.1, "1/ms"), "k_2": value(0.1, "1/ms"), "A1": value(10, "pA"),
                     "A2": value(50, "pA"), "lambda_0": value(1, "1/ms"), "tau_V": value(0.5, "mV")}  # fmt: skip
    receptor = {"effect": "excitatory", "kind": "alpha", "tau": value(2, "ms"), "reversal": value(0, "mV")}
    return Circuit.model_validate(
        {
            "title": "one", "description": "one cell", "time_step": value(0.1, "ms"), "microzones": value(1, "1"),
            "population": {
                "fiber": {"cell": "source", "count": value(1, "1")},
                "target": {"cell": cell, "count": value(1, "1"), "parameters": membrane,
                           "receptor": {"ampa": receptor}},
            },
            "projection": {
                "fiber_to_target": {"from": "fiber", "to": "target", "receptor": "ampa", "delay": value(1, "ms"),
                                    "weight": value(3, "nS"), "rule": {"kind": "all_to_all"}},
            },
        }
    )  # fmt: skip


def struck(circuit: Circuit, steps: list[int], duration: int, of: list[str], **target: Any) -> Outcome:
    events = {"fiber": Events(np.array(steps, dtype=np.int64), np.zeros(len(steps), np.int32))}
    span = (0.0, duration * DT)
    plans = {"cell": planned(of, "target", [0], [(0, duration, 1)])}
    return simulate(
        sample(circuit, 1), Schedule([Trial("all", "", *span, span, False)], events, span[1], records=plans), **target
    )


def test_a_recorded_conductance_is_the_alpha_function_and_its_current_follows_the_voltage() -> None:
    done = struck(conducting("conductance_lif"), [100], 600, ["conductance", "current", "voltage"], target="numpy")
    record = done.records["cell"]
    assert list(record.values) == ["voltage", "conductance.ampa", "current.ampa"]
    # It arrives at the end of step 110 and acts from the next step; a sample is that at the end of its step.
    since = np.maximum(record.time - 110 * DT, 0.0) / 2e-3
    assert np.allclose(record.values["conductance.ampa"][:, 0], 3e-9 * since * np.exp(1 - since), atol=1e-20)
    g, v = (record.values[key] for key in ("conductance.ampa", "voltage"))
    assert np.allclose(record.values["current.ampa"], g * (0.0 - v))


@pytest.mark.parametrize("cell", ["conductance_lif", "eglif"])
def test_a_recorded_voltage_crosses_threshold_where_spikes_are_and_is_reset_after(cell: str) -> None:
    done = struck(conducting(cell), list(range(100, 500, 8)), 600, ["voltage"], target="numpy")
    v, fired = done.records["cell"].values["voltage"][:, 0], np.round(done.spikes["target"].time / DT).astype(int)
    assert len(fired) > 2
    if cell == "conductance_lif":
        assert np.flatnonzero(v > -50e-3).tolist() == fired.tolist()
    assert np.allclose(v[fired[fired < 599] + 1], -65e-3)  # held there


def test_adaptation_jumps_at_spikes() -> None:
    done = struck(conducting("eglif"), list(range(100, 300, 8)), 400, ["adaptation"], target="numpy")
    current, fired = (
        done.records["cell"].values["adaptation"][:, 0],
        np.round(done.spikes["target"].time / DT).astype(int),
    )
    assert len(fired)
    assert (np.diff(current)[fired] > 45e-12).all()  # A2 = 50 pA, of which a step keeps 99 %


@pytest.fixture(scope="module")
def wired() -> Connectome:
    return sample(pairing(rule_of("rectangular", top=100.0), 2), 1)


def recorded(made: Schedule) -> Schedule:
    """With voltages of the second cell in two stretches, weights every 20 steps, rates."""
    end = round(made.duration / DT)
    return replace(
        made,
        records={
            "cells": planned(["voltage", "current"], "purkinje", [1], [(0, end // 4, 1), (end // 2, end, 5)]),
            "learning": planned(["weight"], "purkinje", [0, 1], [(0, end, 20)]),
            "rates": planned(["rate"], "granule", [0, 1], [(0, end, 100)]),
        },
    )


def test_records_are_of_the_chosen_cells_steps_and_synapses(wired: Connectome) -> None:
    made = recorded(PLANS["long"])
    done, end = simulate(wired, made, target="numpy"), 3400
    cells, learning, rates = (done.records[name] for name in ("cells", "learning", "rates"))
    assert np.round(cells.time / DT).astype(int).tolist() == [*range(end // 4), *range(end // 2, end, 5)]
    assert cells.values["voltage"].shape == cells.values["current.excitatory"].shape == (len(cells.time), 1)
    # A leaky membrane before the first spike: it relaxes from where it began to E_L, exactly.
    first = cells.time < 0.07
    v = cells.values["voltage"][first, 0]
    assert np.allclose(v + 59e-3, (v[0] + 59e-3) * np.exp(-cells.time[first] / 47e-3), atol=1e-15)
    assert learning.values["weight"][0].tolist() == pytest.approx([10e-12, 10e-12])
    assert learning.values["weight"][-1].tolist() == pytest.approx(done.weights[NAME].tolist())
    assert (learning.cells.tolist(), learning.sources.tolist()) == ([0, 1], [0, 1])  # type: ignore[union-attr]
    spikes = done.spikes["granule"]
    counted = np.histogram(np.round(spikes.time / DT), np.arange(0, end + 1, 100))[0] / 2 / (100 * DT)
    assert np.allclose(rates.values["rate"][:, 0], counted)


def test_a_compiled_run_records_what_numpy_does(wired: Connectome) -> None:
    same = [simulate(wired, recorded(PLANS["long"]), target=target) for target in ("numpy", "standalone")]  # type: ignore[arg-type]
    for name, record in same[0].records.items():
        for key, values in record.values.items():
            assert np.allclose(same[1].records[name].values[key], values, rtol=1e-9, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["conductance_lif", "eglif"])
def test_a_compiled_run_records_conductances_as_numpy_does(cell: str) -> None:
    of = ["voltage", "conductance", "current", *(["adaptation"] if cell == "eglif" else [])]
    spikes = np.unique(np.random.default_rng(1).integers(0, 5000, 400)).tolist()
    one, other = (struck(conducting(cell), spikes, 5000, of, target=t) for t in ("numpy", "standalone"))
    assert len(one.spikes["target"]) > 5
    for key, values in one.records["cell"].values.items():
        assert np.allclose(other.records["cell"].values[key], values, rtol=1e-9, atol=1e-21), key


@pytest.mark.slow
def test_a_compiled_run_records_the_voltages_of_the_reference() -> None:
    """Which is written in numpy apart from the engine; above threshold at spikes, and nowhere else."""
    circuit, steps, spikes = conducting("conductance_lif"), 5000, sorted({*range(100, 4900, 7), *range(103, 4900, 31)})
    done = struck(circuit, spikes, steps, ["voltage"], target="standalone")
    recorded, fired = done.records["cell"].values["voltage"][:, 0], np.zeros(steps, dtype=bool)
    fired[np.rint(done.spikes["target"].time / DT).astype(int)] = True
    target = circuit.population["target"]
    parameters = {key: value.si for key, value in target.parameters.items()}
    arrivals = {step + 10: [("ampa", np.array([0]), np.array([3e-9]))] for step in spikes}
    begin, silent = np.array([-70e-3]), np.zeros((steps, 1))
    course, crossed = conductance_lif.trace(parameters, target.receptor_models(), begin, silent, DT, arrivals)
    assert 20 < fired.sum() == crossed.sum()
    assert np.array_equal(fired, crossed[:, 0])
    assert np.array_equal(recorded > -50e-3, fired)
    assert np.abs(recorded - course[:, 0])[~fired].max() < 1e-9  # V; at a spike `course` is after the reset


RECORDED = """
extends = "background"
[record.cells]
of         = ["voltage", "conductance"]
population = "purkinje"
where      = { kind = "random", cells = [3, "1", "assumed: x"] }
interval   = [1, "ms", "assumed: x"]
[record.rates]
of         = ["rate"]
population = "granule"
blocks     = ["rest"]
interval   = [5, "ms", "assumed: x"]
"""
THREE = '{ kind = "random", cells = [3, "1", "assumed: x"] }'


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"voltage", "conductance"', '"voltages"', ["record.cells.of"]),
        ('"voltage", "conductance"', '"weight"', ["record.cells", "wants a projection"]),
        ('"voltage", "conductance"', '"voltage", "voltage"', ["record.cells", "each once"]),
        ('population = "purkinje"', 'population = "mossy_fiber"', ["record.cells.of", "no membrane"]),
        ('population = "purkinje"', 'population = "pyramidal"', ["record.cells", "no population 'pyramidal'"]),
        ('population = "purkinje"', 'projection = "parallel_fiber_to_purkinje"', ["record.cells", "no projection"]),
        ('[1, "ms"', '[0.25, "ms"', ["record.cells.interval", "found 0.25 ms", "whole time steps of 0.1 ms"]),
        ('["rest"]', '["sleep"]', ["record.rates.blocks: no block 'sleep'", "rest"]),
        ("random", "index", ["record.cells.where"]),
        (THREE, '{ kind = "index", cells = [0, 9999] }', ["9999", "numbers 0 to"]),
        (THREE, '{ kind = "index", cells = [1, 1] }', ["each number once"]),
    ],
)  # fmt: skip
def test_a_fault_names_its_place(old: str, new: str, words: list[str], tmp_path: Path) -> None:
    assert old in RECORDED
    (tmp_path / "own.toml").write_text(RECORDED.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        check_together(load_protocol(str(tmp_path / "own.toml")), load_model("mouse"))
    (line,) = str(caught.value).splitlines()
    assert all(word in line for word in words), line


def test_a_record_of_nothing_is_refused(wired: Connectome, tmp_path: Path) -> None:
    """The mean rate of no cells is no number."""
    (tmp_path / "own.toml").write_text(RECORDED.replace(THREE, '{ kind = "fraction", fraction = [0, "1", "set: x"] }'))
    with pytest.raises(InputError, match=r"record\.cells\.where: no purkinje cell is chosen; wanted one at least"):
        records.planned(load_protocol(str(tmp_path / "own.toml")), wired, [], 1)


def test_weights_of_what_does_not_learn_are_refused(tmp_path: Path) -> None:
    text = 'extends = "background"\n[record.w]\nof = ["weight"]\nprojection = "parallel_fiber_to_purkinje"\n'
    (tmp_path / "own.toml").write_text(text)
    plan = load_protocol(str(tmp_path / "own.toml"))
    check_together(plan, load_model("mouse_plastic"))
    with pytest.raises(InputError, match=r"record\.w\.projection: .* wanted one that learns: none in this model"):
        check_together(plan, load_model("mouse"))


def test_the_estimate_of_memory_knows_records(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(RECORDED)
    circuit, plan = load_model("mouse", {"scale": "0.1"}), load_protocol(str(tmp_path / "own.toml"))
    found = memory.recorded(circuit, plan)
    receptors = len(circuit.population["purkinje"].receptor)
    assert found["record.cells"] == pytest.approx(memory.SAMPLE * 6000 * 3 * (1 + receptors), rel=0.01)
    everything = RECORDED.replace("where      = { kind", "# { kind").replace('[1, "ms"', '[0.1, "ms"')
    (tmp_path / "own.toml").write_text(everything)
    cells = circuit.size("purkinje")
    found = memory.recorded(circuit, load_protocol(str(tmp_path / "own.toml")))
    assert found["record.cells"] == pytest.approx(memory.SAMPLE * 60000 * cells * (1 + receptors))


def test_records_come_back_from_nwb_with_electrodes(finished: tuple[Result, Path], tmp_path: Path) -> None:
    from pynwb import NWBHDF5IO

    result, rng = finished[0], np.random.default_rng(1)
    time = np.array([0.0, 0.1, 0.5])
    made = {
        "cells": Recording(
            "purkinje", np.array([2, 10]), time,
            {"voltage": rng.random((3, 2)), "current.excitatory": rng.random((3, 2))},
            {"voltage": "volts", "current.excitatory": "amperes"},
        ),
        "w": Recording("purkinje", np.array([0, 0]), time, {"weight": rng.random((3, 2))}, {"weight": "amperes"},
                       np.array([5, 7]), "parallel_fiber_to_purkinje"),
        "rates": Recording("granule", np.arange(3), time, {"rate": rng.random((3, 1))}, {"rate": "hertz"}),
    }  # fmt: skip
    kept = replace(result, outcomes={"spiking": replace(result.outcomes["spiking"], records=made)})
    nwb.write_spikes(kept, tmp_path / "spikes.nwb")
    back = nwb.read_records(tmp_path / "spikes.nwb")
    for name, record in made.items():
        assert (back[name].population, back[name].projection) == (record.population, record.projection)
        assert np.array_equal(back[name].cells, record.cells)
        assert np.array_equal(back[name].time, time)
        assert {k: v.tolist() for k, v in back[name].values.items()} == {
            k: v.tolist() for k, v in record.values.items()
        }
        assert back[name].units == record.units
    with NWBHDF5IO(str(tmp_path / "spikes.nwb"), "r") as io:
        file = io.read()
        series = file.acquisition["cells.voltage.10"]
        assert series.electrode.name == "purkinje_10"
        assert series.neurodata_type == "CurrentClampSeries"
        assert set(file.processing) == {"receptors", "synapses", "rates"}


def test_random_selections_nest_or_lie_apart_and_are_the_same_in_every_trial() -> None:
    from cerebellum.description.where import Part, Scene, Some

    circuit = load_model("mouse", {"scale": "0.1"})

    def chosen(kind: type[Part | Some], seed: int = 1, **table: Any) -> set[int]:
        where = kind.model_validate({"kind": "fraction" if kind is Part else "random", **table})
        return set(where.cells_in(Scene(circuit, "granule", seed=seed)).tolist())

    cells = circuit.size("granule")
    tenth, fifth = (chosen(Part, fraction=value(share, "1")) for share in (0.1, 0.2))
    assert tenth < fifth
    assert len(fifth) == pytest.approx(0.2 * cells, abs=1)
    next_tenth = chosen(Part, fraction=value(0.1, "1"), after=value(0.1, "1"))
    assert not tenth & next_tenth
    assert tenth | next_tenth == fifth
    assert chosen(Some, cells=value(7, "1")) < tenth
    other = chosen(Part, fraction=value(0.1, "1"), draw="other")
    assert len(tenth & other) == pytest.approx(0.01 * cells, abs=4 * np.sqrt(0.01 * cells))
    assert chosen(Part, seed=2, fraction=value(0.1, "1")) != tenth
