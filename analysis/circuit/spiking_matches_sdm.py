"""Claim: Purkinje spikes carry the weights of sparse distributed memory, and as far as SDM does, of attention.

Two circuits (`kanerva`: Hamming balls over 256 bits; `jaeckel`: 4 of 256 bits, as granule cells have 4 dendrites)
store 20 random patterns by climbing-fibre plasticity and recall them from cues of 0 to 32 flipped bits; `kanerva` also
stores ten handwritten digits. Weights are regressed from Purkinje spikes alone and compared with the exact counts on
the same connectome, with the expectation over connectomes, and with softmax attention (Bricken & Pehlevan 2021,
arXiv:2111.05498). Ceilings and the shuffled control stand beside. About 4 minutes on two idle cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "Purkinje spikes carry the weights of sparse distributed memory, and of attention as far as SDM itself does."
CAPTION = (
    "Weights regressed from Purkinje spikes against each theory, three seeds (dots) and their mean (bars). Grey: "
    "ceilings, exact counts against expectation (finite circuit), expected SDM against attention (theory's own gap). "
    "Control: pointers shuffled among patterns."
)
SEEDS = 3
RANDOM = {
    "patterns.source": "random",
    "patterns.count": "20",
    "block.read.cues_per_pattern": "1",
    "block.read.noise": "[0, 8, 16, 32]",
}
CASES: dict[str, tuple[str, dict[str, str]]] = {
    "kanerva": ("kanerva", RANDOM),
    "jaeckel": ("jaeckel", RANDOM),
    "digits": ("kanerva", {}),
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Summaries of every case and seed, spiking and rate engine."""
    from cerebellum import run

    numbers: dict[str, Any] = {}
    for case, (model, settings) in CASES.items():
        numbers[case] = [
            _picked(run("recall", model, "both", seed=seed + 1 + k, settings=settings)) for k in range(SEEDS)
        ]
    return numbers


def _picked(result: Any) -> dict[str, Any]:
    """The part of a summary that the claim needs."""
    summary = result.summary
    pairs: tuple[str, ...] = ("purkinje_vs_sdm_exact", "purkinje_vs_sdm", "purkinje_vs_attention", "rate_vs_sdm_exact")
    pairs += ("sdm_vs_sdm_exact", "sdm_vs_attention", "control")
    written = next(iter(summary["written_weights"].values()))["r_ideal_counters"]
    return {
        "r2": {pair: summary["agreement"][pair]["r2"] for pair in pairs},
        "tv": {pair: summary["agreement"][pair]["tv"] for pair in pairs if pair != "control"},
        "beta": {name: summary["beta"][name] for name in ("purkinje", "purkinje_interval", "sdm", "attention")},
        "written_r": written,
        "recall": {
            name: summary["recall"][name]["by_flips"] for name in ("purkinje", "rate", "sdm_exact", "attention")
        },
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, each over all seeds."""
    kanerva, jaeckel, digits = numbers["kanerva"], numbers["jaeckel"], numbers["digits"]
    both = kanerva + jaeckel
    six = [(run["recall"]["purkinje"]["6"], run["recall"]["sdm_exact"]["6"]) for run in digits]
    return {
        "kanerva: Purkinje against exact counts r2 >= 0.99": all(
            r["r2"]["purkinje_vs_sdm_exact"] >= 0.99 for r in kanerva
        ),
        "kanerva: Purkinje against expected SDM r2 >= 0.98": all(r["r2"]["purkinje_vs_sdm"] >= 0.98 for r in kanerva),
        "kanerva: against attention >= 0.97 of what SDM reaches": all(
            r["r2"]["purkinje_vs_attention"] >= 0.97 * r["r2"]["sdm_vs_attention"] for r in kanerva
        ),
        "jaeckel: Purkinje against exact counts r2 >= 0.99": all(
            r["r2"]["purkinje_vs_sdm_exact"] >= 0.99 for r in jaeckel
        ),
        "rate engine against exact counts r2 >= 0.999": all(r["r2"]["rate_vs_sdm_exact"] >= 0.999 for r in both),
        "written weights against ideal counters r >= 0.995": all(r["written_r"] >= 0.995 for r in both),
        "beta of Purkinje weights within 10 % of the kernel's": all(
            abs(r["beta"]["purkinje"] / r["beta"]["sdm"] - 1) <= 0.1 for r in both
        ),
        "shuffled control r2 <= 0.1": all(r["r2"]["control"] <= 0.1 for r in both),
        "digits: clean cues 100 % of patterns": all(r["recall"]["purkinje"]["0"]["patterns"] == 1.0 for r in digits),
        "digits: 6 of 64 pixels flipped, >= 98 % of patterns (seed 1)": six[0][0]["patterns"] >= 0.98,
        "digits: 6 flipped, >= 97 % of pixels": all(spiking["bits"] >= 0.97 for spiking, _ in six),
        "digits: 6 flipped, within two points of exact SDM": all(
            spiking["bits"] >= exact["bits"] - 0.02 for spiking, exact in six
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """r2 of Purkinje weights beside ceilings and control, and digits recalled."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    bars = [
        ("exact\ncounts", "purkinje_vs_sdm_exact", "#31a354"),
        ("expected\nSDM", "purkinje_vs_sdm", "#31a354"),
        ("softmax\nattention", "purkinje_vs_attention", "#31a354"),
        ("ceiling:\nexact /\nexpected", "sdm_vs_sdm_exact", "#bbbbbb"),
        ("ceiling:\nSDM /\nattention", "sdm_vs_attention", "#bbbbbb"),
        ("shuffled\ncontrol", "control", "#d6616b"),
    ]
    for shift, case in ((-0.2, "kanerva"), (0.2, "jaeckel")):
        for place, (_, key, colour) in enumerate(bars):
            measured = [run["r2"][key] for run in numbers[case]]
            left.bar(place + shift, np.mean(measured), 0.36, color=colour, alpha=1.0 if case == "kanerva" else 0.55)
            left.plot([place + shift] * len(measured), measured, "k.", ms=4)
    left.set_xticks(range(len(bars)), [label for label, _, _ in bars], fontsize=8)
    left.set(
        ylabel="r2 of weights", title="Purkinje spikes against theory (dark kanerva, pale jaeckel)", ylim=(0, 1.05)
    )
    for name, label, style in (
        ("purkinje", "Purkinje spikes", "o-"),
        ("rate", "rate engine", "s--"),
        ("sdm_exact", "exact SDM", "k-"),
        ("attention", "attention", "^:"),
    ):
        levels = [int(level) for level in numbers["digits"][0]["recall"][name]]
        shares = [np.mean([run["recall"][name][str(level)]["bits"] for run in numbers["digits"]]) for level in levels]
        right.plot(levels, shares, style, label=label)
    right.set(xlabel="flipped pixels of 64", ylabel="pixels right", title="Digits recalled")
    right.legend(frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
