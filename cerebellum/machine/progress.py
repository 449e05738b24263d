"""Progress of slow work: a bar with the time left on a terminal, a line in a notebook, nothing elsewhere."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any
from typing import Protocol as Interface


class Progress(Interface):
    """Called with what is being done and the share of it that is done (None if not known)."""

    def __call__(self, stage: str, done: float | None) -> None:
        """Report."""


def silent(stage: str, done: float | None) -> None:
    """Report nothing."""


@contextmanager
def bar() -> Iterator[Progress]:
    """A progress bar on standard error, one line a stage; silent when that is not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield silent
        return
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console) as display:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: float | None) -> None:
            if stage not in tasks:
                for task in tasks.values():
                    if not display.tasks[task].finished:
                        display.update(task, total=1.0, completed=1.0)
                tasks[stage] = display.add_task(stage, total=None if done is None else 1.0)
            if done is not None:
                display.update(tasks[stage], total=1.0, completed=done)

        yield report
        for task in tasks.values():
            display.update(task, total=1.0, completed=1.0)


@contextmanager
def shown(progress: Progress | None) -> Iterator[Progress]:
    """What was asked for; or, where nothing was, a line in a notebook and a bar on a terminal."""
    with nullcontext(progress) if progress is not None else _line() if in_notebook() else bar() as report:
        yield report


def in_notebook() -> bool:
    """Whether this process is a kernel that draws what it is given; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    return shell is not None and getattr(shell, "kernel", None) is not None


@contextmanager
def _line() -> Iterator[Progress]:
    """One line under the cell, written over as the work goes on, and taken away at its end."""
    ipython: Any = import_module("IPython.display")
    line = ipython.display(ipython.HTML(""), display_id=True)
    start = time.monotonic()

    def report(stage: str, done: float | None) -> None:
        share = "" if done is None else f" {done:.0%}"
        line.update(ipython.HTML(f"<small>{html.escape(stage)}{share}, {time.monotonic() - start:.0f} s</small>"))

    try:
        yield report
    finally:
        line.update(ipython.HTML(""))
