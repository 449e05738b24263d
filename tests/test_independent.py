"""Trials that each begin in the state at their block's begin: whatever runs them, and whatever runs beside them.

What would refute it: spikes that depend on the number of processes, on the target, or on the trials before. A plan
whose trials begin where the last one ended (the same without `independent`) must fail the last of these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from test_rate_circuit import CELL as PLAIN
from test_rate_circuit import RULE, assumed, known, small

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.spikes import Spikes
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol
from cerebellum.errors import ArgumentError, ProtocolFileError
from cerebellum.experiment import stretches
from cerebellum.experiment.schedule import Schedule
from cerebellum.experiment.stimulus import schedule
from cerebellum.rate import measured_transfer
from cerebellum.rate import simulate as rate
from cerebellum.spiking import network
from cerebellum.spiking.engine import ENGINE, SpikingOptions

NOISY = {
    **{key: value for key, value in PLAIN.items() if key != "I_e"}, "I_e": [80, "pA"], "V_init": [-60, "mV"],
    "V_min": [-90, "mV"], "k_adap": [0.5, "nS/ms"], "k_1": [0.1, "1/ms"], "k_2": [0.03, "1/ms"], "A1": [20, "pA"],
    "A2": [30, "pA"], "lambda_0": [0.5, "1/ms"], "tau_V": [1.5, "mV"], "t_ref": [2, "ms"],
}  # fmt: skip
SHORT_TERM = {"U": [0.4, "1"], "tau_rec": [80, "ms"], "tau_fac": [30, "ms"]}


def circuit() -> Circuit:
    """The small circuit with E-GLIF Purkinje cells, synapses that learn, and such as tire."""
    tables = small(RULE).model_dump(mode="json", by_alias=True)
    tables["population"]["purkinje"] |= {"cell": "eglif", "parameters": assumed(NOISY)}
    tables["projection"]["parallel_fiber_to_golgi"] |= assumed({"short_term": SHORT_TERM, "weight": [20, "nS"]})  # type: ignore[operator]
    return Circuit.model_validate(tables)


def stimulus(duration: float, rate: float, jitter: float = 0.0) -> dict[str, Any]:
    jittered = {"onset_jitter": [jitter, "ms"]} if jitter else {}
    return {
        "kind": "poisson", "population": "mossy_fiber", "onset": [5, "ms"], "duration": [duration, "ms"],
        "rate": [rate, "Hz"], **jittered,
    }  # fmt: skip


def protocol(kinds: dict[str, int], order: str = "shuffled", independent: bool = True, rest: float = 80) -> Protocol:
    """A block that learns, a rest, trials of two kinds, one of them with a jitter, and what comes after."""
    none = {"over": "trials", "trials": [1, "1"]}
    tables = {
        "title": "t", "description": "t",
        "trial": {
            "weak": {"duration": [24, "ms"], "stimulus": {"in": stimulus(14, 90, 4)}},
            "strong": {"duration": [24, "ms"], "stimulus": {"in": stimulus(18, 200)}},
        },
        "block": {
            "write": {**none, "trial_duration": [24, "ms"], "plasticity": True, "stimulus": {
                "in": stimulus(18, 200), "teacher": {**stimulus(18, 100), "population": "inferior_olive"},
            }},
            "rest": {**none, "trial_duration": [rest, "ms"]},
            "probe": {
                "over": "kinds", "kinds": {name: [count, "1"] for name, count in kinds.items()}, "order": order,
                "interval": [6, "ms"], "interval_jitter": [2, "ms"], "independent": independent,
            },
            "after": {**none, "trial_duration": [16, "ms"], "stimulus": {"in": stimulus(10, 200)}},
        },
    }  # fmt: skip
    record = {
        "membrane": {"population": "purkinje", "of": ["voltage"]},
        "learned": {
            "projection": "parallel_fiber_to_purkinje",
            "of": ["weight"],
            "interval": [5, "ms", "assumed: a test"],
        },
    }
    return Protocol.model_validate({**assumed(tables), "record": record})  # type: ignore[dict-item]


@pytest.fixture(scope="module")
def wired() -> Connectome:
    return sample(circuit(), 1)


@pytest.fixture(scope="module")
def plan(wired: Connectome) -> Schedule:
    return schedule(protocol({"weak": 2, "strong": 2}), wired, None, 1)


@pytest.fixture(scope="module")
def alone(wired: Connectome, plan: Schedule) -> Outcome:
    """One process."""
    return network.simulate(wired, plan)


def assert_same(found: Outcome, wanted: Outcome) -> None:
    for name, spikes in wanted.spikes.items():
        np.testing.assert_array_equal(found.spikes[name].time, spikes.time, err_msg=name)
        np.testing.assert_array_equal(found.spikes[name].cell, spikes.cell, err_msg=name)
    for name, record in wanted.records.items():
        for key, values in record.values.items():
            np.testing.assert_allclose(found.records[name].values[key], values, rtol=1e-9, atol=1e-15)
    for name, weight in wanted.weights.items():
        np.testing.assert_allclose(found.weights[name], weight, rtol=1e-12)


@pytest.mark.parametrize("options", [{"jobs": 2}, {"target": "numpy"}])
def test_the_same_whatever_runs_them(
    wired: Connectome, plan: Schedule, alone: Outcome, options: dict[str, Any]
) -> None:
    """Spikes, copied voltages and weights, with jitters, shuffled kinds and synapses that have learned and tired."""
    assert_same(network.simulate(wired, plan, **options), alone)
    assert min(len(alone.spikes[name]) for name in ("granule", "golgi", "purkinje")) > 3
    assert (alone.weights["parallel_fiber_to_purkinje"] != wired.weights_at_begin("parallel_fiber_to_purkinje")).all()


def in_trial(spikes: Spikes, plan: Schedule, number: int) -> list[tuple[int, int]]:
    """Steps from the begin, and cells, of the spikes of a trial of the probe."""
    trial = [one for one in plan.trials if one.block == "probe"][number]
    first, last = (nearest(time, spikes.dt) for time in (trial.start, trial.until))
    step = np.rint(spikes.time / spikes.dt).astype(int)
    mine = (first <= step) & (step < last)
    return sorted(zip((step[mine] - first).tolist(), spikes.cell[mine].tolist(), strict=True))


@pytest.mark.parametrize("independent", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_what_ran_before_plays_no_part(wired: Connectome, independent: bool) -> None:
    """A strong trial after a weak one and after a strong one; and what comes after the block."""
    plans = [
        schedule(protocol({first: 1, "strong": 1 + (first == "strong")}, "listed", independent), wired, None, 1)
        for first in ("weak", "strong")
    ]
    done = [network.simulate(wired, one, target="standalone" if independent else "numpy") for one in plans]
    second = [
        [in_trial(outcome.spikes[name], one, 1) for name in ("granule", "purkinje")]
        for outcome, one in zip(done, plans, strict=True)
    ]
    assert all(second[0])
    if independent:
        assert second[0] == second[1]
        ends = [one.trials[-1].start for one in plans]
        after = [[s.time[s.time >= end] - end for s in done[k].spikes.values()] for k, end in enumerate(ends)]
        for one, other in zip(*after, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
    else:
        assert second[0] != second[1]


def test_cells_take_chances_of_their_own_in_each_trial(wired: Connectome) -> None:
    """Trials without a stimulus begin alike and go on otherwise, as they would not if all drew the same numbers."""
    quiet = protocol({"weak": 3}, "listed")
    quiet = quiet.model_copy(update={"trial": {"weak": quiet.trial["weak"].model_copy(update={"stimulus": {}})}})
    plan = schedule(quiet, wired, None, 1)
    done = network.simulate(wired, plan)
    trains = [in_trial(done.spikes["purkinje"], plan, number) for number in range(3)]
    assert all(trains)
    assert len({str(train) for train in trains}) == 3
    voltage, steps = done.records["membrane"].values["voltage"], np.rint(done.records["membrane"].time / 1e-4)
    first = [nearest(trial.start, 1e-4) for trial in plan.trials if trial.block == "probe"]
    begins = voltage[np.isin(steps, first)]
    assert len(begins) == 3
    np.testing.assert_allclose(begins, begins[:1].repeat(3, axis=0), rtol=1e-12)


def test_rates_are_the_same_in_c_and_in_torch_and_forget_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured_transfer, "of", lambda *_: known())
    wired = sample(small(RULE), 1)
    plans = [
        replace(schedule(protocol({first: 1, "strong": 1 + (first == "strong")}, "listed"), wired, None, 1), records={})
        for first in ("weak", "strong")
    ]
    options: dict[str, Any] = {"dtype": "float64", "draws": 2}
    done = [rate.simulate(wired, one, **options) for one in plans]
    (torch,) = rate.together(wired, plans[:1], compiled=False, **options)
    first, last = (round(time * 1e3) for time in (plans[0].trials[3].start, plans[0].trials[3].until))
    for name, rates in torch.rates.items():
        np.testing.assert_allclose(done[0].rates[name].cells, rates.cells, rtol=1e-6, atol=1e-6, err_msg=name)
        second, other = (one.rates[name].mean[first + 1 : last - 1] for one in done)
        np.testing.assert_allclose(second, other, rtol=1e-6, atol=1e-6, err_msg=name)
    assert done[0].rates["granule"].mean[first:last].max() > 1


def test_steps_have_the_steps_before_them_that_their_state_has_lived_through(plan: Schedule) -> None:
    parts = stretches.stretches(plan.trials, plan.duration, 1e-4)
    before = stretches.step_before(parts, nearest(plan.duration, 1e-4))
    assert sum(part.last - part.first for part in parts) == len(before)
    lived, lengths = {-1: 0}, np.zeros(len(before), int)
    for step, last in enumerate(before.tolist()):
        lived[step] = lengths[step] = lived[last] + 1
    for part in parts:
        np.testing.assert_array_equal(
            np.arange(part.first, part.last) + 1 - part.behind, lengths[part.first : part.last]
        )
    np.testing.assert_array_equal(stretches.steps_back(before, 2)[2:], np.where(before < 0, -1, before[before])[2:])


def test_what_cannot_be_is_refused(plan: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything runs, in a line."""
    monkeypatch.setattr("cerebellum.spiking.engine.cores", lambda: 2)
    own, plain = protocol({"weak": 2}), protocol({"weak": 2}, independent=False)
    ENGINE.check(circuit(), own, SpikingOptions(jobs=2))
    for described, options, said in (
        (own, {"jobs": 3}, "jobs = 3: wanted at most the 2 cores"),
        (own, {"jobs": 2, "target": "numpy"}, "jobs = 2: wanted 1 on the target numpy"),
        (own, {"threads": 2}, "threads = 2: wanted 1: block.probe is independent"),
        (plain, {"jobs": 2}, "jobs = 2: wanted 1: trials of this protocol begin where the one before ended"),
    ):
        with pytest.raises(ArgumentError, match=said):
            ENGINE.check(circuit(), described, SpikingOptions(**options))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="jobs = 0"):
        SpikingOptions(jobs=0)
    check_together(own, circuit())
    with pytest.raises(ProtocolFileError, match="begins 10 ms after a trial that learns"):
        check_together(protocol({"weak": 2}, rest=10), circuit())
    learning = own.model_dump(mode="json")
    learning["trial"]["weak"]["plasticity"] = True
    with pytest.raises(ValidationError, match="what is learned would be lost"):
        Protocol.model_validate(learning)
