"""What the cells of a population do in a stretch of time: rates, intervals, histograms, maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cerebellum.activity.rates import STEP, Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.clock import nearest
from cerebellum.errors import ArgumentError
from cerebellum.typing import Floats, Ints


@dataclass(frozen=True)
class Activity:
    """A population in a window, Hz and s; mean and standard deviation over cells.

    Attributes
    ----------
    mean, sd : rate of all cells
    spiking_mean, spiking_sd : rate of the cells that fired at least once in the whole run, as some papers quote it
    active : share of cells that fired in the window
    interval, interval_sd : mean interspike interval of cells with at least two spikes in the window
    cv : mean coefficient of variation of the intervals of cells with at least three intervals
    """

    mean: float
    sd: float
    spiking_mean: float
    spiking_sd: float
    active: float
    interval: float | None
    interval_sd: float | None
    cv: float | None


def rates(spikes: Spikes, cells: int, start: float, stop: float) -> Floats:
    """Spikes per second of each cell in [start, stop) (s), shape (cells,).

    Raises
    ------
    ArgumentError
        If the window is empty.
    """
    steps = nearest(stop, spikes.dt) - nearest(start, spikes.dt)
    if steps < 1:
        raise ArgumentError("stop", stop, f"wanted more than start = {start}, by a step at least")
    return counts(spikes, cells, start, stop) / (steps * spikes.dt)


def intervals(spikes: Spikes, start: float, stop: float) -> tuple[Floats, Ints]:
    """Interspike intervals (s) within [start, stop), cell by cell, and the cell of each, both shape (intervals,)."""
    inside = spikes.within(start, stop)
    order = np.argsort(spikes.cell[inside], kind="stable")
    cell, time = spikes.cell[inside][order], spikes.time[inside][order]
    same = cell[1:] == cell[:-1]
    return np.diff(time)[same], cell[1:][same]


def activity(spikes: Spikes, cells: int, start: float, stop: float) -> Activity:
    """Rates and intervals of a population in [start, stop) (s)."""
    rate = rates(spikes, cells, start, stop)
    ever = rate[np.bincount(spikes.cell, minlength=cells) > 0]
    gap, cell = intervals(spikes, start, stop)
    number = np.bincount(cell, minlength=cells)
    mean = np.bincount(cell, gap, cells) / np.maximum(number, 1)
    square = np.bincount(cell, (gap - mean[cell]) ** 2, cells) / np.maximum(number, 1)
    means, several = mean[number > 0], number >= 3
    variation = np.sqrt(square[several]) / mean[several]
    return Activity(
        mean=float(rate.mean()),
        sd=float(rate.std()),
        spiking_mean=float(ever.mean()) if len(ever) else 0.0,
        spiking_sd=float(ever.std()) if len(ever) else 0.0,
        active=float((rate > 0).mean()),
        interval=float(means.mean()) if len(means) else None,
        interval_sd=float(means.std()) if len(means) else None,
        cv=float(variation.mean()) if len(variation) else None,
    )


def psth(spikes: Spikes, cells: int, onsets: Sequence[float], before: float, after: float, width: float) -> Floats:
    """Peristimulus time histogram: mean rate (Hz) of a cell in bins of `width` (s) from `before` to `after` each onset.

    shape (bins,)
    """
    edges: Floats = width * np.arange(nearest(before + after, width) + 1, dtype=np.float64) - before
    total = np.sum([histogram(spikes, onset + edges) for onset in onsets], axis=0)
    return np.asarray(total / (width * cells * len(onsets)))


def code_similarity(
    spikes: Spikes, cells: int, onsets: Sequence[float], begin: float, end: float, width: float
) -> Floats:
    """Similarity of a population's code to itself some time later, by lag in bins, shape (bins,); 1 at lag 0.

    Trials from `begin` to `end` (s) after each of the `onsets` are cut into bins of `width` (s). The covariance over
    cells of two bins is that of different trials, so that it is free of a trial's own noise; summed over all pairs of
    bins so far apart, over the geometric means of the bins' variances, it is a correlation corrected for attenuation
    (Spearman 1904, Am J Psychol 15:72). A gain or an offset that all cells share leaves it at 1.

    Raises
    ------
    ArgumentError
        If there are fewer than two trials or bins.
    """
    bins = nearest(end - begin, width)
    if len(onsets) < 2 or bins < 2:
        raise ArgumentError("onsets", len(onsets), f"wanted two trials or more, and two bins or more (found {bins})")
    edges = begin + width * np.arange(bins + 1)
    total, own = np.zeros((bins, cells)), np.zeros((bins, bins))
    for onset in onsets:
        rows = [counts(spikes, cells, onset + a, onset + b) for a, b in pairwise(edges)]
        rate = np.array(rows, float) - np.mean(rows, axis=1, keepdims=True)
        total += rate
        own += rate @ rate.T
    covariance = total @ total.T - own
    sd = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    each = np.outer(sd, sd)
    return np.array([np.trace(covariance, lag) / max(np.trace(each, lag), np.finfo(float).tiny) for lag in range(bins)])


def grid(values: Floats, places: Floats, extent: tuple[float, float], width: float) -> Floats:
    """Mean of cells' values in squares of `width` (m) seen from above, nan where no cell lies, shape (x, y bins)."""
    bins = [max(1, round(length / width)) for length in extent]
    area = [(0.0, length) for length in extent]
    total, _, _ = np.histogram2d(places[:, 0], places[:, 1], bins=bins, range=area, weights=values)
    count, _, _ = np.histogram2d(places[:, 0], places[:, 1], bins=bins, range=area)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def centre_surround(control: Floats, gabazine: Floats) -> Floats:
    """Excitation minus inhibition of each cell or square, from its responses with and without inhibition, -1..1.

    Excitation is the response under gabazine, inhibition what it loses with inhibition; both normalised to their
    largest (Mapelli and D'Angelo 2007, J Neurosci 27:1285, as used by De Schepper et al. 2022).
    """
    excitation, inhibition = gabazine, np.maximum(gabazine - control, 0.0)

    def normalised(found: Floats) -> Floats:
        largest = np.nanmax(found)
        return found / largest if largest > 0 else np.zeros_like(found)

    return normalised(excitation) - normalised(inhibition)


def counts(spikes: Spikes, cells: int, start: float, stop: float) -> Ints:
    """Spikes of each cell in [start, stop) (s), shape (cells,)."""
    return np.bincount(spikes.cell[spikes.within(start, stop)], minlength=cells)


def histogram(spikes: Spikes, edges: Floats) -> Ints:
    """Spikes of all cells between each edge (s) and the next, the first included, shape (edges - 1,)."""
    return np.diff(spikes.before(edges))


BIN_WIDTH = 5e-3  # s; of histograms of spikes


def histograms(
    spikes: Spikes, rates: Rates, spans: Sequence[tuple[float, float]], width: float = BIN_WIDTH
) -> tuple[Floats, Floats]:
    """Mean rate (Hz) of a cell in bins of trials of equal length, mean over trials: of spikes, of rates; both (bins,).

    Raises
    ------
    ArgumentError
        If a trial is shorter than a bin.
    """
    each = round(width / STEP)
    bins = min(nearest(stop - start, STEP) // each for start, stop in spans)
    if bins < 1:
        raise ArgumentError("spans", spans, f"wanted trials of at least {width:g} s")
    mean, onsets = np.zeros(bins), [nearest(start, STEP) for start, _ in spans]
    for first in onsets:
        mean += rates.mean[first : first + bins * each].reshape(bins, each).mean(axis=1)
    counted = psth(spikes, rates.cells.shape[1], [first * STEP for first in onsets], 0.0, bins * width, width)
    return counted, mean / len(spans)
