"""The connectome as graphs: what they hold, GraphML and back, the refusal of what would not fit."""

from __future__ import annotations

import re
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from cerebellum.connectome import graph as graphs
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import load_model
from cerebellum.description.units import Value
from cerebellum.errors import InputError, ResourceError


def test_the_population_graph_has_every_population_and_projection(connectome: Connectome) -> None:
    made, circuit = graphs.population_graph(connectome), connectome.circuit
    assert set(made) == set(circuit.population)
    assert {key for _, _, key in made.edges(keys=True)} == set(circuit.projection)
    assert made.nodes["granule"] == {"cells": 800, "cell_model": "lif"}
    edge = made.edges["mossy_fiber", "granule", "mossy_fiber_to_granule"]
    assert (edge["synapses"], edge["convergence_mean"], edge["rule"]) == (3200, 4.0, "dendrites")
    projection = circuit.projection["mossy_fiber_to_granule"]
    assert isinstance(projection.weight, Value)
    assert (edge["weight"], edge["contacts"], edge["delay"]) == (projection.weight.si, 1.0, projection.delay.si)
    solved = made.edges["golgi", "granule", "golgi_to_granule"]
    assert solved["weight"] == connectome.weight["golgi_to_granule"] > 0
    plastic = [name for _, _, name, on in made.edges(keys=True, data="plastic") if on]
    assert plastic == ["parallel_fiber_to_purkinje"]


def test_the_cell_graph_has_every_synapse_of_the_chosen_projections(connectome: Connectome) -> None:
    made = graphs.cell_graph(connectome, ["mossy_fiber_to_granule", "climbing_fiber_to_purkinje"])
    assert made.number_of_edges() == 3200 + 128
    assert made.number_of_nodes() == 512 + 800 + 64 + 128
    edges = connectome.edges["mossy_fiber_to_granule"]
    for number in (0, 1000, 3199):
        assert made.has_edge(f"mossy_fiber/{edges.pre[number]}", f"granule/{edges.post[number]}")
    degree = [made.in_degree(f"granule/{cell}") for cell in range(800)]
    assert np.array_equal(degree, np.full(800, 4))


@pytest.fixture(scope="module")
def mouse() -> Connectome:
    """A tenth of the mouse circuit: cells have places, some synapses several contacts, relays no weights."""
    return sample(load_model("mouse", {"scale": "0.1"}), 1)


CHOSEN = ["parallel_fiber_to_purkinje", "golgi_to_golgi", "mossy_fiber_to_glomerulus", "basket_to_purkinje"]


def ids_of(path: Path) -> list[str]:
    return re.findall(r'<edge [^>]*\bid="([^"]*)"', path.read_text())


def test_every_synapse_is_an_edge_of_its_own_with_its_weight_delay_and_contacts(
    mouse: Connectome, tmp_path: Path
) -> None:
    """As networkx reads the file, against the connectome's arrays; two projections can connect the same two cells."""
    path = tmp_path / "cells.graphml"
    graphs.write_graphml(graphs.cell_graph(mouse, CHOSEN), path)
    total = sum(len(mouse.edges[name]) for name in CHOSEN)
    assert len(set(ids_of(path))) == len(ids_of(path)) == total
    back = nx.read_graphml(path, force_multigraph=True)
    assert back.number_of_edges() == total
    several = 0
    for name in CHOSEN:
        projection, edges = mouse.circuit.projection[name], mouse.edges[name]
        for number in range(0, len(edges), 1 + len(edges) // 50):
            ends = f"{projection.source}/{edges.pre[number]}", f"{projection.target}/{edges.post[number]}"
            found = back.edges[(*ends, f"{name}/{number}")]
            contacts = 1 if edges.contacts is None else int(edges.contacts[number])
            several += contacts > 1
            assert found["projection"] == name
            assert found["contacts"] == contacts
            assert found["delay"] == projection.delay.si
            if projection.weight is None:
                assert "weight" not in found
            else:
                assert isinstance(projection.weight, Value)
                assert found["weight"] == pytest.approx(contacts * projection.weight.si, rel=1e-12)
    assert several > 10


def test_cells_and_populations_have_their_places(mouse: Connectome, tmp_path: Path) -> None:
    for made, name in ((graphs.cell_graph(mouse, CHOSEN), "cells"), (graphs.population_graph(mouse), "populations")):
        path = tmp_path / f"{name}.graphml"
        graphs.write_graphml(made, path)
        back = nx.read_graphml(path)
        assert "positions x, y, z: m" in back.graph["units"]
        for population in ("purkinje", "golgi"):
            places = mouse.positions[population]
            wanted = {population: places.mean(axis=0)}
            if name == "cells":
                wanted = {f"{population}/{cell}": places[cell] for cell in range(len(places))}
            for node, place in wanted.items():
                assert [back.nodes[node][axis] for axis in "xyz"] == pytest.approx(place.tolist(), rel=1e-12)


def test_a_graph_is_not_written_over_another_unless_that_is_asked_for(connectome: Connectome, tmp_path: Path) -> None:
    path = tmp_path / "new" / "graph.graphml"
    made = graphs.population_graph(connectome)
    graphs.write_graphml(made, path)
    with pytest.raises(InputError, match="someone else"):
        graphs.write_graphml(made, path)
    graphs.write_graphml(made, path, replace=True)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("cells", [False, True])
def test_graphml_comes_back_as_it_went(connectome: Connectome, tmp_path: Path, cells: bool) -> None:
    made = graphs.cell_graph(connectome, ["mossy_fiber_to_granule"]) if cells else graphs.population_graph(connectome)
    assert len(set(key for _, _, key in made.edges(keys=True))) == made.number_of_edges()
    path = tmp_path / "graph.graphml"
    graphs.write_graphml(made, path)
    back = nx.read_graphml(path, force_multigraph=True)
    assert dict(back.nodes(data=True)) == dict(made.nodes(data=True))
    ends = sorted((a, b, str(sorted(data.items()))) for a, b, data in made.edges(data=True))
    assert (
        sorted((a, b, str(sorted(d for d in data.items() if d[0] != "id"))) for a, b, data in back.edges(data=True))
        == ends
    )


def test_a_cell_graph_that_would_not_fit_is_refused(connectome: Connectome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "MAX_CELL_EDGES", 3199)
    with pytest.raises(ResourceError, match=r"3,200 synapses .* at most 3,199: choose projections"):
        graphs.cell_graph(connectome, ["mossy_fiber_to_granule"])
    assert graphs.cell_graph(connectome, ["climbing_fiber_to_purkinje"]).number_of_edges() == 128
