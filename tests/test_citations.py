"""What a run rests on, as BibTeX."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cerebellum.cli import citations
from cerebellum.description import library
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import InputError

KEY = re.compile(r"^@(\w+)\{([\w-]+),$", re.MULTILINE)


def run_folder(path: Path, protocol: str, model: str, engines: list[str]) -> Path:
    """What `cite` reads of a run folder."""
    path.mkdir()
    told = {
        "model": load_model(model).model_dump(mode="json", by_alias=True),
        "protocol": load_protocol(protocol).model_dump(mode="json"),
        "engines": {name: {} for name in engines},
        "versions": {"cerebellum": "0.1.0"},
        "seed": 1,
    }
    (path / "run.json").write_text(json.dumps(told))
    (path / "summary.json").write_text("{}")
    return path


def keys(text: str) -> list[str]:
    return [key for _, key in KEY.findall(text)]


def test_a_source_becomes_an_entry_with_its_fields() -> None:
    text = "Kuriyama R, D'Angelo E, Yamazaki T (2021) Real-time simulation. Front Cell Neurosci 15:623552, and its code"
    found = citations.entry("kuriyama2021", text)
    assert found.startswith("@article{kuriyama2021,\n")
    assert "author = {Kuriyama, R. and D'Angelo, E. and Yamazaki, T.}" in found
    for field in (
        "year = {2021}",
        "journal = {Front Cell Neurosci}",
        "volume = {15}",
        "pages = {623552}",
        "and its code",
    ):
        assert field in found
    assert "and others}" in citations.entry("x", "Casali S et al. (2019) Title. Journal 1:2")
    assert citations.entry("x", "a model, version 4_2").endswith("note = {a model, version 4\\_2}\n}")


@pytest.mark.parametrize("kind", ["models", "protocols"])
def test_every_shipped_source_is_an_entry_that_parses(kind: str) -> None:
    for name in library.names(kind):
        content, _, _ = library.read_extended(kind, name)
        for key, text in content.get("sources", {}).items():
            found = citations.entry(key, text)
            assert keys(found) == [key]
            assert found.count("{") == found.count("}")


def test_a_run_cites_its_values_and_the_methods_that_it_used(tmp_path: Path) -> None:
    text = citations.of_run(run_folder(tmp_path / "a", "recall", "jaeckel", ["spiking", "volley"]))
    found = keys(text)
    assert len(set(found)) == len(found)
    assert {"cerebellum", "brian2", "torch", "nwb", "scikitlearn", "kanerva1988", "bricken2021"} <= set(found)
    assert not {"geminiani2018", "tsodyks1998"} & set(found)
    assert text.count("{") == text.count("}")
    text = citations.of_run(run_folder(tmp_path / "b", "background", "mouse_stp", ["rate"]))
    assert {"geminiani2018", "tsodyks1998", "torch", "casali2019", "cm42", "cm42-protocol"} <= set(keys(text))
    assert not {"brian2", "nwb", "bricken2021"} & set(keys(text))


def test_every_method_can_be_asked_for() -> None:
    everything = citations.used_methods(load_model("mouse_stp"), load_protocol("recall"), {"spiking": {}, "rate": {}})
    assert set(everything) == set(citations.methods())


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a run folder"):
        citations.of_run(tmp_path)
