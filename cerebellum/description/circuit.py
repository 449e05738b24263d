"""A circuit as its model file describes it: populations, projections, rules. Checked, immutable, engine-free."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from cerebellum.cells import MODELS
from cerebellum.description import library, overlays, ranges
from cerebellum.description.population import Population, Volume
from cerebellum.description.projection import (
    BalanceWeight,
    CancelWeight,
    GapJunction,
    Projection,
    SolvedWeight,
    ThresholdWeight,
)
from cerebellum.description.schema import (
    Count,
    Duration,
    Name,
    Positive,
    Table,
    check_sources,
    parse,
)
from cerebellum.description.units import Value, steps
from cerebellum.description.wiring import Dendrites, Ends
from cerebellum.errors import InputError, ModelFileError, brief, shortened
from cerebellum.typing import Floats

MOST_CELLS = 2**31 - 1  # of a population: they are numbered in 32 bits


class Circuit(Table):
    """A whole model file."""

    title: str
    description: str
    time_step: Duration
    microzones: Count
    """Parasagittal strips at scale 1; their width stays when a volume is scaled."""
    scale: Positive | None = None
    volume: Volume | None = None
    population: dict[Name, Population]
    projection: dict[Name, Projection]
    gap_junction: dict[Name, GapJunction] = Field(default_factory=dict)
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Circuit:
        faults = self._population_faults() or self._volume_faults()
        if not faults:
            faults = [fault for name, projection in self.projection.items() for fault in self._faults(name, projection)]
            faults += self._order_faults() + self._size_faults() + ranges.faults(self)
        if faults:
            raise InputError("\n".join(faults))
        check_sources(self, self.sources)
        return self

    def _population_faults(self) -> list[str]:
        faults = [
            f"population.{name}.of: found {brief(population.of)}; wanted a population with a count or a density "
            f"of its own, of {', '.join(self.population)}"
            for name, population in self.population.items()
            if population.of is not None
            and (population.of not in self.population or self.population[population.of].of is not None)
        ]
        both = self.population.keys() & self.projection.keys()
        return faults + [f"projection.{name}: a population has this name; wanted another" for name in sorted(both)]

    def _volume_faults(self) -> list[str]:
        faults = []
        if self.volume is None:
            if self.scale is not None:
                faults.append("scale: there is no [volume] to scale")
            faults += [f"population.{n}.layer: there is no [volume]" for n, p in self.population.items() if p.layer]
            faults += [f"gap_junction.{name}: wants cells in a [volume]" for name in self.gap_junction]
            faults += [
                f"projection.{n}.rule.kind: {p.rule.kind!r} wants cells in a [volume]"
                for n, p in self.projection.items()
                if p.rule.placed
            ]
            return faults
        for name, population in self.population.items():
            if population.layer not in self.volume.layer:
                known = ", ".join(self.volume.layer)
                faults.append(f"population.{name}.layer: found {brief(population.layer)}; there is: {known}")
        for name, junction in self.gap_junction.items():
            if junction.population not in self.population:
                faults.append(f"gap_junction.{name}.population: the model has no {brief(junction.population)}")
            elif MODELS[self.population[junction.population].cell].takes != "conductance":
                faults.append(f"gap_junction.{name}.population: {junction.population} has no membrane in volts")
        return faults

    def _order_faults(self) -> list[str]:
        faults, drawn = [], set[str]()
        for name, projection in self.projection.items():
            for wanted in projection.before:
                if wanted not in drawn:
                    faults.append(f"projection.{name}.rule: wants the projection {wanted!r} further up in the file")
            drawn.add(name)
        return faults

    def _size_faults(self) -> list[str]:
        at = f" at scale {self.scale}" if self.scale else ""
        faults = [
            f"population.{name}: {self.size(name)} cells{at}; wanted at least one: a larger scale, or a higher density"
            for name in self.population
            if self.size(name) < 1
        ]
        faults += [
            f"population.{name}: {self.size(name):,} cells{at}; wanted at most {MOST_CELLS:,}"
            for name in self.population
            if self.size(name) > MOST_CELLS
        ]
        faults += [
            f"population.{name}.group.{group}: none of {self.size(name)} cells{at}; wanted a larger share or scale"
            for name, population in self.population.items()
            for group, cells in population.group_sizes(self.size(name)).items()
            if cells < 1
        ]
        return faults + self._zone_faults(at)

    def _zone_faults(self, at: str) -> list[str]:
        faults = []
        zoned = {p for projection in self.projection.values() if projection.rule.zoned
                 for p in (projection.source, projection.target)}  # fmt: skip
        for name in self.population:
            size = self.size(name)
            if name in zoned and self.population[name].count is not None and size % self.zones:
                faults.append(
                    f"population.{name}.count: found {size}; wanted a multiple of the {self.zones} microzones"
                )
            if name in zoned and 0 < size < self.zones:
                faults.append(f"population.{name}: {size} cells{at}; wanted at least the {self.zones} microzones")
        return faults

    def _faults(self, name: str, projection: Projection) -> list[str]:
        place, faults = f"projection.{name}", []
        if not name.endswith(f"_to_{projection.target}"):
            faults.append(
                f"{place}: the name must end in _to_{shortened(projection.target, 60)}, the population in its 'to'"
            )
        for key, end in (("from", projection.source), ("to", projection.target)):
            if end not in self.population:
                known = ", ".join(self.population)
                faults.append(f"{place}.{key}: no population named {brief(end)}; there is: {known}")
        if faults:
            return faults
        target = self.population[projection.target]
        faults += self._synapse_faults(place, projection, target)
        faults += projection.rule.faults(f"{place}.rule", Ends(self, projection))
        if isinstance(projection.weight, ThresholdWeight | CancelWeight | BalanceWeight):
            faults += self._weight_faults(f"{place}.weight", projection.weight, projection)
        if projection.plasticity:
            dimension, contacts = MODELS[target.cell].takes, projection.contacts is not None
            teachers = {
                n: p.plasticity is not None for n, p in self.projection.items() if p.target == projection.target
            }
            found = projection.plasticity.faults(projection.target, teachers, dimension, contacts)
            faults += [f"{place}.plasticity{fault}" for fault in found]
        if projection.groups is not None:
            faults += projection.groups.faults(f"{place}.groups", self, projection.source)
        if projection.release and MODELS[self.population[projection.source].cell].given:
            faults.append(f"{place}.short_term: {projection.source} are given spikes and keep no state")
        return faults + self._delay_faults(f"{place}.delay", projection, MODELS[target.cell].relays)

    def _delay_faults(self, place: str, projection: Projection, onto_relay: bool) -> list[str]:
        try:
            if steps(projection.delay.si, self.dt) < 1 and onto_relay:
                return [f"{place}: found {projection.delay}; wanted a time step at least onto a relay"]
        except InputError as error:
            return [f"{place}: {error}"]
        return []

    def _synapse_faults(self, place: str, projection: Projection, target: Population) -> list[str]:
        dimension, faults = MODELS[target.cell].takes, []
        if dimension is None:
            if projection.receptor or projection.weight is not None:
                faults.append(f"{place}: a {target.cell!r} cell takes neither receptor nor weight")
            return faults
        if projection.receptor not in target.receptor:
            known = ", ".join(target.receptor) or "none"
            faults.append(
                f"{place}.receptor: {projection.target} has no {brief(projection.receptor)}; there is: {known}"
            )
        if projection.weight is None:
            faults.append(f"{place}.weight: missing; wanted a value here")
        if isinstance(projection.weight, Value) and projection.weight.dimension != dimension:
            faults.append(
                f"{place}.weight: needs a {dimension}, which is what the receptors of {projection.target} bring; "
                f"got {projection.weight.unit!r} (a {projection.weight.dimension})"
            )
        elif isinstance(projection.weight, ThresholdWeight | CancelWeight) and dimension != "current":
            faults.append(f"{place}.weight.kind: {projection.weight.kind!r} is solved for currents, not conductances")
        elif isinstance(projection.weight, BalanceWeight) and dimension != "conductance":
            faults.append(f"{place}.weight.kind: 'balance' is solved for conductances, not currents")
        return faults

    def _weight_faults(self, place: str, weight: SolvedWeight, own: Projection) -> list[str]:
        other = self.projection.get(weight.of)
        if other is None or other.target != own.target:
            known = ", ".join(name for name, p in self.projection.items() if p.target == own.target)
            return [f"{place}.of: no projection {brief(weight.of)} to {own.target}; there is: {known}"]
        if not isinstance(weight, ThresholdWeight):
            return []
        if not isinstance(other.rule, Dendrites):
            return [f"{place}.of: {weight.of} has no dendrites to count matches on (rule {other.rule.kind!r})"]
        if weight.matches.number > other.rule.dendrites.number:
            return [
                f"{place}.matches: found {weight.matches}, a threshold above the {other.rule.dendrites} dendrites of "
                f"{weight.of}: no granule cell could ever fire; wanted at most {other.rule.dendrites}"
            ]
        return []

    @property
    def dt(self) -> float:
        """Time step, s."""
        return self.time_step.si

    @property
    def at_full_scale(self) -> Circuit:
        """The same at scale 1, as the file's numbers are meant."""
        return self if self.scale is None else self.model_copy(update={"scale": None})

    @property
    def stretch(self) -> float:
        """How many times longer x and y are than the file says."""
        return 1.0 if self.scale is None else float(self.scale.number) ** 0.5

    @property
    def extent(self) -> tuple[float, float]:
        """Lengths of the volume along x and y, m; 0 without a volume."""
        return (self.volume.x.si * self.stretch, self.volume.y.si * self.stretch) if self.volume else (0.0, 0.0)

    def box(self, population: str) -> tuple[Floats, Floats]:
        """Lower corner and lengths of the box in which a population lies, m, both shape (3,); wants a volume.

        z is 0 at the bottom of the granular layer.
        """
        described = self.population[population]
        assert self.volume is not None
        assert described.layer is not None
        layer, (x, y) = self.volume.layer[described.layer], self.extent
        low, size = np.array([0.0, 0.0, layer.bottom.si]), np.array([x, y, layer.thickness.si])
        if described.density is not None and described.density.dimension == "planar density":
            low[2] += size[2] / 2  # a monolayer
            size[2] = 0.0
        return low, size

    @property
    def zones(self) -> int:
        """Number of microzones, that is of pointer bits."""
        return max(1, round(self.microzones.number * self.stretch))

    def size(self, population: str) -> int:
        """Number of cells of a population."""
        described = self.population[population]
        if described.count is not None:
            return int(described.count.number)
        if described.ratio is not None:
            assert described.of is not None
            return round(described.ratio.number * self.size(described.of))
        assert described.density is not None
        assert described.layer is not None
        assert self.volume is not None
        x, y = self.extent
        depth = (
            self.volume.layer[described.layer].thickness.si if described.density.dimension == "volume density" else 1
        )
        return round(described.density.si * x * y * depth)

    def with_role(self, role: str) -> str | None:
        """The population with this role, which is its name where the file gives it none; None if there is none.

        Raises
        ------
        ModelFileError
            If several have it.
        """
        found = [name for name, population in self.population.items() if (population.role or name) == role]
        if len(found) > 1:
            raise ModelFileError(f"role: {' and '.join(found)} are both {role!r}; wanted one population of this role")
        return found[0] if found else None

    def find(self, name: str) -> str | None:
        """The population of this name, or else with this role: how protocols name it. Errors as `with_role`."""
        return name if name in self.population else self.with_role(name)


def load_model(name: str, settings: dict[str, str] | None = None) -> Circuit:
    """The circuit of a shipped model's name, or of a path ending in .toml.

    Parameters
    ----------
    name : `mouse+mli12` is the model `mouse` with the overlay `mouse_mli12`; see `description.overlays`
    settings : dotted key -> text, laid over the file as by `--set`

    Raises
    ------
    UnknownNameError
        No such model, or a setting of a key that does not exist.
    ModelFileError
        The file does not describe a circuit; every fault with its key.
    InputError
        Overlays contradict each other.
    """
    tables, where = overlays.combined(name)
    return parse(Circuit, library.apply_settings(tables, settings or {}), where, ModelFileError)
