"""Drawing the synapses of one projection by its rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cerebellum.description.wiring import (
    AllToAll,
    Claws,
    Convergence,
    Dendrites,
    Glomeruli,
    Microzone,
    Reach,
    Spillover,
    Territory,
)
from cerebellum.typing import Cells, Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit
    from cerebellum.description.projection import Projection


@dataclass(frozen=True)
class Edges:
    """Synapses of one projection: cell numbers, both of shape (synapses,), ordered by `pre`, then `post`.

    A spike reaches all synapses of one `pre`: side by side in memory they are read several times faster. `contacts`
    are the synaptic contacts folded into each synapse, shape (synapses,); None is one.
    """

    pre: Cells
    post: Cells
    contacts: Floats | None = None

    def __len__(self) -> int:
        return len(self.pre)


def zone_of(cells: int, zones: int) -> Cells:
    """Microzone of each cell, shape (cells,): equal runs of neighbouring cells."""
    return (np.arange(cells) * zones // cells).astype(np.int32)


def draw(
    circuit: Circuit,
    projection: Projection,
    places: Mapping[str, Floats],
    drawn: Mapping[str, Edges],
    rng: np.random.Generator,
) -> Edges:
    """Synapses of a projection.

    Parameters
    ----------
    places : population -> positions (m), for rules that ask for them
    drawn : the projections drawn before, for rules that follow another
    """
    edges = _plain(circuit, projection, rng)
    if edges is None:
        edges = _placed(circuit, projection, places, drawn, rng)
    if projection.contacts is not None:
        mean, sd = projection.contacts.mean.number, projection.contacts.sd.number
        contacts = np.maximum(np.rint(mean + sd * rng.standard_normal(len(edges))), 1.0)
        edges = Edges(edges.pre, edges.post, contacts if edges.contacts is None else contacts * edges.contacts)
    return edges


def _plain(circuit: Circuit, projection: Projection, rng: np.random.Generator) -> Edges | None:
    """Rules that need no positions; None for the others."""
    sources, targets, rule = circuit.size(projection.source), circuit.size(projection.target), projection.rule
    if isinstance(rule, Dendrites):
        lines = _distinct(targets, sources // 2, int(rule.dendrites.number), rng)
        return _by_source(2 * lines + rng.integers(0, 2, lines.shape, dtype=np.int32))
    if isinstance(rule, Convergence):
        return _by_source(_distinct(targets, sources, int(rule.convergence.number), rng))
    if isinstance(rule, Microzone):
        pre, post = np.nonzero(zone_of(sources, circuit.zones)[:, None] == zone_of(targets, circuit.zones)[None, :])
        return Edges(pre.astype(np.int32), post.astype(np.int32))
    if isinstance(rule, AllToAll):
        repeated = np.repeat(np.arange(sources, dtype=np.int32), targets)
        tiled = np.tile(np.arange(targets, dtype=np.int32), sources)
        return Edges(np.asarray(repeated, np.int32), np.asarray(tiled, np.int32))
    return None


def _placed(
    circuit: Circuit,
    projection: Projection,
    places: Mapping[str, Floats],
    drawn: Mapping[str, Edges],
    rng: np.random.Generator,
) -> Edges:
    rule, sources, targets = projection.rule, places[projection.source], places[projection.target]
    if isinstance(rule, Reach):
        return _reach(circuit, projection, rule, sources, targets, rng)
    if isinstance(rule, Territory):
        return _territory(rule, sources, targets, rng)
    if isinstance(rule, Claws):
        return _claws(rule, sources, targets, drawn[rule.through], rng)
    if isinstance(rule, Glomeruli):
        feed = drawn[rule.through]
        relay = places[circuit.projection[rule.through].source]
        return _glomeruli(rule, sources, relay, feed, len(targets))
    assert isinstance(rule, Spillover)
    return _spillover(drawn[rule.climbing], drawn[rule.of], len(sources), len(targets))


def _distinct(rows: int, things: int, chosen: int, rng: np.random.Generator) -> Cells:
    """`chosen` different numbers below `things` in each of `rows` rows, sorted, shape (rows, chosen)."""
    if chosen == things:
        return np.tile(np.arange(things, dtype=np.int32), (rows, 1))
    out = np.empty((rows, chosen), dtype=np.int32)
    block = max(1, 4_000_000 // things)
    for first in range(0, rows, block):
        keys = rng.random((min(block, rows - first), things), dtype=np.float32)
        out[first : first + len(keys)] = np.argpartition(keys, chosen - 1, axis=1)[:, :chosen]
    return np.sort(out, axis=1)


def _by_source(sources: Cells) -> Edges:
    """Edges from the sources of every target, shape (targets, convergence)."""
    targets, convergence = sources.shape
    pre, post = sources.ravel(), np.repeat(np.arange(targets, dtype=np.int32), convergence)
    order = np.argsort(pre, kind="stable")
    return Edges(pre[order], post[order])


def ordered(pre: Cells, post: Cells, contacts: Floats | None = None) -> Edges:
    """Edges by `pre`, then `post`."""
    order = np.lexsort((post, pre))
    return Edges(
        pre[order].astype(np.int32), post[order].astype(np.int32), None if contacts is None else contacts[order]
    )


def _reach(
    circuit: Circuit, projection: Projection, rule: Reach, sources: Floats, targets: Floats, rng: np.random.Generator
) -> Edges:
    own = projection.source == projection.target
    source_zone, target_zone = zone_of(len(sources), circuit.zones), zone_of(len(targets), circuit.zones)
    mean = rule.convergence.number
    if rule.sd is None:
        sizes = int(mean) + (rng.random(len(targets)) < mean % 1)
    else:
        sizes = np.maximum(np.rint(mean + rule.sd.number * rng.standard_normal(len(targets))), 0).astype(int)
    by_y = np.argsort(sources[:, 1], kind="stable")
    sorted_y = sources[by_y, 1]

    def within(cell: int, candidates: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
        """Those of the candidates that the rule allows, and their distances."""
        if rule.microzone:
            candidates = candidates[source_zone[candidates] == target_zone[cell]]
        if own:
            candidates = candidates[candidates != cell]
        return candidates, _distance(sources[candidates] - targets[cell], rule)

    everyone = np.arange(len(sources))
    pre, post, folds = [], [], []
    for cell, wanted in enumerate(sizes.tolist()):
        band = everyone
        if rule.y is not None:  # look only where cells can lie; the margin keeps rounding out of it
            width = 1.001 * rule.y.si
            first, last = np.searchsorted(sorted_y, [targets[cell, 1] - width, targets[cell, 1] + width])
            band = np.sort(by_y[first:last])
        open_to, distance = within(cell, band)
        inside = open_to[distance <= 1.0]
        if len(inside) >= wanted:
            chosen = rng.choice(inside, wanted, replace=False, shuffle=False)
        else:
            open_to, distance = within(cell, everyone)
            chosen = open_to[np.argsort(distance, kind="stable")[:wanted]]
        pre.append(chosen)
        post.append(np.full(len(chosen), cell))
        # Contacts that a source population too small leaves over are spread evenly on its cells.
        folds.append(wanted // max(len(chosen), 1) + (np.arange(len(chosen)) < wanted % max(len(chosen), 1)))
    contacts = np.concatenate(folds).astype(float)
    edges = np.concatenate(pre), np.concatenate(post)
    return ordered(*edges, contacts if contacts.max(initial=1.0) > 1 else None)


def _distance(offset: Floats, rule: Reach) -> Floats:
    """Distance in units of the rule's reach: 1 at its edge, shape (sources,)."""
    parts = [np.zeros(len(offset))]
    if rule.radius is not None:
        parts.append(np.linalg.norm(offset, axis=1) / rule.radius.si)
    if rule.x is not None:
        parts.append(np.abs(offset[:, 0]) / rule.x.si)
    if rule.y is not None:
        parts.append(np.abs(offset[:, 1]) / rule.y.si)
    return np.max(parts, axis=0)


def _territory(rule: Territory, sources: Floats, targets: Floats, rng: np.random.Generator) -> Edges:
    offset = np.abs(targets[:, None, :2] - sources[None, :, :2])
    distance = np.linalg.norm(offset, axis=2)
    weight = np.exp(-distance / rule.length.si)
    weight[(offset[..., 0] > rule.x.si / 2) | (offset[..., 1] > rule.y.si / 2)] = 0.0
    empty = weight.sum(axis=1) == 0.0
    weight[empty, distance[empty].argmin(axis=1)] = 1.0
    total = np.cumsum(weight, axis=1)
    chosen = (total < rng.random(len(targets))[:, None] * total[:, -1:]).sum(axis=1)
    return ordered(chosen.astype(np.int32), np.arange(len(targets), dtype=np.int32))


def _claws(rule: Claws, relay: Floats, targets: Floats, feed: Edges, rng: np.random.Generator) -> Edges:
    from scipy.spatial import cKDTree

    source = np.empty(len(relay), dtype=np.int64)
    source[feed.post] = feed.pre  # one source feeds each relay cell
    wanted = int(rule.dendrites.number)
    near = cKDTree(relay).query_ball_point(targets, rule.radius.si, return_sorted=True)
    rows = np.empty((len(targets), wanted), dtype=np.int32)
    for cell, candidates in enumerate(near):
        chosen = _different(rng.permutation(np.asarray(candidates, dtype=np.int64)), source, wanted)
        if len(chosen) < wanted:
            by_distance = np.argsort(np.linalg.norm(relay - targets[cell], axis=1), kind="stable")
            chosen = _different(np.concatenate([chosen, by_distance]), source, wanted)
        rows[cell] = np.sort(chosen)
    return _by_source(rows)


def _different(candidates: NDArray[np.int64], source: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """The first `wanted` candidates of different sources; fewer if there are no more."""
    _, first = np.unique(source[candidates], return_index=True)
    return candidates[np.sort(first)[:wanted]]


def _glomeruli(rule: Glomeruli, sources: Floats, relay: Floats, feed: Edges, targets: int) -> Edges:
    """Pairs that meet in more than one relay cell make as many contacts."""
    from scipy.spatial import cKDTree

    number = min(int(rule.glomeruli.number), len(relay))
    distance, chosen = cKDTree(relay).query(sources, k=np.arange(1, number + 1))
    first = np.searchsorted(feed.pre, np.arange(len(relay) + 1))
    pairs = [
        np.concatenate([feed.post[first[r] : first[r + 1]] for r in row[near <= rule.radius.si]] or [np.empty(0, int)])
        for row, near in zip(chosen, distance, strict=True)
    ]
    keys = np.concatenate([cell * targets + posts.astype(np.int64) for cell, posts in enumerate(pairs)])
    unique, counts = np.unique(keys, return_counts=True)
    return Edges((unique // targets).astype(np.int32), (unique % targets).astype(np.int32), counts.astype(float))


def _spillover(climbing: Edges, contacts: Edges, sources: int, targets: int) -> Edges:
    from scipy.sparse import csr_matrix

    purkinje = max(climbing.post.max(initial=-1), contacts.post.max(initial=-1)) + 1
    climbs = csr_matrix((np.ones(len(climbing)), (climbing.pre, climbing.post)), shape=(sources, purkinje))
    reached = csr_matrix((np.ones(len(contacts)), (contacts.post, contacts.pre)), shape=(purkinje, targets))
    pre, post = (climbs @ reached).nonzero()
    return ordered(pre.astype(np.int32), post.astype(np.int32))


def expected(circuit: Circuit, projection: Projection) -> int:
    """Number of synapses of a projection before drawing; for rules with chance in it, about."""
    sources, targets, rule = circuit.size(projection.source), circuit.size(projection.target), projection.rule
    if isinstance(rule, Dendrites | Claws):
        return targets * int(rule.dendrites.number)
    if isinstance(rule, Convergence):
        return targets * int(rule.convergence.number)
    if isinstance(rule, Reach):
        within = sources // (circuit.zones if rule.microzone else 1) - (projection.source == projection.target)
        return round(targets * min(rule.convergence.number, max(within, 0)))
    if isinstance(rule, Territory):
        return targets
    if isinstance(rule, Glomeruli):
        claws = expected(circuit, circuit.projection[rule.through])
        relay = circuit.size(circuit.projection[rule.through].source)
        return round(sources * min(int(rule.glomeruli.number), relay) * claws / relay)
    if isinstance(rule, Spillover):
        # Different climbing fibres among those of the Purkinje cells that an interneuron contacts.
        contacted = expected(circuit, circuit.projection[rule.of]) / targets
        return round(targets * sources * (1 - (1 - 1 / sources) ** contacted))
    return sources * targets // (circuit.zones if isinstance(rule, Microzone) else 1)


def expected_synapses(circuit: Circuit) -> dict[str, int]:
    """Number of synapses of each projection, before sampling."""
    return {name: expected(circuit, projection) for name, projection in circuit.projection.items()}
