"""The Gaussian-threshold limit against the bivariate normal law and the granule cells it is the limit of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from cerebellum.errors import ArgumentError
from cerebellum.theory import gaussian, granule


@given(st.floats(1e-12, 0.5), st.floats(-1, 1))
def test_overlap_properties(activity, s):
    shares = np.exp(gaussian.log_overlap(activity, [s, 1.0, 0.0, -1.0]))
    assert shares[1] == pytest.approx(activity, rel=1e-10)
    assert shares[2] == pytest.approx(activity**2, rel=1e-10)
    assert shares[3] == pytest.approx(0.0, abs=1e-15)
    assert 0 <= shares[0] <= activity * (1 + 1e-10)


@pytest.mark.parametrize(("activity", "s"), [(0.1, 0.5), (0.1, -0.5), (0.1, 0.95), (0.01, 0.8), (0.5, 0.3)])
def test_overlap_is_the_bivariate_normal_orthant(activity, s):
    corner = -gaussian.threshold(activity)
    expected = multivariate_normal([0, 0], [[1, s], [s, 1]]).cdf([corner, corner])
    assert math.exp(gaussian.log_overlap(activity, s)) == pytest.approx(expected, rel=1e-6)
    # Sheppard's formula for a threshold of zero.
    assert math.exp(gaussian.log_overlap(0.5, s)) == pytest.approx(0.25 + math.asin(s) / (2 * math.pi))


def test_it_is_the_limit_of_many_dendrites():
    n, k, threshold = 100_000, 4_001, 2_065
    activity = float(np.exp(granule.log_overlap(n, k, threshold, [0])[0]))
    v = np.array([2_000, 10_000, 30_000, 50_000])
    difference = gaussian.log_overlap(activity, 1 - 2 * v / n) - granule.log_overlap(n, k, threshold, v)
    assert np.abs(difference).max() < 2e-3  # the binomial's distance from the normal, of order 1/k at this activity


def test_fits_grow_as_activity_falls():
    betas = [gaussian.fit_beta(activity).beta for activity in (0.1, 0.01, 1e-3, 1e-6)]
    assert betas == sorted(betas)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: gaussian.threshold(0.6), "activity = 0.6"),
        (lambda: gaussian.threshold(0.0), "activity = 0.0: must be above 0"),
        (lambda: gaussian.log_overlap(0.1, [math.nan]), "cosines = nan"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ArgumentError) as error:
        call()
    assert str(error.value).startswith(named)
