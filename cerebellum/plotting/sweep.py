"""Measures of a sweep against what was varied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

SWEEP_MEASURES = (
    "agreement.purkinje_vs_sdm_exact.r2",
    "agreement.rate_vs_sdm_exact.r2",
    "agreement.purkinje_vs_sdm.r2",
    "recall.purkinje.patterns",
    "recall.rate.patterns",
    "rates.purkinje.mean_hz",
    "rates.granule.mean_hz",
)


def sweep_figure(table: pd.DataFrame, varied: list[str]) -> Figure:
    """The main measures against the first varied key, a line for each combination of the others."""
    shown = [measure for measure in SWEEP_MEASURES if measure in table][:4]
    figure = Figure(figsize=(3.4 * max(1, len(shown)), 3.2), layout="constrained")
    for ax, measure in zip(figure.subplots(1, max(1, len(shown)), squeeze=False)[0], shown, strict=False):
        grouped = [((), table)] if len(varied) < 2 else list(table.groupby(varied[1:]))
        for name, rows in grouped:
            line = rows.groupby(varied[0], sort=False)[measure].agg(["mean", "std"])
            label = ", ".join(f"{k.split('.')[-1]} {v}" for k, v in zip(varied[1:], name, strict=True)) or None
            ax.errorbar(range(len(line)), line["mean"], line["std"].fillna(0), fmt="o-", ms=4, label=label)
            ax.set_xticks(range(len(line)), [str(value) for value in line.index])
        ax.set(xlabel=varied[0].split(".")[-1] if varied else "", title=measure)
        ax.title.set_fontsize(8)
        if len(varied) > 1:
            ax.legend(fontsize=7, frameon=False)
    return figure
