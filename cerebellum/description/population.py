"""Populations as a model file describes them: cells, receptors, outside fibres, and the volume they lie in."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, SerializeAsAny, field_validator, model_validator

from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.description.receptor import AnyReceptor
from cerebellum.description.schema import (
    Count,
    Density,
    Extent,
    Name,
    Position,
    Positive,
    Probability,
    Rate,
    SynapticWeight,
    Table,
    Time,
    ValueTable,
    Word,
)
from cerebellum.description.units import Value, parse_value
from cerebellum.errors import InputError, UnknownNameError


class Layer(Table):
    """A slab of the volume, seen from the bottom of the granular layer upwards."""

    bottom: Position
    thickness: Extent


class Volume(Table):
    """The block of tissue: parallel fibres run along x, Purkinje dendrites spread in y and z, z points to the pia.

    `scale` of the circuit multiplies the area; x and y grow with its square root, densities and layers stay.
    """

    x: Extent
    y: Extent
    layer: dict[Word, Layer]


class Afferent(Table):
    """An outside fibre onto each cell, by which a protocol can give it spikes."""

    receptor: str
    weight: SynapticWeight
    delay: Time


class CellGroup(Table):
    """A share of a population's cells, drawn by the seed; projections say what is different about their synapses."""

    fraction: Probability


class Population(Table):
    """Cells of one type: a `count`, a `density` in a `layer` of the volume, or a `ratio` to the cells `of` another."""

    cell: str
    count: Count | None = None
    density: Density | None = None
    ratio: Positive | None = None
    of: str | None = None
    layer: str | None = None
    soma: Extent | None = None
    """Radius; cells of a population do not overlap if they fill less than a tenth of their layer."""
    start: Literal["rest", "spread"] = "rest"
    """Voltage at time 0: the resting voltage, or drawn evenly between reset and threshold (cells out of phase)."""
    afferent: Afferent | None = None
    parameters: ValueTable = Field(default_factory=dict)
    spread: ValueTable = Field(default_factory=dict)
    """Standard deviation over cells of a parameter, Gaussian, cut to the parameter's range (`ranges`)."""
    stripes: ValueTable = Field(default_factory=dict)
    """What a parameter is more in every second microzone, and less in the others: zebrin-like bands."""
    group: dict[Name, CellGroup] = Field(default_factory=dict)
    """Of all cells, in this order of those of random selections (`where`) whose `draw` is 'one'."""
    receptor: dict[Name, SerializeAsAny[AnyReceptor]] = Field(default_factory=dict)
    role: Name | None = None
    """What the population is to readers and stimuli ('granule', 'purkinje'); its own name if not given."""
    colour: str | None = None
    """In figures, '#rrggbb'; one that is free if not given."""
    place: tuple[float, float] | None = None
    """In the circuit diagram, [x, y]: input left, output right, boxes some 1.6 apart; a free one if not given."""
    published_rate: Rate | None = None
    """Mean rate at rest that the source reports, set beside the measured one in reports; no parameter of a run."""
    sampled: bool = False
    """Whether a rate engine with draws samples its spikes: for cells that share the chance of few inputs."""

    @field_validator("colour")
    @classmethod
    def _hexadecimal(cls, colour: str | None) -> str | None:
        if colour is not None and not re.fullmatch("#[0-9a-fA-F]{6}", colour):
            raise InputError(f"found {colour!r}; wanted a colour such as '#31a354'")
        return colour

    @field_validator("cell")
    @classmethod
    def _known_cell(cls, name: str) -> str:
        if name not in MODELS:
            raise UnknownNameError.of("cell model", name, sorted(MODELS))
        return name

    @model_validator(mode="after")
    def _parameters_of_the_cell(self) -> Population:
        wanted = MODELS[self.cell].parameters
        if missing := [name for name in wanted if name not in self.parameters]:
            raise InputError(f"cell {self.cell!r} needs the parameters {', '.join(missing)}")
        for table in (self.parameters, self.spread, self.stripes):
            for name, found in table.items():
                table[name] = self._parameter(name, found, table is not self.parameters)
        return self

    def _parameter(self, name: str, found: object, spread: bool) -> Value:
        model = MODELS[self.cell]
        if name not in model.parameters:
            raise UnknownNameError.of(f"parameter of cell {self.cell!r}", name, list(model.parameters))
        positive = name in model.positive or spread
        low = 0.0 if positive or name in model.nonnegative or model.parameters[name] == "time" else None
        try:
            return parse_value(found, model.parameters[name], low=low, strict=positive)
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    @model_validator(mode="after")
    def _voltages_in_order(self) -> Population:
        wanted = MODELS[self.cell].parameters
        ends = {"V_reset", "V_th"} <= set(wanted)
        if self.start == "spread" and not ends:
            raise InputError(f"start: 'spread' wants a cell with V_reset and V_th, which {self.cell!r} lacks")
        if ends and self.parameters["V_reset"].si >= self.parameters["V_th"].si:
            found = self.parameters["V_reset"]
            raise InputError(f"V_reset: found {found}; wanted less than V_th = {self.parameters['V_th']}")
        return self

    @model_validator(mode="after")
    def _receptors_of_the_cell(self) -> Population:
        taken = MODELS[self.cell].takes
        for name, receptor in self.receptor.items():
            if receptor.dimension != taken:
                takes = f"receptors of a {taken}" if taken else "no receptors"
                raise InputError(f"receptor.{name}: cell {self.cell!r} takes {takes}, and {receptor.kind!r} is none")
        if self.afferent and self.afferent.receptor not in self.receptor:
            raise UnknownNameError.of("receptor", self.afferent.receptor, list(self.receptor))
        return self

    @model_validator(mode="after")
    def _groups_of_all(self) -> Population:
        found = sum(group.fraction.si for group in self.group.values())
        if self.group and abs(found - 1) > 1e-9:
            raise InputError(f"group: found fractions of {found:g} together; wanted 1, a group for every cell")
        return self

    @model_validator(mode="after")
    def _one_size(self) -> Population:
        given = [name for name in ("count", "density", "ratio") if getattr(self, name) is not None]
        if not given:
            raise InputError("count: missing; wanted a value here (or density and layer, or ratio and of)")
        if len(given) > 1:
            raise InputError(f"found {' and '.join(given)}; wanted one of them")
        if self.density and self.layer is None:
            raise InputError("layer: missing; a density wants the layer that it fills")
        if (self.ratio is None) != (self.of is None):
            raise InputError("ratio and of: wanted both or neither")
        return self

    def group_sizes(self, cells: int) -> dict[str, int]:
        """How many of so many cells are in each group, in file order."""
        sizes, first, share = {}, 0, 0.0
        for name, group in self.group.items():
            share += group.fraction.si
            last = nearest(share * cells, 1.0)
            sizes[name], first = last - first, last
        return sizes

    def si(self) -> dict[str, float]:
        """Cell parameters in SI units."""
        return {name: value.si for name, value in self.parameters.items()}

    def receptor_models(self) -> dict[str, Any]:
        """Receptors in SI units, by name: whatever their order in a file, their sums are the same to the last bit."""
        return {name: self.receptor[name].si for name in sorted(self.receptor)}
