"""A connectome as a SONATA network: nodes and edges in HDF5, their types in CSV, parameters in JSON.

The format is that of Dai K et al. (2020) PLoS Comput Biol 16:e1007696 and its public specification: positions in um,
delays in ms. Weights and parameters are in NEST's units. Every population is a node population, every projection an
edge population, in the connectome's own order. A fibre from outside onto each cell is a virtual population of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.connectome.connectome import Connectome
from cerebellum.description.edges import Edges
from cerebellum.exchange import nest_cells
from cerebellum.exchange.nest_cells import NestCells
from cerebellum.machine.progress import Progress
from cerebellum.typing import Floats, Ints

if TYPE_CHECKING:
    import h5py

MAGIC, VERSION = 0x0A7A, (0, 1)
NODES, EDGES = "network/nodes.h5", "network/edges.h5"
NODE_TYPES, EDGE_TYPES = "network/node_types.csv", "network/edge_types.csv"
CELLS, SYNAPSES = "components/cells", "components/synapses"
FIRST_TYPE = 100
"""Number of the first type of nodes and of edges; one type a population, in the order of the files."""


@dataclass(frozen=True)
class Pathway:
    """An edge population.

    Attributes
    ----------
    one : weight of one contact, in NEST's units
    delay : ms
    port : number of the receptor on the target cells, from 1; 0 of a cell without receptors
    unit : NEST's units of one of ours
    learned : weight of every synapse, in NEST's units, where it has been learned
    """

    name: str
    source: str
    target: str
    edges: Edges
    one: float
    delay: float
    receptor: str
    port: int
    unit: float
    learned: Floats | None = None


def afferent(population: str) -> str:
    """Name of the virtual population of the fibres from outside onto the cells of another."""
    return f"{population}_afferent"


def pathways(connectome: Connectome) -> Iterator[Pathway]:
    """All edge populations: projections, and afferents one to one."""
    circuit = connectome.circuit
    for name, projection in circuit.projection.items():
        unit = nest_cells.weight_unit(connectome, projection.target, projection.receptor)
        yield Pathway(
            name,
            projection.source,
            projection.target,
            connectome.edges[name],
            connectome.weight.get(name, 1.0) * unit,
            projection.delay.si * 1e3,
            projection.receptor,
            nest_cells.port(connectome, projection.target, projection.receptor),
            unit,
            connectome.learned[name] * unit if name in connectome.learned else None,
        )
    for name, population in circuit.population.items():
        if population.afferent is not None:
            own, cells = population.afferent, np.arange(circuit.size(name), dtype=np.int32)
            unit = nest_cells.weight_unit(connectome, name, own.receptor)
            port = nest_cells.port(connectome, name, own.receptor)
            one, delay = own.weight.si * unit, own.delay.si * 1e3
            key = f"{afferent(name)}_to_{name}"
            yield Pathway(key, afferent(name), name, Edges(cells, cells), one, delay, own.receptor, port, unit)


def populations(connectome: Connectome) -> dict[str, NestCells]:
    """All node populations, virtual ones of afferents last."""
    circuit = connectome.circuit
    found = {name: nest_cells.cells_of(connectome, name) for name in circuit.population}
    outside = (name for name, population in circuit.population.items() if population.afferent is not None)
    return found | {afferent(name): NestCells("NULL", "virtual", {}, {}) for name in outside}


def sizes(connectome: Connectome) -> dict[str, int]:
    """Cells of every node population."""
    circuit = connectome.circuit
    outside = {afferent(n): circuit.size(n) for n, p in circuit.population.items() if p.afferent is not None}
    return {name: circuit.size(name) for name in circuit.population} | outside


def write_network(connectome: Connectome, folder: Path, progress: Progress) -> None:
    """Write the network into an existing folder."""
    for below in ("network", CELLS, SYNAPSES):
        (folder / below).mkdir(parents=True)
    _write_nodes(connectome, folder)
    made = list(pathways(connectome))
    _write_edge_types(made, folder)
    total, done = sum(len(one.edges) for one in made), 0
    cells = sizes(connectome)
    with in_memory(folder / EDGES) as file:
        for number, one in enumerate(made, FIRST_TYPE):
            progress("writing edges", done / max(total, 1))
            _write_edges(file.create_group(f"edges/{one.name}"), one, number, cells)
            done += len(one.edges)
    _write_json(folder / "circuit_config.json", _config(connectome))


@contextmanager
def in_memory(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to write, on disk when the block ends: HDF5 crashes the process where a disk is full."""
    import h5py

    with h5py.File(path.name, "w", driver="core", backing_store=False) as file:
        file.attrs["magic"] = np.uint32(MAGIC)
        file.attrs["version"] = np.array(VERSION, dtype=np.uint32)
        yield file
        file.flush()
        path.write_bytes(file.id.get_file_image())


def _write_nodes(connectome: Connectome, folder: Path) -> None:
    rows = ["node_type_id population model_type model_template dynamics_params"]
    number_of = sizes(connectome)
    with in_memory(folder / NODES) as file:
        for number, (name, cells) in enumerate(populations(connectome).items(), FIRST_TYPE):
            size = number_of[name]
            group = file.create_group(f"nodes/{name}")
            _put(group, "node_type_id", np.full(size, number))
            _put(group, "node_group_id", np.zeros(size, int))
            _put(group, "node_group_index", np.arange(size))
            group.create_group("0")
            for axis, key in enumerate("xyz"):
                if name in connectome.positions:
                    _put(group["0"], key, connectome.positions[name][:, axis] * 1e6)
            for key, values in cells.of_each.items():
                _put(group["0"], f"dynamics_params/{key}", np.broadcast_to(values, size))
            parameters = "NULL"
            if cells.kind != "virtual":
                parameters = f"{name}.json"
                _write_json(folder / CELLS / parameters, cells.parameters)
            rows.append(f"{number} {name} {cells.kind} {cells.template} {parameters}")
    (folder / NODE_TYPES).write_text("\n".join(rows) + "\n")


def _write_edge_types(made: list[Pathway], folder: Path) -> None:
    rows = ["edge_type_id population model_template dynamics_params receptor receptor_type syn_weight delay"]
    for number, one in enumerate(made, FIRST_TYPE):
        parameters = {"receptor_type": one.port} if one.port else {}
        _write_json(folder / SYNAPSES / f"{one.name}.json", parameters)
        receptor = one.receptor or "NULL"
        cells = f"{one.name} static_synapse {one.name}.json {receptor} {one.port} {one.one!r} {one.delay!r}"
        rows.append(f"{number} {cells}")
    (folder / EDGE_TYPES).write_text("\n".join(rows) + "\n")


def _write_edges(group: h5py.Group, one: Pathway, number: int, cells: dict[str, int]) -> None:
    edges = one.edges
    for key, ids, population in (("source", edges.pre, one.source), ("target", edges.post, one.target)):
        _put(group, f"{key}_node_id", ids).attrs["node_population"] = population
    _put(group, "edge_type_id", np.full(len(edges), number))
    _put(group, "edge_group_id", np.zeros(len(edges), int))
    _put(group, "edge_group_index", np.arange(len(edges)))
    contacts = np.ones(len(edges)) if edges.contacts is None else edges.contacts
    own = group.create_group("0")
    _put(own, "syn_weight", contacts * (one.one if one.learned is None else one.learned))
    _put(own, "nsyns", contacts)
    _put(own, "delay", np.full(len(edges), one.delay))
    _put(own, "receptor_type", np.full(len(edges), one.port))
    for name, ids, population in (
        ("source_to_target", edges.pre, one.source),
        ("target_to_source", edges.post, one.target),
    ):
        nodes, ranges = index(ids, cells[population])
        _put(group, f"indices/{name}/node_id_to_ranges", nodes)
        _put(group, f"indices/{name}/range_to_edge_id", ranges)


def index(ids: Any, cells: int) -> tuple[Ints, Ints]:
    """Where the edges of each node are: the node's ranges (nodes, 2), and the edges of a range (ranges, 2)."""
    order = np.argsort(ids, kind="stable")
    held = ids[order]
    first = np.ones(len(ids), dtype=bool)
    first[1:] = (np.diff(order) != 1) | (np.diff(held) != 0)
    begin = np.flatnonzero(first)
    length = np.diff(np.append(begin, len(ids)))
    ranges = np.stack([order[begin], order[begin] + length], axis=1)
    edges: Ints = np.searchsorted(held[begin], np.arange(cells + 1))
    return np.stack([edges[:-1], edges[1:]], axis=1), ranges


def _put(group: h5py.Group, name: str, values: Any) -> Any:
    """Whole numbers as small as they fit; no compression, which libsonata's HDF5 cannot read."""
    if np.issubdtype(np.asarray(values).dtype, np.integer):
        values = np.asarray(values).astype(np.uint32)
    return group.create_dataset(name, data=values)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def _config(connectome: Connectome) -> dict[str, Any]:
    return {
        "manifest": {"$BASE": "."},
        "components": {
            "point_neuron_models_dir": f"$BASE/{CELLS}",
            "synaptic_models_dir": f"$BASE/{SYNAPSES}",
        },
        "networks": {
            "nodes": [
                {
                    "nodes_file": f"$BASE/{NODES}",
                    "node_types_file": f"$BASE/{NODE_TYPES}",
                    "populations": {name: {"type": cells.kind} for name, cells in populations(connectome).items()},
                }
            ],
            "edges": [
                {
                    "edges_file": f"$BASE/{EDGES}",
                    "edge_types_file": f"$BASE/{EDGE_TYPES}",
                    "populations": {one.name: {"type": "synapse"} for one in pathways(connectome)},
                }
            ],
        },
    }
