"""Records of single cells and synapses over time."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.activity.recording import DRAWN_UNITS, Recording, broken, sampled, stretches
from cerebellum.plotting.style import colours, words
from cerebellum.results.result import Result

LONGEST = 1.0  # s of a quantity that changes fast


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
    unit, scale = DRAWN_UNITS[record.units[key]]
    slow = kind in ("weight", "rate")
    shown = slice(None) if slow else record.time < record.time[:1].sum() + LONGEST
    time, values = record.time[shown], scale * record.values[key][shown]
    stretch = stretches(time)
    for place, column in enumerate(sampled(values.shape[1])):
        ax.plot(*broken(time, values[:, column], stretch), lw=0.7, color=colour, alpha=1.0 - 0.2 * place)
    if kind == "weight" and values.shape[1] > 1:
        ax.plot(*broken(time, values.mean(axis=1), stretch), lw=1.4, color="black", label="mean")
        ax.legend(fontsize=7, frameon=False)
    ax.set_ylabel(f"{words(receptor)}\n{kind} ({unit})".strip(), fontsize=7)
    return ax
