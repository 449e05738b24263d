"""Figures of the network itself and of its activity: diagram, placement, connectivity, degrees, raster with PSTH."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cerebellum.connectome import Connectome, expected_synapses

if TYPE_CHECKING:
    from cerebellum.circuit import Circuit
    from cerebellum.result import Result
    from cerebellum.spikes import Spikes

Floats = NDArray[np.float64]

COLOURS = {
    "mossy_fiber": "#8c6d31", "glomerulus": "#bd9e39", "granule": "#d6616b", "golgi": "#3182bd", "stellate": "#6baed6",
    "basket": "#08519c", "purkinje": "#31a354", "nuclear": "#756bb1", "nucleo_olivary": "#9e9ac8",
    "inferior_olive": "#e6550d",
}  # fmt: skip
# Where a population stands in the diagram: input left, output right, as the signal flows.
PLACES = {
    "mossy_fiber": (0.0, 1.0), "glomerulus": (1.5, 1.0), "granule": (3.0, 1.0), "golgi": (2.2, 2.6),
    "stellate": (4.6, 2.6), "basket": (6.2, 2.6), "purkinje": (6.2, 1.0), "nuclear": (8.2, 1.0),
    "nucleo_olivary": (8.2, -0.6), "inferior_olive": (6.2, -0.6),
}  # fmt: skip
SHOWN_CELLS = 400  # of one population in a raster; more dots than pixels only cost disk
SHOWN_SOMATA = 3000
BIN = 5e-3  # s, of the PSTH


def words(name: str) -> str:
    """A name of the schema as a label."""
    return name.replace("_", " ")


def circuit_figure(result: Result) -> Figure:
    """Populations with their numbers of cells, connections with their numbers of synapses."""
    figure = Figure(figsize=(10, 5), layout="constrained")
    draw_circuit(figure.subplots(), result.circuit)
    return figure


def draw_circuit(ax: Axes, circuit: Circuit) -> Axes:
    """The circuit diagram: arrows excite, bars inhibit, thick lines learn. Projections of one pair are drawn as one."""
    synapses = expected_synapses(circuit)
    pairs: dict[tuple[str, str], list[str]] = {}
    for name, projection in circuit.projection.items():
        pairs.setdefault((projection.source, projection.target), []).append(name)
    for (source, target), names in pairs.items():
        if source == target:
            continue
        projection = circuit.projection[names[0]]
        a, b = np.array(PLACES[source]), np.array(PLACES[target])
        inhibits = _inhibits(circuit, names[0])
        far = np.hypot(*(b - a)) > 3.1 and min(abs(b - a)) < 0.1  # would run through the population between
        bend = 0.25 if (target, source) in pairs or far else 0.0
        ax.annotate(
            "", tuple(b), tuple(a),
            arrowprops={
                "arrowstyle": "-[,widthB=0.5,lengthB=0.1" if inhibits else "-|>", "color": COLOURS[source],
                "lw": 3 if any(circuit.projection[n].plasticity for n in names) else 1.3, "shrinkA": 24, "shrinkB": 34,
                "connectionstyle": f"arc3,rad={bend}",
            },
        )  # fmt: skip
        # The middle of matplotlib's arc: half its bend off the straight line, to the right of the direction.
        across = np.array([(b - a)[1], -(b - a)[0]])
        middle = 0.5 * (a + b) + 0.5 * bend * across
        label = f"{sum(synapses[n] for n in names):,}"
        box = {"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.85}
        ax.text(middle[0], middle[1], label, fontsize=7, ha="center", va="center", color=COLOURS[source], bbox=box)
    for name in circuit.population:
        own = sum(synapses[n] for n in pairs.get((name, name), []))
        lines = [words(name), f"{circuit.size(name):,} cells"] + ([f"{own:,} among them"] if own else [])
        box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": COLOURS[name], "lw": 1.5}
        ax.text(*PLACES[name], "\n".join(lines), ha="center", va="center", bbox=box, fontsize=8)
    places = np.array([PLACES[name] for name in circuit.population])
    low, high = places.min(axis=0) - 0.8, places.max(axis=0) + 0.7
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    ax.set_title(f"{circuit.title}: cells and synapses (arrow excites, bar inhibits, thick learns)", fontsize=9)
    ax.axis("off")
    return ax


def _inhibits(circuit: Circuit, name: str) -> bool:
    projection = circuit.projection[name]
    # A relay, such as a glomerulus, has no receptors: spikes pass through it.
    receptor = circuit.population[projection.target].receptor.get(projection.receptor)
    return receptor is not None and receptor.effect == "inhibitory"


def placement_figure(result: Result) -> Figure:
    """Somata in the volume, coloured by population."""
    assert result.connectome is not None
    figure = Figure(figsize=(7.5, 6.5))
    ax = figure.add_axes((-0.05, 0.04, 0.8, 0.98), projection="3d")
    draw_placement(ax, result.connectome)
    return figure


def draw_placement(ax: Axes, connectome: Connectome) -> Axes:
    """At most SHOWN_SOMATA somata of each population, um; the dots are not to scale."""
    for name, places in connectome.positions.items():
        shown = places[:: max(1, len(places) // SHOWN_SOMATA)] * 1e6
        size = 0.6 if len(places) > 1000 else 9  # the crowded populations must not hide the others
        label = words(name) if len(shown) == len(places) else f"{words(name)} (1 of {len(places) // len(shown)})"
        ax.plot(*shown.T, "o", ms=size**0.5 * 1.3, mew=0, color=COLOURS[name], alpha=0.7, label=label, rasterized=True)
    ax.set(xlabel="x, along parallel fibres (um)", ylabel="y (um)", zlabel="z (um)")
    ax.locator_params(axis="y", nbins=3)
    ax.set_aspect("equal")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False, markerscale=2)
    return ax


def connectivity_figure(result: Result) -> Figure:
    """Mean convergence of every pair of populations, and the synapses made by the source cells of each projection."""
    assert result.connectome is not None
    connectome = result.connectome
    columns = 5
    rows = -(-len(connectome.edges) // columns)
    figure = Figure(figsize=(10, 5.2 + 1.35 * rows), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(5.2, 1.35 * rows))  # type: ignore[misc]
    image = draw_convergence(top.subplots(), connectome)
    top.colorbar(image.images[0], ax=image, label="synapses on a target cell (mean)", shrink=0.8)
    bottom.supxlabel("synapses made by a source cell", fontsize=8)
    axes = bottom.subplots(rows, columns, squeeze=False).ravel()
    for ax, name in zip(axes, connectome.edges, strict=False):
        draw_divergence(ax, connectome, name)
    for ax in axes[len(connectome.edges) :]:
        ax.axis("off")
    return figure


def draw_convergence(ax: Axes, connectome: Connectome) -> Axes:
    """Matrix of mean convergences, sources down, targets across, log colours."""
    from matplotlib.colors import LogNorm

    circuit = connectome.circuit
    names = list(circuit.population)
    table = np.zeros((len(names), len(names)))
    for name, edges in connectome.edges.items():
        projection = circuit.projection[name]
        place = names.index(projection.source), names.index(projection.target)
        table[place] += len(edges) / circuit.size(projection.target)
    shown = np.where(table > 0, table, np.nan)
    ax.imshow(shown, cmap="viridis", norm=LogNorm(max(np.nanmin(shown), 0.1), table.max()))
    for row, column in np.argwhere(table > 0):
        light = np.log(table[row, column]) < np.log(table.max()) * 0.7
        ax.text(
            column,
            row,
            f"{table[row, column]:,.0f}" if table[row, column] >= 10 else f"{table[row, column]:.1f}",
            ha="center",
            va="center",
            fontsize=7,
            color="w" if light else "k",
        )
    labels = [words(name) for name in names]
    ax.set_xticks(range(len(names)), labels, rotation=35, ha="right")
    ax.set_yticks(range(len(names)), labels)
    ax.set(xlabel="onto", ylabel="from", title="Realised convergence")
    return ax


def draw_divergence(ax: Axes, connectome: Connectome, name: str) -> Axes:
    """Histogram of synapses made by a source cell; the title has the synapses onto a target cell, mean and spread."""
    circuit, projection, edges = connectome.circuit, connectome.circuit.projection[name], connectome.edges[name]
    made = np.bincount(edges.pre, minlength=circuit.size(projection.source))
    received = np.bincount(edges.post, minlength=circuit.size(projection.target))
    ax.hist(made, bins=min(15, max(3, len(np.unique(made)))), color=COLOURS[projection.source])
    heading = words(name).replace(" to ", "\nto ")
    ax.set_title(f"{heading}\nreceives {received.mean():.1f} (sd {received.std():.1f})", fontsize=6.5, pad=2)
    ax.ticklabel_format(axis="x", useOffset=False)
    ax.tick_params(labelsize=6)
    ax.set_yticks([])
    return ax


def activity_figure(result: Result) -> Figure:
    """Raster of the first trial and PSTH over all trials of the last block, every population."""
    block = result.schedule.trials[-1].block
    trials = [trial for trial in result.schedule.trials if trial.block == block]
    length = min(trials[0].stop - trials[0].start, 2.0)
    starts = np.array([trial.start for trial in trials])
    names = [name for name in result.circuit.population if name in result.spikes]
    figure = Figure(figsize=(10, 0.9 * len(names) + 0.8), layout="constrained")
    axes = figure.subplots(len(names), 2, squeeze=False, sharex=True, width_ratios=(3, 2))
    for row, name in enumerate(names):
        spikes, cells = result.spikes[name], result.circuit.size(name)
        draw_raster(axes[row, 0], spikes, cells, starts[0], starts[0] + length, COLOURS[name])
        axes[row, 0].set_ylabel(f"{words(name)}\n{cells:,}", rotation=0, ha="right", va="center")
        draw_psth(axes[row, 1], spikes, cells, starts, length, COLOURS[name])
        window = result.protocol.block[block].window
        if window is not None and window.duration.si < 0.9 * length:
            for ax in axes[row]:
                ax.axvspan(window.onset.si * 1e3, (window.onset.si + window.duration.si) * 1e3, color="0.9", zorder=0)
    axes[0, 0].set_title(f"first trial of {block}")
    axes[0, 1].set_title(f"PSTH, {len(trials)} trial{'s' if len(trials) > 1 else ''} (Hz a cell)")
    for ax in axes[-1]:
        ax.set_xlabel("time in trial (ms)")
    return figure


def draw_raster(ax: Axes, spikes: Spikes, cells: int, start: float, stop: float, colour: str) -> Axes:
    """Spikes in [start, stop); of a large population an even sample of cells that fire there."""
    first, last = np.searchsorted(spikes.time, [start, stop])
    time, cell = spikes.time[first:last], spikes.cell[first:last]
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
    edges = np.arange(0, length + BIN / 2, BIN)
    total = np.zeros(len(edges) - 1)
    for start in starts:
        total += np.histogram(spikes.time - start, edges)[0]
    ax.stairs(total / (BIN * cells * len(starts)), edges * 1e3, fill=True, color=colour)
    ax.tick_params(labelsize=7)
    return ax
