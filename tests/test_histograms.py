"""Small histograms side by side in one axes: each stays in its own room."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure

from cerebellum.plotting.histograms import ROOM, WIDE, Histogram, draw_histograms


@pytest.mark.parametrize("mean", [-2.0, 3.0, 4.66, 40.0])
def test_a_mean_beyond_the_counts_stays_in_the_room_of_its_histogram(mean: float) -> None:
    """A described mean may lie where no cell is."""
    shown = Histogram("", "C0", np.array([3.0, 5.0, 2.0]), np.array([1.5, 2.5, 3.5, 4.5]), mean=mean)
    ax = Figure().subplots()
    draw_histograms(ax, [shown])
    drawn = [np.asarray(path.vertices) for one in ax.collections for path in one.get_paths()]
    assert {type(one) for one in ax.collections} == {LineCollection, PolyCollection}
    assert min(places[:, 0].min() for places in drawn) >= ROOM[0] - 1e-9
    assert max(places[:, 0].max() for places in drawn) <= WIDE - ROOM[0] + 1e-9
