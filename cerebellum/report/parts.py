"""What a page is made of; the template draws each kind."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Figure = dict[str, Any]
"""`data` and `layout` of plotly's figure schema, as JSON."""


@dataclass(frozen=True)
class Chart:
    """A plotly figure under a heading; `label` says in words what it shows, for who cannot see it."""

    key: str
    heading: str
    label: str
    figure: Figure
    height: int = 360
    kind: str = "chart"


@dataclass(frozen=True)
class Table:
    """Rows of text or numbers; a column whose cells are all numbers is set to the right."""

    heading: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    folded: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Text:
    """Sentences, or lines to copy, under a heading; `notice` is set apart, as something to be seen."""

    heading: str
    lines: list[str]
    code: bool = False
    notice: bool = False
    kind: str = "text"


@dataclass(frozen=True)
class Picture:
    """An SVG of the run's figures, as it stands."""

    heading: str
    label: str
    source: str
    kind: str = "picture"


@dataclass(frozen=True)
class Activity:
    """Raster and PSTH by population, drawn by the page from numbers."""

    numbers: dict[str, Any]
    note: str
    kind: str = "activity"


Part = Chart | Table | Text | Picture | Activity


@dataclass(frozen=True)
class Section:
    """A tab."""

    key: str
    title: str
    parts: list[Part] = field(default_factory=list)


def packed(values: NDArray[Any], dtype: str) -> dict[str, str]:
    """An array as plotly reads it: `dtype` ('f4', 'u2', 'u4', ...) and its little-endian bytes in base64."""
    raw = np.ascontiguousarray(values, dtype=np.dtype(f"<{dtype}")).tobytes()
    return {"dtype": dtype, "bdata": base64.b64encode(raw).decode("ascii")}


def axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis with its title and unit."""
    return {"title": {"text": title}, **more}
