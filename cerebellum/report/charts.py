"""Rates, learning curves, weights and places as charts of plotly's schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cerebellum.connectome import placement
from cerebellum.description.appearance import CYCLE, colours, words
from cerebellum.report.parts import Chart, axis, packed
from cerebellum.results import Result, Run, trials
from cerebellum.results.names import READER_COLOURS, READER_NAMES
from cerebellum.results.readings import by_distance
from cerebellum.results.views import trial_rates
from cerebellum.typing import Floats

SHOWN_SOMATA = 1500  # of a population
SHOWN_PAIRS = 4000
LEARNS = 3  # trials of a block that make a curve
FIRST_SEEN = ("purkinje", "nuclear")  # roles whose curves are shown before anything is chosen


def rates(runs: Sequence[Run], names: Sequence[str]) -> Chart | None:
    """Mean rate of every population in the window of the last block, beside the published rate at rest."""
    listed = list(dict.fromkeys(name for run in runs for name in run.circuit.population))
    data: list[dict[str, Any]] = []
    for number, (run, title) in enumerate(zip(runs, names, strict=True)):
        for key, engine in (("rates", ""), ("rates_of_the_rate_engine", ", rate engine")):
            found = run.summary.get(key) or {}
            windows = {name: one["window"] for name, one in found.items() if one.get("window")}
            if not windows:
                continue
            one = len(runs) == 1 and not engine
            colour: Any = (
                [colours(run.circuit)[name] for name in windows] if one else CYCLE[(number + bool(engine)) % 7]
            )
            data.append(
                {
                    "type": "bar", "orientation": "h", "name": f"{title}{engine}", "marker": {"color": colour},
                    "y": [words(name) for name in windows], "x": [w["mean"] for w in windows.values()],
                    "error_x": {"type": "data", "array": [w["sd"] for w in windows.values()], "thickness": 1},
                    "hovertemplate": "%{y}: %{x:.2f} Hz, sd over cells %{error_x.array:.2f}<extra></extra>",
                }
            )  # fmt: skip
    if not data:
        return None
    published = {
        words(name): float(population.published_rate.si)
        for run in runs
        for name, population in run.circuit.population.items()
        if population.published_rate is not None
    }
    if published:
        data.append(
            {
                "type": "scatter", "mode": "markers", "name": "published, at rest",
                "marker": {"symbol": "diamond", "size": 10, "color": "#fff", "line": {"color": "#000", "width": 1.5}},
                "y": [*published], "x": [*published.values()],
                "hovertemplate": "%{y}: published %{x:g} Hz at rest<extra></extra>",
            }
        )  # fmt: skip
    layout = {
        "barmode": "group",
        "xaxis": axis("mean rate (Hz; bar: standard deviation over cells)", minallowed=0),
        "yaxis": {"categoryorder": "array", "categoryarray": [words(n) for n in listed][::-1], "automargin": True},
    }
    beside = "; diamonds: published rates at rest" if published else ""
    label = f"Mean rate of each population in the window of the last block{beside}. The table below has the numbers."
    return Chart("rates", "Rates", label, {"data": data, "layout": layout}, 120 + 34 * len(listed) * max(1, len(runs)))


def learning(run: Run) -> Chart | None:
    """Rate of every population trial by trial; None where no block has a course of trials."""
    blocks: dict[str, list[int]] = {}
    for number, trial in enumerate(run.trials):
        blocks.setdefault(trial.block, []).append(number + 1)
    if max(len(own) for own in blocks.values()) < LEARNS:
        return None
    courses = _courses(run)
    if not courses:
        return None
    colour, data = colours(run.circuit), []
    first = [name for role in FIRST_SEEN if (name := run.circuit.with_role(role))]
    first = [key for key in courses if key.split(".")[0] in first and not key.endswith(".trial")] or list(courses)
    for key, values in courses.items():
        population = key.split(".")[0]
        data.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": words(key).replace(".", ", "),
                "y": packed(values, "f4"),
                "x": list(range(1, len(values) + 1)), "marker": {"size": 5, "color": colour.get(population, "#666")},
                "line": {"color": colour.get(population, "#666"), "width": 1.2},
                "visible": True if key in first else "legendonly",
            }
        )  # fmt: skip
    edges = [own[0] - 0.5 for own in blocks.values()][1:60]
    layout = {
        "xaxis": axis("trial", tickformat="d", **({"dtick": 1} if len(run.trials) < 12 else {})),
        "yaxis": axis("mean rate (Hz)", rangemode="tozero"),
        "shapes": [
            {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "#bbb", "width": 1}}
            for x in edges
        ],
        "annotations": [
            {"x": own[0], "yref": "paper", "y": 1.0, "yanchor": "bottom", "xanchor": "left", "text": name,
             "showarrow": False, "font": {"size": 11}} for name, own in list(blocks.items())[:8]
        ],
    }  # fmt: skip
    label = "Mean rate of a cell in the window of each trial, trial after trial; populations are chosen in the legend."
    return Chart("learning", "Trial by trial", label, {"data": data, "layout": layout}, 420)


def _courses(run: Run) -> dict[str, Floats]:
    """`POPULATION.WINDOW` -> mean rate (Hz) in every trial, nan where it has no such window, as trials.csv has it."""
    table = run.trial_table
    if table is None:  # a folder from before there was one
        return trial_rates(run)
    courses = {key: np.asarray(table[key], dtype=float) for key in trials.rated(table)}
    found = {key: values for key, values in courses.items() if np.isfinite(values).any()}
    return dict(sorted(found.items(), key=lambda one: f".{trials.WHOLE}" in one[0]))  # named windows first


def weight_curves(run: Run) -> Chart | None:
    """Mean weight of a stored pattern, every reader: by its cosine with the cue, or by its distance from it."""
    kept, data = run.reader_weights, []
    curves = run.summary.get("curve") or {}
    if curves:
        for name, found in curves.items():
            data.append(_curve(name, found["cosines"], found["mean"], found.get("error")))
        layout = {"xaxis": axis("cosine of cue and stored pattern"), "yaxis": axis("weight (a cue's weights sum to 1)")}
        label = "Weight given to a stored pattern against its cosine with the cue, one line a reader."
        return Chart("curves", "Weight by cosine", label, {"data": data, "layout": layout}, 420)
    if kept.distances is None or not kept.readers:
        return None
    for name, weights in kept.readers.items():
        x, y, error = by_distance(weights, kept.distances)
        seen = y > 0
        data.append(_curve(name, x[seen].tolist(), y[seen].tolist(), error[seen].tolist()))
    layout = {
        "xaxis": axis("Hamming distance of cue and stored pattern (address bits)"),
        "yaxis": axis("weight (a cue's weights sum to 1)", type="log", range=[-3.2, 0.2]),
    }
    label = "Weight given to a stored pattern against its Hamming distance from the cue, one line a reader, log scale."
    return Chart("curves", "Weight by distance", label, {"data": data, "layout": layout}, 420)


def _curve(reader: str, x: list[float], y: list[float], error: list[float] | None) -> dict[str, Any]:
    """A line, with error bars where the reader is measured."""
    theory = reader in ("sdm", "attention")
    return {
        "type": "scatter", "mode": "lines" if theory else "lines+markers", "name": READER_NAMES[reader], "x": x, "y": y,
        "line": {"color": READER_COLOURS[reader], "width": 1.6},
        "error_y": {"type": "data", "array": error or [], "visible": bool(error) and not theory, "thickness": 1},
    }  # fmt: skip


def weight_pairs(run: Run) -> Chart | None:
    """Every weight of the readers of spikes and rates against the count on this connectome."""
    readers = run.reader_weights.readers
    measured = [name for name in ("purkinje", "nuclear", "granule", "rate") if name in readers]
    if "sdm_exact" not in readers or not measured:
        return None
    exact = readers["sdm_exact"].ravel()
    step = max(1, len(exact) // SHOWN_PAIRS)
    data: list[dict[str, Any]] = [
        {
            "type": "scatter", "mode": "markers", "name": READER_NAMES[name],
            "x": packed(exact[::step], "f4"), "y": packed(readers[name].ravel()[::step], "f4"),
            "marker": {"size": 4, "color": READER_COLOURS[name], "opacity": 0.6},
        }
        for name in measured
    ]  # fmt: skip
    top = float(exact.max())
    data.append({"type": "scatter", "mode": "lines", "x": [0, top], "y": [0, top], "name": "equal",
                 "line": {"color": "#000", "width": 1}})  # fmt: skip
    layout = {
        "xaxis": axis(f"weight: {READER_NAMES['sdm_exact']}"),
        "yaxis": axis("weight of the reader"),
        "legend": {"itemsizing": "constant"},
    }
    label = "Every weight of each reader against the exact count on this connectome, with the line of equality."
    return Chart("pairs", "Weight by weight", label, {"data": data, "layout": layout}, 420)


def synapses(run: Run) -> Chart | None:
    """Plastic weights at the end of the run, as a histogram a projection, beside the naive weight."""
    if not run.plastic:
        return None
    from cerebellum.connectome.weights import solve

    naive = run.connectome.weight if isinstance(run, Result) and run.connectome else solve(run.circuit).weight
    colour = colours(run.circuit)
    data = []
    for name, values in run.plastic.items():
        relative = np.asarray(values, dtype=float) / naive[name] if naive.get(name) else np.asarray(values, dtype=float)
        number, edges = np.histogram(relative, bins=60)
        data.append(
            {
                "type": "scatter", "mode": "lines", "fill": "tozeroy",
                "line": {"shape": "hvh", "color": colour[run.circuit.projection[name].target]},
                "name": words(name), "x": (0.5 * (edges[1:] + edges[:-1])).tolist(),
                "y": (number / max(1, number.sum())).tolist(),
            }
        )  # fmt: skip
    layout = {"xaxis": axis("weight at the end / naive weight"), "yaxis": axis("share of synapses", rangemode="tozero")}
    label = "Histogram of the plastic weights at the end of the run, over the naive weight, in the target's colour."
    return Chart("synapses", "Plastic synapses", label, {"data": data, "layout": layout}, 340)


def places(run: Run) -> Chart | None:
    """Somata in the volume, coloured by population."""
    drawn = isinstance(run, Result) and run.connectome is not None
    somata = run.connectome.positions if drawn and run.connectome else placement.positions(run.circuit, run.seed)
    if not somata:
        return None
    colour = colours(run.circuit)
    data = []
    for name, cells in somata.items():
        step = max(1, -(-len(cells) // SHOWN_SOMATA))
        x, y, z = (packed(column, "f4") for column in cells[::step].T * 1e6)
        data.append(
            {
                "type": "scatter3d", "mode": "markers", "x": x, "y": y, "z": z,
                "name": words(name) + (f" (1 of {step})" if step > 1 else ""),
                "marker": {"size": 2 if len(cells) > 1000 else 4, "color": colour[name], "opacity": 0.8},
                "hovertemplate": f"{words(name)}: %{{x:.0f}}, %{{y:.0f}}, %{{z:.0f}} um<extra></extra>",
            }
        )  # fmt: skip
    scene = {
        "xaxis": axis("x (um)", nticks=4), "yaxis": axis("y (um)", nticks=3),
        "zaxis": axis("z (um)"),
        "aspectmode": "manual", "aspectratio": _aspect(somata), "camera": {"eye": {"x": 1.15, "y": 1.15, "z": 0.4}},
    }  # fmt: skip
    label = "Somata in the volume, one colour a population; x is along parallel fibres, z to the pia. Drag to turn. "
    label += "Dots are not to scale."
    return Chart(
        "places",
        "Places of the cells",
        label,
        {"data": data, "layout": {"scene": scene, "legend": {"itemsizing": "constant"}}},
        560,
    )


def _aspect(somata: Mapping[str, Floats]) -> dict[str, float]:
    """Lengths of the volume over the longest, so that it is true to scale and seen whole."""
    cells = np.concatenate(list(somata.values()))
    length = cells.max(axis=0) - cells.min(axis=0)
    return dict(zip("xyz", (length / length.max()).tolist(), strict=True))
