"""The f-I relation of every cell type."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result


def f_i_figure(result: Result) -> Figure:
    """Mean rate and first interval against the current, a panel a population."""
    found, colour = result.summary["f_i"], colours(result.circuit)
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(2.1 * columns, 1.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (name, one) in zip(axes, found.items(), strict=False):
        draw_f_i(ax, one, colour[name])
        ax.set_title(words(name), fontsize=8)
    for ax in axes[len(found) :]:
        ax.set_axis_off()
    for ax in axes[::columns]:
        ax.set_ylabel("rate (Hz)")
    axes[0].legend(fontsize=6, frameon=False)
    return figure


def draw_f_i(ax: Axes, one: dict[str, list[Any]], colour: str) -> Axes:
    """One population's."""
    order = np.argsort(one["current"], kind="stable")
    current, rate, sd, first = (np.array(one[key], dtype=float)[order] for key in ("current", "rate", "sd", "first"))
    ax.errorbar(1e12 * current, rate, sd, fmt="o-", ms=3, lw=0.9, color=colour, label="mean (sd over cells)")
    ax.plot(1e12 * current, first, "s--", ms=3, lw=0.7, color=colour, mfc="white", label="first interval")
    ax.set_xlabel("current (pA)")
    ax.set_ylim(bottom=0)
    return ax
