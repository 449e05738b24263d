"""Argument checks shared by the theory modules: a wrong argument is named, with its value and the rule."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.errors import ArgumentError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def whole_number(argument: str, value: object, low: int, high: int | None = None, high_is: str = "") -> int:
    """`value` as an int, if it is a whole number from `low` to `high`; `high_is` names the upper limit."""
    limits = f"at least {low}" if high is None else f"from {low} to {f'{high_is} = ' if high_is else ''}{high}"
    is_whole = isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
    if not is_whole or int(value) < low or (high is not None and int(value) > high):  # type: ignore[call-overload]
        raise ArgumentError(argument, value, f"must be a whole number {limits}")
    return int(value)  # type: ignore[call-overload]


def whole_numbers(
    argument: str, values: ArrayLike, low: int, high: int | None = None, high_is: str = ""
) -> NDArray[np.int64]:
    """`values` as an int64 array of any shape, if all are whole numbers from `low` to `high`."""
    limits = f"at least {low}" if high is None else f"from {low} to {f'{high_is} = ' if high_is else ''}{high}"
    found: NDArray[Any] = np.asarray(values)
    if found.dtype.kind not in "iu":
        raise ArgumentError(argument, values, f"must be whole numbers {limits}")
    outside = found < low if high is None else (found < low) | (found > high)
    if outside.any():
        raise ArgumentError(argument, found[outside].ravel()[0].item(), f"must be whole numbers {limits}")
    return found.astype(np.int64, copy=False)


def real_number(argument: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
    """`value` as a float, if it is a finite number from `low` to `high`."""
    is_number = isinstance(value, Real) and not isinstance(value, (bool, np.bool_))
    number = float(value) if is_number else math.nan  # type: ignore[arg-type]
    if not math.isfinite(number) or not low <= number <= high:
        raise ArgumentError(argument, value, f"must be a finite number{_limits(low, high)}")
    return number


def real_numbers(
    argument: str, values: ArrayLike, low: float = -math.inf, high: float = math.inf
) -> NDArray[np.float64]:
    """`values` as a float64 array of any shape, if all are finite numbers from `low` to `high`."""
    found: NDArray[Any] = np.asarray(values)
    if found.dtype.kind not in "iuf":
        raise ArgumentError(argument, values, f"must be finite numbers{_limits(low, high)}")
    outside = ~(np.isfinite(found) & (found >= low) & (found <= high))
    if outside.any():
        raise ArgumentError(argument, found[outside].ravel()[0].item(), f"must be finite numbers{_limits(low, high)}")
    return found.astype(np.float64, copy=False)


def one_of(argument: str, value: object, known: tuple[str, ...]) -> str:
    """`value`, if it is one of the words in `known`."""
    if value not in known:
        raise ArgumentError(argument, value, f"must be one of {', '.join(map(repr, known))}")
    return str(value)


def _limits(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return ""
    return f" >= {low:g}" if math.isinf(high) else f" <= {high:g}" if math.isinf(low) else f" from {low:g} to {high:g}"
