"""The figures of a checkout: each claim module of ``analysis/`` run in a process of its own.

Claim modules are evidence of the repository, not part of the installed package, which therefore never imports them:
they run as ``python -m analysis.SUBJECT.NAME`` beside it and leave ``NAME.json``, ``NAME.png`` and ``NAME.svg``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import cerebellum
from cerebellum.errors import InputError, UnknownNameError
from cerebellum.machine.process import child
from cerebellum.machine.progress import Progress, silent

_CLAIM = re.compile(r"^CLAIM\b", re.MULTILINE)
_FORMATS = (".json", ".png", ".svg")


@dataclass(frozen=True)
class Verdict:
    """What came of one claim module.

    name : without ``analysis.SUBJECT.``
    claim : its claim; empty if it failed
    holds : each statement and whether the numbers bear it out; empty if it failed
    files : the JSON, PNG and SVG written
    seconds : wall time, s, start of the process included
    error : the end of what it printed if it failed, else None. A claim that does not hold is no failure.
    """

    name: str
    claim: str
    holds: dict[str, bool]
    files: tuple[Path, ...]
    seconds: float
    error: str | None = field(default=None)


def checkout(package: Path | None = None) -> Path:
    """The root of the checkout that the package (default: this one) lies in.

    Raises
    ------
    InputError
        No ``analysis/`` folder with claim modules lies beside the package.
    """
    root = (Path(cerebellum.__file__).resolve().parent if package is None else package).parent
    if not (root / "analysis" / "evidence.py").is_file():
        raise InputError(
            "figures run from a checkout of the repository, and there is no analysis/ folder beside the installed"
            f" package in {root}; clone the repository and install it with pip install -e ."
        )
    return root


def available(root: Path | None = None) -> list[str]:
    """Names of the claim modules of the checkout at `root`, sorted; nothing is imported."""
    folder = (checkout() if root is None else root) / "analysis"
    return sorted(_modules(folder))


def _modules(folder: Path) -> dict[str, str]:
    """Claim module -> its full name, for ``python -m``."""
    return {
        path.stem: f"analysis.{path.parent.name}.{path.stem}"
        for path in sorted(folder.glob("*/*.py"))
        if _CLAIM.search(path.read_text(encoding="utf-8"))
    }


def run_figures(
    names: list[str] | None = None,
    out: Path | None = None,
    progress: Progress = silent,
    root: Path | None = None,
) -> list[Verdict]:
    """Run claim modules one after the other, and collect what holds.

    Parameters
    ----------
    names : without ``analysis.SUBJECT.``, in this order; None or empty: all of them, sorted
    out : folder for the files, made if absent; default ``analysis/output`` of the checkout
    progress : told the name of the module at work and the share of modules done
    root : of the checkout; default the one this package lies in

    Returns
    -------
    One verdict per module. One that fails does not stop the others: its verdict has an `error`.

    Raises
    ------
    InputError
        Not in a checkout.
    UnknownNameError
        A name that does not exist; lists those that do. Nothing has run by then.
    """
    root = checkout() if root is None else root
    known = available(root)
    wanted = [name.rpartition(".")[2] for name in names or known]
    for name in wanted:
        if name not in known:
            raise UnknownNameError.of("figure", name, known)
    folder = root / "analysis" / "output" if out is None else Path(out).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for done, name in enumerate(wanted):
        progress(name, done / len(wanted))
        outcomes.append(_run(name, root, folder))
    return outcomes


def _run(name: str, root: Path, folder: Path) -> Verdict:
    files = tuple(folder / f"{name}{ending}" for ending in _FORMATS)
    before = [_written(path) for path in files]
    start = time.perf_counter()
    # The checkout comes first: an installed `analysis` of someone else must not be taken for this one.
    search = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", _modules(root / "analysis")[name], "--out", str(folder)]
    with child(command, root, stdout=subprocess.PIPE, environment=os.environ | {"PYTHONPATH": search}) as process:
        printed, errors = process.communicate()
    seconds = time.perf_counter() - start
    # What stood there before is not of this run, and stays if the run fails.
    written = tuple(path for path, old in zip(files, before, strict=True) if _written(path) not in (None, old))
    if process.returncode != 0 or len(written) < len(files):
        lines = (errors or printed).strip().splitlines()
        return Verdict(name, "", {}, written, seconds, "\n".join(lines[-5:]) or f"exit code {process.returncode}")
    content = json.loads(files[0].read_text(encoding="utf-8"))
    return Verdict(name, content["claim"], content["holds"], files, seconds)


def _written(path: Path) -> tuple[int, int] | None:
    """What tells one writing of a file from another; None of no file."""
    return (path.stat().st_ino, path.stat().st_mtime_ns) if path.is_file() else None
