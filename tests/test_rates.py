"""Measures of activity against hand-worked trains, and against elephant where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.activity import statistics
from cerebellum.activity.spikes import Spikes
from cerebellum.errors import ArgumentError


def trains(*times: list[float]) -> Spikes:
    """Spikes of cells with these spike times (s)."""
    time = np.array([t for train in times for t in train])
    cell = np.repeat(np.arange(len(times)), [len(train) for train in times]).astype(np.int32)
    order = np.argsort(time, kind="stable")
    return Spikes(time[order], cell[order])


THREE = trains([0.1, 0.2, 0.4, 0.8], [0.5], [])


def test_rates_by_both_conventions() -> None:
    found = statistics.activity(THREE, 3, 0.0, 1.0)
    np.testing.assert_allclose(statistics.rates(THREE, 3, 0.0, 1.0), [4, 1, 0])
    assert found.mean == pytest.approx(5 / 3)
    assert found.spiking_mean == pytest.approx(2.5)
    assert found.active == pytest.approx(2 / 3)


def test_a_cell_that_fired_outside_the_window_counts_as_spiking() -> None:
    found = statistics.activity(THREE, 3, 0.0, 0.45)
    assert found.spiking_mean == pytest.approx(3 / 0.45 / 2)


def test_intervals_and_their_variation() -> None:
    found = statistics.activity(THREE, 3, 0.0, 1.0)
    assert found.interval == pytest.approx(0.7 / 3)
    assert found.cv == pytest.approx(np.std([0.1, 0.2, 0.4]) / np.mean([0.1, 0.2, 0.4]))


@given(st.lists(st.lists(st.integers(0, 400), unique=True, max_size=8), min_size=1, max_size=6))
def test_intervals_of_many_cells_are_those_of_each(steps: list[list[int]]) -> None:
    spikes = trains(*[[step * 1e-3 for step in sorted(train)] for train in steps])
    found, gaps = statistics.activity(spikes, len(steps), 0.0, 0.3), []
    for train in steps:
        gaps.append(np.diff([step * 1e-3 for step in sorted(train) if step < 300]))
    means = [float(gap.mean()) for gap in gaps if len(gap)]
    variation = [float(gap.std() / gap.mean()) for gap in gaps if len(gap) >= 3]
    assert found.interval == (pytest.approx(np.mean(means)) if means else None)
    assert found.interval_sd == (pytest.approx(np.std(means), abs=1e-12) if means else None)
    assert found.cv == (pytest.approx(np.mean(variation), abs=1e-9) if variation else None)


def test_elephant_measures_the_same_variation() -> None:
    elephant = pytest.importorskip("elephant.statistics")
    gaps = np.random.default_rng(1).exponential(0.05, 40)
    spikes = trains(list(np.cumsum(gaps)))
    found = statistics.activity(spikes, 1, 0.0, float(gaps.sum()) + 1)
    assert found.cv == pytest.approx(float(elephant.cv(elephant.isi(spikes.time))))


def test_psth_is_the_rate_around_onsets() -> None:
    spikes = trains([0.101, 0.301, 0.5], [0.102])
    found = statistics.psth(spikes, 2, [0.1, 0.3], before=0.01, after=0.02, width=0.01)
    np.testing.assert_allclose(found, [0, 3 / (0.01 * 2 * 2), 0])


def test_a_map_means_over_the_cells_of_a_square() -> None:
    places = np.array([[10e-6, 10e-6, 0], [20e-6, 10e-6, 0], [90e-6, 10e-6, 0]])
    found = statistics.grid(np.array([1.0, 3.0, 5.0]), places, (100e-6, 50e-6), 50e-6)
    np.testing.assert_allclose(found, [[2.0], [5.0]])


def test_centre_surround_is_excitation_minus_inhibition() -> None:
    np.testing.assert_allclose(
        statistics.centre_surround(np.array([8.0, 0, 0]), np.array([10.0, 4, 0])), [0.5, -0.6, 0]
    )


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ArgumentError, match="stop"):
        statistics.rates(THREE, 3, 1.0, 1.0)
