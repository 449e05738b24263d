"""Model files: every shipped one loads with units and sources, every fault is told by file and key."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cerebellum.description import library
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.schema import SOURCE_WORDS, parse, values
from cerebellum.description.units import DIMENSIONS, steps
from cerebellum.errors import InputError, ModelFileError, UnknownNameError

GRANULE = "population.granule.parameters"
INPUT = "projection.mossy_fiber_to_granule"
GOLGI = "projection.golgi_to_granule"
PLASTIC = "projection.parallel_fiber_to_purkinje"
REMOVED = object()
ONE = [1, "1", "assumed: x"]


def tables_with(changes: dict[str, Any], name: str = "jaeckel") -> dict[str, Any]:
    """The tables of a shipped model with values put at dotted keys, or taken away."""
    tables = copy.deepcopy(library.read_extended("models", name)[0])
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        table = tables
        for key in parents:
            table = table.setdefault(key, {})
        if value is REMOVED:
            del table[last]
        else:
            table[last] = value
    return tables


def faults_of(changes: dict[str, Any], name: str = "jaeckel") -> list[str]:
    """The lines of the error message, each stripped of the file's name, which every line must have."""
    with pytest.raises(ModelFileError) as caught:
        parse(Circuit, tables_with(changes, name), "own.toml", ModelFileError)
    lines = str(caught.value).splitlines()
    assert all(line.startswith("own.toml: ") for line in lines), lines
    return [line.removeprefix("own.toml: ") for line in lines]


@pytest.mark.parametrize("name", library.names("models"))
def test_every_shipped_model_loads_and_every_value_has_a_unit_and_a_source(name: str) -> None:
    circuit = load_model(name)
    found = dict(values(circuit))
    assert len(found) > 10
    for key, value in found.items():
        assert value.dimension in DIMENSIONS, key
        assert value.unit, key
        assert abs(value.si) < float("inf"), key
        if value.source.startswith(SOURCE_WORDS):
            assert value.source.split(":", 1)[1].strip(), f"{key}: says that it is assumed or fitted, not why"
        else:
            assert value.source.split(",")[0] in circuit.sources, key


@pytest.mark.parametrize("name", library.names("models"))
def test_every_shipped_source_is_used(name: str) -> None:
    """A reference that no value has is a leftover; an overlay may leave its base's unused."""
    own = library.read(library.find("models", name)).get("sources", {})
    texts = " ".join(value.source for _, value in values(load_model(name)))
    assert [key for key in own if key not in texts] == []


@pytest.mark.parametrize("name", library.names("models"))
def test_every_shipped_delay_lies_on_the_grid(name: str) -> None:
    circuit = load_model(name)
    assert all(steps(projection.delay.si, circuit.dt) >= 0 for projection in circuit.projection.values())


@pytest.mark.parametrize("name", library.names("models"))
def test_a_dumped_model_is_the_same_model_again(name: str) -> None:
    circuit = load_model(name)
    assert parse(Circuit, circuit.model_dump(mode="json", by_alias=True), "dump", ModelFileError) == circuit


def test_jaeckel_is_kanerva_with_four_dendrites() -> None:
    kanerva, jaeckel = load_model("kanerva"), load_model("jaeckel")
    assert kanerva.projection["mossy_fiber_to_granule"].rule.dendrites.number == kanerva.size("mossy_fiber") / 2
    assert jaeckel.projection["mossy_fiber_to_granule"].rule.dendrites.number == 4
    assert jaeckel.projection["golgi_to_granule"].weight.matches.number == 4
    assert jaeckel.population["golgi"] == kanerva.population["golgi"]


def test_a_role_is_the_name_unless_the_file_gives_one() -> None:
    tables = tables_with({"population.golgi.role": "inhibitory_interneuron"})
    circuit = parse(Circuit, tables, "own.toml", ModelFileError)
    assert circuit.with_role("granule") == circuit.find("granule") == "granule"
    assert circuit.with_role("inhibitory_interneuron") == circuit.find("inhibitory_interneuron") == "golgi"
    assert circuit.with_role("golgi") is None
    assert circuit.find("golgi") == "golgi"


def test_a_role_that_two_populations_have_is_no_answer() -> None:
    circuit = parse(Circuit, tables_with({"population.golgi.role": "stellate"}), "own.toml", ModelFileError)
    with pytest.raises(ModelFileError, match="golgi and stellate are both 'stellate'"):
        circuit.with_role("stellate")


def test_a_circuit_cannot_be_changed(circuit: Circuit) -> None:
    with pytest.raises(ValidationError):
        circuit.title = "other"


def test_si_values(circuit: Circuit) -> None:
    granule = circuit.population["granule"].si()
    assert granule["C_m"] == pytest.approx(3.22e-12)
    assert granule["V_th"] == pytest.approx(-40e-3)
    assert circuit.dt == pytest.approx(1e-4)
    assert circuit.zones == 64


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({f"{GRANULE}.C_m": [7.0, "mV", "cayco2017"]}, ["C_m", "capacitance", "'mV'", "voltage"]),
        ({f"{GRANULE}.C_m": [-7.0, "pF", "cayco2017"]}, ["C_m", "found -7 pF", "more than 0"]),
        ({f"{GRANULE}.tau_m": [0.0, "ms", "cayco2017"]}, ["tau_m", "found 0 ms", "more than 0"]),
        ({f"{GRANULE}.V_th": REMOVED}, ["population.granule", "needs the parameters V_th"]),
        ({f"{GRANULE}.V_thr": [1.0, "mV", "cayco2017"]}, ["population.granule", "'V_thr'", "V_th, V_reset"]),
        ({f"{GRANULE}.V_th": -40.0}, ["V_th", "without unit and source", '"mV"']),
        ({f"{GRANULE}.V_th": [-40.0, "mV", ""]}, ["V_th", "no source"]),
        ({f"{GRANULE}.V_th": [-40.0, "mV", "nobody1999"]}, [f"{GRANULE}.V_th", "'nobody1999'", "assumed: why"]),
        ({"population.granule.spread": {"V_th": [-1.0, "mV", "assumed: x"]}}, ["V_th", "found -1 mV", "more than 0"]),
        ({"population.granule.cell": "lfi"}, ["population.granule.cell", "no cell model named 'lfi'", "lif", "source"]),
        ({"population.granule.count": [0, "1", "assumed: x"]}, ["population.granule.count", "found 0", "at least 1"]),
        ({"population.granule.count": [2.5, "1", "assumed: x"]}, ["granule.count", "found 2.5", "whole number"]),
        ({"population.granule.count": [5, "ms", "assumed: x"]}, ["granule.count", "needs a number", "a time"]),
        ({"population.granule.color": "red"}, ["population.granule.color", "unknown key", "'red'"]),
        ({"population.granule.colour": "red"}, ["population.granule.colour", "found 'red'", "#31a354"]),
        ({"population.granule.role": "Granule cell"}, ["population.granule.role", "'Granule cell'", "lower-case"]),
        ({"population.Granule": {"cell": "source"}}, ["population.Granule", "lower-case letters", "a letter"]),
        ({"population.2nd": {"cell": "source"}}, ["population.2nd", "beginning with a letter"]),
        ({"population.lambda": {"cell": "source"}}, ["population.lambda", "something else"]),
        ({"population.granule.receptor.ampa_post": {}}, ["receptor.ampa_post", "does not end in _pre or _post"]),
        ({"population.golgi_to_granule": {"cell": "source", "count": [1, "1", "assumed: x"]}}, [GOLGI, "this name"]),
        (
            {"population.golgi.count": REMOVED, "population.golgi.of": "gold", "population.golgi.ratio": ONE},
            ["population.golgi.of", "'gold'", "mossy_fiber"],
        ),
        ({"population.granule.start": "hot"}, ["population.granule.start", "'rest'", "'hot'"]),
        ({"population.granule.receptor.tonic.effect": "calming"}, ["tonic.effect", "'calming'", "inhibitory"]),
        (
            {"population.granule.receptor.tonic.tau": [0, "ms", "assumed: x"]},
            ["tonic.tau", "found 0 ms", "more than 0"],
        ),
        ({"time_step": [0, "ms", "assumed: x"]}, ["time_step", "found 0 ms", "more than 0"]),
        ({"time_step": REMOVED}, ["time_step", "missing"]),
        ({f"{INPUT}.weight": [-1.0, "pA", "assumed: x"]}, [f"{INPUT}.weight", "found -1 pA", "at least 0"]),
        ({f"{INPUT}.weight": [1.0, "nS", "assumed: x"]}, [f"{INPUT}.weight", "current", "'nS'", "conductance"]),
        ({f"{INPUT}.delay": [-1.0, "ms", "assumed: x"]}, [f"{INPUT}.delay", "found -1 ms", "at least 0"]),
        ({f"{INPUT}.delay": [0.25, "ms", "assumed: x"]}, [f"{INPUT}.delay", "0.25 ms", "time step 0.1 ms"]),
        ({f"{INPUT}.from": "mossy"}, [f"{INPUT}.from", "mossy_fiber", "'mossy'"]),
        ({f"{INPUT}.to": "golgi"}, [INPUT, "must end in _to_golgi"]),
        ({f"{INPUT}.receptor": "ampa"}, [f"{INPUT}.receptor", "'ampa'", "excitatory, tonic"]),
        ({f"{INPUT}.rule": {"kind": "magic"}}, [f"{INPUT}.rule", "'magic'", "dendrites", "all_to_all"]),
        (
            {f"{INPUT}.rule.dendrites": [257, "1", "assumed: x"]},
            [f"{INPUT}.rule.dendrites", "257", "256 address lines"],
        ),
        ({"population.mossy_fiber.count": [511, "1", "assumed: x"]}, ["mossy_fiber.count", "even number"]),
        ({f"{GOLGI}.weight.matches": [5, "1", "assumed: x"]}, [f"{GOLGI}.weight.matches", "found 5", "4 dendrites"]),
        ({f"{GOLGI}.weight.of": "nothing"}, [f"{GOLGI}.weight.of", "'nothing'", "mossy_fiber_to_granule"]),
        ({f"{PLASTIC}.plasticity.teacher": "nobody"}, [f"{PLASTIC}.plasticity.teacher", "'nobody'", "climbing_fiber"]),
        (
            {f"{PLASTIC}.plasticity.w_max": [0, "pA", "assumed: x"]},
            [f"{PLASTIC}.plasticity", "w_max", "more than w_min"],
        ),
        (
            {f"{PLASTIC}.plasticity.potentiation": [1, "nS", "assumed: x"]},
            [f"{PLASTIC}.plasticity", "potentiation = 1 nS", "depression = 8 pA", "one dimension"],
        ),
        (
            {f"{PLASTIC}.contacts": {"mean": [2, "1", "assumed: x"], "sd": [0, "1", "assumed: x"]}},
            [f"{PLASTIC}.plasticity", "no contacts"],
        ),
        ({f"{PLASTIC}.plasticity.potentiation": [-1, "pA", "assumed: x"]}, ["potentiation", "found -1 pA"]),
        ({f"{PLASTIC}.plasticity.kernel.window": [0, "ms", "assumed: x"]}, ["kernel", "window", "found 0 ms"]),
        ({f"{PLASTIC}.plasticity.kernel.kind": "square"}, [f"{PLASTIC}.plasticity.kernel", "'square'", "rectangular"]),
        (
            {"population.purkinje.count": [100, "1", "assumed: x"]},
            ["population.purkinje.count", "100", "64 microzones"],
        ),
        ({"population.golgi": REMOVED}, [GOLGI, "no population named 'golgi'", "mossy_fiber"]),
        (
            {"projection.golgi_to_granule.rule": {"kind": "convergence", "convergence": [31, "1", "assumed: x"]}},
            [f"{GOLGI}.rule.convergence", "31"],
        ),
    ],
)
def test_a_fault_names_its_place_what_was_found_and_what_is_wanted(changes: dict[str, Any], words: list[str]) -> None:
    lines = faults_of(changes)
    assert any(all(word in line for word in words) for line in lines), "\n".join(lines)


def test_all_faults_are_told_at_once() -> None:
    lines = faults_of(
        {
            f"{GRANULE}.C_m": [7.0, "mV", "cayco2017"],
            f"{INPUT}.weight": [-1.0, "pA", "assumed: x"],
            "time_step": [0, "ms", "assumed: x"],
        }
    )
    for start in ("time_step: found 0 ms", "population.granule: C_m: needs a capacitance", f"{INPUT}.weight"):
        assert any(line.startswith(start) for line in lines), lines


def test_a_fault_shows_nothing_of_the_checking_machinery() -> None:
    for weight in ([-1.0, "pA", "assumed: x"], {"kind": "nope"}, {"kind": "granule_threshold", "of": 3}):
        message = "\n".join(faults_of({f"{INPUT}.weight": weight}))
        assert not any(word in message for word in ("0x", "function", "union", "pydantic")), message


def test_a_rules_weights_are_of_the_receptors_dimension() -> None:
    changes = {f"{PLASTIC}.plasticity.{key}": [1 + (key == "w_max"), "nS", "assumed: x"]
               for key in ("potentiation", "depression", "w_min", "w_max")}  # fmt: skip
    lines = faults_of(changes)
    assert any(f"{PLASTIC}.plasticity.w_max: needs a current" in line and "'nS'" in line for line in lines), lines


def test_a_teacher_must_reach_the_cells_it_teaches() -> None:
    lines = faults_of({f"{PLASTIC}.plasticity.teacher": "golgi_to_granule"})
    assert any("teacher" in line and "golgi_to_granule" in line and "purkinje" in line for line in lines)


@pytest.mark.parametrize(
    "changes",
    [
        {f"{GRANULE}.t_ref": [-1.0, "ms", "assumed: x"]},
        {f"{GRANULE}.V_reset": [-30.0, "mV", "assumed: above the threshold"]},
    ],
)
def test_cell_parameters_that_no_cell_can_have_are_refused(changes: dict[str, Any]) -> None:
    assert faults_of(changes)


def test_load_model_refuses_a_bad_setting_with_the_files_name() -> None:
    with pytest.raises(ModelFileError, match=r"jaeckel\.toml: population\.granule\.count: found -3; wanted at least 1"):
        load_model("jaeckel", {"population.granule.count": "-3"})
    with pytest.raises(UnknownNameError, match=r"population\.granule\.count"):
        load_model("jaeckel", {"population.granule.cuont": "3"})


def test_errors_are_input_errors_and_value_errors() -> None:
    assert issubclass(ModelFileError, InputError)
    assert issubclass(InputError, ValueError)


def test_a_model_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("extends = 'jaeckel'\n[population.golgi]\ncount = [7, '1', 'assumed: few']\n")
    assert load_model(str(path)).size("golgi") == 7
    path.write_text("title = 'nothing else'\n")
    with pytest.raises(ModelFileError, match=r"own\.toml: population: missing"):
        load_model(str(path))
