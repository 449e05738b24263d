"""Child processes: what they print, their codes, and that none outlives the program that started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cerebellum.machine.process import child


def test_a_child_gives_what_it_printed_and_its_code(tmp_path: Path) -> None:
    command = ["sh", "-c", "pwd; echo told $WORD >&2; exit 7"]
    with child(command, tmp_path, stdout=subprocess.PIPE, environment={**os.environ, "WORD": "so"}) as process:
        assert process.communicate() == (f"{tmp_path}\n", "told so\n")
    assert process.returncode == 7
    with child(["definitely-no-program"]) as process:
        assert "not found" in process.communicate()[1]
    assert process.returncode == 127
    with child(["sh", "-c", "kill -SEGV $$"]) as process:
        process.communicate()
    assert process.returncode == 128 + signal.SIGSEGV


def test_a_child_dies_with_all_it_started_when_the_block_ends(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), child(["sh", "-c", "sleep 100 & sleep 100 & wait"]) as process:  # noqa: PT012
        until = time.monotonic() + 20
        while len(family := psutil.Process(process.pid).children(recursive=True)) < 4 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(family) >= 4  # the guard, the shell and two that sleep
        raise KeyboardInterrupt
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_where_a_child_was_killed_nothing_is_written_any_more(tmp_path: Path) -> None:
    forever = f"while :; do mkdir -p {tmp_path}/made; : > {tmp_path}/made/$1; done"
    writers = f"for i in 1 2 3 4; do sh -c '{forever}' sh $i & done; wait"

    def stopped() -> None:
        with child(["sh", "-c", writers]):
            until = time.monotonic() + 20
            while len(list(tmp_path.glob("made/*"))) < 4 and time.monotonic() < until:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    made = tmp_path / "made"
    assert len(list(made.iterdir())) == 4
    shutil.rmtree(made)  # at once: a write yet to come would make it fail, or make the folder again
    time.sleep(0.2)
    assert not made.exists()


def test_a_child_dies_when_its_starter_is_killed(tmp_path: Path) -> None:
    code = (
        "from cerebellum.machine.process import child\n"
        "with child(['sh', '-c', 'sleep 100 & sleep 100 & wait']) as process: process.wait()\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code])
    until = time.monotonic() + 20
    while len(family := psutil.Process(starter.pid).children(recursive=True)) < 5 and time.monotonic() < until:
        time.sleep(0.01)
    starter.kill()
    starter.wait()
    assert len(family) >= 5
    assert psutil.wait_procs(family, timeout=5)[1] == []
