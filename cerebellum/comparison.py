"""Two finished runs side by side."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cerebellum.result import Result, open_run


def compare(a: Result | str | Path, b: Result | str | Path) -> dict[str, tuple[float, float]]:
    """Every number that both summaries have (dotted key -> both values), timing left out.

    `a` and `b` are results or run folders.
    """
    left, right = dict(numbers_of(_summary(a))), dict(numbers_of(_summary(b)))
    return {key: (left[key], right[key]) for key in left if key in right and not key.startswith("timing.")}


def _summary(run: Result | str | Path) -> dict[str, Any]:
    return run.summary if isinstance(run, Result) else open_run(run).summary


def numbers_of(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of nested tables, with its dotted key."""
    for key, value in table.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from numbers_of(value, here)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield here, float(value)
