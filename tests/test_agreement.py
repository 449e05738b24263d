"""Measures of agreement against cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError
from cerebellum.readout.agreement import (
    compare_all,
    effective_beta,
    effective_weights,
    normalized,
    r2,
    recall,
    shuffled_r2,
    total_variation,
)


def fair_signs(rng: np.random.Generator, patterns: int, bits: int) -> np.ndarray:
    return np.where(rng.random((patterns, bits)) < 0.5, -1.0, 1.0)


@settings(max_examples=50)
@given(
    patterns=st.integers(1, 10),
    queries=st.integers(1, 8),
    gain=st.floats(0.1, 1e3),
    offset=st.floats(-1e3, 1e3),
    seed=st.integers(0, 2**31),
)
def test_known_weights_are_recovered_whatever_gain_and_offset(
    patterns: int, queries: int, gain: float, offset: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    signs = fair_signs(rng, patterns, 128)
    weights = normalized(rng.random((queries, patterns)) + 0.01)
    found = effective_weights(gain * weights @ signs + offset, signs)
    assert found == pytest.approx(weights, abs=1e-9)
    assert found.sum(axis=1) == pytest.approx(np.ones(queries))


def test_noise_on_the_readout_leaves_the_error_of_least_squares() -> None:
    rng = np.random.default_rng(1)
    signs, weights = fair_signs(rng, 5, 4000), normalized(rng.random((200, 5)))
    found = effective_weights(weights @ signs + 0.5 * rng.standard_normal((200, 4000)), signs)
    # Each coefficient has a standard error of 0.5 / sqrt(4000); the division by their sum (1) adds a little.
    assert (found - weights).std() == pytest.approx(0.5 / math.sqrt(4000), rel=0.25)


def test_two_bits_a_pattern_are_the_least() -> None:
    rng = np.random.default_rng(1)
    signs = fair_signs(rng, 4, 8)
    effective_weights(np.ones((1, 8)) + signs[:1], signs)
    with pytest.raises(ArgumentError, match="4 patterns want at least 8 pointer bits"):
        effective_weights(np.ones((1, 7)), signs[:, :7])


def test_normalised_rows_sum_to_one_and_an_empty_row_stays_empty() -> None:
    made = normalized(np.array([[1.0, 3.0], [0.0, 0.0]]))
    assert np.array_equal(made, [[0.25, 0.75], [0.0, 0.0]])


def test_r2_of_known_relations() -> None:
    rng = np.random.default_rng(1)
    a, noise = rng.standard_normal((200, 50)), rng.standard_normal((200, 50))
    assert r2(a, 3 * a - 7) == pytest.approx(1)
    assert r2(a, -a) == pytest.approx(1)
    assert r2(a, a + 2 * noise) == pytest.approx(1 / 5, abs=0.03)  # var(a) / (var(a) + 4 var(noise))
    assert r2(a, np.ones_like(a)) == 0.0
    assert r2(a, noise) < 16 / a.size  # r has a standard error of 1/sqrt(10,000); four of them


def test_total_variation_of_known_distributions() -> None:
    a = np.array([[1.0, 0.0], [0.5, 0.5]])
    b = np.array([[0.0, 1.0], [0.5, 0.5]])
    assert total_variation(a, a) == 0
    assert total_variation(a, b) == 0.5  # one row disjoint (1), one equal (0)


@pytest.mark.parametrize("patterns", [6, 20])
def test_shuffling_the_patterns_brings_r2_to_chance(patterns: int) -> None:
    """Weights peaked on the target: a permutation without fixed points leaves r = -1/(patterns - 1) on average."""
    rng = np.random.default_rng(1)
    cues = np.arange(40 * patterns) % patterns
    weights = normalized(np.eye(patterns)[cues] * 5 + rng.random((len(cues), patterns)))
    assert r2(weights, weights) == pytest.approx(1)
    assert shuffled_r2(weights, weights, rng) == pytest.approx(1 / (patterns - 1) ** 2, abs=0.01)


def test_two_patterns_have_no_control() -> None:
    rng = np.random.default_rng(1)
    first = rng.random((30, 1))
    weights = np.hstack([first, 1 - first])
    assert r2(weights[:, ::-1], weights) == pytest.approx(1)
    assert math.isnan(shuffled_r2(weights, weights, rng))


def test_the_control_is_the_regression_with_shuffled_pointers() -> None:
    """Permuting columns of the weights is the regression of the same readout on permuted pointers."""
    rng = np.random.default_rng(1)
    signs = fair_signs(rng, 6, 64)
    readout = rng.standard_normal((10, 64))
    order = rng.permutation(6)
    assert effective_weights(readout, signs[order]) == pytest.approx(effective_weights(readout, signs)[:, order])


@pytest.mark.parametrize("beta", [0.5, 4.0, 12.0])
def test_beta_of_an_exact_exponential(beta: float) -> None:
    rng = np.random.default_rng(1)
    target = np.arange(60) % 6
    cosine = np.zeros((60, 6))
    cosine[np.arange(60), target] = np.repeat([1.0, 0.75, 0.5], 20)
    found = effective_beta(normalized(np.exp(beta * cosine)), cosine, target, rng)
    assert (found.value, found.low, found.high) == pytest.approx((beta, beta, beta))


def test_beta_of_a_single_pattern_is_not_a_number() -> None:
    found = effective_beta(np.ones((3, 1)), np.ones((3, 1)), np.zeros(3, int), np.random.default_rng(1))
    assert math.isnan(found.value)


def test_beta_of_noisy_weights_lies_in_its_interval() -> None:
    rng = np.random.default_rng(2)
    target = np.zeros(200, int)
    cosine = np.tile([1.0, 0.0, 0.0, 0.0], (200, 1))
    weights = np.exp(3 * cosine) / (np.exp(3) + 3) + 0.02 * rng.standard_normal((200, 4))
    found = effective_beta(weights, cosine, target, rng)
    assert found.low < 3 < found.high
    assert found.high - found.low < 0.5


def test_the_interval_of_beta_is_that_of_queries_drawn_one_set_after_the_other() -> None:
    """Published intervals rest on these draws; half the sets of two queries have no slope and do not count."""
    cosine = np.array([[0.9, 0.1], [0.9, 0.3]])
    weights = np.array([[0.8, 0.2], [-1.5, 2.5]])
    slopes, rng = [], np.random.default_rng(4)
    for _ in range(1000):
        pick = rng.choice(2, 2)
        near, far = weights[pick].mean(axis=0)
        if near > 0:
            slopes.append(np.log(near / far) / (cosine[pick, 0] - cosine[pick, 1]).mean())
    assert 200 < len(slopes) < 300
    found = effective_beta(weights, cosine, np.zeros(2, int), np.random.default_rng(4))
    assert [found.low, found.high] == pytest.approx(np.percentile(slopes, [2.5, 97.5]), rel=1e-12)
    one = effective_beta(weights[:1], cosine[:1], np.zeros(1, int), np.random.default_rng(4))
    assert one.low == one.value == one.high == pytest.approx(np.log(4) / 0.8)


def test_recall_counts_bits_and_patterns() -> None:
    pointers = np.array([[True, True, True, True], [False, False, False, False]])
    asked = np.array([[True, True, True, False], [True, False, False, False], [True, True, True, True]])
    found = recall(asked, pointers, np.array([0, 1, 1]))
    assert found.bits == pytest.approx((3 + 3 + 0) / 12)
    assert found.patterns == pytest.approx(2 / 3)


def test_all_pairs_are_compared_in_the_given_order() -> None:
    rng = np.random.default_rng(1)
    weights = {name: normalized(rng.random((4, 3))) for name in ("purkinje", "sdm", "attention")}
    found = compare_all(weights)
    assert list(found) == ["purkinje_vs_sdm", "purkinje_vs_attention", "sdm_vs_attention"]
    assert found["purkinje_vs_sdm"]["tv"] == pytest.approx(total_variation(weights["purkinje"], weights["sdm"]))
