"""Rivals and controls: weights of a known model are told from every other, and controls lie at chance."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment.patterns import make_patterns
from cerebellum.experiment.schedule import Schedule
from cerebellum.readout import controls, readers, rivals
from cerebellum.readout.granule_code import code_of
from cerebellum.readout.microzones import by_pattern


@pytest.mark.parametrize("model", rivals.RIVALS)
def test_weights_of_a_rival_are_taken_for_that_rival(circuit: Circuit, model: str) -> None:
    """A test of the prediction that any of these passes is none: each is found out, with noise, in each direction."""
    code, rng = code_of(circuit), np.random.default_rng(1)
    patterns = make_patterns(load_protocol("recall_graded"), code.lines, circuit.zones, 1)
    models = rivals.weights(code, patterns)
    exact = np.exp(code.log_kernel(patterns.distances()))
    for truth, better in ((models[model], False), (exact, True)):
        y = truth / truth.sum(axis=1, keepdims=True) @ patterns.signs
        y += 0.02 * rng.standard_normal(y.shape)
        readings = readers.read_all(code, patterns, {"purkinje": y}, exact, None)
        found = readers.compared(readings, code, patterns, 1)["agreement"]["rivals"]["purkinje"][model]["behind"]
        assert (found["low"] > 0) if better else (found["high"] < 0)
        assert found["low"] < found["mean"] < found["high"]


def test_an_indicator_passes_with_random_patterns_and_fails_with_graded_ones(circuit: Circuit) -> None:
    code = code_of(circuit)
    found = []
    for name, settings in (("recall", {"patterns.source": "random", "patterns.count": "8"}), ("recall_graded", {})):
        patterns = make_patterns(load_protocol(name, settings), code.lines, circuit.zones, 1)
        clean = patterns.flips <= 0
        exact = np.exp(code.log_kernel(patterns.distances()))
        exact /= exact.sum(axis=1, keepdims=True)
        own = rivals.weights(code, patterns)["indicator"]
        found.append(np.corrcoef(exact[clean].ravel(), own[clean].ravel())[0, 1] ** 2)
    assert found[0] > 0.95
    assert found[1] < 0.6


@pytest.fixture(scope="module")
def controlled(connectome: Connectome, scheduled: Schedule, simulated: Outcome) -> dict[str, dict[str, float]]:
    """Controls of the small `jaeckel`."""
    assert scheduled.patterns is not None
    code = code_of(connectome.circuit)
    cued, written = (simulated.counts("granule", by_pattern(scheduled.of(role))) for role in ("read", "write"))
    overlap = cued @ written.T
    y = overlap @ scheduled.patterns.signs
    exact = readers.exact_overlap(connectome, code, scheduled.patterns)
    readings = readers.read_all(code, scheduled.patterns, {"purkinje": y}, exact, overlap)
    rng = np.random.default_rng(1)
    return controls.controls(simulated, connectome, scheduled, readings, "purkinje", overlap, rng)


def test_controls_that_know_nothing_lie_at_chance(controlled: dict[str, dict[str, float]]) -> None:
    assert set(controlled) == {"climbing_fibers_shuffled", "no_plasticity", "pointers_exchanged", "weights_shuffled"}
    for name, found in controlled.items():
        assert found["own"] > 0.9
        assert found["reached"] == 0.0, name
        assert found["low"] <= found["mean"] <= found["high"]
        assert found["mean"] < 0.3, name
    # Every Purkinje cell has all granule cells at one weight: not a draw differs.
    assert controlled["no_plasticity"]["high"] == 0.0


def test_synapses_as_written_read_the_memory(connectome: Connectome, scheduled: Schedule, simulated: Outcome) -> None:
    """The linear reader of the controls, given the weights that were written, is the memory itself."""
    assert scheduled.patterns is not None
    cued = simulated.counts("granule", by_pattern(scheduled.of("read")))
    synapses = controls.Synapses(simulated, connectome, "parallel_fiber_to_purkinje", cued)
    read = synapses.read(synapses.written)
    centred = read - read.mean(axis=1, keepdims=True)
    assert np.array_equal(centred > 0, scheduled.patterns.pointers[scheduled.patterns.target])
    once = synapses.shuffled(np.random.default_rng(1))
    assert once.sum() == pytest.approx(synapses.written.sum())
    first = slice(synapses.first[0], synapses.first[1])
    assert np.sort(once[first]) == pytest.approx(np.sort(synapses.written[first]))
