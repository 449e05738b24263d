"""In-degrees of every projection: histograms over target cells, beside the description."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.connectome.connectome import Connectome, Degree, degrees
from cerebellum.description.wiring import Ends
from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result

COLUMNS = 5


def in_degrees_figure(result: Result) -> Figure:
    """A panel a projection whose target cells differ: the sampled in-degrees, the described Gaussian over them."""
    assert result.connectome is not None
    varied = [one for one in degrees(result.connectome) if one.realised_sd > 0]
    rows = max(1, -(-len(varied) // COLUMNS))
    figure = Figure(figsize=(10, 0.5 + 1.6 * rows), layout="constrained")
    figure.supxlabel(
        "source cells of a target cell, or contacts where a rule counts these; black: as described, line at its mean",
        fontsize=8,
    )
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for ax, degree in zip(axes, varied, strict=False):
        draw_in_degrees(ax, result.connectome, degree)
    for ax in axes[len(varied) :]:
        ax.axis("off")
    return figure


def draw_in_degrees(ax: Axes, connectome: Connectome, degree: Degree) -> Axes:
    """One projection; a rule that describes no spread has its mean only."""
    projection = connectome.circuit.projection[degree.projection]
    cells = connectome.circuit.size(projection.target)
    incoming = projection.rule.in_degrees(connectome.edges[degree.projection], Ends(connectome.circuit, projection))
    low, high = int(incoming.min()), int(incoming.max())
    step = max(1, -(-(high - low + 1) // 20))  # bins of whole numbers
    edges = (np.arange(low, high + step + 1, step) - 0.5).tolist()
    ax.hist(incoming, edges, color=colours(connectome.circuit)[projection.target])
    mean, sd = degree.described_convergence, degree.described_sd
    if sd > 0:
        at = np.linspace(max(0.0, mean - 3 * sd), mean + 3 * sd, 100)
        ax.plot(at, cells * step / (sd * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((at - mean) / sd) ** 2), "k", lw=1)
    ax.axvline(mean, color="k", lw=0.7)
    described = f"{mean:.4g}" + (f" ({sd:.3g})" if sd > 0 else "")
    heading = words(degree.projection).replace(" to ", "\nto ")
    title = f"{heading}\n{degree.realised_convergence:.4g} ({degree.realised_sd:.3g}) for {described}"
    ax.set_title(title, fontsize=7, pad=2)
    ax.tick_params(labelsize=7)
    ax.set_yticks([])
    return ax
