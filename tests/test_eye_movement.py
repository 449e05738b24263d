"""Eye movements: gain and phase in closed form, the signs of the loop by a linear cerebellum, files that do not fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.activity.exchanges import Exchanges
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import InputError
from cerebellum.experiment.loop import Exchange
from cerebellum.experiment.schedule import trials
from cerebellum.loop import around
from cerebellum.loop.eye_movement import EyeMovement, fit
from cerebellum.simulation.again import run_again
from cerebellum.simulation.run import run
from cerebellum.typing import Floats
from tests.loop_case import circuit as tiny
from tests.loop_case import value


@pytest.fixture(scope="module")
def flocculus() -> Circuit:
    return load_model("mouse_flocculus")


@given(gain=st.floats(0.01, 3), phase=st.floats(-3, 3), frequency=st.floats(0.2, 3), offset=st.floats(-5, 5))
def test_the_fit_finds_a_sine(gain: float, phase: float, frequency: float, offset: float) -> None:
    time, omega = np.arange(1000, dtype=np.float64) * 0.01, 2 * math.pi * frequency
    found = fit(time, gain * np.sin(omega * time + phase) + offset, omega)
    assert abs(found) == pytest.approx(gain, rel=1e-6)
    assert np.angle(found) == pytest.approx(phase, abs=1e-6)


def closed(plan: Protocol, circuit: Circuit, cerebellum: Any) -> tuple[Exchanges, dict[str, Any]]:
    """The loop around something that takes rates of mossy and climbing fibres, and gives those of nuclear cells."""
    described = plan.loop
    assert isinstance(described, EyeMovement)
    schedule = trials(plan, circuit.dt)
    exchange = Exchange(described.loop(circuit, schedule), circuit, schedule[-1].stop)
    nuclear = np.zeros(circuit.size("nuclear"))
    for trial in schedule:
        for _ in range(round((trial.stop - trial.start) / described.interval.si)):
            drive = exchange({"nuclear": nuclear * described.interval.si})
            nuclear = cerebellum(drive["mossy_fiber"], drive["inferior_olive"], trial.plasticity)
    passed = exchange.exchanges()
    return passed, described.measured(passed, schedule)


def test_alone_the_brainstem_has_its_gain_and_the_lag_of_the_eye(flocculus: Circuit) -> None:
    for name, own in (("okr", 0.4), ("vor", 0.6)):
        plan = load_protocol(name)
        passed, found = closed(plan, flocculus, lambda mossy, climbing, plastic: np.full(36, 50.0))
        lag = 1 / (1 + 2j * math.pi * 0.5 * 0.05)
        for block in ("naive", "test") if name == "okr" else ("naive", "after_up", "down"):
            assert found[block]["gain"][1:] == pytest.approx(
                [own * abs(lag)] * (len(found[block]["gain"]) - 1), rel=5e-3
            )
            # Half an interval beside the lag, as a velocity is held over one.
            assert found[block]["phase"][-1] == pytest.approx(math.degrees(np.angle(lag)), abs=1.0)
        slip = passed.record["screen"] - passed.record["head"] - passed.record["eye"]
        np.testing.assert_allclose(passed.record["slip"], slip, atol=1e-9)


def test_climbing_fibres_tell_the_slip_late_clipped_and_in_opposite_zones(flocculus: Circuit) -> None:
    passed, _ = closed(load_protocol("vor"), flocculus, lambda mossy, climbing, plastic: np.full(36, 50.0))
    first, second = passed.drive["inferior_olive"][:, 0], passed.drive["inferior_olive"][:, -1]
    dark = passed.time < 12.0
    assert (first[dark] == 1).all()
    assert (second[dark] == 1).all()
    light = (passed.time > 13.0) & (passed.time < 36.0)
    told = passed.record["slip"][np.flatnonzero(light) - 10]  # 100 ms earlier
    np.testing.assert_allclose(first[light], np.clip(1 + told, 0, 10))
    np.testing.assert_allclose(second[light], np.clip(1 - told, 0, 10))
    mossy = passed.drive["mossy_fiber"]
    assert mossy.min() >= 0
    assert mossy.max() == pytest.approx(40, rel=1e-3)
    assert np.ptp(mossy.mean(axis=1)) < 0.1 * mossy.mean()  # fibres of all phases: together they hardly move


class LinearCerebellum:
    """Purkinje cells of both zones read fibres linearly; a climbing fibre takes weight from those active before it."""

    def __init__(self, fibers: int, rate: float) -> None:
        self.weight, self.rate = np.zeros((2, fibers)), rate
        self.past = [np.zeros(fibers)] * 11

    def __call__(self, mossy: Floats, climbing: Floats, plastic: bool) -> Floats:
        centred = mossy - 20.0
        if plastic:
            told = np.array([climbing[0], climbing[-1]]) - 1.0
            self.weight -= self.rate * np.outer(told, self.past[0])
        self.past = [*self.past[1:], centred]
        return np.repeat(50.0 - self.weight @ centred, 18)


HELD = math.pi * 0.5 * 0.010  # of a sine of 0.5 Hz, what half an interval of 10 ms leaves out


def test_a_linear_cerebellum_learns_what_the_slip_asks_for(flocculus: Circuit) -> None:
    """Signs and latencies of the loop: any one of them turned around drives the gain away from what is asked.

    The command that is asked for is a weighted sum of the fibres, and nothing is noisy: in a hundred time constants
    (2 / (0.25 x 2 x 2e-5 x 200 Hz^2 x 35 fibres) exchanges, of 3,600) least squares leave no slip but what comes of
    velocities that are held over an interval, `HELD` of those that are asked for.
    """
    fibers = flocculus.size("mossy_fiber")
    _, found = closed(load_protocol("okr"), flocculus, LinearCerebellum(fibers, 2e-5))
    assert found["naive"]["gain"][-1] == pytest.approx(0.4, abs=HELD)
    assert found["train"]["gain"][-1] == pytest.approx(1.0, abs=HELD)
    assert found["test"]["gain"][-1] == pytest.approx(1.0, abs=HELD)
    assert abs(math.radians(found["test"]["phase"][-1])) < HELD
    _, found = closed(load_protocol("vor"), flocculus, LinearCerebellum(fibers, 2e-5))
    assert found["after_up"]["gain"][-1] == pytest.approx(2.0, abs=2 * HELD)
    assert found["after_down"]["gain"][-1] < 2 * HELD  # what is to be cancelled changed by twice the head's velocity


STILL = "{head = [0, 'deg/s', 'assumed: x'], screen = [0, 'deg/s', 'assumed: x'], light = true}"


def two_zones() -> Circuit:
    tables = tiny().model_dump(mode="json", by_alias=True)
    tables["microzones"] = value(2, "1")
    tables["population"]["inferior_olive"]["count"] = value(2, "1")
    return Circuit.model_validate(tables)


def test_a_protocol_brings_its_loop_to_a_run_and_to_the_same_run_again(tmp_path: Path) -> None:
    brief = {"block.naive.trial_duration": "40", "block.train.trials": "2", "loop.frequency": "50"}
    done = run(load_protocol("okr", brief), two_zones(), target="numpy", out=tmp_path / "out")
    assert done.exchanges is not None
    assert len(done.exchanges.time) == 32
    assert {block: len(one["gain"]) for block, one in done.summary["loop"].items()} == {
        "naive": 3,
        "train": 2,
        "test": 3,
    }
    described = load_protocol("okr", brief).model_dump(mode="json")
    assert Protocol.model_validate(described) == load_protocol("okr", brief)
    again = run_again(tmp_path / "out")
    assert (again.spikes, again.numbers) == ([], {})


@pytest.mark.parametrize(
    ("settings", "model", "message"),
    [
        ({}, {"microzones": "2"}, "1 microzone.*--set microzones=4"),
        ({"loop.mossy.depth": "30"}, {}, "rates would fall below 0"),
        ({"loop.frequency": "0"}, {}, "frequency: found 0 Hz"),
        ({"loop.block": f"{{naive = {STILL}}}"}, {}, "wanted the blocks naive, train, test"),
        ({"loop.kind": "ear_movement"}, {}, "wanted kind = 'eye_movement'"),
        ({"loop.interval": "10.05"}, {}, "loop: interval = '10.05 ms': wanted a whole number of time steps"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_a_fault(settings: dict[str, str], model: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_together(load_protocol("okr", settings), load_model("mouse_flocculus", model))


def test_the_example_is_an_environment_of_gymnasium() -> None:
    from gymnasium.utils.env_checker import check_env

    from cerebellum.loop.gaze import Gaze

    check_env(Gaze(), skip_render_check=True)
    loop = around(
        Gaze(seconds=0.05), lambda seen: {"mossy_fiber": 10 + seen[0]}, lambda rates: rates["nuclear"][:1],
        read=["nuclear"], drive={"mossy_fiber": "rate"}, seed=1, timeout=None,
    )  # fmt: skip
    exchange = Exchange(loop, tiny(), 0.1)
    for _ in range(10):
        exchange({"nuclear": np.zeros(4)})
    passed = exchange.exchanges()
    assert passed.record["episode"].tolist() == [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert (passed.record["reward"][1:] < 0).all()
