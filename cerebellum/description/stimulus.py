"""Stimuli as a protocol file describes them: what drives which cells, when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cerebellum.description.population import PopulationName
from cerebellum.description.schema import Count, Currents, Duration, Extent, Position, Rate, Table, Time, Times


class Volley(Table):
    """The trial's address on the mossy fibres: each fibre of the address fires once a volley."""

    kind: Literal["volley"]
    population: Literal["mossy_fiber"] = "mossy_fiber"
    onset: Time
    volleys: Count
    interval: Duration
    jitter: Time
    """Standard deviation of a fibre's spike time about the volley's, Gaussian, cut at 3."""


class Pointer(Table):
    """The trial's pointer on the climbing fibres: a spike in the microzones whose bit is 1."""

    kind: Literal["pointer"]
    population: Literal["inferior_olive"] = "inferior_olive"
    onset: Time


class Sphere(Table):
    """Cells whose somata lie within `radius` of a point.

    Points are given at scale 1; in a scaled volume x and y move with its sides, the radius stays.
    """

    kind: Literal["sphere"]
    x: Position
    y: Position
    z: Position
    radius: Extent


class Cylinder(Table):
    """Cells whose somata lie within `radius` of an upright axis."""

    kind: Literal["cylinder"]
    x: Position
    y: Position
    radius: Extent


class Nearest(Table):
    """The `cells` cells nearest to a point: neighbouring fibres."""

    kind: Literal["nearest"]
    x: Position
    y: Position
    z: Position
    cells: Count


class Edge(Table):
    """The `cells` cells nearest to the border of the volume where x is 0."""

    kind: Literal["edge"]
    cells: Count


class Address(Table):
    """The mossy fibres that are on in the trial's address: of a pair the fibre of the bit's value, or a sparse set."""

    kind: Literal["address"]


Where = Annotated[Sphere | Cylinder | Nearest | Edge | Address, Field(discriminator="kind")]


class Poisson(Table):
    """Independent Poisson spikes of a population's cells, or of those `where` it says."""

    kind: Literal["poisson"]
    population: PopulationName
    onset: Time
    duration: Duration
    rate: Rate
    where: Where | None = None


class Regular(Table):
    """Trains of even intervals, each cell with a random phase of its own."""

    kind: Literal["regular"]
    population: PopulationName
    onset: Time
    duration: Duration
    rate: Rate
    where: Where | None = None


class Burst(Table):
    """The same spikes on all chosen cells, `times` after the onset."""

    kind: Literal["burst"]
    population: PopulationName
    onset: Time
    times: Times
    where: Where | None = None


class CurrentStep(Table):
    """A current into every cell of a population; the first trial gets the first of the amplitudes, and so on."""

    kind: Literal["current_step"]
    population: PopulationName
    onset: Time
    duration: Duration
    amplitudes: Currents


Stimulus = Annotated[Volley | Pointer | Poisson | Regular | Burst | CurrentStep, Field(discriminator="kind")]


def needs_pattern(stimulus: Stimulus) -> bool:
    """Whether the stimulus shows the trial's address or pointer."""
    return isinstance(stimulus, Volley | Pointer) or isinstance(getattr(stimulus, "where", None), Address)
