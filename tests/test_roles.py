"""A memory whose populations have names of their own is driven, run and read by their roles."""

from __future__ import annotations

import json
from pathlib import Path

import cerebellum
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.description.where import Scene

NAMES = {"mossy_fiber": "afferent", "granule": "grc", "purkinje": "pkj", "inferior_olive": "io", "golgi": "goc"}


def renamed(circuit: Circuit) -> Circuit:
    """The circuit with other names of its populations, wherever they stand, and their roles."""
    tables = circuit.model_dump(mode="json", by_alias=True)
    for name, new in NAMES.items():
        tables["population"][name]["role"] = name
        text = json.dumps(tables).replace(f'"{name}"', f'"{new}"').replace(f'_to_{name}"', f'_to_{new}"')
        tables = json.loads(text)
        tables["population"][new]["role"] = name
    return Circuit.model_validate(tables)


def test_recall_asks_for_roles(
    model_settings: dict[str, str], protocol_settings: dict[str, str], tmp_path: Path
) -> None:
    circuit = renamed(load_model("jaeckel", model_settings))
    assert set(NAMES).isdisjoint(circuit.population)
    plan = load_protocol("recall", protocol_settings)
    result = cerebellum.run(plan, circuit, "both", out=tmp_path / "run")
    assert {"purkinje", "granule", "rate", "sdm_exact"} <= set(result.weights)
    assert result.summary["agreement"]["purkinje_vs_sdm_exact"]["r2"] > 0.9
    assert result.summary["recall"]["purkinje"]["by_flips"]["0"]["patterns"] == 1.0


def test_an_address_lies_on_the_fibres_of_this_role(model_settings: dict[str, str]) -> None:
    circuit = renamed(load_model("jaeckel", model_settings))
    where = load_protocol("mouse_recall").block["read"].stimulus["cue"].where
    assert where.faults("x", Scene(circuit, "afferent")) == []
    assert where.faults("x", Scene(circuit, "io")) == ["x: an address lies on the mossy fibres, not on io"]
