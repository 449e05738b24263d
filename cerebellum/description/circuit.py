"""A circuit as its model file describes it: populations, projections, rules. Checked, immutable, engine-free."""

from __future__ import annotations

from pydantic import Field, model_validator

from cerebellum.cells import MODELS
from cerebellum.description import library, wiring
from cerebellum.description.population import DIMENSION, Population, PopulationName, Volume
from cerebellum.description.projection import CancelWeight, GapJunction, Projection, ThresholdWeight
from cerebellum.description.schema import (
    Count,
    Duration,
    Positive,
    Table,
    check_sources,
    parse,
)
from cerebellum.description.units import Value, steps
from cerebellum.description.wiring import AllToAll, Convergence, Dendrites, Microzone
from cerebellum.errors import InputError, ModelFileError

__all__ = ["AllToAll", "Circuit", "Convergence", "Dendrites", "Microzone", "load_model"]


class Circuit(Table):
    """A whole model file."""

    title: str
    description: str
    time_step: Duration
    microzones: Count
    """Parasagittal strips at scale 1; their width stays when a volume is scaled."""
    scale: Positive | None = None
    volume: Volume | None = None
    population: dict[PopulationName, Population]
    projection: dict[str, Projection]
    gap_junction: dict[str, GapJunction] = Field(default_factory=dict)
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Circuit:
        faults = self._volume_faults()
        if not faults:
            faults = [fault for name, projection in self.projection.items() for fault in self._faults(name, projection)]
            faults += self._order_faults() + self._size_faults()
        if faults:
            raise InputError("\n".join(faults))
        check_sources(self, self.sources)
        return self

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
                if isinstance(p.rule, wiring.PLACED)
            ]
            return faults
        for name, population in self.population.items():
            if population.layer not in self.volume.layer:
                known = ", ".join(self.volume.layer)
                faults.append(f"population.{name}.layer: found {population.layer!r}; there is: {known}")
            if population.of is not None and self.population.get(population.of, population).of is not None:
                faults.append(f"population.{name}.of: wanted a population with a count or a density of its own")
        for name, junction in self.gap_junction.items():
            if junction.population not in self.population:
                faults.append(f"gap_junction.{name}.population: the model has no {junction.population!r}")
            elif MODELS[self.population[junction.population].cell].synapse != "alpha":
                faults.append(f"gap_junction.{name}.population: {junction.population} has no membrane in volts")
        return faults

    def _order_faults(self) -> list[str]:
        faults, drawn = [], set[str]()
        for name, projection in self.projection.items():
            for wanted in wiring.needs(projection.rule):
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
        zoned = {p for projection in self.projection.values() if wiring.zoned(projection.rule)
                 for p in (projection.source, projection.target)}  # fmt: skip
        for name in self.population:
            size = self.size(name)
            if name in zoned and self.population[name].count is not None and size % self.zones:
                faults.append(
                    f"population.{name}.count: found {size}; wanted a multiple of the {self.zones} microzones"
                )
            if name in zoned and 0 < size < self.zones:
                faults.append(f"population.{name}: {size} cells{at}; wanted at least the {self.zones} microzones")
        for name, projection in self.projection.items():
            rule = projection.rule
            feed = self.projection.get(rule.through) if isinstance(rule, wiring.Claws) else None
            if feed is not None and isinstance(rule, wiring.Claws) and self.size(feed.source) < rule.dendrites.number:
                faults.append(
                    f"projection.{name}.rule.dendrites: found {rule.dendrites}; there are only "
                    f"{self.size(feed.source)} {feed.source} cells{at}: wanted a larger scale"
                )
        return faults

    def _faults(self, name: str, projection: Projection) -> list[str]:
        place, faults = f"projection.{name}", []
        if not name.endswith(f"_to_{projection.target}"):
            faults.append(f"{place}: the name must end in _to_{projection.target}, the population in its 'to'")
        for end in (projection.source, projection.target):
            if end not in self.population:
                known = ", ".join(self.population)
                faults.append(f"{place}: no population named {end!r}; there is: {known}")
        if faults:
            return faults
        target = self.population[projection.target]
        faults += self._synapse_faults(place, projection, target)
        rule = projection.rule
        if isinstance(rule, Dendrites):
            lines = self.size(projection.source) // 2
            if self.size(projection.source) % 2:
                faults.append(
                    f"population.{projection.source}.count: wanted an even number, two fibres per address line"
                )
            if rule.dendrites.number > lines:
                faults.append(
                    f"{place}.rule.dendrites: found {rule.dendrites}; wanted at most the {lines} address lines "
                    f"({projection.source} / 2)"
                )
        if isinstance(rule, Convergence) and rule.convergence.number > self.size(projection.source):
            faults.append(f"{place}.rule.convergence: found {rule.convergence}; {projection.source} has fewer cells")
        if isinstance(projection.weight, ThresholdWeight | CancelWeight):
            faults += self._weight_faults(f"{place}.weight", projection.weight, projection)
        if projection.plasticity:
            kind, contacts = MODELS[target.cell].synapse, projection.contacts is not None
            teachers = {
                n: p.plasticity is not None for n, p in self.projection.items() if p.target == projection.target
            }
            dimension = DIMENSION[kind] if kind else None
            found = projection.plasticity.faults(projection.target, teachers, dimension, contacts)
            faults += [f"{place}.plasticity{fault}" for fault in found]
        if projection.short_term and self.population[projection.source].cell == "source":
            faults.append(f"{place}.short_term: {projection.source} are given spikes and keep no state")
        try:
            steps(projection.delay.si, self.dt)
        except InputError as error:
            faults.append(f"{place}.delay: {error}")
        return faults

    def _synapse_faults(self, place: str, projection: Projection, target: Population) -> list[str]:
        kind, faults = MODELS[target.cell].synapse, []
        if kind is None:
            if projection.receptor or projection.weight is not None:
                faults.append(f"{place}: a {target.cell!r} cell takes neither receptor nor weight")
            return faults
        if projection.receptor not in target.receptor:
            known = ", ".join(target.receptor) or "none"
            faults.append(f"{place}.receptor: {projection.target} has no {projection.receptor!r}; there is: {known}")
        if projection.weight is None:
            faults.append(f"{place}.weight: missing; wanted a value here")
        if isinstance(projection.weight, Value) and projection.weight.dimension != DIMENSION[kind]:
            faults.append(
                f"{place}.weight: needs a {DIMENSION[kind]}, as the receptors of {projection.target} are of kind "
                f"{kind!r}; got {projection.weight.unit!r} (a {projection.weight.dimension})"
            )
        elif projection.weight is not None and kind == "alpha" and not isinstance(projection.weight, Value):
            faults.append(f"{place}.weight.kind: {projection.weight.kind!r} is solved for currents, not conductances")
        return faults

    def _weight_faults(self, place: str, weight: ThresholdWeight | CancelWeight, own: Projection) -> list[str]:
        other = self.projection.get(weight.of)
        if other is None or other.target != own.target:
            known = ", ".join(name for name, p in self.projection.items() if p.target == own.target)
            return [f"{place}.of: no projection {weight.of!r} to {own.target}; there is: {known}"]
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
    def stretch(self) -> float:
        """How many times longer x and y are than the file says."""
        return 1.0 if self.scale is None else float(self.scale.number) ** 0.5

    @property
    def extent(self) -> tuple[float, float]:
        """Lengths of the volume along x and y, m; 0 without a volume."""
        return (self.volume.x.si * self.stretch, self.volume.y.si * self.stretch) if self.volume else (0.0, 0.0)

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
        """The population with this role; None if there is none."""
        return role if role in self.population else None


def load_model(name: str, settings: dict[str, str] | None = None) -> Circuit:
    """The circuit of a shipped model's name, or of a path ending in .toml.

    Parameters
    ----------
    settings : dotted key -> text, laid over the file as by `--set`

    Raises
    ------
    UnknownNameError
        No such model, or a setting of a key that does not exist.
    ModelFileError
        The file does not describe a circuit; every fault with its key.
    """
    tables, path, _ = library.read_extended("models", name)
    return parse(Circuit, library.apply_settings(tables, settings or {}), path.name, ModelFileError)
