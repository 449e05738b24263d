"""A run folder opened again: what ran, what came out, and the connectome drawn again on demand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cerebellum.activity.exchanges import Exchanges
from cerebellum.activity.rates import Rates
from cerebellum.activity.recording import Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import parse
from cerebellum.errors import InputError, brief, shortened
from cerebellum.experiment.schedule import Trial, trials
from cerebellum.results import readings
from cerebellum.results.readings import ReaderWeights
from cerebellum.typing import Floats

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from pydantic import BaseModel

T = TypeVar("T")
D = TypeVar("D", bound="BaseModel")
TABLES = (
    "agreement", "beta", "checks", "convergence", "curve", "engines", "eyelid", "machine", "model", "names", "protocol",
    "rates", "recall", "recall_by_block", "start_from", "timing", "versions",
)  # fmt: skip
"""Keys of run.json and summary.json that are tables where they are there."""


@dataclass(frozen=True, repr=False)
class SavedRun:
    """A run folder, opened. Files are read when first asked for.

    Attributes
    ----------
    folder : where it lies
    summary, provenance : the contents of summary.json and run.json
    """

    folder: Path
    summary: dict[str, Any]
    provenance: dict[str, Any]

    @cached_property
    def circuit(self) -> Circuit:
        """The circuit that ran, settings and all."""
        return self._described("model", Circuit)

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol that ran, settings and all."""
        return self._described("protocol", Protocol)

    @cached_property
    def trials(self) -> list[Trial]:
        """All trials, in order."""
        return trials(self.protocol, self.circuit.dt, self.seed)

    @cached_property
    def spikes(self) -> dict[str, Spikes]:
        """Spikes of every population, from spikes.nwb; empty for a run of the rate engine alone.

        Raises
        ------
        InputError
            If the file is damaged, or the spiking engine ran and its spikes are not there.
        """
        from cerebellum.results.nwb import read_spikes

        path = self.folder / "spikes.nwb"
        found: dict[str, Spikes] = _read(path, read_spikes, {})
        if not found and "spiking" in (self.provenance.get("engines") or {}):
            raise InputError(f"{path}: found no spikes, and run.json says that the spiking engine ran: run again")
        return {name: replace(one, dt=self.circuit.dt) for name, one in found.items()}

    @cached_property
    def rates(self) -> dict[str, Rates]:
        """Rates over time of every population, from rates.npz; empty for a run of the spiking engine alone."""
        from cerebellum.activity import rates

        return _read(self.folder / "rates.npz", rates.read, {})

    @cached_property
    def records(self) -> dict[str, Recording]:
        """Records of cells and synapses over time, by their names in the protocol, from spikes.nwb."""
        from cerebellum.results.nwb import read_records

        return _read(self.folder / "spikes.nwb", read_records, {})

    @cached_property
    def exchanges(self) -> Exchanges | None:
        """What passed through a closed loop, from exchanges.npz; None for a run without one."""
        from cerebellum.activity import exchanges

        return _read(self.folder / "exchanges.npz", exchanges.read, None)

    @cached_property
    def reader_weights(self) -> ReaderWeights:
        """Weights that readers give to stored patterns, from readers.npz; empty where nothing is read."""
        return _read(self.folder / "readers.npz", readings.read, ReaderWeights())

    @property
    def weights(self) -> dict[str, Floats]:
        """Reader -> weight of each stored pattern in each read of the last block, (cues, patterns)."""
        return self.reader_weights.readers

    @cached_property
    def plastic_weights(self) -> dict[str, dict[str, Floats]]:
        """Plastic projection -> plastic block, and last 'end' -> weights (A or S) then, from weights.npz."""
        from cerebellum.results import weights

        return _read(self.folder / "weights.npz", weights.read, {})

    @property
    def plastic(self) -> dict[str, Floats]:
        """Plastic projection -> weights at the end, A or S, in the order of the connectome's edges."""
        return {name: blocks["end"] for name, blocks in self.plastic_weights.items()}

    @cached_property
    def trial_table(self) -> pd.DataFrame | None:
        """What trials.csv says of each trial, the columns those of `results.trials`; None without one."""
        from cerebellum.results import trials

        return _read(self.folder / "trials.csv", trials.read, None)

    @cached_property
    def connectome(self) -> Connectome:
        """Drawn again from model and seed: the one that ran, if this version draws as that one did."""
        from cerebellum.connectome.connectome import sample

        earlier = self.provenance.get("start_from") or {}
        return sample(self.circuit, int(earlier.get("connectome_seed", self.seed)))

    @property
    def seed(self) -> int:
        """The run's.

        Raises
        ------
        InputError
            If run.json has none, or a negative one.
        """
        seed = self.provenance.get("seed")
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise InputError(f"{self.folder / 'run.json'}: seed: found {brief(seed)}; wanted a whole number from 0")
        return seed

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """Tables: trials, spikes, rates, records, numbers (`results.views.to_pandas`)."""
        from cerebellum.results import views

        return views.to_pandas(self)

    def to_xarray(self) -> xr.Dataset:
        """Arrays with named dimensions: rate, trial_rate, weight, distance, records (`results.views.to_xarray`)."""
        from cerebellum.results import views

        return views.to_xarray(self)

    def __repr__(self) -> str:
        from cerebellum.results import views

        return f"<run {self.folder}: {views.title(self.provenance)}>"

    def _repr_html_(self) -> str:
        from cerebellum.results import views

        return views.card(self)

    def _described(self, key: str, kind: type[D]) -> D:
        """The table of run.json as a checked description; a fault is one line."""
        path, found = self.folder / "run.json", self.provenance.get(key)
        if not isinstance(found, dict):
            raise InputError(f"{path}: {key}: found {brief(found)}; wanted a table, as a run leaves it")
        try:
            return parse(kind, found, key, InputError)
        except InputError as error:
            first, *more = str(error).splitlines()
            rest = f" (and {len(more)} more)" if more else ""
            raise InputError(f"{path}: not as this version writes it: {first}{rest}") from error


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


def _read(path: Path, read: Callable[[Path], T], absent: T) -> T:
    """What a file of the folder holds; `absent` if there is none."""
    if not path.exists():
        return absent
    try:
        return read(path)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        raise InputError(_damaged(path, error)) from error


def _table(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(_damaged(path, error)) from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: damaged: found {brief(found)}; wanted a table: run again with --force")
    for key in TABLES:
        if not isinstance(found.get(key), dict | None):
            raise InputError(
                f"{path}: damaged: {key}: found {brief(found[key])}; wanted a table: run again with --force"
            )
    return found


def _damaged(path: Path, error: Exception) -> str:
    why = shortened(" ".join(str(error).split()), 120) or type(error).__name__
    return f"{path}: damaged, cannot be read ({why}): run again with --force"
