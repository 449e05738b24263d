"""Overlays: models combined by name, refused where they contradict each other, and what they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from cerebellum.description import overlays
from cerebellum.description.circuit import load_model
from cerebellum.description.references import references
from cerebellum.errors import InputError, UnknownNameError


def test_an_overlay_is_found_by_its_short_and_its_whole_name() -> None:
    whole = load_model("mouse_vitro")
    for name in ("mouse+vitro", "mouse+mouse_vitro", "mouse_vitro+vitro"):
        found = load_model(name)
        assert found.population == whole.population
        assert found.projection == whole.projection
    assert load_model("mouse+vitro").title == f"{load_model('mouse').title}, with vitro"


def test_overlays_that_change_different_values_combine_in_any_order() -> None:
    one, other = load_model("mouse+vitro+meanfield_wiring"), load_model("mouse+meanfield_wiring+vitro")
    assert one.model_copy(update={"title": ""}) == other.model_copy(update={"title": ""})
    assert one.population["purkinje"].parameters["I_e"].number == 590
    assert (
        one.projection["basket_to_basket"].rule
        == load_model("mouse_meanfield_wiring").projection["basket_to_basket"].rule
    )


def test_an_overlay_brings_the_files_that_it_lies_over() -> None:
    assert load_model("mouse+feedback").population == load_model("mouse_feedback").population


def test_a_contradiction_names_the_key_and_both_files() -> None:
    said = r"ascending_axon_to_purkinje\.weight: '3.15 nS' in mouse_stp\.toml contradicts '0.2 nS' in mouse_vitro\.toml"
    with pytest.raises(InputError, match=said):
        load_model("mouse+vitro+stp")
    with pytest.raises(InputError, match=said):
        load_model("mouse_vitro+stp")


def test_a_table_contradicts_a_value_of_the_same_key(tmp_path: Path) -> None:
    for name, line in {"a": "weight = [1, 'nS', 'set: x']", "b": "weight = { kind = 'x' }"}.items():
        (tmp_path / f"{name}.toml").write_text(f"extends = 'mouse'\n[projection.glomerulus_to_granule]\n{line}\n")
    with pytest.raises(InputError, match=r"glomerulus_to_granule\.weight\.kind: 'x' in b\.toml contradicts '1 nS'"):
        load_model(f"mouse+{tmp_path / 'a.toml'}+{tmp_path / 'b.toml'}")


def test_the_same_number_with_another_source_is_no_contradiction(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("extends = 'mouse'\nmicrozones = [4, '1', 'assumed: x']\n")
    (tmp_path / "b.toml").write_text("extends = 'mouse'\nmicrozones = [4, '1', 'assumed: y']\n")
    assert load_model(f"mouse+{tmp_path / 'a.toml'}+{tmp_path / 'b.toml'}").zones == 4


def test_an_overlay_of_another_model_or_of_no_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"mouse_vitro\.toml lies over mouse\.toml, and kanerva does not"):
        load_model("kanerva+mouse_vitro")
    with pytest.raises(UnknownNameError, match=r"no overlay named 'vitra'.*vitro"):
        load_model("mouse+vitra")


def test_changes_are_marked_with_their_file_and_what_was_before() -> None:
    change = overlays.changes("mouse+vitro+meanfield_wiring")["population.purkinje.parameters.I_e"]
    assert (change.file, overlays.said(change.before)) == ("mouse_vitro", "700 pA")
    found = overlays.changes("mouse+feedback")
    new = found["projection.nuclear_to_granule.weight"]
    assert (new.file, new.before) == ("mouse_feedback", None)
    assert found["microzones"].file == "mouse_memory"
    assert overlays.changes("kanerva") == {}
    assert overlays.stem("mouse+folder/x.toml") == "mouse+x"


def test_a_number_that_stays_is_no_change_and_another_cell_is_one() -> None:
    found = overlays.changes("mouse_multirec")
    assert "population.granule.parameters.C_m" not in found  # 7 pF in both, of another source
    cell = found["population.granule.cell"]
    assert (cell.before, cell.after) == ("eglif", "eglif_multirec")
    assert "population.purkinje.parameters.lambda_0" not in found  # went with the cell that had it


def test_a_model_is_without_what_its_file_says_and_nothing_may_set_that(tmp_path: Path) -> None:
    (tmp_path / "no_gap.toml").write_text('extends = "mouse"\ntitle = "x"\nwithout = ["gap_junction.golgi"]\n')
    own = str(tmp_path / "no_gap.toml")
    assert set(load_model(own).gap_junction) == {"inferior_olive"}
    assert set(load_model(f"mouse+vitro+{own}").gap_junction) == {"inferior_olive"}
    for name in (f"mouse+multirec+{own}", f"mouse+{own}+multirec"):
        with pytest.raises(
            InputError, match=r"gap_junction\.golgi\.conductance: mouse_multirec\.toml sets it, and no_gap"
        ):
            load_model(name)
    (tmp_path / "no_gap.toml").write_text('extends = "mouse"\nwithout = ["gap_junction.olive"]\n')
    with pytest.raises(InputError, match=r"no_gap\.toml: without: found 'gap_junction\.olive'; there is no such key"):
        load_model(own)


def test_references_are_those_of_the_combination_also_where_a_value_is_assumed_or_derived() -> None:
    found = references(load_model("mouse+mli12+olive_coupled"))
    assert {"cm42", "lackey2024", "kozareva2021", "cf2025", "devor2002"} <= set(found)
    assert "burroughs2017" not in found
    assert "burroughs2017" in references(load_model("mouse+ceiling"))
