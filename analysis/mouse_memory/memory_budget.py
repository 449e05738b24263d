"""Where the memory of a recall run loses its agreement with SDM: from codes to nuclear spikes, stage by stage.

Every stage is compared with the same prediction, the expected overlap of the measured granule responses
(`cerebellum.readout.readers`). How a stage's noise falls with its size is asked of parts of one run: shorter reads,
fewer cells a microzone, fewer parallel fibres. r2 is taken for these laws, as independent noise adds to 1 / r2 as
1 / size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity import statistics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from cerebellum.results.result import Result

    Floats = NDArray[np.float64]

PLASTIC = "parallel_fiber_to_purkinje"
STAGES = {
    "sdm_exact": "finite connectome",
    "granule": "granule spikes",
    "drive": "written weights",
    "purkinje": "Purkinje spikes",
    "nuclear": "nuclear spikes",
}
"""Each has the losses of those before it."""


def drive(result: Result) -> Floats:
    """What the written weights take from a microzone's Purkinje cells in each read, S x spikes, (cues, microzones).

    The spikes that the granule cells really fired, through the weights as they were at the end: all losses of the
    write and of the codes, none of the Purkinje cells.
    """
    from scipy.sparse import csr_matrix

    from cerebellum.connectome.connectome import zone_of
    from cerebellum.readout import microzones

    assert result.connectome is not None
    circuit, edges = result.circuit, result.connectome.edges[PLASTIC]
    zone = zone_of(circuit.size("purkinje"), circuit.zones)
    naive = circuit.projection[PLASTIC].weight.si  # type: ignore[union-attr]
    changed = csr_matrix(
        (naive - result.plastic[PLASTIC], (zone[edges.post], edges.pre)), shape=(circuit.zones, circuit.size("granule"))
    )
    spikes = result.outcomes["spiking"].counts("granule", microzones.by_pattern(result.schedule.of("read")))
    return np.asarray((changed @ spikes.T).T / np.bincount(zone, minlength=circuit.zones))


def stages(result: Result) -> dict[str, dict[str, float]]:
    """Identity R2 of each of STAGES about the prediction, and of other patterns' weights alone."""
    from cerebellum.readout import agreement

    predicted, own = result.weights["sdm"], result.recalled.own
    known = {**result.weights, "drive": agreement.effective_weights(drive(result), result.recalled.signs)}
    found = {name: agreement.compared(known[name], predicted, own) for name in STAGES if name in known}
    return {name: {"all": one["identity"], "others": one["others"]["identity"]} for name, one in found.items()}


def physiology(result: Result) -> dict[str, Any]:
    """Rates (Hz) at rest, in writes and in reads, and what written microzones do when their pattern is asked.

    Returns
    -------
    rates : population -> role -> mean over cells and windows
    active : share of granule cells that fire in a read's window
    lowest, highest : of the Purkinje cells' mean rate in a microzone, over all windows of writes and reads
    below, above : of the microzones whose pointer bit is 1, share with Purkinje cells below and nuclear cells above
        their own rate at rest, in reads of written patterns
    ones, zeros : change of rate where it is 1 and where it is 0
    """
    from cerebellum.readout import microzones

    names = ("granule", "golgi", "basket", "stellate", "purkinje", "nuclear")
    each = {(name, role): _rates(result, name, role) for name in names for role in ("baseline", "write", "read")}
    rates = {name: {role: float(each[name, role].mean()) for role in ("baseline", "write", "read")} for name in names}
    patterns, zones = result.recalled, result.circuit.zones
    asked = ~patterns.lure
    bits = patterns.pointers[patterns.target[asked]]
    change = {
        name: microzones.zone_mean(each[name, "read"] - each[name, "baseline"].mean(axis=0), zones)[asked]
        for name in ("purkinje", "nuclear")
    }
    shown = microzones.zone_mean(np.concatenate([each["purkinje", "write"], each["purkinje", "read"]]), zones)
    return {
        "rates": rates,
        "active": float((each["granule", "read"] > 0).mean()),
        "lowest": float(shown.min()),
        "highest": float(shown.max()),
        "below": float((change["purkinje"][bits] < 0).mean()),
        "above": float((change["nuclear"][bits] > 0).mean()),
        "ones": {name: float(found[bits].mean()) for name, found in change.items()},
        "zeros": {name: float(found[~bits].mean()) for name, found in change.items()},
    }


def _rates(result: Result, population: str, role: str) -> Floats:
    """Rate (Hz) of each cell in the window of each trial of a role, shape (trials, cells)."""
    from cerebellum.readout import microzones

    return result.outcomes["spiking"].mean_rates(population, microzones.windows_of(result.schedule.of(role)))


def by_read_time(result: Result, lasts: list[float]) -> dict[str, list[float]]:
    """r2 against the prediction if only the first `lasts` (s) of each read window are counted."""
    from cerebellum.readout import agreement, microzones

    circuit = result.circuit
    out: dict[str, list[float]] = {"purkinje": [], "nuclear": []}
    for name, sign in (("purkinje", -1.0), ("nuclear", 1.0)):
        spikes, cells = result.spikes[name], circuit.size(name)
        baseline = _rates(result, name, "baseline").mean(axis=0)
        for duration in lasts:
            rows = []
            for trial in result.schedule.of("read"):
                start, _ = trial.window
                rows.append(statistics.counts(spikes, cells, start, start + duration) / duration)
            y = sign * microzones.zone_mean(np.array(rows) - baseline, circuit.zones)
            out[name].append(agreement.r2(agreement.effective_weights(y, result.recalled.signs), result.weights["sdm"]))
    return out


def by_cells(result: Result, shares: list[float], rng: np.random.Generator, draws: int = 10) -> dict[str, list[float]]:
    """r2 against the prediction if only a share of each microzone's cells is read, mean over draws of cells."""
    from cerebellum.connectome.connectome import zone_of
    from cerebellum.readout import agreement

    circuit = result.circuit
    out: dict[str, list[float]] = {"purkinje": [], "nuclear": []}
    for name, sign in (("purkinje", -1.0), ("nuclear", 1.0)):
        cells, baseline = circuit.size(name), _rates(result, name, "baseline").mean(axis=0)
        change = sign * (_rates(result, name, "read") - baseline)
        zone = zone_of(cells, circuit.zones)
        members = [np.flatnonzero(zone == number) for number in range(circuit.zones)]
        for share in shares:
            measured = []
            for _ in range(draws if share < 1 else 1):
                chosen = [rng.choice(own, max(1, round(share * len(own))), replace=False) for own in members]
                y = np.stack([change[:, own].mean(axis=1) for own in chosen], axis=1)
                weights = agreement.effective_weights(y, result.recalled.signs)
                measured.append(agreement.r2(weights, result.weights["sdm"]))
            out[name].append(float(np.mean(measured)))
    return out


def by_parallel_fibers(result: Result, numbers: list[int], rng: np.random.Generator) -> list[float]:
    """r2 of the drive against the prediction with only so many parallel fibres a Purkinje cell, drawn at random."""
    from scipy.sparse import csr_matrix

    from cerebellum.connectome.connectome import zone_of
    from cerebellum.readout import agreement, microzones

    assert result.connectome is not None
    circuit, edges = result.circuit, result.connectome.edges[PLASTIC]
    zone = zone_of(circuit.size("purkinje"), circuit.zones)
    changed = circuit.projection[PLASTIC].weight.si - result.plastic[PLASTIC]  # type: ignore[union-attr]
    spikes = result.outcomes["spiking"].counts("granule", microzones.by_pattern(result.schedule.of("read")))
    rank = np.empty(len(edges))
    order = np.lexsort((rng.random(len(edges)), edges.post))
    first = np.searchsorted(edges.post[order], edges.post[order])
    rank[order] = np.arange(len(edges)) - first
    measured = []
    for number in numbers:
        kept = rank < number
        shape = circuit.zones, circuit.size("granule")
        part = csr_matrix((changed[kept], (zone[edges.post[kept]], edges.pre[kept])), shape=shape)
        y = np.asarray((part @ spikes.T).T / np.bincount(zone, minlength=circuit.zones))
        measured.append(agreement.r2(agreement.effective_weights(y, result.recalled.signs), result.weights["sdm"]))
    return measured


def limit(sizes: Sequence[float], r2: Sequence[float]) -> float:
    """r2 at endless size: independent noise adds to 1 / r2 as 1 / size; least squares over the last three points."""
    slope_and_end = np.polyfit(1.0 / np.array(sizes[-3:]), 1.0 / np.array(r2[-3:]), 1)
    return float(1.0 / slope_and_end[1])
