"""What run.json says of a run: enough to run it again."""

from __future__ import annotations

import platform
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cerebellum
from cerebellum.results.result import Result
from cerebellum.simulation.engines import Engine

LIBRARIES = ("brian2", "numpy", "scipy", "torch", "pynwb", "scikit-learn", "matplotlib")


def provenance(
    result: Result,
    wanted: str,
    chosen: Sequence[tuple[Engine, Any]],
    seed: int,
    started: datetime,
    names: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    """The contents of run.json.

    Parameters
    ----------
    wanted : the engine that the user named; `chosen` the ones that ran, with their options
    names : 'protocol' and 'model' as the user named them; what is no name is left out
    """
    return {
        "identifier": str(uuid.uuid4()),
        "started": started.isoformat(),
        "names": {key: name for key, name in (names or {}).items() if isinstance(name, str)},
        "engine": wanted,
        "engines": {engine.name: asdict(options) for engine, options in chosen},
        "seed": seed,
        "versions": {
            "python": platform.python_version(),
            "cerebellum": cerebellum.__version__,
            **{name: found for name in LIBRARIES if (found := _installed(name))},
        },
        "commit": commit(),
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "command": sys.argv[1:],
        "timing": result.summary["timing"],
        "model": result.circuit.model_dump(mode="json", by_alias=True),
        "protocol": result.protocol.model_dump(mode="json"),
    }


def _installed(name: str) -> str | None:
    """A library's version; None where a Python without torch runs what needs none."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def commit(package: Path | None = None) -> str | None:
    """The commit of the checkout that the package (default: this one) lies in, "-dirty" if it was changed since.

    None of an installed package, or where git is not at hand.
    """
    import cerebellum

    root = (Path(cerebellum.__file__).resolve().parent if package is None else package).parent
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
