"""From activity to the readout of a memory: rates in windows, per cell and per microzone."""

from __future__ import annotations

import numpy as np

from cerebellum.activity.outcome import Outcome, Window, Windows
from cerebellum.connectome.connectome import zone_of
from cerebellum.description.circuit import Circuit
from cerebellum.experiment.schedule import Schedule, Trial
from cerebellum.typing import Floats

SIGN = {"purkinje": -1.0, "nuclear": 1.0}
"""By role of a population: whether its cells say 1 by a pause or by a burst."""


def zone_mean(values: Floats, zones: int) -> Floats:
    """Mean over the cells of each microzone, shape (trials, cells) -> (trials, zones)."""
    zone = zone_of(values.shape[1], zones)
    total = np.zeros((len(values), zones))
    np.add.at(total.T, zone, values.T)
    return total / np.bincount(zone, minlength=zones)


def readout(outcome: Outcome, circuit: Circuit, schedule: Schedule, role: str) -> Floats:
    """The readout y of the cells with this role, Hz, mean over the microzone, shape (read trials, zones).

    Purkinje cells: baseline minus rate, positive where the climbing fibre wrote a 1, as its depression makes them
    pause. Nuclear cells: rate minus baseline.
    """
    population = circuit.with_role(role)
    assert population is not None
    baseline = outcome.mean_rates(population, windows_of(schedule.of("baseline"))).mean(axis=0)
    cued = outcome.mean_rates(population, windows_of(schedule.of("read")))
    return SIGN[role] * zone_mean(cued - baseline, circuit.zones)


def windows_of(trials: list[Trial]) -> list[Window]:
    """Window of each trial."""
    return [trial.window for trial in trials]


def by_pattern(trials: list[Trial]) -> Windows:
    """Windows of the trials that show the same pattern, or cue, as one group each."""
    groups: list[list[Window]] = [[] for _ in range(max(trial.pattern for trial in trials) + 1)]
    for trial in trials:
        groups[trial.pattern].append(trial.window)
    return [tuple(group) for group in groups]


def asked_for(circuit: Circuit, schedule: Schedule) -> dict[str, Windows]:
    """What the readers of a memory count: granule spikes of each pattern and cue, Purkinje spikes of each trial."""
    if schedule.patterns is None or not schedule.of("read"):
        return {}
    granule, purkinje = circuit.with_role("granule"), circuit.with_role("purkinje")
    if granule is None or purkinje is None:
        return {}
    trials = [*schedule.of("baseline"), *schedule.of("read")]
    shown = [*by_pattern(schedule.of("write")), *by_pattern(schedule.of("read"))]
    return {granule: shown, purkinje: [(trial.window,) for trial in trials]}
