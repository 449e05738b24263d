"""The connectome as networkx graphs, for inspection and for GraphML, which other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cerebellum.connectome.connectome import Connectome, degrees
from cerebellum.errors import ResourceError

if TYPE_CHECKING:
    import networkx as nx

MAX_CELL_EDGES = 5_000_000
"""A networkx edge takes several hundred bytes: above this the cell graph would fill a small machine's memory."""


def population_graph(connectome: Connectome) -> nx.MultiDiGraph:
    """Populations as nodes (`cells`, `cell_model`), projections as edges with their degree statistics."""
    import networkx as nx

    circuit = connectome.circuit
    graph = nx.MultiDiGraph(title=circuit.title, seed=connectome.seed)
    for name, population in circuit.population.items():
        graph.add_node(name, cells=circuit.size(name), cell_model=population.cell)
    for degree in degrees(connectome):
        projection = circuit.projection[degree.projection]
        graph.add_edge(
            projection.source,
            projection.target,
            key=degree.projection,
            projection=degree.projection,
            rule=projection.rule.kind,
            synapses=degree.synapses,
            convergence_mean=degree.convergence_mean,
            convergence_sd=degree.convergence_sd,
            divergence_mean=degree.divergence_mean,
            divergence_sd=degree.divergence_sd,
            described_convergence=degree.described_convergence,
            plastic=projection.plasticity is not None,
        )
    return graph


def cell_graph(connectome: Connectome, projections: list[str] | None = None) -> nx.MultiDiGraph:
    """Cells as nodes '<population>/<number>', synapses as edges of the given projections (default: all).

    Raises
    ------
    ResourceError
        If that is more than MAX_CELL_EDGES synapses.
    """
    import networkx as nx

    circuit = connectome.circuit
    chosen = list(connectome.edges) if projections is None else projections
    total = sum(len(connectome.edges[name]) for name in chosen)
    if total > MAX_CELL_EDGES:
        raise ResourceError(
            f"a cell graph of {total:,} synapses does not fit networkx; wanted at most {MAX_CELL_EDGES:,}: "
            f"choose projections (of {', '.join(connectome.edges)}) or a smaller circuit"
        )
    graph = nx.MultiDiGraph(title=circuit.title, seed=connectome.seed)
    for name in dict.fromkeys(
        end for key in chosen for end in (circuit.projection[key].source, circuit.projection[key].target)
    ):
        graph.add_nodes_from((f"{name}/{cell}" for cell in range(circuit.size(name))), population=name)
    for key in chosen:
        projection, edges = circuit.projection[key], connectome.edges[key]
        graph.add_edges_from(
            (
                (f"{projection.source}/{pre}", f"{projection.target}/{post}")
                for pre, post in zip(edges.pre.tolist(), edges.post.tolist(), strict=True)
            ),
            projection=key,
        )
    return graph


def write_graphml(graph: nx.MultiDiGraph, path: Path) -> None:
    """Write a graph as GraphML."""
    import networkx as nx

    nx.write_graphml(graph, path)
