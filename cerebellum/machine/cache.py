"""What is dear to make and cheap to keep, on disk: compiled objects, a compiler's flags, measured transfer functions.

Everything has the hash of all that went into it for a name, so that nothing stale is ever found. One limit holds for
all kinds together; what was not used for longest goes first. The cache helps and is never needed: where it cannot be
written, a temporary folder serves for the life of the process.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

import platformdirs

from cerebellum.errors import CerebellumError
from cerebellum.machine.atomic import scratch_folder, whole_file

LIMIT = 256 * 2**20  # bytes
_NAME = re.compile(r"[0-9a-f]{64}")


def cache_folder() -> Path:
    """CEREBELLUM_CACHE, else the user's cache folder; a temporary one, with a warning, where that cannot be written."""
    chosen = os.environ.get("CEREBELLUM_CACHE")
    folder = Path(chosen) if chosen else platformdirs.user_cache_path("cerebellum", appauthor=False)
    return _instead_of(folder, fault) if (fault := _fault(folder)) else folder


@contextmanager
def lent() -> Iterator[None]:
    """Libraries that are imported meanwhile, and want a cache of their own, find a folder for it.

    pynwb does not work and matplotlib complains where the user's cache folder cannot be written: they get this one.
    """
    if not _fault(platformdirs.user_cache_path()):
        yield
        return
    names = ("XDG_CACHE_HOME", "MPLCONFIGDIR")
    before = {name: os.environ.get(name) for name in names}
    os.environ |= dict.fromkeys(names, str(cache_folder()))
    try:
        yield
    finally:
        for name, old in before.items():
            if old is None:
                del os.environ[name]
            else:
                os.environ[name] = old


def key(*parts: str | bytes) -> str:
    """Name of a thing, from all that decides what it is."""
    said = (part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "little") + part for part in said)).hexdigest()


def find(kind: str, name: str) -> Path | None:
    """The file of that kind and name; None if it is not there."""
    path = cache_folder() / kind / name
    if not path.is_file():
        return None
    with suppress(OSError):
        path.touch()  # used now
    return path


def keep(kind: str, name: str, content: bytes) -> None:
    """Keep a file, whole or not at all, and bring the cache under its limit; a warning where that fails."""
    folder = cache_folder()
    try:
        (folder / kind).mkdir(exist_ok=True)
        with whole_file(folder / kind / name) as part:
            part.write_bytes(content)
        _prune(folder)
    except (OSError, CerebellumError) as error:
        warnings.warn(f"nothing is kept for later runs: {error}", stacklevel=2)


def _fault(folder: Path) -> str | None:
    """Why a folder cannot be written; it is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return error.strerror
    return None if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written"


def _prune(folder: Path) -> None:
    """Remove what was used longest ago until the rest is within the limit."""
    files = []
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):  # another process removes, too
            if _NAME.fullmatch(path.name):
                files.append((path.stat().st_mtime_ns, path.stat().st_size, path))
    total = 0
    for _, size, path in sorted(files, reverse=True):
        total += size
        if total > LIMIT:
            path.unlink(missing_ok=True)


@cache
def _instead_of(folder: Path, reason: str) -> Path:
    warnings.warn(
        f"{folder}: no cache ({reason}), so what is compiled or measured now is not kept for later runs; make it "
        "writable, or set CEREBELLUM_CACHE to a folder that is",
        stacklevel=4,
    )
    kept = ExitStack()
    atexit.register(kept.close)
    return kept.enter_context(scratch_folder())
