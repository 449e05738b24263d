"""Claim: every part of the mouse circuit has a part in its memory, and Golgi cells are its gain control.

One part of `mouse_memory` is switched off or varied at a time, at a quarter of its size for time (scale 2, 23
microzones), cues clean and with a fifth of the fibres moved, two seeds each: tonic and Golgi inhibition, the
strength of the input, interneurons, dendrites a granule cell, fibres on in a pattern, parallel fibres a Purkinje cell,
width of microzones, pairings, nucleo-cortical feedback. For each the r2 of Purkinje and of nuclear weights against
what the measured granule response predicts, the beta, and recall. The parts as parts of sparse
distributed memory: Bricken & Pehlevan 2021, arXiv:2111.05498, section 4. A difference is called one if it exceeds
twice its standard error over the seeds, of differences within a seed. Patterns are random, so r2 says how well
patterns are found, not whose weights are carried (`analysis.circuit.power_of_patterns`). Cells in single precision,
which leaves rates as they are (docs/benchmarks.md). Run time: some 40 minutes on one idle core.
"""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

CLAIM = (
    "Threshold, coding level, dendrites, parallel fibres, microzones and repetition each set how well the mouse"
    " circuit's weights follow sparse distributed memory; Golgi inhibition keeps them when the input changes."
)
CAPTION = (
    "One part of the circuit changed at a time (scale 2, two seeds, bars their spread): r2 of weights from Purkinje"
    " and nuclear spikes against the prediction from the measured granule response, the ceiling of this connectome"
    " (dotted), share of cues recognised with a fifth of the fibres moved (crosses: green Purkinje, purple nuclear"
    " spikes), and below the beta of the kernel (line) and of Purkinje weights (dots)."
)
SEEDS = 2
MODEL = {"scale": "2", "microzones": "16"}
PROTOCOL = {"patterns.active": "28", "block.read.noise": "[0, 6]"}
TONIC = "population.granule.receptor.inhibitory.tonic"
GOLGI_OFF = {"lesion": '["golgi_to_granule"]'}
DENDRITES = "projection.glomerulus_to_granule.rule.dendrites"
FIBERS = "projection.parallel_fiber_to_purkinje.rule.convergence"
WHOLE: dict[str, str] = {}


def _rate(hertz: int) -> dict[str, str]:
    return {"block.write.stimulus.address.rate": str(hertz), "block.read.stimulus.cue.rate": str(hertz)}


# Part -> label -> settings; WHOLE stands for the circuit as it is and is run once.
PARTS: dict[str, dict[str, dict[str, str]]] = {
    "inhibition": {
        "whole": WHOLE,
        "no tonic": {TONIC: "0"},
        "no Golgi": GOLGI_OFF,
        "neither": {TONIC: "0", **GOLGI_OFF},
    },
    "input (Hz)": {"75": _rate(75), "150": WHOLE, "300": _rate(300)},
    "input, no Golgi": {"75": {**_rate(75), **GOLGI_OFF}, "150": GOLGI_OFF, "300": {**_rate(300), **GOLGI_OFF}},
    "interneurons": {"whole": WHOLE, "none": {"lesion": '["stellate_to_purkinje", "basket_to_purkinje"]'}},
    "dendrites": {"1": {DENDRITES: "1"}, "2": {DENDRITES: "2"}, "4": WHOLE, "8": {DENDRITES: "8"}},
    "fibres on": {
        "3 %": {"patterns.active": "7", "block.read.noise": "[0, 1]"},
        "6 %": {"patterns.active": "14", "block.read.noise": "[0, 3]"},
        "12 %": WHOLE,
        "24 %": {"patterns.active": "56", "block.read.noise": "[0, 11]"},
    },
    "parallel fibres": {"500": {FIBERS: "500"}, "1500": {FIBERS: "1500"}, "4000": WHOLE},
    "microzones": {"17": {"microzones": "12"}, "23": WHOLE, "27": {"microzones": "19"}},
    "pairings": {"1": {"block.write.repeats": "1"}, "4": {"block.write.repeats": "4"}, "12": WHOLE},
    "feedback": {"none": WHOLE, "nuclear": {"model": "mouse_feedback"}},
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Part -> label -> a list over seeds of r2, beta and recall."""
    known: dict[str, list[dict[str, Any]]] = {}
    numbers: dict[str, Any] = {}
    for part, variants in PARTS.items():
        numbers[part] = {}
        for label, settings in variants.items():
            key = repr(sorted(settings.items()))
            if key not in known:
                known[key] = [_one(seed + 1 + k, dict(settings)) for k in range(SEEDS)]
                print(f"{part} {label}: {known[key]}", file=sys.stderr, flush=True)
            numbers[part][label] = known[key]
    return numbers


def _one(seed: int, settings: dict[str, str]) -> dict[str, Any]:
    from cerebellum import run

    model = settings.pop("model", "mouse_memory")
    made = run("mouse_recall", model, seed=seed, settings={**MODEL, **PROTOCOL, **settings}, dtype="float32")
    summary = made.summary
    agreement, recall = summary["agreement"], summary["recall"]
    noisy = list(recall["purkinje"]["by_flips"])[-1]
    return {
        "purkinje": agreement["purkinje_vs_sdm"]["r2"],
        "nuclear": agreement["nuclear_vs_sdm"]["r2"],
        "sdm_exact": agreement["sdm_vs_sdm_exact"]["r2"],
        "granule": agreement["granule_vs_sdm"]["r2"],
        "attention": agreement["sdm_vs_attention"]["r2"],
        "others": agreement["purkinje_vs_sdm"]["others"]["identity"],
        "beta": {name: summary["beta"][name] for name in ("sdm", "purkinje", "purkinje_interval", "attention")},
        "recall": {name: recall[name]["by_flips"][noisy]["patterns"] for name in ("purkinje", "nuclear", "sdm_exact")},
        "response": summary["granule_response"]["f_read"],
        "rates": {name: summary["rates"][name]["mean_hz"] for name in ("granule", "golgi", "purkinje", "nuclear")},
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; a false one is a result."""
    whole = numbers["inhibition"]["whole"]

    def within(part: str) -> bool:
        middle = _mean(numbers[part]["150"])
        return all(abs(_mean(measured) / middle - 1) <= 0.1 for measured in numbers[part].values())

    def falls(part: str, label: str) -> bool:
        return _differs(whole, numbers[part][label])

    feedback = numbers["feedback"]
    return {
        "with Golgi inhibition r2 stays within 10 % from half to twice the input": within("input (Hz)"),
        "without it, it does not": not within("input, no Golgi"),
        "with Golgi inhibition beta changes less with the input than without": _spread(numbers["input (Hz)"])
        < _spread(numbers["input, no Golgi"]),
        "without tonic inhibition r2 falls": falls("inhibition", "no tonic"),
        "without Golgi inhibition r2 falls": falls("inhibition", "no Golgi"),
        "without interneurons r2 falls": falls("interneurons", "none"),
        "one dendrite a granule cell: r2 falls": falls("dendrites", "1"),
        "more dendrites, larger beta": _rising(numbers["dendrites"], "beta"),
        "more parallel fibres, larger r2": _rising(numbers["parallel fibres"]),
        "more pairings, larger r2": _rising(numbers["pairings"]),
        "twice the fibres on, r2 falls": falls("fibres on", "24 %"),
        "feedback improves recall from nuclear spikes": _differs(
            feedback["nuclear"], feedback["none"], lambda one: float(one["recall"]["nuclear"])
        ),
    }


def _purkinje(one: dict[str, Any]) -> float:
    return float(one["purkinje"])


def _mean(runs: list[dict[str, Any]], value: Callable[[dict[str, Any]], float] = _purkinje) -> float:
    return float(np.mean([value(one) for one in runs]))


def _differs(
    more: list[dict[str, Any]], less: list[dict[str, Any]], value: Callable[[dict[str, Any]], float] = _purkinje
) -> bool:
    """Whether `more` has the larger value by twice the standard error of the differences within seeds."""
    gap = np.array([value(a) - value(b) for a, b in zip(more, less, strict=True)])
    return bool(gap.mean() > 2 * gap.std(ddof=1) / np.sqrt(len(gap)))


def _kernel(one: dict[str, Any]) -> float:
    return float(one["beta"]["sdm"])


def _spread(measured: dict[str, Any]) -> float:
    """Largest beta of the kernel over the smallest."""
    betas = [_mean(runs, _kernel) for runs in measured.values()]
    return max(betas) / min(betas)


def _rising(measured: dict[str, Any], key: str = "purkinje") -> bool:
    value = _kernel if key == "beta" else _purkinje
    return all(_differs(more, less, value) for less, more in pairwise(measured.values()))


def draw(numbers: dict[str, Any]) -> Figure:
    """A panel a part: r2 and recall above, beta below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9), layout="constrained")
    axes = figure.subplots(4, 5, sharey="row", height_ratios=(3, 2, 3, 2))
    for place, (part, variants) in enumerate(numbers.items()):
        row, column = 2 * (place // 5), place % 5
        upper, lower = axes[row, column], axes[row + 1, column]
        x = range(len(variants))
        for name, colour, style in (
            ("purkinje", "#31a354", "o-"),
            ("nuclear", "#756bb1", "o-"),
            ("sdm_exact", "#888888", ":"),
        ):
            each = np.array([[one[name] for one in runs] for runs in variants.values()])
            upper.errorbar(x, each.mean(axis=1), each.std(axis=1), fmt=style, ms=4, color=colour, label=name)
        for name, colour, style in (("purkinje", "#31a354", "x"), ("nuclear", "#756bb1", "+")):
            recalled = [np.mean([one["recall"][name] for one in runs]) for runs in variants.values()]
            upper.plot(x, recalled, style, color=colour, label=f"recall, {name}")
        for name, colour, style in (("sdm", "#222222", "-"), ("purkinje", "#31a354", "o")):
            betas = [np.mean([one["beta"][name] for one in runs]) for runs in variants.values()]
            lower.plot(x, betas, style, ms=4, color=colour)
        upper.set(title=part, ylim=(-0.02, 1.05))
        upper.set_xticks([])
        lower.set_ylim(0, 6)
        lower.set_xticks(x, list(variants), fontsize=8)
    for row in (0, 2):
        axes[row, 0].set_ylabel("r2, recall")
        axes[row + 1, 0].set_ylabel("beta")
    axes[0, 0].legend(frameon=False, fontsize=7)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
