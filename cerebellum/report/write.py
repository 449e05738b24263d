"""The page of one run, and the page that sets several side by side."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from cerebellum.description.schema import values
from cerebellum.errors import InputError
from cerebellum.machine.atomic import whole_file
from cerebellum.report import charts, eyelid_charts, memory_charts, overview, protocol_charts, record_charts
from cerebellum.report.activity import activity
from cerebellum.report.parts import Activity, Chart, Part, Section, Table, Text
from cerebellum.results import Run, SavedRun
from cerebellum.results.folder import refuse_unwritable
from cerebellum.results.numbers import numbers_of
from cerebellum.results.views import headline

NAME = "report.html"
FOLDED = 30  # rows of a table that is opened on demand


def write_report(run: Run, path: Path, diagram: Path | None = None) -> None:
    """Write the page of one run.

    Parameters
    ----------
    path : of the page
    diagram : SVG of the circuit, which the page then holds

    Raises
    ------
    InputError
        If the run's folder is damaged; nothing is written.
    """
    picture = None
    if diagram is not None and diagram.is_file():
        picture = "data:image/svg+xml;base64," + base64.b64encode(diagram.read_bytes()).decode("ascii")
    title = f"{run.protocol.title} on {run.circuit.title}"
    _write(_page(title, _sections(run, picture)), path)


def _sections(run: Run, picture: str | None) -> list[Section]:
    found = headline(run.summary, run.provenance["model"])
    memory: list[Part | None] = [
        *memory_charts.recall(run.summary), *memory_charts.agreement(run.summary), charts.weight_curves(run),
        charts.weight_pairs(run),
    ]  # fmt: skip
    rows: list[tuple[str, str, list[Part | None]]] = [
        ("overview", "Overview", [
            Text("Result", found) if found else None, overview.notices(run), overview.facts(run),
            *overview.diagram(picture), *protocol_charts.timeline(run), overview.again(run), overview.versions(run),
        ]),
        ("activity", "Activity", [activity(run)] if run.spikes or run.rates else []),
        ("rates", "Rates", [charts.rates([run], ["this run"]), *overview.rates(run)]),
        ("learning", "Trials", [*eyelid_charts.responses(run), charts.learning(run), charts.synapses(run)]),
        ("recordings", "Recordings", [*record_charts.recordings(run)]),
        ("memory", "Memory", memory),
        ("network", "Network", [overview.convergence(run), charts.places(run)]),
        ("values", "Values", list(overview.parameters(run))),
    ]  # fmt: skip
    return _filled(rows)


def _filled(rows: list[tuple[str, str, list[Part | None]]]) -> list[Section]:
    sections = [Section(key, title, [part for part in parts if part is not None]) for key, title, parts in rows]
    return [section for section in sections if section.parts]


def write_comparison(runs: Sequence[SavedRun], path: Path) -> None:
    """Write a page that sets several runs side by side.

    Raises
    ------
    InputError
        If a folder is damaged; nothing is written.
    """
    names = _short([str(run.folder) for run in runs])
    rows: list[tuple[str, str, list[Part | None]]] = [
        ("overview", "Overview", [_differ(runs), *_facts(runs, names), _settings(runs, names)]),
        ("rates", "Rates", [charts.rates(runs, names)]),
        ("agreement", "Memory", _agreements(runs, names)),
        ("numbers", "Numbers", [_numbers(runs, names)]),
        *((f"run{n}", name, [overview.notices(run), *_without_keys(protocol_charts.timeline(run), n),
                             *_without_keys([c for c in [charts.learning(run)] if c], n)])
          for n, (run, name) in enumerate(zip(runs, names, strict=True))),
    ]  # fmt: skip
    _write(_page(f"{len(runs)} runs side by side", _filled(rows)), path)


def _without_keys(found: list[Chart], number: int) -> list[Part | None]:
    """Charts of one of several runs, under keys of their own."""
    return [Chart(f"{c.key}-{number}", c.heading, c.label, c.figure, c.height) for c in found]


def _short(names: list[str]) -> list[str]:
    """Last parts of paths, as many as tell them apart."""
    parts = [Path(name).absolute().parts for name in names]
    for last in range(1, max(map(len, parts))):
        short = ["/".join(own[-last:]) for own in parts]
        if len(set(short)) == len(set(names)):
            return short
    return names


def _differ(runs: Sequence[SavedRun]) -> Text | None:
    """A warning where models or protocols are not the same."""
    lines = [
        f"The runs are of different {key}s: {', '.join(dict.fromkeys(titles))}."
        for key in ("model", "protocol")
        if len(set(titles := [str((run.provenance.get(key) or {}).get("title")) for run in runs])) > 1
    ]
    return Text("Not the same", lines, notice=True) if lines else None


def _facts(runs: Sequence[SavedRun], names: list[str]) -> list[Table]:
    tables = [overview.facts(run).rows for run in runs]
    rows = [(tables[0][n][0], *(table[n][1] for table in tables)) for n in range(len(tables[0]))]
    return [Table("What was run", ("", *names), rows)]


def _settings(runs: Sequence[SavedRun], names: list[str]) -> Table | None:
    """Values of model and protocol in which the runs differ."""
    told = [
        {key: str(value) for described in (run.circuit, run.protocol) for key, value in values(described)}
        for run in runs
    ]
    keys = dict.fromkeys(key for one in told for key in one)
    rows = [
        (key, *(one.get(key, "none") for one in told))
        for key in keys
        if any(a.get(key) != b.get(key) for a, b in pairwise(told))
    ]
    return Table("Values that differ", ("value", *names), rows, folded=len(rows) > FOLDED) if rows else None


def _agreements(runs: Sequence[SavedRun], names: list[str]) -> list[Part | None]:
    out: list[Part | None] = []
    for number, (run, name) in enumerate(zip(runs, names, strict=True)):
        found = [*memory_charts.recall(run.summary), *memory_charts.agreement(run.summary)]
        for part in found:
            if isinstance(part, Chart):
                out.append(
                    Chart(f"{part.key}-{number}", f"{part.heading}: {name}", part.label, part.figure, part.height)
                )
    return out


def _numbers(runs: Sequence[SavedRun], names: list[str]) -> Table | None:
    """Every number that all summaries have."""
    told = [dict(numbers_of(run.summary)) for run in runs]
    shared = [key for key in told[0] if all(key in one for one in told) and not key.startswith("timing.")]
    rows = [(key, *(f"{one[key]:.6g}" for one in told)) for key in shared]
    return Table("Numbers of all runs", ("number", *names), rows) if rows else None


def _page(title: str, sections: list[Section]) -> str:
    from jinja2 import Environment

    import cerebellum

    folder = files("cerebellum.report") / "templates"
    numbers = {part.key: part.figure for s in sections for part in s.parts if isinstance(part, Chart)}
    drawn = {
        "charts": numbers,
        "activity": next((p.numbers for s in sections for p in s.parts if isinstance(p, Activity)), None),
    }
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
        (folder / "report.html").read_text(encoding="utf-8")
    )
    return template.render(
        title=title,
        sections=sections,
        style=(folder / "report.css").read_text(encoding="utf-8"),
        script=(folder / "report.js").read_text(encoding="utf-8"),
        plotly=_plotly(),
        numbers=_squeezed(json.dumps(_plain(drawn), allow_nan=False).encode("utf-8")),
        version=cerebellum.__version__,
    )


def _plain(item: Any) -> Any:
    """Without what is no JSON: NaN and infinity become null, numpy's numbers Python's."""
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    if hasattr(item, "item"):
        item = item.item()
    return None if isinstance(item, float) and item - item != 0 else item


def _squeezed(raw: bytes) -> str:
    """As the page unpacks it."""
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode("ascii")


@cache
def _plotly() -> str:
    """The library that draws, as its Python package brings it; packed to a third, it is most of a small page."""
    return _squeezed((files("plotly") / "package_data" / "plotly.min.js").read_bytes())


def _write(page: str, path: Path) -> None:
    refuse_unwritable(path)
    with whole_file(path) as part:
        part.write_text(page, encoding="utf-8")


def refuse_page(path: Path, force: bool) -> None:
    """Complain about a page that exists, before any work.

    Raises
    ------
    InputError
        If there is something at `path` and `force` is false.
    """
    if path.exists() and not force:
        raise InputError(f"{path} exists already; choose another --out, or add --force to replace it")
