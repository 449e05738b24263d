"""Colours and places of populations: the model file's, or free ones."""

from __future__ import annotations

import numpy as np

from cerebellum.description.circuit import Circuit, load_model
from cerebellum.plotting.style import APART, CYCLE, colours, places


def stripped(names: set[str]) -> Circuit:
    """The mouse circuit without colour and place of some populations."""
    tables = load_model("mouse").model_dump(by_alias=True)
    for name in names:
        tables["population"][name] |= {"colour": None, "place": None}
    return Circuit.model_validate(tables)


def test_the_models_own_come_first() -> None:
    circuit = stripped({"golgi"})
    assert colours(circuit)["granule"] == circuit.population["granule"].colour
    assert places(circuit)["granule"] == circuit.population["granule"].place
    assert colours(circuit)["golgi"] == CYCLE[0]


def test_every_population_finds_a_colour_and_a_place_of_its_own() -> None:
    names = set(load_model("mouse").population)
    for circuit in (stripped({"stellate", "nuclear"}), stripped(names)):
        found = np.array(list(places(circuit).values()))
        apart = np.abs(found[:, None] - found[None, :]).max(axis=-1) + 10 * np.eye(len(found))
        without = [n for n, population in circuit.population.items() if population.place is None]
        rows = [list(places(circuit)).index(name) for name in without]
        assert apart[rows].min() >= APART - 1e-9
        assert set(colours(circuit)) == set(places(circuit)) == names
    assert len(set(colours(stripped({"stellate", "nuclear"})).values())) == len(names)


def test_signals_run_from_left_to_right() -> None:
    found = places(stripped(set(load_model("mouse").population)))
    assert found["mossy_fiber"][0] < found["glomerulus"][0] < found["granule"][0] < found["purkinje"][0]
