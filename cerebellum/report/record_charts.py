"""Records of single cells and synapses as charts: a chart a record, its quantities one above the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from cerebellum.activity.recording import DRAWN_SERIES, DRAWN_UNITS, Recording, broken, sampled, stretches
from cerebellum.description.appearance import colours, words
from cerebellum.report.parts import Chart, axis, packed
from cerebellum.results import Run
from cerebellum.typing import Floats, Ints

SHOWN_SAMPLES = 60_000  # of all records of a page, half a megabyte of it
MOST_SAMPLES = 6000  # of a series; a chart has no more pixels
FEWEST_SAMPLES = 200
ROW = 150  # pixels of a quantity
GAP = 0.16  # between quantities, of a row


def recordings(run: Run) -> list[Chart]:
    """A chart of every record; empty for a run without."""
    records = run.records
    kept = [values for record in records.values() for values in record.values.values()]
    lines = sum(min(DRAWN_SERIES, values.shape[1]) for values in kept)
    most = min(MOST_SAMPLES, max(FEWEST_SAMPLES, SHOWN_SAMPLES // max(1, lines)))
    colour = colours(run.circuit)
    return [_chart(run, name, record, colour[record.population], most) for name, record in records.items()]


def _chart(run: Run, name: str, record: Recording, colour: str, most: int) -> Chart:
    data: list[dict[str, Any]] = []
    layout: dict[str, Any] = {"margin": {"l": 92, "r": 15, "t": 12, "b": 50}, "legend": {"tracegroupgap": 0}}
    rows, share = len(record.values), 1 / len(record.values)
    for row, key in enumerate(record.values):
        kind, _, receptor = key.partition(".")
        unit, scale = DRAWN_UNITS[record.units[key]]
        number = "" if row == 0 else str(row + 1)
        top = 1 - row * share
        layout[f"yaxis{number}"] = axis(
            f"{words(receptor)}<br>{kind} ({unit})".removeprefix("<br>"),
            domain=[top - share * (1 if row == rows - 1 else 1 - GAP), top], nticks=5,
        )  # fmt: skip
        values = scale * record.values[key]
        where = f"y{number}", unit
        for place, column in enumerate(sampled(values.shape[1])):
            who = _who(run, record, int(column), values.shape[1])
            line = {"color": colour, "width": 1.2}
            data.append(_line(record.time, values[:, column], most, who, where, line, 1 - 0.2 * place))
        if kind == "weight" and values.shape[1] > 1:
            who = f"mean of {values.shape[1]:,}"
            data.append(_line(record.time, values.mean(axis=1), most, who, where, {"color": "#000", "width": 2}))
    layout["xaxis"] = axis("time (s)", anchor=f"y{rows}" if rows > 1 else "y")
    named: set[str] = set()
    several = len({one["name"] for one in data}) > 1
    for one in data:  # a cell stands once in the legend, which hides and shows it in all rows
        one["showlegend"] = several and one["name"] not in named
        named.add(one["name"])
    heading = f"{words(name)}: {words(record.projection or record.population)}"
    return Chart(f"record-{name}", heading, _label(record, most), {"data": data, "layout": layout}, 90 + ROW * rows)


def _who(run: Run, record: Recording, column: int, series: int) -> str:
    """Whose a series is."""
    if series != len(record.cells):
        return f"mean of {len(record.cells):,} cell{'s' if len(record.cells) > 1 else ''}"
    if record.sources is None:
        return f"cell {record.cells[column]}"
    source = run.circuit.projection[record.projection].source
    return f"{words(source)} {record.sources[column]} to {words(record.population)} {record.cells[column]}"


def _line(
    time: Floats,
    values: Floats,
    most: int,
    who: str,
    where: tuple[str, str],
    line: dict[str, Any],
    opacity: float = 1.0,
) -> dict[str, Any]:
    """One series, on an axis with its unit (`where`)."""
    yaxis, unit = where
    kept = thinned(values, most)
    x, y = broken(time[kept], values[kept], stretches(time)[kept])
    return {
        "type": "scatter", "mode": "lines", "name": who, "legendgroup": who, "x": packed(x, "f8"), "y": packed(y, "f4"),
        "yaxis": yaxis, "line": line, "opacity": opacity,
        "hovertemplate": f"{who}: %{{y:.4g}} {unit} at %{{x:.4f}} s<extra></extra>",
    }  # fmt: skip


def thinned(values: Floats, most: int) -> Ints:
    """Which samples draw a series' outline: of every few in a row the lowest and the highest; all of `most` or fewer.

    Parameters
    ----------
    values : shape (samples,)
    """
    if len(values) <= most:
        return np.arange(len(values))
    each = _each(len(values), most)
    rows = np.pad(values, (0, -len(values) % each), mode="edge").reshape(-1, each)
    found = np.arange(len(rows)) * each + np.stack([rows.argmin(axis=1), rows.argmax(axis=1)])
    return np.unique(found.clip(max=len(values) - 1))


def _each(samples: int, most: int) -> int:
    """Samples in a row of which two are drawn."""
    return 1 if samples <= most else -(-samples // (most // 2))


def _label(record: Recording, most: int) -> str:
    found = max(values.shape[1] for values in record.values.values())
    what = "synapses" if record.sources is not None else "cells"
    if found != len(record.cells):
        said = f"Mean over {len(record.cells):,} of the {words(record.population)} cells."
    elif found > DRAWN_SERIES:
        said = f"{DRAWN_SERIES} of the {found:,} recorded {what}, an even sample."
    else:
        said = f"All {found} recorded {what}." if found > 1 else f"The one recorded {what[:-1]}."
    said += " Lines break where nothing is recorded; drag to zoom, double-click for all."
    if (each := _each(len(record.time), most)) > 1:
        said += f" Of every {each:,} samples in a row the lowest and the highest are drawn; spikes.nwb has all."
    return said
