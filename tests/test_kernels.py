"""Kernels of spike timing: against their formulas, their Brian2 text, and their known places, widths and areas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from cerebellum.description.timing_kernels import CosExp, Kernel


def ms(value: float) -> list[object]:
    return [value, "ms", "assumed: x"]


KERNELS: dict[str, dict[str, Any]] = {
    "rectangular": {"kind": "rectangular", "window": ms(50)},
    "alpha": {"kind": "alpha", "peak": ms(30), "window": ms(120)},
    "sin_exp": {"kind": "sin_exp"},
    "sin": {"kind": "sin", "exponent": [20, "1", "assumed: x"], "peak": ms(100)},
    "sin_2": {"kind": "sin", "exponent": [2, "1", "assumed: x"], "peak": ms(80)},
}
REFERENCE = {
    "rectangular": lambda lag: 1.0 if 0 < lag <= 0.05 else 0.0,
    "alpha": lambda lag: lag / 0.03 * math.exp(1 - lag / 0.03) if 0 < lag <= 0.12 else 0.0,
    # cereb-nest, stdp_connection_sinexp.h, in milliseconds and with s = t_PF - t_CF as there.
    "sin_exp": lambda lag: (
        math.exp(-(-1e3 * lag - 150.0) / 1000.0) * math.sin(2 * math.pi * (-1e3 * lag - 150.0) / 1000.0) ** 20 / 1.2848
        if 0 < lag <= 0.2
        else 0.0
    ),
    "sin": lambda lag: edlut(lag, 20, 0.1),
    "sin_2": lambda lag: edlut(lag, 2, 0.08),
}


def edlut(lag: float, n: int, peak: float) -> float:
    """SpikingCerebellum's kernel, cut at its second zero."""
    x = lag / (peak / math.atan(n))
    if not 0 < x <= math.pi:
        return 0.0
    return math.exp(-x) * math.sin(x) ** n / (math.exp(-math.atan(n)) * math.sin(math.atan(n)) ** n)


# Off the exact edges, where the reference and the kernel may round a lag differently.
LAGS = np.concatenate([np.linspace(-0.0501, 0.2503, 61), [1e-4, 0.0499, 0.0501, 0.1199, 0.1201, 0.1999, 0.2001, -1e6]])


def kernel_of(name: str) -> Kernel:
    return TypeAdapter(Kernel).validate_python(KERNELS[name])


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_its_formula(name: str) -> None:
    assert kernel_of(name)(LAGS) == pytest.approx([REFERENCE[name](lag) for lag in LAGS], abs=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernels_brian2_text_says_the_same(name: str) -> None:
    text = kernel_of(name).text("lag", 1e-4)
    names = {
        "exp": math.exp,
        "sin": math.sin,
        "cos": math.cos,
        "abs": abs,
        "pi": math.pi,
        "second": 1.0,
        "int": int,
        "clip": lambda x, a, b: min(max(x, a), b),
    }
    lags = np.rint(LAGS / 1e-4) * 1e-4  # the engine has no others
    found = [eval(text, {"__builtins__": {}}, {**names, "lag": float(lag)}) for lag in lags]
    assert kernel_of(name)(lags) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_looks_back_only_and_peaks_at_one(name: str) -> None:
    kernel = kernel_of(name)
    lags = np.arange(-1.0, 1.0, 1e-4, dtype=np.float64)
    values = kernel(lags)
    assert (values[lags <= 0] == 0).all()
    assert (values[lags > kernel.support + 1e-6] == 0).all()
    assert (values >= 0).all()
    assert values.max() == pytest.approx(1.0, abs=0.01)


def width(lags: np.ndarray, values: np.ndarray) -> float:
    """Full width at half maximum of one peak, to the grid."""
    above = lags[values >= values.max() / 2]
    return float(above[-1] - above[0])


def test_the_sin_exp_kernel_has_its_place_width_and_area() -> None:
    """Place in closed form; all three, to half a millisecond a flank, as known from a coarse table of the formula."""
    lags = np.arange(0.0, 0.2, 1e-5, dtype=np.float64)
    values = kernel_of("sin_exp")(lags)
    place = lags[values.argmax()]
    assert place == pytest.approx(0.1 + math.atan(1 / (40 * math.pi)) / (2 * math.pi), abs=1.1e-5)
    assert place == pytest.approx(0.1015, abs=5e-4)
    assert width(lags, values) == pytest.approx(0.0825, abs=1e-3)
    assert kernel_of("sin_exp").area == pytest.approx(0.0878, abs=5e-5)


@pytest.mark.parametrize(("n", "wanted"), [(2, 0.129), (4, 0.084), (8, 0.056), (20, 0.034)])
def test_the_sin_kernel_peaks_where_it_says_and_narrows_with_its_exponent(n: int, wanted: float) -> None:
    """Widths computed from the formula elsewhere, to the millisecond; at n = 20 `sin_exp` is 2.4 times as wide."""
    kernel = TypeAdapter(Kernel).validate_python({**KERNELS["sin"], "exponent": [n, "1", "assumed: x"]})
    lags = np.arange(0.0, 0.32, 1e-5, dtype=np.float64)
    values = kernel(lags)
    assert lags[values.argmax()] == pytest.approx(0.1, abs=1.1e-5)
    assert width(lags, values) == pytest.approx(wanted, abs=6e-4)
    assert values[-1] == kernel(np.array(kernel.support + 1e-5)) == 0  # the lobe after the second zero is cut


@pytest.mark.parametrize("n", [0, 3, 22])
def test_the_sin_kernel_wants_an_even_exponent(n: int) -> None:
    with pytest.raises(ValidationError, match="exponent"):
        TypeAdapter(Kernel).validate_python({**KERNELS["sin"], "exponent": [n, "1", "assumed: x"]})


def test_areas_in_closed_form() -> None:
    assert kernel_of("rectangular").area == pytest.approx(0.05, rel=1e-9)
    x = 0.12 / 0.03
    assert kernel_of("alpha").area == pytest.approx(0.03 * math.e * (1 - (1 + x) * math.exp(-x)), rel=1e-6)
    # The cosine is 1 within 5e-5 over 10 ms.
    assert CosExp().area == pytest.approx(2 * (1 - math.exp(-4)) / 400, rel=1e-4)
    assert CosExp()(np.array([-0.002, 0.002])) == pytest.approx([math.exp(-0.8) * math.cos(0.002) ** 2] * 2)
    assert CosExp()(np.array([-0.0101, 0.0101, math.nan])).tolist() == [0, 0, 0]
