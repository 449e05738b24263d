"""What the claims on graded patterns share: the numbers of one run, and what they say of many seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cerebellum.results.result import Result

FRESH = range(101, 111)
"""Seeds that no parameter was chosen on."""
RIVALS = ("indicator", "linear", "mossy_fiber", "softmax_half", "softmax_twice")
NAMES = {
    "indicator": "the own pattern alone",
    "linear": "linear cosine",
    "mossy_fiber": "mossy fibres without granule cells",
    "softmax_half": "softmax at half beta",
    "softmax_twice": "softmax at twice beta",
}


def picked(result: Result, readers: Sequence[str]) -> dict[str, Any]:
    """Of a run: agreement of readers with SDM and attention, rivals, controls, curve, beta, recall."""
    summary = result.summary
    found = summary["agreement"]
    pairs = [f"{a}_vs_{b}" for a in readers for b in ("sdm_exact", "sdm", "attention")]
    pairs += ["sdm_vs_sdm_exact", "sdm_vs_attention", *(["granule_vs_sdm"] if "granule_vs_sdm" in found else [])]
    return {
        "agreement": {pair: found[pair] for pair in pairs},
        "rivals": {reader: found["rivals"][reader] for reader in readers},
        "controls": found.get("controls", {}),
        "curve": {name: summary["curve"][name] for name in (*readers, "sdm", "attention")},
        "beta": {
            key: value for key, value in summary["beta"].items() if key.split("_")[0] in (*readers, "sdm", "attention")
        },
        "recall": {name: summary["recall"][name]["patterns"] for name in (*readers, "sdm_exact")},
        "bits": {name: summary["recall"][name]["bits"] for name in (*readers, "sdm_exact")},
        "weights": {name: np.round(result.weights[name], 5).tolist() for name in (*readers, "sdm")},
        "own": result.recalled.own.tolist(),
    }


def worst(runs: Sequence[Mapping[str, Any]], pair: str, part: str | None = None) -> float:
    """Smallest identity R2 of a pair of readers over the runs."""
    found = [run["agreement"][pair] for run in runs]
    return float(min((one if part is None else one[part])["identity"] for one in found))


def mean(runs: Sequence[Mapping[str, Any]], pair: str, part: str | None = None) -> float:
    """Mean identity R2 of a pair of readers over the runs."""
    found = [run["agreement"][pair] for run in runs]
    return float(np.mean([(one if part is None else one[part])["identity"] for one in found]))


def beaten(runs: Sequence[Mapping[str, Any]], reader: str, rival: str) -> int:
    """Runs in which the rival is behind the prediction by more than its error (95 % over patterns)."""
    return sum(run["rivals"][reader][rival]["behind"]["low"] > 0 for run in runs)


def apart(runs: Sequence[Mapping[str, Any]], reader: str, rival: str, draws: int = 2000) -> tuple[float, float, float]:
    """How far the rival is behind, mean over runs, and its 95 % interval over runs drawn anew."""
    gains = np.array([run["rivals"][reader][rival]["behind"]["mean"] for run in runs])
    rng = np.random.default_rng(0)
    low, high = np.percentile(rng.choice(gains, (draws, len(gains))).mean(axis=1), (2.5, 97.5))
    return float(gains.mean()), float(low), float(high)


def mean_curve(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, list[float]]:
    """The curve of weight over cosine, mean over runs, and the standard error over them."""
    table = np.array([run["curve"][name]["mean"] for run in runs])
    error = table.std(axis=0, ddof=1) / np.sqrt(len(table)) if len(table) > 1 else np.full(table.shape[1], np.nan)
    return {"cosines": runs[0]["curve"][name]["cosines"], "mean": table.mean(axis=0).tolist(), "error": error.tolist()}


def mean_rivals(runs: Sequence[Mapping[str, Any]], reader: str) -> dict[str, tuple[float, float]]:
    """Model -> identity R2 of a reader's weights about it, all pairs and others, mean over runs."""
    from cerebellum.plotting.reader_agreement import predicted_and_rivals

    each = [predicted_and_rivals({**run["agreement"], "rivals": run["rivals"]}, reader) for run in runs]
    return {name: tuple(np.mean([one[name] for one in each], axis=0).tolist()) for name in each[0]}
