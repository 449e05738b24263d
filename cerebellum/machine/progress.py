"""Progress of slow work: a bar with the time left on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
