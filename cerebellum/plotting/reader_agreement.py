"""Whose weights a reader carries: the curve over cosine, and the prediction beside its rivals."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.plotting.style import READER_COLOURS
from cerebellum.results.result import ENGINE_READERS, READER_NAMES, Result

RIVAL_NAMES = {
    "expected": "prediction",
    "softmax_one": "softmax",
    "softmax_half": "softmax, beta / 2",
    "softmax_twice": "softmax, 2 beta",
    "mossy_fiber": "mossy fibres alone",
    "linear": "cosine",
    "indicator": "own pattern alone",
}
THEORY = ("sdm", "attention")


def weights_figure(result: Result) -> Figure:
    """Weight against cosine, every weight against the prediction, and identity R2 of the prediction and its rivals."""
    found = result.summary
    reader = next(name for name in ENGINE_READERS if name in result.weights)
    figure = Figure(figsize=(12.5, 4.0), layout="constrained")
    curve, scatter, rivals = figure.subplots(1, 3, width_ratios=(4, 3, 4))
    draw_curve(curve, found["curve"])
    own = result.recalled.own
    draw_scatter(scatter, result.weights["sdm"], result.weights[reader], own, reader)
    draw_rivals(rivals, {reader: predicted_and_rivals(found["agreement"], reader)})
    return figure


def predicted_and_rivals(agreement: dict[str, Any], reader: str) -> dict[str, tuple[float, float]]:
    """Model -> identity R2 of a reader's weights about it, over all pairs and over other patterns' alone."""
    pair, rivals = agreement[f"{reader}_vs_sdm"], agreement["rivals"][reader]
    found = {"expected": (pair["identity"], pair["others"]["identity"])}
    return found | {
        name: (rivals[name]["identity"], rivals[name]["others_identity"]) for name in RIVAL_NAMES if name in rivals
    }


def draw_curve(ax: Axes, curves: dict[str, dict[str, list[float]]]) -> Axes:
    """Mean weight against cosine, with its standard error over the cues' own patterns; theory as lines."""
    for name, curve in curves.items():
        x, mean, error = (np.array(curve[key], dtype=float) for key in ("cosines", "mean", "error"))
        style: dict[str, Any] = {"color": READER_COLOURS[name], "label": READER_NAMES[name]}
        if name in THEORY:
            ax.plot(x, mean, "-" if name == "sdm" else "--", lw=1.5, **style)
        else:
            ax.errorbar(x, mean, np.nan_to_num(error), fmt="o", ms=3.5, lw=1, alpha=0.8, **style)
    ax.axhline(0.0, color="black", lw=0.5)
    ax.set(xlabel="cosine of cue and stored pattern", ylabel="weight (rows sum to 1)")
    ax.legend(frameon=False, fontsize=8)
    return ax


def draw_scatter(ax: Axes, expected: Any, measured: Any, own: Any, reader: str) -> Axes:
    """Every weight of a reader against the predicted one; a cue's own pattern is filled."""
    colour = READER_COLOURS[reader]
    ax.plot(expected[~own], measured[~own], "o", ms=3, mfc="none", mew=0.7, color=colour, label="other patterns")
    ax.plot(expected[own], measured[own], "o", ms=3.5, color=colour, label="the cue's own")
    top = max(expected.max(), measured.max())
    ax.plot([0, top], [0, top], "-", lw=0.8, color="black")
    ax.set(xlabel=READER_NAMES["sdm"], ylabel=READER_NAMES[reader])
    ax.legend(frameon=False, fontsize=8)
    return ax


def draw_rivals(ax: Axes, readers: dict[str, dict[str, tuple[float, float]]]) -> Axes:
    """Identity R2 about each model, bars from 0; below 0 is written, not drawn."""
    names = [name for name in RIVAL_NAMES if any(name in found for found in readers.values())]
    height = 0.8 / (2 * len(readers))
    for row, (reader, found) in enumerate(readers.items()):
        for part, (label, alpha) in enumerate((("all pairs", 0.9), ("other patterns", 0.45))):
            values = np.nan_to_num(np.array([found[name][part] for name in names], dtype=float))
            place = np.arange(len(names)) + (2 * row + part - len(readers) + 0.5) * height
            ax.barh(
                place,
                values.clip(0),
                height,
                color=READER_COLOURS[reader],
                alpha=alpha,
                label=f"{READER_NAMES[reader]}, {label}",
            )
            for y, value in zip(place, values, strict=True):
                ax.text(max(value, 0.0) + 0.01, y, f"{value:.3f}", va="center", fontsize=7)
    ax.set_yticks(range(len(names)), [RIVAL_NAMES[name] for name in names])
    ax.invert_yaxis()
    ax.set(xlim=(0, 1.15), xlabel="identity R2 of the weights about each model")
    ax.legend(frameon=False, fontsize=7, loc="lower right")
    return ax
