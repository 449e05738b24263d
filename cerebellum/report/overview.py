"""What was run, what came out, what it could not do as asked, and how to run it again."""

from __future__ import annotations

import shlex
from typing import Any

from cerebellum.description.appearance import words
from cerebellum.description.references import references, unsourced
from cerebellum.description.schema import values
from cerebellum.report.parts import Part, Picture, Table, Text
from cerebellum.results import Run


def facts(run: Run) -> Table:
    """Model, protocol, engine, seed, size, time."""
    told, circuit, protocol = run.provenance, run.circuit, run.protocol
    cells = sum(circuit.size(name) for name in circuit.population)
    timing = run.summary.get("timing") or {}
    seconds = f"{timing['total']:.1f} s" if isinstance(timing.get("total"), int | float) else "not known"
    rows = [
        ("protocol", f"{protocol.title}. {protocol.description}"),
        ("model", f"{circuit.title}. {circuit.description}"),
        ("engine", ", ".join(told.get("engines") or [str(told.get("engine", "not known"))])),
        ("seed", str(told.get("seed", "not known"))),
        ("size", f"{cells:,} cells in {len(circuit.population)} populations, {len(circuit.projection)} projections"),
        (
            "biological time",
            f"{run.trials[-1].stop:g} s in {len(run.trials):,} trial{'s' * (len(run.trials) > 1)}; "
            f"time step {circuit.time_step}",
        ),
        ("computing time", seconds),
        ("lesions", ", ".join(protocol.lesion) or "none"),
        ("started", str(told.get("started", "not known"))),
    ]
    return Table("What was run", ("", ""), rows)


def notices(run: Run) -> Text:
    """The checks of the run: what was merged, dropped, rounded or beyond range."""
    found = run.summary.get("checks") or {}
    lines = [str(one["text"]) for one in found.values() if isinstance(one, dict) and one.get("text")]
    return Text(
        "Notes of the run", lines or ["Nothing was merged, dropped, rounded or out of range."], notice=bool(lines)
    )


def again(run: Run) -> Text:
    """The command of the run, and the one that runs its folder again."""
    command = run.provenance.get("command")
    lines = [f"cerebellum {shlex.join(map(str, command))}"] if isinstance(command, list) and command else []
    folder = getattr(run, "folder", None)
    name = shlex.quote(f"./{folder.name}") if folder is not None else "RUN_FOLDER"
    return Text("Run it again", [*lines, f"cerebellum run {name}"], code=True)


def versions(run: Run) -> Table:
    """Versions of this package and of the libraries that count, machine, commit."""
    told = run.provenance
    rows = [(name, str(number)) for name, number in (told.get("versions") or {}).items()]
    rows += [(f"machine: {key}", str(value)) for key, value in (told.get("machine") or {}).items()]
    rows += [(key, str(told[key])) for key in ("commit", "identifier") if told.get(key)]
    return Table("Versions", ("", ""), rows, folded=True)


def convergence(run: Run) -> Table | None:
    """On a target cell what the description counts, at scale 1 and as drawn, and how many source cells that are."""
    found = run.summary.get("convergence") or {}
    rows = [
        (
            words(name),
            f"{one['described']:,.4g}",
            f"{one['realised']:,.4g}",
            f"{one['realised'] / one['described']:.0%}",
            f"{one.get('source_cells', one['realised']):,.4g}",
        )
        for name, one in found.items()
        if one.get("described")
    ]
    columns = ("projection", "described", "realised", "share", "source cells")
    heading = "Convergence on a target cell, mean (described at scale 1; contacts where a rule counts these)"
    return Table(heading, columns, rows) if rows else None


def rates(run: Run) -> list[Table]:
    """Rates in numbers, of every engine that ran."""
    out = []
    for key, heading in (("rates", "Rates in numbers"), ("rates_of_the_rate_engine", "Rates of the rate engine")):
        found = run.summary.get(key) or {}
        rows = [
            (words(name), *(_shown(one["window"].get(measure), scale) for measure, scale in _MEASURES.values()),
             _published(run, name))
            for name, one in found.items() if one.get("window")
        ]  # fmt: skip
        if rows:
            out.append(Table(heading, ("population", *_MEASURES, "published at rest (Hz)"), rows))
    return out


_MEASURES = {
    "mean (Hz)": ("mean", 1.0),
    "sd over cells (Hz)": ("sd", 1.0),
    "cells that fired (Hz)": ("spiking_mean", 1.0),
    "active (%)": ("active", 100.0),
    "interval (ms)": ("interval", 1e3),
    "cv": ("cv", 1.0),
}


def _shown(value: Any, scale: float) -> str:
    return "" if value is None else f"{value * scale:.2f}"


def _published(run: Run, name: str) -> str:
    published = run.circuit.population[name].published_rate if name in run.circuit.population else None
    return "" if published is None else f"{published.si:g}"


def parameters(run: Run) -> list[Part]:
    """Every value with unit and source, and the references of those used."""
    out: list[Part] = []
    for kind, described in (("model", run.circuit), ("protocol", run.protocol)):
        rows = [(key, str(value), value.source) for key, value in values(described)]
        out.append(Table(f"Values of the {kind}", ("value", "", "source"), rows, folded=True))
    used = references(run.circuit) | references(run.protocol)
    listed = Table("References", ("key", "reference"), list(used.items()))
    assumed = unsourced(run.circuit) + unsourced(run.protocol)
    return [listed, Text("", [f"{assumed} values are assumed or fitted; the tables say why."]), *out]


def diagram(source: str | None) -> list[Picture]:
    """The circuit diagram of the run's figures."""
    label = "Circuit diagram: populations with their numbers of cells, projections with their numbers of synapses."
    return [] if source is None else [Picture("Circuit", label, source)]
