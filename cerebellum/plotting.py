"""Figures. Every draw_ function takes and returns axes; only this side imports matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cerebellum.circuit import Circuit
from cerebellum.connectome import expected_synapses
from cerebellum.patterns import Patterns
from cerebellum.report import NAMES
from cerebellum.result import Result
from cerebellum.spikes import Spikes

COLOURS = {
    "mossy_fiber": "#8c6d31", "granule": "#d6616b", "golgi": "#3182bd", "stellate": "#6baed6", "basket": "#08519c",
    "purkinje": "#31a354", "nuclear": "#756bb1", "nucleo_olivary": "#9e9ac8", "inferior_olive": "#e6550d",
    "glomerulus": "#bd9e39",
}  # fmt: skip
READER_COLOURS = {
    "purkinje": "#31a354", "granule": "#d6616b", "rate": "#e6550d", "sdm": "#222222", "sdm_exact": "#888888",
    "attention": "#3182bd", "nuclear": "#756bb1",
}  # fmt: skip
SHOWN_CELLS = 400  # of one population in a raster; more dots than pixels only cost disk


def write_figures(result: Result, folder: Path) -> list[Path]:
    """Every figure that this result allows, as PNG and SVG."""
    makers: dict[str, Callable[[Result], Figure]] = {"circuit": circuit_figure}
    if result.spikes:
        makers["raster"] = raster_figure
    if result.weights and result.patterns is not None:
        makers["weights"] = weights_figure
        makers["recall"] = recall_figure if result.patterns.image_shape else recall_bars_figure
    folder.mkdir(parents=True)
    written = []
    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "cerebellum"}
    with matplotlib.rc_context(style):
        for name, maker in makers.items():
            figure = maker(result)
            for suffix in ("png", "svg"):
                path = folder / f"{name}.{suffix}"
                figure.savefig(path, dpi=150, metadata={"Date": None} if suffix == "svg" else None)
                written.append(path)
    return written


def recall_figure(result: Result) -> Figure:
    """Stored image, cue, and what every reader recalls, a column for each stored digit."""
    patterns = result.patterns
    assert patterns is not None
    level = _middle(patterns.flips)
    chosen = [
        int(np.flatnonzero((patterns.flips == level) & (patterns.target == p))[0])
        for p in range(len(patterns.addresses))
    ]
    readers = [name for name in ("purkinje", "rate", "sdm_exact", "sdm", "attention") if name in result.readout]
    rows = ["stored", f"cue, {level} flipped", *(NAMES[name] for name in readers)]
    figure = Figure(figsize=(0.75 * len(chosen) + 1.9, 0.78 * len(rows) + 0.7), layout="constrained")
    axes = figure.subplots(len(rows), len(chosen), squeeze=False)
    for column, cue in enumerate(chosen):
        target = patterns.target[cue]
        draw_image(axes[0, column], patterns.pointers[target], patterns)
        draw_image(axes[1, column], patterns.cue_images[cue], patterns)
        for row, name in enumerate(readers, start=2):
            bits = result.readout[name][cue] > 0
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
            ax.plot(levels, shares, "o-", ms=4, color=READER_COLOURS[reader], label=NAMES[reader], alpha=0.8)
        ax.set(xlabel="flipped bits of the cue", title=label, ylim=(0, 1.05), xticks=levels)
    left.set_ylabel("share")
    right.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def weights_figure(result: Result) -> Figure:
    """Weight of a stored pattern against its Hamming distance from the cue, all readers; agreement as numbers."""
    patterns, found = result.patterns, result.summary["agreement"]
    assert patterns is not None
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
            fmt="-" if theory else "o", ms=4, lw=1.5 if theory else 1, color=READER_COLOURS[name], label=NAMES[name],
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
    ax.set(xlabel=NAMES["sdm_exact"], ylabel=NAMES[reader], title=f"r2 = {np.corrcoef(x, y)[0, 1] ** 2:.4f}")
    return ax


def raster_figure(result: Result) -> Figure:
    """All populations over one write trial and one read trial, else over the first second."""
    spans = [
        (trials[0].start, trials[0].stop, role) for role in ("write", "read") if (trials := result.schedule.of(role))
    ]
    if not spans:
        spans = [(0.0, min(1.0, result.schedule.duration), "start")]
    names = [name for name in result.circuit.population if name in result.spikes]
    figure = Figure(figsize=(9.5, 0.85 * len(names) + 0.8), layout="constrained")
    axes = figure.subplots(
        len(names), len(spans), squeeze=False, sharex="col", width_ratios=[b - a for a, b, _ in spans]
    )
    for column, (start, stop, role) in enumerate(spans):
        for row, name in enumerate(names):
            draw_raster(axes[row, column], result.spikes[name], result.circuit.size(name), start, stop, COLOURS[name])
            if column == 0:
                axes[row, 0].set_ylabel(
                    f"{name.replace('_', ' ')}\n{result.circuit.size(name):,}", rotation=0, ha="right", va="center"
                )
        axes[0, column].set_title(f"{role} trial")
        axes[-1, column].set_xlabel("time in trial (ms)")
    return figure


def draw_raster(ax: Axes, spikes: Spikes, cells: int, start: float, stop: float, colour: str) -> Axes:
    """Spikes in [start, stop); of a large population an even sample of cells that fire there."""
    first, last = np.searchsorted(spikes.time, [start, stop])
    time, cell = spikes.time[first:last], spikes.cell[first:last]
    firing = np.unique(cell)
    if cells > SHOWN_CELLS:
        shown = (
            firing[np.linspace(0, len(firing) - 1, min(SHOWN_CELLS, len(firing))).astype(int)]
            if len(firing)
            else firing
        )
        keep = np.isin(cell, shown)
        time, cell = time[keep], np.searchsorted(shown, cell[keep])
    ax.plot((time - start) * 1e3, cell, "|", ms=2, mew=0.6, color=colour, rasterized=True)
    ax.set(xlim=(0, (stop - start) * 1e3), yticks=[])
    return ax


def circuit_figure(result: Result) -> Figure:
    """Populations with their numbers of cells, projections with their numbers of synapses."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    draw_circuit(figure.subplots(), result.circuit)
    return figure


# Where a population stands in the diagram: input left, output right, as the signal flows.
PLACES = {
    "mossy_fiber": (0.0, 1.0), "glomerulus": (1.0, 1.0), "granule": (2.0, 1.0), "golgi": (1.5, 2.3),
    "stellate": (3.4, 2.3), "basket": (4.2, 2.9), "purkinje": (4.4, 1.0), "nuclear": (5.8, 1.0),
    "nucleo_olivary": (5.8, -0.3), "inferior_olive": (4.4, -0.6),
}  # fmt: skip


def draw_circuit(ax: Axes, circuit: Circuit) -> Axes:
    """The circuit diagram: arrows excite, bars inhibit, thick lines learn."""
    synapses = expected_synapses(circuit)
    for name, projection in circuit.projection.items():
        a, b = np.array(PLACES[projection.source]), np.array(PLACES[projection.target])
        receptor = circuit.population[projection.target].receptor.get(projection.receptor)
        inhibits = getattr(receptor, "effect", "excitatory") == "inhibitory"
        ax.annotate(
            "", b, a,
            arrowprops={
                "arrowstyle": "-[,widthB=0.5,lengthB=0.1" if inhibits else "-|>",
                "color": COLOURS[projection.source], "lw": 3 if projection.plasticity else 1.3,
                "shrinkA": 26, "shrinkB": 28, "connectionstyle": "arc3,rad=0.08",
            },
        )  # fmt: skip
        middle = 0.5 * (a + b) + np.array([0.0, 0.16])
        ax.text(*middle, f"{synapses[name]:,}", fontsize=7, ha="center", color=COLOURS[projection.source])
    for name in circuit.population:
        x, y = PLACES[name]
        box = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": COLOURS[name], "lw": 1.5}
        ax.text(
            x,
            y,
            f"{name.replace('_', ' ')}\n{circuit.size(name):,} cells",
            ha="center",
            va="center",
            bbox=box,
            fontsize=8,
        )
    places = np.array([PLACES[name] for name in circuit.population])
    ax.set(
        xlim=(places[:, 0].min() - 0.7, places[:, 0].max() + 0.7),
        ylim=(places[:, 1].min() - 0.6, places[:, 1].max() + 0.6),
    )
    ax.set_title(
        f"{circuit.title}: cells, and synapses by projection (arrow excites, bar inhibits, thick learns)", fontsize=9
    )
    ax.axis("off")
    return ax


def _middle(flips: NDArray[np.int64]) -> int:
    levels = np.unique(flips)
    return int(levels[len(levels) // 2])
