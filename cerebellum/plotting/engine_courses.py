"""Figures of the rate circuit, alone or over the spiking one's. Imports matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.activity.rates import STEP, Rates
from cerebellum.activity.statistics import BIN_WIDTH, histograms
from cerebellum.clock import nearest
from cerebellum.plotting.style import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cerebellum.activity.spikes import Spikes

SHOWN = 2.0  # s of a trial


def engines_figure(
    spikes: Mapping[str, Spikes],
    rates: Mapping[str, Rates],
    spans: Sequence[tuple[float, float]],
    colours: Mapping[str, str],
    found: Mapping[str, Mapping[str, float | None]] | None = None,
) -> Figure:
    """Mean time course of every population over trials: spikes filled, rates as a line.

    Parameters
    ----------
    spikes : may be empty: then the rates alone
    spans : start and stop of the trials, s
    colours : of the populations
    found : population -> numbers of `engine_agreement.population`, for the titles
    """
    figure = Figure(figsize=(9.5, 1.05 * len(rates) + 0.9), layout="constrained")
    axes = figure.subplots(len(rates), 1, squeeze=False, sharex=True)[:, 0]
    for ax, (name, one) in zip(axes, rates.items(), strict=True):
        draw_courses(ax, spikes.get(name), one, spans, colours[name])
        ax.set_ylabel(words(name), rotation=0, ha="right", va="center")
        if found and name in found:
            numbers = found[name]
            r, best = ("-" if numbers[key] is None else f"{numbers[key]:.2f}" for key in ("psth_r", "psth_ceiling"))
            ax.set_title(
                f"{numbers['mean_spiking']:.1f} Hz in spikes, {numbers['mean_rate']:.1f} Hz in rates; "
                f"r = {r} of {best} at best", fontsize=7, loc="right", pad=2,
            )  # fmt: skip
    axes[-1].set_xlabel("time in trial (ms)")
    over = f" over {len(spans)} trials" if len(spans) > 1 else ""
    figure.suptitle(
        f"Mean rate of a cell (Hz), bins of {BIN_WIDTH * 1e3:g} ms{over}: spikes filled, rate engine as a line"
    )
    return figure


def draw_courses(
    ax: Axes, spikes: Spikes | None, rates: Rates, spans: Sequence[tuple[float, float]], colour: str
) -> Axes:
    """One population."""
    if spikes is not None:
        counted, expected = histograms(spikes, rates, spans)
    else:
        each = round(BIN_WIDTH / STEP)
        bins = min(nearest(stop - start, STEP) // each for start, stop in spans)
        parts = [
            rates.mean[nearest(start, STEP) :][: bins * each].reshape(bins, each).mean(axis=1) for start, _ in spans
        ]
        counted, expected = None, np.mean(parts, axis=0)
    last = min(len(expected), round(SHOWN / BIN_WIDTH))
    edges = np.arange(last + 1) * BIN_WIDTH * 1e3
    if counted is not None:
        ax.stairs(counted[:last], edges, fill=True, color=colour, alpha=0.5)
    ax.plot(edges[:-1] + BIN_WIDTH * 500, expected[:last], lw=1.0, color="black" if counted is not None else colour)
    ax.tick_params(labelsize=7)
    return ax
