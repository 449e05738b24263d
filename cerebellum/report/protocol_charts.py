"""The protocol as charts: blocks along the run, and stimuli within a trial of each kind."""

from __future__ import annotations

from typing import Any

from cerebellum.description.appearance import colours, words
from cerebellum.description.trial import OneTrial, onset_of
from cerebellum.experiment.schedule import Trial
from cerebellum.report.parts import Chart, axis
from cerebellum.results import Run

SHOWN_KINDS = 12  # of trials, with their stimuli
LISTED_BLOCKS = 12  # in words
ROLES = {"baseline": "#bbbbbb", "write": "#cc6677", "read": "#0072b2", "other": "#999933"}
INSTANT = 0.004  # share of a trial's length that a moment is drawn as


def timeline(run: Run) -> list[Chart]:
    """All blocks along the run, and a trial of each kind."""
    spans: dict[str, list[Trial]] = {}
    for trial in run.trials:
        spans.setdefault(trial.block, []).append(trial)
    return [_run(run, spans), _trials(run)]


def _run(run: Run, spans: dict[str, list[Trial]]) -> Chart:
    data = []
    for role in ROLES:
        own = {name: trials for name, trials in spans.items() if run.protocol.block[name].role == role}
        if own:
            begins = [trials[0].start for trials in own.values()]
            data.append(
                {
                    "type": "bar", "orientation": "h", "name": role, "marker": {"color": ROLES[role]},
                    "y": list(own), "base": begins,
                    "x": [trials[-1].stop - trials[0].start for trials in own.values()],
                    "customdata": [[len(trials), "on" if trials[0].plasticity else "off"] for trials in own.values()],
                    "hovertemplate": "%{y}: from %{base:.3f} s, %{x:.3f} s, %{customdata[0]} trials, plasticity "
                    "%{customdata[1]}<extra></extra>",
                }
            )  # fmt: skip
    listed = "; ".join(
        f"{name}, {len(trials)} trial{'s' if len(trials) > 1 else ''}"
        for name, trials in list(spans.items())[:LISTED_BLOCKS]
    )
    order = {"categoryorder": "array", "categoryarray": list(spans)[::-1], "automargin": True}
    layout = {"barmode": "overlay", "xaxis": axis("time (s)"), "yaxis": order, "showlegend": len(data) > 1}
    label = f"Blocks of the protocol along {run.trials[-1].stop:g} s: {listed}."
    return Chart("timeline", "Blocks", label, {"data": data, "layout": layout}, 110 + 26 * len(spans))


def span(key: str, one: OneTrial) -> tuple[float, float]:
    """Onset and end (s) of a stimulus within its trial; equal for a moment."""
    stimulus = one.stimulus[key]
    onset = onset_of(key, one.stimulus)
    if (lasts := getattr(stimulus, "lasts", None)) is not None:
        return onset, onset + lasts(one.duration)
    if (times := getattr(stimulus, "times", None)) is not None:
        return onset + min(time.si for time in times), onset + max(time.si for time in times)
    if (volleys := getattr(stimulus, "volleys", None)) is not None:
        return onset, onset + (volleys.number - 1) * stimulus.interval.si  # type: ignore[attr-defined]
    return onset, onset


def _trials(run: Run) -> Chart:
    kinds = {kind: one for block in run.protocol.block for kind, (one, _) in run.protocol.kinds_of(block).items()}
    shown = list(kinds.values())[:SHOWN_KINDS]
    rows: list[str] = []
    data: list[dict[str, Any]] = []
    windows: list[dict[str, Any]] = []
    for one in shown:
        first = len(rows)
        for key in one.stimulus:
            rows.append(f"{one.kind}: {words(key)}")
            data.append(_bar(rows[-1], key, one, run))
        if not one.stimulus:
            rows.append(f"{one.kind}: no stimulus")
        for window in one.windows.values():
            onset = window.onset.si * 1e3
            windows.append(
                {
                    "type": "rect", "x0": onset, "x1": onset + window.duration.si * 1e3, "line": {"width": 0},
                    "y0": first - 0.5, "y1": len(rows) - 0.5, "fillcolor": "#000", "opacity": 0.07, "layer": "below",
                }
            )  # fmt: skip
    data.append({"type": "bar", "orientation": "h", "y": rows, "x": [0] * len(rows), "hoverinfo": "skip"})
    layout = {
        "shapes": windows,
        "barmode": "overlay",
        "xaxis": axis("time in trial (ms)", rangemode="tozero"),
        "yaxis": {"categoryorder": "array", "categoryarray": rows, "autorange": "reversed", "automargin": True},
        "showlegend": False,
    }
    more = f" The first {len(shown)} of {len(kinds)} kinds of trials." if len(kinds) > len(shown) else ""
    label = f"Stimuli within a trial of each kind, in the colour of the driven population; grey: the windows.{more}"
    return Chart("trial", "Within a trial", label, {"data": data, "layout": layout}, 110 + 26 * len(rows))


def _bar(row: str, key: str, one: OneTrial, run: Run) -> dict[str, Any]:
    stimulus, (start, stop) = one.stimulus[key], span(key, one)
    colour = colours(run.circuit).get(run.circuit.find(stimulus.population) or "", "#666666")
    given = {
        name: str(value)
        for name in type(stimulus).model_fields
        if name not in ("kind", "onset", "where") and (value := getattr(stimulus, name)) is not None
    }
    said = ", ".join(f"{name} {text}" for name, text in given.items())
    return {
        "type": "bar", "orientation": "h", "y": [row], "base": [start * 1e3], "name": words(key),
        "x": [max(stop - start, INSTANT * one.duration) * 1e3], "marker": {"color": colour},
        "hovertemplate": f"{stimulus.kind} from {start * 1e3:g} to {stop * 1e3:g} ms: {said[:200]}<extra></extra>",
    }  # fmt: skip
