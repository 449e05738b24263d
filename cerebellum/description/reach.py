"""The wiring rule by reach: how many sources each target cell gets, by its place, and which ones."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from cerebellum.description.edges import Edges, ordered, zone_of
from cerebellum.description.schema import Correlation, Extent, Fraction, Positive, Table
from cerebellum.description.wiring import Ends, WiringRule
from cerebellum.typing import Floats

CUT = 1.645
"""In-degrees below none or above the source population may be one in twenty: so many sd from a Gaussian's mean."""


class PlaceCorrelation(Table):
    """Pearson correlation of a target cell's in-degree with its place in the layer, along each axis.

    The expected in-degree is linear in the place. x and y span the volume as it is, also a scaled one.
    """

    x: Correlation | None = None
    y: Correlation | None = None
    z: Correlation | None = None

    def along(self) -> Floats:
        """x, y and z, shape (3,)."""
        return np.array([0.0 if axis is None else axis.number for axis in (self.x, self.y, self.z)])


class Reach(WiringRule):
    """Each target cell gets on average `convergence` different source cells, drawn evenly from those within reach.

    Where fewer are within reach, the nearest outside follow. Where the whole source population is smaller (small
    volumes), all of it makes several contacts, so that a cell's input does not depend on the volume.
    """

    kind: Literal["reach"]
    convergence: Positive
    sd: Fraction | None = None
    """Standard deviation of the convergence over target cells, Gaussian, cut at none; 0 or not given: as equal as whole
    numbers allow."""
    correlation: PlaceCorrelation | None = None
    """How much of that spread is by place."""
    radius: Extent | None = None
    """Distance of the somata."""
    x: Extent | None = None
    """Largest distance along the parallel fibres."""
    y: Extent | None = None
    """Largest distance along the parasagittal plane."""
    microzone: bool = False
    """Only source cells of the target's microzone."""

    placed: ClassVar[bool] = True

    @property
    def zoned(self) -> bool:
        """If it says so."""
        return self.microzone

    def draw(self, ends: Ends, rng: np.random.Generator) -> Edges:
        """Cell by cell, from those within reach."""
        sources, targets = np.ascontiguousarray(ends.source_places.T), ends.target_places
        own = ends.projection.source == ends.projection.target
        source_zone, target_zone = zone_of(ends.sources, ends.zones), zone_of(len(targets), ends.zones)
        everyone, by_y = np.arange(ends.sources), np.argsort(sources[1], kind="stable")
        in_y = sources[:, by_y]

        def allowed(cell: int, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
            if self.microzone:
                candidates = candidates[source_zone[candidates] == target_zone[cell]]
            return candidates[candidates != cell] if own else candidates

        pre, post, folds = [], [], []
        for cell, wanted in enumerate(self._numbers(ends, rng)):
            place, band = targets[cell], slice(None)
            if self.y is not None:  # look only where cells can lie; the margin keeps rounding out of it
                width = 1.001 * self.y.si
                band = slice(*np.searchsorted(in_y[1], [place[1] - width, place[1] + width]))
            inside = allowed(cell, np.sort(by_y[band][self._distance(in_y[:, band], place) <= 1.0]))
            if len(inside) >= wanted:
                chosen = rng.choice(inside, wanted, replace=False, shuffle=False)
            else:
                open_to = allowed(cell, everyone)
                chosen = open_to[np.argsort(self._distance(sources[:, open_to], place), kind="stable")[:wanted]]
            pre.append(chosen)
            post.append(np.full(len(chosen), cell))
            # Contacts that a source population too small leaves over are spread evenly on its cells.
            folds.append(wanted // max(len(chosen), 1) + (np.arange(len(chosen)) < wanted % max(len(chosen), 1)))
        contacts = np.concatenate(folds).astype(float)
        edges = np.concatenate(pre), np.concatenate(post)
        return ordered(*edges, contacts if contacts.max(initial=1.0) > 1 else None)

    def _numbers(self, ends: Ends, rng: np.random.Generator) -> list[int]:
        """How many sources each target cell gets: mean + sd (r . u + sqrt(1 - r . r) xi).

        r are the correlations along the axes, u the standardised places, xi standard Gaussian.
        """
        mean = self.convergence.number
        if self.sd is None or self.sd.number == 0:
            numbers = int(mean) + (rng.random(ends.targets) < mean % 1)
        else:
            deviation = rng.standard_normal(ends.targets)
            if self.correlation is not None:
                r = self.correlation.along()
                low, size = ends.target_box
                places = np.zeros((ends.targets, 3))
                np.divide(ends.target_places - low - size / 2, size / np.sqrt(12), out=places, where=size > 0)
                deviation = places @ r + np.sqrt(1 - r @ r) * deviation
            numbers = np.maximum(np.rint(mean + self.sd.number * deviation), 0).astype(int)
        return [int(number) for number in numbers]

    def _distance(self, sources: Floats, target: Floats) -> Floats:
        """Distance in units of the rule's reach: 1 at its edge, shape (sources,); places in m, (3, sources), (3,)."""
        found = np.zeros(sources.shape[1])
        if self.radius is not None:
            found = np.linalg.norm(sources - target[:, None], axis=0) / self.radius.si
        for axis, reach in enumerate((self.x, self.y)):
            if reach is not None:
                found = np.maximum(found, np.abs(sources[axis] - target[axis]) / reach.si)
        return found

    def convergence_at_full_scale(self, ends: Ends) -> float:
        """`convergence`."""
        return self.convergence.number

    def spread_at_full_scale(self, ends: Ends) -> float:
        """`sd`."""
        return 0.0 if self.sd is None else self.sd.number

    def expected(self, ends: Ends) -> int:
        """`convergence` a cell, or all there are."""
        own = ends.projection.source == ends.projection.target
        within = ends.sources // (ends.zones if self.microzone else 1) - own
        return round(ends.targets * min(self.convergence.number, max(within, 0)))

    def faults(self, place: str, ends: Ends) -> list[str]:
        """In-degrees between none and all source cells, and correlations that a spread can have."""
        if self.sd is None:
            return [f"{place}.correlation: there is no spread to correlate; wanted sd too"] if self.correlation else []
        full = Ends(ends.circuit.at_full_scale, ends.projection)
        most = full.sources - (ends.projection.source == ends.projection.target)
        mean, cut, faults = self.convergence.number, CUT * self.sd.number, []
        if mean - cut < -0.5:  # what is rounded to none is none
            faults.append(
                f"{place}.sd: found {self.sd}; more than one cell in twenty would have fewer than no sources: wanted "
                f"at most {(mean + 0.5) / CUT:.3g}"
            )
        if mean > most + 0.5:
            faults.append(f"{place}.convergence: found {self.convergence}; there are {most} sources at scale 1")
        elif mean + cut > most + 0.5:
            faults.append(
                f"{place}.sd: found {self.sd}; more than one cell in twenty would have more sources than the {most} "
                f"that there are at scale 1: wanted at most {(most + 0.5 - mean) / CUT:.3g}"
            )
        return faults + self._correlation_faults(f"{place}.correlation", ends)

    def _correlation_faults(self, place: str, ends: Ends) -> list[str]:
        if self.correlation is None:
            return []
        r = self.correlation.along()
        if r @ r > 1:
            return [f"{place}: found squares that sum to {r @ r:.3g}; wanted at most 1, the whole spread"]
        size = ends.target_box[1]
        return [
            f"{place}.{axis}: all {ends.projection.target} cells have the same {axis}; wanted none"
            for axis, one, length in zip("xyz", r, size, strict=True)
            if one and not length
        ]
