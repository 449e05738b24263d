"""What a run says of the rates of its populations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from cerebellum.activity import statistics
from cerebellum.activity.outcome import Outcome
from cerebellum.activity.rates import Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.experiment.schedule import Schedule, Trial

RATE_TRIALS = 10  # of the last block, in which intervals of spikes are measured


def last_block(schedule: Schedule) -> list[Trial]:
    """Trials of the last block: of them is what a run says of rates."""
    block = schedule.trials[-1].block
    return [trial for trial in schedule.trials if trial.block == block]


def activity(outcome: Outcome, schedule: Schedule) -> dict[str, Any]:
    """Rate of every population over the whole run, and, with what cells do, in the windows of the last block.

    `window` has the keys of `statistics.Activity`; of rates, what needs single spikes is None.
    """
    shown = last_block(schedule)
    if outcome.spikes:
        return {
            name: _of_spikes(spikes, outcome.size[name], schedule.duration, shown[:RATE_TRIALS])
            for name, spikes in outcome.spikes.items()
        }
    return {name: _of_rates(rates, shown) for name, rates in outcome.rates.items()}


def _of_spikes(spikes: Spikes, cells: int, duration: float, trials: list[Trial]) -> dict[str, Any]:
    found = [asdict(statistics.activity(spikes, cells, *trial.window)) for trial in trials]
    means = {
        key: float(np.mean(known)) if (known := [f[key] for f in found if f[key] is not None]) else None
        for key in found[0]
    }
    return {"mean_hz": len(spikes) / cells / duration, "window": means}


def _of_rates(rates: Rates, trials: list[Trial]) -> dict[str, Any]:
    cells = np.mean([rates.cells_between(*trial.window) for trial in trials], axis=0)
    mean = float(np.mean([rates.between(*trial.window) for trial in trials]))
    window = dict.fromkeys(("spiking_mean", "spiking_sd", "active", "interval", "interval_sd", "cv"))
    return {"mean_hz": float(rates.mean.mean()), "window": {"mean": mean, "sd": float(cells.std()), **window}}
