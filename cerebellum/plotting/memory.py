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


def weights_figure(result: Result) -> Figure:
    """Weight of a stored pattern against its Hamming distance from the cue, all readers; agreement as numbers."""
    patterns, found = result.recalled, result.summary["agreement"]
    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    draw_weights(left, result.weights, patterns)
    first = "purkinje" if "purkinje" in result.weights else "rate"
    draw_scatter(right, result.weights, first)
    figure.suptitle(
        f"Weights given to stored patterns. r2 ceilings: SDM against attention {found['sdm_vs_attention']['r2']:.3f}, "
        f"expected against exact {found['sdm_vs_sdm_exact']['r2']:.3f}; shuffled control {found['control']['r2']:.3f}",
        fontsize=9,
    )
    return figure


def draw_weights(ax: Axes, weights: dict[str, NDArray[np.float64]], patterns: Patterns) -> Axes:
    """Mean weight in bins of distance on a log axis, with the standard error over pairs."""
    distance = patterns.distances()
    edges = np.arange(0, distance.max() + 9, 8)
    edges[0] = -1
    place = np.digitize(distance, edges, right=True)
    for shift, (name, values) in enumerate(weights.items()):
        bins = [place == b for b in np.unique(place)]
        x = np.array([distance[b].mean() for b in bins])
        y = np.array([values[b].mean() for b in bins])
        spread = np.array([values[b].std() / np.sqrt(b.sum()) for b in bins])
        seen = y > 0
        theory = name in ("sdm", "attention")
        ax.errorbar(
            x[seen] + (0 if theory else 0.5 * (shift - 1)), y[seen], None if theory else spread[seen],
            fmt="-" if theory else "o", ms=4, lw=1.5 if theory else 1, color=READER_COLOURS[name],
            label=READER_NAMES[name],
        )  # fmt: skip
    ax.set(
        yscale="log",
        ylim=(1e-3, 1.5),
        xlabel="Hamming distance of cue and stored pattern (address bits)",
        ylabel="weight (rows sum to 1)",
    )
    ax.legend(frameon=False, fontsize=8)
    return ax


def draw_scatter(ax: Axes, weights: dict[str, NDArray[np.float64]], reader: str) -> Axes:
    """Every weight of one reader against SDM's on this connectome."""
    x, y = weights["sdm_exact"].ravel(), weights[reader].ravel()
    ax.plot(x, y, ".", ms=3, color=READER_COLOURS[reader], alpha=0.5)
    top = max(x.max(), y.max())
    ax.plot([0, top], [0, top], "-", lw=0.8, color="black")
    ax.set(
        xlabel=READER_NAMES["sdm_exact"], ylabel=READER_NAMES[reader], title=f"r2 = {np.corrcoef(x, y)[0, 1] ** 2:.4f}"
    )
    return ax


def _middle(flips: NDArray[np.int64]) -> int:
    levels = np.unique(flips)
    return int(levels[len(levels) // 2])
