"""A finished run: what was asked, what came out, and the folder that holds both."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.circuit import Circuit
from cerebellum.connectome import Connectome
from cerebellum.errors import InputError
from cerebellum.patterns import Patterns
from cerebellum.protocol import Protocol
from cerebellum.rates_in_time import Rates
from cerebellum.readers import Readings
from cerebellum.spikes import Spikes
from cerebellum.stimuli import Schedule

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Result:
    """Everything a run made.

    Attributes
    ----------
    rates : rates over time of every population, of the rate engine on a circuit of conductances
    readout : reader -> y, shape (cues, pointer bits); readers that decode by its sign
    weights : reader -> effective weights, shape (cues, patterns), rows sum to 1
    blocks : readout and weights of every block that asks; the two above are the last one's
    plastic : plastic projection -> weights at the run's end, A or S, in the order of the connectome's edges
    summary : the numbers of summary.json
    provenance : the contents of run.json
    """

    circuit: Circuit
    protocol: Protocol
    schedule: Schedule
    patterns: Patterns | None
    spikes: dict[str, Spikes] = field(default_factory=dict)
    rates: dict[str, Rates] = field(default_factory=dict)
    readout: dict[str, Floats] = field(default_factory=dict)
    weights: dict[str, Floats] = field(default_factory=dict)
    blocks: list[Readings] = field(default_factory=list)
    plastic: dict[str, Floats] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    connectome: Connectome | None = None

    @property
    def asked(self) -> Patterns:
        """What the last block that asks has asked, and what was stored before it."""
        assert self.patterns is not None
        return self.patterns.of_block(len(self.patterns.written) - 1)


def refuse_existing(out: Path, force: bool) -> None:
    """Complain about an existing run folder, or one that cannot be written, before any work is done.

    Raises
    ------
    InputError
        If `out` exists and `force` is false, or `out` is anything but a run folder, which is never replaced; or if
        the folder above cannot be written.
    """
    if out.exists() and not force:
        raise InputError(f"{out} exists already; choose another --out, or add --force to replace it")
    if out.exists() and not (out / "run.json").is_file() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is no run folder (it has no run.json), and --force replaces nothing else")
    standing = next(parent for parent in out.absolute().parents if parent.exists())
    if not os.access(standing, os.W_OK | os.X_OK) or not standing.is_dir():
        raise InputError(f"{out}: cannot write in {standing}; choose another --out")


@contextmanager
def whole_folder(out: Path, force: bool) -> Iterator[Path]:
    """A folder to write into that becomes `out` when the block ends well, and leaves nothing when it does not."""
    refuse_existing(out, force)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        part.chmod(0o755)
        yield part
        if out.exists():
            old = part.with_suffix(".old")
            os.replace(out, old)
            os.replace(part, out)
            shutil.rmtree(old)
        else:
            os.replace(part, out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_json(path: Path, numbers: object) -> None:
    """Write JSON, refusing NaN (which is no JSON)."""
    path.write_text(json.dumps(_plain(numbers), indent=2, allow_nan=False) + "\n")


def _plain(item: object) -> object:
    if isinstance(item, dict):
        return {str(key): _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    if isinstance(item, np.ndarray):
        return _plain(item.tolist())
    if isinstance(item, np.generic):
        return _plain(item.item())
    if isinstance(item, float) and not np.isfinite(item):
        return None
    return item


@dataclass(frozen=True)
class SavedRun:
    """A run folder, opened."""

    folder: Path
    summary: dict[str, Any]
    provenance: dict[str, Any]

    def spikes(self) -> dict[str, Spikes]:
        """Spikes of every population, from spikes.nwb; empty for a run of the rate engine alone."""
        from cerebellum.nwb import read_spikes

        path = self.folder / "spikes.nwb"
        return read_spikes(path) if path.exists() else {}

    def rates(self) -> dict[str, Rates]:
        """Rates over time of every population, from rates.npz; empty for a run of the spiking engine alone."""
        from cerebellum import rates_in_time

        path = self.folder / "rates.npz"
        return rates_in_time.read(path) if path.exists() else {}


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
