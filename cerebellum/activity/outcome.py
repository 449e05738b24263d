"""What any engine leaves: spikes or rates, weights, and counts of both in windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cerebellum.activity.exchanges import Exchanges
from cerebellum.activity.rates import Rates
from cerebellum.activity.recording import Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import counts
from cerebellum.typing import Floats

Window = tuple[float, float]
"""Start and stop (s); the stop is outside."""
Windows = Sequence[tuple[Window, ...]]
"""Groups of windows: what falls into one group is added up."""


@dataclass(frozen=True)
class Outcome:
    """What a simulation leaves.

    Attributes
    ----------
    size : number of cells of every population
    spikes : of every population; empty of an engine of rates
    rates : of every population over time; empty of an engine of spikes
    weights : plastic projection -> weights at the end, A or S, shape (synapses,), in the order of the edges
    snapshots : plastic projection -> block with plasticity on -> weights that spikes up to its end have made
    tallied : of an engine of rates: population -> groups of windows that its schedule asked for, and the expected
        spikes of each cell in them, shape (groups, cells)
    records : what a protocol wants recorded over time, by name; what the engine has of it
    exchanges : what passed, where a loop was closed
    seconds : spent in each part
    """

    size: Mapping[str, int]
    spikes: Mapping[str, Spikes] = field(default_factory=dict)
    rates: Mapping[str, Rates] = field(default_factory=dict)
    weights: Mapping[str, Floats] = field(default_factory=dict)
    snapshots: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    tallied: Mapping[str, tuple[Windows, Floats]] = field(default_factory=dict)
    records: Mapping[str, Recording] = field(default_factory=dict)
    exchanges: Exchanges | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def has(self, population: str) -> bool:
        """Whether spikes of this population can be counted."""
        return population in self.spikes or population in self.tallied

    def counts(self, population: str, windows: Windows) -> Floats:
        """Spikes, counted or expected, of each cell in groups of windows, shape (groups, cells).

        Raises
        ------
        KeyError
            If an engine of rates was not asked for these windows before it ran.
        """
        if population in self.spikes:
            spikes, cells = self.spikes[population], self.size[population]
            out = np.zeros((len(windows), cells))
            for row, group in enumerate(windows):
                for start, stop in group:
                    out[row] += counts(spikes, cells, start, stop)
            return out
        known, rows = self.tallied[population]
        place = {group: number for number, group in enumerate(known)}
        return rows[[place[group] for group in windows]]

    def mean_rates(self, population: str, windows: Sequence[Window]) -> Floats:
        """Rate (Hz) of each cell in each window, shape (windows, cells)."""
        seconds = np.array([stop - start for start, stop in windows])
        return self.counts(population, [(window,) for window in windows]) / seconds[:, None]

    def population_rates(self, population: str, windows: Sequence[Window]) -> Floats:
        """Mean rate (Hz) of all cells of a population in each window, shape (windows,)."""
        if population in self.spikes:
            starts, stops = np.array(windows, dtype=float).T
            fired = self.spikes[population].before(stops) - self.spikes[population].before(starts)
            return np.asarray(fired / (self.size[population] * (stops - starts)))
        return np.array([self.rates[population].between(start, stop) for start, stop in windows])
