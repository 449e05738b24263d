"""The rate circuit's part of a run: simulate, summarise as the spiking engine does, compare where that ran too."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cerebellum import engine_agreement, rate_run, readout
from cerebellum.balance import Balance
from cerebellum.progress import Progress
from cerebellum.rate import choose_device
from cerebellum.result import Result
from cerebellum.stimuli import Trial


def add(
    result: Result, summary: dict[str, Any], balance: Balance, device: str, dtype: str, progress: Progress
) -> dict[str, float]:
    """Run the rate circuit of a result's connectome and schedule; fills its `rates` and the summary.

    Returns
    -------
    seconds of building and simulating
    """
    assert result.connectome is not None
    found = rate_run.simulate(
        result.connectome,
        balance,
        result.schedule,
        device=choose_device(device),
        dtype=getattr(torch, dtype),
        progress=progress,
    )
    result.rates.update(found.rates)
    trials = shown(result)
    summary["rates_of_the_rate_engine" if result.spikes else "rates"] = {
        name: _activity(result, name, trials) for name in found.rates
    }
    if result.spikes:
        spans = [(trial.start, trial.stop) for trial in trials]
        windows = [readout.window(result.protocol, trial) for trial in trials]
        summary["engines"] = engine_agreement.engines(result.spikes, result.rates, spans, windows)
    return found.seconds


def purkinje(result: Result) -> NDArray[np.float64]:
    """The Purkinje readout y of the rate circuit, as of spikes, shape (read trials, microzones)."""
    rates, plan = result.rates["purkinje"], result.protocol

    def windows(role: str) -> NDArray[np.float64]:
        return np.stack([rates.cells_between(*readout.window(plan, trial)) for trial in result.schedule.of(role)])

    return readout.pause(windows("baseline").mean(axis=0), windows("read"), result.circuit.zones)


def shown(result: Result) -> list[Trial]:
    """Trials of the last block: of them is what a run says of rates."""
    block = result.schedule.trials[-1].block
    return [trial for trial in result.schedule.trials if trial.block == block]


def _activity(result: Result, name: str, trials: list[Trial]) -> dict[str, Any]:
    """The keys of `rates.Activity`; what needs single spikes is None."""
    rates = result.rates[name]
    cells = np.mean([rates.cells_between(*readout.window(result.protocol, trial)) for trial in trials], axis=0)
    mean = float(np.mean([rates.between(*readout.window(result.protocol, trial)) for trial in trials]))
    window = dict.fromkeys(("spiking_mean", "spiking_sd", "active", "interval", "interval_sd", "cv"))
    return {"mean_hz": float(rates.mean.mean()), "window": {"mean": mean, "sd": float(cells.std()), **window}}
