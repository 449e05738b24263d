"""The numbers of a summary, by their dotted keys."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def numbers_of(table: dict[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Every number of nested tables, with its dotted key."""
    for key, value in table.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            yield from numbers_of(value, here)
        elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
            yield here, float(value)
