"""What every claim module of this folder shares: finding them, running one, writing its numbers and its figure.

A claim module is a file ``analysis/SUBJECT/NAME.py`` with

* a docstring: the claim, the paper's figure and DOI, the run time;
* ``CLAIM: str`` and ``CAPTION: str``;
* ``measure(seed: int = 0) -> dict``: the numbers, each published value beside the measured one with its source;
* ``draw(numbers) -> matplotlib.figure.Figure``;
* ``holds(numbers) -> dict[str, bool]``: one entry per statement of the claim (false is a result, not an error);
* ``if __name__ == "__main__": evidence.main(__spec__.name)``.

It runs from the root of a checkout as ``python -m analysis.SUBJECT.NAME [--seed N] [--out FOLDER]`` and leaves
``NAME.json``, ``NAME.png`` and ``NAME.svg`` in the output folder. Numbers pass through JSON before `holds` and `draw`
see them, so that the file alone is enough to judge the claim and to draw the figure again: keys are strings, a value
that is undefined is None (NaN and infinity are refused).
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import json
import platform
import shlex
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cerebellum.errors import ArgumentError, UnknownNameError
from cerebellum.machine.atomic import whole_file

if TYPE_CHECKING:
    from types import ModuleType

    from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parent
OUTPUT = FOLDER / "output"
CONTRACT = ("CLAIM", "CAPTION", "measure", "draw", "holds")

# Import name -> distribution name; the version is recorded where the run imported it.
_DISTRIBUTIONS = {
    "cerebellum": "cerebellum",
    "numpy": "numpy",
    "scipy": "scipy",
    "torch": "torch",
    "brian2": "brian2",
    "sklearn": "scikit-learn",
    "transformers": "transformers",
    "torchhd": "torch-hd",
    "matplotlib": "matplotlib",
}


@dataclass(frozen=True)
class Evidence:
    """One claim, measured.

    Attributes
    ----------
    name : the claim module's name, without ``analysis.SUBJECT.``
    claim : its CLAIM
    numbers : what `measure` returned, as read back from JSON
    holds : each statement of the claim and whether the numbers bear it out
    seconds : wall time of `measure`, s
    files : the JSON, PNG and SVG written
    """

    name: str
    claim: str
    numbers: dict[str, Any]
    holds: dict[str, bool]
    seconds: float
    files: tuple[Path, ...]


def discover() -> list[str]:
    """Names of the claim modules in this folder, sorted; nothing is imported."""
    return sorted(_paths())


def _paths() -> dict[str, Path]:
    """Claim modules by name; a name stands in one subject only."""
    return {path.stem: path for path in sorted(FOLDER.glob("*/*.py")) if "CLAIM" in _top_level_names(path)}


def module_name(name: str) -> str:
    """Full name of the claim module `name`, for ``python -m``: ``analysis.SUBJECT.NAME``."""
    return f"analysis.{_paths()[name].parent.name}.{name}"


def load(name: str) -> ModuleType:
    """Import the claim module `name` (with or without ``analysis.SUBJECT.``).

    Raises
    ------
    UnknownNameError
        There is no such claim module; the message lists those that exist.
    """
    stem = name.rpartition(".")[2]
    if stem not in (known := discover()):
        raise UnknownNameError.of("claim", stem, known)
    running = sys.modules["__main__"]
    if getattr(getattr(running, "__spec__", None), "name", None) == module_name(stem):
        return running  # already loaded by `python -m`: a second import would run its top level twice
    return importlib.import_module(module_name(stem))


def record(name: str, seed: int = 0, out: Path | None = None) -> Evidence:
    """Measure a claim and write ``NAME.json``, ``NAME.png`` and ``NAME.svg`` into `out`.

    Parameters
    ----------
    name : claim module, as in `discover`
    seed : passed to `measure`
    out : folder, made if absent; default ``analysis/output``

    Raises
    ------
    UnknownNameError
        No such claim module.
    ArgumentError
        The module lacks a part of the contract above, or its numbers are not JSON.
    """
    module = load(name)
    stem = name.rpartition(".")[2]
    if missing := [part for part in CONTRACT if not hasattr(module, part)]:
        raise ArgumentError("name", stem, f"the module must define {', '.join(missing)}")
    start = time.perf_counter()
    measured = module.measure(seed=seed)
    seconds = time.perf_counter() - start
    try:
        numbers = json.loads(json.dumps(measured, default=_plain, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ArgumentError("measure", stem, f"its numbers must be JSON without NaN or infinity ({error})") from error
    holds = {statement: bool(value) for statement, value in module.holds(numbers).items()}

    folder = OUTPUT if out is None else Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "claim": module.CLAIM,
        "caption": module.CAPTION,
        "holds": holds,
        "numbers": numbers,
        "seed": seed,
        "seconds": round(seconds, 3),
        "command": f"python -m {module_name(stem)} --seed {seed}",
        "versions": _versions(),
    }
    json_path = folder / f"{stem}.json"
    with whole_file(json_path) as part:
        part.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    figure_paths = _save(module.draw(numbers), module.CAPTION, folder, stem)
    return Evidence(stem, module.CLAIM, numbers, holds, seconds, (json_path, *figure_paths))


def main(name: str, argv: list[str] | None = None) -> Evidence:
    """Command line of one claim module: ``[--seed N] [--out FOLDER]``; prints the claim and what holds.

    A statement that does not hold is printed as such and is no failure of the program: the exit code stays 0.
    """
    stem = name.rpartition(".")[2]
    parser = argparse.ArgumentParser(prog=f"python -m {module_name(stem)}", description=load(stem).CLAIM)
    parser.add_argument("--seed", type=int, default=0, help="seed of every random draw (default 0)")
    parser.add_argument("--out", type=Path, default=OUTPUT, help="output folder (default analysis/output)")
    arguments = parser.parse_args(argv)
    evidence = record(stem, arguments.seed, arguments.out)
    print(report(evidence))
    return evidence


def report(evidence: Evidence) -> str:
    """The claim, each statement with 'holds' or 'DOES NOT HOLD', the time and the files, as lines of text."""
    lines = [textwrap.fill(f"{evidence.name}: {evidence.claim}", 110)]
    lines += [f"  {'holds        ' if value else 'DOES NOT HOLD'}  {text}" for text, value in evidence.holds.items()]
    lines.append(f"  measured in {evidence.seconds:.1f} s")
    lines += [f"  {shlex.quote(str(path))}" for path in evidence.files]
    return "\n".join(lines)


def _top_level_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names.update(target.id for target in targets if isinstance(target, ast.Name))
    return names


def _plain(value: object) -> object:
    """Numpy scalars and arrays, and torch tensors, as plain Python; anything else is refused."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a number, a string, a list or a dict")


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for module, distribution in _DISTRIBUTIONS.items():
        if module in sys.modules:
            try:
                versions[module] = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:  # run from a checkout that is not installed
                versions[module] = getattr(sys.modules[module], "__version__", "unknown")
    return versions


def _save(figure: Figure, caption: str, folder: Path, stem: str) -> tuple[Path, Path]:
    """PNG and SVG with the caption below; the SVG is the same file for the same numbers."""
    import matplotlib

    matplotlib.use("Agg")
    size = 8
    inches_per_letter = 0.55 * size / 72  # mean letter width of the default font
    wrapped = textwrap.fill(" ".join(caption.split()), int(figure.get_figwidth() * 0.96 / inches_per_letter))
    figure.text(0.02, -0.01, wrapped, fontsize=size, va="top", ha="left")
    paths = folder / f"{stem}.png", folder / f"{stem}.svg"
    with matplotlib.rc_context({"svg.hashsalt": stem}):
        with whole_file(paths[0]) as part:
            figure.savefig(part, dpi=150, bbox_inches="tight")
        with whole_file(paths[1]) as part:
            figure.savefig(part, metadata={"Date": None}, bbox_inches="tight")
    return paths
