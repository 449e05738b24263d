"""A run folder opened again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cerebellum.activity.rates import Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.description.units import parse_value
from cerebellum.errors import InputError


@dataclass(frozen=True)
class SavedRun:
    """A run folder, opened."""

    folder: Path
    summary: dict[str, Any]
    provenance: dict[str, Any]

    def spikes(self) -> dict[str, Spikes]:
        """Spikes of every population, from spikes.nwb; empty for a run of the rate engine alone."""
        from cerebellum.results.nwb import read_spikes

        path = self.folder / "spikes.nwb"
        dt = parse_value(self.provenance["model"]["time_step"], "time").si
        return read_spikes(path, dt) if path.exists() else {}

    def rates(self) -> dict[str, Rates]:
        """Rates over time of every population, from rates.npz; empty for a run of the spiking engine alone."""
        from cerebellum.activity import rates

        path = self.folder / "rates.npz"
        return rates.read(path) if path.exists() else {}


def open_run(folder: str | Path) -> SavedRun:
    """Open a finished run folder.

    Raises
    ------
    InputError
        If it is not one.
    """
    folder = Path(folder)
    for name in ("run.json", "summary.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: not a run folder, it has no {name}")
    texts = [(folder / name).read_text() for name in ("summary.json", "run.json")]
    return SavedRun(folder, *(json.loads(text) for text in texts))
