"""One sampled connectome: who contacts whom, and how cells of a population differ. Both engines use these arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.connectome import drawn, groups, placement, weights, wiring
from cerebellum.connectome.wiring import expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.edges import Edges, ordered, zone_of
from cerebellum.description.projection import GapJunction, Release
from cerebellum.description.wiring import Ends
from cerebellum.errors import ArgumentError
from cerebellum.machine.streams import generator
from cerebellum.typing import Cells, Floats

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Connectome", "Degree", "Edges", "degrees", "expected_synapses", "generator", "sample", "zone_of"]


@dataclass(frozen=True, repr=False)
class Connectome:
    """Sampled numbers of a circuit.

    Attributes
    ----------
    edges : projection -> Edges
    parameters : population -> parameter -> SI value, a float or (for a spread parameter) shape (cells,)
    start : population -> fraction of the way from reset to threshold at time 0, shape (cells,); only 'spread' ones
    positions : population -> soma centres, m, shape (cells, 3); empty for a circuit without a volume
    gaps : gap junction -> its coupled pairs, each in both directions; only those that conduct
    weight : projection -> weight of one contact, A or S, solved ones too; none onto relay cells
    resting_current : population -> receptor -> mean current at time 0 from cells that fire by themselves, A
    learned : plastic projection -> weight of every synapse at time 0, where an earlier run has made them, A or S,
        shape (synapses,)
    release : projection -> its short-term plasticity; only those that have it
    """

    circuit: Circuit
    seed: int
    edges: dict[str, Edges]
    parameters: dict[str, dict[str, float | Floats]]
    start: dict[str, Floats]
    positions: dict[str, Floats] = field(default_factory=dict)
    gaps: dict[str, Edges] = field(default_factory=dict)
    weight: dict[str, float] = field(default_factory=dict)
    resting_current: dict[str, dict[str, float]] = field(default_factory=dict)
    learned: dict[str, Floats] = field(default_factory=dict)
    release: dict[str, Release] = field(default_factory=dict)

    def __repr__(self) -> str:
        cells = sum(self.size(name) for name in self.circuit.population)
        synapses = sum(len(edges) for edges in self.edges.values())
        return f"<connectome of {self.circuit.title}, seed {self.seed}: {cells:,} cells, {synapses:,} synapses>"

    def weights_at_begin(self, projection: str) -> Floats:
        """Weight of one contact of every synapse of a plastic projection at time 0, A or S, shape (synapses,)."""
        if projection in self.learned:
            return self.learned[projection]
        return np.full(len(self.edges[projection]), self.weight[projection])

    def size(self, population: str) -> int:
        """Number of cells of a population."""
        return self.circuit.size(population)

    def matrix(self, projection: str) -> Cells:
        """Sources of every target cell, shape (targets, convergence).

        Raises
        ------
        ArgumentError
            If the target cells differ in their number of synapses.
        """
        edges, targets = self.edges[projection], self.circuit.size(self.circuit.projection[projection].target)
        counts = np.bincount(edges.post, minlength=targets)
        if counts.min() != counts.max():
            raise ArgumentError("projection", projection, "its target cells have different numbers of synapses")
        return edges.pre[np.argsort(edges.post, kind="stable")].reshape(targets, -1)


def sample(circuit: Circuit, seed: int) -> Connectome:
    """Draw a connectome, and solve the weights that its file leaves open; the same arguments give the same arrays.

    Raises
    ------
    ModelFileError
        If a weight cannot be solved.
    """
    solved = weights.solve(circuit)
    places = placement.positions(circuit, seed)
    edges: dict[str, Edges] = {}
    for name, projection in circuit.projection.items():
        found = wiring.draw(Ends(circuit, projection, places, edges), generator(seed, "edges", name))
        edges[name] = groups.with_sites(circuit, name, found, edges, seed)
    parameters: dict[str, dict[str, float | Floats]] = {}
    start: dict[str, Floats] = {}
    for name, population in circuit.population.items():
        cells = circuit.size(name)
        parameters[name] = drawn.parameters(circuit, name, seed)
        if population.start == "spread":
            start[name] = generator(seed, "start", name).random(cells)
    gaps = {
        name: _coupled(junction, places[junction.population], generator(seed, "gaps", name))
        for name, junction in circuit.gap_junction.items()
        if junction.conductance.number > 0
    }
    release = {name: one for name in circuit.projection if (one := groups.release(circuit, name, edges, seed))}
    return Connectome(
        circuit, seed, edges, parameters, start, places, gaps, solved.weight, solved.resting_current, release=release
    )


def _coupled(junction: GapJunction, places: Floats, rng: np.random.Generator) -> Edges:
    """Pairs within the radius, each coupled with the probability that gives the wanted mean number of partners."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(places).query_pairs(junction.radius.si, output_type="ndarray")
    share = min(1.0, junction.partners.number * len(places) / (2 * max(len(pairs), 1)))
    chosen = pairs[rng.random(len(pairs)) < share].astype(np.int32)
    return ordered(np.concatenate([chosen[:, 0], chosen[:, 1]]), np.concatenate([chosen[:, 1], chosen[:, 0]]))


@dataclass(frozen=True)
class Degree:
    """Synapses per cell of a projection: mean and standard deviation over cells, and what the description asks.

    A synapse is a pair of cells, whatever its contacts. `realised` counts what the description does: of a rule that
    goes through glomeruli contacts, of all others source cells.
    """

    projection: str
    synapses: int
    convergence_mean: float
    convergence_sd: float
    divergence_mean: float
    divergence_sd: float
    described_convergence: float
    described_sd: float
    realised_convergence: float
    realised_sd: float


def degrees(connectome: Connectome) -> Iterator[Degree]:
    """In- and out-degrees of every projection beside the description, which is of scale 1."""
    circuit, full = connectome.circuit, connectome.circuit.at_full_scale
    for name, edges in connectome.edges.items():
        projection = circuit.projection[name]
        at_full = Ends(full, projection)
        incoming = np.bincount(edges.post, minlength=circuit.size(projection.target))
        outgoing = np.bincount(edges.pre, minlength=circuit.size(projection.source))
        counted = projection.rule.in_degrees(edges, Ends(circuit, projection))
        made = 1.0 if projection.groups is None else projection.groups.made(circuit)
        yield Degree(
            name,
            len(edges),
            float(incoming.mean()),
            float(incoming.std()),
            float(outgoing.mean()),
            float(outgoing.std()),
            projection.rule.convergence_at_full_scale(at_full) * made,
            projection.rule.spread_at_full_scale(at_full),
            float(counted.mean()),
            float(counted.std()),
        )
