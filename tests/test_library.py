"""Shipped files by name, files that extend others, settings laid over them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.description import library
from cerebellum.errors import InputError, UnknownNameError


def write(folder: Path, name: str, text: str) -> str:
    path = folder / f"{name}.toml"
    path.write_text(text)
    return str(path)


def test_names_are_the_files_of_the_checkout(root: Path) -> None:
    for kind in library.KINDS:
        assert library.names(kind) == sorted(path.stem for path in (root / kind).glob("*.toml"))
    assert {"kanerva", "jaeckel"} <= set(library.names("models"))
    assert "recall" in library.names("protocols")


def test_an_unknown_name_lists_what_exists() -> None:
    with pytest.raises(UnknownNameError) as caught:
        library.find("models", "kanevra")
    assert "no model named 'kanevra'" in str(caught.value)
    assert "jaeckel, jaeckel_structured, kanerva" in str(caught.value)
    with pytest.raises(UnknownNameError, match="nowhere"):
        library.find("models", "nowhere.toml")


def test_a_file_that_is_not_toml_is_told_with_its_line(tmp_path: Path) -> None:
    path = Path(write(tmp_path, "broken", "title = 'x'\ncount = [1,\n\n= 3"))
    with pytest.raises(InputError, match=r"broken\.toml: not a TOML file: .*line"):
        library.read(path)
    path.write_bytes(b"title = '\xff\xfe'")
    with pytest.raises(InputError, match=r"broken\.toml: not a TOML file"):
        library.read(path)
    write(tmp_path, "twice", "a = 1\na = 2")
    with pytest.raises(InputError, match="not a TOML file"):
        library.read(tmp_path / "twice.toml")


def test_a_chain_of_overlays_is_merged_from_its_base_up(tmp_path: Path) -> None:
    write(tmp_path, "one", "a = 1\nb = 1\nc = 1\n[t]\nx = 1\ny = 1")
    write(tmp_path, "two", "extends = 'one'\nb = 2\nc = 2\n[t]\ny = 2")
    top = write(tmp_path, "three", "extends = 'two'\nc = 3\n[t]\nz = 3")
    tables, path, chain = library.read_extended("models", top)
    assert tables == {"a": 1, "b": 2, "c": 3, "t": {"x": 1, "y": 2, "z": 3}}
    assert path.name == "three.toml"
    assert [p.stem for p in chain] == ["three", "two", "one"]


def test_a_shipped_model_can_be_extended_from_any_folder(tmp_path: Path) -> None:
    own = write(tmp_path, "mine", "extends = 'jaeckel'\ntitle = 'mine'")
    tables, _, chain = library.read_extended("models", own)
    assert tables["title"] == "mine"
    assert [p.stem for p in chain] == ["mine", "jaeckel", "kanerva"]


def test_a_base_given_as_a_path_lies_beside_its_overlay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "base", "a = 1")
    own = write(tmp_path, "over", "extends = 'base.toml'\nb = 2")
    monkeypatch.chdir(Path(tmp_path).parent)
    tables, _, _ = library.read_extended("models", own)
    assert tables == {"a": 1, "b": 2}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_cycle_is_refused_and_shown(tmp_path: Path, length: int) -> None:
    for number in range(length):
        write(tmp_path, f"c{number}", f"extends = 'c{(number + 1) % length}'")
    with pytest.raises(InputError, match=r"c0\.toml: extends itself through c0\.toml"):
        library.read_extended("models", str(tmp_path / "c0.toml"))


def test_extends_wants_a_name_that_exists(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"bad\.toml: extends = 3: wanted the name of a model"):
        library.read_extended("models", write(tmp_path, "bad", "extends = 3"))
    with pytest.raises(UnknownNameError, match=r"no protocol named 'kanerva'; there is: .*recall"):
        library.read_extended("protocols", write(tmp_path, "bad", "extends = 'kanerva'"))


def test_a_table_of_another_kind_replaces_the_old_one_whole() -> None:
    base = {"rule": {"kind": "dendrites", "dendrites": 4}, "delay": 1}
    assert library.merge(base, {"rule": {"kind": "all_to_all"}}) == {"rule": {"kind": "all_to_all"}, "delay": 1}
    assert library.merge(base, {"rule": {"dendrites": 5}})["rule"] == {"kind": "dendrites", "dendrites": 5}


def test_another_cell_replaces_the_parameters_and_keeps_the_rest() -> None:
    base = {"cell": "eglif", "layer": "olive", "parameters": {"A1": 1, "E_L": 2}, "spread": {"A1": 1}}
    over = {"cell": "conductance_lif", "parameters": {"E_L": 3}}
    assert library.merge(base, over) == {"cell": "conductance_lif", "layer": "olive", "parameters": {"E_L": 3}}
    assert library.merge(base, {"cell": "eglif", "parameters": {"E_L": 3}})["parameters"] == {"A1": 1, "E_L": 3}
    assert library.merge(base, {"rule": 3})["rule"] == 3


keys = st.sampled_from("abc")
tables = st.recursive(
    st.dictionaries(keys, st.integers() | st.lists(st.integers(), max_size=2), max_size=3),
    lambda inner: st.dictionaries(keys, inner | st.integers(), max_size=3),
    max_leaves=8,
)


@given(tables, tables)
def test_merging_changes_neither_argument_and_laying_it_on_twice_changes_nothing(
    base: dict[str, Any], over: dict[str, Any]
) -> None:
    before = repr(base), repr(over)
    once = library.merge(base, over)
    assert (repr(base), repr(over)) == before
    assert library.merge(once, over) == once
    assert library.merge(base, {}) == base
    assert library.merge({}, over) == over


def settings_on(**given: str) -> dict[str, Any]:
    tables = {
        "count": [3, "1", "paper"],
        "noise": [0, 6, 12],
        "flag": True,
        "name": "x",
        "deep": {"tau": [1.5, "ms", "paper"]},
    }
    return library.apply_settings(tables, {key.replace("__", "."): text for key, text in given.items()})


def test_a_bare_number_keeps_the_unit_and_marks_the_source() -> None:
    assert settings_on(count="5")["count"] == [5, "1", "set: on the command line"]
    assert settings_on(deep__tau="2.5")["deep"]["tau"] == [2.5, "ms", "set: on the command line"]


def test_settings_are_read_as_toml_or_else_as_text() -> None:
    made = settings_on(noise="[1, 2]", flag="false", name="random", deep__tau='[2, "us", "assumed: x"]')
    assert made["noise"] == [1, 2]
    assert made["flag"] is False
    assert made["name"] == "random"
    assert made["deep"]["tau"] == [2, "us", "assumed: x"]
    assert settings_on(name='"5"')["name"] == "5"


@pytest.mark.parametrize(
    ("key", "listed"),
    [("cuont", "count, noise"), ("deep.tua", "deep.tau"), ("deep.tau.x", "nothing"), ("a.b.c", "deep")],
)
def test_a_setting_of_no_key_lists_the_keys_there(key: str, listed: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        settings_on(**{key.replace(".", "__"): "1"})
    assert f"--set {key}: no such key" in str(caught.value)
    assert listed in str(caught.value)
