"""analysis.experiments and the claim modules built on it: their draws, their targets, their statements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

experiments = pytest.importorskip("analysis.experiments", reason="claim modules run from a checkout: python -m pytest")


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_flips_are_exact_and_differ_between_rows(count):
    rng = np.random.default_rng(0)
    patterns = experiments.bits(rng, 50, 20)
    assert set(np.unique(patterns)) == {-1, 1}
    differ = experiments.flipped(rng, patterns, count) != patterns
    assert (differ.sum(axis=1) == count).all()
    if 0 < count < 20:
        assert len(np.unique(differ, axis=0)) > 1
        # every bit is as likely to be flipped: 5 standard errors of 50 rows
        share = count / 20
        assert np.abs(differ.mean(axis=0) - share).max() < 5 * np.sqrt(share * (1 - share) / 50)


def test_recall_of_a_perfect_memory_and_of_a_silent_one():
    from cerebellum.memory.memories import PatternSDM

    rng = np.random.default_rng(1)
    patterns = experiments.bits(rng, 20, 64)
    memory = PatternSDM(64, 5)
    memory.write(patterns)
    found = experiments.recall(memory, patterns, (0, 4, 16), rng)
    assert found["mean"] == [1.0, 1.0, 0.0]  # beyond 2 radius no pattern answers
    assert found["sd"] == [0.0, 0.0, 0.0]


def test_cosines_of_rows():
    assert experiments.cosine([[1, 1], [0, 0], [1, -1]], [[2, 2], [1, 1], [1, 1]]) == pytest.approx([1, 0, 0])


def test_textures_have_the_spectrum_of_natural_images():
    """Median-balanced bits, neighbours alike; the slope of ln amplitude on ln frequency is near -1 before cutting."""
    rng = np.random.default_rng(2)
    images = experiments.texture_bits(rng, 400, 16)
    assert images.shape == (400, 256)
    assert (np.abs(images.sum(axis=1)) <= 2).all()
    square = images.reshape(-1, 16, 16).astype(float)
    beside = (square[:, :, 1:] * square[:, :, :-1]).mean()
    apart = (square[:, :, 8:] * square[:, :, :-8]).mean()
    assert beside > 0.3
    assert beside > apart + 0.2


def test_digits_are_bits():
    digits = experiments.digit_bits()
    assert digits.shape == (1797, 64)
    assert set(np.unique(digits)) == {-1, 1}


def test_numbers_for_json():
    assert experiments.listed([1.0, -np.inf, np.nan]) == [1.0, None, None]
    assert experiments.listed([[0, 1], [2, np.inf]]) == [[0.0, 1.0], [2.0, None]]


def test_the_first_distance_that_fails():
    assert experiments.first_failing([0.4, 0.5, 1.0, 5.0], [0, 1, 2, 3]) == 3
    assert experiments.first_failing([0.6, 0.5], [0, 1]) == 0
    assert experiments.first_failing([0.0, 0.0], [0, 1]) == 2


def test_target_shares_of_a_read():
    """Among 1,024 random patterns, radius 15, 8 flips: .872 of the read of SDM and .367 of the softmax's."""
    from analysis.capacity import read_shares
    from cerebellum.theory.attention import fit_beta
    from cerebellum.theory.sdm import log_intersection

    at_8 = read_shares.FLIPS.index(8)
    assert read_shares._expected(log_intersection(64, 15))[at_8] == pytest.approx(0.872, abs=5e-4)
    cosines = 1 - 2 * np.arange(65) / 64
    assert read_shares._expected(fit_beta(64, 15).beta * cosines)[at_8] == pytest.approx(0.367, abs=5e-4)


def test_counts_of_shared_neurons_at_the_match():
    """n = 100, r = 10,000, d = 35: r I / 2^n = 17.59, the authors' mean of 20 runs 17.7."""
    from analysis.capacity import intersection_simulation as simulation
    from cerebellum.theory.sdm import expected_neurons

    expected = expected_neurons(simulation.N, simulation.RADIUS, 0, simulation.NEURONS)
    assert expected == pytest.approx(17.59, abs=0.005)
    means: Any = simulation.PUBLISHED["means_of_20"]
    printed = means[0]
    assert abs(printed - expected) < 2 * (expected / simulation.FEW) ** 0.5


def test_selected_coordinates_and_hyperplane_cells_are_sampled_as_the_formula_has_them(monkeypatch):
    from analysis.betas import jaeckel_designs as designs
    from cerebellum.theory import granule

    monkeypatch.setattr(designs, "CELLS", 50_000)
    rng = np.random.default_rng(3)
    (match,) = designs._hyperplane(rng, [designs.ONES])
    expected = granule.sparse_overlap(designs.N, designs.ONES, 3, 3, designs.ONES)
    assert expected == pytest.approx(9.731e-4, rel=1e-3)
    assert abs(match - expected) < 5 * (expected / (50_000 * designs.PAIRS)) ** 0.5


def test_purkinje_weights_hold_the_counters():
    """LTP and LTD step by step leave the baseline minus the counters of an SDM, and nuclear cells its bits."""
    from analysis.paper import cerebellum_as_sdm as map_

    rng = np.random.default_rng(4)

    def active(patterns):
        return np.stack([(p[:20] > 0) for p in patterns]).repeat(map_.CELLS // 20, axis=1)

    row = map_._recall(rng, active, 12)
    assert row["weights_are_counters"]
    assert row["same_bits_as_sdm"]
    assert row["least_weight"] >= 0
    assert row["bits_right"][0] > 0.6  # chance is 0.5 with a standard error of 0.013
