"""One clock: a spike on an edge counts once, in what begins there, whoever reads it; times off the grid."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from typer.testing import CliRunner

from cerebellum.activity import statistics
from cerebellum.activity.outcome import Outcome
from cerebellum.activity.rates import Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.cli.commands import app
from cerebellum.clock import nearest, on_grid
from cerebellum.connectome.connectome import sample
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.schedule import Events, Schedule, Trial, plastic_spans, trials
from cerebellum.experiment.stimulus import schedule
from cerebellum.plotting.activity import draw_psth, draw_raster
from cerebellum.readout import checks, engine_agreement
from cerebellum.simulation.run import run

ASSUMED = "assumed: case"
CASE = {"title": "case", "description": "case"}


def value(number: float, unit: str) -> list[Any]:
    return [number, unit, ASSUMED]


def ms(number: float) -> list[Any]:
    return value(number, "ms")


time_steps = st.sampled_from([1e-4, 5e-5, 2.5e-5, 3e-4, 5e-4, 1e-3])


@given(dt=time_steps, step=st.integers(0, 10**8), off=st.floats(-0.49, 0.49))
def test_a_time_is_rounded_to_the_nearest_step(dt: float, step: int, off: float) -> None:
    assert nearest((step + off) * dt, dt) == step
    assert nearest((step + 0.5) * dt, dt) == step + 1  # halves up
    assert on_grid(step * dt, dt)
    assert on_grid((step + off) * dt, dt) == (abs(off) < 1e-6) or abs(off) < 1e-3


@given(
    dt=time_steps,
    start=st.integers(0, 10**6),
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=20),
    sums=st.booleans(),
)
def test_a_spike_on_an_edge_counts_once_where_it_begins(dt: float, start: int, lengths: list[int], sums: bool) -> None:
    """Spikes on all edges of windows without gaps, edges computed as products of steps or by adding up durations."""
    edges = start + np.concatenate([[0], np.cumsum(lengths)])
    times = edges * dt
    if sums:  # as sums of described durations are, off by rounding
        times = np.array(
            [start * dt + sum(length * 1e3 * dt for length in lengths[:k]) / 1e3 for k in range(len(edges))]
        )
    spikes = Spikes(edges * dt, np.zeros(len(edges), np.int32), dt)
    windows = list(zip(times[:-1].tolist(), times[1:].tolist(), strict=True))
    one = [1.0] * len(windows)
    assert [statistics.counts(spikes, 1, *window)[0] for window in windows] == one
    assert statistics.histogram(spikes, times).tolist() == one
    assert [len(spikes.time[spikes.within(*window)]) for window in windows] == one
    outcome = Outcome({"cell": 1}, {"cell": spikes})
    assert outcome.counts("cell", [(window,) for window in windows])[:, 0].tolist() == one
    assert outcome.counts("cell", [tuple(windows)])[0, 0] == len(windows)
    for window, length in zip(windows, lengths, strict=True):
        assert statistics.rates(spikes, 1, *window)[0] == pytest.approx(1 / (length * dt))
        assert statistics.activity(spikes, 1, *window).mean == pytest.approx(1 / (length * dt))
        assert len(statistics.intervals(spikes, *window)[0]) == 0


@given(dt=st.sampled_from([1e-4, 5e-5, 5e-4, 1e-3]), first=st.integers(0, 5000), bins=st.integers(1, 40))
def test_histograms_figures_and_engines_agree_on_edges(dt: float, first: int, bins: int) -> None:
    """A spike on every edge of 5 ms bins of a trial that begins anywhere on the rate engine's millisecond."""
    start, width = first * 1e-3, statistics.BIN_WIDTH
    each = round(width / dt)
    steps = round(start / dt) + each * np.arange(bins + 1)
    spikes = Spikes(np.asarray(steps * dt, dtype=np.float64), np.zeros(bins + 1, np.int32), dt)
    stop = start + bins * width
    even = np.full(bins, 1 / width)
    np.testing.assert_allclose(statistics.psth(spikes, 1, [start], 0.0, bins * width, width), even)
    np.testing.assert_allclose(statistics.psth(spikes, 1, [stop], bins * width, 0.0, width), even)
    kept = np.zeros(first + 5 * bins + 5, np.float32)
    rates = Rates(kept, kept[:, None], 1e-3)
    np.testing.assert_allclose(statistics.histograms(spikes, rates, [(start, stop)])[0], even)
    if start >= engine_agreement.WARM:  # before it, short trials leave nothing to compare
        found = engine_agreement.population(spikes, rates, [(start, stop)], [(start, stop)])
        assert found["mean_spiking"] == pytest.approx(1 / width)
    ax = Figure().subplots()
    (stairs,) = draw_psth(ax, spikes, 1, np.array([start]), bins * width, "black").patches
    np.testing.assert_allclose(stairs.get_data().values, even)  # type: ignore[attr-defined]
    (image,) = draw_raster(Figure().subplots(), spikes, 1, start, stop, "black").images
    assert np.asarray(image.get_array())[..., 3].sum() == bins


def circuit(dt: float, cells: int = 1) -> Circuit:
    membrane = {
        "C_m": value(100, "pF"), "tau_m": ms(10), "E_L": value(-70, "mV"), "V_th": value(-50, "mV"),
        "V_reset": value(-70, "mV"), "I_e": value(0, "pA"), "t_ref": ms(1.59),
    }  # fmt: skip
    learns = {
        "teacher": "climbing_to_purkinje", "kernel": {"kind": "rectangular", "window": ms(50)},
        "potentiation": value(1, "pA"),
        "depression": value(3, "pA"), "climbing_spikes": value(1, "1"), "w_min": value(0, "pA"),
        "w_max": value(1e6, "pA"),
    }  # fmt: skip
    common = {"to": "purkinje", "rule": {"kind": "all_to_all"}, "receptor": "ampa", "delay": ms(1)}
    return Circuit.model_validate(
        {
            **CASE,
            "time_step": ms(dt * 1e3),
            "microzones": value(1, "1"),
            "population": {
                "mossy_fiber": {"cell": "source", "count": value(cells, "1")},
                "inferior_olive": {"cell": "source", "count": value(1, "1")},
                "glomerulus": {"cell": "relay", "count": value(1, "1")},
                "purkinje": {
                    "cell": "lif", "count": value(1, "1"), "parameters": membrane,
                    "receptor": {"ampa": {"effect": "excitatory", "tau": ms(2)}},
                },
            },
            "projection": {
                "parallel_to_purkinje": {
                    **common, "from": "mossy_fiber", "weight": value(100, "pA"), "plasticity": learns,
                },
                "climbing_to_purkinje": {**common, "from": "inferior_olive", "weight": value(0, "pA")},
                "relayed_to_glomerulus": {
                    "from": "inferior_olive", "to": "glomerulus", "delay": ms(1), "rule": {"kind": "all_to_all"},
                },
            },
        }
    )  # fmt: skip


def protocol(*stimuli: dict[str, Any], trial: float = 1000, plastic: bool = False, number: int = 1) -> Protocol:
    block = {
        "over": "trials", "trials": value(number, "1"), "trial_duration": ms(trial), "plasticity": plastic,
        "stimulus": {f"s{i}": stimulus for i, stimulus in enumerate(stimuli)},
    }  # fmt: skip
    return Protocol.model_validate({**CASE, "block": {"a": block}})


def poisson(rate: float, onset: float = 0, duration: float = 1000, population: str = "mossy_fiber") -> dict[str, Any]:
    span = {"onset": ms(onset), "duration": ms(duration)}
    return {"kind": "poisson", "population": population, "rate": value(rate, "Hz"), **span}


def burst(*times: float, onset: float = 0, population: str = "mossy_fiber") -> dict[str, Any]:
    return {"kind": "burst", "population": population, "onset": ms(onset), "times": value(list(times), "ms")}  # type: ignore[arg-type]


def steps_of(plan: Protocol, wired: Circuit, population: str = "mossy_fiber", seed: int = 1) -> Events:
    return schedule(plan, sample(wired, 1), None, seed).events[population]


@pytest.mark.parametrize("dt", [1e-4, 5e-4, 1e-3])
@pytest.mark.parametrize("rates", [(10,), (500,), (150, 150)])
def test_poisson_trains_deliver_their_rate(dt: float, rates: tuple[float, ...]) -> None:
    """Within 4 standard errors of a Poisson count; a cell's spikes never share a step, and sums of stimuli add up."""
    events = steps_of(protocol(*(poisson(rate) for rate in rates)), circuit(dt, 400))
    asked = 400 * sum(rates)
    assert abs(len(events.step) - asked) < 4 * asked**0.5
    assert events.lost == 0
    assert len(np.unique(np.stack([events.step, events.cell]), axis=1).T) == len(events.step)
    each = np.bincount(events.cell, minlength=400)
    # Counts stay Poisson: variance over mean is 1, within 4 standard errors of 400 cells, sqrt(2 / 400).
    assert abs(each.var() / each.mean() - 1) < 4 * (2 / 400) ** 0.5
    assert events.step.min() >= 0
    assert events.step.max() < round(1 / dt)


@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ((1500,), r"more than a spike a time step"),
        ((900, 900), r"mossy_fiber: \d+ of \d+ spikes .* fires once a step"),  # each alone is had, both together not
    ],
)
def test_more_spikes_than_steps_are_refused_and_nothing_is_written(
    rates: tuple[float, ...], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ProtocolFileError, match=words):
        run(protocol(*(poisson(rate) for rate in rates)), circuit(1e-3), target="numpy", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("target", ["numpy", "standalone"])
def test_every_spike_of_a_dense_train_is_recorded_transmitted_and_learnt_from(target: str) -> None:
    """500 Hz at 1 ms, where a quarter of all spikes fall on another: each adds its 1 pA, and a relay passes each on."""
    plan = protocol(poisson(500), poisson(500, population="inferior_olive", duration=900), trial=1100, plastic=True)
    without = circuit(1e-3).model_dump(mode="json", by_alias=True)
    without["projection"]["parallel_to_purkinje"]["plasticity"]["depression"] = value(0, "pA")
    made = Circuit.model_validate(without)
    result = run(plan, made, target=target)
    events = result.schedule.events
    assert events["mossy_fiber"].moved > 50
    assert len(result.spikes["mossy_fiber"]) == len(events["mossy_fiber"].step)
    assert result.plastic["parallel_to_purkinje"][0] * 1e12 - 100 == pytest.approx(
        len(events["mossy_fiber"].step), abs=1e-6
    )
    assert len(result.spikes["glomerulus"]) == len(events["inferior_olive"].step)


@given(
    dt=st.sampled_from([1e-4, 1e-3]),
    times=st.lists(st.integers(0, 19), min_size=1, max_size=20),
    number=st.integers(1, 4),
)
def test_spikes_in_one_step_take_the_next_and_stay_in_their_trial(dt: float, times: list[int], number: int) -> None:
    """As many as there are steps fit, in the order drawn; each as early as it can be, but for the trial's end."""
    plan = protocol(*(burst(step * dt * 1e3) for step in times), trial=20 * dt * 1e3, number=number)
    events = steps_of(plan, circuit(dt))
    assert len(events.step) == number * len(times)
    for trial in range(number):
        own = events.step[trial * len(times) : (trial + 1) * len(times)] - 20 * trial
        expected: list[int] = []
        for step in sorted(times):
            expected.append(max(step, expected[-1] + 1 if expected else 0))
        for place in range(len(expected)):
            expected[place] = min(expected[place], 20 - (len(expected) - place))
        assert own.tolist() == expected


def test_a_jitter_stays_in_the_trial_and_gaussian() -> None:
    """Truncated at 3 standard deviations: no heap at the cut, a standard deviation of 0.98658 of the whole one's."""
    plan = load_protocol("recall", {"patterns.source": "random", "block.write.stimulus.address.jitter": "1"})
    stimulus = next(s for s in plan.block["write"].stimulus.values() if s.kind == "volley")

    class Shown:
        address = np.arange(200_000)

    when, _ = stimulus.spikes(Shown(), np.random.default_rng(1))  # type: ignore[arg-type]
    off = (when - stimulus.onset.si) / 1e-3
    assert np.abs(off).max() <= 3
    assert (np.abs(off) > 2.999).sum() < 20  # 200,000 * 2 * 1e-3 * density 0.0044 = 1.8 expected; a heap had 540
    assert off.std() == pytest.approx(0.98658, abs=4 * 0.98658 / (2 * 200_000) ** 0.5)
    with pytest.raises(ProtocolFileError, match="jitter: found 4 ms; 3 times that leads out of the trial"):
        load_protocol("recall", {"block.write.stimulus.address.jitter": "4"})


def test_windows_and_plastic_spans_lie_on_the_clock() -> None:
    """Of the shipped protocols at three time steps: every edge is the same number as a spike's time in that step."""
    for name in ("recall", "mouse_recall", "centre_surround", "cs_us", "burst"):
        for dt in (1e-4, 5e-5, 5e-4):
            plan = load_protocol(name)
            listed = trials(plan, dt)
            for trial in listed:
                for edge in (trial.start, trial.stop, *trial.window):
                    assert edge == nearest(edge, dt) * dt
            assert all(a.stop == b.start for a, b in itertools.pairwise(listed))
            assert sum(b - a for a, b in plastic_spans(listed)) == pytest.approx(
                sum(trial.stop - trial.start for trial in listed if trial.plasticity)
            )


@pytest.mark.parametrize(("onset", "step"), [(10.0, 100), (10.04, 100), (10.05, 101), (10.06, 101)])
def test_a_time_off_the_grid_is_rounded_with_a_word(onset: float, step: int) -> None:
    result = run(protocol(burst(0, onset=onset), trial=40), circuit(1e-4), target="numpy")
    assert np.rint(result.spikes["mossy_fiber"].time / 1e-4).tolist() == [step]
    found = result.summary["checks"]["rounded_times"]
    assert found["count"] == (1 if onset == 10.0 else 2)  # t_ref = 1.59 ms is off the grid, too
    assert ("block.a.stimulus.s0.onset" in found["text"]) == (onset != 10.0)


def test_what_a_stimulus_did_not_do_is_counted_and_said(tmp_path: Path) -> None:
    """No rate; a change due after the end; two teachers' spikes in a window for a memory of one."""
    plan = protocol(
        poisson(0, duration=50), burst(10, 95), burst(12, 14, 80, population="inferior_olive"), trial=100, plastic=True
    )
    result = run(plan, circuit(1e-4), target="numpy", out=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["checks"]
    assert {name: one["count"] for name, one in found.items()} == {
        "rounded_times": 1, "silent_stimuli": 1, "changes_still_due": 1, "forgotten_teaching": 1
    }  # fmt: skip
    assert "block.a.stimulus.s0" in found["silent_stimuli"]["text"]
    # The first spike's change is made, of the one spike remembered, and the second's is not.
    assert result.plastic["parallel_to_purkinje"][0] * 1e12 - 100 == pytest.approx(-2)
    (tmp_path / "plan.toml").write_text(
        f'title="c"\ndescription="c"\n[block.a]\nover="trials"\ntrials=[1,"1","{ASSUMED}"]\n'
        f'trial_duration=[50,"ms","{ASSUMED}"]\n[block.a.stimulus.s]\nkind="regular"\npopulation="mossy_fiber"\n'
        f'onset=[0,"ms","{ASSUMED}"]\nduration=[50,"ms","{ASSUMED}"]\nrate=[0,"Hz","{ASSUMED}"]\n'
    )
    ran = CliRunner().invoke(
        app, ["run", str(tmp_path / "plan.toml"), "--model", "mouse", "--target", "numpy", "--set", "scale=0.1",
              "--out", str(tmp_path / "second")],
    )  # fmt: skip
    assert ran.exit_code == 0, ran.output
    assert "stimuli that brought no spike" in ran.output


def test_a_check_that_finds_nothing_says_nothing() -> None:
    made = Schedule([Trial("a", "other", 0.0, 0.1, (0.0, 0.1), True)], {}, 0.1)
    assert checks.silent_stimuli(made)[0] == checks.moved_spikes(made)[0] == checks.lost_spikes(made)[0] == 0
