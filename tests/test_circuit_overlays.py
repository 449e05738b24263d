"""The pieces of the mouse circuit that overlays bring: stripes, shared climbing fibres, two kinds of interneurons."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.cells import eglif
from cerebellum.connectome.connectome import sample, zone_of
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.plasticity import ClimbingFiberRule
from cerebellum.errors import ModelFileError

SMALL = {"scale": "0.3"}


def test_stripes_add_in_every_second_microzone_and_take_in_the_others() -> None:
    circuit = load_model("mouse_zebrin")
    current = np.asarray(sample(circuit, 1).parameters["purkinje"]["I_e"])
    zone = zone_of(circuit.size("purkinje"), circuit.zones)
    np.testing.assert_allclose(current[zone % 2 == 0], 325e-12)
    np.testing.assert_allclose(current[zone % 2 == 1], 695e-12)


def test_stripes_out_of_range_or_of_no_parameter_are_refused() -> None:
    stripes = '{t_ref = [1, "ms", "set: x"]}'
    with pytest.raises(ModelFileError, match=r"stripes\.t_ref: found 1 ms about 0\.5 ms, one side out of its range"):
        load_model("mouse_zebrin", {"population.purkinje.stripes": stripes})
    with pytest.raises(ModelFileError, match=r"no parameter of cell 'eglif' named 'I_x'"):
        load_model("mouse_zebrin", {"population.purkinje.stripes": '{I_x = [1, "pA", "set: x"]}'})


def test_a_synapse_alongside_another_has_its_pairs() -> None:
    drawn = sample(load_model("mouse_ceiling", SMALL), 3).edges
    other, own = drawn["climbing_fiber_to_purkinje"], drawn["climbing_fiber_pause_to_purkinje"]
    np.testing.assert_array_equal(own.pre, other.pre)
    np.testing.assert_array_equal(own.post, other.post)
    assert own.contacts is None
    of = {"projection.climbing_fiber_pause_to_purkinje.rule.of": "parallel_fiber_to_purkinje"}
    with pytest.raises(ModelFileError, match=r"rule\.of: parallel_fiber_to_purkinje is from granule to purkinje"):
        load_model("mouse_ceiling", of)


def _sustained(circuit: Circuit, current: float) -> float:
    """Rate of single Purkinje cells from 0.3 to 0.8 s, Hz."""
    population = circuit.population["purkinje"]
    state = eglif.start(population.si(), 10, np.random.default_rng(1))
    steps, _ = eglif.respond(population.si(), {}, state, np.full((8000, 1), current), 1e-4)
    return float((steps >= 3000).sum() / 10 / 0.5)


def test_purkinje_cells_with_a_ceiling_bend_below_300_hz() -> None:
    """At 4 nA the published cell fires at some 360 Hz; a refractory time t bounds any rate by 1 / t = 400 Hz."""
    assert _sustained(load_model("mouse"), 4e-9) > 300
    assert 200 < _sustained(load_model("mouse_ceiling"), 4e-9) < 300


def test_mli2_contact_mli1_and_no_purkinje_cell_and_only_mli1_are_coupled() -> None:
    circuit = load_model("mouse_mli12", SMALL)
    onto = {p.target for p in circuit.projection.values() if p.source == "mli2"}
    assert onto == {"basket", "stellate"}
    gaps = sample(circuit, 1).gaps
    assert {circuit.gap_junction[name].population for name in gaps} == {"basket", "stellate"}
    assert all(len(pairs) > 0 for pairs in gaps.values())


@pytest.mark.parametrize("spikes", [1, 3, 6])
def test_a_climbing_fibre_burst_is_weighed_or_counted_once(spikes: int) -> None:
    """`climbing_spikes` is how many of a burst's spikes count: all of 1 to 6 in proportion, or the last alone."""
    table = {
        "kind": "climbing_fiber", "teacher": "x", "potentiation": [0, "nS", "set: x"],
        "depression": [1, "nS", "set: x"], "w_min": [0, "nS", "set: x"], "w_max": [9, "nS", "set: x"],
        "climbing_spikes": [6, "1", "set: x"], "kernel": {"kind": "rectangular", "window": [50, "ms", "set: x"]},
    }  # fmt: skip
    burst = np.array([0.02 + 0.002 * spike for spike in range(spikes)])
    weigh = ClimbingFiberRule.model_validate(table)
    once = ClimbingFiberRule.model_validate(table | {"climbing_spikes": [1, "1", "set: x"]})
    assert weigh.change(burst[-weigh.remembered :]) == pytest.approx(-1e-9 * spikes)
    assert once.change(burst[-once.remembered :]) == pytest.approx(-1e-9)
