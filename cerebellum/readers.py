"""The readers of one memory, side by side: Purkinje spikes, granule spikes, rate engine, SDM, attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum import agreement
from cerebellum.circuit import Circuit, Dendrites, ThresholdWeight
from cerebellum.connectome import Connectome, generator, zone_of
from cerebellum.errors import ProtocolFileError
from cerebellum.patterns import Patterns
from cerebellum.theory import attention, granule

Floats = NDArray[np.float64]
READERS = ("purkinje", "nuclear", "granule", "rate", "sdm", "sdm_exact", "attention")


@dataclass(frozen=True)
class Code:
    """The circuit's granule code as SDM sees it: `dendrites` of `lines` address bits, active at `threshold` matches."""

    projection: str
    lines: int
    dendrites: int
    threshold: int

    def log_kernel(self, distances: NDArray[np.int64]) -> Floats:
        """ln K(v) at Hamming distances, same shape: the expected overlap of two active sets, as a share of cells."""
        unique, where = np.unique(distances, return_inverse=True)
        values = granule.log_overlap(self.lines, self.dendrites, self.threshold, unique)
        return values[where].reshape(np.shape(distances))

    @property
    def fit_range(self) -> NDArray[np.int64]:
        """Distances over which beta is fitted: from a match to half of the bits, where unrelated patterns lie."""
        return np.arange(self.lines // 2 + 1)

    def fit(self) -> attention.BetaFit:
        """Least squares of ln K on cosine over `fit_range`."""
        return attention.fit_log_weights(1.0 - 2.0 * self.fit_range / self.lines, self.log_kernel(self.fit_range))


def code_of(circuit: Circuit) -> Code:
    """The granule code of a circuit whose threshold is given in matches.

    Raises
    ------
    ProtocolFileError
        If the circuit has no projection whose weight sets a granule threshold.
    """
    for projection in circuit.projection.values():
        if isinstance(projection.weight, ThresholdWeight):
            own = circuit.projection[projection.weight.of]
            assert isinstance(own.rule, Dendrites)
            lines = circuit.size(own.source) // 2
            return Code(
                projection.weight.of, lines, int(own.rule.dendrites.number), int(projection.weight.matches.number)
            )
    raise ProtocolFileError("patterns: this model states no granule threshold, so SDM cannot predict what it stores")


def active_sets(connectome: Connectome, code: Code, addresses: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ideal granule code on this very connectome: cells with at least `threshold` matches, (addresses, cells)."""
    sources = connectome.matrix(code.projection)
    preferred, line = (sources % 2).astype(bool), sources // 2
    out = np.empty((len(addresses), len(sources)), dtype=bool)
    for row, address in enumerate(addresses):
        out[row] = (address[line] == preferred).sum(axis=1) >= code.threshold
    return out


def exact_overlap(connectome: Connectome, code: Code, patterns: Patterns) -> Floats:
    """Cells shared by each cue and each stored pattern on this connectome, (cues, patterns)."""
    stored = active_sets(connectome, code, patterns.addresses).astype(np.float32)
    asked = active_sets(connectome, code, patterns.cues).astype(np.float32)
    return (asked @ stored.T).astype(float)


def ideal_counters(connectome: Connectome, code: Code, patterns: Patterns) -> Floats:
    """Kanerva's counters after all writes: sum over patterns of active x pointer, (cells, pointer bits)."""
    stored = active_sets(connectome, code, patterns.addresses)
    return stored.T.astype(float) @ patterns.signs


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
    """What each reader says.

    Attributes
    ----------
    readout : reader -> y, (cues, pointer bits); its sign is the recalled bit
    weights : reader -> weight of each stored pattern, (cues, patterns), rows sum to 1
    """

    readout: dict[str, Floats]
    weights: dict[str, Floats]


def read_all(
    connectome: Connectome, code: Code, patterns: Patterns, measured: dict[str, Floats], overlap: Floats | None
) -> Readings:
    """All readers of one memory.

    Parameters
    ----------
    measured : reader -> y of the engines ('purkinje', 'rate'), (cues, pointer bits)
    overlap : shared granule spikes, (cues, patterns), or None without a spiking run
    """
    distances = patterns.distances()
    fit = code.fit()
    weights = {name: agreement.effective_weights(y, patterns.signs) for name, y in measured.items()}
    theory = {
        "sdm": np.exp(code.log_kernel(distances)),
        "sdm_exact": exact_overlap(connectome, code, patterns),
        "attention": attention.softmax_weights(1.0 - 2.0 * distances / code.lines, fit.beta),
    }
    if overlap is not None:
        theory = {"granule": overlap, **theory}
    theory = {name: agreement.normalized(values) for name, values in theory.items()}
    readout = {**measured, **{name: values @ patterns.signs for name, values in theory.items()}}
    weights = {**weights, **theory}
    return Readings({n: readout[n] for n in READERS if n in readout}, {n: weights[n] for n in READERS if n in weights})


def summarize(readings: Readings, code: Code, patterns: Patterns, seed: int) -> dict[str, Any]:
    """agreement, beta and recall as in summary.json."""
    cosine = 1.0 - 2.0 * patterns.distances() / code.lines
    fit = code.fit()
    compared: dict[str, Any] = dict(agreement.compare_all(readings.weights))
    first = next(name for name in ("purkinje", "rate") if name in readings.weights)
    compared["control"] = {
        "reader": first,
        "r2": agreement.shuffled_r2(readings.weights[first], readings.weights["sdm_exact"], generator(seed, "control")),
    }
    beta: dict[str, Any] = {"attention": fit.beta, "fit_r2": fit.r2, "fit_distances": [0, int(code.fit_range[-1])]}
    for name in readings.weights:
        if name != "attention":
            found = agreement.effective_beta(readings.weights[name], cosine, patterns.target, generator(seed, "beta"))
            beta[name] = found.value
            beta[f"{name}_interval"] = [found.low, found.high]
    recall: dict[str, Any] = {}
    for name, y in readings.readout.items():
        levels = {}
        for flips in np.unique(patterns.flips):
            rows = patterns.flips == flips
            levels[str(int(flips))] = vars(agreement.recall(y[rows] > 0, patterns.pointers, patterns.target[rows]))
        recall[name] = {**vars(agreement.recall(y > 0, patterns.pointers, patterns.target)), "by_flips": levels}
    return {"agreement": compared, "beta": beta, "recall": recall}
