"""Claim: the mouse circuit writes and reads a sparse distributed memory, predicted without a free parameter.

`mouse_recall` on `mouse_memory` (E-GLIF cells, conductances, Golgi feedback, interneurons, background and spontaneous
complex spikes left on): eight sparse mossy-fibre patterns are written by climbing fibres and read from Purkinje and
from nuclear spikes. Of the running circuit one thing is measured, the granule cells' mean response f(m) to m of their
four inputs; from it, by arithmetic, follow the kernel E[f f], every weight, and the beta of softmax attention (Bricken
& Pehlevan 2021, arXiv:2111.05498). Ceilings and the noise stage by stage stand beside. The same
on the parameters of `mouse` as published, in the same volume: one mossy-fibre spike all but fires a granule cell, and
the memory is poor. Run time: about 30 minutes on one idle core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence
from analysis.mouse_memory import memory_budget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Climbing fibres write, and Purkinje and nuclear spikes of the mouse circuit read, the weights of a sparse"
    " distributed memory, predicted from the granule cells' measured response without a free parameter."
)
CAPTION = (
    "Top left: granule responses f(m) measured in the running circuit. Top right: weights from nuclear and Purkinje"
    " spikes against the prediction, all seeds. Bottom left: r2 against the prediction after each stage, with all"
    " losses up to it; bars are means, dots seeds; grey, the published parameters in the same volume."
    " Bottom right: r2 against the time a read lasts (lines), and with a share of each microzone's cells"
    " (dotted, top axis);"
    " limits by the slope of 1/r2 on 1/size, also for the parallel fibres a Purkinje cell (of the written weights)."
)
SEEDS = 3
TIMES = [0.03, 0.06, 0.12, 0.24, 0.48, 0.69]
SHARES = [0.125, 0.25, 0.5, 1.0]
FIBERS = [375, 750, 1500, 3000, 6000, 12000]
# `mouse` as published, but for the volume and its microzones, which give the pointer bits.
UNCHANGED = {
    "population.granule.receptor.inhibitory.tonic": "0",
    "projection.parallel_fiber_to_purkinje.rule.convergence": "1525",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Chains, budgets and recall of the seeds, and of the published parameters with the first one."""
    numbers: dict[str, Any] = {"memory": [_one(seed + 1 + k, {}) for k in range(SEEDS)]}
    numbers["published"] = [_one(seed + 1, UNCHANGED)]
    return numbers | {"times": TIMES, "shares": SHARES, "fibers": FIBERS}


def _one(seed: int, settings: dict[str, str]) -> dict[str, Any]:
    from cerebellum import run
    from cerebellum.description.reach import Reach

    result = run("mouse_recall", "mouse_memory", seed=seed, settings=settings)
    summary, rng = result.summary, np.random.default_rng(seed)
    rule = result.circuit.projection[memory_budget.PLASTIC].rule
    assert isinstance(rule, Reach)
    known = rule.convergence.number
    return {
        "seed": seed,
        "r2": memory_budget.chain(result),
        "attention_ceiling": summary["agreement"]["sdm_vs_attention"]["r2"],
        "tv": {name: summary["agreement"][f"{name}_vs_sdm"]["tv"] for name in ("purkinje", "nuclear")},
        "signal": memory_budget.signal(result),
        "response": summary["granule_response"],
        "beta": summary["beta"],
        "recall": memory_budget.recall(result),
        "by_time": memory_budget.by_read_time(result, TIMES),
        "by_cells": memory_budget.by_cells(result, SHARES, rng),
        "by_fibers": memory_budget.by_parallel_fibers(result, [n for n in FIBERS if n <= known], rng),
        "weights": {name: np.round(result.weights[name], 5) for name in ("sdm", "purkinje", "nuclear")},
        "rates": {name: measured["mean_hz"] for name, measured in summary["rates"].items()},
        "seconds": summary["timing"]["total"],
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, each over all seeds."""
    runs = numbers["memory"]

    def mean(key: str) -> float:
        return float(np.mean([run["r2"][key] for run in runs]))

    def ratio(key: str) -> float:
        return float(np.mean([run["r2"][f"{key}_vs_attention"] / run["attention_ceiling"] for run in runs]))

    fifth = [run["recall"]["purkinje"]["22"]["patterns"] for run in runs]
    nuclear_fifth = [run["recall"]["nuclear"]["22"]["patterns"] for run in runs]
    return {
        "Purkinje weights against the prediction r2 >= 0.90, every seed": all(r["r2"]["purkinje"] >= 0.9 for r in runs),
        "Purkinje weights against the prediction r2 >= 0.95, mean": mean("purkinje") >= 0.95,
        "nuclear weights against the prediction r2 >= 0.90, every seed": all(r["r2"]["nuclear"] >= 0.9 for r in runs),
        f"Purkinje against softmax >= 0.95 of the prediction's own r2, mean ({ratio('purkinje'):.3f})": ratio(
            "purkinje"
        )
        >= 0.95,
        f"nuclear against softmax >= 0.95 of the prediction's own r2, mean ({ratio('nuclear'):.3f})": ratio("nuclear")
        >= 0.95,
        "a fifth of the cue wrong: >= 95 % of patterns, Purkinje": float(np.mean(fifth)) >= 0.95,
        "a fifth of the cue wrong: >= 95 % of patterns, nuclear": float(np.mean(nuclear_fifth)) >= 0.95,
        "a run takes less than 15 minutes": all(r["seconds"] < 900 for r in runs),
        "the published parameters do worse, r2 <= 0.6": numbers["published"][0]["r2"]["purkinje"] <= 0.6,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Response, weights, budget, levers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.4), layout="constrained")
    (response, scatter), (budget, levers) = figure.subplots(2, 2)
    runs, published = numbers["memory"], numbers["published"]
    _response(response, runs, published)
    for name, colour in (("nuclear", "#756bb1"), ("purkinje", "#31a354")):
        for run in runs:
            scatter.plot(np.ravel(run["weights"]["sdm"]), np.ravel(run["weights"][name]), ".", ms=3, color=colour)
        scatter.plot([], [], "o", color=colour, label=f"{name}, mean r2 {np.mean([r['r2'][name] for r in runs]):.3f}")
    top = max(np.max(run["weights"]["sdm"]) for run in runs)
    scatter.plot([0, top], [0, top], color="black", lw=0.8)
    scatter.set(xlabel="predicted weight", ylabel="weight from spikes")
    scatter.legend(frameon=False)
    names = list(memory_budget.STAGES)
    for place, name in enumerate(names):
        measured = [run["r2"][name] for run in runs]
        budget.bar(place - 0.18, np.mean(measured), 0.36, color="#3182bd")
        budget.plot([place - 0.18] * len(measured), measured, "k.", ms=5)
        budget.bar(place + 0.18, np.mean([run["r2"][name] for run in published]), 0.3, color="#bbbbbb")
    labels = memory_budget.STAGES.values()
    budget.set_xticks(range(len(names)), [label.replace(" ", "\n") for label in labels], fontsize=8)
    budget.set(ylabel="r2 against the prediction", ylim=(0, 1.02))
    _levers(levers, numbers)
    return figure


def _response(ax: Any, runs: list[dict[str, Any]], published: list[dict[str, Any]]) -> None:
    for measured, colour, label in ((runs, "#3182bd", "mouse_memory"), (published, "#999999", "published parameters")):
        for run in measured:
            ax.plot(range(5), run["response"]["asked"], "o-", ms=4, color=colour)
        ax.plot([], [], "o-", color=colour, label=label)
    ax.set(xlabel="inputs of four on in the cue, m", ylabel="spikes in a read, f(m)", xticks=range(5))
    ax.legend(frameon=False)


def _levers(ax: Any, numbers: dict[str, Any]) -> None:
    runs, limit = numbers["memory"], memory_budget.limit
    cells = ax.twiny()
    for name, colour in (("purkinje", "#31a354"), ("nuclear", "#756bb1")):
        time = np.mean([run["by_time"][name] for run in runs], axis=0)
        ax.plot(
            [1e3 * t for t in numbers["times"]],
            time,
            "o-",
            ms=4,
            color=colour,
            label=f"{name}, time (limit {limit(numbers['times'], list(time)):.2f})",
        )
        share = np.mean([run["by_cells"][name] for run in runs], axis=0)
        cells.plot(numbers["shares"], share, "s:", ms=4, color=colour)
        text = f"{name}, cells (limit {limit(numbers['shares'], list(share)):.2f})"
        ax.plot([], [], "s:", ms=4, color=colour, label=text)
    cells.set(xscale="log", xlabel="share of each microzone's cells")
    cells.set_xticks(numbers["shares"], [str(share) for share in numbers["shares"]])
    cells.minorticks_off()
    ax.set(xscale="log", xlabel="read time (ms)", ylabel="r2 against the prediction", ylim=(0, 1.02))
    ax.set_xticks([1e3 * t for t in numbers["times"]], [f"{1e3 * t:.0f}" for t in numbers["times"]])
    ax.minorticks_off()
    fibers = np.mean([run["by_fibers"] for run in runs], axis=0)
    text = f"written weights, fibres (limit {limit(numbers['fibers'], list(fibers)):.2f})"
    ax.plot([], [], " ", label=text)
    ax.legend(frameon=False, loc="lower right", fontsize=8)


if __name__ == "__main__":
    evidence.main(__spec__.name)
