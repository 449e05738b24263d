"""Figures at the size of a journal's columns: the style, panel letters, and a run's figures by name."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cerebellum.errors import UnknownNameError
from cerebellum.plotting import course_panels, panels
from cerebellum.results import Run

STYLE = Path(__file__).with_name("journal.mplstyle")
MM = 1 / 25.4
WIDTHS = {1: 85 * MM, 2: 180 * MM}  # inches; of one and two columns, as most journals have them
FORMATS = ("pdf", "svg", "png")

PANELS: dict[str, tuple[tuple[Callable[..., Axes], ...], float]] = {
    "raster": ((panels.raster,), 1.0),
    "psth": ((panels.psth,), 0.6),
    "activity": ((panels.raster, panels.psth), 0.8),
    "rates": ((panels.rates,), 0.7),
    "weights": ((panels.weights,), 0.6),
    "plastic_weights": ((panels.plastic_weights,), 0.6),
    "f_i": ((panels.f_i,), 0.65),
    "learning_curve": ((panels.learning_curve,), 0.55),
    "connectivity": ((panels.connectivity,), 0.95),
    "placement": ((panels.placement,), 0.9),
    "circuit": ((panels.circuit,), 0.6),
    "agreement": ((panels.agreement,), 0.9),
    "memory": ((panels.weights, panels.agreement), 0.6),
    "trials": ((course_panels.trials,), 0.55),
    "eyelid": ((course_panels.eyelid, course_panels.conditioned_responses), 0.75),
    "records": ((course_panels.records,), 0.42),
    "engines": ((course_panels.engines,), 0.42),
    "in_degrees": ((course_panels.in_degrees,), 0.48),
}
"""Name of a figure -> what is drawn, one panel beside the other, and height over width of a panel."""


SEVERAL = {"trials": 1, "records": 1, "engines": 1, "in_degrees": 2}
"""Figures of as many panels as the run has parts -> panels of a row in one column's width; titles are their letters."""

WIDE = ("circuit",)
"""Figures that take two columns whatever is asked for: their boxes have a size."""


@contextmanager
def styled() -> Iterator[None]:
    """The style of all figures, within the block."""
    with matplotlib.rc_context(fname=str(STYLE)):
        yield


def size(columns: int = 1, height: float = 0.7) -> tuple[float, float]:
    """Width of one or two journal columns, and the height that is `height` times one column's width; inches."""
    return WIDTHS[columns], height * WIDTHS[columns]


def letters(axes: Sequence[Axes]) -> None:
    """A, B, C ... at the upper left of axes."""
    for letter, ax in zip(string.ascii_uppercase, axes, strict=False):
        where: Any = {"transform": ax.transAxes, "ha": "right", "va": "bottom", "fontsize": 10, "fontweight": "bold"}
        (ax.text2D if ax.name == "3d" else ax.text)(-0.08, 1.02, letter, **where)  # type: ignore[attr-defined]


def figure(run: Run, name: str, columns: int = 1) -> Figure:
    """A figure of a run by name, at the width of one or two columns, with panel letters if it has several panels.

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    InputError
        If the run has nothing for it.
    """
    if name not in PANELS:
        raise UnknownNameError.of("figure", name, list(PANELS))
    drawn, height = PANELS[name]
    columns = 2 if name in WIDE else columns
    width = WIDTHS[columns]
    if name in SEVERAL:
        drawn = tuple(course_panels.parts(run, name)) or drawn  # the one panel says what is missing
        across = SEVERAL[name] * (columns if SEVERAL[name] > 1 else 1)
        row = height * WIDTHS[1]
    else:
        across = len(drawn) if columns == 2 else 1
        row = height * width * (0.55 if across > 1 else 1)
    rows = -(-len(drawn) // across)
    with styled():
        made = Figure(figsize=(width, row * rows), layout="constrained")
        axes = []
        for number, panel in enumerate(drawn, start=1):
            flat: Any = {} if panel is not panels.placement else {"projection": "3d"}
            axes.append(panel(run, made.add_subplot(rows, across, number, **flat)))
        if len(axes) > 1 and name not in SEVERAL:
            letters(axes)
    return made


def save(made: Figure, path: Path, format_: str | None = None) -> None:
    """Write a figure in a format, default that of the path's suffix; text as text, without the date."""
    format_ = format_ or path.suffix[1:]
    with styled():
        date: Any = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(format_)
        made.savefig(path, format=format_, metadata=date)
