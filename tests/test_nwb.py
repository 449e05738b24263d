"""spikes.nwb before the field's own readers: they find nothing wrong, and the rates of summary.json."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.recording import UNITS, Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.readout import recorded
from cerebellum.results import views
from cerebellum.results.nwb import STORED_PARTS, read_records, read_spikes, stored, write_spikes
from cerebellum.results.result import Result
from cerebellum.simulation.prepare import prepare
from cerebellum.typing import Floats


def recorded_by_hand(dt: float) -> dict[str, Recording]:
    """Every quantity at equal intervals, not from 0, and two blocks apart, of which the times are not regular."""
    rng = np.random.default_rng(2)
    regular = np.asarray(np.arange(300, 800, 5) * dt, dtype=float)
    apart = np.asarray(np.r_[np.arange(0, 40, 3), np.arange(907, 940, 3)] * dt, dtype=float)

    def made(cells: list[int], time: Floats, *keys: str) -> Recording:
        values = {key: rng.random((len(time), len(cells))) for key in keys}
        return Recording("purkinje", np.array(cells), time, values, {key: UNITS[key.split(".")[0]] for key in keys})

    weights = Recording(
        "purkinje", np.array([0, 0, 1]), regular, {"weight": rng.random((len(regular), 3))}, {"weight": "siemens"},
        np.array([5, 7, 5]), "parallel_fiber_to_purkinje",
    )  # fmt: skip
    rate = Recording("granule", np.arange(9), regular, {"rate": rng.random((len(regular), 1))}, {"rate": "hertz"})
    cells = made([2, 10], regular, "voltage", "adaptation", "conductance.excitatory", "current.excitatory")
    return {"cells": cells, "blocks": made([2, 3], apart, "voltage", "current.excitatory"), "w": weights, "rates": rate}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """A tenth of the mouse circuit in a burst protocol, with spikes and records drawn by hand: no engine runs."""
    experiment = prepare("centre_surround", "mouse_lif", 1, {"scale": "0.1"})
    circuit, schedule = experiment.circuit, experiment.schedule
    rng, dt, spikes = np.random.default_rng(0), circuit.dt, {}
    for name in circuit.population:
        number = rng.poisson(5.0 * schedule.duration * circuit.size(name)) if name != "inferior_olive" else 0
        step = np.sort(rng.integers(0, round(schedule.duration / dt), number))
        spikes[name] = Spikes(np.asarray(step * dt, float), rng.integers(0, circuit.size(name), number, np.int32), dt)
    result = Result(circuit, experiment.protocol, schedule, None, spikes=spikes, connectome=experiment.connectome)
    outcome = Outcome({name: circuit.size(name) for name in circuit.population}, spikes=spikes)
    outcome = replace(outcome, records=recorded_by_hand(dt))
    result.outcomes["spiking"] = outcome
    result.summary["rates"] = recorded.activity(outcome, schedule)
    result.provenance.update(identifier="of-a-test", started=datetime(2026, 1, 1, tzinfo=UTC).isoformat())
    path = tmp_path_factory.mktemp("nwb") / "spikes.nwb"
    write_spikes(result, path)
    return result, path


@pytest.fixture(scope="module")
def of_pynapple(written: tuple[Result, Path]) -> Iterator[Any]:
    """The file as pynapple opens it."""
    pynapple = pytest.importorskip("pynapple", reason="pynapple (group peers) is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pynapple.load_file(str(written[1]))
        yield data
        data.close()


@pytest.fixture(scope="module")
def of_neo(written: tuple[Result, Path]) -> Any:
    """The one segment as which neo reads the file."""
    neo = pytest.importorskip("neo", reason="neo (group peers) is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (segment,) = neo.io.NWBIO(str(written[1]), "r").read_block().segments
    return segment


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
    # What modules are called is ours: none of the format's own names says receptors or synapses.
    assert {one.check_function_name for one in found} <= {
        "check_experimenter_exists", "check_institution", "check_single_row", "check_keywords",
        "check_processing_module_name",
    }  # fmt: skip


def test_pynapple_finds_the_rates_of_the_summary(written: tuple[Result, Path], of_pynapple: Any) -> None:
    result = written[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        units = of_pynapple["units"].restrict(of_pynapple["epochs"])
    population = np.asarray(units["population"])
    rates = {name: float(np.asarray(units["rate"])[population == name].mean()) for name in result.spikes}
    places = np.stack([np.asarray(units[axis]) for axis in "xyz"], axis=1)
    assert np.array_equal(units.time_support.values, [[0.0, result.schedule.duration]])
    assert rates == pytest.approx({name: one["mean_hz"] for name, one in result.summary["rates"].items()}, abs=1e-9)
    assert result.connectome is not None
    assert np.array_equal(places[population == "golgi"], result.connectome.positions["golgi"])


def test_neo_finds_the_rates_of_the_summary(written: tuple[Result, Path], of_neo: Any) -> None:
    result, trains = written[0], iter(of_neo.spiketrains)
    for name in result.spikes:
        own = [next(trains) for _ in range(result.circuit.size(name))]
        assert {(float(train.t_start), float(train.t_stop)) for train in own} == {(0.0, result.schedule.duration)}
        rate = np.mean([len(train) / float(train.t_stop - train.t_start) for train in own])
        assert rate == pytest.approx(result.summary["rates"][name]["mean_hz"], abs=1e-9)
    assert next(trains, None) is None


def test_neo_finds_the_voltages(written: tuple[Result, Path], of_neo: Any) -> None:
    """It opens no processing module."""
    signals = {signal.name: signal for signal in [*of_neo.analogsignals, *of_neo.irregularlysampledsignals]}
    assert set(signals) == {"cells.voltage.2", "cells.voltage.10", "blocks.voltage.2", "blocks.voltage.3"}
    for record, column in (("cells", 0), ("cells", 1), ("blocks", 0), ("blocks", 1)):
        kept = written[0].records[record]
        signal = signals[f"{record}.voltage.{kept.cells[column]}"]
        assert signal.units.dimensionality.string == "V"
        assert np.allclose(signal.times.rescale("s").magnitude, kept.time, rtol=0, atol=1e-12)
        assert np.array_equal(np.ravel(signal.magnitude), kept.values["voltage"][:, column])


@pytest.mark.parametrize(
    ("record", "quantity"),
    [
        ("cells", "voltage"),
        ("blocks", "current.excitatory"),
        ("cells", "adaptation"),
        ("w", "weight"),
        ("rates", "rate"),
    ],
)
def test_pynapple_finds_the_records(written: tuple[Result, Path], of_pynapple: Any, record: str, quantity: str) -> None:
    kept = written[0].records[record]
    values = kept.values[quantity] if quantity != "voltage" else kept.values[quantity][:, 1]
    found = of_pynapple[f"{record}.{quantity}" + (".10" if quantity == "voltage" else "")]
    assert np.allclose(found.t, kept.time, rtol=0, atol=1e-9)  # pynapple rounds to nanoseconds
    assert np.array_equal(np.reshape(found.d[:], values.shape), values)


def test_records_are_read_again_as_the_same_doubles(written: tuple[Result, Path]) -> None:
    result, path = written
    found = read_records(path)
    assert set(found) == set(result.records)
    for name, kept in result.records.items():
        assert np.array_equal(found[name].time, kept.time)
        assert np.array_equal(found[name].cells, kept.cells)
        assert {key: values.tolist() for key, values in found[name].values.items()} == {
            key: values.tolist() for key, values in kept.values.items()
        }
    with h5py.File(path, "r") as file:
        assert "timestamps" not in file["acquisition/cells.voltage.2"]
        assert "timestamps" in file["acquisition/blocks.voltage.2"]


def test_records_are_in_the_tables_and_arrays(written: tuple[Result, Path]) -> None:
    result = written[0]
    table = views.to_pandas(result)["records"]
    assert len(table) == sum(values.size for one in result.records.values() for values in one.values.values())
    kept, weights = result.records["cells"], result.records["w"]
    of_two = table[(table["record"] == "cells") & (table["quantity"] == "voltage") & (table["cell"] == 2)]
    assert np.array_equal(of_two["time"], kept.time)
    assert np.array_equal(of_two["value"], kept.values["voltage"][:, 0])
    assert set(of_two["unit"]) == {"volts"}
    synapse = table[(table["record"] == "w") & (table["cell"] == 0) & (table["source"] == 7)]
    assert np.array_equal(synapse["value"], weights.values["weight"][:, 1])
    assert table.loc[table["quantity"] == "rate", ["cell", "source"]].isna().all(axis=None)
    pytest.importorskip("xarray")
    arrays = views.to_xarray(result)
    voltage = arrays["cells.voltage"].sel({"cells.cell": 2})
    assert voltage.dims == ("cells.time",)
    assert voltage.attrs == {"units": "volts", "population": "purkinje"}
    assert np.array_equal(voltage, kept.values["voltage"][:, 0])
    assert np.array_equal(arrays["w.weight"][:, arrays["w.source"].values == 7][:, 0], weights.values["weight"][:, 1])
    assert arrays["rates.rate"].dims == ("rates.time",)


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
