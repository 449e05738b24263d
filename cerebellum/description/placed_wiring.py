"""Wiring rules of cells in a volume: by territory, through glomeruli, and by spillover. `reach` has that by reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from cerebellum.description.edges import Edges, by_source, ordered, popularity
from cerebellum.description.schema import Count, Extent, Fraction
from cerebellum.description.wiring import Ends, WiringRule
from cerebellum.typing import Floats

PAIRS = 100_000
"""Pairs of cells looked at in one go: what they need fits into a cache."""


class Territory(WiringRule):
    """Each target cell gets one source cell, chosen with a weight exp(-distance / length) inside a box around it.

    The box measures `x` by `y`; where it is empty, the nearest source cell is taken.
    """

    kind: Literal["territory"]
    x: Extent
    y: Extent
    length: Extent

    placed: ClassVar[bool] = True

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """One source a target cell."""
        sources, targets = ends.source_places[:, :2], ends.target_places[:, :2]
        share, chosen = rng.random(len(targets)), np.empty(len(targets), dtype=np.int32)
        rows = max(1, PAIRS // len(sources))
        for first in range(0, len(targets), rows):
            block = slice(first, first + rows)
            total = np.cumsum(self._weight(sources, targets[block]), axis=1)
            chosen[block] = (total < share[block, None] * total[:, -1:]).sum(axis=1)
        return ordered(chosen, np.arange(len(targets), dtype=np.int32))

    def _weight(self, sources: Floats, targets: Floats) -> Floats:
        """Of each pair, shape (targets, sources); places along x and y."""
        offset = np.abs(targets[:, None] - sources[None])
        distance = np.linalg.norm(offset, axis=2)
        weight = np.exp(-distance / self.length.si)
        weight[(offset[..., 0] > self.x.si / 2) | (offset[..., 1] > self.y.si / 2)] = 0.0
        empty = weight.sum(axis=1) == 0.0
        weight[empty, distance[empty].argmin(axis=1)] = 1.0
        return np.asarray(weight)

    def expected(self, ends: Ends) -> int:
        """One a target cell."""
        return ends.targets


class Claws(WiringRule):
    """Each target cell puts `dendrites` claws into relay cells within `radius`, each with another source `through`.

    `through` names the projection that feeds the relay cells. Where too few different sources are within the radius,
    the nearest outside follow. Random claws are drawn evenly within the radius. With `length` near relay cells are
    drawn more often, by a Gaussian of this standard deviation along each axis, and with `uneven` some relay cells more
    than others: cells then share pairs of relay cells more often, with as many claws each.
    """

    kind: Literal["claws"]
    dendrites: Count
    radius: Extent
    through: str
    length: Extent | None = None
    uneven: Fraction | None = None
    """Coefficient of variation of how often a relay cell is chosen; not given: all alike."""

    placed: ClassVar[bool] = True

    @property
    def needs(self) -> tuple[str, ...]:
        """The one that feeds the relay cells."""
        return (self.through,)

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Relay cells of different sources for every cell."""
        from scipy.spatial import cKDTree

        relay, targets, feed = ends.source_places, ends.target_places, ends.drawn[self.through]
        source = dict(zip(feed.post.tolist(), feed.pre.tolist(), strict=True))  # one source feeds each relay cell
        wanted, ordered_by = int(self.dendrites.number), self._order(relay, rng)
        near = cKDTree(relay).query_ball_point(targets, self.radius.si, return_sorted=True)
        rows = []
        for cell, candidates in enumerate(near):
            chosen = _different(ordered_by(targets[cell], candidates), source, wanted)
            if len(chosen) < wanted:
                by_distance = np.argsort(np.linalg.norm(relay - targets[cell], axis=1), kind="stable")
                chosen = _different([*chosen, *by_distance.tolist()], source, wanted)
            rows.append(chosen)
        return by_source(np.sort(np.array(rows, dtype=np.int32), axis=1))

    def _order(self, relay: Floats, rng: np.random.Generator) -> Callable[[Floats, list[int]], list[int]]:
        """What puts candidates of a cell at a place (m) in the order in which it takes them, as `edges.distinct`."""
        if self.length is None and self.uneven is None:

            def shuffled(_: Floats, candidates: list[int]) -> list[int]:
                rng.shuffle(candidates)
                return candidates

            return shuffled
        liked = np.ones(len(relay)) if self.uneven is None else popularity(len(relay), self.uneven.number, rng)
        curve = 0.0 if self.length is None else 0.5 / self.length.si**2

        def order(place: Floats, candidates: list[int]) -> list[int]:
            near = np.array(candidates, dtype=np.int64)
            square = ((relay[near] - place) ** 2).sum(axis=1)
            late = np.log(rng.standard_exponential(len(near)) / liked[near]) + curve * square
            return near[np.argsort(late, kind="stable")].tolist()

        return order

    def expected(self, ends: Ends) -> int:
        """`dendrites` a cell."""
        return ends.targets * int(self.dendrites.number)

    def faults(self, place: str, ends: Ends) -> list[str]:
        """There are as many different sources."""
        circuit = ends.circuit
        feed = circuit.projection.get(self.through)
        if feed is None or feed.source not in circuit.population:
            return []  # a fault of another place
        cells = circuit.size(feed.source)
        if cells >= self.dendrites.number:
            return []
        at = f" at scale {circuit.scale}" if circuit.scale else ""
        return [
            f"{place}.dendrites: found {self.dendrites}; there are only {cells} {feed.source} cells{at}: "
            "wanted a larger scale"
        ]


def _different(candidates: list[int], source: dict[int, int], wanted: int) -> list[int]:
    """The first `wanted` candidates of different sources; fewer if there are no more."""
    first: dict[int, int] = {}
    for candidate in candidates:
        first.setdefault(source[candidate], candidate)
        if len(first) == wanted:
            break
    return list(first.values())


class Glomeruli(WiringRule):
    """Each source cell takes its `glomeruli` nearest relay cells, and with them every target cell with a claw there.

    `through` names the projection from the relay cells to the target cells.
    """

    kind: Literal["glomeruli"]
    glomeruli: Count
    radius: Extent
    through: str

    placed: ClassVar[bool] = True

    @property
    def needs(self) -> tuple[str, ...]:
        """The one from the relay cells."""
        return (self.through,)

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Pairs that meet in more than one relay cell make as many contacts."""
        from scipy.spatial import cKDTree

        feed, targets = ends.drawn[self.through], ends.targets
        relay = ends.other(self.through).source_places
        number = min(int(self.glomeruli.number), len(relay))
        distance, chosen = cKDTree(relay).query(ends.source_places, k=np.arange(1, number + 1))
        first = np.searchsorted(feed.pre, np.arange(len(relay) + 1))
        pairs = [
            np.concatenate(
                [feed.post[first[r] : first[r + 1]] for r in row[near <= self.radius.si]] or [np.empty(0, int)]
            )
            for row, near in zip(chosen, distance, strict=True)
        ]
        keys = np.concatenate([cell * targets + posts.astype(np.int64) for cell, posts in enumerate(pairs)])
        unique, counts = np.unique(keys, return_counts=True)
        return Edges((unique // targets).astype(np.int32), (unique % targets).astype(np.int32), counts.astype(float))

    def expected(self, ends: Ends) -> int:
        """The claws in a source cell's relay cells."""
        through = ends.other(self.through)
        relay = through.sources
        claws = through.projection.rule.expected(through)
        return round(ends.sources * min(int(self.glomeruli.number), relay) * claws / relay)

    def in_degrees(self, edges: Edges, ends: Ends) -> Floats:
        """Contacts: one a claw and source cell that meet, as in `expected`; fewer cells make them."""
        drawn = ends.projection.contacts  # on top of the rule's
        folds = 1.0 if drawn is None else drawn.mean.number
        return np.bincount(edges.post, edges.contacts, minlength=ends.targets) / folds


class Spillover(WiringRule):
    """Climbing fibres reach every interneuron that contacts a Purkinje cell which they climb.

    `of` names the interneurons' projection onto Purkinje cells, `climbing` the climbing fibres'.
    """

    kind: Literal["spillover"]
    of: str
    climbing: str

    @property
    def needs(self) -> tuple[str, ...]:
        """Both."""
        return (self.of, self.climbing)

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Every pair with a Purkinje cell in common."""
        from scipy.sparse import csr_matrix

        climbing, contacts = ends.drawn[self.climbing], ends.drawn[self.of]
        purkinje = max(climbing.post.max(initial=-1), contacts.post.max(initial=-1)) + 1
        climbs = csr_matrix((np.ones(len(climbing)), (climbing.pre, climbing.post)), shape=(ends.sources, purkinje))
        reached = csr_matrix((np.ones(len(contacts)), (contacts.post, contacts.pre)), shape=(purkinje, ends.targets))
        pre, post = (climbs @ reached).nonzero()
        return ordered(pre.astype(np.int32), post.astype(np.int32))

    def expected(self, ends: Ends) -> int:
        """Different climbing fibres among those of the Purkinje cells that an interneuron contacts."""
        of = ends.other(self.of)
        sources, targets = ends.sources, ends.targets
        contacted = of.projection.rule.expected(of) / targets
        return round(targets * sources * (1 - (1 - 1 / sources) ** contacted))
