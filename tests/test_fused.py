"""The compiled step of the rate circuit against the same step in torch, which the other tests hold against the truth.

In double precision they differ by rounding alone, so to a part in 1e9 of rates and weights; what is kept is in single
precision, so to a few parts in 1e7. A drawn spike would come out otherwise only if a random number of 24 bits fell into
that gap. In single precision the order of sums differs, and a steep threshold takes 1e-6 of 50 mV to 1e-3 of a rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_rate_circuit import RULE, known, small

import cerebellum
from cerebellum.activity.outcome import Outcome
from cerebellum.cells import RateForm
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.errors import ArgumentError
from cerebellum.experiment.schedule import Events, Schedule, Trial
from cerebellum.rate import fused, measured_transfer, simulate
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.time_step import BIN

pytestmark = pytest.mark.skipif(fused.library(torch.float64) is None, reason="wants a C compiler")
STEPS = 120


@pytest.fixture(autouse=True)
def _no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The known transfer function for every cell."""
    found = known()
    monkeypatch.setattr(measured_transfer, "of", lambda *_: found)


def schedule(rate: float, seed: int, plastic: bool = False) -> Schedule:
    """Mossy fibres at a rate (Hz), the olive at 20 Hz, 60 ms; spikes of granule cells asked for in two windows."""
    rng, duration = np.random.default_rng(seed), STEPS * BIN
    steps = round(duration / 1e-4)
    events = {}
    for name, cells, each in (("mossy_fiber", 10, rate), ("inferior_olive", 1, 20.0)):
        step, cell = np.nonzero(rng.random((steps, cells)) < each * 1e-4)
        events[name] = Events(step, cell.astype(np.int32))
    trial = Trial("b", "other", 0.0, duration, (0.0, duration), plastic)
    windows = [((0.01, 0.02), (0.0303, 0.0408)), ((0.02, 0.06),)]
    return Schedule([trial], events, duration, counted={"granule": windows, "purkinje": windows[:1]})


def both(wired: Connectome, schedules: list[Schedule], **options: Any) -> Iterator[tuple[Outcome, Outcome]]:
    """Outcomes of each schedule by either path."""
    ways = [simulate.together(wired, schedules, compiled=way, **options) for way in (True, False)]
    yield from zip(*ways, strict=True)


def assert_alike(found: Outcome, wanted: Outcome, rtol: float = 1e-6) -> None:
    for name, rates in wanted.rates.items():
        scale = max(1.0, float(rates.cells.max()))
        np.testing.assert_allclose(found.rates[name].cells, rates.cells, rtol=rtol, atol=rtol * scale, err_msg=name)
        np.testing.assert_allclose(found.rates[name].mean, rates.mean, rtol=rtol, atol=rtol * scale, err_msg=name)
    for name, weight in wanted.weights.items():
        np.testing.assert_allclose(found.weights[name], weight, rtol=rtol)
    for name, (_, counts) in wanted.tallied.items():
        np.testing.assert_allclose(found.tallied[name][1], counts, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("rule", "draws"), [(None, 0), (None, 1), (None, 21), (RULE, 0), (RULE, 3)])
def test_the_compiled_step_is_that_of_torch(rule: dict[str, object] | None, draws: int) -> None:
    wired = sample(small(rule), 1)
    for found, wanted in both(wired, [schedule(60.0, 2, rule is not None)], draws=draws, dtype="float64"):
        assert_alike(found, wanted)
        assert wanted.rates["purkinje"].cells.max() > 1
        if rule is not None:
            assert np.abs(wanted.weights["parallel_fiber_to_purkinje"] / 0.1e-9 - 1).max() > 0.01


def test_single_precision_is_near() -> None:
    for found, wanted in both(sample(small(), 1), [schedule(60.0, 2)], dtype="float32"):
        assert_alike(found, wanted, rtol=2e-3)


def test_cells_that_differ_are_each_their_own() -> None:
    """Parameters of shape (cells,), in both layouts of lanes."""
    wired = sample(small(), 1)
    rng = np.random.default_rng(0)
    parameters = dict(wired.parameters)
    for name in ("granule", "golgi"):
        tau = 20e-3 * rng.uniform(0.5, 2, wired.size(name))
        parameters[name] = {**parameters[name], "tau_m": tau, "V_th": rng.uniform(-50e-3, -45e-3, wired.size(name))}
    other = replace(wired, parameters=parameters)
    for draws in (0, 3):
        for found, wanted in both(other, [schedule(60.0, 2)], draws=draws, dtype="float64"):
            assert_alike(found, wanted)
    assert np.ptp(wanted.rates["golgi"].cells.mean(axis=0)) > 0


@pytest.mark.parametrize("rule", [None, RULE])
def test_schedules_side_by_side_are_those_alone(rule: dict[str, object] | None) -> None:
    """Three intensities of one circuit together, by either path, and each by itself."""
    wired, plastic = sample(small(rule), 1), rule is not None
    schedules = [schedule(rate, seed, plastic) for rate, seed in ((20.0, 1), (60.0, 2), (90.0, 3))]
    for (found, wanted), one in zip(both(wired, schedules, dtype="float64"), schedules, strict=True):
        assert_alike(found, wanted)
        assert_alike(found, simulate.simulate(wired, one, dtype="float64"))


def test_schedules_that_differ_in_more_than_spikes_are_refused() -> None:
    wired = sample(small(), 1)
    longer = replace(schedule(60.0, 2), duration=0.08)
    with pytest.raises(ArgumentError, match="schedules = 2: wanted those of one duration"):
        simulate.together(wired, [schedule(60.0, 2), longer])
    for compiled in (True, False):  # what is counted is each schedule's own
        one, other = simulate.together(
            wired, [schedule(60.0, 2), replace(schedule(60.0, 2), counted={})], compiled=compiled
        )
        assert (len(one.tallied), len(other.tallied)) == (len(schedule(60.0, 2).counted), 0)
    with pytest.raises(ArgumentError, match="draws = 2: wanted 0 with several schedules"):
        simulate.together(wired, [schedule(60.0, 2)] * 2, draws=2)


SHORT = {f"block.rest.{key}": "30" for key in ("trial_duration", "stimulus.background.duration")}
SHORT |= {"block.rest.stimulus.climbing.duration": "30", "block.rest.window.duration": "20", "scale": "0.1"}
SHORT |= {"block.rest.window.onset": "10", "block.rest.stimulus.climbing.rate": "100", "microzones": "1"}
SHORT |= {"block.rest.stimulus.background.rate": "20"}


@pytest.mark.parametrize(("model", "draws"), [("mouse_plastic", 0), ("mouse_temporal_basis", 0), ("mouse_lif", 2)])
def test_shipped_models_step_alike(model: str, draws: int) -> None:
    """All receptors, delays, contacts, short-term and long-term plasticity of the mouse; adapting and plain cells."""
    made = cerebellum.prepare("background", model, 3, SHORT)
    for found, wanted in both(made.connectome, [made.schedule], draws=draws, dtype="float64"):
        assert_alike(found, wanted)


def test_cells_of_another_package_are_left_to_torch() -> None:
    """The compiled step would take a form of their own for the plain one."""

    class Own(RateForm):
        """Any."""

    wired = sample(small(), 1)
    module = simulate.build(wired, schedule(60.0, 2), dtype=torch.float64)
    assert fused.knows(module)
    module.membranes["golgi"].form = Own()
    assert not fused.knows(module)


def test_without_a_compiler_torch_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    wired = sample(small(), 1)
    with_one = simulate.simulate(wired, schedule(60.0, 2), dtype="float64")
    monkeypatch.setattr(fused.compiler, "library", lambda *_: None)
    with pytest.warns(UserWarning, match="no C compiler works here"):
        without = simulate.simulate(wired, schedule(60.0, 2), dtype="float64")
    assert_alike(with_one, without)


def test_a_membrane_without_currents_has_the_plain_numbers() -> None:
    membrane = Membrane("conductance_lif", sample(small(), 1).parameters["golgi"], {}, {"dtype": torch.float64})
    found = fused.c.numbers(membrane, 1e-9)
    assert found is not None
    assert float(found["beside"]) == 1e-9
    assert float(found["A1"]) == float(found["adap_sum"]) == 0.0
