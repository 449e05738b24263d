"""Spherical caps against closed forms, sampling and high-precision integration."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betainc, gammaln
from scipy.stats import t as student_t

from cerebellum.errors import ArgumentError
from cerebellum.theory.sdm import cap_intersection, cap_volume


@given(st.integers(2, 1000), st.floats(-0.95, 0.95))
def test_cap_volume_is_a_tail_of_students_t(n, c):
    """The cosine of a random point to a centre, c sqrt((n - 1) / (1 - c^2)), has Student's t law with n - 1 degrees."""
    expected = student_t.sf(c * math.sqrt((n - 1) / (1 - c * c)), n - 1)
    assert cap_volume(n, c) == pytest.approx(expected, rel=1e-10, abs=1e-300)


def test_published_caps():
    assert cap_intersection(16, 1 - 8 / 16, 0.5) == pytest.approx(0.0026583224, abs=5e-11)
    assert cap_intersection(64, 1 - 22 / 64, 0.9) == pytest.approx(1.498715e-10, rel=1e-6)
    assert cap_intersection(64, 1 - 22 / 64, 0.6875) == pytest.approx(2.42196e-12, rel=1e-5)
    assert cap_volume(64, 1 - 22 / 64) == pytest.approx(1.47273e-9, rel=1e-5)


@pytest.mark.parametrize(("n", "c", "s"), [(8, 0.5, 0.5), (16, 0.3, 0.7), (64, 0.65625, 0.8)])
def test_the_formula_of_lee_and_kim(n, c, s):
    theta, half = math.acos(c), math.acos(s) / 2

    def integrand(phi):
        return math.sin(phi) ** (n - 2) * betainc((n - 2) / 2, 0.5, 1 - (math.tan(half) / math.tan(phi)) ** 2)

    log_factor = (
        (n - 1) / 2 * math.log(math.pi)
        - gammaln((n - 1) / 2)
        - math.log(2)
        - n / 2 * math.log(math.pi)
        + gammaln(n / 2)
    )
    expected = 2 * math.exp(log_factor) * quad(integrand, half, theta, epsabs=0, epsrel=1e-12)[0]
    assert cap_intersection(n, c, s) == pytest.approx(expected, rel=1e-10)


def test_sampled_intersections():
    rng = np.random.default_rng(3)
    for n, radius, s, expected in ((8, 2, 0.5, 0.021688), (16, 5, 0.5, 0.017503)):
        points = rng.standard_normal((400_000, n))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        c = 1 - 2 * radius / n
        second = s * points[:, 0] + math.sqrt(1 - s * s) * points[:, 1]
        share = ((points[:, 0] >= c) & (second >= c)).mean()
        assert cap_intersection(n, c, s) == pytest.approx(expected, abs=5e-7)
        assert abs(share - expected) < 5 * math.sqrt(expected / 400_000)


@pytest.mark.parametrize(
    ("n", "c", "s"), [(1000, 0.098, 1.0), (1000, 0.098, 0.5), (1000, 0.9, 0.99), (10_000, 0.05, 0.5), (3, 0.3, 0.99)]
)
def test_logarithms_against_thirty_digits(n, c, s):
    with mpmath.workdps(30):
        theta, half = mpmath.acos(c), mpmath.acos(s) / 2
        width = theta - half
        points = [0] + [width * mpmath.mpf("0.8") ** k for k in range(40, -1, -1)]
        integral = mpmath.quad(
            lambda t: max(mpmath.mpf(0), 1 - (mpmath.mpf(c) / mpmath.cos(half + t)) ** 2) ** (mpmath.mpf(n - 2) / 2),
            points,
        )
        expected = float(mpmath.log(integral / mpmath.pi))
    assert cap_intersection(n, c, s, log=True) == pytest.approx(expected, abs=1e-11)


@given(st.integers(2, 300), st.floats(-0.9, 0.9), st.floats(-1, 1))
def test_intersection_properties(n, c, s):
    whole, shared = cap_volume(n, c), cap_intersection(n, c, s)
    assert -1e-12 <= shared <= whole * (1 + 1e-11)
    assert cap_intersection(n, c, 1.0) == whole
    assert cap_intersection(n, c, min(1.0, s + 0.1)) >= shared * (1 - 1e-11) - 1e-12
    # Opposite half-spaces: the caps of -c are the complement.
    assert cap_intersection(n, -c, s) == pytest.approx(1 - 2 * whole + shared, abs=1e-11)


def test_caps_that_do_not_meet():
    assert cap_intersection(64, 0.8, -0.5) == 0.0
    assert cap_intersection(64, 0.8, -0.5, log=True) == -math.inf
    assert cap_intersection(2, 0.0, 0.0) == pytest.approx(0.25)  # two quarter turns of a circle
    shares = cap_intersection(64, 0.5, np.array([[1.0, 0.5], [0.0, -1.0]]))
    assert shares.shape == (2, 2)
    assert shares[1, 1] == 0.0


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: cap_volume(1, 0.5), "n = 1: must be a whole number at least 2"),
        (lambda: cap_volume(8, 1.5), "threshold = 1.5: must be a finite number from -1 to 1"),
        (lambda: cap_intersection(8, math.nan, 0.5), "threshold = nan"),
        (lambda: cap_intersection(8, 0.5, [0.5, 1.1]), "cosine = 1.1"),
        (lambda: cap_intersection(8, 0.5, ["a"]), "cosine"),  # type: ignore[list-item]
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ArgumentError) as error:
        call()
    assert str(error.value).startswith(named)
