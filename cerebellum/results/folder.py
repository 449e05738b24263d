"""Run folders: whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cerebellum.errors import InputError


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
