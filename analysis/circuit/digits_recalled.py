"""Claim: handwritten digits written by climbing fibres are recalled from cues with flipped pixels, as by exact SDM.

`recall` on `kanerva`, spikes and rates, three seeds: ten digits of 8 x 8 pixels, 0, 6 and 12 of them flipped (Bricken &
Pehlevan 2021, arXiv:2111.05498, show MNIST likewise). Beside the readers stands exact SDM on the same connectomes, and
a nearest neighbour by pixels as the trivial rival: recall alone is no test of SDM's weights, for which see
`analysis.circuit.spiking_matches_sdm`. About 2 minutes on two idle cores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "Digits written by climbing fibres are recalled from noisy cues as well as by exact SDM on the same connectome."
CAPTION = (
    "Share of pixels right against flipped pixels of the cue, mean of three seeds: Purkinje spikes, rates, exact SDM,"
    " softmax attention, and the nearest stored digit by pixels, which needs no memory of this kind."
)
SEEDS = (1, 2, 3)
SHOWN = ("purkinje", "rate", "sdm_exact", "attention")


def measure(seed: int = 0) -> dict[str, Any]:
    """Recall by flipped pixels of every reader and of the nearest neighbour, each seed."""
    from cerebellum import run

    runs = []
    for number in SEEDS:
        result = run("recall", "kanerva", "both", seed=seed + number)
        found = {name: result.summary["recall"][name]["by_flips"] for name in SHOWN}
        patterns = result.recalled
        stored, cues = patterns.pointers, patterns.cue_images
        nearest = (cues[:, None] != stored[None]).sum(axis=-1).argmin(axis=1)
        found["nearest"] = {
            str(level): {
                "bits": float((stored[nearest] == stored[patterns.target])[patterns.flips == level].mean()),
                "patterns": float((nearest == patterns.target)[patterns.flips == level].mean()),
            }
            for level in np.unique(patterns.flips)
        }
        runs.append(found)
    return {"runs": runs}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements, each over all seeds."""
    runs = numbers["runs"]
    return {
        "clean cues: 100 % of patterns": all(run["purkinje"]["0"]["patterns"] == 1.0 for run in runs),
        "6 of 64 pixels flipped: >= 97 % of pixels": all(run["purkinje"]["6"]["bits"] >= 0.97 for run in runs),
        "6 flipped: within two points of exact SDM": all(
            run["purkinje"]["6"]["bits"] >= run["sdm_exact"]["6"]["bits"] - 0.02 for run in runs
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Pixels right against flipped pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 3.8), layout="constrained")
    ax = figure.subplots()
    for name, label, style in (
        ("purkinje", "Purkinje spikes", "o-"),
        ("rate", "rate engine", "s--"),
        ("sdm_exact", "exact SDM", "k-"),
        ("attention", "attention", "^:"),
        ("nearest", "nearest by pixels", "x-"),
    ):
        levels = [int(level) for level in numbers["runs"][0][name]]
        shares = [np.mean([run[name][str(level)]["bits"] for run in numbers["runs"]]) for level in levels]
        ax.plot(levels, shares, style, label=label)
    ax.set(xlabel="flipped pixels of 64", ylabel="pixels right")
    ax.legend(frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
