"""The spiking engine: the same spikes on every target, ideal granule sets, the cache of compiled objects.

No random number is drawn inside a simulation, so `standalone` (one thread or two), `runtime` and `numpy` must agree to
the last spike: all four do the same double-precision arithmetic in the same order per cell. Sums over the synapses of a
cell may be ordered differently by threads; no such difference reached a spike in the circuits tested.
"""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

import numpy as np
import pytest

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.statistics import counts
from cerebellum.cells import conductance_lif, eglif
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description import library
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import load_protocol
from cerebellum.description.schema import RESERVED, parse
from cerebellum.errors import CerebellumError, ModelFileError
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.experiment.stimulus import schedule
from cerebellum.machine import cache
from cerebellum.machine.streams import generator
from cerebellum.readout.granule_code import active_sets, code_of
from cerebellum.spiking import standalone
from cerebellum.spiking.network import Target, simulate, working_target

# One second of biological time: rest, two writes, two reads.
SHORT = {
    "patterns.source": "random",
    "patterns.count": "2",
    "block.baseline.trial_duration": "200",
    "block.baseline.window.duration": "100",
    "block.read.cues_per_pattern": "1",
    "block.read.noise": "[0]",
}
# A quarter of a second.
BRIEF = SHORT | {
    "patterns.count": "1",
    "block.baseline.trial_duration": "50",
    "block.baseline.window.onset": "10",
    "block.baseline.window.duration": "40",
    "block.read.trial_duration": "50",
    "block.read.window.duration": "30",
    "block.read.stimulus.cue.volleys": "1",
}


def same_spikes(a: Outcome, b: Outcome) -> bool:
    """Whether all spikes of all populations are the same, in whatever order within a step."""

    def ordered(run: Outcome, name: str) -> np.ndarray:
        step = np.rint(run.spikes[name].time / 1e-4).astype(int)
        return np.unique(np.stack([step, run.spikes[name].cell]), axis=1)

    return all(np.array_equal(ordered(a, name), ordered(b, name)) for name in a.spikes)


@pytest.fixture(scope="module")
def short(connectome: Connectome) -> Schedule:
    plan = load_protocol("recall", SHORT)
    return schedule(plan, connectome, make_patterns(plan, 256, 64, 1), 1)


@pytest.fixture(scope="module")
def compiled(connectome: Connectome, short: Schedule) -> Outcome:
    return simulate(connectome, short)


# Cython compiles 47 modules, three seconds each where none are cached; `few` below has ten.
@pytest.mark.parametrize("target", ["numpy", pytest.param("runtime", marks=pytest.mark.slow)])
def test_every_target_gives_the_same_spikes_and_weights(
    connectome: Connectome, short: Schedule, compiled: Outcome, target: str
) -> None:
    other = simulate(connectome, short, target=target)  # type: ignore[arg-type]
    assert same_spikes(compiled, other)
    name = "parallel_fiber_to_purkinje"
    assert other.weights[name] == pytest.approx(compiled.weights[name], rel=1e-12)


def test_two_threads_give_the_same_spikes(connectome: Connectome) -> None:
    """Briefly: threads wait for each other many times a step, and a second takes minutes on a busy machine."""
    plan = load_protocol("recall", BRIEF)
    brief = schedule(plan, connectome, make_patterns(plan, 256, 64, 1), 1)
    one, two = (simulate(connectome, brief, threads=threads) for threads in (1, 2))
    assert same_spikes(one, two)
    assert sum(map(len, one.spikes.values())) > 0


def test_the_same_seed_gives_the_same_spikes_and_compiles_nothing(
    connectome: Connectome, short: Schedule, compiled: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something was compiled again")

    monkeypatch.setattr(cache, "keep", refuse)
    for _ in range(3):
        assert same_spikes(simulate(connectome, short), compiled)


def test_another_seed_gives_other_spikes(circuit: Circuit, short: Schedule, compiled: Outcome) -> None:
    other = simulate(sample(circuit, 2), short)
    assert not same_spikes(compiled, other)
    assert np.array_equal(other.spikes["mossy_fiber"].cell, compiled.spikes["mossy_fiber"].cell)  # the same schedule


def test_driven_populations_fire_as_scheduled(scheduled: Schedule, simulated: Outcome) -> None:
    for name, events in scheduled.events.items():
        assert np.array_equal(np.rint(simulated.spikes[name].time / 1e-4).astype(int), events.step)
        order = np.lexsort((simulated.spikes[name].cell, simulated.spikes[name].time))
        assert np.array_equal(simulated.spikes[name].cell[order], events.cell)


def test_spikes_are_ordered_by_time(simulated: Outcome) -> None:
    assert all((np.diff(spikes.time) >= 0).all() for spikes in simulated.spikes.values())


def granule_sets(run: Outcome, plan: object, made: Schedule, role: str, cells: int) -> np.ndarray:
    return np.stack([counts(run.spikes["granule"], cells, *trial.window) for trial in made.of(role)])  # type: ignore[arg-type]


def test_active_granule_cells_are_the_ideal_sets(
    connectome: Connectome, patterns: Patterns, plan: object, scheduled: Schedule, simulated: Outcome
) -> None:
    """Four of four dendrites: a cell fires once a volley if all its inputs match, else never."""
    code = code_of(connectome.circuit)
    written = granule_sets(simulated, plan, scheduled, "write", 800)
    assert np.array_equal(written, active_sets(connectome, code, patterns.addresses))
    asked = np.stack([counts(simulated.spikes["granule"], 800, t.start, t.stop) for t in scheduled.of("read")])
    assert np.array_equal(asked, 10 * active_sets(connectome, code, patterns.cues))
    assert len(simulated.spikes["granule"]) == written.sum() + asked.sum()  # none at rest


def test_active_granule_cells_of_all_lines_are_the_ideal_sets(kanerva_circuit: Circuit) -> None:
    """Every cell sees all 64 lines and fires at 41 matches; the volley's jitter must not move a cell over the edge."""
    plan = load_protocol("recall", SHORT)
    wired, patterns = sample(kanerva_circuit, 3), make_patterns(plan, 64, 64, 3)
    made = schedule(plan, wired, patterns, 3)
    run = simulate(wired, made)
    ideal = active_sets(wired, code_of(kanerva_circuit), patterns.addresses)
    found = granule_sets(run, plan, made, "write", 800)
    assert ideal.sum() > 5
    assert np.array_equal(found, ideal)


def test_a_climbing_fibre_fires_its_purkinje_cells_at_once(circuit: Circuit, simulated: Outcome) -> None:
    climbing, purkinje = simulated.spikes["inferior_olive"], simulated.spikes["purkinje"]
    for time, fiber in zip(climbing.time[:40], climbing.cell[:40], strict=True):
        # It arrives after 4 ms, on a cell that may have fired in the step before and is held first.
        near = (purkinje.time > time + 3.95e-3) & (purkinje.time < time + 6.05e-3)
        assert {2 * fiber, 2 * fiber + 1} <= set(purkinje.cell[near].tolist())


def test_a_failing_compiler_is_told_with_what_it_printed(
    connectome: Connectome,
    short: Schedule,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "g++"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && echo broken 1.0 && exit 0\necho no such luck >&2; exit 3\n')
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    monkeypatch.setenv("CEREBELLUM_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CerebellumError, match="no such luck"):
        simulate(connectome, short)
    assert list((tmp_path / "cache").rglob("*")) == []


@pytest.mark.usefixtures("compiled")
@pytest.mark.parametrize("cut", ["last_run_info.txt", "_dynamic_array_spikes_granule_t"])
def test_results_cut_short_by_a_full_disk_are_no_results(
    connectome: Connectome, short: Schedule, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Brian2's program does not look whether what it writes arrives."""
    run = standalone._run

    def full(folder: Path, *others: object) -> None:
        run(folder, *others)  # type: ignore[arg-type]
        (path,) = (path for path in (folder / "results").iterdir() if re.fullmatch(rf"{cut}(_\d+)?", path.name))
        os.truncate(path, path.stat().st_size // 2 // 8 * 8 if "array" in cut else 0)

    monkeypatch.setattr(standalone, "_run", full)
    with pytest.raises(CerebellumError, match="is the disk full"):
        simulate(connectome, short)


def test_a_compiler_given_with_a_wrapper_is_called_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "definitely-no-compiler -m64")
    for target in ("standalone", "runtime"):
        with pytest.warns(UserWarning, match=rf"50 times slower than {target}"):
            assert working_target(target) == "numpy"


def few(model: str) -> Circuit:
    """20 Golgi cells of `model` that inhibit each other under 10 mossy fibres, without places."""
    tables = library.read_extended("models", model)[0]
    golgi, assumed = tables["population"]["golgi"], "assumed: small"
    for key in ("density", "layer", "soma"):
        del golgi[key]
    golgi["count"] = [20, "1", assumed]
    tables["population"] = {"mossy_fiber": {"cell": "source", "count": [10, "1", assumed]}, "golgi": golgi}
    common = {"to": "golgi", "delay": [4, "ms", assumed]}
    rule = {"kind": "convergence", "convergence": [5, "1", assumed]}
    tables["projection"] = {
        "mossy_fiber_to_golgi": {
            **common, "from": "mossy_fiber", "receptor": "mossy", "weight": [5, "nS", assumed], "rule": rule
        },
        "golgi_to_golgi": {
            **common, "from": "golgi", "receptor": "inhibitory", "weight": [0.5, "nS", assumed], "rule": rule
        },
    }  # fmt: skip
    del tables["volume"], tables["gap_junction"], tables["scale"]
    return parse(Circuit, tables, "few.toml", ModelFileError)


@functools.cache
def few_run(model: str, target: Target) -> Outcome:
    """0.3 s of them, mossy fibres at 40 Hz."""
    circuit, rng = few(model), np.random.default_rng(5)
    step, cell = np.nonzero(rng.random((3000, 10)) < 0.004)
    made = Schedule([], {"mossy_fiber": Events(step, cell.astype(np.int32))}, 0.3)
    return simulate(sample(circuit, 5), made, target=target)


@pytest.mark.parametrize(("model", "target"), [("mouse", "runtime"), ("mouse", "numpy"), ("mouse_lif", "numpy")])
def test_conductance_cells_are_the_same_on_every_target(model: str, target: Target) -> None:
    """E-GLIF and plain cells, noise and synapses included: identical spikes, no tolerance."""
    compiled = few_run(model, working_target("standalone"))
    assert len(compiled.spikes["golgi"]) > 60
    assert same_spikes(compiled, few_run(model, working_target(target)))


@pytest.mark.parametrize("model", ["mouse", "mouse_lif"])
def test_the_engine_does_what_the_plain_reference_does_with_the_same_input(model: str) -> None:
    """`respond` of both cells, given the spikes that the engine's synapses carried."""
    run, wired = few_run(model, working_target("standalone")), sample(few(model), 5)
    population = wired.circuit.population["golgi"]
    arrivals: dict[int, list[tuple[str, np.ndarray, np.ndarray]]] = {}
    for name, projection in wired.circuit.projection.items():
        edges, sent = wired.edges[name], run.spikes[projection.source]
        for step, cell in zip(np.rint(sent.time / 1e-4).astype(int), sent.cell, strict=True):
            post = edges.post[edges.pre == cell]
            weights = np.full(len(post), projection.weight.si)
            arrivals.setdefault(step + 40, []).append((projection.receptor, post, weights))
    receptors = population.receptor_models()
    parameters, current = population.si(), np.zeros((3000, 1))
    if model == "mouse":
        state = eglif.start(parameters, 20, generator(5, "cells", "golgi"))
        step, cell = eglif.respond(parameters, receptors, state, current, 1e-4, arrivals)
    else:
        low, high = parameters["V_reset"], parameters["V_th"]
        begin = low + wired.start["golgi"] * (high - low)
        step, cell = conductance_lif.respond(parameters, receptors, {"v": begin}, current, 1e-4, arrivals)
    found = run.spikes["golgi"]
    order = np.lexsort((found.cell, np.rint(found.time / 1e-4)))
    np.testing.assert_array_equal(np.rint(found.time[order] / 1e-4), step)
    np.testing.assert_array_equal(found.cell[order], cell)


def test_brian2_s_own_names_are_no_names_of_populations() -> None:
    """Of the installed Brian2; 2.9 when the list was written."""
    from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS

    own = {name for name in (*DEFAULT_FUNCTIONS, *DEFAULT_CONSTANTS) if name.isidentifier() and name.islower()}
    assert own - RESERVED == set()
