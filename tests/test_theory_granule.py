"""Granule-cell overlaps against enumeration of all cells, Kanerva's memory, and Jaeckel's designs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError
from cerebellum.theory import granule, sdm


def _all_cells(n, k, f, v):
    """Mean of f(matches of x) f(matches of y) over all choices of k lines and of the preferred bits."""
    x, y = np.zeros(n, int), np.r_[np.ones(v, int), np.zeros(n - v, int)]
    lines = np.array(list(itertools.combinations(range(n), k)))
    preferred = np.array(list(itertools.product((0, 1), repeat=k)))
    m_x = (x[lines][:, None] == preferred).sum(-1)
    m_y = (y[lines][:, None] == preferred).sum(-1)
    return float((f[m_x] * f[m_y]).mean())


@pytest.mark.parametrize(("n", "k"), [(6, 3), (5, 5), (7, 2), (9, 4)])
def test_overlap_equals_enumeration(n, k):
    graded = np.random.default_rng(0).random(k + 1)
    for v in range(n + 1):
        for threshold in range(k + 1):
            step = (np.arange(k + 1) >= threshold).astype(float)
            assert granule.overlap(n, k, threshold, v) == pytest.approx(_all_cells(n, k, step, v), abs=1e-13)
            assert granule.overlap(n, k, 0, v, step) == pytest.approx(_all_cells(n, k, step, v), abs=1e-13)
        assert granule.overlap(n, k, 0, v, graded) == pytest.approx(_all_cells(n, k, graded, v), abs=1e-13)


@pytest.mark.parametrize(("n", "a", "k"), [(8, 3, 4), (7, 5, 3), (6, 2, 6), (10, 4, 3)])
def test_sparse_overlap_equals_enumeration(n, a, k):
    lines = np.array(list(itertools.combinations(range(n), k)))
    for shared in range(max(0, 2 * a - n), a + 1):
        first = (lines < a).sum(-1)
        second = ((lines >= a - shared) & (lines < 2 * a - shared)).sum(-1)
        for threshold in range(k + 1):
            expected = ((first >= threshold) & (second >= threshold)).mean()
            assert granule.sparse_overlap(n, a, k, threshold, shared) == pytest.approx(expected, abs=1e-13)
        f = np.random.default_rng(1).random(k + 1)
        expected = (f[first] * f[second]).mean()
        assert granule.sparse_overlap(n, a, k, 0, shared, f) == pytest.approx(expected, abs=1e-13)


@given(st.integers(1, 256), st.data())
def test_cells_that_read_all_lines_are_kanervas_memory(n, data):
    radius, v = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    expected = sdm.intersection(n, radius, v) / 2**n
    assert granule.overlap(n, n, n - radius, v) == pytest.approx(expected, rel=1e-11)


def test_reading_all_of_256_lines_is_sound_in_logarithms_and_graded():
    step = (np.arange(257) >= 153).astype(float)
    for v in (0, 1, 100, 206):
        expected = math.log(sdm.intersection(256, 103, v)) - 256 * math.log(2)
        assert granule.log_overlap(256, 256, 153, [v])[0] == pytest.approx(expected, abs=1e-11)
        assert granule.log_overlap(256, 256, 153, [v], step)[0] == pytest.approx(expected, abs=1e-11)
    assert granule.overlap(256, 256, 153, 207) == 0.0


@given(st.integers(1, 60), st.data())
def test_overlap_properties(n, data):
    k = data.draw(st.integers(1, n))
    threshold = data.draw(st.integers(0, k))
    overlaps = np.exp(granule.log_overlap(n, k, threshold))
    assert (np.diff(overlaps) <= 1e-13).all()
    # At distance 0 it is the share of active cells.
    assert overlaps[0] == pytest.approx(sum(math.comb(k, m) for m in range(threshold, k + 1)) / 2**k)
    # Selected coordinates, threshold k: 2^-k C(n - v, k) / C(n, k).
    closed = [math.comb(n - v, k) / math.comb(n, k) / 2**k for v in range(n + 1)]
    assert np.exp(granule.log_overlap(n, k, k)) == pytest.approx(closed, rel=1e-11, abs=1e-300)


def test_a_linear_response_gives_a_linear_kernel():
    """f(m) = m: the mean product is k^2/4 + k/4 (1 - 2 v/n)."""
    n, k = 40, 7
    for v in (0, 5, 20, 40):
        found = granule.overlap(n, k, 0, v, np.arange(k + 1))
        assert found == pytest.approx(k * k / 4 + k / 4 * (1 - 2 * v / n))


@pytest.mark.parametrize(
    ("n", "k", "threshold", "fitted"),
    [
        (1000, 10, 10, 5.7353),
        (100, 4, 3, 1.1314),
        (100, 4, 4, 2.3367),
        (64, 8, 6, 1.8406),
        (64, 8, 8, 4.912),
        (100, 20, 14, 2.545),
    ],
)
def test_betas_of_designs(n, k, threshold, fitted):
    fit = granule.fit_beta(n, k, threshold)
    assert fit.beta == pytest.approx(fitted, abs=1e-3)
    assert fit.r2 > 0.99


def test_hyperplane_design_on_sparse_codes():
    """Jaeckel's hyperplane: n = 1,000, 100 ones, 3 selected; the overlap is C(o, k) / C(n, k), of beta near k."""
    assert granule.sparse_overlap(1000, 100, 3, 3, 100) == pytest.approx(9.731e-4, abs=5e-8)
    for shared in (3, 50, 99):
        expected = math.comb(shared, 3) / math.comb(1000, 3)
        assert granule.sparse_overlap(1000, 100, 3, 3, shared) == pytest.approx(expected, rel=1e-10)
    assert granule.sparse_overlap(1000, 100, 3, 3, 2) == 0.0
    # Over the upper half of the cosines the slope is that of k ln s against s: 1.2 to 1.4 times k.
    assert 4.8 < granule.fit_sparse_beta(10_000, 1_000, 4, 4).beta < 5.6


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: granule.overlap(64, 65, 3, 0), "dendrites = 65: must be a whole number from 1 to n = 64"),
        (lambda: granule.overlap(64, 4, 5, 0), "threshold = 5: must be a whole number from 0 to dendrites = 4"),
        (lambda: granule.overlap(64, 4, 3, 65), "distances = 65"),
        (lambda: granule.overlap(64, 4, 3, 0, [0, 1]), "response = (2,)"),
        (lambda: granule.overlap(64, 4, 3, 0, [0, 1, 2, 3, math.nan]), "response = nan"),
        (lambda: granule.overlap(64, 4, 3, 0, [0, 1, 2, 3, -4]), "response = -4"),
        (lambda: granule.sparse_overlap(64, 10, 4, 3, 11), "shared = 11: must be a whole number from 0 to active = 10"),
        (lambda: granule.sparse_overlap(64, 40, 4, 3, 10), "shared = 10: must be a whole number from 16"),
        (lambda: granule.sparse_overlap(64, 65, 4, 3, 0), "active = 65"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ArgumentError) as error:
        call()
    assert str(error.value).startswith(named)


def test_two_responses_are_the_mean_product_over_all_inputs() -> None:
    """Against every pair of inputs of three lines (pairs) and every pair of two-of-five sets (sparse), cell by cell."""
    f, g = np.array([0.1, 0.7, 2.0]), np.array([0.0, 0.3, 1.5])
    cells = list(itertools.combinations(range(5), 2))
    for shared in (0, 1, 2):
        x, y = {0, 1}, {0: {2, 3}, 1: {1, 2}, 2: {0, 1}}[shared]
        wanted = np.mean([f[len(x & set(cell))] * g[len(y & set(cell))] for cell in cells])
        assert granule.sparse_overlap(5, 2, 2, 2, shared, f, g) == pytest.approx(wanted)
    for distance in range(4):
        zeros, flipped = np.zeros(3, int), np.arange(3) < distance
        products = [
            f[sum(zeros[i] == b for i, b in zip(pair, bits, strict=True))]
            * g[sum(flipped[i] == b for i, b in zip(pair, bits, strict=True))]
            for pair in itertools.combinations(range(3), 2)
            for bits in itertools.product((0, 1), repeat=2)
        ]
        found = granule.log_overlap(3, 2, 2, [distance], f, g)[0]
        assert np.exp(found) == pytest.approx(np.mean(products))
