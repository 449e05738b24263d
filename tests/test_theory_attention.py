"""The softmax betas of the paper, its bug included, and the weights of memory and attention."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from cerebellum.errors import ArgumentError
from cerebellum.theory.attention import fit_beta, fit_log_weights, sdm_weights, softmax_weights

# radius: ols, published, r2, ols over 0..2d, least-squares softmax, and for caps ols.
BETAS = {
    5: (28.3878, 35.4848, 0.887, 32.95, 43.738, 57.3674),
    9: (17.8142, 20.0410, 0.960, 22.88, 24.593, 26.460),
    11: (14.4116, 15.8528, 0.972, 19.34, 18.814, 19.5816),
    15: (9.4364, 10.1104, 0.984, 13.79, 11.164, 11.4145),
}


@pytest.mark.parametrize("radius", BETAS)
def test_betas_of_64_bits(radius):
    ols, published, r2, wide, softmax, caps = BETAS[radius]
    fit = fit_beta(64, radius)
    assert fit.beta == pytest.approx(ols, abs=1e-3)
    assert fit.r2 == pytest.approx(r2, abs=5e-4)
    assert fit_beta(64, radius, estimator="published").beta == pytest.approx(published, abs=1e-3)
    assert fit_beta(64, radius, range(2 * radius + 1)).beta == pytest.approx(wide, abs=5e-3)
    assert fit_beta(64, radius, estimator="softmax").beta == pytest.approx(softmax, abs=1e-3)
    assert fit_beta(64, radius, space="continuous").beta == pytest.approx(caps, abs=1e-3)
    assert fit_beta(64, radius, space="continuous").r2 > 0.995


@given(st.integers(8, 200), st.data())
def test_published_beta_is_too_large_by_n_over_n_minus_1(n, data):
    radius = data.draw(st.integers(2, n // 2))
    ratio = fit_beta(n, radius, estimator="published").beta / fit_beta(n, radius).beta
    assert ratio == pytest.approx(radius / (radius - 1))


def test_published_table_of_betas():
    """The paper's table, fitted over distances 1..d."""
    table = (
        "35.36 27.05 25.90 21.43 20.04 17.16 15.87 13.81 12.67 11.11 10.12 8.89 8.03 7.04 6.30 5.49 4.85 4.18 3.64 3.09"
    )
    table += " 2.64 2.20 1.83 1.48 1.19 .92 .71"
    found = [fit_beta(64, d, range(1, d + 1), estimator="published").beta for d in range(5, 32)]
    assert found == pytest.approx([float(x) for x in table.split()], abs=6e-3)


def test_the_fit_is_least_squares():
    fit = fit_beta(64, 11)
    slope, intercept = np.polynomial.polynomial.polyfit(
        fit.cosines, fit.beta * fit.cosines + fit.intercept + fit.residuals, 1
    )[::-1]
    assert slope == pytest.approx(fit.beta)
    assert intercept == pytest.approx(fit.intercept)
    assert fit.residuals.sum() == pytest.approx(0, abs=1e-10)


@given(st.floats(0.01, 500), st.floats(-10, 10))
def test_every_estimator_finds_an_exact_softmax(beta, intercept):
    s = np.linspace(0.2, 1, 20)
    for estimator in ("ols", "softmax"):
        fit = fit_log_weights(s, beta * s + intercept, estimator)
        assert fit.beta == pytest.approx(beta, rel=1e-4)
        assert fit.r2 == pytest.approx(1)


def test_target_share_of_a_read_with_1024_random_patterns():
    """The softmax's tail beyond twice the radius, where the memory is silent, halves the target's share."""
    v = np.arange(65)
    others = 1023 * binom.pmf(v, 64, 0.5)

    def shares(radius, flips):
        memory = sdm_weights(64, radius, v)
        attention = softmax_weights(1 - v / 32, fit_beta(64, radius).beta)
        return [w[flips] / (w[flips] + (others * w).sum()) for w in (memory, attention)]

    assert shares(15, 8) == pytest.approx([0.8723, 0.3667], abs=1e-4)
    assert shares(11, 8) == pytest.approx([0.998, 0.906], abs=1e-3)
    assert shares(15, 0) == pytest.approx([0.988, 0.860], abs=1e-3)


@pytest.mark.parametrize(
    ("radius", "tv", "memory_at_0", "attention_at_0"),
    [(5, 0.156, 0.729, 0.588), (9, 0.137, 0.545, 0.427), (11, 0.122, 0.464, 0.363), (15, 0.090, 0.324, 0.255)],
)
def test_distance_of_the_two_weight_curves(radius, tv, memory_at_0, attention_at_0):
    v = np.arange(65)
    memory, attention = sdm_weights(64, radius, v), softmax_weights(1 - v / 32, fit_beta(64, radius).beta)
    assert np.abs(memory - attention).sum() / 2 == pytest.approx(tv, abs=6e-4)
    assert memory[0] == pytest.approx(memory_at_0, abs=6e-4)
    assert attention[0] == pytest.approx(attention_at_0, abs=6e-4)


def test_weights_are_normalised_over_the_last_axis():
    weights = sdm_weights(64, 5, [[0, 3, 10], [20, 30, 64]])
    assert weights[0].sum() == pytest.approx(1)
    assert weights[1] == pytest.approx(0)  # no neuron answers to any of them
    assert sdm_weights(2000, 900, [[700, 701]]).sum() == pytest.approx(1)  # shares that underflow a float
    assert softmax_weights(np.array([[1.0, 0.5], [-1.0, 1.0]]), 700.0).sum(axis=-1) == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: fit_beta(64, 65), "radius = 65"),
        (lambda: fit_beta(64, 1), "radius = 1: must be at least 2"),
        (lambda: fit_beta(64, 5, estimator="best"), "estimator = 'best'"),
        (lambda: fit_beta(64, 5, space="round"), "space = 'round'"),
        (lambda: fit_beta(64, 5, [0, 11]), "distances = 11: must be at most 2 radius = 10"),
        (lambda: fit_beta(64, 5, [3, 3]), "cosines"),
        (lambda: fit_log_weights([1.0, 0.5], [0.0]), "log_weights = (1,)"),
        (lambda: fit_log_weights([1.0, 0.5], [0.0, math.nan]), "log_weights = nan: must be finite"),
        (lambda: fit_log_weights([1.0, math.nan], [0.0, 1.0]), "cosines = nan"),
        (lambda: sdm_weights(64, 5, 3), "distances = 3"),
        (lambda: softmax_weights([1.5], 1.0), "cosines = 1.5"),
        (lambda: softmax_weights([0.5], math.nan), "beta = nan"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ArgumentError) as error:
        call()
    assert str(error.value).startswith(named)


def test_the_page_on_betas_states_what_the_functions_return():
    page = (Path(__file__).parents[1] / "docs" / "beta.md").read_text()
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if re.match(r"\| \d+ ", line)
    ]
    assert [int(row[0]) for row in rows] == [5, 11, 15]
    for radius, row in zip((5, 11, 15), rows, strict=True):
        fit = fit_beta(64, radius)
        expected = [
            fit_beta(64, radius, estimator="published").beta,
            fit.beta,
            fit.r2,
            fit_beta(64, radius, range(2 * radius + 1)).beta,
            fit_beta(64, radius, estimator="softmax").beta,
            fit_beta(64, radius, space="continuous").beta,
        ]
        assert [float(cell) for cell in row[2:]] == pytest.approx(expected, abs=5.1e-4)
