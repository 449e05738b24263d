"""Beta and curvature of known kernels, their intervals, and the curve with its error."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cerebellum.readout.agreement import normalized
from cerebellum.readout.curve import curve, effective_beta, pairs

PLACES = 16


def ring(noise: tuple[float, ...] = (1.0,)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cosines of the cues of a ring with its patterns, noise levels, own patterns; all cosines shrink with noise."""
    place = np.arange(PLACES)
    apart = np.abs(place[:, None] - place)
    cosine = 1 - np.minimum(apart, PLACES - apart) / (PLACES / 2)
    return (
        np.concatenate([c * cosine for c in noise]),
        np.repeat(np.arange(len(noise)), PLACES),
        np.tile(place, len(noise)),
    )


def slope(weights: np.ndarray, cosine: np.ndarray, flips: np.ndarray, target: np.ndarray, expected=None):
    expected = weights if expected is None else expected
    return effective_beta(weights, expected, pairs(cosine, flips, target), np.random.default_rng(1))


@pytest.mark.parametrize("beta", [0.5, 4.0, 12.0])
def test_beta_of_an_exact_exponential(beta: float) -> None:
    """Rows of different noise have different sums; each level's own intercept takes that up."""
    cosine, flips, target = ring((1.0, 0.75, 0.5))
    found = slope(normalized(np.exp(beta * cosine)), cosine, flips, target)
    assert (found.value, found.low, found.high) == pytest.approx((beta, beta, beta))
    assert (found.curvature, found.curvature_low, found.curvature_high) == pytest.approx((0, 0, 0), abs=1e-6)


def test_curvature_of_a_power() -> None:
    """ln ((1 + c) / 2)^4 has the second derivative -4 / (1 + c)^2: from -4 to -1 over these cosines."""
    cosine, flips, target = ring()
    found = slope(normalized(((1 + cosine) / 2) ** 4), cosine, flips, target)
    assert 2 < found.value < 4  # of 4 / (1 + c), weighted towards c = 1
    assert -4 < found.curvature < -1


def test_noisy_weights_have_their_beta_in_the_interval_as_often_as_it_says() -> None:
    cosine, flips, target = ring()
    expected, rng = normalized(np.exp(2 * cosine)), np.random.default_rng(3)
    hits, widths = [], []
    for _ in range(60):
        found = slope(expected + 0.02 * rng.standard_normal(expected.shape), cosine, flips, target, expected)
        hits.append(found.low < 2 < found.high)
        widths.append(found.high - found.low)
    assert 0.8 <= np.mean(hits) <= 1  # 0.95, of sixteen clusters a little less; binomial sd 0.03
    assert np.mean(widths) < 1


def test_weights_without_a_curve_have_no_beta() -> None:
    found = slope(np.ones((3, 1)), np.ones((3, 1)), np.zeros(3, int), np.zeros(3, int))
    assert math.isnan(found.value)
    cosine, flips, target = ring()
    assert math.isnan(slope(-np.ones_like(cosine), cosine, flips, target, np.ones_like(cosine)).value)


def test_the_curve_is_the_mean_of_each_cosine_with_the_error_of_its_patterns() -> None:
    cosine, _, target = ring()
    rng = np.random.default_rng(1)
    weights = cosine + 0.1 * rng.standard_normal(cosine.shape)
    found = curve(weights, cosine, target)
    assert found["cosines"] == pytest.approx(np.arange(9) / 8)
    at = np.isclose(cosine, 0.5)
    assert found["mean"][4] == pytest.approx(weights[at].mean())
    each = np.array([row[here].mean() for row, here in zip(weights, at, strict=True)])
    assert found["error"][4] == pytest.approx(each.std(ddof=1) / 4)
