"""Measures of a sweep against what was varied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.errors import InputError, UnknownNameError
from cerebellum.plotting.journal import styled

if TYPE_CHECKING:
    import pandas as pd

FIRST = ("agreement.purkinje_vs_sdm.identity", "agreement.rate_vs_sdm.identity", "recall.purkinje.patterns",
         "recall.rate.patterns", "rates.purkinje.mean_hz", "rates.granule.mean_hz")  # fmt: skip
"""Shown where no measure is asked for, four at most."""


def sweep_figure(table: pd.DataFrame, varied: Sequence[str], measures: Sequence[str] | None = None) -> Figure:
    """Measures against the first varied key, a panel each, a line for each combination of the others.

    Parameters
    ----------
    table : of `run_sweep`, or a table.csv
    measures : columns of the table; None: some that say most

    Raises
    ------
    UnknownNameError
        A measure that is no column.
    InputError
        One that has no numbers.
    """
    shown = [name for name in FIRST if name in table][:4] if measures is None else list(measures)
    if not shown:
        shown = [str(name) for name in table.select_dtypes("number") if name not in (*varied, "seed")][:1]
    for measure in shown:
        if measure not in table:
            raise UnknownNameError.of("column of the table", measure, [str(name) for name in table])
        if table[measure].dtype.kind not in "iuf":
            raise InputError(f"{measure}: its column has no numbers to draw; wanted one of numbers")
    with styled():
        figure = Figure(figsize=(3.4 * max(1, len(shown)), 3.2), layout="constrained")
        axes = figure.subplots(1, max(1, len(shown)), squeeze=False)[0]
        for ax, measure in zip(axes, shown, strict=False):
            draw_measure(ax, table, varied, measure)
        if len(varied) > 1:
            axes[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def draw_measure(ax: Axes, table: pd.DataFrame, varied: Sequence[str], measure: str) -> Axes:
    """One column: mean over seeds, and standard deviation."""
    grouped = [((), table)] if len(varied) < 2 else list(table.groupby(list(varied[1:])))
    for name, rows in grouped:
        line = rows.groupby(varied[0], sort=False)[measure].agg(["mean", "std"])
        label = ", ".join(f"{k.split('.')[-1]} {v}" for k, v in zip(varied[1:], name, strict=True)) or None
        ax.errorbar(range(len(line)), line["mean"], line["std"].fillna(0), fmt="o-", label=label)
        ax.set_xticks(range(len(line)), [str(value) for value in line.index])
    ax.set(xlabel=varied[0], ylabel=measure)
    return ax
