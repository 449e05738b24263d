"""What a protocol records of cells and synapses over time: `[record.NAME]`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from cerebellum.cells import MODELS
from cerebellum.clock import on_grid
from cerebellum.description.schema import Duration, Table, Word
from cerebellum.description.where import Scene, Where
from cerebellum.errors import InputError, brief

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit

Quantity = Literal["voltage", "adaptation", "conductance", "current", "weight", "rate"]


class Record(Table):
    """A record of cells of a population, or of synapses of a projection that learns.

    Attributes
    ----------
    of : voltage, adaptation current, conductance and current of every receptor; population rate; weight
    population, projection : of weights the projection, of all else the population
    where : which cells, of weights which target cells; all where it is not given
    sources : of weights, which source cells
    interval : between samples, a time step where it is not given; of rates the bin
    blocks : in which it is recorded; all where it is not given
    """

    of: tuple[Quantity, ...] = Field(min_length=1)
    population: str | None = None
    projection: str | None = None
    where: Where | None = None
    sources: Where | None = None
    interval: Duration | None = None
    blocks: tuple[Word, ...] = ()

    @model_validator(mode="after")
    def _of_cells_or_synapses(self) -> Record:
        weighs = "weight" in self.of
        if weighs and (len(self.of) > 1 or self.projection is None or self.population is not None):
            raise InputError("of = ['weight'] wants a projection, no population, and a record of its own")
        if not weighs and (self.population is None or self.projection is not None or self.sources is not None):
            raise InputError(f"of = {list(self.of)} wants a population, no projection and no sources")
        if len(set(self.of)) < len(self.of):
            raise InputError(f"of: found {list(self.of)}; wanted each once")
        if any(where is not None and where.shows_pattern for where in (self.where, self.sources)):
            raise InputError("where: a record is of the same cells in all trials; wanted no address")
        return self

    def faults(self, place: str, circuit: Circuit) -> list[str]:
        """What does not fit the circuit, a line each, begun with the key at fault (`place` is the record's)."""
        found = list(self._synapse_faults(place, circuit) if self.projection else self._cell_faults(place, circuit))
        if self.interval is not None and not (on_grid(self.interval.si, circuit.dt) and self.interval.si >= circuit.dt):
            found.append(f"{place}.interval: found {self.interval}; wanted whole time steps of {circuit.time_step}")
        return found

    def _cell_faults(self, place: str, circuit: Circuit) -> Iterator[str]:
        assert self.population is not None
        try:
            name = circuit.find(self.population)
        except InputError as error:
            yield f"{place}.population: {error}"
            return
        if name is None:
            known = ", ".join(circuit.population)
            yield f"{place}: the model has no population {brief(self.population)}; there is: {known}"
            return
        model = MODELS[circuit.population[name].cell]
        inside = [quantity for quantity in self.of if quantity != "rate"]
        if inside and not model.has_membrane:
            yield f"{place}.of: {name} has no membrane; wanted 'rate'"
        if "adaptation" in inside and not model.adaptation:
            yield f"{place}.of: {name} cells ({model.name}) have no adaptation current"
        if "conductance" in inside and model.takes == "current":
            yield f"{place}.of: receptors of {name} bring currents and no conductances; wanted 'current'"
        if self.where is not None:
            yield from self.where.faults(f"{place}.where", Scene(circuit, name))

    def _synapse_faults(self, place: str, circuit: Circuit) -> Iterator[str]:
        projection = circuit.projection.get(self.projection or "")
        learning = [name for name, one in circuit.projection.items() if one.plasticity is not None]
        if projection is None or projection.plasticity is None:
            known = ", ".join(learning) or "none in this model"
            yield f"{place}.projection: found {brief(self.projection)}; wanted one that learns: {known}"
            return
        for key, where, end in (("where", self.where, projection.target), ("sources", self.sources, projection.source)):
            if where is not None:
                yield from where.faults(f"{place}.{key}", Scene(circuit, end))

    def samples(self, duration: float, dt: float) -> float:
        """Samples in so long a time (s)."""
        return duration / (self.interval.si if self.interval is not None else dt)

    def share(self, circuit: Circuit) -> float:
        """Of the cells of the population, or of the synapses of the projection, about; at most all."""
        ends = [(self.where, self.population and circuit.find(self.population))]
        if self.projection is not None:
            projection = circuit.projection[self.projection]
            ends = [(self.where, projection.target), (self.sources, projection.source)]
        shares = [w.expected(circuit.size(name)) / circuit.size(name) for w, name in ends if w is not None and name]
        return math.prod(shares)
