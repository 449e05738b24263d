"""A run folder opened again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cerebellum.activity.exchanges import Exchanges
from cerebellum.activity.rates import Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.description.units import parse_value
from cerebellum.errors import InputError, brief, shortened
from cerebellum.typing import Floats

T = TypeVar("T")


@dataclass(frozen=True)
class SavedRun:
    """A run folder, opened."""

    folder: Path
    summary: dict[str, Any]
    provenance: dict[str, Any]

    def spikes(self) -> dict[str, Spikes]:
        """Spikes of every population, from spikes.nwb; empty for a run of the rate engine alone."""
        from cerebellum.results.nwb import read_spikes

        return _read(self.folder / "spikes.nwb", lambda path: read_spikes(path, self._time_step()))

    def _time_step(self) -> float:
        """Of the circuit that ran, s."""
        return parse_value(self.provenance["model"]["time_step"], "time").si

    def rates(self) -> dict[str, Rates]:
        """Rates over time of every population, from rates.npz; empty for a run of the spiking engine alone."""
        from cerebellum.activity import rates

        return _read(self.folder / "rates.npz", rates.read)

    def exchanges(self) -> Exchanges | None:
        """What passed through a closed loop, from exchanges.npz; None for a run without one."""
        from cerebellum.activity import exchanges

        path = self.folder / "exchanges.npz"
        return _readable(path, exchanges.read) if path.exists() else None

    def trials(self) -> Any:
        """Trials one by one as a pandas data frame, from trials.csv; the columns are those of `results.trials`."""
        from cerebellum.results import trials

        return trials.read(self.folder / "trials.csv")

    def weights(self) -> dict[str, dict[str, Floats]]:
        """Plastic projection -> plastic block, and last 'end' -> weights (A or S) then, from weights.npz."""
        from cerebellum.results import weights

        return _read(self.folder / "weights.npz", weights.read)


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
    return SavedRun(folder, *(_table(folder / name) for name in ("summary.json", "run.json")))


def _read(path: Path, read: Callable[[Path], dict[str, T]]) -> dict[str, T]:
    """What a file of the folder holds; nothing if there is none."""
    return _readable(path, read) if path.exists() else {}


def _readable(path: Path, read: Callable[[Path], T]) -> T:
    try:
        return read(path)
    except Exception as error:  # a damaged file fails in many ways
        raise InputError(_damaged(path, error)) from error


def _table(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(_damaged(path, error)) from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: damaged: found {brief(found)}; wanted a table: run again with --force")
    return found


def _damaged(path: Path, error: Exception) -> str:
    why = shortened(" ".join(str(error).split()), 120) or type(error).__name__
    return f"{path}: damaged, cannot be read ({why}): run again with --force"
