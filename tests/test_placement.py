"""Placement and wiring in a volume: densities, layers, published convergence and divergence, geometry of the rules."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.connectome import placement
from cerebellum.connectome.connectome import Connectome, degrees, expected_synapses, sample, zone_of
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.errors import ModelFileError

# Cells of the full volume that follow from the published densities (microcircuit of 300 x 200 um).
SIZES = {
    "mossy_fiber": 117,
    "glomerulus": 2340,
    "granule": 30420,
    "golgi": 70,
    "purkinje": 70,
    "basket": 150,
    "stellate": 300,
    "nuclear": 119,
    "nucleo_olivary": 67,
    "inferior_olive": 14,
}
# Published mean convergence; see models/mouse.toml for sources.
CONVERGENCE = {
    "mossy_fiber_to_glomerulus": 1,
    "glomerulus_to_granule": 4,
    "glomerulus_to_golgi": 57.1,
    "golgi_to_golgi": 16.2,
    "ascending_axon_to_golgi": 320,
    "ascending_axon_to_purkinje": 82,
    "stellate_to_stellate": 21.3,
    "basket_to_basket": 35.5,
    "mossy_fiber_to_nuclear": 47,
    "purkinje_to_nuclear": 26,
    "purkinje_to_nucleo_olivary": 12.6,
    "climbing_fiber_to_purkinje": 1,
    "climbing_fiber_to_nuclear": 7,
    "nucleo_olivary_to_inferior_olive": 33,
}
DIVERGENCE = {"mossy_fiber_to_glomerulus": 20, "glomerulus_to_granule": 52, "climbing_fiber_to_purkinje": 5}


@pytest.fixture(scope="module")
def mouse() -> Circuit:
    return load_model("mouse")


@pytest.fixture(scope="module")
def wired(mouse: Circuit) -> Connectome:
    return sample(mouse, 2)


def test_cells_follow_from_densities(mouse: Circuit) -> None:
    assert {name: mouse.size(name) for name in mouse.population} == SIZES


@pytest.mark.parametrize("scale", [0.1, 0.5, 3.0])
def test_scaling_keeps_densities(scale: float) -> None:
    circuit = load_model("mouse", {"scale": str(scale)})
    for name, cells in SIZES.items():
        assert abs(circuit.size(name) - scale * cells) <= 1 + scale, name
    assert circuit.extent == pytest.approx((300e-6 * scale**0.5, 200e-6 * scale**0.5))


def test_a_scale_too_small_is_refused_with_what_is_missing() -> None:
    with pytest.raises(ModelFileError, match=r"inferior_olive: 0 cells at scale 0\.01"):
        load_model("mouse", {"scale": "0.01"})
    with pytest.raises(ModelFileError, match=r"scale: .* more than 0"):
        load_model("mouse", {"scale": "0"})


def test_a_unit_of_another_dimension_is_refused() -> None:
    weight = '[0.2, "pA", "set: wrong"]'
    with pytest.raises(ModelFileError, match=r"glomerulus_to_granule\.weight: needs a conductance.*'pA'"):
        load_model("mouse", {"projection.glomerulus_to_granule.weight": weight})
    with pytest.raises(ModelFileError, match=r"granule: k_2: needs a inverse time"):
        load_model("mouse", {"population.granule.parameters.k_2": '[0.04, "ms", "set: wrong"]'})


def test_cells_lie_in_their_layers_ordered_by_x(mouse: Circuit, wired: Connectome) -> None:
    assert mouse.volume is not None
    for name, places in wired.positions.items():
        layer = mouse.volume.layer[str(mouse.population[name].layer)]
        assert places.shape == (SIZES[name], 3)
        assert (np.diff(places[:, 0]) >= 0).all()
        assert (places >= [0, 0, layer.bottom.si]).all()
        assert (places <= [*mouse.extent, layer.bottom.si + layer.thickness.si]).all()


@pytest.mark.parametrize("name", ["golgi", "purkinje", "basket", "nuclear"])
def test_somata_of_sparse_populations_do_not_overlap(mouse: Circuit, wired: Connectome, name: str) -> None:
    from scipy.spatial import cKDTree

    soma = mouse.population[name].soma
    assert soma is not None
    assert len(cKDTree(wired.positions[name]).query_pairs(2 * soma.si)) == 0


def test_positions_are_those_of_the_connectome(mouse: Circuit, wired: Connectome) -> None:
    again = placement.positions(mouse, 2)
    for name, places in wired.positions.items():
        np.testing.assert_array_equal(places, again[name])


def test_realised_convergence_and_divergence_are_the_published_ones(wired: Connectome) -> None:
    """5%: the standard error of the mean in-degree over a population's cells is below 2%."""
    found = {degree.projection: degree for degree in degrees(wired)}
    for name, wanted in CONVERGENCE.items():
        assert found[name].convergence_mean == pytest.approx(wanted, rel=0.05), name
    for name, wanted in DIVERGENCE.items():
        assert found[name].divergence_mean == pytest.approx(wanted, rel=0.05), name


def test_golgi_cells_reach_granule_cells_through_glomeruli(mouse: Circuit, wired: Connectome) -> None:
    """Published K: 2.5, later 3.5 pairs a granule cell; each pair has at least one glomerulus, none more than 4."""
    edges = wired.edges["golgi_to_granule"]
    assert 2.5 <= len(edges) / mouse.size("granule") <= 4.0
    assert edges.contacts is not None
    assert edges.contacts.min() == 1
    assert edges.contacts.max() <= 4


def test_a_granule_cell_has_four_claws_on_four_mossy_fibers(wired: Connectome) -> None:
    fiber = np.empty(SIZES["glomerulus"], int)
    feed = wired.edges["mossy_fiber_to_glomerulus"]
    fiber[feed.post] = feed.pre
    claws = wired.matrix("glomerulus_to_granule")
    assert claws.shape == (SIZES["granule"], 4)
    assert (np.diff(np.sort(fiber[claws], axis=1), axis=1) > 0).all()
    reach = np.linalg.norm(wired.positions["glomerulus"][claws] - wired.positions["granule"][:, None], axis=2)
    assert (reach <= 40e-6).mean() > 0.99  # the rest finds too few different fibres and looks further


def test_parallel_fibers_run_along_x(wired: Connectome) -> None:
    edges = wired.edges["parallel_fiber_to_purkinje"]
    offset = np.abs(wired.positions["granule"][edges.pre] - wired.positions["purkinje"][edges.post])
    assert offset[:, 1].max() <= 65e-6
    assert offset[:, 0].max() > 200e-6


def test_learning_loop_stays_in_its_microzone(mouse: Circuit, wired: Connectome) -> None:
    for name in (
        "climbing_fiber_to_purkinje",
        "purkinje_to_nuclear",
        "purkinje_to_nucleo_olivary",
        "nucleo_olivary_to_inferior_olive",
    ):
        projection, edges = mouse.projection[name], wired.edges[name]
        source = zone_of(mouse.size(projection.source), mouse.zones)[edges.pre]
        target = zone_of(mouse.size(projection.target), mouse.zones)[edges.post]
        np.testing.assert_array_equal(source, target)


def test_spillover_reaches_the_interneurons_of_climbed_purkinje_cells(wired: Connectome) -> None:
    climbed = dict(zip(wired.edges["climbing_fiber_to_purkinje"].post, wired.edges["climbing_fiber_to_purkinje"].pre,
                       strict=True))  # fmt: skip
    contacts = wired.edges["basket_to_purkinje"]
    wanted = {(climbed[purkinje], basket) for basket, purkinje in zip(contacts.pre, contacts.post, strict=True)}
    spill = wired.edges["climbing_fiber_to_basket"]
    assert set(zip(spill.pre, spill.post, strict=True)) == wanted


def test_contacts_are_folded_into_weights(wired: Connectome) -> None:
    contacts = wired.edges["climbing_fiber_to_purkinje"].contacts
    assert contacts is not None
    assert contacts.mean() == pytest.approx(500, abs=5 / len(contacts) ** 0.5 * 4)
    assert contacts.std() == pytest.approx(5, rel=0.5)


def test_small_volumes_keep_a_cells_input() -> None:
    circuit = load_model("mouse", {"scale": "0.1"})
    small = sample(circuit, 1)
    for name, wanted in (("mossy_fiber_to_nuclear", 47), ("golgi_to_golgi", 16.2 * 160), ("purkinje_to_nuclear", 26)):
        contacts, target = small.edges[name].contacts, circuit.projection[name].target
        assert contacts is not None
        assert contacts.sum() / circuit.size(target) == pytest.approx(wanted, rel=0.15), name


def test_expected_synapses_are_near_the_drawn(mouse: Circuit, wired: Connectome) -> None:
    """Counted in contacts; rules that look for neighbours lose some at borders."""
    for name, wanted in expected_synapses(mouse).items():
        edges = wired.edges[name]
        drawn = len(edges) if name != "golgi_to_granule" or edges.contacts is None else edges.contacts.sum()
        assert drawn == pytest.approx(wanted, rel=0.3), name


def test_gap_junctions_are_off_until_they_conduct() -> None:
    assert sample(load_model("mouse", {"scale": "0.1"}), 1).gaps == {}
    coupled = load_model("mouse", {"scale": "0.5", "gap_junction.golgi.conductance": "0.5"})
    edges = sample(coupled, 1).gaps["golgi"]
    pairs = set(zip(edges.pre, edges.post, strict=True))
    assert pairs == {(b, a) for a, b in pairs}
    assert all(a != b for a, b in pairs)
