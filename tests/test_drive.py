"""Stimuli that change over time, given spike trains and currents into chosen cells: against what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from test_records import conducting, planned, value

from cerebellum.activity.spikes import Spikes
from cerebellum.connectome.connectome import sample
from cerebellum.description import data_file
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import AnyStimulus
from cerebellum.description.where import Scene
from cerebellum.errors import InputError
from cerebellum.exchange.sonata_spikes import write_spikes
from cerebellum.experiment.schedule import Pulse, Schedule, Trial
from cerebellum.experiment.stimulus import schedule
from cerebellum.readout import checks
from cerebellum.spiking.network import simulate

DT = 1e-4
FIBERS = {"population": "mossy_fiber", "onset": value(100, "ms"), "duration": value(500, "ms")}


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return load_model("mouse", {"scale": "0.3"})


def made(**table: Any) -> Any:
    return TypeAdapter(AnyStimulus).validate_python({**FIBERS, **table})


def drawn(circuit: Circuit, trials: int = 20, **table: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Times from the onset (s) and cells of some trials, and the number of fibres."""
    scene = Scene(circuit, "mossy_fiber", length=0.7)
    rng, stimulus = np.random.default_rng(1), made(**table)
    parts = [stimulus.spikes(scene, rng) for _ in range(trials)]
    return (
        np.concatenate([when for when, _ in parts]) - 0.1, np.concatenate([who for _, who in parts]), scene.cells
    )  # fmt: skip


def holds(times: np.ndarray, rate: Any, fibers: float, trials: int = 20) -> None:
    """Counts in bins of 20 ms against the integral of the rate (Hz): 4 standard errors in each of 25 bins."""
    edges = np.arange(26) * 20e-3
    counted = np.histogram(times, edges - 1e-9)[0]
    within = edges[:-1, None] + 20e-3 * (np.arange(40) + 0.5) / 40
    expected = rate(within).mean(axis=1) * 20e-3 * fibers * trials
    assert (np.abs(counted - expected) <= 4 * np.sqrt(expected) + 1).all()


def test_a_sinusoid_follows_its_formula(circuit: Circuit) -> None:
    table: dict[str, Any] = {
        "rate": value(20, "Hz"),
        "depth": value(0.8, "1"),
        "frequency": value(4, "Hz"),
        "phase": value(0.25, "1"),
    }
    times, _, fibers = drawn(circuit, kind="sinusoid", **table)
    holds(times, lambda t: 20 * (1 + 0.8 * np.sin(2 * np.pi * (4 * t + 0.25))), fibers)


def test_a_rate_over_time_follows_its_table_or_its_file(circuit: Circuit, tmp_path: Path) -> None:
    table: dict[str, Any] = {"times": [[0, 100, 400], "ms", "assumed: x"], "rates": [[0, 60, 10], "Hz", "assumed: x"]}

    def rate(t: Any) -> Any:
        return np.interp(t, [0, 0.1, 0.4], [0, 60, 10], 0, 0)

    times, who, fibers = drawn(circuit, kind="rate_over_time", **table)
    holds(times, rate, fibers)
    np.save(tmp_path / "rate.npy", np.array([[0, 0], [0.1, 60], [0.4, 10]]))
    (tmp_path / "rate.csv").write_text("time,rate\n0,0\n0.1,60\n0.4,10\n")
    for name in ("rate.npy", "rate.csv"):
        again = drawn(circuit, kind="rate_over_time", path=str(tmp_path / name))
        assert np.array_equal(again[0], times)
        assert np.array_equal(again[1], who)
    each = np.column_stack([[0, 0.5], np.tile(np.arange(fibers) % 2 * 50.0, (2, 1))])
    np.save(tmp_path / "each.npy", each)
    _, who, _ = drawn(circuit, kind="rate_over_time", path=str(tmp_path / "each.npy"))
    assert set(who % 2) == {1}


def test_groups_of_fibres_have_courses_of_their_own_and_keep_their_fibres(circuit: Circuit) -> None:
    groups = {
        "phasic": {"fraction": value(0.25, "1"), "peak": value(200, "Hz"), "tau": value(30, "ms")},
        "tonic": {"fraction": value(0.5, "1"), "peak": value(40, "Hz")},
        "late": {"fraction": value(0.25, "1"), "peak": value(80, "Hz"), "tau": value(150, "ms"),
                 "latency": value(200, "ms"), "latest": value(200, "ms")},
    }  # fmt: skip
    times, who, fibers = drawn(circuit, kind="fiber_groups", groups=groups)
    found = made(kind="fiber_groups", groups=groups).fibers(Scene(circuit, "mossy_fiber", length=0.7))
    assert sorted(np.concatenate([cells for cells, _ in found.values()]).tolist()) == list(range(fibers))
    courses = {
        "phasic": lambda t: 200 * np.exp(-t / 0.03),
        "tonic": lambda t: np.full(t.shape, 40.0),
        "late": lambda t: np.where(t >= 0.2, 80 * np.exp(-(t - 0.2) / 0.15), 0.0),
    }
    for name, (cells, _) in found.items():
        holds(times[np.isin(who, cells)], courses[name], len(cells))


def test_latencies_are_spread_evenly_and_stay(circuit: Circuit) -> None:
    late = {"fraction": value(1, "1"), "peak": value(80, "Hz"), "latency": value(30, "ms"), "latest": value(250, "ms")}
    stimulus = made(kind="fiber_groups", groups={"late": late})
    (_, latency), (_, again) = (stimulus.fibers(Scene(circuit, "mossy_fiber"))["late"] for _ in range(2))
    assert np.array_equal(latency, again)
    assert latency.min() >= 0.03
    assert latency.max() <= 0.25
    assert latency.mean() == pytest.approx(0.14, abs=4 * 0.22 / np.sqrt(12 * len(latency)))


@pytest.mark.parametrize("suffix", ["npz", "csv", "nwb", "h5"])
def test_given_trains_come_as_they_are(suffix: str, circuit: Circuit, tmp_path: Path) -> None:
    time, train = np.array([0.01, 0.02, 0.02, 0.3, 0.9]), np.array([0, 2, 1, 2, 0])
    path, more = tmp_path / f"spikes.{suffix}", {}
    if suffix == "npz":
        np.savez(path, time=time, train=train)
    elif suffix == "csv":
        np.savetxt(path, np.column_stack([time, train]), delimiter=",", header="time,train", comments="")
    elif suffix == "h5":
        write_spikes(
            {"mossy_fiber": Spikes(time, train.astype(np.int32), 1e-4), "other": Spikes(time, train * 0)}, path
        )
    else:
        import h5py

        with h5py.File(path, "w") as file:
            units = file.create_group("units")
            order = np.lexsort((time, train))
            units["spike_times"] = np.concatenate([[0.05], time[order]])
            units["spike_times_index"] = np.array([1, 3, 4, 6])
            units["population"] = ["granule", "mossy_fiber", "mossy_fiber", "mossy_fiber"]
    if suffix in ("nwb", "h5"):
        more = {"units": "mossy_fiber"}
    where = {"kind": "index", "cells": [3, 7, 11]}
    stimulus = made(kind="spike_trains", path=str(path), where=where, **more)
    when, who = stimulus.spikes(Scene(circuit, "mossy_fiber", length=0.7), np.random.default_rng(1))
    assert sorted(zip(np.round(when, 6), who, strict=True)) == [(0.11, 3), (0.12, 7), (0.12, 11), (0.4, 11)]
    later = made(kind="spike_trains", path=str(path), where=where, begin=value(20, "ms"), **more)
    when, _ = later.spikes(Scene(circuit, "mossy_fiber", length=0.7), np.random.default_rng(1))
    assert sorted(np.round(when, 6)) == [0.1, 0.1, 0.38]


def test_spikes_behind_the_end_of_a_trial_are_said(circuit: Circuit, tmp_path: Path) -> None:
    path = tmp_path / "spikes.npz"
    np.savez(path, time=np.array([0.01, 0.3, 0.65, 0.9]), train=np.zeros(4))
    table = {"kind": "spike_trains", "path": str(path), "population": "mossy_fiber", "onset": value(100, "ms")}
    count, said = checks.unplayed_spikes(plan(table))
    assert (count, "2 of b.stimulus.x" in said) == (2, True)
    assert checks.unplayed_spikes(plan({**table, "duration": value(50, "ms")}))[0] == 0  # as described


def plan(stimulus: dict[str, Any]) -> Protocol:
    block = {"over": "trials", "trials": value(1, "1"), "trial_duration": value(700, "ms"), "stimulus": {"x": stimulus}}
    return Protocol.model_validate({"title": "t", "description": "d", "block": {"b": block}})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"kind": "sinusoid", "rate": value(9000, "Hz"), "depth": value(1, "1"), "frequency": value(1, "Hz")},
         ["block.b.stimulus.x.rate", "18000 Hz at its highest"]),
        ({"kind": "rate_over_time"}, ["times and rates, or the path"]),
        ({"kind": "rate_over_time", "path": "nothing.npy"}, ["block.b.stimulus.x.path", "no such file"]),
        ({"kind": "rate_over_time", "times": [[0, 0], "ms", "assumed: x"], "rates": [[1, 2], "Hz", "assumed: x"]},
         ["times that ascend"]),
        ({"kind": "fiber_groups", "groups": {}}, ["groups"]),
        ({"kind": "fiber_groups", "groups": {"a": {"fraction": value(0.7, "1"), "peak": value(1, "Hz")},
          "b": {"fraction": value(0.7, "1"), "peak": value(1, "Hz")}}}, ["fractions of 1.4 together"]),
        ({"kind": "spike_trains", "path": "x.mat"}, ["block.b.stimulus.x.path"]),
        ({"kind": "current_step", "population": "purkinje", "amplitudes": [[1, 2], "pA", "assumed: x"]},
         ["amplitudes: found 2", "one for each"]),
        ({"kind": "current_ramp", "first": value(0, "pA"), "last": value(1, "pA")}, ["no membrane"]),
        ({"kind": "current_table", "population": "purkinje", "path": "x.csv"}, ["block.b.stimulus.x.path", "no such"]),
    ],
)  # fmt: skip
def test_a_fault_names_its_place(table: dict[str, Any], words: list[str], circuit: Circuit) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - pydantic's own, or ours, which is one too
        check_together(plan({**FIBERS, **table}), circuit)
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_damaged_file_is_one_line(circuit: Circuit, tmp_path: Path) -> None:
    for name, content, words in (
        ("a.npy", b"\x93NUMPY\x01", "cannot read"), ("a.csv", b"time,rate\n0,x\n", "cannot read"),
        ("b.csv", b"0,1\n0,2\n", "ascend"), ("c.csv", b"0\n1\n", "wanted rows of a time"),
        ("d.csv", b"0,nan\n1,2\n2,3\n", "finite"), ("e.csv", b"0,\n1,2\n2,3\n", "cannot read"),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=words) as caught:
            check_together(plan({**FIBERS, "kind": "rate_over_time", "path": str(tmp_path / name)}), circuit)
        assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["0,1\n1,3\n", "\ufeff0,1\n1,3\n", "time,rate\n0,1\n1,3\n", "\ufefftime,0\n0,1\n1,3\n"]
)
def test_a_table_is_read_with_a_head_line_or_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    time, values = data_file.course(str(tmp_path / "a.csv"))
    assert (time.tolist(), values.tolist()) == ([0.0, 1.0], [[1.0], [3.0]])


@pytest.mark.parametrize("kind", ["rate_over_time", "current_table"])
def test_columns_are_those_of_cells_chosen_by_place(kind: str, tmp_path: Path) -> None:
    """How many cells lie in a sphere is known when their places are: other numbers of columns are refused then."""
    circuit, name = load_model("mouse_lif", {"scale": "0.1"}), "purkinje" if kind == "current_table" else "mossy_fiber"
    sphere = {"kind": "sphere", **{axis: value(0, "um") for axis in "xyz"}, "radius": value(10, "um")}
    places = np.full((circuit.size(name), 3), 1e-3)
    places[[1, 3]] = 0.0  # the two that are inside
    scene = Scene(circuit, name, places, length=0.7)
    for columns in (2, 3):
        np.save(tmp_path / f"{columns}.npy", np.ones((2, 1 + columns)) * [[0], [1]])
        path = str(tmp_path / f"{columns}.npy")
        stimulus = made(kind=kind, population=name, path=path, where=sphere, duration=value(100, "ms"))
        draw = stimulus.current if kind == "current_table" else stimulus.spikes
        given = (scene, 0, np.random.default_rng(1)) if kind == "current_table" else (scene, np.random.default_rng(1))
        if columns == 2:
            draw(*given)
        else:
            with pytest.raises(InputError, match="found 3 columns; wanted one, or one for each of 2 chosen cells"):
                draw(*given)


def test_spike_trains_with_columns_exchanged_are_refused(circuit: Circuit, tmp_path: Path) -> None:
    (tmp_path / "exchanged.csv").write_text("train,time\n0,0.125\n1,0.25\n")
    np.savez(tmp_path / "halves.npz", time=[0.1, 0.2], train=[0.5, np.nan])
    np.savez(tmp_path / "huge.npz", time=[0.1], train=[1e300])
    for name in ("exchanged.csv", "halves.npz", "huge.npz"):
        with pytest.raises(InputError, match="trains numbered from 0"):
            check_together(plan({**FIBERS, "kind": "spike_trains", "path": str(tmp_path / name)}), circuit)


def current(circuit: Circuit, **table: Any) -> tuple[np.ndarray, np.ndarray]:
    stimulus = made(**{"population": "purkinje", **table})
    cells, amperes = stimulus.current(Scene(circuit, "purkinje", length=0.7), 1, np.random.default_rng(1))
    return cells, amperes


def test_currents_are_what_they_say(circuit: Circuit) -> None:
    where = {"kind": "index", "cells": [1, 4]}
    cells, step = current(circuit, kind="current_step", amplitudes=[[100, 200], "pA", "assumed: x"], where=where)
    assert cells.tolist() == [1, 4]
    assert step.shape == (5000, 1)
    assert (step == 200e-12).all()  # the block's second trial
    _, ramp = current(circuit, kind="current_ramp", first=value(-50, "pA"), last=value(50, "pA"))
    assert ramp.mean() == pytest.approx(0, abs=1e-20)
    assert np.allclose(np.diff(ramp[:, 0]), 100e-12 / 5000)
    _, table = current(circuit, kind="current_table", times=[[0, 250], "ms", "assumed: x"],
                       currents=[[0, 100], "pA", "assumed: x"])  # fmt: skip
    assert table[1250, 0] == pytest.approx(50e-12)
    assert (table[2500:] == 0).all()
    noise_table = {"kind": "current_noise", "mean": value(10, "pA"), "sd": value(30, "pA"), "tau": value(2, "ms")}
    _, noise = current(circuit, **noise_table)
    assert noise.shape == (5000, circuit.size("purkinje"))
    independent = noise.size * DT / 2 / 2e-3  # of correlated values so many count
    assert noise.mean() == pytest.approx(10e-12, abs=4 * 30e-12 / np.sqrt(independent))
    assert noise.std() == pytest.approx(30e-12, rel=4 / np.sqrt(2 * independent))
    lagged = np.corrcoef(noise[20:].ravel(), noise[:-20].ravel())[0, 1]
    assert lagged == pytest.approx(np.exp(-1), abs=4 / np.sqrt(independent))
    assert current(circuit, **noise_table, shared=True)[1].shape == (5000, 1)


def test_currents_reach_the_chosen_cells_and_add_up() -> None:
    """Cells far below threshold: their voltages are those of the sum of the currents each gets."""
    one = conducting("conductance_lif").model_dump(by_alias=True, exclude_none=True)
    one["population"]["target"]["count"] = value(3, "1")
    circuit = Circuit.model_validate(one)
    rng, steps = np.random.default_rng(1), 400
    apart = 20e-12 * rng.standard_normal((200, 2))
    pulses = [
        Pulse(0.0, steps * DT, 10e-12),
        Pulse(50 * DT, 250 * DT, apart, np.array([0, 2], dtype=np.int32)),
        Pulse(100 * DT, 300 * DT, np.full((200, 1), 15e-12), np.array([2], dtype=np.int32)),
    ]
    injected = np.full((steps, 3), 10e-12)
    injected[50:250, [0, 2]] += apart
    injected[100:300, 2] += 15e-12
    span = (0.0, steps * DT)
    plans = {"cell": planned(["voltage"], "target", [0, 1, 2], [(0, steps, 1)])}
    trial = Trial("all", "", *span, span, False)
    none = schedule(plan({**FIBERS, "kind": "current_step", "population": "target", "duration": value(1, "ms"),
                          "amplitudes": [[0], "pA", "assumed: x"]}), sample(circuit, 1), None, 1).events  # fmt: skip
    done = simulate(
        sample(circuit, 1), Schedule([trial], none, span[1], currents={"target": pulses}, records=plans), target="numpy"
    )
    v, expected = -70e-3, np.empty((steps, 3))
    now = np.full(3, v)
    for step in range(steps):  # Crank-Nicolson of C dV/dt = -C/tau (V - E) + I
        above, below = 2 * 100e-12 / DT - 10e-9, 2 * 100e-12 / DT + 10e-9
        now = (now * above + 2 * (10e-9 * v + injected[step])) / below
        expected[step] = now
    assert np.allclose(done.records["cell"].values["voltage"], expected, atol=1e-14)
