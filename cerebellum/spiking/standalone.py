"""Compile and run Brian2's C++ standalone project, fast: two translation units, kept in a cache by content.

Brian2's own build compiles some 60 small files, each with all its headers, and knows no cache. Here the code that
runs every step becomes one optimised file and the code that runs once another, unoptimised one. Each object is kept
under a hash of its source, the headers, the flags, the compiler and the processor, so that a second run of the same
circuit compiles nothing, and a new connectome of the same sizes only the second file.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import brian2 as b2
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

from cerebellum.errors import CerebellumError
from cerebellum.machine import cache, compiler
from cerebellum.machine.compiler import Unit
from cerebellum.machine.process import child
from cerebellum.machine.progress import Progress
from cerebellum.spiking import independent, run_time_data
from cerebellum.spiking.loop import Link

# Files that run once, before or after the simulation.
RUN_ONCE = re.compile(r"(before_run_|after_run_|synapses_create_|group_variable_set)|^(main|objects|run)\.cpp$")
# Clocks set to zero: Brian2 writes these in the order of a set, which changes from run to run.
CLOCKS = re.compile(r"(?:^ *_array_\w*clock_(?:timestep|t)\[0\] = 0(?:\.0)?;\n)+", re.M)

# Loops over cells, where their support code ends, what bounds a number there, and a number that is not whole.
THRESHOLDER, BODY = "_spike_thresholder_codeobject", "////// HASH DEFINES ///////"
FLOATS = "float* __restrict"
CLIP = "const T a_min, const T a_max"
LITERAL = re.compile(r"(?<![\w.])(\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+)(?![\w.])")

# Cells do not depend on each other within a step, which saves the checks that their arrays do not overlap.
VECTORISE = "#pragma GCC ivdep"


@contextmanager
def own_project() -> Iterator[None]:
    """Meanwhile Brian2 writes its project for this module.

    With the templates beside it where there are some, else its own, and without a compiler's flags, which it would try
    anew in each process (`_accepted`).
    """
    theirs, flags = CPPStandaloneCodeObject.templater, b2.prefs.codegen.cpp.extra_compile_args
    CPPStandaloneCodeObject.templater = theirs.derive("cerebellum.spiking", env_globals={"hint": VECTORISE})
    b2.prefs.codegen.cpp.extra_compile_args = []
    try:
        yield
    finally:
        CPPStandaloneCodeObject.templater, b2.prefs.codegen.cpp.extra_compile_args = theirs, flags


def compile_and_run(
    folder: Path,
    duration: float,
    threads: int,
    progress: Progress,
    link: Link | None = None,
    driven: Callable[[str], str] | None = None,
    jobs: int = 1,
) -> dict[str, float]:
    """Generate, compile and run the project of the active Brian2 device in `folder`; seconds of each part.

    Parameters
    ----------
    link : closes a loop around it
    driven : changes the text of what runs once
    jobs : independent trials at a time

    Raises
    ------
    CerebellumError
        If the compiler or the simulation fails; with what it printed.
    """
    started = time.perf_counter()
    progress("writing C++", None)
    b2.get_device().build(directory=str(folder), compile=False, run=False, with_output=False)
    written = time.perf_counter()
    _compile(folder, progress, driven)
    compiled = time.perf_counter()
    _run(folder, duration, threads, progress, link, jobs)
    # Brian2 reads results from disk once it believes that it has run the program.
    b2.get_device().has_been_run = True
    finished = time.perf_counter()
    # Brian2's own clock of the time steps alone, without reading and writing arrays; the program writes it last.
    info = (Path(b2.get_device().results_dir) / "last_run_info.txt").read_text().split()
    if not info:
        raise CerebellumError(f"{folder}: the simulation could not write all its results there; is the disk full?")
    return {
        "write": written - started,
        "compile": compiled - written,
        "simulate": finished - compiled,
        "run": float(info[0]),
    }


def _compile(folder: Path, progress: Progress, driven: Callable[[str], str] | None) -> None:
    command = compiler.cpp_compiler()
    flags, link_flags = _flags(folder, command)
    sources = [
        *sorted(folder.glob("code_objects/*.cpp")),
        *(folder / f"{n}.cpp" for n in ("network", "objects", "run", "main")),
    ]
    headers = "".join(path.read_text() for path in sorted([*folder.glob("*.h"), *folder.glob("brianlib/*.h")]))
    hot = _unit(path for path in sources if not RUN_ONCE.search(path.name))
    cold = run_time_data.found_at_start(_unit(path for path in sources if RUN_ONCE.search(path.name)))
    cold = cold if driven is None else driven(cold)
    # In single precision another order of a sum's terms moves a spike in a thousand by a step.
    ordered = ("-fno-associative-math",) if FLOATS in hot else ()
    units = [Unit("hot.cpp", hot, (*flags, "-O3", *ordered), headers), Unit("cold.cpp", cold, (*flags, "-O0"), headers)]
    objects = compiler.compiled(command, units, folder, progress)
    # Hot first: of an inline function that both units have, the linker keeps the first copy.
    compiler.call([*command, *map(str, objects), "-o", "main", *link_flags], folder)


def _in_single(text: str) -> str:
    """A loop over cells whose state is in single precision, which computes in double otherwise.

    Brian2 gives arrays the type that they have, but writes every number and what is worked out between as double.
    """
    before, body = text.split(BODY)
    body = LITERAL.sub(r"\g<0>f", re.sub(r"\bdouble\b", "float", body)).replace("int64_t", "int32_t")
    return before.replace(CLIP.replace("T", "double"), CLIP) + BODY + body


def _unit(sources: Iterable[Path]) -> str:
    """One translation unit of several files; their support code, of the same names, goes into a namespace each."""
    texts = []
    for number, path in enumerate(sources):
        text = CLOCKS.sub(lambda lines: "".join(sorted(lines.group().splitlines(True))), path.read_text())
        if THRESHOLDER in path.name and BODY in text and FLOATS in text:
            text = _in_single(text)
        if path.parent.name == "code_objects":
            name = f"unit_{number}"
            text = text.replace("namespace {", f"namespace {name} {{", 1)
            if f"namespace {name}" in text:
                text = text.replace("using namespace brian;", f"using namespace brian; using namespace {name};")
        texts.append(text)
    return "\n".join(texts)


def _accepted(command: compiler.Command) -> list[str]:
    """Those of Brian2's flags that the compiler knows, tried one after the other; that it knows them all is kept."""
    wanted: list[str] = b2.prefs.codegen.cpp.extra_compile_args_gcc
    name = cache.key(*wanted, *command, compiler.identity(command))
    if cache.find("flags", name) is not None:
        return wanted

    def knows(flag: str) -> bool:
        call = [*command, flag, "-fsyntax-only", "-x", "c++", os.devnull]
        return not subprocess.run(call, capture_output=True, check=False).returncode

    known = list(filter(knows, wanted))
    if known == wanted:  # else it may be the disk that is full, and not the compiler that is old
        cache.keep("flags", name, b"")
    return known


def _flags(folder: Path, command: compiler.Command) -> tuple[list[str], list[str]]:
    """Compiler and linker flags: of the makefile that Brian2 wrote, those that it would choose, and ours."""
    lines = dict(re.findall(r"^(OPTIMISATIONS|CXXFLAGS|LFLAGS) = (.*)$", (folder / "makefile").read_text(), re.M))
    text = lines["CXXFLAGS"].replace("$(OPTIMISATIONS)", " ".join([lines["OPTIMISATIONS"], *_accepted(command)]))
    # A loop over many arrays asks gcc for more run-time alias checks than its default of 10, and would stay scalar.
    gnu = "Free Software Foundation" in compiler.identity(command)
    vectorised = ["--param=vect-max-version-for-alias-checks=1000"] if gnu else []
    if gnu and platform.machine() in ("x86_64", "AMD64"):
        # By itself gcc takes half of that width, and 1 / x in single precision from a table.
        vectorised += ["-mprefer-vector-width=512", "-mno-recip"]
    # At the link -ffast-math makes denormal numbers zero: of a current that has decayed for seconds nothing is left
    # but them, and they cost a hundred times as much.
    return shlex.split(text) + vectorised, [*shlex.split(lines["LFLAGS"]), "-ffast-math"]


def _run(folder: Path, duration: float, threads: int, progress: Progress, link: Link | None, jobs: int) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(threads, 1)), run_time_data.DURATION: repr(duration)}
    environment[independent.JOBS] = str(jobs)
    reached = 0.0
    command = [str(folder / "main"), "--results_dir", b2.get_device().results_dir]
    progress("simulating", 0.0)
    with ExitStack() as stack:
        errors = stack.enter_context((folder / "errors.txt").open("w+", errors="replace"))
        if link is not None:
            environment |= stack.enter_context(link.pipes(folder))
        process = stack.enter_context(
            child(command, folder, stdout=subprocess.PIPE, stderr=errors, environment=environment)
        )
        if link is not None:
            link.serve(folder, process, progress)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("at ") and link is None:
                reached = max(reached, min(1.0, float(line.split()[1]) / duration))
                progress("simulating", reached)
        code = process.wait()
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
