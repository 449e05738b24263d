"""The connectome as networkx graphs, for inspection and for GraphML, which other tools read.

All numbers are in SI units: positions x, y, z of cells in m, delays in s, weights in S (conductances) or A (currents).
The weight of a synapse is that of all its `contacts` together, and of a plastic one that at the begin.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.connectome.connectome import Connectome, Edges, degrees
from cerebellum.errors import ResourceError
from cerebellum.machine.atomic import whole_file
from cerebellum.typing import Floats, Ints

if TYPE_CHECKING:
    import networkx as nx

UNITS = "positions x, y, z: m; delay: s; weight: S or A, of all contacts of a synapse together, before any learning"
MAX_CELL_EDGES = 5_000_000
"""A networkx edge takes several hundred bytes: above this the cell graph would fill a small machine's memory."""


def population_graph(connectome: Connectome) -> nx.MultiDiGraph:
    """Populations as nodes, projections as edges with their degree statistics.

    Nodes have `cells`, `cell_model` and the middle of their cells; edges are keyed by the projection and have means
    over their synapses of `weight` and `contacts`.
    """
    import networkx as nx

    circuit = connectome.circuit
    graph = nx.MultiDiGraph(title=circuit.title, seed=connectome.seed, units=UNITS)
    for name, population in circuit.population.items():
        middle = np.mean(connectome.positions[name], axis=0, keepdims=True) if name in connectome.positions else None
        graph.add_node(name, cells=circuit.size(name), cell_model=population.cell, **_place(middle, 0))
    for degree in degrees(connectome):
        projection, edges = circuit.projection[degree.projection], connectome.edges[degree.projection]
        contacts = float(_contacts(edges).mean()) if len(edges) else 0.0
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
            delay=projection.delay.si,
            contacts=contacts,
            **_weight(connectome, degree.projection, contacts),
        )
    return graph


def cell_graph(connectome: Connectome, projections: list[str] | None = None) -> nx.MultiDiGraph:
    """Cells as nodes '<population>/<number>', synapses as edges of the given projections (default: all).

    Edges are keyed '<projection>/<number>' and have `projection`, `delay`, `contacts`, and a `weight` but onto relay
    cells; nodes have `population` and, in a circuit with a volume, their position.

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
    graph = nx.MultiDiGraph(title=circuit.title, seed=connectome.seed, units=UNITS)
    ends = [end for key in chosen for end in (circuit.projection[key].source, circuit.projection[key].target)]
    for name in dict.fromkeys(ends):
        places = connectome.positions.get(name)
        for cell in range(circuit.size(name)):
            graph.add_node(f"{name}/{cell}", population=name, **_place(places, cell))
    for key in chosen:
        projection, edges = circuit.projection[key], connectome.edges[key]
        same = {"projection": key, "delay": projection.delay.si}
        synapses = zip(edges.pre.tolist(), edges.post.tolist(), _contacts(edges).tolist(), strict=True)
        for number, (pre, post, contacts) in enumerate(synapses):
            own = same | {"contacts": contacts} | _weight(connectome, key, contacts)
            graph.add_edge(f"{projection.source}/{pre}", f"{projection.target}/{post}", f"{key}/{number}", **own)
    return graph


def _place(places: Floats | None, cell: int) -> dict[str, float]:
    return {} if places is None else dict(zip("xyz", places[cell].tolist(), strict=True))


def _contacts(edges: Edges) -> Ints:
    return np.ones(len(edges), np.int64) if edges.contacts is None else np.rint(edges.contacts).astype(np.int64)


def _weight(connectome: Connectome, projection: str, contacts: float) -> dict[str, float]:
    one = connectome.weight.get(projection)
    return {} if one is None else {"weight": one * contacts}


def write_graphml(graph: nx.MultiDiGraph, path: Path, replace: bool = False) -> None:
    """Write a graph as GraphML, whole or not at all; the edges' keys are their ids.

    Raises
    ------
    InputError
        If not `replace` and there is something at `path`.
    CerebellumError
        If the disk does not take it.
    """
    import networkx as nx

    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, replace) as part:
        nx.write_graphml(graph, part)
