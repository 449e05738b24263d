"""Which cells of a population a stimulus drives."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from cerebellum.clock import nearest
from cerebellum.description.schema import Count, Extent, Position, Probability, Table, Word
from cerebellum.errors import InputError
from cerebellum.machine.streams import generator
from cerebellum.typing import Bits, Cells, Floats, Ints

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit


@dataclass(frozen=True)
class Scene:
    """What a stimulus may ask of the trial that it is part of, and of the population that it drives.

    Attributes
    ----------
    places : soma centres, m, shape (cells, 3); None for a circuit without a volume
    address : mossy fibres that are on in the trial's address, shape (fibres,); None where no pattern is shown
    pointer : the pattern's pointer, shape (pointer bits,); None where no pattern is shown
    length : of the trial, the interval after it included, s
    seed : of random subsets, which are the same in all trials
    """

    circuit: Circuit
    population: str
    places: Floats | None = None
    address: Ints | None = None
    pointer: Bits | None = None
    length: float = 0.0
    seed: int = 1

    @property
    def cells(self) -> int:
        """Number of cells of the population."""
        return self.circuit.size(self.population)


class Selection(Table):
    """What all selections of cells share."""

    kind: str
    shows_pattern: ClassVar[bool] = False
    """Whether the cells are those of the trial's address."""
    exact: ClassVar[bool] = False
    """Whether `expected` is their number and no bound of it."""

    @abstractmethod
    def cells_in(self, scene: Scene) -> Cells:
        """The chosen cells, ascending, shape (cells,)."""

    def expected(self, cells: int) -> float:
        """How many of so many cells it chooses, at most: for the estimate of memory."""
        return float(cells)

    def faults(self, place: str, scene: Scene) -> list[str]:
        """What does not fit the population, a line each, begun with the key at fault (`place` is the selection's)."""
        if scene.circuit.volume is None:
            return [f"{place}: the cells of this model have no positions"]
        return []


def _somata(scene: Scene) -> Floats:
    assert scene.places is not None
    return scene.places


def _few(place: str, cells: float, scene: Scene) -> list[str]:
    """A line if there are fewer cells than wanted."""
    if cells <= scene.cells:
        return []
    return [
        f"{place}.cells: found {cells:g}; there are {scene.cells} {scene.population} cells: wanted fewer, "
        "or a larger scale"
    ]


class Sphere(Selection):
    """Cells whose somata lie within `radius` of a point.

    Points are given at scale 1; in a scaled volume x and y move with its sides, the radius stays.
    """

    kind: Literal["sphere"]
    x: Position
    y: Position
    z: Position
    radius: Extent

    def cells_in(self, scene: Scene) -> Cells:
        """Those within the radius."""
        distance = _distance(scene, self.x.si, self.y.si, self.z.si)
        return np.flatnonzero(distance <= self.radius.si).astype(np.int32)


class Cylinder(Selection):
    """Cells whose somata lie within `radius` of an upright axis."""

    kind: Literal["cylinder"]
    x: Position
    y: Position
    radius: Extent

    def cells_in(self, scene: Scene) -> Cells:
        """Those within the radius of the axis."""
        places, stretch = _somata(scene), scene.circuit.stretch
        distance = np.hypot(places[:, 0] - self.x.si * stretch, places[:, 1] - self.y.si * stretch)
        return np.flatnonzero(distance <= self.radius.si).astype(np.int32)


class Nearest(Selection):
    """The `cells` cells nearest to a point: neighbouring fibres."""

    kind: Literal["nearest"]
    x: Position
    y: Position
    z: Position
    cells: Count

    def cells_in(self, scene: Scene) -> Cells:
        """So many of them."""
        distance = _distance(scene, self.x.si, self.y.si, self.z.si)
        return np.sort(np.argsort(distance, kind="stable")[: int(self.cells.number)]).astype(np.int32)

    def faults(self, place: str, scene: Scene) -> list[str]:
        """There are as many."""
        return super().faults(place, scene) or _few(place, self.cells.number, scene)


class Edge(Selection):
    """The `cells` cells nearest to the border of the volume where x is 0."""

    kind: Literal["edge"]
    cells: Count

    def cells_in(self, scene: Scene) -> Cells:
        """So many of them."""
        chosen = np.argsort(_somata(scene)[:, 0], kind="stable")[: int(self.cells.number)]
        return np.sort(chosen).astype(np.int32)

    def faults(self, place: str, scene: Scene) -> list[str]:
        """There are as many."""
        return super().faults(place, scene) or _few(place, self.cells.number, scene)


class Address(Selection):
    """The mossy fibres that are on in the trial's address: of a pair the fibre of the bit's value, or a sparse set."""

    kind: Literal["address"]
    shows_pattern: ClassVar[bool] = True

    def cells_in(self, scene: Scene) -> Cells:
        """The fibres that are on."""
        assert scene.address is not None
        return scene.address.astype(np.int32)

    def faults(self, place: str, scene: Scene) -> list[str]:
        """The population is that of the mossy fibres."""
        if scene.population == scene.circuit.with_role("mossy_fiber"):
            return []
        return [f"{place}: an address lies on the mossy fibres, not on {scene.population}"]


class Index(Selection):
    """The cells of these numbers."""

    kind: Literal["index"]
    exact: ClassVar[bool] = True
    cells: tuple[int, ...] = Field(min_length=1)

    def cells_in(self, scene: Scene) -> Cells:
        """Those."""
        return np.array(sorted(self.cells), dtype=np.int32)

    def expected(self, cells: int) -> float:
        """As many as are listed."""
        return float(len(self.cells))

    def faults(self, place: str, scene: Scene) -> list[str]:
        """They are there, and each once."""
        if len(set(self.cells)) < len(self.cells):
            return [f"{place}.cells: wanted each number once"]
        outside = [cell for cell in self.cells if not 0 <= cell < scene.cells]
        numbers = f"{scene.population} cells have the numbers 0 to {scene.cells - 1}"
        return [f"{place}.cells: found {cell}; {numbers}" for cell in outside[:1]]


class Drawn(Selection):
    """What random selections share: an order of the population's cells, drawn by the seed, the same in all trials.

    Selections of one population with the same `draw` share that order: a larger one holds a smaller one, and shares
    that begin where others end have no cell in common. Another `draw` is another order.
    """

    exact: ClassVar[bool] = True
    draw: Word = "one"

    @abstractmethod
    def places(self, cells: int) -> tuple[int, int]:
        """First place in the order of so many cells, and the one after the last."""

    def cells_in(self, scene: Scene) -> Cells:
        """Those of these places."""
        order = generator(scene.seed, "where", scene.population, self.draw).permutation(scene.cells)
        return np.sort(order[slice(*self.places(scene.cells))]).astype(np.int32)

    def expected(self, cells: int) -> float:
        """Exactly."""
        first, last = self.places(cells)
        return float(last - first)

    def faults(self, place: str, scene: Scene) -> list[str]:
        """Any population has cells to draw."""
        return []


class Part(Drawn):
    """A share of the cells, drawn; `after` leaves out so large a share before it."""

    kind: Literal["fraction"]
    fraction: Probability
    after: Probability | None = None

    @model_validator(mode="after")
    def _within_all(self) -> Part:
        if (found := self.fraction.si + (self.after.si if self.after else 0.0)) > 1 + 1e-9:
            raise InputError(f"fraction and after: found {found:g} together; wanted 1 at most")
        return self

    def places(self, cells: int) -> tuple[int, int]:
        """To the nearest cell."""
        first = self.after.si if self.after else 0.0
        return nearest(first * cells, 1.0), nearest((first + self.fraction.si) * cells, 1.0)


class Some(Drawn):
    """So many cells, drawn."""

    kind: Literal["random"]
    cells: Count

    def places(self, cells: int) -> tuple[int, int]:
        """The first ones of the order."""
        return 0, min(cells, int(self.cells.number))

    def faults(self, place: str, scene: Scene) -> list[str]:
        """There are as many."""
        return _few(place, self.cells.number, scene)


Where = Annotated[Sphere | Cylinder | Nearest | Edge | Address | Index | Part | Some, Field(discriminator="kind")]


def _distance(scene: Scene, x: float, y: float, z: float) -> Floats:
    """Of every soma from a point given at scale 1, m, shape (cells,)."""
    stretch = scene.circuit.stretch
    return np.asarray(np.linalg.norm(_somata(scene) - np.array([x * stretch, y * stretch, z]), axis=1))
