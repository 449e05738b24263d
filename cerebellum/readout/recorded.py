"""The rate circuit's part of a run: simulate, summarise as the spiking engine does, compare where that ran too."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cerebellum.connectome.weights import Balance
from cerebellum.experiment import schedule
from cerebellum.experiment.schedule import Trial
from cerebellum.machine.device import choose_device
from cerebellum.machine.progress import Progress
from cerebellum.rate import recording, simulate
from cerebellum.rate.simulate import CircuitRun
from cerebellum.readout import engine_agreement, microzones
from cerebellum.results.result import Result
from cerebellum.typing import Floats


def add(
    result: Result,
    summary: dict[str, Any],
    balance: Balance,
    device: str,
    dtype: str,
    draws: int,
    progress: Progress,
) -> CircuitRun:
    """Run the rate circuit of a result's connectome and schedule; fills its `rates` and the summary."""
    assert result.connectome is not None
    found = simulate.simulate(
        result.connectome,
        balance,
        result.schedule,
        device=choose_device(device),
        dtype=getattr(torch, dtype),
        draws=draws,
        progress=progress,
        counted=_counted(result),
    )
    result.rates.update(found.rates)
    trials = shown(result)
    summary["rates_of_the_rate_engine" if result.spikes else "rates"] = {
        name: _activity(result, name, trials) for name in found.rates
    }
    if result.spikes:
        spans = [(trial.start, trial.stop) for trial in trials]
        windows = [schedule.window(result.protocol, trial) for trial in trials]
        summary["engines"] = engine_agreement.engines(result.spikes, result.rates, spans, windows)
    return found


def _counted(result: Result) -> dict[str, recording.Windows]:
    """What the readers of a memory count: granule spikes of each pattern and cue, Purkinje spikes of each trial."""
    if result.patterns is None or not result.schedule.of("read"):
        return {}
    written, baseline, asked = (result.schedule.of(role) for role in ("write", "baseline", "read"))
    single = [[schedule.window(result.protocol, trial)] for trial in (*baseline, *asked)]
    return {"granule": [*_by_pattern(result, written), *_by_pattern(result, asked)], "purkinje": single}


def _by_pattern(result: Result, trials: list[Trial]) -> list[list[tuple[float, float]]]:
    """Windows of the trials of each pattern, or cue."""
    groups: list[list[tuple[float, float]]] = [[] for _ in range(max(trial.pattern for trial in trials) + 1)]
    for trial in trials:
        groups[trial.pattern].append(schedule.window(result.protocol, trial))
    return groups


def granule_counts(result: Result, found: CircuitRun) -> tuple[Floats, Floats]:
    """`readout.granule_counts` of writes and of reads in expected spikes, shapes (patterns, cells), (cues, cells)."""
    patterns = len(_by_pattern(result, result.schedule.of("write")))
    return found.counts["granule"][:patterns], found.counts["granule"][patterns:]


def purkinje(result: Result, found: CircuitRun) -> Floats:
    """The Purkinje readout y of the rate circuit, as of spikes, shape (read trials, microzones)."""
    baseline, asked = (result.schedule.of(role) for role in ("baseline", "read"))
    seconds = [np.subtract(*schedule.window(result.protocol, trial)[::-1]) for trial in (*baseline, *asked)]
    rates = found.counts["purkinje"] / np.array(seconds)[:, None]
    return microzones.pause(rates[: len(baseline)].mean(axis=0), rates[len(baseline) :], result.circuit.zones)


def shown(result: Result) -> list[Trial]:
    """Trials of the last block: of them is what a run says of rates."""
    block = result.schedule.trials[-1].block
    return [trial for trial in result.schedule.trials if trial.block == block]


def _activity(result: Result, name: str, trials: list[Trial]) -> dict[str, Any]:
    """The keys of `rates.Activity`; what needs single spikes is None."""
    rates = result.rates[name]
    cells = np.mean([rates.cells_between(*schedule.window(result.protocol, trial)) for trial in trials], axis=0)
    mean = float(np.mean([rates.between(*schedule.window(result.protocol, trial)) for trial in trials]))
    window = dict.fromkeys(("spiking_mean", "spiking_sd", "active", "interval", "interval_sd", "cv"))
    return {"mean_hz": float(rates.mean.mean()), "window": {"mean": mean, "sd": float(cells.std()), **window}}
