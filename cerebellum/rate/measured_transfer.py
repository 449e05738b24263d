"""Measured transfer functions: those shipped with the package, those kept in the cache, and those not measured yet.

Each has the hash of all that decides it for a name: the cell's parameters, its receptors and inputs, the time step, the
size of the experiment, and the code of cell, receptors and experiment, comments and docstrings apart. So a cell that
changes is measured again, and one that only moves to another model is not.

    python -m cerebellum.rate.measured_transfer

measures what the shipped models lack and removes what none of them uses any more.
"""

from __future__ import annotations

import ast
import functools
import inspect
import io
import json
import tokenize
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import cerebellum
from cerebellum.cells import MODELS, conductances, formula, model, receptor
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.population import Population
from cerebellum.machine import cache
from cerebellum.machine.progress import Progress, bar, silent
from cerebellum.rate import mean_cell, membrane, single_cell, transfer
from cerebellum.rate.transfer import Transfer

SHIPPED = Path(__file__).with_name("measured")
COMMAND = "python -m cerebellum.rate.measured_transfer"
DIGITS = 9  # of the numbers that a hash is of: units are converted by products, which may differ in the last


def of(connectome: Connectome, population: str, drawn: bool = False, progress: Progress = silent) -> Transfer:
    """The transfer function of a population's cells: shipped, from the cache, or measured now (some 20 s).

    `drawn` : as of `mean_cell.inputs`
    """
    circuit = connectome.circuit
    described, given = circuit.population[population], mean_cell.inputs(connectome, population, drawn)
    name = key(described, given, circuit.dt)
    shipped = SHIPPED / f"{name}.json"
    for path in (shipped, cache.find("transfer", name)):
        if path is not None and (known := read(path)):
            return known

    def told(stage: str, done: float | None) -> None:
        progress(f"measuring {population} cells", done)

    found = transfer.measure(described, given, circuit.dt, population, told)
    cache.keep("transfer", name, text(found, connectome, population, drawn).encode())
    return found


def key(population: Population, given: dict[str, single_cell.Input], dt: float) -> str:
    """Hash of all that decides a transfer function, the code of plug-ins too."""
    cell, receptors = MODELS[population.cell], population.receptor_models()
    said = [
        population.cell, population.si(), {n: [type(one).__name__, asdict(one)] for n, one in receptors.items()},
        {n: asdict(one) for n, one in given.items()}, dt, transfer.CELLS, transfer.DURATION,
    ]  # fmt: skip
    parts = (cell.respond, type(cell.rate_form), *(type(one) for one in receptors.values()))
    code = {Path(inspect.getfile(one)) for one in parts if one is not None}
    code |= {Path(str(one.__file__)) for one in (conductances, formula, model, receptor)}
    code |= {Path(str(one.__file__)) for one in (membrane, single_cell, transfer)}
    return cache.key(json.dumps(_rounded(said), sort_keys=True), *sorted(meaning(path) for path in code))


def _rounded(said: Any) -> Any:
    if isinstance(said, dict):
        return {name: _rounded(one) for name, one in said.items()}
    if isinstance(said, list | tuple):
        return [_rounded(one) for one in said]
    return f"{said:.{DIGITS}g}" if isinstance(said, float) else said


@functools.cache
def meaning(path: Path) -> str:
    """A module's text without docstrings, comments and white space: what it does, in any layout."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            said = node.body[0]
            lines[said.lineno - 1 : said.end_lineno] = [""] * (said.end_lineno - said.lineno + 1)  # type: ignore[operator]
    return "".join("".join(lines).split())


def text(found: Transfer, connectome: Connectome, population: str, drawn: bool) -> str:
    """A table as JSON, with where it comes from; coefficients exactly, errors to three digits."""
    circuit, given = connectome.circuit, mean_cell.inputs(connectome, population, drawn)
    where = {
        "population": population, "cell": circuit.population[population].cell, "circuit": circuit.title,
        "drawn": drawn, "parameters": circuit.population[population].si(),
        "inputs": {name: asdict(one) for name, one in given.items()}, "time_step": circuit.dt,
        "cells": transfer.CELLS, "seconds": transfer.DURATION,
        "hash": key(circuit.population[population], given, circuit.dt),
        "version": cerebellum.__version__, "numpy": np.__version__, "command": COMMAND,
    }  # fmt: skip
    error = [[float(f"{x:.3g}") for x in row] for row in found.error]
    table = {**asdict(found), "coefficients": found.coefficients.tolist(), "error": error}
    return json.dumps({"provenance": where, "transfer": table}) + "\n"


def read(path: Path) -> Transfer | None:
    """What `text` wrote; None where there is none, or a damaged file, which is as good as none."""
    try:
        table: dict[str, Any] = json.loads(path.read_text())["transfer"]
        table |= {name: tuple(table[name]) for name in ("low", "high")}
        table |= {name: np.asarray(table[name], dtype=float) for name in ("coefficients", "error")}
        return Transfer(**table)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def wanted() -> dict[str, tuple[Connectome, str, bool]]:
    """Hash -> circuit, population and `drawn` of all transfer functions of the shipped models of conductances."""
    from cerebellum.connectome import weights
    from cerebellum.description import library
    from cerebellum.description.circuit import load_model

    out: dict[str, tuple[Connectome, str, bool]] = {}
    for name in library.names("models"):
        circuit = load_model(name)
        if any(MODELS[one.cell].has_membrane and not MODELS[one.cell].rate_form for one in circuit.population.values()):
            continue
        undrawn = Connectome(circuit, 0, {}, {}, {}, weight=weights.solve(circuit).weight)
        for drawn in (False, True):
            for population, described in circuit.population.items():
                if MODELS[described.cell].has_membrane:
                    given = mean_cell.inputs(undrawn, population, drawn)
                    out.setdefault(key(described, given, circuit.dt), (undrawn, population, drawn))
    return out


def main() -> None:
    """Measure what is missing, remove what is not wanted."""
    tables = wanted()
    SHIPPED.mkdir(exist_ok=True)
    for path in SHIPPED.glob("*.json"):
        if path.stem not in tables:
            path.unlink()
    missing = [name for name in tables if not (SHIPPED / f"{name}.json").exists()]
    with bar() as progress:
        for number, name in enumerate(missing):
            connectome, population, drawn = tables[name]
            print(f"{number + 1} of {len(missing)}: {population}, {connectome.circuit.title}", flush=True)
            found = of(connectome, population, drawn, progress)
            (SHIPPED / f"{name}.json").write_text(text(found, connectome, population, drawn))


if __name__ == "__main__":
    main()
