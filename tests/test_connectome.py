"""The sampled connectome: determinism, sampling rules, degrees, and its overlaps against theory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebellum.connectome.connectome import Connectome, degrees, expected_synapses, generator, sample, zone_of
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.errors import ArgumentError
from cerebellum.readout.granule_code import code_of, matches
from cerebellum.theory import granule


def rewired(projection: str, rule: str, **numbers: int) -> Circuit:
    """Small `jaeckel` with another sampling rule on one projection."""
    given = {"population.granule.count": "200", "population.purkinje.count": "64"}
    given["projection.stellate_to_purkinje.weight"] = "[1, 'pA', 'assumed: x']"  # not solved anew for each rule
    small = load_model("jaeckel", given)
    tables = small.model_dump(mode="json", by_alias=True)
    tables["projection"][projection]["rule"] = {"kind": rule, **{k: [v, "1", "assumed: x"] for k, v in numbers.items()}}
    return Circuit.model_validate(tables)


def test_the_same_seed_gives_the_same_connectome_and_another_seed_another(circuit: Circuit) -> None:
    one, same, other = sample(circuit, 3), sample(circuit, 3), sample(circuit, 4)
    for name, edges in one.edges.items():
        assert np.array_equal(edges.pre, same.edges[name].pre)
        assert np.array_equal(edges.post, same.edges[name].post)
    assert np.array_equal(one.start["purkinje"], same.start["purkinje"])
    assert np.array_equal(one.parameters["purkinje"]["I_e"], same.parameters["purkinje"]["I_e"])
    assert not np.array_equal(one.edges["mossy_fiber_to_granule"].pre, other.edges["mossy_fiber_to_granule"].pre)
    assert not np.array_equal(one.start["purkinje"], other.start["purkinje"])


def test_changing_one_population_leaves_the_others_draws_alone(model_settings: dict[str, str]) -> None:
    one = sample(load_model("jaeckel", model_settings), 3)
    more = sample(load_model("jaeckel", {**model_settings, "population.golgi.count": "50"}), 3)
    assert np.array_equal(one.edges["mossy_fiber_to_granule"].pre, more.edges["mossy_fiber_to_granule"].pre)
    assert np.array_equal(one.parameters["purkinje"]["I_e"], more.parameters["purkinje"]["I_e"])


def test_named_streams_are_independent_of_each_other() -> None:
    draws = [generator(1, *name).random(1000) for name in (("a",), ("b",), ("a", "b"), ("b", "a"))]
    assert np.abs(np.corrcoef(draws) - np.eye(4)).max() < 0.15  # 4.7 standard errors of 1/sqrt(1000)


def test_degrees_are_those_of_the_description(connectome: Connectome) -> None:
    circuit = connectome.circuit
    for degree in degrees(connectome):
        assert degree.synapses == expected_synapses(circuit)[degree.projection], degree.projection
        assert degree.convergence_mean == degree.described_convergence, degree.projection
        assert degree.convergence_sd == 0.0, degree.projection
        source = circuit.projection[degree.projection].source
        assert degree.divergence_mean == pytest.approx(degree.synapses / circuit.size(source))


def test_divergence_of_random_dendrites_is_binomial(connectome: Connectome) -> None:
    found = next(d for d in degrees(connectome) if d.projection == "mossy_fiber_to_granule")
    cells, fibers = 800, 512
    # Each cell reads a given fibre with probability 4/512. The standard error of a standard deviation over 512
    # fibres is 1/sqrt(2 x 512) = 3 %; four of them.
    assert found.divergence_sd == pytest.approx(np.sqrt(cells * (4 / fibers) * (1 - 4 / fibers)), rel=0.13)


@settings(max_examples=40)
@given(
    fibers=st.integers(1, 40).map(lambda pairs: 2 * pairs),
    cells=st.integers(1, 60),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_every_cell_reads_different_lines_one_fibre_of_each(
    fibers: int, cells: int, seed: int, data: st.DataObject
) -> None:
    dendrites = data.draw(st.integers(1, fibers // 2))
    circuit = load_model(
        "jaeckel",
        {
            "population.mossy_fiber.count": str(fibers),
            "population.granule.count": str(cells),
            "projection.mossy_fiber_to_granule.rule.dendrites": str(dendrites),
            "projection.golgi_to_granule.weight": "[1, 'pA', 'assumed: x']",
            "projection.stellate_to_purkinje.weight": "[1, 'pA', 'assumed: x']",
            "population.purkinje.count": "64",
        },
    )
    sources = sample(circuit, seed).matrix("mossy_fiber_to_granule")
    assert sources.shape == (cells, dendrites)
    assert sources.min() >= 0
    assert sources.max() < fibers
    assert all(len(set(row // 2)) == dendrites for row in sources)


@settings(max_examples=25)
@given(convergence=st.integers(1, 30), seed=st.integers(0, 2**31))
def test_convergence_draws_different_sources(convergence: int, seed: int) -> None:
    sources = sample(rewired("golgi_to_granule", "convergence", convergence=convergence), seed).matrix(
        "golgi_to_granule"
    )
    assert sources.shape == (200, convergence)
    assert all(len(set(row)) == convergence for row in sources)
    assert 0 <= sources.min() <= sources.max() < 30


def test_microzones_do_not_mix(connectome: Connectome) -> None:
    edges = connectome.edges["climbing_fiber_to_purkinje"]
    assert np.array_equal(zone_of(64, 64)[edges.pre], zone_of(128, 64)[edges.post])
    assert len(edges) == 128


@given(zones=st.integers(1, 50), cells_each=st.integers(1, 20))
def test_microzones_are_equal_runs_of_neighbours(zones: int, cells_each: int) -> None:
    zone = zone_of(zones * cells_each, zones)
    assert np.array_equal(zone, np.repeat(np.arange(zones), cells_each))


def test_edges_are_ordered_by_source_and_never_doubled(connectome: Connectome) -> None:
    for name, edges in connectome.edges.items():
        pairs = edges.pre.astype(np.int64) * 10_000 + edges.post
        assert (np.diff(pairs) > 0).all(), name
        assert edges.pre.dtype == edges.post.dtype == np.int32


def test_spread_parameters_have_the_described_mean_and_deviation() -> None:
    settings = {"population.purkinje.count": "6400", "population.granule.count": "10"}
    circuit = load_model("jaeckel", {**settings, "projection.stellate_to_purkinje.weight": "[1, 'pA', 'assumed: x']"})
    drawn = sample(circuit, 1).parameters["purkinje"]["I_e"]
    assert drawn.mean() == pytest.approx(
        circuit.population["purkinje"].si()["I_e"], abs=4 * 25e-12 / 80
    )  # four standard errors
    assert drawn.std() == pytest.approx(25e-12, rel=4 / np.sqrt(2 * 6400))


def test_matrix_refuses_cells_of_different_convergence(connectome: Connectome) -> None:
    edges = connectome.edges["mossy_fiber_to_granule"]
    uneven = Connectome(
        connectome.circuit,
        connectome.seed,
        {"mossy_fiber_to_granule": type(edges)(edges.pre[1:], edges.post[1:])},
        connectome.parameters,
        connectome.start,
    )
    with pytest.raises(ArgumentError, match="different numbers of synapses"):
        uneven.matrix("mossy_fiber_to_granule")


@pytest.mark.parametrize(("design", "distances"), [("jaeckel", [0, 16, 64, 128]), ("kanerva", [0, 3, 8, 16])])
def test_overlaps_of_twenty_connectomes_are_the_expected_ones(
    design: str, distances: list[int], model_settings: dict[str, str], kanerva_settings: dict[str, str]
) -> None:
    """Shared active cells, mean over 20 sampled connectomes, within 3 standard errors of theory at each distance.

    Cells of one connectome are independent given the two addresses, and every connectome gets a fresh pair.
    """
    circuit = load_model(design, kanerva_settings if design == "kanerva" else model_settings)
    code = code_of(circuit)
    for distance in distances:
        shared = []
        for seed in range(20):
            rng = np.random.default_rng([seed, distance])
            pair = np.repeat(rng.random((1, code.lines)) < 0.5, 2, axis=0)
            flipped = rng.choice(code.lines, distance, replace=False)
            pair[1, flipped] = ~pair[1, flipped]
            first, second = matches(sample(circuit, seed), code, pair) >= code.threshold
            shared.append((first & second).mean())
        expected = granule.overlap(code.lines, code.dendrites, code.threshold, distance)
        error = np.std(shared, ddof=1) / np.sqrt(20)
        assert abs(np.mean(shared) - expected) < 3 * error, (distance, np.mean(shared), expected, error)
