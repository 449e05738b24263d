"""Who contacts whom, as a model file says it: the wiring rules of projections."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cerebellum.description.schema import Count, Extent, Fraction, Positive, Table


class Dendrites(Table):
    """Each target cell reads `dendrites` different address lines, on each the fibre of a random bit.

    An address line is a pair of neighbouring source cells (2i fires for 0, 2i + 1 for 1), so a cell counts the bits
    in which the input agrees with its own preferred bits, with excitatory synapses only.
    """

    kind: Literal["dendrites"]
    dendrites: Count


class AllToAll(Table):
    """Every source cell contacts every target cell."""

    kind: Literal["all_to_all"]


class Convergence(Table):
    """Each target cell gets `convergence` different source cells, drawn evenly."""

    kind: Literal["convergence"]
    convergence: Count


class Microzone(Table):
    """Every source cell contacts every target cell of its own microzone."""

    kind: Literal["microzone"]


class Reach(Table):
    """Each target cell gets on average `convergence` different source cells, drawn evenly from those within reach.

    Where fewer are within reach, the nearest outside follow. Where the whole source population is smaller (small
    volumes), all of it makes several contacts, so that a cell's input does not depend on the volume.
    """

    kind: Literal["reach"]
    convergence: Positive
    sd: Fraction | None = None
    """Standard deviation of the convergence over target cells, Gaussian; none: as equal as whole numbers allow."""
    radius: Extent | None = None
    """Distance of the somata."""
    x: Extent | None = None
    """Largest distance along the parallel fibres."""
    y: Extent | None = None
    """Largest distance along the parasagittal plane."""
    microzone: bool = False
    """Only source cells of the target's microzone."""


class Territory(Table):
    """Each target cell gets one source cell, chosen with a weight exp(-distance / length) inside a box around it.

    The box measures `x` by `y`; where it is empty, the nearest source cell is taken.
    """

    kind: Literal["territory"]
    x: Extent
    y: Extent
    length: Extent


class Claws(Table):
    """Each target cell puts `dendrites` claws into relay cells within `radius`, each with another source `through`.

    `through` names the projection that feeds the relay cells. Where too few different sources are within the radius,
    the nearest outside follow.
    """

    kind: Literal["claws"]
    dendrites: Count
    radius: Extent
    through: str


class Glomeruli(Table):
    """Each source cell takes its `glomeruli` nearest relay cells, and with them every target cell with a claw there.

    `through` names the projection from the relay cells to the target cells.
    """

    kind: Literal["glomeruli"]
    glomeruli: Count
    radius: Extent
    through: str


class Spillover(Table):
    """Climbing fibres reach every interneuron that contacts a Purkinje cell which they climb.

    `of` names the interneurons' projection onto Purkinje cells, `climbing` the climbing fibres'.
    """

    kind: Literal["spillover"]
    of: str
    climbing: str


Rule = Annotated[
    Dendrites | AllToAll | Convergence | Microzone | Reach | Territory | Claws | Glomeruli | Spillover,
    Field(discriminator="kind"),
]
PLACED = (Reach, Territory, Claws, Glomeruli)
"""Rules that ask where cells lie."""


def needs(rule: Rule) -> tuple[str, ...]:
    """Projections that must have been drawn before."""
    if isinstance(rule, Claws | Glomeruli):
        return (rule.through,)
    return (rule.of, rule.climbing) if isinstance(rule, Spillover) else ()


def zoned(rule: Rule) -> bool:
    """Whether the rule keeps to microzones."""
    return isinstance(rule, Microzone) or (isinstance(rule, Reach) and rule.microzone)
