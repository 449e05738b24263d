"""The mouse circuit as a memory: its granule code against the definitions, and a small one that writes and reads."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from cerebellum import run
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.readout import granule_code, readers
from cerebellum.results.result import Result

# A third of the pairings, in larger steps, for 17 Purkinje cells a microzone.
MODEL = {
    "scale": "1",
    "microzones": "4",
    "projection.parallel_fiber_to_purkinje.plasticity.depression": "0.01",
}
SHORT = {
    "patterns.count": "2",
    "patterns.active": "14",
    "block.baseline.trial_duration": "700",
    "block.baseline.stimulus.background.duration": "700",
    "block.baseline.stimulus.complex_spikes.duration": "700",
    "block.baseline.window.duration": "200",
    "block.write.repeats": "4",
    "block.read.noise": "[0, 3]",
    "block.read.trial_duration": "350",
    "block.read.window.duration": "230",
    "block.read.stimulus.cue.duration": "240",
    "block.read.stimulus.background.duration": "350",
    "block.read.stimulus.complex_spikes.duration": "350",
}


@pytest.fixture(scope="module")
def wired() -> Connectome:
    return sample(load_model("mouse_memory", MODEL), 1)


@pytest.fixture(scope="module")
def patterns(wired: Connectome) -> Patterns:
    changes = {"patterns.count": "40", "patterns.active": "14", "block.read.noise": "[0, 9]"}
    return make_patterns(load_protocol("mouse_recall", changes), wired.circuit.size("mossy_fiber"), 4, 2)


@pytest.fixture(scope="module")
def remembered() -> Result:
    """Two patterns in four microzones of 17 Purkinje cells; the pointers of seed 2 are neither alike nor opposite."""
    return run("mouse_recall", "mouse_memory", seed=2, settings={**MODEL, **SHORT})


def test_inputs_on_are_counted_through_the_glomeruli(wired: Connectome, patterns: Patterns) -> None:
    code = granule_code.code_of(wired.circuit, 14)
    assert (code.projection, code.lines, code.dendrites, code.active) == ("glomerulus_to_granule", 117, 4, 14)
    found = granule_code.matches(wired, code, patterns.addresses)
    claws, feed = wired.edges["glomerulus_to_granule"], wired.edges["mossy_fiber_to_glomerulus"]
    fiber = dict(zip(feed.post.tolist(), feed.pre.tolist(), strict=True))
    for cell in (0, 17, 30_000):
        inputs = [fiber[glomerulus] for glomerulus in claws.pre[claws.post == cell].tolist()]
        assert len(set(inputs)) == 4  # of four different mossy fibres
        assert np.array_equal(found[:, cell], patterns.addresses[:, inputs].sum(axis=1))


def test_the_expected_kernel_is_the_mean_over_granule_cells(wired: Connectome, patterns: Patterns) -> None:
    """Graded responses over 30,420 cells against the hypergeometric expectation.

    A fibre with many glomeruli counts for more than the expectation says: the cells that a set of 14 reaches vary by
    some 8 %, the overlap of a pair by 16 %, the mean over 40 sets by 2.5 %; 10 % is four times that.
    """
    code = granule_code.code_of(wired.circuit, 14)
    f, g = (0.1, 1.0, 4.0, 9.0, 12.0), (0.0, 1.0, 5.0, 9.0, 11.0)
    on = [granule_code.matches(wired, code, sets) for sets in (patterns.addresses, patterns.cues)]
    # `tuned` finds the responses again from spikes that follow them exactly.
    code = granule_code.tuned(code, (on[0], np.array(f)[on[0]] * 10), (on[1], np.array(g)[on[1]] * 10))  # type: ignore[arg-type]
    seen = max(int(one.max()) for one in on)
    assert code.f_write is not None
    assert code.f_write[: seen + 1] == pytest.approx(np.array(f[: seen + 1]) * 10)
    exact = np.array(g)[on[1]] @ np.array(f)[on[0]].T / on[0].shape[1] * 100
    expected = np.exp(code.log_kernel(patterns.distances()))
    shared = patterns.distances()
    for distance in (0, 18):  # 40 pairs each: a set with itself, and with itself less nine fibres
        own = (shared == distance) & (patterns.target[:, None] == np.arange(40))
        assert exact[own].sum() / expected[own].sum() == pytest.approx(1.0, abs=0.1)
    assert exact.sum() / expected.sum() == pytest.approx(1.0, abs=0.1)


def test_fan_out_weighs_a_cell_by_its_plastic_synapses(wired: Connectome) -> None:
    found = readers.fan_out(wired)
    edges = wired.edges["parallel_fiber_to_purkinje"]
    assert found.mean() == pytest.approx(1.0)
    cell = int(found.argmax())
    assert found[cell] == pytest.approx((edges.pre == cell).sum() / (len(edges) / wired.circuit.size("granule")))


def test_a_sparse_code_wants_fibres_that_do_not_come_in_pairs() -> None:
    with pytest.raises(ProtocolFileError, match="come in pairs"):
        granule_code.code_of(load_model("jaeckel"), 14)


def test_granule_cells_answer_to_two_inputs_not_to_one(remembered: Result) -> None:
    """Tonic inhibition makes the response grow faster than its input: f(2) > 3 f(1), f(0) all but nothing."""
    f = remembered.summary["granule_response"]["f_read"]
    assert f[2] > 3 * f[1] > 0
    assert f[0] < 0.05 * f[2]
    assert all(a < b for a, b in pairwise(f))


def test_climbing_fibres_write_what_purkinje_cells_read(remembered: Result) -> None:
    """Four microzones of two patterns: each falls below its rate at rest for the pattern whose pointer bit was 1."""
    assert remembered.summary["recall"]["purkinje"]["by_flips"]["0"]["bits"] == 1.0
    weights = remembered.weights["purkinje"]
    rows = np.arange(len(weights))
    assert (weights[rows, remembered.recalled.target] > weights[rows, 1 - remembered.recalled.target]).all()
    patterns = remembered.recalled
    assert (remembered.readout["purkinje"][patterns.pointers[patterns.target]] > 0).all()  # a pause
    assert (remembered.plastic["parallel_fiber_to_purkinje"] >= 0).all()
    assert set(remembered.readout) >= {"purkinje", "nuclear", "granule", "sdm", "sdm_exact", "attention"}


@pytest.mark.slow
def test_no_climbing_fibres_no_memory() -> None:
    """Without climbing fibres every write is potentiation: nothing that knows a pointer."""
    silent = {**SHORT, "lesion": '["climbing_fiber_to_purkinje"]'}
    result = run("mouse_recall", "mouse_memory", seed=1, settings={**MODEL, **silent})
    naive = result.circuit.projection["parallel_fiber_to_purkinje"].weight
    assert (result.plastic["parallel_fiber_to_purkinje"] >= naive.si * (1 - 1e-9)).all()  # type: ignore[union-attr]
