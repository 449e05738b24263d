"""Units at the border: `[number, "unit", "source"]` in a file becomes a plain SI float inside."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from cerebellum.errors import InputError, brief
from cerebellum.machine.cache import cache_folder

# Dimension names that the schema uses, each with a unit a person would write.
DIMENSIONS = {
    "time": "ms",
    "rate": "Hz",
    "voltage": "mV",
    "current": "pA",
    "capacitance": "pF",
    "conductance": "nS",
    "length": "um",
    "number": "1",
    "current rate": "nS/ms",
    "inverse time": "1/ms",
    "volume density": "1/um^3",
    "planar density": "1/um^2",
    "concentration": "mM",
    "angular velocity": "deg/s",
}


# SI; nothing of a nervous system or its simulation lies outside: what does is a slip of a unit or of a digit.
SMALLEST = 1e-24  # but 0; numbers near the smallest that a computer has would turn into 0 or infinity on the way
LARGEST = {
    "time": 1e8,
    "rate": 1e6,
    "voltage": 1.0,
    "current": 1e-3,
    "capacitance": 1e-3,
    "conductance": 1e-3,
    "length": 1.0,
    "number": 1e9,
    "current rate": 1.0,
    "inverse time": 1e6,
    "volume density": 1e21,
    "planar density": 1e15,
    "concentration": 1e4,
    "angular velocity": 1e3,
}
# SI sizes of the units that nearly all files use, as pint gives them: it takes longer to import than a file to read.
COMMON = {
    ("1", "number"): 1.0, ("s", "time"): 1.0, ("deg/s", "angular velocity"): 0.017453292519943295,
    ("ms", "time"): 1e-3, ("Hz", "rate"): 1.0, ("mV", "voltage"): 1e-3, ("pA", "current"): 1e-12,
    ("nA", "current"): 1e-9, ("pF", "capacitance"): 1e-12, ("nS", "conductance"): 1e-9, ("um", "length"): 1e-6,
    ("nS/ms", "current rate"): 1.0000000000000002e-06, ("1/ms", "inverse time"): 1000.0,
    ("1/um^3", "volume density"): 1.0000000000000001e18, ("1/um^2", "planar density"): 1000000000000.0001,
}  # fmt: skip
LONGEST_UNIT = 40
# Names multiplied and divided, with whole powers, a 1 only in front of a slash: nothing that a parser could compute on.
_TERM = r"[A-Za-z\u00b5\u03bc\u03a9_]+((\^|\*\*)-?[1-9])?"
_UNIT = re.compile(rf"1|(1 ?/ ?)?{_TERM}( ?[*/ ] ?{_TERM})*")


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(cache_folder=cache_folder() / "units")


def _scale(unit: str, dimension: str) -> float:
    """SI size of one `unit`, checked to have `dimension`."""
    size = COMMON.get((unit, dimension))
    return _pint_scale(unit, dimension) if size is None else size


@cache
def _pint_scale(unit: str, dimension: str) -> float:
    no_unit = InputError(f"{brief(unit)} is not a unit; write for example {DIMENSIONS[dimension]!r}")
    if len(unit) > LONGEST_UNIT or not _UNIT.fullmatch(unit):
        raise no_unit
    ureg = _registry()
    wanted = ureg.parse_units("dimensionless" if DIMENSIONS[dimension] == "1" else DIMENSIONS[dimension])
    try:
        found = ureg.parse_units("dimensionless" if unit == "1" else unit)
    except Exception as error:
        raise no_unit from error
    if found.dimensionality != wanted.dimensionality:
        other = next((name for name in DIMENSIONS if _same_dimension(found, name)), str(found.dimensionality))
        raise InputError(f"needs a {dimension} (such as {DIMENSIONS[dimension]!r}), got {unit!r} (a {other})")
    if dimension == "number" and unit != "1":  # of counts and shares the number itself is read
        raise InputError(f"needs a number as it stands (with the unit '1'), got {unit!r}")
    try:
        size = float(ureg.Quantity(1.0, found).to_base_units().to(_si(found)).magnitude)
    except Exception as error:  # a unit that counts from somewhere else than 0
        raise no_unit from error
    if not sys.float_info.min < size <= sys.float_info.max:
        raise no_unit
    return size


def _same_dimension(unit: Any, dimension: str) -> bool:
    text = DIMENSIONS[dimension]
    return bool(unit.dimensionality == _registry().parse_units("dimensionless" if text == "1" else text).dimensionality)


def _si(unit: Any) -> Any:
    """The coherent SI unit of `unit`'s dimension (pint's base units with mass in kilogram are already coherent)."""
    return _registry().get_base_units(unit)[1]


@dataclass(frozen=True)
class Value:
    """A number as the file has it, its unit, and where it comes from."""

    number: float
    unit: str
    source: str
    dimension: str

    @property
    def si(self) -> float:
        """The number in SI units."""
        return self.number * _scale(self.unit, self.dimension)

    def __str__(self) -> str:
        return f"{self.number:g}" if self.unit == "1" else f"{self.number:g} {self.unit}"


def parse_value(
    found: object, dimension: str, *, low: float | None = None, high: float | None = None, strict: bool = False
) -> Value:
    """`[number, "unit", "source"]` of the given dimension, between `low` (excluded if `strict`) and `high`.

    Raises
    ------
    InputError
        If the shape, the unit's dimension, or the range is wrong; the caller adds file and key.
    """
    example = f'[number, "{DIMENSIONS[dimension]}", "source"]'
    if not isinstance(found, list | tuple) or len(found) != 3:
        what = "a value without unit and source" if isinstance(found, int | float | str) else "a list of another form"
        raise InputError(f"found {brief(found)} ({what}); wanted {example}")
    number, unit, source = found
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) <= sys.float_info.max:
        raise InputError(f"found {brief(number, 40)}; wanted a finite number, as in {example}")
    if not isinstance(unit, str):
        raise InputError(f"found {brief(unit)} as unit; wanted text, as in {example}")
    if not isinstance(source, str) or not source.strip():
        raise InputError(f'found no source; wanted a key of [sources], or "assumed: why", as in {example}')
    value = Value(float(number), unit, source, dimension)
    _in_range(value, low, high, strict)
    return value


def _in_range(value: Value, low: float | None, high: float | None, strict: bool) -> None:
    number, unit, source, dimension = value.number, value.unit, value.source, value.dimension
    size = abs(value.si)
    if size > LARGEST[dimension] or (number and size < SMALLEST):
        bound, word = (LARGEST[dimension], "most") if size > LARGEST[dimension] else (SMALLEST, "least")
        wanted = Value(bound / _scale(unit, dimension), unit, source, dimension)
        raise InputError(f"found {value}; wanted at {word} {wanted}")
    if low is not None and (number <= low if strict else number < low):
        raise InputError(f"found {value}; wanted {'more than' if strict else 'at least'} {low:g}")
    if high is not None and number > high:
        raise InputError(f"found {value}; wanted at most {high:g}")


def steps(time: float, dt: float) -> int:
    """Number of steps of `dt` in `time` (both s).

    Raises
    ------
    InputError
        If `time` is not a multiple of `dt`: rounding silently would shift a stimulus by a step.
    """
    count = round(time / dt)
    if abs(count * dt - time) > 1e-6 * dt + 1e-12 * abs(time):
        raise InputError(f"{time * 1e3:g} ms is not a multiple of the time step {dt * 1e3:g} ms")
    return count
