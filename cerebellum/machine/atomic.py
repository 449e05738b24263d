"""Files and folders that appear whole or not at all; what killed processes have left of theirs goes.

All is written under a name of its own, beside its place, and then renamed. Whoever writes holds a lock (flock) on what
he writes, which the system takes back when his process ends in whatever way. So what has such a name and no lock was
left by a process that is gone, and the next one to write there removes it.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cerebellum.errors import CerebellumError, InputError

PART = ".cerebellum-part"
SCRATCH = ".scratch"
ASIDE = ".cerebellum-aside"  # never removed by another process: it may be the user's


@contextmanager
def whole_file(path: Path, replace: bool = True) -> Iterator[Path]:
    """A file to write into that becomes `path` when the block ends well, and is removed when it does not.

    It has the name of `path`, in a folder of its own: whoever lists files by their ending sees whole ones only.

    Raises
    ------
    InputError
        If not `replace` and there is something at `path` by then; that stays as it is.
    CerebellumError
        If the disk does not take it.
    """
    _clear(path.parent, f".*{PART}*")
    with _told(path), _owned(path.parent, f".{path.name}.", PART, Path.mkdir) as folder:
        part = folder / path.name
        part.touch()
        yield part
        _sync(part)
        if replace:
            os.replace(part, path)
        else:
            _link(part, path)
        _sync(path.parent)


@contextmanager
def whole_folder(path: Path, replaceable: Callable[[Path], bool]) -> Iterator[Path]:
    """A folder to write into that becomes `path` when the block ends well, and is removed when it does not.

    Parameters
    ----------
    replaceable : whether what then stands at `path` may be replaced; it is removed once the new folder stands there

    Raises
    ------
    InputError
        If it may not; it stays as it is.
    CerebellumError
        If the disk does not take the new one.
    """
    _clear(path.parent, f".*{PART}*")
    with _told(path), _owned(path.parent, f".{path.name}.", PART, Path.mkdir) as part:
        yield part
        for file in part.rglob("*"):
            _sync(file)
        if os.path.lexists(path):
            _replace(part, path, replaceable)
        else:
            try:
                os.rename(part, path)
            except OSError as error:
                if not os.path.lexists(path):
                    raise
                raise _taken(path) from error  # made in this very moment
        _sync(path.parent)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder in the system's temporary one, removed when the block ends.

    Raises
    ------
    CerebellumError
        If the disk does not take what is written there.
    """
    parent = Path(tempfile.gettempdir())
    if parent.name.endswith(SCRATCH):  # inside `temporary_files_in`: beside that folder, not to go with it
        parent = parent.parent
    _clear(parent, f"cerebellum_*{SCRATCH}")
    with _owned(parent, "cerebellum_", SCRATCH, lambda new: new.mkdir(0o700)) as folder, _told(folder):
        yield folder


@contextmanager
def temporary_files_in(folder: Path) -> Iterator[None]:
    """What this process and those that it starts meanwhile make of temporary files lies in `folder`."""
    before, variable = tempfile.tempdir, os.environ.get("TMPDIR")
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable


def _replace(part: Path, path: Path, replaceable: Callable[[Path], bool]) -> None:
    """Exchange `part` and what stands at `path`; that is judged once more where nobody else can reach it any longer."""
    if not replaceable(path):
        raise _taken(path)
    aside = part.with_name(part.name.replace(PART, ASIDE))
    os.rename(part, aside)
    _exchange(aside, path)
    if not replaceable(aside):
        _exchange(aside, path)
        os.rename(aside, part)
        raise _taken(path)
    os.rename(aside, part)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system says does not name the file that somebody wanted."""
    try:
        yield
    except OSError as error:
        raise CerebellumError(f"{path} could not be written, and nothing of it is left: {error}") from error


def _taken(path: Path) -> InputError:
    return InputError(f"{path} has been made or changed by someone else meanwhile, and stays; choose another --out")


@contextmanager
def _owned(parent: Path, stem: str, ending: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """Something new in `parent`, locked; removed at the end if it still has its name."""
    while True:
        path = parent / f"{stem}{uuid.uuid4().hex[:12]}{ending}"
        make(path)
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            with suppress(OSError):  # a file system without locks: then nothing there is ever taken for left
                fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                break
            os.close(lock)  # another process took it for left, in the moment before it was locked
    try:
        yield path
    finally:
        _remove(path)
        os.close(lock)


def _clear(parent: Path, pattern: str) -> None:
    """Remove what has such a name and no living owner."""
    for path in parent.glob(pattern):
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.getuid():
                    _remove(path)
            finally:
                os.close(lock)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Have the disk hold it before a name says so: a machine that stops must not leave an empty file of a good name."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems cannot
            os.fsync(handle)
    finally:
        os.close(handle)


def _link(part: Path, path: Path) -> None:
    """Give `part` the name `path` unless something has it."""
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:  # a file system without hard links
        if os.path.lexists(path):
            raise _taken(path) from error
        os.rename(part, path)


def _exchange(a: Path, b: Path) -> None:
    """Exchange two names: in one step where the system can, so that there is something at `b` at any moment."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, both = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    if rename is not None and rename(here, os.fsencode(a), here, os.fsencode(b), both) == 0:
        return
    between = a.with_name(f"{a.name}.{uuid.uuid4().hex[:12]}")
    os.rename(b, between)
    try:
        os.rename(a, b)
    except BaseException:
        os.rename(between, b)
        raise
    os.rename(between, a)
