"""Rasters and histograms of spikes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import BIN_WIDTH, psth
from cerebellum.plotting.network import SHOWN_CELLS
from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result
from cerebellum.typing import Floats


def activity_figure(result: Result) -> Figure:
    """Raster of the first trial and PSTH over all trials of the last block, every population."""
    block = result.schedule.trials[-1].block
    trials = [trial for trial in result.schedule.trials if trial.block == block]
    length = min(2.0, *(trial.stop - trial.start for trial in trials))
    starts = np.array([trial.start for trial in trials])
    names, colour = [name for name in result.circuit.population if name in result.spikes], colours(result.circuit)
    figure = Figure(figsize=(10, 0.9 * len(names) + 0.8), layout="constrained")
    axes = figure.subplots(len(names), 2, squeeze=False, sharex=True, width_ratios=(3, 2))
    for row, name in enumerate(names):
        spikes, cells = result.spikes[name], result.circuit.size(name)
        draw_raster(axes[row, 0], spikes, cells, starts[0], starts[0] + length, colour[name])
        axes[row, 0].set_ylabel(f"{words(name)}\n{cells:,}", rotation=0, ha="right", va="center")
        draw_psth(axes[row, 1], spikes, cells, starts, length, colour[name])
        start, stop = (edge - trials[0].start for edge in trials[0].window)
        if stop - start < 0.9 * length:
            for ax in axes[row]:
                ax.axvspan(start * 1e3, stop * 1e3, color="0.9", zorder=0)
    axes[0, 0].set_title(f"first trial of {block}")
    axes[0, 1].set_title(f"PSTH, {len(trials)} trial{'s' if len(trials) > 1 else ''} (Hz a cell)")
    for ax in axes[-1]:
        ax.set_xlabel("time in trial (ms)")
    return figure


def draw_raster(ax: Axes, spikes: Spikes, cells: int, start: float, stop: float, colour: str) -> Axes:
    """Spikes in [start, stop); of a large population an even sample of cells that fire there."""
    inside = spikes.within(start, stop)
    time, cell = spikes.time[inside], spikes.cell[inside]
    firing = np.unique(cell)
    if cells > SHOWN_CELLS and len(firing):
        shown = firing[np.linspace(0, len(firing) - 1, min(SHOWN_CELLS, len(firing))).astype(int)]
        keep = np.isin(cell, shown)
        time, cell = time[keep], np.searchsorted(shown, cell[keep]).astype(np.int32)
    ax.plot((time - start) * 1e3, cell, "|", ms=2, mew=0.6, color=colour, rasterized=True)
    ax.set(xlim=(0, (stop - start) * 1e3), yticks=[])
    return ax


def draw_psth(ax: Axes, spikes: Spikes, cells: int, starts: Floats, length: float, colour: str) -> Axes:
    """Mean rate of a cell in bins of the trial, over all trials."""
    rate = psth(spikes, cells, starts.tolist(), 0.0, length, BIN_WIDTH)
    ax.stairs(rate, np.arange(len(rate) + 1) * BIN_WIDTH * 1e3, fill=True, color=colour)
    ax.tick_params(labelsize=7)
    return ax


def raster_figure(result: Result) -> Figure:
    """All populations over the first write trial and the first read trial."""
    spans = [(t.start, t.stop, t.role) for role in ("write", "read") for t in result.schedule.of(role)[:1]]
    names, colour = [name for name in result.circuit.population if name in result.spikes], colours(result.circuit)
    figure = Figure(figsize=(9.5, 0.85 * len(names) + 0.8), layout="constrained")
    axes = figure.subplots(
        len(names), len(spans), squeeze=False, sharex="col", width_ratios=[b - a for a, b, _ in spans]
    )
    for column, (start, stop, role) in enumerate(spans):
        for row, name in enumerate(names):
            draw_raster(axes[row, column], result.spikes[name], result.circuit.size(name), start, stop, colour[name])
            if column == 0:
                axes[row, 0].set_ylabel(
                    f"{name.replace('_', ' ')}\n{result.circuit.size(name):,}", rotation=0, ha="right", va="center"
                )
        axes[0, column].set_title(f"{role} trial")
        axes[-1, column].set_xlabel("time in trial (ms)")
    return figure
