"""What a memory recalls and which weights its readers give."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cerebellum.experiment.patterns import Patterns
from cerebellum.plotting.style import READER_COLOURS
from cerebellum.results.result import READER_NAMES, Result


def recall_figure(result: Result) -> Figure:
    """Stored image, cue, and what every reader recalls, a column for each stored digit."""
    patterns = result.recalled
    level = _middle(patterns.flips)
    chosen = [
        int(np.flatnonzero((patterns.flips == level) & (patterns.target == p))[0])
        for p in range(len(patterns.addresses))
    ]
    readers = [name for name in ("purkinje", "rate", "sdm_exact", "sdm", "attention") if name in result.readout]
    rows = ["stored", f"cue, {level} flipped", *(READER_NAMES[name] for name in readers)]
    figure = Figure(figsize=(0.75 * len(chosen) + 1.9, 0.78 * len(rows) + 0.7), layout="constrained")
    axes = figure.subplots(len(rows), len(chosen), squeeze=False)
    for column, cue in enumerate(chosen):
        target = patterns.target[cue]
        draw_image(axes[0, column], patterns.pointers[target], patterns)
        draw_image(axes[1, column], patterns.cue_images[cue], patterns)
        for row, name in enumerate(readers, start=2):
            bits = patterns.decide(result.readout[name][cue : cue + 1])[0]
            draw_image(axes[row, column], bits, patterns)
            wrong = int((bits != patterns.pointers[target]).sum())
            axes[row, column].set_xlabel(f"{wrong} wrong" if wrong else "right", fontsize=7, labelpad=1)
    for row, label in enumerate(rows):
        axes[row, 0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.suptitle("Written by climbing fibres, recalled from noisy cues")
    return figure


def draw_image(ax: Axes, bits: NDArray[np.bool_], patterns: Patterns) -> Axes:
    """Bits as an image in grey."""
    assert patterns.image_shape is not None
    ax.imshow(bits.reshape(patterns.image_shape), cmap="Greys", vmin=0, vmax=1.25, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    return ax


def recall_bars_figure(result: Result) -> Figure:
    """Share of cues recognised and of bits right by each reader, at every noise level."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    recall = result.summary["recall"]
    for ax, key, label in ((left, "patterns", "cues recognised"), (right, "bits", "pointer bits right")):
        for reader, found in recall.items():
            levels = [int(level) for level in found["by_flips"]]
            shares = [found["by_flips"][str(level)][key] for level in levels]
            ax.plot(levels, shares, "o-", ms=4, color=READER_COLOURS[reader], label=READER_NAMES[reader], alpha=0.8)
        ax.set(
            xlabel=f"{'moved fibres' if result.recalled.sparse else 'flipped bits'} of the cue",
            title=label,
            ylim=(0, 1.05),
            xticks=levels,
        )
    left.set_ylabel("share")
    right.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def recall_by_block_figure(result: Result) -> Figure:
    """Share of cues recognised by each reader: of all stored patterns in every block that asks, left, and of each
    stored pattern in the last one, right."""
    blocks = result.summary["recall_by_block"]
    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    readers = [name for name in READER_NAMES if name in result.readout]
    stored = [found["stored"] for found in blocks.values()]
    for name in readers:
        style: Any = {"ms": 4, "color": READER_COLOURS[name], "label": READER_NAMES[name], "alpha": 0.8}
        left.plot(stored, [found[name]["patterns"] for found in blocks.values()], "o-", **style)
        last = result.summary["recall"][name]["by_pattern"]
        right.plot([int(number) + 1 for number in last], list(last.values()), "o-", **style)
    left.set(xlabel="patterns stored", ylabel="share of cues recognised", ylim=(0, 1.05), title="by block")
    right.set(xlabel="number of the pattern, in order of storing", title=f"last block, {list(blocks)[-1]}")
    left.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def _middle(flips: NDArray[np.int64]) -> int:
    levels = np.unique(flips)
    return int(levels[len(levels) // 2])
