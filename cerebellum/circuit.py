"""A circuit as its model file describes it: populations, projections, rules. Checked, immutable, engine-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cerebellum import library, rules
from cerebellum.cells import MODELS, Port
from cerebellum.errors import InputError, ModelFileError, UnknownNameError
from cerebellum.plasticity import Plasticity
from cerebellum.rules import AllToAll, Convergence, Dendrites, Microzone, Rule
from cerebellum.schema import (
    Conductance,
    Count,
    Density,
    Duration,
    Extent,
    Fraction,
    Position,
    Positive,
    Rate,
    SynapticWeight,
    Table,
    Time,
    ValueTable,
    Voltage,
    check_sources,
    parse,
)
from cerebellum.units import Value, parse_value, steps

__all__ = ["AllToAll", "Circuit", "Convergence", "Dendrites", "Microzone", "load_model"]

if TYPE_CHECKING:
    PopulationName = str  # one type for names that a file gives and names that code looks up
else:
    PopulationName = Literal[
        "mossy_fiber",
        "glomerulus",
        "granule",
        "golgi",
        "purkinje",
        "basket",
        "stellate",
        "nuclear",
        "nucleo_olivary",
        "inferior_olive",
    ]


DIMENSION = {"exponential": "current", "alpha": "conductance"}
"""Of a weight, by kind of receptor."""


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
    layer: dict[str, Layer]


class Receptor(Table):
    """Where synapses enter a cell.

    'exponential': a current, I += or -= weight at each spike, decaying with tau. 'alpha': a conductance with its
    `reversal`, which reaches the weight at tau after the spike.
    """

    kind: Literal["exponential", "alpha"] = "exponential"
    effect: Literal["excitatory", "inhibitory"]
    tau: Duration
    reversal: Voltage | None = None
    tonic: Conductance | None = None
    """Conductance that is always open, as of receptors outside the synapses which ambient transmitter binds to."""

    @model_validator(mode="after")
    def _reversal_of_a_conductance(self) -> Receptor:
        if (self.kind == "alpha") != (self.reversal is not None):
            raise InputError("reversal: wanted for an alpha conductance, and only there")
        if self.tonic is not None and self.kind != "alpha":
            raise InputError("tonic: wanted for an alpha conductance only")
        return self

    @property
    def port(self) -> Port:
        """The receptor in SI units."""
        return Port(
            1 if self.effect == "excitatory" else -1,
            self.tau.si,
            None if self.reversal is None else self.reversal.si,
            0.0 if self.tonic is None else self.tonic.si,
        )


class Afferent(Table):
    """An outside fibre onto each cell, by which a protocol can give it spikes."""

    receptor: str
    weight: SynapticWeight
    delay: Time


class Population(Table):
    """Cells of one type: a `count`, a `density` in a `layer` of the volume, or a `ratio` to the cells `of` another."""

    cell: str
    count: Count | None = None
    density: Density | None = None
    ratio: Positive | None = None
    of: PopulationName | None = None
    layer: str | None = None
    soma: Extent | None = None
    """Radius; cells of a population do not overlap if they fill less than a tenth of their layer."""
    start: Literal["rest", "spread"] = "rest"
    """Voltage at time 0: the resting voltage, or drawn evenly between reset and threshold (cells out of phase)."""
    afferent: Afferent | None = None
    parameters: ValueTable = Field(default_factory=dict)
    spread: ValueTable = Field(default_factory=dict)
    """Standard deviation over cells of a parameter, Gaussian."""
    receptor: dict[str, Receptor] = Field(default_factory=dict)

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
        for table in (self.parameters, self.spread):
            for name, found in table.items():
                if name not in wanted:
                    raise UnknownNameError.of(f"parameter of cell {self.cell!r}", name, list(wanted))
                positive = name in MODELS[self.cell].positive or table is self.spread
                low = 0.0 if positive or wanted[name] == "time" else None
                try:
                    table[name] = parse_value(found, wanted[name], low=low, strict=positive)
                except InputError as error:
                    raise InputError(f"{name}: {error}") from None
        if "V_reset" in wanted and self.parameters["V_reset"].si >= self.parameters["V_th"].si:
            found = self.parameters["V_reset"]
            raise InputError(f"V_reset: found {found}; wanted less than V_th = {self.parameters['V_th']}")
        kind = MODELS[self.cell].synapse
        for name, receptor in self.receptor.items():
            if receptor.kind != kind:
                raise InputError(f"receptor.{name}: cell {self.cell!r} takes {kind or 'no'} receptors")
        if self.afferent and self.afferent.receptor not in self.receptor:
            raise UnknownNameError.of("receptor", self.afferent.receptor, list(self.receptor))
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

    def si(self) -> dict[str, float]:
        """Cell parameters in SI units."""
        return {name: value.si for name, value in self.parameters.items()}


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


SolvedWeight = Annotated[ThresholdWeight | CancelWeight, Field(discriminator="kind")]


class Contacts(Table):
    """Synaptic contacts of one connected pair, Gaussian and at least one; folded into one synapse of their sum."""

    mean: Count
    sd: Fraction


class ShortTerm(Table):
    """Tsodyks-Markram short-term plasticity of each source cell's synapses, from u = 0, x = 1 (all recovered).

    At a spike u <- u + U (1 - u), the synapse transmits weight u x, then x <- x - u x; between spikes u decays with
    tau_fac and x recovers with tau_rec (Tsodyks et al. 1998, Neural Comput 10:821; NEST's tsodyks2_synapse).
    """

    U: Fraction
    tau_rec: Duration
    tau_fac: Duration


class Projection(Table):
    """Synapses from one population to another; onto a relay cell they have neither receptor nor weight."""

    source: PopulationName = Field(alias="from")
    target: PopulationName = Field(alias="to")
    receptor: str = ""
    delay: Time
    weight: SynapticWeight | SolvedWeight | None = None
    contacts: Contacts | None = None
    rule: Rule
    short_term: ShortTerm | None = None
    plasticity: Plasticity | None = None


class GapJunction(Table):
    """Electrical coupling within a population: each cell has on average `partners` within `radius`. 0 nS is none."""

    population: PopulationName
    conductance: Conductance
    partners: Positive
    radius: Extent


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
                if isinstance(p.rule, rules.PLACED)
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
            for wanted in rules.needs(projection.rule):
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
        zoned = {p for projection in self.projection.values() if rules.zoned(projection.rule)
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
            feed = self.projection.get(rule.through) if isinstance(rule, rules.Claws) else None
            if feed is not None and isinstance(rule, rules.Claws) and self.size(feed.source) < rule.dendrites.number:
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

    def outgoing(self, population: str) -> dict[str, Projection]:
        """Projections from a population, by name."""
        return {name: p for name, p in self.projection.items() if p.source == population}


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
