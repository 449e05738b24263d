"""The readers of one memory, side by side: Purkinje, nuclear and granule spikes, rate engine, SDM, attention."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome, generator, zone_of
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.schedule import Schedule
from cerebellum.readout import agreement, curve, granule_code, rivals
from cerebellum.readout.granule_code import Code, matches
from cerebellum.readout.microzones import by_pattern
from cerebellum.results.result import ENGINE_READERS, READERS, Readings
from cerebellum.theory import attention
from cerebellum.typing import Floats


def fan_out(connectome: Connectome) -> Floats:
    """Plastic synapses of every granule cell onto Purkinje cells over the mean of all, shape (granule cells,)."""
    circuit = connectome.circuit
    granule, purkinje = circuit.with_role("granule"), circuit.with_role("purkinje")
    assert granule is not None
    out = np.zeros(circuit.size(granule))
    for name, projection in circuit.projection.items():
        if projection.plasticity is not None and (projection.source, projection.target) == (granule, purkinje):
            out += np.bincount(connectome.edges[name].pre, minlength=len(out))
    return np.asarray(out / out.mean())


def exact_overlap(connectome: Connectome, code: Code, patterns: Patterns) -> Floats:
    """Responses shared by each cue and each stored pattern on this connectome, counted by synapse, (cues, patterns)."""
    stored = code.responses(matches(connectome, code, patterns.addresses), written=True)
    cued = code.responses(matches(connectome, code, patterns.cues), written=False)
    return np.asarray((cued * fan_out(connectome)) @ stored.T)


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
        rows = patterns.block_of_cue == number
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

        flips, targets = np.unique(patterns.flips[~patterns.lure]), np.unique(patterns.target)
        found[name] = {
            **vars(of(~patterns.lure)),
            "by_flips": {str(int(level)): vars(of(patterns.flips == level)) for level in flips},
            "by_pattern": {
                str(int(target)): of((patterns.target == target) & ~patterns.lure).patterns for target in targets
            },
        }
    return found


def compared(readings: Readings, code: Code, patterns: Patterns, seed: int) -> dict[str, Any]:
    """agreement, beta and curve as in summary.json; without an engine's weights there is none of them.

    What is not defined, as the error of one value, is None.
    """
    weights, engines = readings.weights, [name for name in ENGINE_READERS if name in readings.weights]
    if not engines:
        return {}
    cosine, fit = code.cosine(patterns.distances()), code.fit()
    agreements: dict[str, Any] = dict(agreement.compare_all(weights, patterns.own))
    if patterns.lure.any():
        for pair, found in agreements.items():
            a, b = (weights[name][patterns.lure] for name in pair.split("_vs_"))
            found["lures"] = {"identity": agreement.identity(a, b), "r2": agreement.r2(a, b)}
    models = rivals.weights(code, patterns)
    models |= {
        rival: weights[name] for rival, name in (("exact", "sdm_exact"), ("granule", "granule")) if name in weights
    }
    agreements["rivals"] = {
        name: {
            rival: rivals.against(
                weights[name], weights["sdm"], model, patterns.own, patterns.target, generator(seed, "rivals")
            )
            for rival, model in models.items()
        }
        for name in engines
    }
    beta: dict[str, Any] = {"attention": fit.beta, "fit_r2": fit.r2, "fit_distances": [0, int(code.fit_range[-1])]}
    cells = curve.pairs(cosine, patterns.flips, patterns.target)
    for name in weights:
        if name != "attention":
            slope = curve.effective_beta(weights[name], weights["sdm"], cells, generator(seed, "beta"))
            beta[name], beta[f"{name}_interval"] = slope.value, [slope.low, slope.high]
            beta[f"{name}_curvature"] = slope.curvature
            beta[f"{name}_curvature_interval"] = [slope.curvature_low, slope.curvature_high]
    curves = {name: curve.curve(values, cosine, patterns.target) for name, values in weights.items()}
    return _defined({"agreement": agreements, "beta": beta, "curve": curves})


def _defined(found: Any) -> Any:
    """The same tables and lists, with None for what is not defined (nan)."""
    if isinstance(found, dict):
        return {key: _defined(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_defined(value) for value in found]
    return None if isinstance(found, float) and np.isnan(found) else found


def summarize(blocks: list[Readings], names: list[str], code: Code, patterns: Patterns, seed: int) -> dict[str, Any]:
    """agreement, beta, curve and recall of the last block that asks; recall of each if there are several.

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


def observed(
    outcome: Outcome, connectome: Connectome, schedule: Schedule, code: Code
) -> tuple[Code, Floats, dict[str, Any]]:
    """The granule code as the circuit that ran shows it.

    Returns
    -------
    the code; the spikes that cues and patterns share, shape (cues, patterns); and for the summary the granule response
    where it had to be measured, and how well the weights written follow the ideal counters
    """
    circuit, patterns = connectome.circuit, schedule.patterns
    assert patterns is not None
    granule = circuit.with_role("granule")
    assert granule is not None
    written, cued = (outcome.counts(granule, by_pattern(schedule.of(role))) for role in ("write", "read"))
    summary: dict[str, Any] = {}
    if not granule_code.states_threshold(circuit):
        on = [granule_code.matches(connectome, code, addresses) for addresses in (patterns.addresses, patterns.cues)]
        code = granule_code.tuned(code, (on[0], written), (on[1], cued))
        summary["granule_response"] = {"f_write": code.f_write, "f_read": code.f_read}
    summary["written_weights"] = {
        name: {"r_ideal_counters": written_correlation(connectome, code, patterns, own, name)}
        for name, own in outcome.weights.items()
    }
    return code, cued @ written.T, summary
