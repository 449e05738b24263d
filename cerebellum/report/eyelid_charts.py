"""Conditioned responses as charts: how often the eye closes along the session, and when it does."""

from __future__ import annotations

from typing import Any

import numpy as np

from cerebellum.description.appearance import CYCLE, words
from cerebellum.report.parts import Chart, Table, axis
from cerebellum.results import Run, eyelid


def responses(run: Run) -> list[Chart | Table]:
    """Learning curve by both criteria, and a table of blocks; nothing where no eyelid is described."""
    table = run.trial_table
    if table is None or not run.summary.get("eyelid"):
        return []
    data: list[dict[str, Any]] = []
    for colour, (key, name) in zip(CYCLE, eyelid.CRITERIA.items(), strict=False):
        found = eyelid.shares(table, key)
        x, y = (np.concatenate([one[part] for one in found.values()]) for part in (0, 1))
        data.append(
            {
                "type": "scatter", "mode": "lines+markers", "name": name, "x": (x + 1).tolist(),
                "y": (100 * y).tolist(), "marker": {"color": colour, "size": 6}, "line": {"color": colour, "width": 1},
                "hovertemplate": "about trial %{x:.0f}: %{y:.0f} %<extra></extra>",
            }
        )  # fmt: skip
    begins = {name: [*table["block"]].index(name) + 0.5 for name in found}
    layout = {
        "xaxis": axis("trial"),
        "yaxis": axis("conditioned responses (%)", range=[-3, 103]),
        "shapes": [
            {"type": "line", "x0": x, "x1": x, "yref": "paper", "y0": 0, "y1": 1, "line": {"color": "#bbb", "width": 1}}
            for x in begins.values()
        ],
        "annotations": [
            {"x": x, "yref": "paper", "y": 1.0, "yanchor": "bottom", "xanchor": "left", "text": words(name),
             "showarrow": False, "font": {"size": 11}, "textangle": -25} for name, x in begins.items()
        ],
    }  # fmt: skip
    label = "Share of conditioned responses in tens of trials, by the closure of the eyelid and by the nuclear rate."
    return [Chart("eyelid", "Conditioned responses", label, {"data": data, "layout": layout}, 380), _blocks(run)]


def _blocks(run: Run) -> Table:
    """Every block: responses, and the mean onset and peak of those that closed the eye."""
    rows = [
        (
            words(name),
            str(one["trials"]),
            f"{one['cr']:.0%}",
            f"{one['cr_rate']:.0%}",
            f"{one['closure']:.2f}",
            *("" if one[key] is None else f"{1e3 * one[key]:.0f}" for key in ("onset", "peak")),
        )
        for name, one in run.summary["eyelid"].items()
    ]
    head = ("block", "trials", "closure", "nuclear rate", "mean closure", "onset (ms)", "peak (ms)")
    return Table("Conditioned responses by block", head, rows)
