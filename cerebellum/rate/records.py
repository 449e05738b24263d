"""Records of a protocol in the rate engine: population rates and weights; it has no voltages of single cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.activity.recording import UNITS, Recording
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.experiment.records import Planned
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.recording import over_draws
from cerebellum.rate.time_step import BIN
from cerebellum.typing import Floats, Ints


class Recorder:
    """One record: samples at the engine's steps, which may be longer than the interval that is asked for."""

    def __init__(self, plan: Planned, connectome: Connectome) -> None:
        self.plan, self.connectome = plan, connectome
        dt = connectome.circuit.dt
        begins, ends = [], []
        for first, last, every in plan.spans:
            start, stop, each = nearest(first * dt, BIN), nearest(last * dt, BIN), max(1, nearest(every * dt, BIN))
            begins.append(np.arange(start, stop, each))
            ends.append(np.minimum(begins[-1] + each, stop))
        self.begins: Ints = np.concatenate([np.empty(0, np.int64), *begins])
        self.ends: Ints = np.concatenate([np.empty(0, np.int64), *ends])
        width = len(plan.elements) if plan.described.projection else 1
        self.values: Floats = np.zeros((len(self.begins), width))

    def add_rates(self, step: int, rates: NDArray[Any]) -> None:
        """Rates (Hz) of the population's cells in a step, shape (cells,)."""
        at = int(np.searchsorted(self.begins, step, side="right")) - 1
        if at >= 0 and step < self.ends[at]:
            self.values[at, 0] += rates[self.plan.elements].mean() / (self.ends[at] - self.begins[at])

    def add_weights(self, step: int, synapses: PlasticSynapses) -> None:
        """Weights after a step."""
        at = int(np.searchsorted(self.begins, step))
        if at < len(self.begins) and self.begins[at] == step:
            self.values[at] = over_draws(synapses.weight.detach().double()).cpu().numpy()[self.plan.elements]

    def recording(self) -> Recording:
        """What came of it."""
        plan, time = self.plan, np.asarray(self.begins * BIN, dtype=float)
        if (name := plan.described.projection) is None:
            return Recording(plan.population, plan.elements, time, {"rate": self.values}, {"rate": UNITS["rate"]})
        edges = self.connectome.edges[name]
        onto, sources = (side[plan.elements].astype(np.int64) for side in (edges.post, edges.pre))
        return Recording(plan.population, onto, time, {"weight": self.values}, {"weight": "siemens"}, sources, name)


def recorders(plans: Mapping[str, Planned], connectome: Connectome, plastic: Mapping[str, Any]) -> dict[str, Recorder]:
    """What the engine has of the records: rates, and weights of projections that no lesion has taken out."""
    return {
        name: Recorder(plan, connectome)
        for name, plan in plans.items()
        if "rate" in plan.described.of or plan.described.projection in plastic
    }
