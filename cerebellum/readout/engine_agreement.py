"""How far the rate circuit does what the spiking circuit does, population by population.

Both are given the same spikes of the driven populations, so their time courses can be compared bin by bin even where
nothing but the input's chance moves them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cerebellum.activity.rates import Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import BIN_WIDTH, counts, histograms
from cerebellum.clock import nearest
from cerebellum.typing import Floats

WARM = 0.1  # s; of a protocol's begin, in which both circuits fill with activity from nothing


def population(
    spikes: Spikes,
    rates: Rates,
    spans: Sequence[tuple[float, float]],
    windows: Sequence[tuple[float, float]],
    width: float = BIN_WIDTH,
) -> dict[str, float | None]:
    """One population in both engines.

    Returns
    -------
    mean_spiking, mean_rate : Hz, over the windows
    ratio : of the second to the first
    psth_r, psth_rmse : correlation, and root mean square difference (Hz), of the mean time courses of the trials
    psth_ceiling : correlation that counting error alone would leave if the expectation were known exactly
    cells_r : correlation over cells of their mean rates in all trials

    None where it is not defined: a rate that never changes, cells that all fire alike.
    """
    cells = rates.cells.shape[1]
    seconds = sum(stop - start for start, stop in windows)
    fired = sum(int(counts(spikes, cells, start, stop).sum()) for start, stop in windows)
    mean_spiking = fired / (cells * seconds)
    mean_rate = sum(rates.between(start, stop) * (stop - start) for start, stop in windows) / seconds
    warm = [(start, stop) for start, stop in spans if start >= WARM] or list(spans)
    counted, expected = histograms(spikes, rates, warm, width)
    if warm[0][0] < WARM:
        skip = nearest(WARM, width)
        counted, expected = counted[skip:], expected[skip:]
    noise = counted.mean() / (width * cells * len(warm))
    spread = counted.var()
    first, last = warm[0][0], warm[-1][1]
    each = counts(spikes, cells, first, last) / (last - first)
    return {
        "mean_spiking": mean_spiking,
        "mean_rate": mean_rate,
        "ratio": mean_rate / mean_spiking if mean_spiking > 0 else None,
        "psth_r": correlation(counted, expected),
        "psth_rmse": float(np.sqrt(np.mean((counted - expected) ** 2))),
        "psth_ceiling": float(np.sqrt(max(0.0, 1 - noise / spread))) if spread > 0 else None,
        "cells_r": correlation(each, rates.cells_between(first, last)),
    }


def correlation(a: Floats, b: Floats) -> float | None:
    """Pearson's; None of fewer than two values, or of values that are all alike."""
    if len(a) < 2 or a.std() < 1e-9 or b.std() < 1e-9:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def engines(
    spikes: Mapping[str, Spikes],
    rates: Mapping[str, Rates],
    spans: Sequence[tuple[float, float]],
    windows: Sequence[tuple[float, float]],
    width: float = BIN_WIDTH,
) -> dict[str, Any]:
    """`population` of every population that both have, and the histograms' bin (s) and number of trials."""
    both = [name for name in rates if name in spikes]
    found = {name: population(spikes[name], rates[name], spans, windows, width) for name in both}
    return {"bin": width, "trials": len(spans), "population": found}
