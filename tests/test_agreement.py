"""Measures of agreement against cases whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebellum.cli.tables import _agreement_table
from cerebellum.errors import ArgumentError
from cerebellum.readout.agreement import (
    compare_all,
    compared,
    effective_weights,
    identity,
    normalized,
    r2,
    recall,
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


def test_identity_forgives_neither_gain_nor_offset() -> None:
    rng = np.random.default_rng(1)
    a = rng.standard_normal((200, 50))
    assert identity(a, a) == 1.0
    assert identity(a, np.full_like(a, a.mean())) == pytest.approx(0.0)
    assert identity(2 * a, a) == pytest.approx(0.75, abs=1e-3)  # SSE = var(a), SST = 4 var(a)
    assert identity(a, a + 1) == pytest.approx(0.0, abs=0.05)  # SSE = 1 = var(a)
    assert r2(2 * a + 1, a) == pytest.approx(1.0)
    assert math.isnan(identity(np.ones((3, 2)), a[:3, :2]))


def test_one_large_weight_a_row_agrees_over_all_pairs_but_not_over_the_others() -> None:
    """What made an indicator of the own pattern pass for SDM: r2 of .95 and more, and nothing beside it."""
    rng = np.random.default_rng(1)
    own = np.eye(20, dtype=bool)[np.arange(200) % 20]
    a, b = (own + 0.02 * rng.standard_normal(own.shape) for _ in range(2))
    found = compared(a, b, own)
    assert min(found["identity"], found["r2"]) > 0.98
    assert found["others"]["r2"] < 0.01
    assert found["others"]["identity"] < -0.5


def test_recall_counts_bits_and_patterns() -> None:
    pointers = np.array([[True, True, True, True], [False, False, False, False]])
    asked = np.array([[True, True, True, False], [True, False, False, False], [True, True, True, True]])
    found = recall(asked, pointers, np.array([0, 1, 1]))
    assert found.bits == pytest.approx((3 + 3 + 0) / 12)
    assert found.patterns == pytest.approx(2 / 3)


def test_all_pairs_are_compared_in_the_given_order() -> None:
    rng = np.random.default_rng(1)
    weights = {name: normalized(rng.random((4, 3))) for name in ("purkinje", "sdm", "attention")}
    found = compare_all(weights, np.eye(4, 3, dtype=bool))
    assert list(found) == ["purkinje_vs_sdm", "purkinje_vs_attention", "sdm_vs_attention"]
    assert found["purkinje_vs_sdm"]["tv"] == pytest.approx(total_variation(weights["purkinje"], weights["sdm"]))


def test_the_table_shows_identity_only_the_way_it_was_measured() -> None:
    """Identity of a about b is not that of b about a: the ceiling stands once, in the row of expected SDM."""
    rng = np.random.default_rng(1)
    weights = {name: normalized(rng.random((5, 4))) for name in ("purkinje", "sdm", "sdm_exact")}
    found = compare_all(weights, np.eye(5, 4, dtype=bool))
    summary = {"recall": dict.fromkeys(weights), "agreement": found, "beta": dict.fromkeys(weights, 1.0)}
    columns = {str(column.header): list(column.cells) for column in _agreement_table(summary).columns}
    assert columns["weights of"] == ["Purkinje spikes", "SDM, expected", "SDM, this connectome"]
    assert columns["against SDM, this connectome"][1].startswith(f"{found['sdm_vs_sdm_exact']['identity']:.3f}")
    assert columns["against SDM, expected"][2] == ""
