"""Projections as a model file describes them: weights, contacts, short-term plasticity; and gap junctions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from cerebellum.description.plasticity import Plasticity
from cerebellum.description.schema import (
    Conductance,
    Count,
    Extent,
    Fraction,
    Name,
    Positive,
    Probability,
    Rate,
    SynapticWeight,
    Table,
    Time,
)
from cerebellum.description.wiring import Ends, Rule
from cerebellum.errors import InputError, brief
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit


class ThresholdWeight(Table):
    """Weight solved so that a target cell fires when at least `matches` inputs of `of` arrive together, not fewer."""

    kind: Literal["granule_threshold"]
    matches: Count
    of: str


class CancelWeight(Table):
    """Weight solved so that the projection cancels the mean current of `of` at naive weights.

    For volleys of the expected number of active granule cells at `volley_rate`.
    """

    kind: Literal["cancel"]
    of: str
    volley_rate: Rate


class BalanceWeight(Table):
    """Weight solved so that driven granule cells leave the target's mean rate where it is, at naive weights.

    The projection is inhibition by interneurons that the source of `of` excites, as it does the target through `of`.
    """

    kind: Literal["balance"]
    of: str
    rest: Rate
    """Of the cells that `of` comes from, at rest."""
    driven: Rate
    """Of the same when they are driven."""

    @model_validator(mode="after")
    def _in_order(self) -> BalanceWeight:
        if self.driven.si <= self.rest.si:
            raise InputError(f"driven: found {self.driven}; wanted more than the rest of {self.rest}")
        return self


SolvedWeight = Annotated[ThresholdWeight | CancelWeight | BalanceWeight, Field(discriminator="kind")]


class Contacts(Table):
    """Synaptic contacts of one connected pair, Gaussian and at least one; folded into one synapse of their sum."""

    mean: Count
    sd: Fraction


@dataclass(frozen=True)
class Release:
    """Short-term plasticity of a projection in numbers of all its source cells, or of each, shape (sources,).

    Attributes
    ----------
    U : share of what has recovered that a rested synapse transmits
    tau_rec, tau_fac : of recovery and facilitation, s
    """

    U: float | Floats
    tau_rec: float | Floats
    tau_fac: float | Floats

    @property
    def apart(self) -> bool:
        """Whether source cells differ."""
        return isinstance(self.U, np.ndarray)


class ShortTerm(Table):
    """Tsodyks-Markram short-term plasticity of each source cell's synapses, from u = 0, x = 1 (all recovered).

    At a spike u <- u + U (1 - u), the synapse transmits weight u x, then x <- x - u x; between spikes u decays with
    tau_fac and x recovers with tau_rec (Tsodyks et al. 1998, Neural Comput 10:821; NEST's tsodyks2_synapse).
    """

    U: Probability
    tau_rec: Time
    """0: recovers at once."""
    tau_fac: Time
    """0: no facilitation, u is U at every spike."""

    @property
    def si(self) -> Release:
        """In numbers."""
        return Release(self.U.si, self.tau_rec.si, self.tau_fac.si)


class SynapseGroup(Table):
    """Synapses of one group of fibres."""

    sites: Fraction
    """Release sites of a synapse, times the projection's weight, which is that of one; 0: these have no synapses."""
    short_term: ShortTerm | None = None


class SynapseGroups(Table):
    """Synapses that differ by the fibre they are of: one table for each group of the population `of`.

    `through` is the projection by which the fibres feed the source cells, relays of one fibre each; without it the
    source cells are the fibres.
    """

    of: str
    through: str | None = None
    synapses: dict[Name, SynapseGroup] = Field(min_length=1)

    @property
    def release(self) -> bool:
        """Whether any has short-term plasticity."""
        return any(group.short_term is not None for group in self.synapses.values())

    def made(self, circuit: Circuit) -> float:
        """Share of the fibres that have synapses at all."""
        groups = circuit.population[self.of].group
        return sum(groups[name].fraction.si for name, group in self.synapses.items() if group.sites.number > 0)

    def faults(self, place: str, circuit: Circuit, source: str) -> list[str]:
        """What does not fit the circuit, a line each, begun with the key at fault (`place` is these groups')."""
        if self.of not in circuit.population:
            return [f"{place}.of: the model has no {brief(self.of)}"]
        known = circuit.population[self.of].group
        faults = [] if known else [f"{place}.of: {self.of} has no groups; wanted population.{self.of}.group"]
        faults += [
            f"{place}.synapses.{name}: covers no fibre, for {self.of} has no such group; there is: {', '.join(known)}"
            for name in self.synapses
            if known and name not in known
        ]
        faults += [
            f"{place}.synapses: group {name} of {self.of} has none; wanted a table for every group"
            for name in known
            if name not in self.synapses
        ]
        return faults + self._way_faults(place, circuit, source)

    def _way_faults(self, place: str, circuit: Circuit, source: str) -> list[str]:
        if self.through is None:
            wanted = f"wanted the projection {self.of} feed them by"
            return [] if self.of == source else [f"{place}.through: synapses are of {source}: {wanted}"]
        feed = circuit.projection.get(self.through)
        if feed is None or (feed.source, feed.target) != (self.of, source):
            return [f"{place}.through: found {brief(self.through)}; wanted a projection from {self.of} to {source}"]
        if feed.rule.expected(Ends(circuit, feed)) != circuit.size(source):
            return [f"{place}.through: {self.through} is not of one fibre a cell, so a synapse is of no one group"]
        return []


class Projection(Table):
    """Synapses from one population to another; onto a relay cell they have neither receptor nor weight."""

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    receptor: str = ""
    delay: Time
    weight: SynapticWeight | SolvedWeight | None = None
    contacts: Contacts | None = None
    rule: Rule
    short_term: ShortTerm | None = None
    groups: SynapseGroups | None = None
    plasticity: Plasticity | None = None

    @model_validator(mode="after")
    def _one_short_term(self) -> Projection:
        if self.short_term is not None and self.groups is not None:
            raise InputError("short_term and groups: each group has a short_term of its own; wanted one of the two")
        return self

    @property
    def release(self) -> bool:
        """Whether synapses have short-term plasticity."""
        return self.short_term is not None or (self.groups is not None and self.groups.release)

    @property
    def before(self) -> tuple[str, ...]:
        """Projections that must have been drawn before."""
        through = self.groups.through if self.groups is not None else None
        return (*self.rule.needs, *([through] if through is not None else []))


class GapJunction(Table):
    """Electrical coupling within a population: each cell has on average `partners` within `radius`. 0 nS is none."""

    population: str
    conductance: Conductance
    partners: Positive
    radius: Extent
