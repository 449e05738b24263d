"""A circuit as its model file describes it: populations, projections, rules. Checked, immutable, engine-free."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from cerebellum import library
from cerebellum.cells import MODELS
from cerebellum.errors import InputError, ModelFileError, UnknownNameError
from cerebellum.plasticity import ClimbingFiberRule
from cerebellum.schema import Count, CurrentWeight, Duration, Rate, Table, Time, ValueTable, check_sources, parse
from cerebellum.units import Value, parse_value, steps

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


class Receptor(Table):
    """Where a projection's current enters a cell: I += or -= weight at each spike, decaying with tau."""

    effect: Literal["excitatory", "inhibitory"]
    tau: Duration


class Population(Table):
    """Cells of one type."""

    cell: str
    count: Count
    start: Literal["rest", "spread"] = "rest"
    """Voltage at time 0: the resting voltage, or drawn evenly between reset and threshold (cells out of phase)."""
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
                positive = name in ("C_m", "tau_m") or table is self.spread
                try:
                    table[name] = parse_value(found, wanted[name], low=0.0 if positive else None, strict=positive)
                except InputError as error:
                    raise InputError(f"{name}: {error}") from None
        return self

    def si(self) -> dict[str, float]:
        """Cell parameters in SI units."""
        return {name: value.si for name, value in self.parameters.items()}


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


Rule = Annotated[Dendrites | AllToAll | Convergence | Microzone, Field(discriminator="kind")]
SolvedWeight = Annotated[ThresholdWeight | CancelWeight, Field(discriminator="kind")]


class Projection(Table):
    """Synapses from one population to another."""

    source: PopulationName = Field(alias="from")
    target: PopulationName = Field(alias="to")
    receptor: str
    delay: Time
    weight: CurrentWeight | SolvedWeight
    rule: Rule
    plasticity: ClimbingFiberRule | None = None


class Circuit(Table):
    """A whole model file."""

    title: str
    description: str
    time_step: Duration
    microzones: Count
    population: dict[PopulationName, Population]
    projection: dict[str, Projection]
    sources: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Circuit:
        faults = [fault for name, projection in self.projection.items() for fault in self._faults(name, projection)]
        zoned = {p for projection in self.projection.values() if projection.rule.kind == "microzone"
                 for p in (projection.source, projection.target)}  # fmt: skip
        for name in zoned & set(self.population):
            if self.size(name) % self.zones:
                faults.append(
                    f"population.{name}.count: found {self.size(name)}; wanted a multiple of the {self.zones} microzones"
                )
        if faults:
            raise InputError("\n".join(faults))
        check_sources(self, self.sources)
        return self

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
        if projection.receptor not in target.receptor:
            known = ", ".join(target.receptor) or "none"
            faults.append(f"{place}.receptor: {projection.target} has no {projection.receptor!r}; there is: {known}")
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
        if projection.plasticity and projection.plasticity.teacher not in self.projection:
            known = ", ".join(self.projection)
            faults.append(
                f"{place}.plasticity.teacher: no projection {projection.plasticity.teacher!r}; there is: {known}"
            )
        try:
            steps(projection.delay.si, self.dt)
        except InputError as error:
            faults.append(f"{place}.delay: {error}")
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
    def zones(self) -> int:
        """Number of microzones, that is of pointer bits."""
        return int(self.microzones.number)

    def size(self, population: str) -> int:
        """Number of cells of a population."""
        return int(self.population[population].count.number)

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
