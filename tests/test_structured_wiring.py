"""Wiring that prefers some sources: equal in-degrees, the described distances and inequality, and what pairs share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from cerebellum.connectome import placement, wiring
from cerebellum.description.circuit import load_model
from cerebellum.description.edges import Edges, distinct, popularity
from cerebellum.description.wiring import Ends
from cerebellum.machine.streams import generator

RULE = "projection.glomerulus_to_granule.rule"


def claws(model: str, changes: dict[str, str] | None = None) -> tuple[Edges, np.ndarray, np.ndarray, np.ndarray]:
    """Claws of a fifth of the volume, the fibre of each glomerulus, places of glomeruli and granule cells (m)."""
    circuit = load_model(model, {"scale": "0.2", **(changes or {})})
    places, drawn = placement.positions(circuit, 1), dict[str, Edges]()
    for name in ("mossy_fiber_to_glomerulus", "glomerulus_to_granule"):
        ends = Ends(circuit, circuit.projection[name], places, drawn)
        drawn[name] = wiring.draw(ends, generator(1, "edges", name))
    feed = drawn["mossy_fiber_to_glomerulus"]
    fiber = np.empty(circuit.size("glomerulus"), int)
    fiber[feed.post] = feed.pre
    return drawn["glomerulus_to_granule"], fiber, places["glomerulus"], places["granule"]


def pairs(edges: Edges) -> np.ndarray:
    """Numbers of pairs of granule cells that share 0, 1, ... glomeruli, twice over, the cells themselves beside."""
    has = csr_matrix((np.ones(len(edges), int), (edges.post, edges.pre)))
    return np.bincount(np.asarray((has @ has.T).data), minlength=5)


def test_structured_claws_have_the_counted_reach_and_share_as_counted_at_the_same_degree() -> None:
    """Counted by electron microscopy: 22 +- 9 um; 2.61 and 6.7 times the pairs that share two and three at random."""
    edges, fiber, glomeruli, granule = claws("mouse_structured")
    cells = len(granule)
    assert np.bincount(edges.post, minlength=cells).tolist() == [4] * cells
    of_each = fiber[edges.pre[np.argsort(edges.post, kind="stable")]].reshape(cells, 4)
    assert (np.diff(np.sort(of_each, axis=1), axis=1) > 0).all()  # four different fibres
    distance = np.linalg.norm(glomeruli[edges.pre] - granule[edges.post], axis=1) * 1e6
    assert distance.mean() == pytest.approx(22, abs=1)
    assert distance.std() == pytest.approx(9, abs=1)
    ratio = pairs(edges)[2:4] / pairs(claws("mouse")[0])[2:4]
    assert ratio[0] == pytest.approx(2.61, rel=0.25)
    assert ratio[1] == pytest.approx(6.7, rel=0.35)


def test_popularity_has_its_coefficient_of_variation_and_draws_follow_it() -> None:
    weight = popularity(40_000, 0.47, np.random.default_rng(1))
    assert weight.mean() == pytest.approx(1, abs=4 * 0.47 / 200)
    assert weight.std() == pytest.approx(0.47, rel=0.05)
    assert (popularity(5, 0.0, np.random.default_rng(1)) == 1).all()
    weight = np.array([1.0, 2.0, 3.0, 4.0])
    drawn = distinct(40_000, 4, 2, np.random.default_rng(2), weight)
    assert (drawn[:, 0] < drawn[:, 1]).all()
    p = weight / weight.sum()
    wanted = np.zeros((4, 4))  # one after another, by enumeration
    for a in range(4):
        for b in range(4):
            if a != b:
                wanted[min(a, b), max(a, b)] += p[a] * p[b] / (1 - p[a])
    found = np.zeros((4, 4))
    np.add.at(found, (drawn[:, 0], drawn[:, 1]), 1 / len(drawn))
    np.testing.assert_allclose(found, wanted, atol=4 * 0.5 / 200)


def test_jaeckel_s_wiring_is_uneven_at_equal_degrees() -> None:
    circuit = load_model("jaeckel_structured")
    for name, degree in (("mossy_fiber_to_granule", 4), ("parallel_fiber_to_purkinje", 2500)):
        ends = Ends(circuit, circuit.projection[name])
        edges = wiring.draw(ends, generator(1, "edges", name))
        assert (np.bincount(edges.post, minlength=ends.targets) == degree).all()
    chosen = np.bincount(wiring.draw(ends, generator(1, "edges", name)).pre, minlength=ends.sources)
    assert chosen.std() / chosen.mean() > 0.2  # at random 0.06
    assert ends.projection.rule.convergence_at_full_scale(ends) == 2500
