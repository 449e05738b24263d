"""Compile and run Brian2's C++ standalone project, fast: two translation units, kept in a cache by content.

Brian2's own build compiles some 60 small files, each with all its headers, and knows no cache. Here the code that
runs every step becomes one optimised file and the code that runs once another, unoptimised one. Each object is kept
under a hash of its source, the headers, the flags, the compiler and the processor, so that a second run of the same
circuit compiles nothing, and a new connectome of the same sizes only the second file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import brian2 as b2

from cerebellum.errors import CerebellumError
from cerebellum.machine.cache import cache_folder
from cerebellum.machine.progress import Progress

# Files that run once, before or after the simulation.
RUN_ONCE = re.compile(r"(before_run_|after_run_|synapses_create_|group_variable_set)|^(main|objects|run)\.cpp$")
# Clocks set to zero: Brian2 writes these in the order of a set, which changes from run to run.
CLOCKS = re.compile(r"(?:^ *_array_\w*clock_(?:timestep|t)\[0\] = 0(?:\.0)?;\n)+", re.M)
CACHE_LIMIT = 256 * 2**20  # bytes; the least recently used objects go first


def _command() -> list[str]:
    """The C++ compiler's command, from CXX as make would take it: `ccache g++` is two words."""
    return shlex.split(os.environ.get("CXX") or "g++")


def compiler() -> str:
    """The program that the compiler's command starts."""
    return _command()[0]


def compile_and_run(folder: Path, duration: float, threads: int, progress: Progress) -> dict[str, float]:
    """Generate, compile and run the project of the active Brian2 device in `folder`; seconds of each part.

    Raises
    ------
    CerebellumError
        If the compiler or the simulation fails; with what it printed.
    """
    started = time.perf_counter()
    progress("writing C++", None)
    b2.get_device().build(directory=str(folder), compile=False, run=False, with_output=False)
    written = time.perf_counter()
    _compile(folder, progress)
    compiled = time.perf_counter()
    _run(folder, duration, threads, progress)
    # Brian2 reads results from disk once it believes that it has run the program.
    b2.get_device().has_been_run = True
    finished = time.perf_counter()
    # Brian2's own clock of the time steps alone, without reading and writing arrays.
    stepping = float((Path(b2.get_device().results_dir) / "last_run_info.txt").read_text().split()[0])
    return {
        "write": written - started,
        "compile": compiled - written,
        "simulate": finished - compiled,
        "run": stepping,
    }


def _compile(folder: Path, progress: Progress) -> None:
    flags, link_flags = _flags(folder)
    sources = [
        *sorted(folder.glob("code_objects/*.cpp")),
        *(folder / f"{n}.cpp" for n in ("network", "objects", "run", "main")),
    ]
    store = cache_folder() / "objects"
    store.mkdir(parents=True, exist_ok=True)
    headers = "".join(path.read_text() for path in sorted([*folder.glob("*.h"), *folder.glob("brianlib/*.h")]))
    units = {
        "hot": (_unit(path for path in sources if not RUN_ONCE.search(path.name)), "-O3"),
        "cold": (_unit(path for path in sources if RUN_ONCE.search(path.name)), "-O0"),
    }
    objects = {
        name: store / (hashlib.sha256("".join([text, headers, *flags, level, _identity()]).encode()).hexdigest() + ".o")
        for name, (text, level) in units.items()
    }
    missing = [name for name, path in objects.items() if not path.exists()]
    if missing:
        progress("compiling", None)
        with ThreadPoolExecutor(len(missing)) as pool:
            list(pool.map(lambda name: _object(folder, name, *units[name], flags, objects[name]), missing))
    for path in objects.values():
        path.touch()
    # Hot first: of an inline function that both units have, the linker keeps the first copy.
    _call([*_command(), str(objects["hot"]), str(objects["cold"]), "-o", "main", *link_flags], folder)
    _prune(store, keep=set(objects.values()))


def _unit(sources: Iterable[Path]) -> str:
    """One translation unit of several files; their support code, of the same names, goes into a namespace each."""
    texts = []
    for number, path in enumerate(sources):
        text = CLOCKS.sub(lambda lines: "".join(sorted(lines.group().splitlines(True))), path.read_text())
        if path.parent.name == "code_objects":
            name = f"unit_{number}"
            text = text.replace("namespace {", f"namespace {name} {{", 1)
            if f"namespace {name}" in text:
                text = text.replace("using namespace brian;", f"using namespace brian; using namespace {name};")
        texts.append(text)
    return "\n".join(texts)


def _flags(folder: Path) -> tuple[list[str], list[str]]:
    """Compiler and linker flags of the makefile that Brian2 wrote."""
    lines = dict(re.findall(r"^(OPTIMISATIONS|CXXFLAGS|LFLAGS) = (.*)$", (folder / "makefile").read_text(), re.M))
    text = lines["CXXFLAGS"].replace("$(OPTIMISATIONS)", lines["OPTIMISATIONS"])
    # A loop over many arrays asks gcc for more run-time alias checks than its default of 10, and would stay scalar.
    vectorised = ["--param=vect-max-version-for-alias-checks=1000"] if "Free Software Foundation" in _identity() else []
    return shlex.split(text) + vectorised, shlex.split(lines["LFLAGS"])


@cache
def _identity() -> str:
    """Compiler version and processor: -march=native objects of one machine may not run on another."""
    version = subprocess.run([*_command(), "--version"], capture_output=True, text=True, check=True).stdout
    cpu = Path("/proc/cpuinfo")
    features = re.search(r"^(flags|Features).*$", cpu.read_text(), re.M) if cpu.exists() else None
    return version + (features.group() if features else os.uname().machine)


def _object(folder: Path, name: str, text: str, level: str, flags: list[str], target: Path) -> None:
    (folder / f"{name}.cpp").write_text(text)
    # Written beside and renamed, so that an interrupted compiler never leaves a broken object in the cache.
    handle, part = tempfile.mkstemp(dir=target.parent, suffix=".part")
    os.close(handle)
    try:
        _call([*_command(), *flags, level, f"{name}.cpp", "-o", part], folder)
        os.replace(part, target)
    finally:
        Path(part).unlink(missing_ok=True)


def _call(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise CerebellumError(f"{' '.join(command[:2])} ... failed with code {done.returncode}:\n{done.stderr[-2000:]}")


def _prune(store: Path, keep: set[Path]) -> None:
    """Bring the cache under its limit, oldest objects first."""
    objects = sorted(set(store.glob("*.o")) - keep, key=lambda path: path.stat().st_mtime, reverse=True)
    total = sum(path.stat().st_size for path in keep)
    for path in objects:
        total += path.stat().st_size
        if total > CACHE_LIMIT:
            path.unlink(missing_ok=True)


def _run(folder: Path, duration: float, threads: int, progress: Progress) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(threads, 1))}
    command = [str(folder / "main"), "--results_dir", b2.get_device().results_dir]
    progress("simulating", 0.0)
    with (folder / "errors.txt").open("w+") as errors:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith("at "):
                    progress("simulating", min(1.0, float(line.split()[1]) / duration))
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()
        errors.seek(0)
        if code:
            raise CerebellumError(f"the simulation ended with code {code}: {errors.read()[-2000:] or 'no message'}")


def ticker(duration: float) -> b2.NeuronGroup:
    """A group that prints the time a hundred times in a run; Brian2's own report asks the clock before every object."""
    tick = b2.Function(lambda t: t, arg_units=[b2.second], return_unit=1)
    code = 'double tick(double t) { std::cout << "at " << t << std::endl; return 0; }'
    tick.implementations.add_implementation("cpp", code)
    group = b2.NeuronGroup(1, "ticks : 1", namespace={"tick": tick}, dt=duration / 100 * b2.second, name="ticker")
    group.run_regularly("ticks = tick(t)", name="ticker_tick")
    return group
