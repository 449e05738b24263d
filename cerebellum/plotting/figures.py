"""Figures. Every draw_ function takes and returns axes; only this side imports matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from cerebellum.plotting import current_frequency, learning, network
from cerebellum.plotting.activity import activity_figure, raster_figure
from cerebellum.plotting.closures import eyelid_figure
from cerebellum.plotting.degree_histograms import in_degrees_figure
from cerebellum.plotting.engine_courses import engines_figure
from cerebellum.plotting.journal import STYLE
from cerebellum.plotting.memory import recall_bars_figure, recall_by_block_figure, recall_figure
from cerebellum.plotting.reader_agreement import weights_figure
from cerebellum.plotting.recordings import records_figure
from cerebellum.plotting.style import colours
from cerebellum.results.result import Result


def _makers(result: Result) -> dict[str, Callable[[Result], Figure]]:
    """Name -> what draws it, of every figure that this result allows."""
    makers: dict[str, Callable[[Result], Figure]] = {"circuit": network.circuit_figure}
    if result.spikes:
        makers["activity"] = raster_figure if result.schedule.of("write") else activity_figure
    if result.rates:
        makers["engines" if result.spikes else "rates"] = rates_figure
    if "f_i" in result.summary:
        makers["f_i"] = current_frequency.f_i_figure
    if result.records:
        makers["records"] = records_figure
    if learning.has_curves(result):
        makers["trials"] = learning.curves_figure
    if result.responses:
        makers["eyelid"] = eyelid_figure
    if any(len(found["blocks"]) > 1 for found in result.summary.get("learning", {}).values()):
        makers["learning"] = learning.weights_after_figure
    if result.connectome is not None and result.connectome.positions:
        makers |= {"placement": network.placement_figure, "connectivity": network.connectivity_figure}
        makers["in_degrees"] = in_degrees_figure
    if result.weights and result.patterns is not None:
        if "agreement" in result.summary:
            makers["weights"] = weights_figure
        if "recall_by_block" in result.summary:
            makers["blocks"] = recall_by_block_figure
        makers["recall"] = recall_figure if result.patterns.image_shape else recall_bars_figure
    return makers


def write_figures(result: Result, folder: Path) -> list[Path]:
    """Every figure that this result allows, as PNG and SVG."""
    folder.mkdir(parents=True)
    written = []
    with matplotlib.rc_context(fname=str(STYLE)):
        for name, maker in _makers(result).items():
            figure = maker(result)
            paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
            figure.savefig(paths[0], dpi=150, pil_kwargs={"compress_level": 1})  # a third larger, and no time
            figure.set_layout_engine("none")  # laid out once, and so alike in both files
            figure.savefig(paths[1], dpi=150, metadata={"Date": None})
            written += paths
    return written


def rates_figure(result: Result) -> Figure:
    """Time courses of the rate engine in the last block's trials, over those of the spikes where both ran."""
    block = result.schedule.trials[-1].block
    spans = [(trial.start, trial.stop) for trial in result.schedule.trials if trial.block == block]
    found = result.summary["engines"]["population"] if result.spikes else None
    return engines_figure(result.spikes, result.rates, spans, colours(result.circuit), found)
