"""What run.json says of a run: enough to run it again."""

from __future__ import annotations

import platform
import sys
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

import cerebellum
from cerebellum.results.result import Result
from cerebellum.simulation.engines import Engine

LIBRARIES = ("brian2", "numpy", "scipy", "torch", "pynwb", "scikit-learn", "matplotlib")


def provenance(
    result: Result, wanted: str, chosen: Sequence[tuple[Engine, Any]], seed: int, started: datetime
) -> dict[str, Any]:
    """The contents of run.json.

    Parameters
    ----------
    wanted : the engine that the user named; `chosen` the ones that ran, with their options
    """
    return {
        "identifier": str(uuid.uuid4()),
        "started": started.isoformat(),
        "engine": wanted,
        "engines": {engine.name: asdict(options) for engine, options in chosen},
        "seed": seed,
        "versions": {
            "python": platform.python_version(),
            "cerebellum": cerebellum.__version__,
            **{name: version(name) for name in LIBRARIES},
        },
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "command": sys.argv[1:],
        "timing": result.summary["timing"],
        "model": result.circuit.model_dump(mode="json", by_alias=True),
        "protocol": result.protocol.model_dump(mode="json"),
    }
