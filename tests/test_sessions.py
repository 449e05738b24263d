"""Sessions: kinds of trials, their order, intervals and onsets on the clock, `like`, and trials counted one by one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cerebellum
from cerebellum.activity import Outcome, Rates, Spikes
from cerebellum.activity.statistics import counts
from cerebellum.description.circuit import load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import InputError
from cerebellum.experiment.schedule import plastic_ends, plastic_spans, trials
from cerebellum.plotting import learning
from cerebellum.results import Result
from cerebellum.results import trials as trial_table

DT = 1e-4
SESSION = """
title = "Session"
description = "Pairings with probes."

[trial.paired]
duration = [600, "ms", "assumed: x"]
[trial.paired.windows.cs]
onset    = [100, "ms", "assumed: x"]
duration = [260, "ms", "assumed: x"]
[trial.paired.stimulus.background]
kind = "poisson"
population = "mossy_fiber"
onset = [0, "ms", "assumed: x"]
rate = [4, "Hz", "assumed: x"]
[trial.paired.stimulus.cs]
kind = "poisson"
population = "mossy_fiber"
onset = [100, "ms", "assumed: x"]
onset_jitter = [50, "ms", "assumed: x"]
duration = [260, "ms", "assumed: x"]
rate = [40, "Hz", "assumed: x"]
[trial.paired.stimulus.us]
kind = "burst"
population = "inferior_olive"
follows = "cs"
onset = [250, "ms", "assumed: x"]
times = [[0], "ms", "assumed: x"]

[trial.probe]
like = "paired"
without = ["stimulus.us"]
plasticity = false

[block.pairing]
over = "kinds"
kinds = { paired = [9, "1", "assumed: x"], probe = [1, "1", "assumed: x"] }
repeats = [3, "1", "assumed: x"]
plasticity = true
interval = [200, "ms", "assumed: x"]
interval_jitter = [100, "ms", "assumed: x"]

[block.shuffled]
like = "pairing"
order = "shuffled"
without = ["interval_jitter"]

[block.alone]
like = "shuffled"
kinds = { probe = [5, "1", "assumed: x"] }
without = ["kinds", "repeats", "order"]
"""


def written(path: Path, text: str = SESSION, **changes: str) -> str:
    for old, new in changes.items():
        text = text.replace(old, new)
    path = path / "session.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Protocol:
    return load_protocol(written(tmp_path_factory.mktemp("session")))


def test_kinds_run_as_listed_or_shuffled_within_rounds(plan: Protocol) -> None:
    listed = trials(plan, DT, 1)
    kinds = {name: [trial.kind for trial in listed if trial.block == name] for name in plan.block}
    assert kinds["pairing"] == (["paired"] * 9 + ["probe"]) * 3  # a probe every tenth trial
    assert kinds["alone"] == ["probe"] * 5
    rounds = [kinds["shuffled"][first : first + 10] for first in (0, 10, 20)]
    assert [one.count("probe") for one in rounds] == [1, 1, 1]
    assert kinds["shuffled"] != kinds["pairing"]
    assert [t.kind for t in trials(plan, DT, 1)] == [t.kind for t in listed] != [t.kind for t in trials(plan, DT, 2)]


def test_probes_do_not_learn_and_have_no_teacher(plan: Protocol) -> None:
    listed = trials(plan, DT)
    assert {trial.kind: trial.plasticity for trial in listed} == {"paired": True, "probe": False}
    assert {trial.kind: "us" in trial.onsets for trial in listed} == {"paired": True, "probe": False}
    on = sum(stop - start for start, stop in plastic_spans(listed))
    assert on == pytest.approx(sum(t.until - t.start for t in listed if t.kind == "paired"))
    assert list(plastic_ends(listed)) == ["pairing", "shuffled"]


@settings(max_examples=25)
@given(dt=st.sampled_from([1e-4, 5e-4, 1e-3]), seed=st.integers(0, 1000))
def test_intervals_and_onsets_lie_on_the_clock_within_their_jitter(plan: Protocol, dt: float, seed: int) -> None:
    listed = trials(plan, dt, seed)
    assert all(a.until == b.start for a, b in itertools.pairwise(listed))
    times = np.array([[t.start, t.stop, t.until, *t.onsets.values()] for t in listed if t.kind == "paired"]) / dt
    assert np.abs(times - np.round(times)).max() < 1e-6
    pause = np.array([trial.until - trial.stop for trial in listed if trial.block == "pairing"])
    assert pause.min() >= 0.1 - 1e-9
    assert pause.max() <= 0.3 + 1e-9
    assert np.allclose([t.until - t.stop for t in listed if t.block == "shuffled"], 0.2)
    late = np.array([trial.onsets["cs"] - trial.start for trial in listed])
    assert np.abs(late - 0.1).max() <= 0.05 + 1e-9
    paired = [trial for trial in listed if trial.kind == "paired"]
    assert np.allclose([trial.onsets["us"] - trial.onsets["cs"] for trial in paired], 0.25)


def test_jitter_is_even_and_a_draw_of_each_trial_by_itself(tmp_path: Path) -> None:
    plan = load_protocol(written(tmp_path, **{"[9,": "[999,"}))
    late = np.array([t.onsets["cs"] - t.start - 0.1 for t in trials(plan, DT) if t.block == "pairing"])
    assert late.std() == pytest.approx(0.1 / np.sqrt(12), rel=0.05)  # of 3,000 draws: 2 % is a standard error
    assert abs(late.mean()) < 4 * 0.1 / np.sqrt(12 * len(late))
    assert abs(np.corrcoef(late[1:], late[:-1])[0, 1]) < 4 / np.sqrt(len(late))


def test_the_schedule_keeps_what_the_trials_say(plan: Protocol) -> None:
    made = cerebellum.prepare(plan, "mouse").schedule
    olive, dt = made.events["inferior_olive"], DT
    for trial in made.trials:
        step = olive.step[(olive.step >= round(trial.start / dt)) & (olive.step < round(trial.until / dt))]
        assert set(step.tolist()) == ({round(trial.onsets["us"] / dt)} if "us" in trial.onsets else set())
    fibers = made.events["mossy_fiber"]
    # The background goes on between trials.
    pauses = [(round(t.stop / dt), round(t.until / dt)) for t in made.trials]
    heard = sum(int(((fibers.step >= a) & (fibers.step < b)).sum()) for a, b in pauses)
    expected = 4.0 * sum(b - a for a, b in pauses) * dt * made_cells(plan)
    assert heard == pytest.approx(expected, abs=4 * np.sqrt(expected))


def made_cells(plan: Protocol) -> int:
    return load_model("mouse").size("mossy_fiber")


def test_a_session_lists_blocks_in_their_order_and_repeats_them(tmp_path: Path) -> None:
    text = 'session = ["alone", { block = "pairing", times = 2 }, "alone"]\n' + SESSION
    plan = load_protocol(written(tmp_path, text))
    assert list(plan.block) == ["alone", "pairing", "pairing_2", "alone_2"]
    assert plan.block["pairing"] == plan.block["pairing_2"]
    first, again = ([t for t in trials(plan, DT) if t.block == name] for name in ("pairing", "pairing_2"))
    assert [t.until - t.stop for t in first] != [t.until - t.stop for t in again]  # its own draws
    reduced = load_protocol(written(tmp_path, text), {"session": '["shuffled"]'})
    assert list(reduced.block) == ["shuffled"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('like = "paired"', 'like = "probe"', ["trial.probe.like", "found 'probe'", "wanted one of paired"]),
        ('like = "pairing"', 'like = "alone"', ["block.alone.like", "shuffled is like alone is like shuffled"]),
        ('["stimulus.us"]', '["stimulus.puff"]', ["trial.probe.without", "'stimulus.puff'", "no such key"]),
        ('without = ["stimulus.us"]', "without = 3", ["trial.probe.without", "found 3", "a list of keys"]),
        ("[trial.paired]", '[trial.paired]\nwithout = ["window"]', ["trial.paired.without", "with like"]),
        ("paired = [9,", "paird = [9,", ["block.pairing.kinds: no [trial.paird]", "paired, probe"]),
        ("interval_jitter = [100", "interval_jitter = [300", ["interval_jitter: found 300 ms", "at most the interval"]),
        ('over = "kinds"', 'over = "kinds"\nrole = "write"', ["block.pairing", "no patterns to write"]),
        ('order = "shuffled"', 'order = "sorted"', ["block.shuffled.order"]),
        ('follows = "cs"', 'follows = "tone"', ["stimulus.us.follows: found 'tone'", "background, cs, us"]),
        ('follows = "cs"', 'follows = "us"', ["stimulus.us.follows", "us follows us"]),
        ("onset_jitter = [50,", "onset_jitter = [150,", ["stimulus.cs.onset_jitter", "out of the trial"]),
        ("onset = [250,", "onset = [450,", ["stimulus.us", "600 ms", "trial"]),
        ("duration = [260, \"ms\", \"assumed: x\"]\nrate", "rate", ["stimulus.cs.duration: missing"]),
        ('duration = [600, "ms"', 'duration = [600.05, "ms"', ["trial.paired.duration", "multiple of the time step"]),
        ("duration = [260,", "duration = [0.01,", ["trial.paired.windows.cs", "no time step of 0.1 ms"]),
        ("title", 'session = ["pairng"]\ntitle', ["session: found 'pairng'", "pairing, shuffled, alone"]),
        ("title", 'session = [{ block = "alone", times = 0 }]\ntitle', ["session: times: found 0"]),
        ("title", "session = []\ntitle", ["session: found []", "a list of blocks"]),
        ("title", 'without = ["block.alone"]\ntitle', ["without"]),
    ],
)  # fmt: skip
def test_a_fault_names_its_place(old: str, new: str, words: list[str], tmp_path: Path) -> None:
    assert old in SESSION
    with pytest.raises(InputError) as caught:
        check_together(load_protocol(written(tmp_path, SESSION.replace(old, new, 1))), load_model("mouse"))
    assert any(all(word in line for word in words) for line in str(caught.value).splitlines()), caught.value


def test_a_file_leaves_out_what_the_file_below_it_has(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('extends = "cs_us"\nwithout = ["block.cs_us.stimulus.unconditioned"]\n')
    assert list(load_protocol(str(path)).block["cs_us"].stimulus) == ["background", "conditioned"]
    path.write_text('extends = "cs_us"\nwithout = ["block.cs_us.stimulus.tone"]\n')
    with pytest.raises(InputError, match=r"own\.toml: without: found 'block\.cs_us\.stimulus\.tone'; there is no such"):
        load_protocol(str(path))


def test_a_frozen_stimulus_is_the_same_in_every_trial(tmp_path: Path) -> None:
    text = SESSION.replace("onset_jitter = [50,", "frozen = true\nonset_jitter = [0,").replace(
        "rate = [4,", "rate = [0,"
    )
    made = cerebellum.prepare(load_protocol(written(tmp_path, text)), "mouse").schedule
    fibers, found = made.events["mossy_fiber"], set()
    for trial in made.trials:
        inside = (fibers.step >= round(trial.start / DT)) & (fibers.step < round(trial.until / DT))
        found.add((tuple(fibers.step[inside] - round(trial.start / DT)), tuple(fibers.cell[inside])))
    assert len(found) == 1


def test_rates_of_populations_are_counted_as_rates_of_cells() -> None:
    rng = np.random.default_rng(1)
    steps = np.sort(rng.integers(0, 5000, 400))
    spikes = Spikes(np.asarray(steps * DT, dtype=float), rng.integers(0, 7, 400).astype(np.int32), DT)
    windows = [(0.0, 0.1), (0.1, 0.25), (0.2013, 0.4)]
    found = Outcome({"a": 7}, spikes={"a": spikes}).population_rates("a", windows)
    assert found == pytest.approx([counts(spikes, 7, a, b).sum() / 7 / (b - a) for a, b in windows])
    course = np.arange(500, dtype=np.float32)
    rates = Rates(course, course[:, None], 1e-3)
    assert Outcome({"a": 1}, rates={"a": rates}).population_rates("a", windows[:2]) == pytest.approx([49.5, 174.5])


def test_a_window_shorter_than_a_step_has_the_rate_of_its_step() -> None:
    """Of the rate engine, whose courses are in steps of 1 ms: nothing is the mean of no steps."""
    course = np.arange(500, dtype=np.float32)
    rates = Rates(course, course[:, None], 1e-3)
    windows = [(0.1, 0.1001), (0.1003, 0.1004), (0.1004, 0.10049), (0.2499, 0.25)]
    assert Outcome({"a": 1}, rates={"a": rates}).population_rates("a", windows).tolist() == [100, 100, 100, 249]


def test_rates_of_a_window_called_rate_are_not_those_of_a_second_engine() -> None:
    columns = ["trial", "onset.a", "a.rate", "a.trial", "ab.rate", "a.rate.rate", "a.trial.rate"]
    assert trial_table.rate_columns(columns, "a") == {"rate": "a.rate", "trial": "a.trial"}
    assert trial_table.rated(columns) == columns[2:]


def test_the_table_of_trials_says_what_each_was_and_how_its_cells_fired(plan: Protocol, tmp_path: Path) -> None:
    ready = cerebellum.prepare(plan, "mouse")
    schedule, size = ready.schedule, {"mossy_fiber": ready.circuit.size("mossy_fiber")}
    fibers = schedule.events["mossy_fiber"]
    spikes = Spikes(np.asarray(fibers.step * DT, dtype=float), fibers.cell, DT)
    made = Result(ready.circuit, plan, schedule, None, outcomes={"spiking": Outcome(size, {"mossy_fiber": spikes})})
    trial_table.write(made, tmp_path / "trials.csv")
    assert learning.has_curves(made)
    assert len(learning.curves_figure(made).axes) == 1  # of the one population that has rates
    assert not learning.has_curves(replace(made, outcomes={"volley": Outcome(size)}))  # nothing to draw, no figure
    found = trial_table.read(tmp_path / "trials.csv")
    assert found["trial"].tolist() == list(range(65))
    assert found["block"].tolist() == ["pairing"] * 30 + ["shuffled"] * 30 + ["alone"] * 5
    assert found["kind"].tolist() == [trial.kind for trial in schedule.trials]
    assert np.allclose(found["start"], [trial.start for trial in schedule.trials])
    assert np.allclose(found["onset.cs"], [trial.onsets["cs"] for trial in schedule.trials])
    assert found["onset.us"].isna().tolist() == [trial.kind == "probe" for trial in schedule.trials]
    for window, first, last in (("cs", 0.1, 0.36), ("trial", 0.0, 0.6)):
        rate = [
            counts(spikes, size["mossy_fiber"], t.start + first, t.start + last).mean() / (last - first)
            for t in schedule.trials
        ]
        assert np.allclose(found[f"mossy_fiber.{window}"], rate)


def test_a_run_folder_and_its_nwb_file_have_the_trials(finished: tuple[Result, Path]) -> None:
    from pynwb import NWBHDF5IO

    result, out = finished
    found = cerebellum.open_run(out).trial_table
    assert found is not None
    assert found["shown"].tolist() == [-1, *range(6), *range(12)]
    windows = [trial.window for trial in result.schedule.trials]
    rates = result.outcomes["spiking"].mean_rates("purkinje", windows).mean(axis=1)
    named = found["purkinje.window"]
    assert np.allclose(named[found["block"] != "write"], rates[found["block"] != "write"])
    assert named[found["block"] == "write"].isna().all()  # it has no window
    with NWBHDF5IO(str(out / "spikes.nwb"), "r") as io:
        kept = io.read().trials.to_dataframe()
    for column in ("block", "kind", "shown"):
        assert kept[column].tolist() == found[column].tolist()
    assert np.allclose(kept["purkinje.window"], named, equal_nan=True)
