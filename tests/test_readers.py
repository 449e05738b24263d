"""The readers of one memory: ideal granule code, exact and expected overlaps, counters, what is summarised."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import Patterns
from cerebellum.readout.granule_code import Code, code_of, matches
from cerebellum.readout.readers import exact_overlap, ideal_counters, read_all, summarize
from cerebellum.results import result
from cerebellum.theory import granule


def test_the_code_is_read_off_the_description(circuit: Circuit, kanerva_circuit: Circuit) -> None:
    assert code_of(circuit) == Code("mossy_fiber_to_granule", 256, 4, 4)
    assert code_of(kanerva_circuit) == Code("mossy_fiber_to_granule", 64, 64, 41)


def test_a_circuit_without_a_threshold_in_matches_has_no_code(circuit: Circuit) -> None:
    tables = circuit.model_dump(mode="json", by_alias=True)
    tables["projection"]["golgi_to_granule"]["weight"] = [1.0, "pA", "assumed: x"]
    with pytest.raises(ProtocolFileError, match="read no address"):
        code_of(Circuit.model_validate(tables))


def test_matches_are_counted_cell_by_cell(connectome: Connectome, patterns: Patterns) -> None:
    """Against the definition: a fibre 2i + b fires where bit i of the address is b."""
    found = matches(connectome, code_of(connectome.circuit), patterns.addresses[:2])
    edges = connectome.edges["mossy_fiber_to_granule"]
    for row, address in enumerate(patterns.addresses[:2]):
        firing = {2 * line + int(bit) for line, bit in enumerate(address)}
        counted = np.zeros(800, int)
        for pre, post in zip(edges.pre.tolist(), edges.post.tolist(), strict=True):
            counted[post] += pre in firing
        assert np.array_equal(found[row], counted)
    assert 0.02 < (found == 4).mean() < 0.12  # 1/16


def test_exact_overlaps_and_counters_follow_from_the_active_sets(connectome: Connectome, patterns: Patterns) -> None:
    code = code_of(connectome.circuit)
    stored = matches(connectome, code, patterns.addresses) >= 4
    asked = matches(connectome, code, patterns.cues) >= 4
    overlap = exact_overlap(connectome, code, patterns)
    assert overlap[3, 2] == (asked[3] & stored[2]).sum()
    counters = ideal_counters(connectome, code, patterns)
    assert counters.shape == (800, 64)
    assert counters[7, 5] == sum(patterns.signs[m, 5] for m in range(6) if stored[m, 7])
    # Kanerva's read: the counters of the active cells summed are overlaps times pointers.
    assert asked.astype(float) @ counters == pytest.approx(overlap @ patterns.signs)


def test_exact_overlaps_of_many_cells_are_the_expected_ones(patterns: Patterns, model_settings: dict[str, str]) -> None:
    from cerebellum.description.circuit import load_model

    circuit = load_model("jaeckel", {**model_settings, "population.granule.count": "40000"})
    code = code_of(circuit)
    exact = exact_overlap(sample(circuit, 1), code, patterns) / 40_000
    expected = np.exp(code.log_kernel(patterns.distances()))
    error = np.sqrt(expected * (1 - expected) / 40_000)
    assert (np.abs(exact - expected) < 4.5 * error).all()  # 72 pairs


def test_the_kernel_at_distances_is_theorys_overlap() -> None:
    code = Code("x", 64, 64, 41)
    distances = np.array([[0, 3], [64, 3]])
    expected = [[granule.overlap(64, 64, 41, v) for v in row] for row in distances.tolist()]
    assert np.exp(code.log_kernel(distances)) == pytest.approx(np.array(expected), abs=1e-300)


def test_an_ideal_readout_is_recognised_as_sdm(connectome: Connectome, patterns: Patterns) -> None:
    """The exact read itself, given as an engine's readout, agrees with `sdm_exact` wholly and recalls everything."""
    code = code_of(connectome.circuit)
    overlap = exact_overlap(connectome, code, patterns)
    readings = read_all(code, patterns, {"purkinje": 0.37 * overlap @ patterns.signs + 2.0}, overlap, None)
    found = summarize([readings], ["read"], code, patterns, 1)
    assert list(readings.weights) == ["purkinje", "sdm", "sdm_exact", "attention"]
    assert found["agreement"]["purkinje_vs_sdm_exact"]["r2"] == pytest.approx(1)
    assert found["agreement"]["purkinje_vs_sdm_exact"]["tv"] == pytest.approx(0, abs=1e-9)
    assert found["agreement"]["purkinje_vs_sdm_exact"]["identity"] == pytest.approx(1)
    assert found["agreement"]["rivals"]["purkinje"]["exact"]["identity"] == pytest.approx(1)
    assert found["recall"]["sdm_exact"]["patterns"] == 1.0
    assert set(found["recall"]["purkinje"]["by_flips"]) == {"0", "32"}
    for weights in readings.weights.values():
        assert weights.sum(axis=1) == pytest.approx(np.ones(len(patterns.cues)))
    assert readings.weights["attention"].argmax(axis=1).tolist() == patterns.target.tolist()
    assert found["beta"]["purkinje"] == pytest.approx(found["beta"]["sdm_exact"], rel=1e-6)


def test_readers_are_named_once() -> None:
    assert len(set(result.READERS)) == len(result.READERS)
