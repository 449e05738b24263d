"""The f-I relation of single cells: rates under the steps of current that a protocol gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.spikes import Spikes
from cerebellum.activity.statistics import intervals, rates
from cerebellum.clock import nearest
from cerebellum.description.current_stimulus import CurrentStep
from cerebellum.experiment.schedule import Schedule


def table(outcome: Outcome, schedule: Schedule) -> dict[str, dict[str, list[float | None]]]:
    """Population -> of each step its current (A), and of the cells that get it the mean rate, sd and first rate (Hz).

    The first rate is 1 over the first interval between two spikes in the step, mean over the cells that have one; None
    where none has.
    """
    found: dict[str, dict[str, list[float | None]]] = {}
    if schedule.protocol is None or not outcome.spikes:
        return found
    begun: dict[str, int] = {}
    for trial in schedule.trials:
        number = begun.setdefault(trial.block, 0)
        begun[trial.block] += 1
        kinds = schedule.protocol.kinds_of(trial.block)
        for key, stimulus in kinds[trial.kind or trial.block][0].stimulus.items():
            name = next((n for n in outcome.size if n == stimulus.population), "")
            if not isinstance(stimulus, CurrentStep) or name not in outcome.spikes or stimulus.where is not None:
                continue
            spikes, cells = outcome.spikes[name], outcome.size[name]
            start = trial.onsets[key]
            stop = start + stimulus.lasts(trial.until - trial.start)
            each = rates(spikes, cells, start, stop)
            rows = found.setdefault(name, {"current": [], "rate": [], "sd": [], "first": []})
            rows["current"].append(stimulus.amplitudes[number % len(stimulus.amplitudes)].si)
            rows["rate"].append(float(each.mean()))
            rows["sd"].append(float(each.std()))
            rows["first"].append(_first(spikes, cells, start, stop))
    return found


def _first(spikes: Spikes, cells: int, start: float, stop: float) -> float | None:
    if nearest(stop, spikes.dt) <= nearest(start, spikes.dt):
        return None
    gaps = [float(gap[0]) for gap in intervals(spikes, cells, start, stop) if len(gap)]
    return float(np.mean([1 / gap for gap in gaps])) if gaps else None


def drawable(found: dict[str, dict[str, list[Any]]]) -> bool:
    """Whether a population has two steps of different currents at least."""
    return any(len(set(rows["current"])) > 1 for rows in found.values())
