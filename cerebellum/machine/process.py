"""Programs that this one starts: none outlives it, in whatever way it ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

GONE = 5.0  # seconds that killed programs have to be gone

# Runs "$@" beside a guard that waits for the end of its standard input, a pipe of which only the starting process holds
# the other end: the system closes that when the process ends, killed or not, and the guard then kills the whole group.
_GUARDED = """
exec 3<&0 </dev/null
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
"$@" 3<&-
code=$?
{ kill $!; wait $!; } 2>/dev/null
exit $code
"""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def child(
    command: Sequence[str],
    folder: Path | None = None,
    *,
    stdout: int | IO[str] = subprocess.DEVNULL,
    stderr: int | IO[str] = subprocess.PIPE,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A program in a process group of its own; where the block ends before it does, it and all it started are killed.

    A terminal's Ctrl-C reaches this process alone: its exception ends the block. A program that a signal N ended has
    the exit code 128 + N, one that could not be started 126 or 127.
    """
    theirs, ours = os.pipe()
    ended, living = os.pipe()  # all that it starts hold `living`; where the last of them is gone, `ended` reads its end
    try:
        with subprocess.Popen(
            ["sh", "-c", _GUARDED, "sh", *command],
            cwd=folder,
            stdin=theirs,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=(living,),
        ) as process:
            os.close(living)
            living = -1
            try:
                yield process
            finally:
                if process.poll() is None:  # and so not yet reaped: the group is there
                    os.killpg(process.pid, signal.SIGKILL)
                    # A compiler that dies may yet make a file, in a folder that is about to go.
                    select.select([ended], [], [], GONE)
    finally:
        for end in (theirs, ours, ended, living):
            if end >= 0:
                os.close(end)
