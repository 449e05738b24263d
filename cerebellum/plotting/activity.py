"""Rasters and histograms of spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import BIN_WIDTH, psth
from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result
from cerebellum.typing import Floats

ROWS, COLUMNS = 60, 500  # cells and bins of time of a raster, as many as there are pixels for


def activity_figure(result: Result) -> Figure:
    """Raster of the first trial and PSTH over all trials of the last block, every population."""
    block = result.schedule.trials[-1].block
    trials = [trial for trial in result.schedule.trials if trial.block == block]
    length = min(2.0, *(trial.stop - trial.start for trial in trials))
    starts = np.array([trial.start for trial in trials])
    names, colour = [name for name in result.circuit.population if name in result.spikes], colours(result.circuit)
    figure, axes = _grid(names, [3, 2], 10, 0.9)
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
    """Spikes in [start, stop), as an image; of a large population an even sample of cells that fire there."""
    inside = spikes.within(start, stop)
    time, cell = spikes.time[inside], spikes.cell[inside]
    if cells > ROWS:
        firing = np.unique(cell)
        shown = firing[np.linspace(0, len(firing) - 1, min(ROWS, len(firing))).astype(int)]
        keep = np.isin(cell, shown)
        time, cell, cells = time[keep], np.searchsorted(shown, cell[keep]).astype(np.int32), max(1, len(shown))
    image = np.zeros((cells, COLUMNS, 4))
    image[..., :3] = to_rgba(colour)[:3]
    image[cell, np.minimum((time - start) / (stop - start) * COLUMNS, COLUMNS - 1).astype(int), 3] = 1.0
    extent = 0.0, (stop - start) * 1e3, 0.0, float(cells)
    ax.imshow(image, extent=extent, origin="lower", aspect="auto", interpolation="none", zorder=1)
    ax.set(xlim=(0, (stop - start) * 1e3), yticks=[])
    return ax


def _grid(names: list[str], widths: list[float], across: float, row: float) -> tuple[Figure, Any]:
    """A figure so many inches across, and axes of a row of `row` inches for each population, times in common.

    Their places are reckoned from the letters of the names: to have them measured takes as long as all the drawing.
    """
    high = row * len(names) + 0.8
    figure = Figure(figsize=(across, high))
    left = 0.25 + 0.075 * max(len(words(name)) for name in names)
    edges = {"left": left / across, "right": 1 - 0.2 / across, "top": 1 - 0.3 / high, "bottom": 0.5 / high}
    grid = {**edges, "hspace": 0.2, "wspace": 0.18}
    axes = figure.subplots(len(names), len(widths), squeeze=False, sharex="col", width_ratios=widths, gridspec_kw=grid)
    return figure, axes


def draw_psth(ax: Axes, spikes: Spikes, cells: int, starts: Floats, length: float, colour: str) -> Axes:
    """Mean rate of a cell in bins of the trial, over all trials."""
    rate = psth(spikes, cells, starts.tolist(), 0.0, length, BIN_WIDTH)
    ax.stairs(rate, np.arange(len(rate) + 1) * BIN_WIDTH * 1e3, fill=True, color=colour)
    ax.tick_params(labelsize=7)
    ax.set_xlim(0, length * 1e3)
    return ax


def raster_figure(result: Result) -> Figure:
    """All populations over the first write trial and the first read trial."""
    spans = [(t.start, t.stop, t.role) for role in ("write", "read") for t in result.schedule.of(role)[:1]]
    names, colour = [name for name in result.circuit.population if name in result.spikes], colours(result.circuit)
    figure, axes = _grid(names, [b - a for a, b, _ in spans], 9.5, 0.85)
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
