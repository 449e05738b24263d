"""C and C++ sources compiled once and kept: objects and shared libraries."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from cerebellum.errors import CerebellumError
from cerebellum.machine import cache
from cerebellum.machine.atomic import scratch_folder, temporary_files_in
from cerebellum.machine.process import child
from cerebellum.machine.progress import Progress, silent

# Nobody asks for errno or floating-point exceptions, and without them loops with sqrt() or a choice become vector code.
LIBRARY_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
Command = tuple[str, ...]


@dataclass(frozen=True)
class Unit:
    """One call of a compiler.

    Attributes
    ----------
    source : name of the file that is written and compiled
    text : what is in it
    flags : for the compiler
    includes : text of what it includes, but for the system's headers
    """

    source: str
    text: str
    flags: tuple[str, ...]
    includes: str = ""


def c_compiler() -> Command | None:
    """The command of CC, as make would take it (`ccache gcc` is two words), or the first compiler found."""
    if chosen := shlex.split(os.environ.get("CC", "")):
        return tuple(chosen)
    found = next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    return None if found is None else (found,)


def cpp_compiler() -> Command:
    """The command of CXX, as make would take it, else g++; it need not exist."""
    return tuple(shlex.split(os.environ.get("CXX", ""))) or ("g++",)


def compiled(command: Command, units: Sequence[Unit], folder: Path, progress: Progress = silent) -> list[Path]:
    """What each unit compiles to: kept from earlier, or compiled now in `folder`, all at the same time.

    Raises
    ------
    CerebellumError
        If the compiler fails; with what it printed.
    """
    names = [cache.key(unit.text, unit.includes, *unit.flags, *command, identity(command)) for unit in units]
    found = [cache.find("objects", name) for name in names]
    outputs = [folder / f"{unit.source}.o" if path is None else path for unit, path in zip(units, found, strict=True)]
    missing = [each for each, path in enumerate(found) if path is None]
    if missing:
        progress("compiling", None)
    with temporary_files_in(folder), ExitStack() as stack:  # a compiler that is killed leaves its own
        running = []
        for each in missing:
            unit = units[each]
            (folder / unit.source).write_text(unit.text)
            call = [*command, *unit.flags, unit.source, "-o", str(outputs[each])]
            running.append((call, stack.enter_context(child(call, folder))))
        for call, process in running:
            _wait(call, process)
    for each in missing:
        cache.keep("objects", names[each], outputs[each].read_bytes())
    return outputs


def call(command: Sequence[str], folder: Path) -> None:
    """Run a compiler or linker in `folder`.

    Raises
    ------
    CerebellumError
        If it fails; with what it printed.
    """
    with temporary_files_in(folder), child(command, folder) as process:
        _wait(command, process)


def _wait(command: Sequence[str], process: subprocess.Popen[str]) -> None:
    printed = process.communicate()[1]
    if process.returncode:
        raise CerebellumError(
            f"{' '.join(command[:2])} ... failed with code {process.returncode}:\n{printed[-2000:].strip()}"
        )


@functools.cache
def library(*sources: Path) -> ctypes.CDLL | None:
    """C files, one after the other, as one loaded shared library; None where there is no C compiler or it fails."""
    command = c_compiler()
    if command is None:
        return None
    unit = Unit(sources[-1].name, "\n".join(path.read_text() for path in sources), LIBRARY_FLAGS)
    try:
        with scratch_folder() as folder:
            return ctypes.CDLL(str(compiled(command, [unit], folder)[0]))
    except (OSError, CerebellumError):
        return None


@functools.cache
def identity(command: Command) -> str:
    """Version of a compiler, and the processor: what -march=native makes on one machine may not run on another.

    Raises
    ------
    CerebellumError
        If it does not tell its version.
    """
    try:
        version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise CerebellumError(f"the compiler does not work: {error}") from error
    return version + _processor()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return platform.processor() + platform.machine()
