"""Units at the border: parsing, dimensions, ranges, the time grid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.description.units import COMMON, DIMENSIONS, Value, _pint_scale, parse_value, steps
from cerebellum.errors import InputError


@pytest.mark.parametrize(
    ("number", "unit", "dimension", "si"),
    [
        (2.5, "ms", "time", 2.5e-3),
        (50, "Hz", "rate", 50.0),
        (0.05, "1/ms", "rate", 50.0),
        (-62.0, "mV", "voltage", -62e-3),
        (33.0, "pA", "current", 33e-12),
        (8.0, "nA", "current", 8e-9),
        (145.0, "pF", "capacitance", 145e-12),
        (1.5, "nS", "conductance", 1.5e-9),
        (7.0, "um", "length", 7e-6),
        (4, "1", "number", 4.0),
        (3.0, "nS/ms", "current rate", 3e-6),
        (1.0, "1/um^3", "volume density", 1e18),
        (1.0, "1/um^2", "planar density", 1e12),
    ],
)
def test_a_unit_is_turned_into_si(number: float, unit: str, dimension: str, si: float) -> None:
    assert parse_value([number, unit, "assumed: test"], dimension).si == pytest.approx(si, rel=1e-12)


@pytest.mark.parametrize(("unit", "dimension"), COMMON)
def test_common_units_are_as_large_as_pint_says(unit: str, dimension: str) -> None:
    assert COMMON[unit, dimension] == _pint_scale(unit, dimension)


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_every_dimension_takes_its_own_example_unit(dimension: str) -> None:
    assert math.isfinite(parse_value([1.0, DIMENSIONS[dimension], "assumed: test"], dimension).si)


@pytest.mark.parametrize(
    ("found", "dimension", "words"),
    [
        ([7.0, "mV", "s"], "capacitance", ["capacitance", "'mV'", "a voltage", "pF"]),
        ([7.0, "1", "s"], "time", ["time", "ms", "a number"]),
        ([7.0, "kg", "s"], "time", ["time", "'kg'", "mass"]),
        ([7.0, "bananas", "s"], "time", ["'bananas' is not a unit", "ms"]),
        ([7.0, "ms +", "s"], "time", ["is not a unit"]),
        ([7.0, "3 ms", "s"], "time", ["is not a unit"]),
        ([7.0, 3, "s"], "time", ["as unit", "text"]),
        (7.0, "time", ["without unit and source", '"ms"']),
        ("7 ms", "time", ["without unit and source"]),
        ([7.0, "ms"], "time", ["[7.0, 'ms']", '[number, "ms", "source"]']),
        ([7.0, "ms", "s", 1], "time", ["another form"]),
        ({"value": 7.0}, "time", ["another form"]),
        ([7.0, "ms", ""], "time", ["no source", "assumed: why"]),
        ([7.0, "ms", "  "], "time", ["no source"]),
        ([7.0, "ms", None], "time", ["no source"]),
        (["7", "ms", "s"], "time", ["'7'", "finite number"]),
        ([True, "ms", "s"], "time", ["True", "finite number"]),
        ([math.nan, "ms", "s"], "time", ["nan", "finite number"]),
        ([math.inf, "ms", "s"], "time", ["inf", "finite number"]),
        ([10**400, "ms", "s"], "time", ["finite number"]),
    ],
)
def test_a_faulty_value_says_what_was_found_and_what_is_wanted(found: object, dimension: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse_value(found, dimension)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_least_number_is_allowed_unless_strict() -> None:
    assert parse_value([0.0, "pA", "s"], "current", low=0.0).si == 0.0
    with pytest.raises(InputError, match=r"found -1 pA; wanted at least 0"):
        parse_value([-1.0, "pA", "s"], "current", low=0.0)
    with pytest.raises(InputError, match=r"found 0 ms; wanted more than 0"):
        parse_value([0.0, "ms", "s"], "time", low=0.0, strict=True)


@given(
    number=st.just(0.0) | st.floats(1e-9, 1e6) | st.floats(-1e6, -1e-9),
    unit=st.sampled_from(["s", "ms", "us", "1/Hz", "minute"]),
    source=st.text(min_size=1).filter(str.strip),
)
def test_a_value_keeps_what_the_file_says(number: float, unit: str, source: str) -> None:
    value = parse_value([number, unit, source], "time")
    assert (value.number, value.unit, value.source) == (number, unit, source)
    assert math.copysign(1, value.si) == math.copysign(1, number) or value.si == 0


def test_a_value_prints_as_in_a_table() -> None:
    assert str(Value(2.5, "ms", "x", "time")) == "2.5 ms"
    assert str(Value(800.0, "1", "x", "number")) == "800"


@given(st.integers(0, 10_000_000), st.sampled_from([1e-5, 2.5e-5, 5e-5, 1e-4, 1e-3]))
def test_steps_of_a_multiple_is_exact(count: int, dt: float) -> None:
    assert steps(count * dt, dt) == count


def test_steps_does_not_cut_but_refuses() -> None:
    assert steps(0.3e-3, 0.1e-3) == 3  # int(0.3 / 0.1) is 2
    with pytest.raises(InputError, match=r"0\.25 ms is not a multiple of the time step 0\.1 ms"):
        steps(0.25e-3, 0.1e-3)


@given(st.integers(0, 10_000), st.floats(0.01, 0.99))
def test_steps_refuses_what_lies_between(count: int, part: float) -> None:
    with pytest.raises(InputError):
        steps((count + part) * 1e-4, 1e-4)
