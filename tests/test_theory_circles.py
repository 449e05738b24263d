"""Exact circle intersections against enumeration, closed forms and published values."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError
from cerebellum.theory import sdm
from cerebellum.theory.approximation import (
    exponential_approximation,
    exponential_beta,
    intersection_bounds,
    kanerva_log_share,
)


@st.composite
def _space(draw, n_max=200):
    n = draw(st.integers(1, n_max))
    return n, draw(st.integers(0, n)), draw(st.integers(0, n))


def _enumerated(n, radius, read_radius):
    """Addresses in both balls for every distance of the centres, by visiting all 2^n of them."""
    x = np.arange(1 << n, dtype=np.uint32)
    near_first = np.bitwise_count(x) <= radius
    return [
        int((near_first & (np.bitwise_count(x ^ np.uint32((1 << v) - 1)) <= read_radius)).sum()) for v in range(n + 1)
    ]


def _split_form(n, radius, read_radius, v):
    """Sum over the errors j on the v bits where the centres differ: an independent formula."""
    return sum(
        math.comb(v, j) * sum(math.comb(n - v, i) for i in range(min(radius - j, read_radius - v + j, n - v) + 1))
        for j in range(v + 1)
    )


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_intersection_equals_enumeration_for_all_radii(n):
    for radius in range(n + 1):
        for read_radius in range(n + 1):
            expected = _enumerated(n, radius, read_radius)
            assert [sdm.intersection(n, radius, v, read_radius) for v in range(n + 1)] == expected


@pytest.mark.parametrize(("n", "radius"), [(n, r) for n in (11, 12) for r in range(n + 1)])
def test_intersection_equals_enumeration_for_equal_radii(n, radius):
    assert [sdm.intersection(n, radius, v) for v in range(n + 1)] == _enumerated(n, radius, radius)


@given(_space(60), st.data())
def test_intersection_equals_the_split_form(space, data):
    n, radius, v = space
    read_radius = data.draw(st.integers(0, n))
    assert sdm.intersection(n, radius, v, read_radius) == _split_form(n, radius, read_radius, v)


def test_published_intersections():
    assert [sdm.intersection(64, 5, v) for v in range(5)] == [8303633, 1274786, 1274786, 231076, 231076]
    assert sdm.intersection(64, 5, 10) == 252
    assert sdm.intersection(64, 11, 0) == 927740240713
    assert sdm.intersection(64, 15, 0) == 224723513577529
    assert sdm.intersection(64, 15, 10) == 10760536982014


@given(_space())
def test_intersection_properties(space):
    n, radius, v = space
    shared = sdm.intersection(n, radius, v)
    assert isinstance(shared, int)
    assert (shared == 0) == (v > 2 * radius)
    assert sdm.intersection(n, radius, 0) == sdm.ball_volume(n, radius)
    if v < n:
        assert sdm.intersection(n, radius, v + 1) <= shared
    if v % 2 == 1 and v < n:
        assert sdm.intersection(n, radius, v + 1) == shared
    if radius < n:
        assert sdm.intersection(n, radius + 1, v) >= shared


@given(_space(), st.data())
def test_intersection_is_symmetric_in_the_two_radii(space, data):
    n, radius, v = space
    read_radius = data.draw(st.integers(0, n))
    assert sdm.intersection(n, radius, v, read_radius) == sdm.intersection(n, read_radius, v, radius)


@given(_space(), st.data())
def test_logarithms_equal_the_integers(space, data):
    n, radius, v = space
    read_radius = data.draw(st.integers(0, n))
    log_shared = sdm.log_intersection(n, radius, read_radius=read_radius)
    exact = sdm.intersection(n, radius, v, read_radius)
    if exact == 0:
        assert log_shared[v] == -math.inf
    else:
        assert log_shared[v] == pytest.approx(math.log(exact), abs=1e-11)
    assert sdm.log_ball_volume(n, radius) == pytest.approx(math.log(sdm.ball_volume(n, radius)), abs=1e-11)


@pytest.mark.parametrize(("n", "radius", "error"), [(1000, 451, 1e-11), (10_000, 4_800, 1e-10), (10_000, 9_000, 1e-10)])
def test_logarithms_of_large_spaces(n, radius, error):
    log_shared = sdm.log_intersection(n, radius)
    for v in (0, 1, n // 10, n // 2, n - 1, n):
        exact = sdm.intersection(n, radius, v)
        assert log_shared[v] == pytest.approx(math.log(exact) if exact else -math.inf, abs=error)


def test_a_thousand_bits_over_all_distances_take_under_50_ms():
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        sdm.log_intersection(1000, 451)
        best = min(best, time.perf_counter() - start)
    assert best < 0.05  # 0.15 ms on the machine of its writing


def test_expected_neurons_of_kanervas_classic_memory():
    found = [sdm.expected_neurons(1000, 451, v, 10**6) for v in (0, 1, 10, 50, 100, 150, 200, 300, 400, 500)]
    expected = [1071.85, 958.44, 795.87, 476.87, 285.83, 173.63, 103.46, 32.32, 7.597, 1.101]
    assert found[:8] == pytest.approx(expected[:8], abs=5e-3)  # to the digits they are given with
    assert found[8:] == pytest.approx(expected[8:], abs=5e-4)
    assert sdm.expected_neurons(64, 11, 3, 2**64) == sdm.intersection(64, 11, 3)


def test_kanervas_integral_prints_his_numbers():
    found = [1e6 * math.exp(kanerva_log_share(1000, 451, v)) for v in (0, 1, 10, 50, 100, 150, 200, 300, 400, 500)]
    assert found == pytest.approx([970.8, 888.2, 713.1, 426.7, 254.6, 153.9, 91.3, 28.2, 6.55, 0.94], rel=4e-3)


def test_monte_carlo_overlap_of_the_published_simulation():
    """n = 100, r = 10,000, radius 35: the author's mean of 20 runs is 17.7 shared neurons at distance 0."""
    assert sdm.expected_neurons(100, 35, 0, 10_000) == pytest.approx(17.59, abs=0.005)
    rng = np.random.default_rng(1)
    neurons = rng.integers(0, 2, (20, 10_000, 100), dtype=np.int8)
    counts = [int((run.sum(axis=1) <= 35).sum()) for run in neurons]
    # Five standard errors of a binomial count's mean over 20 runs: sqrt(17.59 / 20).
    assert abs(np.mean(counts) - 17.59) < 5 * math.sqrt(17.59 / 20)


@pytest.mark.parametrize("model", ["binomial", "poisson"])
def test_neuron_count_holds_the_drawn_counts(model):
    law = sdm.neuron_count(20, 5, 4, 5_000, model=model, coverage=0.9)
    rng = np.random.default_rng(2)
    other = np.r_[np.ones(4, np.int8), np.zeros(16, np.int8)]
    counts = []
    for _ in range(400):
        cells = rng.integers(0, 2, (5_000, 20), dtype=np.int8)
        counts.append(int(((cells.sum(axis=1) <= 5) & ((cells ^ other).sum(axis=1) <= 5)).sum()))
    assert abs(np.mean(counts) - law.mean) < 5 * law.sd / math.sqrt(len(counts))
    # The standard deviation of a sample of 400 is within 1 / sqrt(800) = 3.5% of the law's; five times that.
    assert np.std(counts) == pytest.approx(law.sd, rel=0.18)
    share = np.mean([law.low <= c <= law.high for c in counts])
    assert 0.85 < share < 0.97  # 0.9 and the discreteness of the interval, five standard errors of 0.015 below


def test_neuron_count_of_a_full_space_is_finite():
    law = sdm.neuron_count(64, 11, 0, 2**64, model="poisson")
    assert law.mean == pytest.approx(927740240713)
    assert law.low < law.mean < law.high
    assert law.sd == pytest.approx(math.sqrt(law.mean))


def test_empty_ball_probability():
    assert sdm.empty_ball_probability(1000, 424, 10**6) == pytest.approx(0.4231, abs=1e-4)
    assert sdm.empty_ball_probability(4, 1, 3) == pytest.approx((11 / 16) ** 3)
    assert sdm.empty_ball_probability(4, 3, 2) == pytest.approx((1 / 16) ** 2)
    assert sdm.empty_ball_probability(4, 4, 1) == 0.0
    assert sdm.empty_ball_probability(4, 4, 0) == 1.0
    # So small a ball that 1 - p rounds to 1.
    assert sdm.empty_ball_probability(256, 2, 2**240) == pytest.approx(math.exp(-32897 / 2**16))


@given(st.integers(2, 100), st.data())
def test_bounds_hold(n, data):
    radius = data.draw(st.integers(0, n // 2))
    v = np.arange(n + 1)
    low, high = intersection_bounds(n, radius, v)
    log_share = sdm.log_intersection(n, radius) - n * math.log(2)
    met = np.isfinite(log_share)
    assert (low[met] <= log_share[met] + 1e-10).all()
    assert (high[met] >= log_share[met] - 1e-10).all()
    assert np.isneginf(low[~met]).all()
    assert np.isneginf(high[~met]).all()


def test_exponential_approximation_and_its_published_beta():
    # It approximates the largest term: within 30% here, near the match of a ball that is not small.
    near = np.arange(4, 21, 2)
    assert np.abs(exponential_approximation(64, 25, near) - intersection_bounds(64, 25, near)[0]).max() < math.log(1.3)
    # Without the prefactor of v (n - v) the logarithm is a line of that slope on the cosine.
    v = np.arange(1, 64)
    line = exponential_approximation(64, 15, v) + 0.5 * np.log(v * (64 - v))
    assert np.diff(line) * -64 / 2 == pytest.approx(exponential_beta(64, 15))
    assert [exponential_beta(64, d) for d in (15, 11, 5)] == pytest.approx([4.52, 6.89, 11.39], abs=0.005)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: sdm.intersection(64, 65, 0), "radius = 65: must be a whole number from 0 to n = 64"),
        (lambda: sdm.intersection(64, 5.0, 0), "radius = 5.0"),  # type: ignore[arg-type]
        (lambda: sdm.intersection(64, True, 0), "radius = True"),
        (lambda: sdm.intersection(64, 5, 65), "distance = 65"),
        (lambda: sdm.intersection(64, 5, -1), "distance = -1"),
        (lambda: sdm.intersection(64, 5, 0, 99), "read_radius = 99"),
        (lambda: sdm.intersection(0, 0, 0), "n = 0: must be a whole number at least 1"),
        (lambda: sdm.log_intersection(64, 5, [0, 65]), "distances = 65"),
        (lambda: sdm.log_intersection(64, 5, [0.5]), "distances"),
        (lambda: sdm.expected_neurons(64, 5, 0, math.nan), "neurons = nan: must be a finite number >= 0"),
        (lambda: sdm.expected_neurons(64, 5, 0, -1), "neurons = -1"),
        (lambda: sdm.expected_neurons(64, 5, 0, 2**2000), "neurons"),
        (lambda: sdm.neuron_count(64, 5, 0, 10, model="normal"), "model = 'normal'"),
        (lambda: sdm.neuron_count(64, 5, 0, 10, coverage=1.5), "coverage = 1.5"),
        (lambda: sdm.empty_ball_probability(64, 65, 10), "radius = 65"),
        (lambda: intersection_bounds(64, 40, [0]), "radius = 40: must be at most n / 2 = 32"),
        (lambda: exponential_approximation(64, 5, [0]), "distances = 0"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ArgumentError) as error:
        call()
    assert str(error.value).startswith(named)
