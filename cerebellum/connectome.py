"""One sampled connectome: who contacts whom, and how cells of a population differ. Both engines use these arrays."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cerebellum.circuit import AllToAll, Circuit, Convergence, Dendrites, Microzone, Projection
from cerebellum.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Edges:
    """Synapses of one projection: cell numbers, both of shape (synapses,), ordered by `pre`, then `post`.

    A spike reaches all synapses of one `pre`: side by side in memory they are read several times faster.
    """

    pre: Ints
    post: Ints

    def __len__(self) -> int:
        return len(self.pre)


@dataclass(frozen=True)
class Connectome:
    """Sampled numbers of a circuit.

    Attributes
    ----------
    edges : projection -> Edges
    parameters : population -> parameter -> SI value, a float or (for a spread parameter) shape (cells,)
    start : population -> fraction of the way from reset to threshold at time 0, shape (cells,); only 'spread' ones
    """

    circuit: Circuit
    seed: int
    edges: dict[str, Edges]
    parameters: dict[str, dict[str, float | Floats]]
    start: dict[str, Floats]

    def matrix(self, projection: str) -> Ints:
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


def generator(seed: int, *name: str) -> np.random.Generator:
    """A random stream of its own for every named thing, so that adding one never changes another."""
    return np.random.default_rng([seed, *(zlib.crc32(part.encode()) for part in name)])


def sample(circuit: Circuit, seed: int) -> Connectome:
    """Draw a connectome; the same circuit and seed give the same arrays."""
    edges = {
        name: _edges(circuit, projection, generator(seed, "edges", name))
        for name, projection in circuit.projection.items()
    }
    parameters: dict[str, dict[str, float | Floats]] = {}
    start: dict[str, Floats] = {}
    for name, population in circuit.population.items():
        cells = circuit.size(name)
        parameters[name] = dict(population.si())
        for key, deviation in population.spread.items():
            draw = generator(seed, "spread", name, key).standard_normal(cells)
            parameters[name][key] = population.parameters[key].si + deviation.si * draw
        if population.start == "spread":
            start[name] = generator(seed, "start", name).random(cells)
    return Connectome(circuit, seed, edges, parameters, start)


def zone_of(cells: int, zones: int) -> Ints:
    """Microzone of each cell, shape (cells,): equal runs of neighbouring cells."""
    return (np.arange(cells) * zones // cells).astype(np.int32)


def _edges(circuit: Circuit, projection: Projection, rng: np.random.Generator) -> Edges:
    sources, targets, rule = circuit.size(projection.source), circuit.size(projection.target), projection.rule
    if isinstance(rule, Dendrites):
        lines = _distinct(targets, sources // 2, int(rule.dendrites.number), rng)
        return _by_source(2 * lines + rng.integers(0, 2, lines.shape, dtype=np.int32))
    if isinstance(rule, Convergence):
        return _by_source(_distinct(targets, sources, int(rule.convergence.number), rng))
    if isinstance(rule, Microzone):
        pre, post = np.nonzero(zone_of(sources, circuit.zones)[:, None] == zone_of(targets, circuit.zones)[None, :])
        return Edges(pre.astype(np.int32), post.astype(np.int32))
    assert isinstance(rule, AllToAll)
    pre = np.repeat(np.arange(sources, dtype=np.int32), targets)
    return Edges(pre, np.tile(np.arange(targets, dtype=np.int32), sources))


def _distinct(rows: int, things: int, chosen: int, rng: np.random.Generator) -> Ints:
    """`chosen` different numbers below `things` in each of `rows` rows, sorted, shape (rows, chosen)."""
    if chosen == things:
        return np.tile(np.arange(things, dtype=np.int32), (rows, 1))
    out = np.empty((rows, chosen), dtype=np.int32)
    block = max(1, 4_000_000 // things)
    for first in range(0, rows, block):
        keys = rng.random((min(block, rows - first), things), dtype=np.float32)
        out[first : first + len(keys)] = np.argpartition(keys, chosen - 1, axis=1)[:, :chosen]
    return np.sort(out, axis=1)


def _by_source(sources: Ints) -> Edges:
    """Edges from the sources of every target, shape (targets, convergence)."""
    targets, convergence = sources.shape
    pre, post = sources.ravel(), np.repeat(np.arange(targets, dtype=np.int32), convergence)
    order = np.argsort(pre, kind="stable")
    return Edges(pre[order], post[order])


def expected_synapses(circuit: Circuit) -> dict[str, int]:
    """Number of synapses of each projection, before sampling."""
    return {name: _expected(circuit, projection) for name, projection in circuit.projection.items()}


def _expected(circuit: Circuit, projection: Projection) -> int:
    sources, targets, rule = circuit.size(projection.source), circuit.size(projection.target), projection.rule
    if isinstance(rule, Dendrites):
        return targets * int(rule.dendrites.number)
    if isinstance(rule, Convergence):
        return targets * int(rule.convergence.number)
    return sources * targets // (circuit.zones if isinstance(rule, Microzone) else 1)


@dataclass(frozen=True)
class Degree:
    """Synapses per cell of a projection: mean and standard deviation over cells, and what the description asks."""

    projection: str
    synapses: int
    convergence_mean: float
    convergence_sd: float
    divergence_mean: float
    divergence_sd: float
    described_convergence: float


def degrees(connectome: Connectome) -> Iterator[Degree]:
    """In- and out-degrees of every projection beside the description."""
    circuit, described = connectome.circuit, expected_synapses(connectome.circuit)
    for name, edges in connectome.edges.items():
        projection = circuit.projection[name]
        incoming = np.bincount(edges.post, minlength=circuit.size(projection.target))
        outgoing = np.bincount(edges.pre, minlength=circuit.size(projection.source))
        yield Degree(
            name,
            len(edges),
            float(incoming.mean()),
            float(incoming.std()),
            float(outgoing.mean()),
            float(outgoing.std()),
            described[name] / circuit.size(projection.target),
        )
