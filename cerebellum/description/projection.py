"""Projections as a model file describes them: weights, contacts, short-term plasticity; and gap junctions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cerebellum.description.plasticity import Plasticity
from cerebellum.description.schema import (
    Conductance,
    Count,
    Extent,
    Fraction,
    Positive,
    Probability,
    Rate,
    SynapticWeight,
    Table,
    Time,
)
from cerebellum.description.wiring import Rule
from cerebellum.errors import InputError


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
    plasticity: Plasticity | None = None


class GapJunction(Table):
    """Electrical coupling within a population: each cell has on average `partners` within `radius`. 0 nS is none."""

    population: str
    conductance: Conductance
    partners: Positive
    radius: Extent
