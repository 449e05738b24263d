"""A protocol in time: trials, volleys, pointers, Poisson spikes, the grid."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.description.schema import parse
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.schedule import Schedule, plastic_spans, trials
from cerebellum.experiment.stimulus import schedule


def in_trial(made: Schedule, population: str, start: float, stop: float, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Spike times (s, from `start`) and cells of a population between two times."""
    events = made.events[population]
    inside = (events.step >= round(start / dt)) & (events.step < round(stop / dt))
    return events.step[inside] * dt - start, events.cell[inside]


def test_trials_follow_each_other_without_gap(plan: Protocol) -> None:
    listed = trials(plan)
    assert [trial.block for trial in listed] == ["baseline"] + ["write"] * 6 + ["read"] * 12
    assert listed[0].start == 0
    assert np.allclose([t.start for t in listed[1:]], [t.stop for t in listed[:-1]], atol=1e-12)
    assert listed[-1].stop == pytest.approx(plan.duration)
    assert [t.pattern for t in listed] == [-1, *range(6), *range(12)]


def test_a_written_address_fires_one_fibre_of_every_pair_once(
    scheduled: Schedule, circuit: Circuit, patterns: Patterns
) -> None:
    for trial in scheduled.of("write"):
        times, cells = in_trial(scheduled, "mossy_fiber", trial.start, trial.stop, circuit.dt)
        address = patterns.addresses[trial.pattern]
        assert np.array_equal(np.sort(cells), 2 * np.arange(256) + address)
        # Onset 10 ms, jitter 0.05 ms cut at 3 standard deviations, then the nearest step of 0.1 ms.
        assert np.abs(times - 10e-3).max() <= 0.15e-3 + 0.05e-3 + 1e-9
        assert times.std() > 0


def test_a_cue_is_a_train_of_ten_volleys(scheduled: Schedule, circuit: Circuit, patterns: Patterns) -> None:
    for trial in scheduled.of("read"):
        times, cells = in_trial(scheduled, "mossy_fiber", trial.start, trial.stop, circuit.dt)
        fibers, spikes = np.unique(cells, return_counts=True)
        assert np.array_equal(fibers, 2 * np.arange(256) + patterns.cues[trial.pattern])
        assert (spikes == 10).all()
        late = np.sort(times).reshape(10, 256) - (10e-3 + 20e-3 * np.arange(10))[:, None]
        assert np.abs(late).max() <= 0.2e-3 + 1e-9


def test_the_pointer_fires_the_climbing_fibres_of_its_ones(
    scheduled: Schedule, circuit: Circuit, patterns: Patterns
) -> None:
    for trial in scheduled.of("write"):
        times, cells = in_trial(scheduled, "inferior_olive", trial.start, trial.stop, circuit.dt)
        assert np.array_equal(np.sort(cells), np.flatnonzero(patterns.pointers[trial.pattern]))
        assert np.allclose(times, 35e-3)
    assert len(scheduled.events["inferior_olive"].step) == patterns.pointers.sum()  # none in any other block


def test_events_are_ordered_on_the_grid_and_a_cell_fires_once_a_step(scheduled: Schedule, circuit: Circuit) -> None:
    for name, events in scheduled.events.items():
        assert events.step.dtype == np.int64
        assert (np.diff(events.step) >= 0).all()
        assert events.step.min() >= 0
        assert events.step.max() * circuit.dt < scheduled.duration
        pairs = np.stack([events.step, events.cell])
        assert np.unique(pairs, axis=1).shape == pairs.shape
        assert events.cell.max() < circuit.size(name)


def test_the_same_seed_gives_the_same_spikes(plan: Protocol, connectome: Connectome, patterns: Patterns) -> None:
    one, same, other = (schedule(plan, connectome, patterns, seed).events["mossy_fiber"] for seed in (1, 1, 2))
    assert np.array_equal(one.step, same.step)
    assert np.array_equal(one.cell, same.cell)
    assert not np.array_equal(one.step, other.step)


def background(rate: float, seconds: float) -> Protocol:
    """One trial of independent Poisson spikes on all mossy fibres."""
    return parse(
        Protocol,
        {
            "title": "background",
            "description": "independent Poisson spikes",
            "block": {
                "only": {
                    "over": "trials",
                    "trials": [1, "1", "assumed: x"],
                    "trial_duration": [1e3 * seconds, "ms", "assumed: x"],
                    "stimulus": {
                        "noise": {
                            "kind": "poisson",
                            "population": "mossy_fiber",
                            "onset": [0, "ms", "assumed: x"],
                            "duration": [1e3 * seconds, "ms", "assumed: x"],
                            "rate": [rate, "Hz", "assumed: x"],
                        }
                    },
                }
            },
        },
        "background.toml",
        ProtocolFileError,
    )


def test_poisson_spikes_have_the_rate_the_variability_and_the_independence_they_should(connectome: Connectome) -> None:
    rate, seconds, cells = 20.0, 20.0, 512
    events = schedule(background(rate, seconds), connectome, None, 1).events["mossy_fiber"]
    expected = rate * seconds * cells
    # Two spikes of a cell in one 0.1 ms step are one: rate x dt / 2 = 0.1 % are lost.
    assert len(events.step) == pytest.approx(
        expected * (1 - rate * connectome.circuit.dt / 2), abs=4 * np.sqrt(expected)
    )
    counts = np.bincount(events.cell, minlength=cells)
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=4 * np.sqrt(2 / cells))
    order = np.lexsort((events.step, events.cell))
    gaps = np.diff(events.step[order])[np.diff(events.cell[order]) == 0]
    assert gaps.std() / gaps.mean() == pytest.approx(1.0, abs=0.02)
    early = np.bincount(events.cell[events.step < seconds / connectome.circuit.dt / 2], minlength=cells)
    assert abs(np.corrcoef(early, counts - early)[0, 1]) < 4 / np.sqrt(cells)


def test_plasticity_is_on_in_the_write_block_only(scheduled: Schedule) -> None:
    write = scheduled.of("write")
    assert plastic_spans(scheduled.trials) == [pytest.approx((write[0].start, write[-1].stop))]
    assert plastic_spans(scheduled.of("read")) == []


def test_an_address_may_drive_its_fibres_in_any_way() -> None:
    """Regular bursts of the address on top of a background; nothing else at the burst's rate."""
    circuit = load_model("mouse_memory", {"scale": "1", "microzones": "4"})
    changes = {"patterns.active": "14", "patterns.count": "2", "block.read.noise": "[0, 3]"}
    plan = load_protocol("mouse_recall", changes)
    made = make_patterns(plan, circuit.size("mossy_fiber"), circuit.zones, 1)
    driven = schedule(plan, sample(circuit, 1), made, 1)
    for trial in driven.of("read"):
        _, cells = in_trial(driven, "mossy_fiber", trial.start + 0.01, trial.start + 0.51, circuit.dt)
        counts = np.bincount(cells, minlength=circuit.size("mossy_fiber"))
        on = made.cues[trial.pattern]
        assert counts[on].min() >= 74  # 150 Hz for half a second, less what falls into one step with the background
        assert counts[~on].max() <= 12  # Poisson, mean 2; 1e-6 a fibre beyond
