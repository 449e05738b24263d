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


def test_colours_of_the_shipped_models_are_told_apart_with_every_kind_of_colour_vision() -> None:
    """At least four times a just noticeable difference (2.3 in CIE L*a*b*), with protanopia and deuteranopia too.

    The matrices are those of Machado, Oliveira and Fernandes (2009), full severity, in linear RGB. The palette before
    this one came within 5: it fails.
    """
    colour = colours(load_model("mouse"))
    protan = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    deutan = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    for seen in (np.eye(3), np.array(protan), np.array(deutan)):
        lab = np.array([_lab(np.clip(seen @ _linear(one), 0, 1)) for one in colour.values()])
        apart = np.linalg.norm(lab[:, None] - lab[None, :], axis=-1) + 1e9 * np.eye(len(lab))
        assert apart.min() > 10.0


def _linear(colour: str) -> np.ndarray:
    part = np.array([int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)])
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def _lab(linear: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ linear / [0.9505, 1.0, 1.089], 1e-4))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
