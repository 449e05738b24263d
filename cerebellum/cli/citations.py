"""BibTeX of what a run rests on: the sources of its model's and protocol's values, and the methods that it used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.references import references
from cerebellum.results.saved import open_run

METHODS = Path(__file__).with_name("methods.bib")
_SOURCE = re.compile(r"(?P<authors>.+?) \((?P<year>\d{4})\) (?P<title>.+?)\. (?P<where>.+)", re.DOTALL)
_JOURNAL = re.compile(r"(?P<journal>[A-Z][^\d.]*?) (?P<volume>\d+):(?P<pages>[A-Za-z]?\d+)(?P<more>.*)", re.DOTALL)


def of_run(folder: Path) -> str:
    """BibTeX entries of a finished run, by key: the program, its methods, and the sources behind its values.

    Raises
    ------
    InputError
        If it is no run folder, or a damaged one.
    """
    run = open_run(folder)
    told = run.provenance
    entries = {"cerebellum": _program(str((told.get("versions") or {}).get("cerebellum", "not known")))}
    for kind, described in (("model", run.circuit), ("protocol", run.protocol)):
        for key, text in references(described).items():
            if entries.get(key) != entry(key, text):
                own = f"{key}-{kind}" if key in entries else key  # both files have it, and say different things
                entries[own] = entry(own, text)
    known = methods()
    entries |= {key: known[key] for key in used_methods(run.circuit, run.protocol, told.get("engines") or {})}
    return "\n\n".join(entries.values())


def used_methods(circuit: Circuit, protocol: Protocol, engines: dict[str, Any]) -> list[str]:
    """Keys of `methods.bib` that a run of these wants."""
    reads = protocol.patterns is not None and protocol.block_of("read") is not None
    wanted = {
        "numpy": True,
        "brian2": "spiking" in engines,
        "nwb": "spiking" in engines,
        "torch": bool({"rate", "volley"} & engines.keys()),
        "scikitlearn": protocol.patterns is not None and protocol.patterns.source == "digits",
        "geminiani2018": any(population.cell.startswith("eglif") for population in circuit.population.values()),
        "tsodyks1998": any(projection.release for projection in circuit.projection.values()),
        "kanerva1988": reads,
        "bricken2021": reads,
    }
    return [key for key, used in wanted.items() if used]


def methods() -> dict[str, str]:
    """The entries of methods.bib, by key."""
    parts = METHODS.read_text(encoding="utf-8").strip().split("\n\n")
    return {part[part.index("{") + 1 : part.index(",")]: part for part in parts}


def entry(key: str, text: str) -> str:
    """A source as a model file has it, 'Author A, Author B (2020) Title. Journal 1:2', as BibTeX; else as a note."""
    found = _SOURCE.fullmatch(text.strip())
    if found is None:
        return _bibtex("misc", key, {"note": text})
    where = found["where"]
    fields = {"author": _authors(found["authors"]), "title": f"{{{found['title']}}}", "year": found["year"]}
    if journal := _JOURNAL.fullmatch(where):
        fields |= {"journal": journal["journal"], "volume": journal["volume"], "pages": journal["pages"]}
        if more := journal["more"].strip(" .,"):
            fields["note"] = more
        return _bibtex("article", key, fields)
    return _bibtex("misc", key, fields | {"howpublished": where})


def _authors(text: str) -> str:
    """'Author AB, Other C' as BibTeX has names."""
    text, others = text.removesuffix(" et al."), text.endswith(" et al.")
    names = [name.rpartition(" ") for name in text.split(", ")]
    written = [f"{family}, {' '.join(f'{one}.' for one in initials)}" if family else initials
               for family, _, initials in names]  # fmt: skip
    return " and ".join(written + ["others"] * others)


def _program(version: str) -> str:
    title = "{cerebellum: a cerebellar network simulator}"
    return _bibtex("software", "cerebellum", {"author": "{the cerebellum authors}", "title": title, "version": version})


def _bibtex(kind: str, key: str, fields: dict[str, str]) -> str:
    lines = [f"  {name} = {{{_escaped(text)}}}" for name, text in fields.items()]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}"


def _escaped(text: str) -> str:
    return re.sub(r"(?<!\\)([%&#_])", r"\\\1", " ".join(text.split()))
