"""Recall, and agreement of readers with their ceilings, rivals and controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cerebellum.description.appearance import words
from cerebellum.report.parts import Chart, Table, axis
from cerebellum.results.names import READER_COLOURS, READER_NAMES

THEORY = ("sdm", "sdm_exact", "attention")
MEASURES = {
    "identity": ("identity R2", "circle"),
    "others_identity": ("identity R2, other patterns", "circle-open"),
    "r2": ("squared correlation r2", "x-thin-open"),
}
LOWEST = -0.5  # of identity R2 that is drawn; what is below has no meaning but "worse than a constant"


def recall(summary: Mapping[str, Any]) -> list[Chart]:
    """Share of cues recognised, by noise and by block."""
    out = []
    if found := summary.get("recall"):
        data = []
        for reader, one in found.items():
            levels = [int(level) for level in one["by_flips"]]
            shares = [one["by_flips"][str(level)]["patterns"] for level in levels]
            data.append(_line(reader, levels, shares))
        layout = {
            "xaxis": axis("moved elements of the cue"),
            "yaxis": axis("share of cues recognised", range=[0, 1.05]),
        }
        label = "Share of cues whose nearest stored pointer is the right one, by noise of the cue, one line a reader."
        out.append(Chart("recall", "Recall by noise", label, {"data": data, "layout": layout}))
    if found := summary.get("recall_by_block"):
        stored = [one["stored"] for one in found.values()]
        readers = [key for key in next(iter(found.values())) if key in READER_NAMES]
        data = [_line(reader, stored, [one[reader]["patterns"] for one in found.values()]) for reader in readers]
        layout = {"xaxis": axis("patterns stored"), "yaxis": axis("share of cues recognised", range=[0, 1.05])}
        label = "Share of cues recognised in each block that asks, against the patterns stored by then."
        out.append(Chart("blocks", "Recall by block", label, {"data": data, "layout": layout}))
    return out


def _line(reader: str, x: list[int], y: list[float]) -> dict[str, Any]:
    style = {"color": READER_COLOURS[reader]}
    return {
        "type": "scatter", "mode": "lines+markers", "name": READER_NAMES[reader], "x": x, "y": y, "line": style,
    }  # fmt: skip


def pairs(found: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every agreement of two readers: both, and its measures."""
    for key, one in found.items():
        a, between, b = key.partition("_vs_")
        if between and isinstance(one, dict):
            yield a, b, one


def agreement(summary: Mapping[str, Any]) -> list[Chart | Table]:
    """Measured readers against theory, theory against theory as ceilings, rivals, and controls; all that there is."""
    found = summary.get("agreement")
    if not isinstance(found, dict):
        return []
    rows = list(_rows(found))
    order = [row[0] for row in rows]
    data: list[dict[str, Any]] = []
    for measure, (title, symbol) in MEASURES.items():
        shown = [(row, colour, one[measure]) for row, colour, one in rows if isinstance(one.get(measure), int | float)]
        if shown:
            data.append(
                {
                    "type": "scatter", "mode": "markers", "name": title, "y": [row for row, _, _ in shown],
                    "x": [max(value, LOWEST) for _, _, value in shown], "customdata": [value for _, _, value in shown],
                    "marker": {"symbol": symbol, "size": 9, "color": [c for _, c, _ in shown], "line": {"width": 1.5}},
                    "hovertemplate": "%{y}: %{customdata:.4f}<extra>" + title + "</extra>",
                }
            )  # fmt: skip
    spans = [(row, colour, one) for row, colour, one in rows if "low" in one and "high" in one]
    data += [
        {"type": "scatter", "mode": "lines", "y": [row, row], "x": [one["low"], one["high"]], "showlegend": False,
         "line": {"color": colour, "width": 3}} for row, colour, one in spans
    ]  # fmt: skip
    layout = {
        "xaxis": axis("agreement of weights (1: equal)", range=[LOWEST - 0.05, 1.05]),
        "yaxis": {"categoryorder": "array", "categoryarray": order[::-1], "automargin": True},
    }
    label = "Agreement of the readers' weights: measured readers, ceilings, rivals and controls. Numbers in the table."
    measures = [key for key in ("identity", "others_identity", "r2", "tv") if any(key in one for _, _, one in rows)]
    listed = [
        (row, *(_number(one.get(key)) for key in measures), *([_span(one)] if spans else [])) for row, _, one in rows
    ]
    names = {key: title for key, (title, _) in MEASURES.items()} | {"tv": "total variation"}
    columns = ("pair", *(names[key] for key in measures), *(["interval"] if spans else []))
    table = Table("Agreement in numbers", columns, listed)
    chart = Chart("agreement", "Agreement of weights", label, {"data": data, "layout": layout}, 120 + 22 * len(order))
    return [chart, table, *_beta(summary)]


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name, colour and measures: readers first, then ceilings, rivals, controls."""
    listed = [(a, b, {**one, "others_identity": one.get("others", {}).get("identity")}) for a, b, one in pairs(found)]
    for a, b, one in listed:
        if b in THEORY and a not in THEORY:
            yield f"{READER_NAMES.get(a, words(a))} / {READER_NAMES[b]}", READER_COLOURS.get(a, "#666666"), one
    for a, b, one in listed:
        if a in THEORY and b in THEORY:
            yield f"ceiling: {READER_NAMES[a]} / {READER_NAMES[b]}", "#000000", one
    for reader, rivals in (found.get("rivals") or {}).items():
        for rival, one in rivals.items():
            if isinstance(one, dict):
                yield f"rival: {words(rival)} / {READER_NAMES.get(reader, words(reader))}", "#cc79a7", one
    for name, one in (found.get("controls") or {}).items():
        if isinstance(one, dict):
            yield f"control: {words(name)}", "#888888", {**one, "r2": one["mean"]} if "mean" in one else one


def _beta(summary: Mapping[str, Any]) -> list[Table]:
    found = summary.get("beta")
    if not isinstance(found, dict):
        return []
    rows = []
    for reader, title in READER_NAMES.items():
        if isinstance(found.get(reader), int | float):
            low, high = found.get(f"{reader}_interval") or (None, None)
            spread = "" if low is None else f"{low:.3f} to {high:.3f}"
            rows.append((title, f"{found[reader]:.3f}", spread))
    return [Table("Beta: slope of ln weight on cosine", ("reader", "beta", "95 % interval"), rows)] if rows else []


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def _span(one: Mapping[str, Any]) -> str:
    return f"{_number(one['low'])} to {_number(one['high'])}" if {"low", "high"} <= set(one) else ""
