"""Conditioned responses: the eyelid in closed form, both criteria on rates made for them, protocols that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cerebellum import plotting
from cerebellum.activity.outcome import Outcome
from cerebellum.activity.rates import STEP, Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.description.circuit import load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.eyelid import Eyelid
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import InputError
from cerebellum.experiment.schedule import Schedule, Trial
from cerebellum.experiment.schedule import trials as made_trials
from cerebellum.plotting.closures import eyelid_figure
from cerebellum.report.eyelid_charts import responses
from cerebellum.report.parts import Chart, Table
from cerebellum.results import Result, eyelid
from cerebellum.results.trials import RESPONSES
from cerebellum.results.trials import columns as trial_columns
from cerebellum.simulation.run import judge
from cerebellum.typing import Floats

DURATION, TONE, REST = 0.6, 0.1, 50.0


@pytest.fixture(scope="module")
def described() -> Eyelid:
    quick = {"eyelid.premotor": "15", "eyelid.lid": "10", "eyelid.closure": "0.15"}
    found = load_protocol("eyeblink", quick).eyelid
    assert found is not None
    return found


def trials(number: int, us: float = np.nan) -> list[Trial]:
    """Trials with a tone, and with a puff so long (s) after it."""
    out = []
    for row in range(number):
        start = row * DURATION
        onsets = {"cs": start + TONE} | ({} if np.isnan(us) else {"us": start + TONE + us})
        span = (start, start + DURATION)
        out.append(Trial("block", "other", *span, span, False, onsets=onsets))
    return out


def rates(steps: list[tuple[float, float, float]], number: int = 1) -> Rates:
    """Rest, and so many Hz more between two times (s) after the tone."""
    time = np.arange(round(DURATION / STEP)) * STEP - TONE
    one = np.full(len(time), REST)
    for begin, end, more in steps:
        one[(time >= begin - STEP / 2) & (time < end - STEP / 2)] += more
    mean = np.tile(one, number).astype(np.float32)
    return Rates(mean, mean[:, None], STEP)


def judged(described: Eyelid, source: Rates | Spikes, number: int = 1, us: float = np.nan) -> dict[str, Floats]:
    return eyelid.columns(described, trials(number, us), source, 10)


def test_the_lid_follows_a_step_as_two_lags_do(described: Eyelid) -> None:
    a, b = described.premotor.si, described.lid.si
    time = STEP * np.arange(1, 301)
    found = eyelid.lid(np.full(300, described.full.si), described)
    assert found[-1] == pytest.approx(1, abs=1e-6)
    exact = 1 - (a * np.exp(-time / a) - b * np.exp(-time / b)) / (a - b)
    assert np.abs(found - exact).max() < 0.05  # the second lag sees the first at ends of steps: half a step early
    later = 1 - (a * np.exp(-(time + STEP / 2) / a) - b * np.exp(-(time + STEP / 2) / b)) / (a - b)
    assert np.abs(found - later).max() < 2e-3


def test_a_late_rise_is_a_response_and_its_onset_is_where_the_lid_gets_there(described: Eyelid) -> None:
    table = judged(described, rates([(0.15, 0.28, 40.0)]))
    assert table["eyelid.cr"] == table["eyelid.cr_rate"] == 1
    a, b = described.premotor.si, described.lid.si
    time = np.linspace(0, 0.1, 100_001)
    course = 40 / described.full.si * (1 - (a * np.exp(-time / a) - b * np.exp(-time / b)) / (a - b))
    reached = time[np.argmax(course >= described.closure.si)]
    assert table["eyelid.onset"][0] == pytest.approx(0.15 + reached, abs=1.5 * STEP)
    assert table["eyelid.peak"][0] == pytest.approx(0.28, abs=1.5 * STEP)  # the lid turns when the rate falls below it
    assert table["eyelid.closure"][0] == pytest.approx(40 / described.full.si, rel=0.02)


@pytest.mark.parametrize(
    ("steps", "closes", "rises"),
    [
        ([], 0, 0),
        ([(-0.1, 0.5, 40.0)], 0, 0),  # as much before: that is rest
        ([(0.0, 0.28, 40.0)], 0, 0),  # startle: too early for both
        ([(0.08, 0.28, 40.0)], 1, 0),  # too early for the rate alone: above 3.9 Hz before 100 ms
        ([(0.13, 0.16, 60.0)], 1, 1),  # the average of 100 ms holds a burst until the end
        ([(0.13, 0.14, 30.0)], 0, 0),  # too short for the lid; 3 Hz in the average
        ([(0.15, 0.28, -40.0)], 0, 0),
        ([(0.26, 0.40, 40.0)], 0, 0),  # after the interval
    ],
)
def test_what_counts_as_a_response(
    described: Eyelid, steps: list[tuple[float, float, float]], closes: int, rises: int
) -> None:
    table = judged(described, rates(steps))
    assert (table["eyelid.cr"][0], table["eyelid.cr_rate"][0]) == (closes, rises)
    assert np.isnan(table["eyelid.onset"][0]) == (not closes)


def test_what_follows_the_puff_is_no_response(described: Eyelid) -> None:
    alone, paired = (judged(described, rates([(0.15, 0.40, 40.0)]), us=us) for us in (np.nan, 0.25))
    assert alone["eyelid.peak"][0] > 0.25
    assert paired["eyelid.peak"][0] == pytest.approx(0.25, abs=STEP)
    assert paired["eyelid.closure"] == alone["eyelid.closure"]


def test_spikes_are_judged_as_their_rate(described: Eyelid) -> None:
    """Ten cells that share a regular train of the summed rate."""
    source = rates([(0.15, 0.20, 20.0), (0.20, 0.25, 40.0), (0.25, 0.28, 80.0)], 2)
    total = np.cumsum(10.0 * STEP * source.mean)
    time = np.interp(np.arange(0.5, total[-1]), total, STEP * np.arange(1, len(total) + 1))
    spikes = Spikes(time, (np.arange(len(time)) % 10).astype(np.int32))
    by_rate, by_spikes = (judged(described, one, 2) for one in (source, spikes))
    for name in RESPONSES:
        assert by_spikes[name] == pytest.approx(by_rate[name], abs=0.05 if name == "eyelid.closure" else 0.01)


def test_trials_without_a_tone_are_not_judged(described: Eyelid) -> None:
    listed = trials(2)
    listed[1] = Trial("block", "other", 0.6, 1.2, (0.6, 1.2), False)
    table = eyelid.columns(described, listed, rates([(0.15, 0.28, 40.0)], 2), 10)
    assert all(np.isnan(values[1]) and not np.isnan(values[0]) for values in table.values())
    found = eyelid.summary(listed, table)["block"]
    assert found == {**found, "trials": 1, "cr": 1.0, "cr_rate": 1.0}


def test_a_learning_curve_is_of_tens_of_trials() -> None:
    table: dict[str, Any] = {"block": ["a"] * 20 + ["b"] * 3, "eyelid.cr": [0.0] * 10 + [1.0] * 10 + [np.nan, 1.0, 0.0]}
    found = eyelid.shares(table, "eyelid.cr")
    assert [values.tolist() for values in found["a"]] == [[4.5, 14.5], [0, 1]]
    assert [values.tolist() for values in found["b"]] == [[21.5], [0.5]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"eyelid.interval": "150"}, "in paired us comes 250 ms after cs"),
        ({"eyelid.conditioned": "light"}, "no kind of trial has a stimulus 'light'"),
        ({"eyelid.rest": "110"}, "has 100 ms before its stimulus"),
        ({"eyelid.alpha": "300"}, "wanted less than the interval of 250 ms"),
        ({"eyelid.full": "0"}, "wanted more than 0"),
        ({"eyelid.population": "dentate"}, "the model has no 'dentate'"),
    ],
)
def test_what_does_not_fit_is_a_fault(settings: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_together(load_protocol("eyeblink", settings), load_model("mouse"))


def test_a_result_is_judged_and_drawn() -> None:
    """Of rates made here: two trials with a late rise, two without."""
    plan = load_protocol("eyeblink", {"session": '["naive", "trained"]', "block.naive.kinds.probe": "2"})
    model = load_model("mouse_conditioning")
    schedule = Schedule(made_trials(plan, model.dt), {}, plan.duration)
    flat, risen = (rates(steps, 2).mean for steps in ([], [(0.15, 0.28, 40.0)]))
    mean = np.concatenate([flat, risen])
    outcome = Outcome({"nuclear": 10}, rates={"nuclear": Rates(mean, mean[:, None], STEP)})
    result = Result(model, plan, schedule, None, rates=dict(outcome.rates), outcomes={"rate": outcome})
    judge(result)
    table = trial_columns(result)
    assert table["eyelid.cr"] == table["eyelid.cr_rate"] == [0, 0, 1, 1]
    assert result.summary["eyelid"]["trained"]["trials"] == 2
    left, right = eyelid_figure(result).axes
    assert (len(left.lines), len(right.lines)) == (5, 4)  # two courses and three lines; two criteria and two begins
    assert [len(ax.lines) for ax in plotting.figure(result, "eyelid").axes] == [5, 4]
    curve, blocks = responses(result)
    assert isinstance(curve, Chart)
    assert [line["y"] for line in curve.figure["data"]] == [[0, 100]] * 2
    assert isinstance(blocks, Table)
    assert [row[:4] for row in blocks.rows] == [("naive", "2", "0%", "0%"), ("trained", "2", "100%", "100%")]
