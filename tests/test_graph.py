"""The connectome as graphs: what they hold, GraphML and back, the refusal of what would not fit."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from cerebellum.connectome import graph as graphs
from cerebellum.connectome.connectome import Connectome
from cerebellum.errors import ResourceError


def test_the_population_graph_has_every_population_and_projection(connectome: Connectome) -> None:
    made, circuit = graphs.population_graph(connectome), connectome.circuit
    assert set(made) == set(circuit.population)
    assert {key for _, _, key in made.edges(keys=True)} == set(circuit.projection)
    assert made.nodes["granule"] == {"cells": 800, "cell_model": "lif"}
    edge = made.edges["mossy_fiber", "granule", "mossy_fiber_to_granule"]
    assert (edge["synapses"], edge["convergence_mean"], edge["rule"]) == (3200, 4.0, "dendrites")
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


@pytest.mark.parametrize("cells", [False, True])
def test_graphml_comes_back_as_it_went(connectome: Connectome, tmp_path: Path, cells: bool) -> None:
    made = graphs.cell_graph(connectome, ["mossy_fiber_to_granule"]) if cells else graphs.population_graph(connectome)
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
