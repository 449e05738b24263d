"""The computer: whole files and folders, the cache, compilers and their warnings."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cerebellum.errors import CerebellumError, InputError
from cerebellum.machine import cache, compiler
from cerebellum.machine.atomic import PART, scratch_folder, temporary_files_in, whole_file, whole_folder
from cerebellum.machine.compiler import Unit

needs_c = pytest.mark.skipif(compiler.c_compiler() is None, reason="no C compiler")


def never(_: Path) -> bool:
    return False


def test_a_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with whole_file(path) as part:
        assert part.parent.parent == tmp_path  # the same disk, so that the rename is one step
        assert part.name == path.name
        assert list(tmp_path.glob("*.csv")) == []  # nobody takes it for a whole one
        part.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_file_that_fails_leaves_the_old_one(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(failure), whole_file(path) as part:  # noqa: PT012
        part.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_made_meanwhile_stays_where_none_may_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "graph.graphml"
    with whole_file(path, replace=False) as part:
        part.write_text("first")
    with pytest.raises(InputError, match=r"graph\.graphml has been made or changed by someone else"):  # noqa: SIM117
        with whole_file(path, replace=False) as part:
            part.write_text("second")
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("theirs", ["folder", "empty folder", "file", "dangling link"])
def test_a_folder_made_meanwhile_stays(tmp_path: Path, theirs: str) -> None:
    path = tmp_path / "run"

    def someone() -> None:
        if theirs == "file":
            path.write_text("theirs")
        elif theirs == "dangling link":
            path.symlink_to("nowhere")
        else:
            path.mkdir()
        if theirs == "folder":
            (path / "x").write_text("theirs")

    with pytest.raises(InputError, match="made or changed by someone else"), whole_folder(path, never) as part:  # noqa: PT012
        (part / "x").write_text("mine")
        someone()
    assert list(tmp_path.iterdir()) == [path]
    if theirs == "folder":
        assert (path / "x").read_text() == "theirs"


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_is_replaced_where_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    if not in_one_step:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    path = tmp_path / "run"
    for text in ("first", "second"):
        with whole_folder(path, lambda _: True) as part:
            (part / "x").write_text(text)
    assert (path / "x").read_text() == "second"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("in_one_step", [True, False])
def test_a_folder_that_was_changed_in_the_very_moment_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_one_step: bool
) -> None:
    """It may be replaced when it is looked at, and no more when it has been taken away."""
    if not in_one_step:
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    path = tmp_path / "run"
    path.mkdir()
    (path / "thesis").write_text("years of work")
    with pytest.raises(InputError, match="stays"), whole_folder(path, lambda found: found == path) as part:
        (part / "x").write_text("mine")
    assert [(found.name, found.read_text()) for found in path.iterdir()] == [("thesis", "years of work")]
    assert list(tmp_path.iterdir()) == [path]


LEAVES = """
import os, pathlib, sys
from cerebellum.machine.atomic import scratch_folder, whole_file, whole_folder
here = pathlib.Path(sys.argv[1])
with whole_file(here / "a.csv") as a, whole_folder(here / "b", lambda _: False) as b, scratch_folder() as c:
    (b / "half").write_text("half")
    (c / "half").write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is in the middle of writing a file, a folder and a scratch folder."""
    command = [sys.executable, "-c", LEAVES, str(tmp_path)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: subprocess.Popen[str]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    strangers = [tmp_path / "cerebellum_results", tmp_path / ".thesis.part"]
    for stranger in strangers:
        stranger.mkdir()

    def write() -> None:
        with whole_file(tmp_path / "other.csv"), scratch_folder():
            pass

    before = set(tmp_path.iterdir())
    write()
    assert set(tmp_path.iterdir()) == before | {tmp_path / "other.csv"}
    writer.kill()
    writer.wait()
    write()
    assert set(tmp_path.iterdir()) == {*strangers, tmp_path / "other.csv"}


def test_a_folder_taken_for_left_before_it_was_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process removes it between the two."""
    lock = fcntl.flock
    taken: list[Path] = []

    def late(handle: int, how: int) -> None:
        (made,) = tmp_path.glob(f"*{PART}*")
        if not taken:
            taken.append(made)
            made.rmdir()
        lock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with whole_file(tmp_path / "x") as part:
        part.write_text("whole")
        assert part.parent != taken[0]
    assert (tmp_path / "x").read_text() == "whole"


def test_a_scratch_folder_is_the_owners_alone_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with scratch_folder() as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.name.startswith("cerebellum_")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("CEREBELLUM_CACHE", str(folder))
    return folder


def test_the_cache_lies_where_the_system_keeps_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CEREBELLUM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_folder().is_relative_to(tmp_path)
    assert cache.cache_folder().name == "cerebellum"


@pytest.mark.usefixtures("own_cache")
def test_what_is_kept_is_found_under_its_key_alone() -> None:
    name = cache.key("a", b"bc")
    assert cache.find("objects", name) is None
    cache.keep("objects", name, b"content")
    found = cache.find("objects", name)
    assert found is not None
    assert found.read_bytes() == b"content"
    assert cache.find("transfer", name) is None
    assert len({name, cache.key("ab", "c"), cache.key("abc"), cache.key("a", "bc", "")}) == 4


def test_the_cache_forgets_what_was_not_used_for_longest(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all kinds together, and nothing of anybody else's."""
    names = [cache.key(str(number)) for number in range(5)]
    kinds = ["objects", "transfer", "objects", "transfer", "objects"]
    for age, (kind, name) in enumerate(zip(kinds[:4], names, strict=False)):
        cache.keep(kind, name, b"x" * 100)
        os.utime(own_cache / kind / name, (1e9 - age, 1e9 - age))
    (own_cache / "objects" / "thesis.tex").write_bytes(b"x" * 1000)
    cache.find("transfer", names[3])  # the oldest, but used now
    monkeypatch.setattr(cache, "LIMIT", 350)
    cache.keep("objects", names[4], b"x" * 100)
    left = {path.name for path in own_cache.glob("*/*")}
    assert left == {names[0], names[3], names[4], "thesis.tex"}


def test_without_a_cache_one_warning_and_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv("CEREBELLUM_CACHE", str(blocked / "cache"))
    with pytest.warns(UserWarning, match=r"file/cache: no cache \(Not a directory\).*set CEREBELLUM_CACHE"):  # noqa: SIM117
        with scratch_folder() as run, temporary_files_in(run):  # where a run compiles; the next one finds it
            cache.keep("objects", cache.key("x"), b"content")
    found = cache.find("objects", cache.key("x"))  # a second warning would fail
    assert found is not None
    assert found.read_bytes() == b"content"
    assert blocked.read_text() == "no folder"


HOMELESS = """
import os
import cerebellum.spiking
from cerebellum.description.circuit import load_model
from cerebellum.plotting import style
from cerebellum.results.nwb import _import_pynwb

load_model("jaeckel")
_import_pynwb()
import matplotlib, pynwb

assert os.path.isdir(matplotlib.get_cachedir())
assert "core" in pynwb.available_namespaces()
assert "XDG_CACHE_HOME" not in os.environ
"""


def test_without_a_home_one_warning_and_all_libraries_work(tmp_path: Path) -> None:
    """pint, pynwb and matplotlib want caches of their own; the last two insist."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("XDG_", "MPL", "CEREB"))}
    environment |= {"HOME": "/dev/null", "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", HOMELESS], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Warning: ") == 1
    assert "/dev/null/.cache/cerebellum: no cache (Not a directory)" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_what_a_killed_process_left_of_pynwbs_cache_is_made_again(tmp_path: Path, share: float) -> None:
    code = "from cerebellum.results.nwb import _import_pynwb as get; get(); import pynwb; pynwb.NWBFile"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    (kept,) = tmp_path.rglob("*.pkl")
    content = kept.read_bytes()
    kept.write_bytes(content[: int(share * len(content))])
    for _ in range(2):  # one without it, and one that makes it
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert kept.stat().st_size == len(content)


def test_a_full_disk_under_the_cache_is_a_warning(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(UserWarning, match=r"nothing is kept for later runs: .*No space left on device"):
        cache.keep("objects", cache.key("x"), b"content")
    assert cache.find("objects", cache.key("x")) is None
    assert [path for path in own_cache.rglob("*") if path.is_file()] == []


def sources(root: Path) -> list[Path]:
    """Those in C; the templates in cerebellum/spiking become C++ only when Brian2 fills them in."""
    return sorted([*root.glob("cerebellum/**/*.c"), *root.glob("tests/**/*.c")])


@needs_c
def test_c_sources_compile_without_a_warning(root: Path, tmp_path: Path) -> None:
    found = sources(root)
    assert len(found) >= 3
    for path in found:
        # The limits of a read come after the read itself, in one file, and a step after the numbers it is made of.
        before = {"read_limits.c": "memory/compiled_read.c", "fused_step.c": "rate/float32.c"}
        first = [root / "cerebellum" / before[path.name]] if path.name in before else []
        (tmp_path / path.name).write_text("\n".join(part.read_text() for part in (*first, path)))
        flags = [flag for flag in compiler.LIBRARY_FLAGS if flag != "-shared"]
        command = [*(compiler.c_compiler() or ()), *flags, "-Wall", "-Wextra", "-Werror"]
        done = subprocess.run([*command, "-c", path.name, "-o", "out.o"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@needs_c
@pytest.mark.usefixtures("own_cache")
def test_a_library_is_compiled_once_and_a_broken_one_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = tmp_path / "good.c", tmp_path / "bad.c"
    good.write_text("int answer(void) { return 42; }\n")
    bad.write_text("int answer(void) { return\n")
    compiler.library.cache_clear()
    library = compiler.library(good)
    assert library is not None
    assert library.answer() == 42
    assert compiler.library(bad) is None
    compiler.library.cache_clear()
    monkeypatch.setattr(compiler, "child", None)  # nothing is called again
    again = compiler.library(good)
    assert again is not None
    assert again.answer() == 42
    compiler.library.cache_clear()


def test_without_a_compiler_there_is_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "x.c"
    source.write_text("int x;\n")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler.c_compiler() is None
    assert compiler.library(source) is None
    monkeypatch.setenv("CC", "definitely-no-compiler")
    compiler.library.cache_clear()
    assert compiler.library(source) is None
    compiler.library.cache_clear()


def test_a_compiler_given_with_a_wrapper_is_called_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "env g++")
    monkeypatch.setenv("CC", "env gcc -m64")
    assert compiler.cpp_compiler() == ("env", "g++")
    assert compiler.c_compiler() == ("env", "gcc", "-m64")
    for name in ("CXX", "CC"):
        monkeypatch.setenv(name, "")
    assert compiler.cpp_compiler() == ("g++",)
    if shutil.which("g++"):
        assert compiler.identity(("env", "g++")) == compiler.identity(("g++",))


def test_a_compiler_that_does_not_tell_its_version_is_a_failure() -> None:
    for command in (("false",), ("definitely-no-compiler",)):
        with pytest.raises(CerebellumError, match="the compiler does not work"):
            compiler.identity(command)


def test_a_failing_compiler_is_told_with_what_it_printed_and_its_intermediate_files_go(tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exit 0\ntouch $TMPDIR/half.s; echo no such luck >&2; exit 3\n'
    )
    broken.chmod(0o755)
    folder = tmp_path / "project"
    folder.mkdir()
    before = os.environ.get("TMPDIR"), tempfile.gettempdir()
    with pytest.raises(CerebellumError, match="failed with code 3:\nno such luck"):
        compiler.compiled((str(broken),), [Unit("x.c", "int x;", ())], folder)
    assert (folder / "half.s").exists()
    assert before == (os.environ.get("TMPDIR"), tempfile.gettempdir())
