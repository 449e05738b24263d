"""spikes.nwb before the field's own readers: they find nothing wrong, and the rates of summary.json."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.spikes import Spikes
from cerebellum.readout import recorded
from cerebellum.results.nwb import STORED_PARTS, read_spikes, stored, write_spikes
from cerebellum.results.result import Result
from cerebellum.simulation.prepare import prepare


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A tenth of the mouse circuit in a burst protocol, with spikes drawn by hand: no engine runs."""
    experiment = prepare("centre_surround", "mouse_lif", 1, {"scale": "0.1"})
    circuit, schedule = experiment.circuit, experiment.schedule
    rng, dt, spikes = np.random.default_rng(0), circuit.dt, {}
    for name in circuit.population:
        number = rng.poisson(5.0 * schedule.duration * circuit.size(name)) if name != "inferior_olive" else 0
        step = np.sort(rng.integers(0, round(schedule.duration / dt), number))
        spikes[name] = Spikes(np.asarray(step * dt, float), rng.integers(0, circuit.size(name), number, np.int32), dt)
    result = Result(circuit, experiment.protocol, schedule, None, spikes=spikes, connectome=experiment.connectome)
    outcome = Outcome({name: circuit.size(name) for name in circuit.population}, spikes=spikes)
    result.outcomes["spiking"] = outcome
    result.summary["rates"] = recorded.activity(outcome, schedule)
    result.provenance.update(identifier="of-a-test", started=datetime(2026, 1, 1, tzinfo=UTC).isoformat())
    path = tmp_path_factory.mktemp("nwb") / "spikes.nwb"
    write_spikes(result, path)
    return result, path


def test_the_inspector_finds_nothing_critical_and_no_bad_practice(written: tuple[Result, Path]) -> None:
    nwbinspector = pytest.importorskip("nwbinspector", reason="nwbinspector (group peers) is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(nwbinspector.inspect_nwbfile(nwbfile_path=str(written[1])))
    grave = [
        f"{one.check_function_name}: {one.message}"
        for one in found
        if one.importance.name != "BEST_PRACTICE_SUGGESTION"
    ]
    assert grave == []
    # A simulation has neither experimenter nor institution, its one epoch is one row; of keywords see the writer.
    assert {one.check_function_name for one in found} <= {
        "check_experimenter_exists", "check_institution", "check_single_row", "check_keywords",
    }  # fmt: skip


def test_pynapple_finds_the_rates_of_the_summary(written: tuple[Result, Path]) -> None:
    pynapple = pytest.importorskip("pynapple", reason="pynapple (group peers) is not installed")
    result, path = written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pynapple.load_file(str(path))
        units = data["units"].restrict(data["epochs"])
        population = np.asarray(units["population"])
        rates = {name: float(np.asarray(units["rate"])[population == name].mean()) for name in result.spikes}
        places = np.stack([np.asarray(units[axis]) for axis in "xyz"], axis=1)
        data.close()
    assert np.array_equal(units.time_support.values, [[0.0, result.schedule.duration]])
    assert rates == pytest.approx({name: one["mean_hz"] for name, one in result.summary["rates"].items()}, abs=1e-9)
    assert result.connectome is not None
    assert np.array_equal(places[population == "golgi"], result.connectome.positions["golgi"])


def test_neo_finds_the_rates_of_the_summary(written: tuple[Result, Path]) -> None:
    neo = pytest.importorskip("neo", reason="neo (group peers) is not installed")
    result, path = written
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        segment = neo.io.NWBIO(str(path), "r").read_block().segments[0]
    trains = iter(segment.spiketrains)
    for name in result.spikes:
        own = [next(trains) for _ in range(result.circuit.size(name))]
        assert {(float(train.t_start), float(train.t_stop)) for train in own} == {(0.0, result.schedule.duration)}
        rate = np.mean([len(train) / float(train.t_stop - train.t_start) for train in own])
        assert rate == pytest.approx(result.summary["rates"][name]["mean_hz"], abs=1e-9)
    assert next(trains, None) is None


def test_pynwb_reads_what_the_format_asks_for(written: tuple[Result, Path]) -> None:
    from pynwb import NWBHDF5IO

    result, path = written
    with NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        assert file.subject.subject_id == "simulation"
        assert "No animal" in file.subject.description
        assert file.units.resolution == result.circuit.dt
        assert np.array_equal(file.units["obs_intervals"][3], [[0.0, result.schedule.duration]])
        trials = file.trials.to_dataframe()
    for trial, (_, row) in zip(result.schedule.trials, trials.iterrows(), strict=True):
        assert (row.start_time, row.stop_time, row.block) == (trial.start, trial.stop, trial.block)
        for key, onset in trial.onsets.items():
            assert row[f"onset.{key}"] == pytest.approx(onset, abs=1e-12)
    assert any(trial.onsets for trial in result.schedule.trials)


@given(
    dt=st.sampled_from([1e-4, 5e-5, 2.5e-5, 1e-3, 7e-5]),
    steps=st.lists(st.integers(0, 40_000_000), min_size=1, max_size=30),
    edge=st.integers(0, 40_000_000),
)
def test_stored_times_are_found_in_the_windows_of_their_steps(dt: float, steps: list[int], edge: int) -> None:
    """By any reader that knows nothing of steps, and as the same doubles when they are read again."""
    time = np.asarray(np.array([*steps, edge, edge + 1]) * dt, dtype=float)
    found = stored(time, dt)
    assert np.all((found >= time) & (found - time < dt / STORED_PARTS))
    assert np.array_equal(found >= edge * dt, time >= edge * dt)
    assert np.array_equal(np.rint(found / dt) * dt, time)


def test_spikes_are_read_again_as_they_were_and_take_little_place(written: tuple[Result, Path]) -> None:
    result, path = written
    for name, spikes in read_spikes(path).items():
        want, have = (np.lexsort((one.cell, one.time)) for one in (result.spikes[name], spikes))
        assert np.array_equal(spikes.time[have], result.spikes[name].time[want])
        assert np.array_equal(spikes.cell[have], result.spikes[name].cell[want])
    with h5py.File(path, "r") as file:
        times = file["units/spike_times"]
        assert times.id.get_storage_size() < 3.5 * len(times)  # bytes a spike; six and more as they come
