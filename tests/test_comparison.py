"""Two runs side by side: shared numbers, and the rate circuit beside spikes drawn from known rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.activity import rates, statistics
from cerebellum.activity.rates import STEP, Rates
from cerebellum.activity.spikes import Spikes
from cerebellum.cli.tables import comparison_table
from cerebellum.connectome.connectome import sample
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import ArgumentError, InputError
from cerebellum.experiment.stimulus import schedule
from cerebellum.readout import engine_agreement
from cerebellum.readout.comparison import compare, compare_engines
from cerebellum.results.result import Result

CELLS, STEPS, TRIALS = 300, 4000, 4


def expected() -> Rates:
    """A rate that swings between 5 and 35 Hz with 200 ms, every cell with a factor of its own."""
    course = 20 + 15 * np.sin(2 * np.pi * np.arange(STEPS) * STEP / 0.2)
    factor = np.linspace(0.5, 1.5, CELLS)
    cells = (course.reshape(-1, 5).mean(axis=1)[:, None] * factor).astype(np.float32)
    return Rates(course.astype(np.float32), cells, 5 * STEP)


def poisson(rates: Rates, rng: np.random.Generator, gain: float = 1.0) -> Spikes:
    """Poisson spikes of those cells."""
    counts = rng.poisson(gain * rates.cells * rates.width)
    row, cell = np.nonzero(counts)
    many = counts[row, cell]
    time = np.repeat(row, many) * rates.width + rates.width * rng.random(many.sum())
    order = np.argsort(time)
    return Spikes(time[order], np.repeat(cell, many)[order].astype(np.int32))


SPANS = [(i * STEPS * STEP / TRIALS, (i + 1) * STEPS * STEP / TRIALS) for i in range(TRIALS)]


@pytest.mark.parametrize("gain", [1.0, 0.5, 2.0])
def test_poisson_spikes_agree_with_their_rates_up_to_counting_error(gain: float) -> None:
    rates = expected()
    found = engine_agreement.population(poisson(rates, np.random.default_rng(1), gain), rates, SPANS, SPANS)
    # 24,000 spikes at gain 1: a relative error of 0.65 %, four of which at half the number is 4 %.
    assert found["ratio"] == pytest.approx(1 / gain, rel=0.04)
    assert found["psth_r"] == pytest.approx(found["psth_ceiling"], abs=0.02)
    assert found["psth_r"] > 0.95  # type: ignore[operator]
    assert found["cells_r"] > 0.8  # type: ignore[operator]


def test_rates_of_other_cells_do_not_agree() -> None:
    rates = expected()
    still = Rates(np.full(STEPS, 20, np.float32), rates.cells[:, ::-1].copy(), rates.width)
    found = engine_agreement.population(poisson(rates, np.random.default_rng(1)), still, SPANS, SPANS)
    assert found["psth_r"] is None
    assert found["cells_r"] < -0.8  # type: ignore[operator]
    assert found["psth_rmse"] == pytest.approx(15 / 2**0.5, rel=0.1)


def test_silent_cells_leave_correlations_undefined() -> None:
    nothing = Spikes(np.empty(0), np.empty(0, np.int32))
    silent = Rates(np.zeros(STEPS, np.float32), np.zeros((STEPS // 5, CELLS), np.float32), 5 * STEP)
    found = engine_agreement.population(nothing, silent, SPANS, SPANS)
    assert found["mean_spiking"] == found["mean_rate"] == found["psth_rmse"] == 0
    assert [found[key] for key in ("ratio", "psth_r", "psth_ceiling", "cells_r")] == [None] * 4


def test_a_trial_shorter_than_a_bin_is_refused() -> None:
    nothing = Spikes(np.empty(0), np.empty(0, np.int32))
    with pytest.raises(ArgumentError, match=r"at least 0\.005 s"):
        statistics.histograms(nothing, expected(), [(0.0, 0.003)])


@given(st.integers(0, 3999), st.integers(1, 500))
def test_means_between_two_times_are_those_of_the_steps(first: int, length: int) -> None:
    rates = expected()
    last = min(first + length, STEPS)
    assert rates.between(first * STEP, last * STEP) == pytest.approx(float(rates.mean[first:last].mean()))
    assert rates.cells_between(first * STEP, last * STEP).shape == (CELLS,)


def test_rates_come_back_from_disk(tmp_path: Path) -> None:
    rates.write({"granule": expected(), "golgi": expected()}, tmp_path / "rates.npz")
    found = rates.read(tmp_path / "rates.npz")
    assert list(found) == ["granule", "golgi"]
    np.testing.assert_array_equal(found["golgi"].cells, expected().cells)
    assert found["golgi"].width == 5 * STEP


def result(seed: int, protocol: str = "background", **parts: Any) -> Result:
    """Of a `background` of 0.4 s on a small mouse circuit."""
    times = ("trial_duration", "window.duration", "stimulus.background.duration", "stimulus.climbing.duration")
    settings = {f"block.rest.{name}": "400" for name in times} | {"block.rest.window.onset": "0"}
    circuit, plan = load_model("mouse", {"scale": "0.1"}), load_protocol(protocol, settings)
    provenance = {"protocol": plan.model_dump(mode="json"), "seed": seed}
    return Result(
        circuit, plan, schedule(plan, sample(circuit, seed), None, seed), None, provenance=provenance, **parts
    )


def test_the_spikes_of_one_run_are_set_beside_the_rates_of_another() -> None:
    rates = expected()
    spiking = result(1, spikes={"granule": poisson(rates, np.random.default_rng(0))}, summary={"x": {"a": 1.0}})
    rate = result(1, rates={"granule": rates, "golgi": rates}, summary={"x": {"a": 2.0, "b": 1}})
    for pair in ((spiking, rate), (rate, spiking)):
        found = compare_engines(*pair)
        assert found is not None
        assert list(found["population"]) == ["granule"]
        assert found["population"]["granule"]["ratio"] == pytest.approx(1.0, rel=0.05)
    assert compare_engines(rate, rate) is None
    assert compare(spiking, rate) == {"x.a": (1.0, 2.0)}
    with pytest.raises(InputError, match="differ in protocol or seed"):
        compare_engines(spiking, result(2, rates={"granule": rates}))


def test_drawn_intervals_are_those_of_the_runs_seed(tmp_path: Path) -> None:
    drawn = tmp_path / "drawn.toml"
    drawn.write_text(
        'extends = "background"\n[block.rest]\ntrials = [4, "1", "assumed: some"]\n'
        'interval = [200, "ms", "assumed: some"]\ninterval_jitter = [200, "ms", "assumed: all of it"]\n'
    )
    spiking = result(3, str(drawn), spikes={"granule": poisson(expected(), np.random.default_rng(0))})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            engine_agreement, "engines", lambda *given: dict(zip(("spans", "windows"), given[2:], strict=True))
        )
        found = compare_engines(spiking, result(3, str(drawn), rates={"granule": expected()}))
    assert found is not None
    spans, windows = found["spans"], found["windows"]
    assert spans == [(trial.start, trial.stop) for trial in spiking.trials]
    assert windows == [trial.window for trial in spiking.trials]
    other = result(1, str(drawn)).trials[1]
    assert spans[1] != (other.start, other.stop)  # of another seed


def test_the_table_has_every_number_but_what_both_were_set_up_with() -> None:
    numbers = {
        "convergence.a.realised": (2.0, 2.0),
        "convergence.b.realised": (2.0, 3.0),
        "rates.golgi.mean_hz": (4.0, 4.0),
    }
    table = comparison_table(numbers, ("a", "b"))
    assert list(table.columns[0].cells) == ["convergence.b.realised", "rates.golgi.mean_hz"]
    assert str(table.caption).startswith("1 of the numbers")
