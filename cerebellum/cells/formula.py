"""Formulas written once, as text for the spiking engine, and read from there on arrays of numpy or torch.

The text is code of this package or of a plug-in, never of a model file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

FUNCTIONS = ("abs", "clip", "cos", "exp", "log", "sin", "sqrt", "tanh")


def evaluate(expression: str, names: Mapping[str, Any], ops: Any = np) -> Any:
    """The expression's value; `ops` has the FUNCTIONS that it may call (numpy, torch), `names` all else it names."""
    return eval(_compiled(expression, "eval"), _functions(ops), dict(names))


def run(lines: Iterable[str], names: dict[str, Any], ops: Any = np) -> None:
    """Carry out lines of the form `name = expression` one after another, on the names that they change."""
    exec(_compiled("\n".join(lines), "exec"), _functions(ops), names)


@cache
def _compiled(text: str, mode: str) -> CodeType:
    return compile(text, "<formula>", mode)


def _functions(ops: Any) -> dict[str, Any]:
    return {"__builtins__": {}, "pi": np.pi, **{name: getattr(ops, name) for name in FUNCTIONS}}
