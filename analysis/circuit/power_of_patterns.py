"""Claim: on random patterns weights cannot tell SDM from simpler models; on patterns of graded overlap they can.

A test of "the readout carries SDM's weights" is worth what it refuses. Here SDM's own expected weights, without any
circuit or noise, are explained by each rival: the own pattern alone, the cosine, mossy fibres without granule cells,
softmax at half and twice beta. What a rival explains of them, no experiment with these patterns can hold against it.
Random patterns (20 with noisy cues, as an earlier version of `analysis.circuit.spiking_matches_sdm` had them) against
a ring with lures (`recall_graded`), for the geometries of `kanerva` and `jaeckel` (Bricken & Pehlevan 2021,
arXiv:2111.05498; Jaeckel 1989), and for sparse codes of the mouse's, with the responses f(m) that its granule cells
showed in one run at full size. Run time: seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence
from analysis.circuit import graded_recall as graded

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "Random patterns cannot tell SDM's weights from the cue's own pattern alone; a ring of graded overlap can."
CAPTION = (
    "What each rival explains of SDM's expected weights, without any noise: r2 (dots) and identity R2 (bars; negative"
    " ones, worse than the mean, are written). Left: random patterns and noisy cues (20 patterns; 8 sparse ones of the"
    " mouse). Right: a ring of 16 patterns (8 of the mouse) with lures between them."
)
MODELS = ("kanerva", "jaeckel")
MOUSE = "mouse_memory"
# Spikes with 0..4 inputs on, in a write and in a read: `mouse_recall` on `mouse_memory`, seed 1, mean-field wiring.
F_WRITE, F_READ = (0.04552, 4.965, 24.88, 49.82, 74.39), (0.06463, 5.969, 36.1, 74.58, 113.0)
FIBERS, ACTIVE, ZONES = 936, 112, 31
PATTERNS = {
    "random": (
        "recall",
        {
            "patterns.source": "random",
            "patterns.count": "20",
            "block.read.cues_per_pattern": "1",
            "block.read.noise": "[0, 8, 16, 32]",
        },
    ),
    "graded": ("recall_graded", {}),
}
MOUSE_PATTERNS: dict[str, tuple[str, dict[str, str]]] = {
    "random": ("mouse_recall", {}),
    "graded": ("mouse_recall_graded", {}),
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Model -> patterns -> rival -> identity R2 and r2 of SDM's expected weights about it."""
    from cerebellum.description.circuit import load_model
    from cerebellum.description.protocol import load_protocol
    from cerebellum.experiment.patterns import make_patterns
    from cerebellum.readout import agreement, rivals
    from cerebellum.readout.granule_code import Code, code_of

    geometries: dict[str, tuple[Code, int]] = {}
    for model in MODELS:
        circuit = load_model(model)
        geometries[model] = code_of(circuit), circuit.zones
    geometries[MOUSE] = Code("glomerulus_to_granule", FIBERS, 4, 4, ACTIVE, F_WRITE, F_READ), ZONES
    numbers: dict[str, Any] = {}
    for model, (code, zones) in geometries.items():
        numbers[model] = {}
        for name, (protocol, settings) in (MOUSE_PATTERNS if model == MOUSE else PATTERNS).items():
            patterns = make_patterns(load_protocol(protocol, settings), code.lines, zones, seed + 1)
            expected = agreement.normalized(np.exp(code.log_kernel(patterns.distances())))
            numbers[model][name] = {
                rival: {
                    "identity": agreement.identity(expected, weights),
                    "r2": agreement.r2(expected, weights),
                    "others": agreement.identity(expected[~patterns.own], weights[~patterns.own]),
                }
                for rival, weights in rivals.weights(code, patterns).items()
            }
    return numbers


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    said = {}
    for model, found in numbers.items():
        own = found["random"]["indicator"]
        said[f"{model}, random patterns: the own pattern alone explains .9 of SDM's weights (r2 {own['r2']:.3f})"] = (
            own["r2"] >= 0.9
        )
        said[f"{model}, ring: it explains less than their mean does"] = found["graded"]["indicator"]["identity"] < 0
        for rival in graded.RIVALS[1:]:
            value = found["graded"][rival]["identity"]
            said[f"{model}, ring: {graded.NAMES[rival]}: identity R2 at most .9 ({value:.3f})"] = value <= 0.9
    return said


def draw(numbers: dict[str, Any]) -> Figure:
    """A panel for each kind of patterns."""
    from matplotlib.figure import Figure

    from cerebellum.plotting.reader_agreement import RIVAL_NAMES

    names = [name for name in RIVAL_NAMES if name != "expected"]
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    for ax, kind, title in zip(
        figure.subplots(1, 2, sharey=True), PATTERNS, ("random patterns", "a ring with lures"), strict=True
    ):
        for shift, (model, colour) in enumerate(zip((*MODELS, MOUSE), ("#3182bd", "#9ecae1", "#fd8d3c"), strict=True)):
            found = [numbers[model][kind][name] for name in names]
            place = np.arange(len(names)) + (shift - 1) * 0.27
            values = np.array([one["identity"] for one in found])
            ax.barh(place, values.clip(0), 0.25, color=colour, label=model)
            ax.plot([one["r2"] for one in found], place, "k.", ms=5, label="r2" if shift == 2 else None)
            for y, value in zip(place, values, strict=True):
                if value < 0:
                    ax.text(0.01, y, f"{value:.2f}", va="center", fontsize=7)
        ax.set(title=title, xlim=(0, 1.02), xlabel="explained of SDM's expected weights")
        ax.set_yticks(range(len(names)), [RIVAL_NAMES[name] for name in names])
    ax.invert_yaxis()
    ax.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
