"""The f-I relation of single cells: rates under the steps of current that a protocol gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import intervals, rates
from cerebellum.description.circuit import Circuit
from cerebellum.description.current_stimulus import CurrentStep
from cerebellum.description.protocol import Protocol
from cerebellum.experiment.schedule import Trial

Table = dict[str, dict[str, list[float | None]]]
"""Population -> 'current' (A), and 'rate', 'sd', 'first' (Hz) of each step."""


def table(spikes: Mapping[str, Spikes], circuit: Circuit, protocol: Protocol, trials: Sequence[Trial]) -> Table:
    """Of each step its current, and of the cells the mean rate, its sd over cells, and the first rate.

    The first rate is 1 over the first interval between two spikes in the step, mean over the cells that have one; None
    where none has. Steps into a part of the cells are left out.
    """
    found: Table = {}
    begun: dict[str, int] = {}
    for trial in trials:
        number = begun[trial.block] = begun.get(trial.block, -1) + 1
        for key, stimulus in protocol.kinds_of(trial.block)[trial.kind or trial.block][0].stimulus.items():
            name = circuit.find(stimulus.population)
            if (
                not isinstance(stimulus, CurrentStep)
                or name is None
                or name not in spikes
                or stimulus.where is not None
            ):
                continue
            start, cells = trial.onsets[key], circuit.size(name)
            stop = start + stimulus.lasts(trial.until - trial.start)
            each = rates(spikes[name], cells, start, stop)
            rows = found.setdefault(name, {"current": [], "rate": [], "sd": [], "first": []})
            rows["current"].append(stimulus.amplitudes[number % len(stimulus.amplitudes)].si)
            rows["rate"].append(float(each.mean()))
            rows["sd"].append(float(each.std()))
            rows["first"].append(_first(spikes[name], cells, start, stop))
    return found


def _first(spikes: Spikes, cells: int, start: float, stop: float) -> float | None:
    gap, cell = intervals(spikes, start, stop)
    firsts = gap[np.unique(cell, return_index=True)[1]]
    return float(np.mean(1 / firsts)) if len(firsts) else None


def drawable(found: Table) -> bool:
    """Whether a population has two steps of different currents at least."""
    return any(len(set(rows["current"])) > 1 for rows in found.values())
