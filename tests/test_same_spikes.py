"""The same spikes whatever runs them: targets, threads, hash seeds, the order of keys in a model file."""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from cerebellum.activity.outcome import Outcome
from cerebellum.description import library
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import load_protocol
from cerebellum.description.record import Record
from cerebellum.description.schema import parse
from cerebellum.errors import CerebellumError, ModelFileError
from cerebellum.simulation.run import run
from cerebellum.spiking import run_time_data

BRIEF = {"block.rest.trial_duration": "100", "block.rest.window.onset": "20", "block.rest.window.duration": "80"}
BRIEF |= {f"block.rest.stimulus.{name}.duration": "100" for name in ("background", "climbing")}
BRIEF |= {"block.rest.stimulus.background.rate": "40", "block.rest.stimulus.climbing.rate": "20"}
SMALL_RECALL = {
    "patterns.source": "random", "patterns.count": "1", "block.baseline.trial_duration": "50",
    "block.baseline.window.onset": "10", "block.baseline.window.duration": "40", "block.read.cues_per_pattern": "1",
    "block.read.noise": "[0]", "block.read.trial_duration": "50", "block.read.window.duration": "30",
    "block.read.stimulus.cue.volleys": "1",
}  # fmt: skip
VOLTAGES = Record.model_validate(
    {"of": ["voltage"], "population": "granule", "where": {"kind": "index", "cells": [0, 1, 2, 3]}}
)
OF_MODEL = {
    "jaeckel": {"population.granule.count": "800", "population.purkinje.count": "128"},
    "mouse": {"scale": "0.1"},
}
OF_MODEL["mouse_plastic"] = OF_MODEL["mouse"]


def digest(outcome: Outcome) -> str:
    """Of all spikes, ordered by step and cell, and of all weights."""
    found = hashlib.sha256()
    for name in sorted(outcome.spikes):
        spikes = outcome.spikes[name]
        step = np.rint(spikes.time / spikes.dt).astype(np.int64)
        order = np.lexsort((spikes.cell, step))
        found.update(name.encode() + step[order].tobytes() + spikes.cell[order].astype(np.int64).tobytes())
    for name in sorted(outcome.weights):  # to 12 digits: threads add in an order of their own
        found.update("".join(f"{weight:.12e}" for weight in outcome.weights[name]).encode())
    return found.hexdigest()


def small(model: str) -> Circuit:
    return parse(
        Circuit,
        library.apply_settings(library.read_extended("models", model)[0], OF_MODEL[model]),
        model,
        ModelFileError,
    )


def outcome_of(circuit: Circuit, model: str, target: str, threads: int = 1, dtype: str = "float64") -> Outcome:
    name, settings = ("recall", SMALL_RECALL) if model == "jaeckel" else ("background", BRIEF)
    protocol = load_protocol(name, settings).model_copy(
        update={"record": {"cells": VOLTAGES}} if model != "jaeckel" else {}
    )
    done = run(protocol, circuit, target=target, threads=threads, dtype=dtype)
    assert sum(map(len, done.spikes.values())) > 1000
    return done.outcomes["spiking"]


@functools.cache
def plain(model: str) -> str:
    return digest(outcome_of(small(model), model, "numpy"))


SLOW = pytest.mark.slow
# mouse_plastic is mouse with plasticity: mouse alone is left to the slow tests.
MODELS = [pytest.param(name, marks=SLOW if name == "mouse" else ()) for name in OF_MODEL]
TARGETS = [("standalone", 1), ("standalone", 2), pytest.param("runtime", 1, marks=SLOW)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("target", "threads"), TARGETS)
def test_targets_and_threads_give_the_same_spikes_and_weights(model: str, target: str, threads: int) -> None:
    assert digest(outcome_of(small(model), model, target, threads)) == plain(model)


@functools.cache
def in_single(model: str, target: str, threads: int = 1) -> Outcome:
    return outcome_of(small(model), model, target, threads, "float32")


@pytest.mark.parametrize(("target", "threads"), [("standalone", 1), pytest.param("standalone", 2, marks=SLOW)])
def test_single_precision_gives_the_same_spikes_on_its_targets(target: str, threads: int) -> None:
    one, other = (in_single("mouse_plastic", *each) for each in (("numpy",), (target, threads)))
    assert digest(one) == digest(other)
    v, w = (each.records["cells"].values["voltage"] for each in (one, other))
    assert np.ptp(v) > 0.01
    assert np.allclose(v, w, rtol=0, atol=1e-6)  # V; a float32 of -65 mV has steps of 7e-9


def test_single_precision_moves_few_spikes_by_a_step_and_no_voltage_before_them() -> None:
    """Cells that gap junctions couple stay in double precision; all others compute in single, and it shows."""
    double, single = (
        outcome_of(small("mouse_plastic"), "mouse_plastic", "standalone"),
        in_single("mouse_plastic", "standalone"),
    )
    v, w = (each.records["cells"].values["voltage"] for each in (double, single))
    assert 0 < np.abs(v - w)[:100].max() < 1e-6
    mine, theirs = (
        {
            (name, step, cell)
            for name, spikes in each.spikes.items()
            for step, cell in zip(np.rint(spikes.time / spikes.dt), spikes.cell, strict=True)
        }
        for each in (double, single)
    )
    assert len(mine ^ theirs) <= 0.005 * len(mine)  # 0.001
    for name in ("golgi", "inferior_olive"):
        assert np.array_equal(double.spikes[name].time, single.spikes[name].time)


@pytest.mark.slow
def test_code_that_cython_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brian2 would go on without it, and nothing would be learned."""
    monkeypatch.setattr(run_time_data, "_LEARNS_CYTHON", "cdef int learns(double t):\n    return no such thing\n")
    with pytest.raises(CerebellumError, match=r"parallel_fiber_to_purkinje.*Cython"):
        outcome_of(small("jaeckel"), "jaeckel", "runtime")


SEEDS = [("jaeckel", "1"), *(pytest.param(model, "271828", marks=SLOW) for model in OF_MODEL)]


@pytest.mark.parametrize(("model", "seed"), SEEDS)
def test_hash_seeds_give_the_same_spikes(model: str, seed: str) -> None:
    """In a process of its own, as Python takes the seed at its start."""
    code = f"from tests.test_same_spikes import plain; print(plain({model!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert printed.split()[-1] == plain(model)


@pytest.mark.parametrize("model", MODELS)
def test_the_order_of_keys_gives_the_same_spikes(model: str) -> None:
    """All tables of the model file turned around, but that a projection stays after those its rule wants."""
    tables = turned(small(model).model_dump(mode="json", by_alias=True))
    before = small(model).projection
    ordered: dict[str, Any] = {}

    def put(name: str) -> None:
        for needed in before[name].rule.needs:
            put(needed)
        ordered.setdefault(name, tables["projection"][name])

    for name in tables["projection"]:
        put(name)
    tables["projection"] = ordered
    circuit = Circuit.model_validate(tables)
    assert list(circuit.population) == list(small(model).population)[::-1]
    assert digest(outcome_of(circuit, model, "numpy")) == plain(model)


def turned(table: Any) -> Any:
    if isinstance(table, dict):
        return {key: turned(table[key]) for key in reversed(table)}
    return table
