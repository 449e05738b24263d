"""The granule code of a circuit: what its cells answer to, from the description or as a run shows it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.placed_wiring import Claws
from cerebellum.description.projection import ThresholdWeight
from cerebellum.description.wiring import Dendrites
from cerebellum.errors import ProtocolFileError
from cerebellum.theory import attention, granule
from cerebellum.typing import Floats, Ints


@dataclass(frozen=True)
class Code:
    """The circuit's granule code as SDM sees it: cells of `dendrites` inputs that answer to the number of them on.

    Attributes
    ----------
    projection : brings the inputs to the granule cells
    lines : address lines, each a pair of fibres of which one is on, or, in a sparse code, one fibre
    threshold : inputs on that activate a cell: a step, as in SDM
    active : lines on in every address of a sparse code; None for pairs
    f_write, f_read : f(m), a cell's mean spikes with m = 0..dendrites inputs on, in a write and in a read, in place of
        the step; measured (`tuned`), so there is nothing to fit
    """

    projection: str
    lines: int
    dendrites: int
    threshold: int
    active: int | None = None
    f_write: tuple[float, ...] | None = None
    f_read: tuple[float, ...] | None = None

    def log_kernel(self, distances: NDArray[np.int64]) -> Floats:
        """ln K(v) at Hamming distances, same shape: the expected overlap of two codes, E[f_written f_asked]."""
        unique, where = np.unique(distances, return_inverse=True)
        if self.active is None:
            values = granule.log_overlap(self.lines, self.dendrites, self.threshold, unique, self.f_write, self.f_read)
        else:
            cell = self.lines, self.active, self.dendrites, self.threshold
            shared = [self.active - v // 2 for v in unique.tolist()]
            overlaps = [granule.sparse_overlap(*cell, lines, self.f_write, self.f_read) for lines in shared]
            values = np.log(overlaps, out=np.full(len(unique), -np.inf), where=np.asarray(overlaps) > 0)
        return np.asarray(values[where].reshape(np.shape(distances)))

    @property
    def fit_range(self) -> NDArray[np.int64]:
        """Distances over which beta is fitted: from a match to where unrelated patterns lie."""
        if self.active is None:
            return np.arange(self.lines // 2 + 1)
        return np.arange(0, 2 * round(self.active * (1 - self.active / self.lines)) + 1, 2)

    def cosine(self, distances: NDArray[np.int64]) -> Floats:
        """Of two addresses at these distances: 1 - 2 v / n, or shared over active lines."""
        return 1.0 - np.asarray(distances) / (self.lines / 2 if self.active is None else 2 * self.active)

    def fit(self) -> attention.BetaFit:
        """Least squares of ln K on cosine over `fit_range`."""
        return attention.fit_log_weights(self.cosine(self.fit_range), self.log_kernel(self.fit_range))

    def responses(self, matches: NDArray[np.int64], written: bool) -> Floats:
        """What cells with these numbers of inputs on do in a write or a read, same shape."""
        f = self.f_write if written else self.f_read
        return (matches >= self.threshold).astype(float) if f is None else np.asarray(f)[matches]


def code_of(circuit: Circuit, active: int | None = None) -> Code:
    """The granule code of a circuit.

    A circuit that states its threshold in matches has it; of one whose cells put claws into glomeruli it is graded and
    must be measured, see `tuned`: until then the step asks for every dendrite.

    Parameters
    ----------
    active : lines on in every address, for sparse codes

    Raises
    ------
    ProtocolFileError
        If the circuit has neither, or a sparse code is wanted of one whose fibres come in pairs.
    """
    fibers = fiber_count(circuit)
    for name, projection in circuit.projection.items():
        if isinstance(projection.weight, ThresholdWeight):
            own = circuit.projection[projection.weight.of]
            assert isinstance(own.rule, Dendrites)
            if active is not None:
                raise ProtocolFileError(
                    "patterns.source: found 'sparse'; this model's fibres come in pairs: try --model mouse_memory"
                )
            dendrites = int(own.rule.dendrites.number)
            return Code(projection.weight.of, fibers // 2, dendrites, int(projection.weight.matches.number))
        if isinstance(projection.rule, Claws):
            dendrites = int(projection.rule.dendrites.number)
            return Code(name, fibers // 2 if active is None else fibers, dendrites, dendrites, active)
    raise ProtocolFileError("patterns: this model's granule cells read no address, so SDM cannot say what it stores")


def fiber_count(circuit: Circuit) -> int:
    """Number of mossy fibres, which carry the address; 0 if the circuit has none."""
    population = circuit.with_role("mossy_fiber")
    return 0 if population is None else circuit.size(population)


def states_threshold(circuit: Circuit) -> bool:
    """Whether the circuit's granule threshold is a number of matches, so that its code is known without a run."""
    return any(isinstance(projection.weight, ThresholdWeight) for projection in circuit.projection.values())


def fibers_read(connectome: Connectome, code: Code) -> NDArray[np.int64]:
    """Mossy fibre of every dendrite, shape (granule cells, dendrites)."""
    sources = connectome.matrix(code.projection)
    rule = connectome.circuit.projection[code.projection].rule
    if not isinstance(rule, Claws):
        return sources.astype(np.int64)
    feed = connectome.edges[rule.through]
    fiber = np.empty(connectome.circuit.size(connectome.circuit.projection[rule.through].target), dtype=np.int64)
    fiber[feed.post] = feed.pre
    return fiber[sources]


def matches(connectome: Connectome, code: Code, addresses: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Inputs on at every granule cell of this very connectome, shape (addresses, cells)."""
    read = fibers_read(connectome, code)
    out = np.empty((len(addresses), len(read)), dtype=np.int64)
    for row, address in enumerate(addresses):
        on = address if code.active is not None else np.stack([~address, address], axis=1).ravel()
        out[row] = np.pad(on, (0, fiber_count(connectome.circuit) - len(on)))[read].sum(axis=1)
    return out


def active_sets(connectome: Connectome, code: Code, addresses: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ideal granule code on this very connectome: cells with at least `threshold` inputs on, (addresses, cells)."""
    return matches(connectome, code, addresses) >= code.threshold


def tuned(code: Code, written: tuple[Ints, Floats | Ints], cued: tuple[Ints, Floats | Ints]) -> Code:
    """The code with the responses f(m) that the running circuit shows: mean spikes of all cells with m inputs on.

    Parameters
    ----------
    written, cued : inputs on, and spikes, counted or expected, of every cell in every write and read, each of shape
        (trials, cells)
    """

    def response(on: Ints, counts: Floats | Ints) -> tuple[float, ...]:
        cells = np.bincount(on.ravel(), minlength=code.dendrites + 1)
        total = np.bincount(on.ravel(), counts.ravel(), code.dendrites + 1)
        # A number of inputs that never occurred is given the response of the next lower one.
        found = np.divide(total, cells, out=np.full(len(cells), np.nan), where=cells > 0)
        for m in range(1, len(found)):
            found[m] = found[m - 1] if np.isnan(found[m]) else found[m]
        return tuple(np.nan_to_num(found).tolist())

    return replace(code, f_write=response(*written), f_read=response(*cued))
