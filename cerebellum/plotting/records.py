"""Records of single cells and synapses over time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.activity.recording import Recording
from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result
from cerebellum.typing import Floats

SHOWN_SERIES, LONGEST = 4, 1.0  # cells or synapses in a panel; s
LABELS = {
    "voltage": ("voltage (mV)", 1e3), "adaptation": ("adaptation (pA)", 1e12), "conductance": ("(nS)", 1e9),
    "current": ("(pA)", 1e12), "weight": ("weight", 1.0), "rate": ("rate (Hz)", 1.0),
}  # fmt: skip


def records_figure(result: Result) -> Figure:
    """Every quantity of every record: a few cells in its first second, weights and rates over the whole of it."""
    records = result.records
    rows = [(name, key) for name, record in records.items() for key in record.values]
    figure = Figure(figsize=(7.0, 1.5 * len(rows) + 0.4), layout="constrained")
    for ax, (name, key) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        draw_record(ax, records[name], key, colours(result.circuit)[records[name].population])
        ax.set_title(f"{words(name)}: {words(records[name].projection or records[name].population)}", fontsize=8)
    figure.axes[-1].set_xlabel("time (s)")
    return figure


def draw_record(ax: Axes, record: Recording, key: str, colour: str) -> Axes:
    """One quantity; lines break where nothing was recorded."""
    kind, _, receptor = key.partition(".")
    label, scale = LABELS[kind]
    if kind == "weight":
        label, scale = ("weight (nS)", 1e9) if record.units[key] == "siemens" else ("weight (pA)", 1e12)
    slow = kind in ("weight", "rate")
    shown = slice(None) if slow else record.time < record.time[:1].sum() + LONGEST
    time, values = record.time[shown], scale * record.values[key][shown]
    columns = np.unique(np.linspace(0, values.shape[1] - 1, min(SHOWN_SERIES, values.shape[1])).astype(int))
    for place, column in enumerate(columns):
        ax.plot(*_broken(time, values[:, column]), lw=0.7, color=colour, alpha=1.0 - 0.2 * place)
    if kind == "weight" and values.shape[1] > 1:
        ax.plot(*_broken(time, values.mean(axis=1)), lw=1.4, color="black", label="mean")
        ax.legend(fontsize=7, frameon=False)
    ax.set_ylabel(f"{words(receptor)} {label}".strip(), fontsize=7)
    return ax


def _broken(time: Floats, values: Floats) -> tuple[Floats, Floats]:
    """With a nan where more than twice the usual time has passed."""
    gaps = np.flatnonzero(np.diff(time) > 2 * np.median(np.diff(time))) + 1 if len(time) > 2 else np.empty(0, int)
    return np.insert(time, gaps, np.nan), np.insert(values, gaps, np.nan)
