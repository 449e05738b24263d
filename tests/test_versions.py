"""What this code relies on in other libraries beyond their documented use: each for the version it was written for.

A newer version that changes one of these fails here, by name, and not as a wrong number or a slow run somewhere else.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from cerebellum.connectome.connectome import Connectome
from cerebellum.experiment.schedule import Schedule
from cerebellum.machine.compiler import cpp_compiler
from cerebellum.memory.large import KEPT_HEAP
from cerebellum.spiking import standalone
from cerebellum.spiking.network import simulate

WRITTEN_FOR = {"brian2": "2.9", "torch": "2.13", "python": "3.11", "glibc": "2.36"}


def found_version(library: str) -> str:
    if library == "python":
        return platform.python_version()
    return platform.libc_ver()[1] if library == "glibc" else version(library)


def relied_on(holds: object, library: str, what: str, where: str) -> None:
    """Fail with what changed, in which version, and which lines to look at."""
    assert holds, (
        f"{library} {found_version(library)} no longer does what {where} relies on, which was written for "
        f"{library} {WRITTEN_FOR[library]}: {what}"
    )


class Written(Exception):  # noqa: N818
    """Raised once Brian2 has written its project."""


@pytest.fixture(scope="module")
def project(connectome: Connectome, scheduled: Schedule, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ project that Brian2 writes for a small circuit."""
    kept = tmp_path_factory.mktemp("brian") / "project"

    def keep(folder: Path, *_: object) -> None:
        shutil.copytree(folder, kept)
        raise Written

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standalone, "_compile", keep)
        with pytest.raises(Written):
            simulate(connectome, scheduled)
    return kept


def test_brian2_writes_the_files_that_are_put_together(project: Path) -> None:
    where = "standalone._compile"
    for name in ("network", "objects", "run", "main"):
        relied_on((project / f"{name}.cpp").is_file(), "brian2", f"the project has a file {name}.cpp", where)
    names = [path.name for path in project.glob("code_objects/*.cpp")]
    for start in ("before_run_", "synapses_create_"):
        found = any(name.startswith(start) or f"_{start}" in name for name in names)
        relied_on(found, "brian2", f"what runs once is in files named {start}...", where)
    hot = [name for name in names if not standalone.RUN_ONCE.search(name)]
    parts = "stateupdater|spike_thresholder|spike_resetter|codeobject|push_spikes|summed_variable"
    every_step = re.compile(rf"_({parts})\w*\.cpp$")
    strange = [name for name in hot if not every_step.search(name)]
    relied_on(not strange, "brian2", f"files of code that runs every step have known names, not {strange}", where)


def test_brian2_puts_its_support_code_into_a_nameless_namespace(project: Path) -> None:
    where = "standalone._unit"
    for path in project.glob("code_objects/*.cpp"):
        text = path.read_text()
        what = f"one `namespace {{` and one `using namespace brian;` ({path.name})"
        nameless = len(re.findall(r"\bnamespace \{", text))
        relied_on(nameless <= 1, "brian2", what, where)
        relied_on(not nameless or text.count("using namespace brian;") >= 1, "brian2", what, where)
    texts = [path.read_text() for path in project.glob("code_objects/*.cpp")]
    relied_on(any("namespace {" in text for text in texts), "brian2", "there is such a namespace", where)


def test_brian2_takes_templates_from_beside_ours_first(project: Path) -> None:
    where = "standalone.own_project"
    texts = {path.name: path.read_text() for path in project.glob("code_objects/*.cpp")}
    thresholds = [text for name, text in texts.items() if re.search(r"^(?!after_run_).*_spike_thresholder_", name)]
    relied_on(thresholds, "brian2", "each population has a thresholder of its own", where)
    relied_on(all("_found[_block]" in text for text in thresholds), "brian2", "threshold.cpp is ours", where)
    arrivals = [text for name, text in texts.items() if re.search(r"_pre_codeobject\.cpp$", name)]
    relied_on(arrivals and all("_first[" in text for text in arrivals), "brian2", "synapses.cpp is ours", where)
    relied_on("peek() const" in (project / "synapses_classes.h").read_text(), "brian2", "so are pathways", where)
    made = re.findall(r"SynapticPathway \w+\(\s*\w+,\s*\d+, \d+\);", (project / "objects.cpp").read_text())
    relied_on(made, "brian2", "a pathway is made of its sources, first and last cell", "templates/synapses_classes.cpp")


def test_brian2_lets_the_thresholder_take_the_time_step(project: Path) -> None:
    """The text of the step is put in front of the condition; the condition still comes last."""
    text = (project / "code_objects" / "granule_spike_thresholder_codeobject.cpp").read_text()
    what = "what update_abstract_code writes is carried out by the thresholder"
    stepped = re.search(r"I_\w+ \*= decay_\w+;.*_cond = v > V_th", text, re.S)
    relied_on(stepped, "brian2", what, "neurons._step_and_threshold")
    others = [path.name for path in project.glob("code_objects/*") if "stateupdater" in path.name]
    relied_on(not others, "brian2", f"nothing else steps the cells ({others})", "neurons._step_and_threshold")


def test_brian2_sets_clocks_to_zero_line_after_line(project: Path) -> None:
    """In the order of a set, which changes from process to process; sorted, the text is the same and found again."""
    texts = [path.read_text() for path in project.glob("*.cpp")]
    runs = [match.group().count("\n") for text in texts for match in standalone.CLOCKS.finditer(text)]
    what = "lines such as `_array_clock_t[0] = 0.0;` stand together"
    relied_on(max(runs, default=0) >= 2, "brian2", what, "standalone.CLOCKS")


def test_brian2_writes_its_flags_into_a_makefile(project: Path) -> None:
    flags, link_flags = standalone._flags(project, cpp_compiler())
    what = "the makefile has lines OPTIMISATIONS, CXXFLAGS and LFLAGS"
    relied_on({"-c", "-I."} <= set(flags), "brian2", what, "standalone._flags")
    relied_on(isinstance(link_flags, list), "brian2", what, "standalone._flags")
    there = re.findall(r"-O3|-std=\S+", (project / "makefile").read_text())
    relied_on(not there, "brian2", f"an empty extra_compile_args adds no flags ({there})", "standalone.own_project")
    what = "extra_compile_args_gcc is a list that has -O3 and a standard"
    wanted = [flag for flag in standalone._accepted(cpp_compiler()) if re.match("-O3|-std=", flag)]
    relied_on(len(wanted) == 2 and set(wanted) <= set(flags), "brian2", what, "standalone._accepted")


def test_brian2_reads_results_once_it_believes_that_it_ran() -> None:
    import brian2

    device = brian2.devices.device.all_devices["cpp_standalone"]
    for name in ("has_been_run", "results_dir"):
        relied_on(hasattr(device, name), "brian2", f"the device has {name}", "standalone.compile_and_run")
    what = "an interrupt that ends a simulation early can be switched off"
    relied_on("core.stop_on_keyboard_interrupt" in brian2.prefs, "brian2", what, "network._device")


IMPORTED = """
import os, pathlib, signal, sys, tempfile, threading, warnings
before = signal.getsignal(signal.SIGINT), sys.excepthook, warnings.showwarning
thread = threading.Thread(target=lambda: __import__("cerebellum.spiking.network"))
thread.start()
thread.join()
assert "cerebellum.spiking.network" in sys.modules, "the import fails in a thread"
assert not {"pylab", "matplotlib.pyplot"} & set(sys.modules), "pyplot comes with it"
assert before == (signal.getsignal(signal.SIGINT), sys.excepthook, warnings.showwarning), "a hook is left"
left = os.listdir(tempfile.gettempdir())
assert not left, f"files are left: {left}"
import brian2
brian2.BrianLogger.suppress_name("base")
brian2.NeuronGroup(1, "v : 1").v = 1
with brian2.std_silent():
    pass
left = os.listdir(tempfile.gettempdir())
assert not left, f"files are written later: {left}"
"""


def test_brian2_is_imported_without_hooks_handlers_and_files(tmp_path: Path) -> None:
    script, temporary = tmp_path / "script.py", tmp_path / "temporary"
    script.write_text(IMPORTED)
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=environment)
    last = (done.stderr.strip().splitlines() or [""])[-1]
    what = f"its handler, hooks and log files can be taken back ({last})"
    relied_on(done.returncode == 0, "brian2", what, "cerebellum/spiking/__init__.py")


HEAP = """
import ctypes, sys
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
class Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in names]
libc.mallinfo2.restype = Mallinfo2
libc.free(libc.malloc(int(sys.argv[1])))
before = libc.mallinfo2().hblkhd
parts = [libc.malloc(6 << 20) for _ in range(3)]
mapped = libc.mallinfo2().hblkhd - before
for part in parts:
    libc.free(part)
print(mapped, libc.mallinfo2().fordblks)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="memory of another C library")
def test_glibc_keeps_the_heap_after_one_large_piece_was_freed() -> None:
    """18 MiB taken and given back come from the heap and stay there; without that piece, from the kernel and back.

    By malloc's own counts: page faults are what it is for, but not every kernel counts them.
    """
    found = {}
    for first in (KEPT_HEAP, 16):
        done = subprocess.run([sys.executable, "-c", HEAP, str(first)], capture_output=True, text=True, check=True)
        found[first] = [int(number) for number in done.stdout.split()]
    taken = 3 * (6 << 20)
    holds = found[KEPT_HEAP][0] == 0 and found[KEPT_HEAP][1] >= taken and found[16][0] >= taken > found[16][1]
    what = f"freeing 31 MiB raises both thresholds of mallopt(3) (bytes mapped and free in the heap: {found})"
    relied_on(holds, "glibc", what, "memory.large._keep_heap")


def test_torch_calls_its_sparse_matrices_beta_in_known_words() -> None:
    """The warning is filtered by its words; torch says it once a process."""
    code = (
        "import warnings, torch\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    warnings.simplefilter('always')\n"
        "    torch.sparse_csr_tensor([0, 1], [0], [1.0], size=(1, 1), check_invariants=False)\n"
        "print(*[str(each.message)[:25] for each in said], sep='|')\n"
    )
    words = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    what = f"it warns of that alone, not {words!r}"
    relied_on(words in ("", "Sparse CSR tensor support"), "torch", what, "rate.synapses._csr")


BLOCKED = """
import multiprocessing, signal
from multiprocessing import resource_tracker

def tell(queue):
    queue.put(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))

if __name__ == "__main__":
    from cerebellum.simulation.sweep import _held_back
    context = multiprocessing.get_context("spawn")
    resource_tracker.ensure_running()
    with _held_back(signal.SIGINT):
        queue = context.Queue()
        process = context.Process(target=tell, args=(queue,))
        process.start()
    print(queue.get(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
    process.join()
"""


def test_python_starts_workers_with_the_signals_of_their_starter_held_back(tmp_path: Path) -> None:
    script = tmp_path / "blocked.py"
    script.write_text(BLOCKED)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    what = f"a worker inherits that Ctrl-C is held back, once the resource tracker runs ({done.stdout.strip()})"
    relied_on(done.stdout.split() == ["True", "False"], "python", what, "sweep._client")
