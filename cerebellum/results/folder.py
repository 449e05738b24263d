"""Folders that the package writes: whole or not at all, and nothing but a folder of the same kind is ever replaced."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cerebellum.errors import InputError
from cerebellum.machine import atomic

# All that a run writes: a folder with anything else in it holds something of the user's.
NAMES = (
    "run.json", "summary.json", "trials.csv", "weights.npz", "readers.npz", "spikes.nwb", "rates.npz", "exchanges.npz",
    "figures", "report.html",
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What a folder is called, the file that makes it one, all names that it may hold, and what writes it."""

    noun: str
    mark: str
    names: tuple[str, ...]
    writer: str


RUN = Kind("run folder", "run.json", NAMES, "no run")


def refuse_existing(out: Path, force: bool, kind: Kind = RUN) -> None:
    """Complain about an existing folder, or one that cannot be written, before any work is done.

    Raises
    ------
    InputError
        If `out` exists and `force` is false, or `out` is anything but a folder of this kind as it was written, which
        is never replaced; or if the folder above cannot be written.
    """
    if os.path.lexists(out) and not force:
        raise InputError(f"{out} exists already; choose another --out, or add --force to replace it")
    if os.path.lexists(out) and (fault := _other(out, kind)):
        raise InputError(f"{out} {fault}, and --force replaces {kind.noun}s only; choose another --out")
    refuse_unwritable(out)


def refuse_unwritable(out: Path) -> None:
    """Complain about a folder that cannot be made, before any work is done.

    Raises
    ------
    InputError
        If the folder that it would stand in cannot be written.
    """
    standing = next(parent for parent in out.absolute().parents if parent.exists())
    if not os.access(standing, os.W_OK | os.X_OK) or not standing.is_dir():
        raise InputError(f"{out}: cannot write in {standing}; choose another --out")


@contextmanager
def whole_folder(out: Path, force: bool, kind: Kind = RUN) -> Iterator[Path]:
    """A folder to write into that becomes `out` when the block ends well, and leaves nothing when it does not.

    Raises
    ------
    InputError
        As `refuse_existing`, at the start and again at the end, where `out` may be someone else's by then.
    """
    refuse_existing(out, force, kind)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic.whole_folder(out, lambda found: force and not _other(found, kind)) as part:
        yield part


def _other(path: Path, kind: Kind) -> str:
    """Why `path` is no folder of this kind that may be replaced; empty if it is one, or an empty folder."""
    if path.is_symlink() or not path.is_dir():
        return f"is no {kind.noun} (it is no folder)"
    names = {entry.name for entry in path.iterdir()}
    if names and kind.mark not in names:
        return f"is no {kind.noun} (it has no {kind.mark})"
    if foreign := sorted(names.difference(kind.names)):
        return f"holds {foreign[0]}, which {kind.writer} has written"
    return ""


def write_json(path: Path, numbers: object) -> None:
    """Write JSON, refusing NaN (which is no JSON)."""
    path.write_text(json.dumps(plain(numbers), indent=2, allow_nan=False) + "\n")


def plain(item: object) -> object:
    """As JSON has it: numpy's arrays and numbers as Python's, nan and infinity as None."""
    if isinstance(item, dict):
        return {str(key): plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [plain(value) for value in item]
    if isinstance(item, np.ndarray):
        return plain(item.tolist())
    if isinstance(item, np.generic):
        return plain(item.item())
    if isinstance(item, float) and not np.isfinite(item):
        return None
    return item
