"""The readers of one memory, side by side: Purkinje, nuclear and granule spikes, rate engine, SDM, attention."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum import agreement
from cerebellum.circuit import Circuit, Dendrites, ThresholdWeight
from cerebellum.connectome import Connectome, generator, zone_of
from cerebellum.errors import ProtocolFileError
from cerebellum.patterns import Patterns
from cerebellum.rules import Claws
from cerebellum.theory import attention, granule

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
READERS = ("purkinje", "nuclear", "granule", "rate", "sdm", "sdm_exact", "attention")


@dataclass(frozen=True)
class Code:
    """The circuit's granule code as SDM sees it: cells of `dendrites` inputs that answer to the number of them on.

    Attributes
    ----------
    projection : brings the inputs to the granule cells
    lines : address lines, each a pair of fibres of which one is on, or, in a sparse code, one fibre
    threshold : inputs on that activate a cell: a step, as in SDM
    active : lines on in every address of a sparse code; None for pairs
    written, asked : f(m), a cell's mean spikes with m = 0..dendrites inputs on, in a write and in a read, in place of
        the step; measured (`tuned`), so there is nothing to fit
    """

    projection: str
    lines: int
    dendrites: int
    threshold: int
    active: int | None = None
    written: tuple[float, ...] | None = None
    asked: tuple[float, ...] | None = None

    def log_kernel(self, distances: NDArray[np.int64]) -> Floats:
        """ln K(v) at Hamming distances, same shape: the expected overlap of two codes, E[f_written f_asked]."""
        unique, where = np.unique(distances, return_inverse=True)
        if self.active is None:
            values = granule.log_overlap(self.lines, self.dendrites, self.threshold, unique, self.written, self.asked)
        else:
            cell = self.lines, self.active, self.dendrites, self.threshold
            shared = [self.active - v // 2 for v in unique.tolist()]
            overlaps = [granule.sparse_overlap(*cell, lines, self.written, self.asked) for lines in shared]
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
        f = self.written if written else self.asked
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
        If the circuit has neither, or a sparse code is asked of one whose fibres come in pairs.
    """
    fibers = circuit.size("mossy_fiber") if "mossy_fiber" in circuit.population else 0
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
        out[row] = np.pad(on, (0, connectome.circuit.size("mossy_fiber") - len(on)))[read].sum(axis=1)
    return out


def active_sets(connectome: Connectome, code: Code, addresses: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ideal granule code on this very connectome: cells with at least `threshold` inputs on, (addresses, cells)."""
    return matches(connectome, code, addresses) >= code.threshold


def tuned(code: Code, written: tuple[Ints, Floats | Ints], asked: tuple[Ints, Floats | Ints]) -> Code:
    """The code with the responses f(m) that the running circuit shows: mean spikes of all cells with m inputs on.

    Parameters
    ----------
    written, asked : inputs on, and spikes, counted or expected, of every cell in every write and read, each of shape
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

    return replace(code, written=response(*written), asked=response(*asked))


def fan_out(connectome: Connectome) -> Floats:
    """Plastic synapses of every granule cell onto Purkinje cells over the mean of all, shape (granule cells,)."""
    circuit = connectome.circuit
    out = np.zeros(circuit.size("granule"))
    for name, projection in circuit.projection.items():
        if projection.plasticity is not None and (projection.source, projection.target) == ("granule", "purkinje"):
            out += np.bincount(connectome.edges[name].pre, minlength=len(out))
    return np.asarray(out / out.mean())


def exact_overlap(connectome: Connectome, code: Code, patterns: Patterns) -> Floats:
    """Responses shared by each cue and each stored pattern on this connectome, counted by synapse, (cues, patterns)."""
    stored = code.responses(matches(connectome, code, patterns.addresses), written=True)
    asked = code.responses(matches(connectome, code, patterns.cues), written=False)
    return np.asarray((asked * fan_out(connectome)) @ stored.T)


def ideal_counters(connectome: Connectome, code: Code, patterns: Patterns) -> Floats:
    """Kanerva's counters after all writes: sum over patterns of active x pointer, (cells, pointer bits)."""
    stored = code.responses(matches(connectome, code, patterns.addresses), written=True)
    return np.asarray(stored.T @ patterns.signs)


def written_correlation(connectome: Connectome, code: Code, patterns: Patterns, weights: Floats, plastic: str) -> float:
    """Pearson correlation of climbing-fibre-written weights with the ideal counters, over all synapses.

    The sign is turned: a pointer bit of 1 depresses.
    """
    edges = connectome.edges[plastic]
    cells = connectome.circuit.size(connectome.circuit.projection[plastic].target)
    zone = zone_of(cells, connectome.circuit.zones)
    ideal = ideal_counters(connectome, code, patterns)[edges.pre, zone[edges.post]]
    return float(np.corrcoef(-weights, ideal)[0, 1])


@dataclass(frozen=True)
class Readings:
    """What each reader says to the cues of one block.

    Attributes
    ----------
    readout : reader -> y, (cues, pointer bits); `Patterns.decide` makes bits of it
    weights : reader -> weight of each stored pattern, (cues, patterns), rows sum to 1; an engine has none where the
        pointers have fewer than two bits a pattern
    """

    readout: dict[str, Floats]
    weights: dict[str, Floats]


def read_all(
    code: Code, patterns: Patterns, measured: dict[str, Floats], exact: Floats, overlap: Floats | None
) -> Readings:
    """All readers of one memory.

    Parameters
    ----------
    measured : reader -> y of the engines ('purkinje', 'nuclear', 'rate'), (cues, pointer bits)
    exact : from `exact_overlap`, (cues, patterns)
    overlap : shared granule spikes, (cues, patterns), or None where none were counted
    """
    distances, weights = patterns.distances(), {}
    if 2 * len(patterns.pointers) <= patterns.pointers.shape[1]:
        weights = {name: agreement.effective_weights(y, patterns.signs) for name, y in measured.items()}
    theory = {
        "sdm": np.exp(code.log_kernel(distances)),
        "sdm_exact": exact,
        "attention": attention.softmax_weights(code.cosine(distances), code.fit().beta),
    }
    if overlap is not None:
        theory = {"granule": overlap, **theory}
    theory = {name: agreement.normalized(values) for name, values in theory.items()}
    readout = {**measured, **{name: values @ patterns.signs for name, values in theory.items()}}
    weights = {**weights, **theory}
    return Readings({n: readout[n] for n in READERS if n in readout}, {n: weights[n] for n in READERS if n in weights})


def read_blocks(
    connectome: Connectome, code: Code, patterns: Patterns, measured: dict[str, Floats], overlap: Floats | None
) -> list[Readings]:
    """`read_all` for every block that asks, of what had been stored before it."""
    found, exact = [], exact_overlap(connectome, code, patterns)
    for number, stored in enumerate(patterns.written):
        rows = patterns.asked == number
        own = {name: y[rows] for name, y in measured.items()}
        pairs = np.ix_(rows, stored)
        shared = None if overlap is None else overlap[pairs]
        found.append(read_all(code, patterns.of_block(number), own, exact[pairs], shared))
    return found


def recalled(readings: Readings, patterns: Patterns) -> dict[str, Any]:
    """Recall of every reader: in all, by noise, and the share of each stored pattern's cues that are recognised."""
    found: dict[str, Any] = {}
    for name, y in readings.readout.items():
        bits = patterns.decide(y)

        def of(rows: NDArray[np.bool_], bits: NDArray[np.bool_] = bits) -> agreement.Recall:
            return agreement.recall(bits[rows], patterns.pointers, patterns.target[rows])

        flips, targets = np.unique(patterns.flips), np.unique(patterns.target)
        found[name] = {
            **vars(of(np.ones(len(bits), dtype=bool))),
            "by_flips": {str(int(level)): vars(of(patterns.flips == level)) for level in flips},
            "by_pattern": {str(int(target)): of(patterns.target == target).patterns for target in targets},
        }
    return found


def compared(readings: Readings, code: Code, patterns: Patterns, seed: int) -> dict[str, Any]:
    """agreement and beta as in summary.json; without an engine's weights there is neither."""
    first = next((name for name in ("purkinje", "rate") if name in readings.weights), None)
    if first is None:
        return {}
    cosine, fit = code.cosine(patterns.distances()), code.fit()
    agreements: dict[str, Any] = dict(agreement.compare_all(readings.weights))
    agreements["control"] = {
        "reader": first,
        "r2": agreement.shuffled_r2(readings.weights[first], readings.weights["sdm_exact"], generator(seed, "control")),
    }
    beta: dict[str, Any] = {"attention": fit.beta, "fit_r2": fit.r2, "fit_distances": [0, int(code.fit_range[-1])]}
    for name in readings.weights:
        if name != "attention":
            found = agreement.effective_beta(readings.weights[name], cosine, patterns.target, generator(seed, "beta"))
            beta[name] = found.value
            beta[f"{name}_interval"] = [found.low, found.high]
    return {"agreement": agreements, "beta": beta}


def summarize(blocks: list[Readings], names: list[str], code: Code, patterns: Patterns, seed: int) -> dict[str, Any]:
    """agreement, beta and recall of the last block that asks; recall of each if there are several.

    Parameters
    ----------
    names : of the blocks
    """
    stored = [patterns.of_block(number) for number in range(len(blocks))]
    recall = [recalled(readings, own) for readings, own in zip(blocks, stored, strict=True)]
    out = {**compared(blocks[-1], code, stored[-1], seed), "recall": recall[-1]}
    if len(blocks) > 1:
        out["recall_by_block"] = {
            name: {"stored": len(own.addresses), **found}
            for name, own, found in zip(names, stored, recall, strict=True)
        }
    return out
