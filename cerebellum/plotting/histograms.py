"""Small histograms side by side, all in one axes: an axes of its own for each would take most of a figure's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.ticker import MaxNLocator

from cerebellum.typing import Floats

COLUMNS = 5
WIDE, HIGH = 2.0, 1.5  # inches of a histogram with its text
ROOM = 0.08, 0.3, 0.48  # of these on either side, below and above: ticks, three lines of text
TICK = 0.04
LOCATOR = MaxNLocator(4, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1)


@dataclass(frozen=True)
class Histogram:
    """What is drawn of one.

    Attributes
    ----------
    counts, edges : of bins, shapes (bins,) and (bins + 1,); none if all values are one, which the heading says
    described : x and y of a line over it, in the units of edges and counts
    mean : where a line stands
    """

    heading: str
    colour: str
    counts: Floats
    edges: Floats
    described: tuple[Floats, Floats] | None = None
    mean: float | None = None


def size(number: int) -> tuple[float, float]:
    """Width and height of so many, in inches."""
    return COLUMNS * WIDE, max(1, -(-number // COLUMNS)) * HIGH


def draw_histograms(ax: Axes, shown: Sequence[Histogram]) -> Axes:
    """Row after row into axes of `size`."""
    bars, lines, widths, colours = [], [], [], []
    for place, one in enumerate(shown):
        left, bottom = place % COLUMNS * WIDE + ROOM[0], -(place // COLUMNS + 1) * HIGH + ROOM[1]
        width, height = WIDE - 2 * ROOM[0], HIGH - ROOM[1] - ROOM[2]
        ax.text(left + width / 2, bottom + height + 0.03, one.heading, fontsize=7, ha="center", va="bottom")
        lines.append(np.array([(left, bottom), (left + width, bottom)]))
        widths.append(0.8)
        if not len(one.counts):
            continue
        curve = one.described or (np.array([one.edges[0]]), np.zeros(1))
        across = [one.edges[0], one.edges[-1], curve[0][0], curve[0][-1], *([] if one.mean is None else [one.mean])]
        span = min(across), max(across)
        grow = width / (span[1] - span[0]), height / max(one.counts.max(), curve[1].max())

        def at(x: Floats, y: Floats, start: float = span[0], grow: tuple[float, float] = grow,
               corner: tuple[float, float] = (left, bottom)) -> Floats:  # fmt: skip
            return np.stack([corner[0] + (x - start) * grow[0], corner[1] + y * grow[1]], axis=-1)

        ends = np.repeat(one.edges, 2)
        bars.append(at(ends, np.concatenate([[0], np.repeat(one.counts, 2), [0]])))
        colours.append(one.colour)
        if one.described is not None:
            lines.append(at(*one.described))
            widths.append(1.0)
        if one.mean is not None:
            x = at(np.array([one.mean]), np.zeros(1))[0, 0]
            lines.append(np.array([(x, bottom), (x, bottom + height)]))
            widths.append(0.7)
        ticks = LOCATOR.tick_values(*span)
        ticks = ticks[(ticks >= span[0]) & (ticks <= span[1])]
        for tick, (x, y) in zip(ticks, at(ticks, np.zeros(len(ticks))), strict=True):
            lines.append(np.array([(x, y), (x, y - TICK)]))
            widths.append(0.8)
            ax.text(x, y - 2 * TICK, f"{tick:g}", fontsize=7, ha="center", va="top")
    ax.add_collection(PolyCollection(bars, facecolors=colours, edgecolors="none"))
    ax.add_collection(LineCollection(lines, colors="black", linewidths=widths))
    width, height = size(len(shown))
    ax.set(xlim=(0, width), ylim=(-height, 0))
    ax.axis("off")
    return ax
