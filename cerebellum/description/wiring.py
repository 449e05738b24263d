"""Who contacts whom, as a model file says it: what all wiring rules share, and those that ask for no places.

A rule is a table of the file with its own `kind`, and draws its synapses itself. Another package adds one by a
subclass of `WiringRule` and an entry point of the group 'cerebellum.wiring_rules', named as its `kind`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np

from cerebellum.description.edges import Edges, by_source, distinct, popularity, zone_of
from cerebellum.description.schema import ByKind, Count, Fraction, Table
from cerebellum.plugins import Registry
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit
    from cerebellum.description.projection import Projection

WIRING_RULES = Registry(
    "wiring rule",
    "cerebellum.wiring_rules",
    {
        "dendrites": "cerebellum.description.wiring:Dendrites",
        "all_to_all": "cerebellum.description.wiring:AllToAll",
        "convergence": "cerebellum.description.wiring:Convergence",
        "microzone": "cerebellum.description.wiring:Microzone",
        "reach": "cerebellum.description.reach:Reach",
        "territory": "cerebellum.description.placed_wiring:Territory",
        "claws": "cerebellum.description.placed_wiring:Claws",
        "glomeruli": "cerebellum.description.placed_wiring:Glomeruli",
        "spillover": "cerebellum.description.placed_wiring:Spillover",
        "alongside": "cerebellum.description.wiring:Alongside",
    },
)


@dataclass(frozen=True)
class Ends:
    """The two populations that a projection joins, as its rule sees them.

    Attributes
    ----------
    places : population -> soma centres, m, shape (cells, 3); empty before cells are placed, or without a volume
    drawn : projections further up in the file -> their synapses; empty before any is drawn
    """

    circuit: Circuit
    projection: Projection
    places: Mapping[str, Floats] = field(default_factory=dict)
    drawn: Mapping[str, Edges] = field(default_factory=dict)

    @property
    def sources(self) -> int:
        """Number of source cells."""
        return self.circuit.size(self.projection.source)

    @property
    def targets(self) -> int:
        """Number of target cells."""
        return self.circuit.size(self.projection.target)

    @property
    def zones(self) -> int:
        """Number of microzones."""
        return self.circuit.zones

    @property
    def source_places(self) -> Floats:
        """Soma centres of the source cells, m, shape (sources, 3)."""
        return self.places[self.projection.source]

    @property
    def target_places(self) -> Floats:
        """Soma centres of the target cells, m, shape (targets, 3)."""
        return self.places[self.projection.target]

    @property
    def target_box(self) -> tuple[Floats, Floats]:
        """Lower corner and lengths of the box in which the target cells lie, m, both shape (3,)."""
        return self.circuit.box(self.projection.target)

    def other(self, projection: str) -> Ends:
        """The ends of another projection of the circuit."""
        return Ends(self.circuit, self.circuit.projection[projection], self.places, self.drawn)


class WiringRule(Table):
    """What all wiring rules share."""

    kind: str
    placed: ClassVar[bool] = False
    """Whether the rule asks where cells lie."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Projections that must have been drawn before."""
        return ()

    @property
    def zoned(self) -> bool:
        """Whether the rule keeps to microzones, so that both populations must divide into them."""
        return False

    @abstractmethod
    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """The synapses; the same `ends` and `rng` give the same."""

    @abstractmethod
    def expected(self, ends: Ends) -> int:
        """Number of synapses before drawing; for rules with chance in it, about."""

    def convergence_at_full_scale(self, ends: Ends) -> float:
        """Source cells of a target cell that the file asks for; `ends` are of the circuit at scale 1."""
        return self.expected(ends) / ends.targets

    def spread_at_full_scale(self, ends: Ends) -> float:
        """Standard deviation over target cells of the convergence that the file asks for; 0 if it asks for none."""
        return 0.0

    def in_degrees(self, edges: Edges, ends: Ends) -> Floats:
        """What the described convergence counts, of every target cell as drawn: its source cells, shape (targets,)."""
        return np.bincount(edges.post, minlength=ends.targets).astype(float)

    def faults(self, place: str, ends: Ends) -> list[str]:
        """What does not fit the two populations, a line each, begun with the key at fault (`place` is the rule's)."""
        return []


Rule = Annotated[WiringRule, ByKind(WIRING_RULES)]


class Dendrites(WiringRule):
    """Each target cell reads `dendrites` different address lines, on each the fibre of a random bit.

    An address line is a pair of neighbouring source cells (2i fires for 0, 2i + 1 for 1), so a cell counts the bits
    in which the input agrees with its own preferred bits, with excitatory synapses only.
    """

    kind: Literal["dendrites"]
    dendrites: Count
    uneven: Fraction | None = None
    """Coefficient of variation of how often a line is chosen; not given: all alike."""

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Different lines for every cell, and a fair bit for each."""
        weight = None if self.uneven is None else popularity(ends.sources // 2, self.uneven.number, rng)
        lines = distinct(ends.targets, ends.sources // 2, int(self.dendrites.number), rng, weight)
        return by_source(2 * lines + rng.integers(0, 2, lines.shape, dtype=np.int32))

    def expected(self, ends: Ends) -> int:
        """`dendrites` a cell."""
        return ends.targets * int(self.dendrites.number)

    def faults(self, place: str, ends: Ends) -> list[str]:
        """Fibres come in pairs, and there are no more dendrites than lines."""
        faults, source, lines = [], ends.projection.source, ends.sources // 2
        if ends.sources % 2:
            faults.append(f"population.{source}.count: wanted an even number, two fibres per address line")
        if self.dendrites.number > lines:
            faults.append(
                f"{place}.dendrites: found {self.dendrites}; wanted at most the {lines} address lines ({source} / 2)"
            )
        return faults


class AllToAll(WiringRule):
    """Every source cell contacts every target cell."""

    kind: Literal["all_to_all"]

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Every pair."""
        repeated = np.repeat(np.arange(ends.sources, dtype=np.int32), ends.targets)
        tiled = np.tile(np.arange(ends.targets, dtype=np.int32), ends.sources)
        return Edges(np.asarray(repeated, np.int32), np.asarray(tiled, np.int32))

    def expected(self, ends: Ends) -> int:
        """Every pair."""
        return ends.sources * ends.targets


class Convergence(WiringRule):
    """Each target cell gets `convergence` different source cells, drawn evenly, or some more often than others."""

    kind: Literal["convergence"]
    convergence: Count
    uneven: Fraction | None = None
    """Coefficient of variation of how often a source cell is chosen; not given: all alike."""

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Different sources for every cell."""
        weight = None if self.uneven is None else popularity(ends.sources, self.uneven.number, rng)
        return by_source(distinct(ends.targets, ends.sources, int(self.convergence.number), rng, weight))

    def expected(self, ends: Ends) -> int:
        """`convergence` a cell."""
        return ends.targets * int(self.convergence.number)

    def faults(self, place: str, ends: Ends) -> list[str]:
        """There are as many source cells."""
        if self.convergence.number <= ends.sources:
            return []
        return [f"{place}.convergence: found {self.convergence}; {ends.projection.source} has fewer cells"]


class Microzone(WiringRule):
    """Every source cell contacts every target cell of its own microzone."""

    kind: Literal["microzone"]

    @property
    def zoned(self) -> bool:
        """Always."""
        return True

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Every pair of one microzone."""
        zones = ends.zones
        pre, post = np.nonzero(zone_of(ends.sources, zones)[:, None] == zone_of(ends.targets, zones)[None, :])
        return Edges(pre.astype(np.int32), post.astype(np.int32))

    def expected(self, ends: Ends) -> int:
        """Every pair of one microzone."""
        return ends.sources * ends.targets // ends.zones


class Alongside(WiringRule):
    """The pairs of another projection between the same populations: one synapse that acts on two receptors.

    `of` names that projection; contacts are not taken over.
    """

    kind: Literal["alongside"]
    of: str

    @property
    def needs(self) -> tuple[str, ...]:
        """The other one."""
        return (self.of,)

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """The same pairs."""
        other = ends.drawn[self.of]
        return Edges(other.pre, other.post)

    def expected(self, ends: Ends) -> int:
        """As many."""
        other = ends.other(self.of)
        return other.projection.rule.expected(other)

    def convergence_at_full_scale(self, ends: Ends) -> float:
        """As many."""
        other = ends.other(self.of)
        return other.projection.rule.convergence_at_full_scale(other)

    def spread_at_full_scale(self, ends: Ends) -> float:
        """As much."""
        other = ends.other(self.of)
        return other.projection.rule.spread_at_full_scale(other)

    def faults(self, place: str, ends: Ends) -> list[str]:
        """Both join the same populations."""
        other = ends.circuit.projection.get(self.of)
        own = ends.projection
        if other is None or (other.source, other.target) == (own.source, own.target):
            return []
        return [f"{place}.of: {self.of} is from {other.source} to {other.target}; wanted one to the same cells"]
