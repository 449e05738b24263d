"""In-degrees of every projection: histograms over target cells, beside the description."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from cerebellum.connectome.connectome import Connectome, Degree, degrees
from cerebellum.description.wiring import Ends
from cerebellum.plotting import histograms
from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result

BELOW = 0.35  # inches


def in_degrees_figure(result: Result) -> Figure:
    """A histogram a projection whose target cells differ: the sampled in-degrees, the described Gaussian over them."""
    assert result.connectome is not None
    varied = [in_degrees(result.connectome, one) for one in degrees(result.connectome) if one.realised_sd > 0]
    width, height = histograms.size(len(varied))
    figure = Figure(figsize=(width, height + BELOW))
    ax = figure.add_axes((0, BELOW / (height + BELOW), 1, height / (height + BELOW)))
    histograms.draw_histograms(ax, varied)
    said = "source cells of a target cell, or contacts where a rule counts these; black: as described, line at its mean"
    figure.text(0.5, 0.1 / (height + BELOW), said, fontsize=8, ha="center")
    return figure


def in_degrees(connectome: Connectome, degree: Degree) -> histograms.Histogram:
    """One projection's; a rule that describes no spread has its mean only."""
    projection = connectome.circuit.projection[degree.projection]
    incoming = projection.rule.in_degrees(connectome.edges[degree.projection], Ends(connectome.circuit, projection))
    low, high = int(incoming.min()), int(incoming.max())
    step = max(1, -(-(high - low + 1) // 20))  # bins of whole numbers
    counts, edges = np.histogram(incoming, np.arange(low, high + step + 1, step) - 0.5)
    mean, sd, described = degree.described_convergence, degree.described_sd, None
    if sd > 0:
        at = np.linspace(max(0.0, mean - 3 * sd), mean + 3 * sd, 100)
        described = at, len(incoming) * step / (sd * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((at - mean) / sd) ** 2)
    said = f"{mean:.4g}" + (f" ({sd:.3g})" if sd > 0 else "")
    heading = words(degree.projection).replace(" to ", "\nto ")
    heading += f"\n{degree.realised_convergence:.4g} ({degree.realised_sd:.3g}) for {said}"
    return histograms.Histogram(
        heading, colours(connectome.circuit)[projection.target], counts.astype(float), edges, described, mean
    )
