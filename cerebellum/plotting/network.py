"""Figures of the network itself and of its activity: diagram, placement, connectivity, degrees, raster with PSTH."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.connectome.connectome import Connectome, expected_synapses
from cerebellum.plotting import histograms
from cerebellum.plotting.style import colours, places, words
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from cerebellum.description.circuit import Circuit
    from cerebellum.results.result import Result


SHOWN_SOMATA = 3000
BENDS = (0.0, 0.25, -0.25, 0.4, -0.4, 0.55, -0.55, 0.75, -0.75)
BOX = np.array([0.8, 0.35])  # half a box of the diagram, and air
LABEL = np.array([0.55, 0.22])  # room of a number
CROSSING = np.array([0.3, 0.14])  # and from an arrow that is not its own
SHORT, SHORT_UP = 1.8, 0.17
THIN = 0.25  # of the longest side of the volume: a side too short for ticks
Point = tuple[float, float]


def circuit_figure(result: Result) -> Figure:
    """Populations with their numbers of cells, connections with their numbers of synapses."""
    figure = Figure(figsize=(10, 5))
    draw_circuit(figure.add_axes((0.01, 0.01, 0.98, 0.93)), result.circuit)
    return figure


def draw_circuit(ax: Axes, circuit: Circuit, points: float = 8) -> Axes:
    """The circuit diagram: arrows excite, bars inhibit, thick lines learn. Projections of one pair are drawn as one.

    Parameters
    ----------
    points : size of the text in the boxes
    """
    synapses, colour, place = expected_synapses(circuit), colours(circuit), places(circuit)
    pairs: dict[tuple[str, str], list[str]] = {}
    for name, projection in circuit.projection.items():
        pairs.setdefault((projection.source, projection.target), []).append(name)
    boxes = {}
    for name in circuit.population:
        own = sum(synapses[n] for n in pairs.get((name, name), []))
        lines = [words(name), f"{circuit.size(name):,} cells"] + ([f"{own:,} among them"] if own else [])
        box = {"boxstyle": "round,pad=0.4", "fc": "white", "ec": colour[name], "lw": 1.5}
        boxes[name] = ax.text(
            *place[name], "\n".join(lines), ha="center", va="center", bbox=box, fontsize=points, zorder=3
        )
    middles = np.array(list(place.values()))
    ratio = _limits(ax, middles)
    bends = {pair: _bend(place, pair, pair[::-1] in pairs, ratio) for pair in pairs if pair[0] != pair[1]}
    arcs = {pair: _arc(*_ends(place, pair), bend * ratio, np.linspace(0, 1, 60)) for pair, bend in bends.items()}
    labelled: list[Point] = []
    for (source, target), bend in bends.items():
        names, (a, b) = pairs[source, target], _ends(place, (source, target))
        ax.annotate(
            "", tuple(b), tuple(a),
            arrowprops={
                "arrowstyle": "-[,widthB=0.6,lengthB=0" if _inhibits(circuit, names[0]) else "-|>",
                "color": colour[source], "connectionstyle": f"arc3,rad={bend}",
                "lw": 3 if any(circuit.projection[n].plasticity for n in names) else 1.3,
                # From box to box: drawn after them, as only then their extent is known.
                "patchA": boxes[source].get_bbox_patch(), "patchB": boxes[target].get_bbox_patch(), "shrinkB": 2,
            },
            zorder=4,
        )  # fmt: skip
        others = [arc for pair, arc in arcs.items() if pair != (source, target)]
        x, y = _label(a, b, bend * ratio, middles, labelled, others)
        labelled.append((x, y))
        box = {"fc": "white", "ec": "none", "pad": 0.6, "alpha": 0.9}
        label = f"{sum(synapses[n] for n in names):,}"
        ax.text(x, y, label, fontsize=7, ha="center", va="center", color="0.15", bbox=box, zorder=5)
    ax.set_title(f"{circuit.title}: cells and synapses (arrow excites, bar inhibits, thick learns)", fontsize=9)
    ax.axis("off")
    return ax


def _limits(ax: Axes, places: Floats) -> Floats:
    """Sets them; returns what a bend, which is of lengths on paper, is multiplied by across and upwards."""
    low, high = places.min(axis=0) - 0.8, places.max(axis=0) + 0.7
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    pixels = np.array(ax.get_window_extent().size) / (high - low)
    return np.array([pixels[1] / pixels[0], pixels[0] / pixels[1]])


def _arc(a: Floats, b: Floats, bend: Floats, share: Floats) -> Floats:
    """Points of matplotlib's arc3 from a to b, at shares of the way, shape (shares, 2)."""
    middle = 0.5 * (a + b) + bend * np.array([(b - a)[1], -(b - a)[0]])
    along = share[:, None]
    return np.asarray((1 - along) ** 2 * a + 2 * along * (1 - along) * middle + along**2 * b)


def _ends(place: Mapping[str, Point], pair: tuple[str, str]) -> tuple[Floats, Floats]:
    return np.array(place[pair[0]]), np.array(place[pair[1]])


def _bend(place: Mapping[str, Point], pair: tuple[str, str], both_ways: bool, ratio: Floats) -> float:
    """The least bend of an arrow that runs through no other box; of two that go both ways, never straight."""
    inner, (a, b) = np.linspace(0.05, 0.95, 40), _ends(place, pair)
    others = [np.array(point) for name, point in place.items() if name not in pair]
    for bend in (0.25, -0.25, 0.4) if both_ways else BENDS:
        curve = _arc(a, b, bend * ratio, inner)
        if not any((np.abs(curve - box) < BOX).all(axis=1).any() for box in others):
            return bend
    return 0.25


def _label(a: Floats, b: Floats, bend: Floats, boxes: Floats, taken: list[Point], others: list[Floats]) -> Point:
    """Where along the arrow its number stands farthest from boxes, numbers and other arrows (`others`, points of each),
    near the middle if it can."""
    share = np.array([0.5, 0.42, 0.58, 0.34, 0.66])
    points = _arc(a, b, bend, share)
    apart = [np.abs(points[:, None] - boxes[None]) / (0.85 * BOX)]
    apart += [np.abs(points[:, None] - np.array(taken).reshape(1, -1, 2)) / LABEL]
    apart += [np.abs(points[:, None] - other[None]) / CROSSING for other in others]
    room = np.concatenate(apart, axis=1).max(axis=2).min(axis=1)
    place = int(np.argmax(room >= 1)) if (room >= 1).any() else int(room.argmax())
    above = SHORT_UP if np.hypot(*(b - a)) < SHORT else 0.0  # beside a short arrow, which it would hide
    return float(points[place, 0]), float(points[place, 1]) + above


def _inhibits(circuit: Circuit, name: str) -> bool:
    projection = circuit.projection[name]
    # A relay, such as a glomerulus, has no receptors: spikes pass through it.
    receptor = circuit.population[projection.target].receptor.get(projection.receptor)
    return receptor is not None and receptor.effect == "inhibitory"


def placement_figure(result: Result) -> Figure:
    """Somata in the volume, coloured by population."""
    assert result.connectome is not None
    figure = Figure(figsize=(7.5, 6.5))
    ax = figure.add_axes((0.0, 0.04, 0.74, 0.94), projection="3d")
    draw_placement(ax, result.connectome)
    return figure


def draw_placement(ax: Axes, connectome: Connectome) -> Axes:
    """At most SHOWN_SOMATA somata of each population, um; the dots are not to scale."""
    colour = colours(connectome.circuit)
    for name, somata in connectome.positions.items():
        shown = somata[:: max(1, len(somata) // SHOWN_SOMATA)] * 1e6
        size = 0.6 if len(somata) > 1000 else 9  # the crowded populations must not hide the others
        label = words(name) if len(shown) == len(somata) else f"{words(name)} (1 of {len(somata) // len(shown)})"
        ax.plot(*shown.T, "o", ms=size**0.5 * 1.3, mew=0, color=colour[name], alpha=0.7, label=label, rasterized=True)
    space: Any = ax  # of three dimensions, which the stubs of `Axes` do not know
    length = np.ptp(np.concatenate(list(connectome.positions.values())), axis=0)
    thin = {}
    for axis, own in zip("xyz", length, strict=True):
        if own < THIN * length.max():
            thin[axis] = own
            space.set(**{f"{axis}ticks": []})
        else:
            space.set(**{f"{axis}label": f"{axis} (um)"})
            space.locator_params(axis=axis, nbins=4 if axis == "z" else 3)
    if thin:
        said = ", ".join(f"{axis}: {1e6 * own:.0f} um" for axis, own in thin.items())
        space.zaxis.labelpad = 14  # beside its numbers, as the view is narrow
        space.text2D(0.5, 0.02, said, ha="center", transform=ax.transAxes)
    space.set_box_aspect(length, zoom=0.85)  # to scale, and no label cut off
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, frameon=False, markerscale=2)
    return ax


def connectivity_figure(result: Result) -> Figure:
    """Mean convergence of every pair of populations, and the synapses made by the source cells of each projection."""
    assert result.connectome is not None
    connectome = result.connectome
    shown = [_divergence(connectome, name) for name in connectome.edges]
    width, height = histograms.size(len(shown))
    below, matrix = 0.35, 5.4  # inches
    whole = below + height + matrix
    figure = Figure(figsize=(width, whole))
    image = draw_convergence(figure.add_axes((0.3, (whole - 4.3) / whole, 0.4, 4.0 / whole)), connectome)
    colour_axes = figure.add_axes((0.74, (whole - 3.9) / whole, 0.02, 3.2 / whole))
    plain = "{x:g}"  # powers of ten would want formulas set, a tenth of all the drawing
    figure.colorbar(image.images[0], colour_axes, label="synapses on a target cell (mean)", format=plain)
    histograms.draw_histograms(figure.add_axes((0, below / whole, 1, height / whole)), shown)
    figure.text(0.5, 0.1 / whole, "synapses made by a source cell", fontsize=8, ha="center")
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
            _short(table[row, column]),
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


def _short(number: float) -> str:
    """Of two or three digits, so that it fits a square of the matrix; k: thousands."""
    if number >= 999.5:
        return f"{number / 1000:.1f}k" if number < 9950 else f"{number / 1000:.0f}k"
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}"


def _divergence(connectome: Connectome, name: str) -> histograms.Histogram:
    """Synapses made by a source cell; the heading has the synapses onto a target cell, mean and spread."""
    circuit, projection, edges = connectome.circuit, connectome.circuit.projection[name], connectome.edges[name]
    made = np.bincount(edges.pre, minlength=circuit.size(projection.source))
    received = np.bincount(edges.post, minlength=circuit.size(projection.target))
    heading = words(name).replace(" to ", "\nto ") + f"\nreceives {received.mean():.1f} (sd {received.std():.1f})"
    colour = colours(circuit)[projection.source]
    if made.min() == made.max():
        return histograms.Histogram(f"{heading}\nevery cell makes {made[0]:,}", colour, np.empty(0), np.empty(0))
    step = -(-(made.max() - made.min() + 1) // 15)  # bins of whole numbers
    counts, ends = np.histogram(made, np.arange(made.min(), made.max() + step + 1, step) - 0.5)
    return histograms.Histogram(heading, colour, counts.astype(float), ends)
