"""Replayed cells fire the spikes that they fired in the whole circuit; with other weights, what it would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import cerebellum
from cerebellum.description.circuit import load_model
from cerebellum.errors import ArgumentError
from cerebellum.experiment.loop import Loop
from cerebellum.results.result import Result
from cerebellum.simulation.replay import replay


def test_the_recorded_circuit_is_replayed_to_the_spike(finished: tuple[Result, object]) -> None:
    recorded, _ = finished
    again = replay(recorded, live=["purkinje"])
    for name, spikes in recorded.spikes.items():
        assert np.array_equal(spikes.cell, again.spikes[name].cell)
        assert np.array_equal(spikes.time, again.spikes[name].time)
    assert len(recorded.spikes["purkinje"]) > 1000
    assert again.weights["purkinje"] == pytest.approx(recorded.weights["purkinje"])
    ((name, written),) = recorded.plastic.items()
    assert again.plastic[name] == pytest.approx(written)


def test_other_numbers_move_the_live_cells_alone(
    finished: tuple[Result, object], model_settings: dict[str, str]
) -> None:
    recorded, _ = finished
    other = load_model("jaeckel", {**model_settings, "population.purkinje.parameters.I_e": "2700"})
    again = replay(recorded, other, live=["purkinje"])
    assert again.summary["rates"]["purkinje"]["mean_hz"] > recorded.summary["rates"]["purkinje"]["mean_hz"] + 1
    assert np.array_equal(again.spikes["stellate"].time, recorded.spikes["stellate"].time)


def test_another_size_is_refused(finished: tuple[Result, object], model_settings: dict[str, str]) -> None:
    recorded, _ = finished
    larger = load_model("jaeckel", {**model_settings, "population.granule.count": "900"})
    with pytest.raises(ArgumentError, match="the recorded number of granule cells"):
        replay(recorded, larger, live=["purkinje"])


def test_cells_that_a_loop_drove_are_refused(finished: tuple[Result, object]) -> None:
    recorded, _ = finished
    loop = Loop(lambda now, seen: {}, ["nuclear"], {"purkinje": "current"})
    closed = replace(recorded, schedule=replace(recorded.schedule, loop=loop))
    with pytest.raises(ArgumentError, match="wanted none that a closed loop drove, such as purkinje"):
        replay(closed, live=["purkinje"])


def test_a_run_without_spikes_has_nothing_to_replay(
    model_settings: dict[str, str], protocol_settings: dict[str, str]
) -> None:
    rates = cerebellum.run("recall", "jaeckel", "rate", settings={**model_settings, **protocol_settings})
    with pytest.raises(ArgumentError, match="wanted a run of the spiking engine"):
        replay(rates, live=["purkinje"])
