"""Groups of fibres with synapses of their own, fibres with rates of their own, and the index of a code's change."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from cerebellum.activity import statistics
from cerebellum.activity.spikes import Spikes
from cerebellum.connectome import groups
from cerebellum.connectome.connectome import Connectome, degrees, sample
from cerebellum.description import overlays
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.projection import Release
from cerebellum.description.rate_stimulus import FiberGroups
from cerebellum.description.schema import parse
from cerebellum.description.where import Scene
from cerebellum.errors import InputError, ModelFileError
from cerebellum.rate.mean_cell import spike_weight
from cerebellum.rate.synapses import TsodyksMarkram
from cerebellum.rate.time_step import BIN

SMALL = {"scale": "0.1", "microzones": "1"}
FAST, SLOW = "glomerulus_to_granule", "slow_pool_to_granule"
SITES = {FAST: [16, 12, 6, 10, 12], SLOW: [4, 3, 4, 0, 3]}


@cache
def drawn() -> Connectome:
    return sample(load_model("mouse_temporal_basis", SMALL), 3)


def group_of_glomeruli() -> np.ndarray:
    feed = drawn().edges["mossy_fiber_to_glomerulus"]
    found = np.empty(drawn().size("glomerulus"), int)
    found[feed.post] = groups.of_cells(drawn().circuit, "mossy_fiber", 3)[feed.pre]
    return found


def test_groups_have_their_shares_and_are_those_of_a_stimulus_of_the_same_shares() -> None:
    circuit = load_model("mouse_temporal_basis")
    cells, shares = circuit.size("mossy_fiber"), [0.06, 0.16, 0.38, 0.24, 0.16]
    found = groups.of_cells(circuit, "mossy_fiber", 3)
    assert np.abs(np.bincount(found) - cells * np.array(shares)).max() <= 0.5 + 1e-9
    driven = FiberGroups.model_validate({
        "kind": "fiber_groups", "population": "mossy_fiber", "onset": [0, "ms", "set: x"],
        "duration": [100, "ms", "set: x"],
        "groups": {"drivers": {"fraction": [0.22, "1", "set: x"], "peak": [200, "Hz", "set: x"]}},
    })  # fmt: skip
    chosen, _ = driven.fibers(Scene(circuit, "mossy_fiber", seed=3))["drivers"]
    assert sorted(chosen) == np.flatnonzero(found < 2).tolist()


def test_a_fibre_s_group_holds_for_all_its_glomeruli_and_sites_multiply_the_weight() -> None:
    group, made = group_of_glomeruli(), drawn()
    for name, sites in SITES.items():
        edges = made.edges[name]
        assert edges.contacts is not None
        np.testing.assert_array_equal(edges.contacts, np.array(sites)[group[edges.pre]])
    fast, slow = made.edges[FAST], made.edges[SLOW]
    with_slow = group[fast.pre] != 3  # the fourth group has no slow pool, and so no synapses there
    np.testing.assert_array_equal(slow.pre, fast.pre[with_slow])
    np.testing.assert_array_equal(slow.post, fast.post[with_slow])
    described = {degree.projection: degree.described_convergence for degree in degrees(made)}
    assert described[FAST] == 4
    assert described[SLOW] == pytest.approx(4 * 0.76)
    np.testing.assert_allclose(made.release[FAST].tau_fac, np.array([12, 12, 0, 12, 30])[group] * 1e-3)
    np.testing.assert_allclose(made.release[SLOW].U, np.array([0.9, 0.8, 0.4, 1, 0.4])[group])
    shares = np.array([0.06, 0.16, 0.38, 0.24, 0.16])
    rested = 0.0612e-9 * shares @ (np.array(SITES[FAST]) * [0.72, 0.55, 0.35, 0.3, 0.15])
    assert spike_weight(made, FAST) == pytest.approx(rested)


def by_hand(U: float, tau_rec: float, tau_fac: float, interval: float, spikes: int) -> list[float]:
    """Release u x of a regular train by the map of Tsodyks et al. (1998)."""
    u, x, found = 0.0, 1.0, []
    for spike in range(spikes):
        if spike:
            u = u * np.exp(-interval / tau_fac) if tau_fac else 0.0
            x = 1 + (x - 1) * np.exp(-interval / tau_rec) if tau_rec else 1.0
        u += U * (1 - u)
        found.append(u * x)
        x -= u * x
    return found


RELEASE = Release(np.array([0.72, 0.35, 1.0]), np.array([0.02, 2.0, 0.0]), np.array([0.012, 0.0, 0.0]))


def test_cells_of_different_groups_release_by_their_own_recursion_on_both_engines() -> None:
    """The third is a group without short-term plasticity: its whole weight at every spike."""
    import brian2 as b2

    from cerebellum.spiking import synapses

    interval = 0.01
    b2.set_device("runtime")
    b2.prefs.codegen.target = "numpy"
    clock = b2.Clock(dt=0.1 * b2.ms)
    state = "tick : 1\nused_x : 1\nrecovered_x : 1\nsent_x : 1\nlast_x : second"
    group = b2.NeuronGroup(3, state, threshold="tick > 0", reset="tick = 0", clock=clock, name="trains")
    group.recovered_x, group.last_x = 1.0, -1e6 * b2.second
    network, sent = b2.Network(group, synapses._release("x", RELEASE, group, 2 * b2.ms, clock)), []
    for _ in range(5):
        group.tick = 1
        network.run(interval * b2.second)
        sent.append(np.array(group.sent_x))
    numbers = np.array([RELEASE.U, RELEASE.tau_rec, RELEASE.tau_fac]).T
    wanted = np.array([by_hand(U, rec, fac, interval, 5) for U, rec, fac in numbers]).T
    np.testing.assert_allclose(sent, wanted, rtol=1e-9)
    assert np.allclose(wanted[:, 2], 1)

    release = TsodyksMarkram(RELEASE, 3, {"dtype": torch.float64})
    spike, none = (torch.full((3,), rate, dtype=torch.float64) for rate in (1 / BIN, 0.0))
    for row in wanted:
        np.testing.assert_allclose(release(spike).numpy() * BIN, row, rtol=1e-9)
        for _ in range(round(interval / BIN) - 1):
            release(none)


GROUP = "population.mossy_fiber.group"
SYNAPSES = f"projection.{FAST}.groups"
FAULTS = [
    ({f"{GROUP}.g1.fraction": "0.1"}, r"group: found fractions of 1\.04 together; wanted 1"),
    ({"scale": "0.05"}, r"mossy_fiber\.group\.g1: none of 6 cells at scale 0\.05; wanted a larger share or scale"),
    ({f"{SYNAPSES}.synapses": '{ g9 = { sites = [1, "1", "set: x"] } }'},
     r"synapses\.g9: covers no fibre, for mossy_fiber has no such group; there is: g1, g2, g3, g4, g5"),
    ({f"{SYNAPSES}.of": "golgi"}, r"groups\.of: golgi has no groups; wanted population\.golgi\.group"),
    ({f"{SYNAPSES}.of": "nobody"}, r"groups\.of: the model has no 'nobody'"),
    ({f"{SYNAPSES}.through": "glomerulus_to_golgi"},
     r"groups\.through: found 'glomerulus_to_golgi'; wanted a projection from mossy_fiber to glomerulus"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "said"), FAULTS, ids=[said[:24] for _, said in FAULTS])
def test_groups_that_do_not_fit_are_refused_in_one_line(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        load_model("mouse_temporal_basis", settings)


def test_a_group_without_synapses_is_refused() -> None:
    tables, where = overlays.combined("mouse_temporal_basis")
    del tables["projection"][SLOW]["groups"]["synapses"]["g5"]
    with pytest.raises(ModelFileError, match=r"groups\.synapses: group g5 of mossy_fiber has none; wanted a table for"):
        parse(Circuit, tables, where, ModelFileError)


def test_short_term_plasticity_of_all_contradicts_that_of_groups() -> None:
    with pytest.raises(InputError, match=r"glomerulus_to_granule\.weight: .* contradicts"):
        load_model("mouse+stp+temporal_basis")


def test_fibres_with_peaks_of_their_own_keep_them() -> None:
    circuit = load_model("mouse")
    group = {"fraction": [1, "1", "set: x"], "peak": [20, "Hz", "set: x"], "sd": [20, "Hz", "set: x"]}
    table = {
        "kind": "fiber_groups", "population": "mossy_fiber", "onset": [0, "ms", "set: x"],
        "duration": [20, "s", "set: x"], "groups": {"all": group},
    }  # fmt: skip
    stimulus, scene = FiberGroups.model_validate(table), Scene(circuit, "mossy_fiber", length=20.0, seed=5)
    fibers, _ = stimulus.fibers(scene)["all"]
    peaks = stimulus.peaks(scene, "all", len(fibers))
    np.testing.assert_array_equal(peaks, stimulus.peaks(scene, "all", len(fibers)))
    assert peaks.min() == 0  # a Gaussian of as much sd as mean is cut at none in one of six
    assert peaks.mean() == pytest.approx(20 * 1.0833, abs=4 * 17.5 / len(fibers) ** 0.5)
    _, who = stimulus.spikes(scene, np.random.default_rng(1))
    counted = np.bincount(who, minlength=len(fibers))[fibers]
    np.testing.assert_array_less(np.abs(counted - 20 * peaks), 5 * np.sqrt(20 * peaks) + 1e-9)


CELLS, TRIALS, WIDTH, BINS = 2000, 12, 0.025, 16


def poisson(rate: np.ndarray) -> tuple[Spikes, list[float]]:
    """Poisson spikes of rates (Hz, shape (bins, cells)) in trials of half a second, and when these begin."""
    rng, time, who = np.random.default_rng(7), [], []
    for trial in range(TRIALS):
        number = rng.poisson(rate * WIDTH)
        bins, cells = (np.repeat(index, number.ravel()) for index in np.indices(number.shape).reshape(2, -1))
        time.append(0.5 * trial + (bins + rng.random(len(bins))) * WIDTH)
        who.append(cells)
    when, cell = np.concatenate(time), np.concatenate(who).astype(np.int32)
    order = np.argsort(when, kind="stable")
    return Spikes(when[order], cell[order]), [0.5 * trial for trial in range(TRIALS)]


def similarity(rate: np.ndarray) -> np.ndarray:
    spikes, onsets = poisson(rate)
    return statistics.code_similarity(spikes, CELLS, onsets, 0.0, BINS * WIDTH, WIDTH)


def test_neither_a_constant_code_nor_a_ramp_of_all_cells_changes_the_index() -> None:
    each = np.random.default_rng(1).gamma(1, 10, CELLS)
    ramp = np.linspace(0.5, 2, BINS)[:, None]
    for rate in (np.broadcast_to(each, (BINS, CELLS)), ramp * each + 20 * ramp):
        np.testing.assert_allclose(similarity(rate), 1, atol=0.05)


def test_a_code_that_changes_has_its_correlation_whatever_the_noise() -> None:
    """Rates a cos(w t) + b sin(w t), a and b of their own for each cell: their correlation over cells is cos(w lag)."""
    a, b = np.random.default_rng(1).normal(0, 12, (2, CELLS))
    angle = np.pi * np.arange(BINS)[:, None] / BINS
    found = similarity(np.maximum(40 + a * np.cos(angle) + b * np.sin(angle), 0))
    np.testing.assert_allclose(
        found, np.cos(angle[:, 0]), atol=0.06
    )  # signal 0.09, noise 1 in 132 pairs of trials, 2,000 cells: 0.02
    with pytest.raises(InputError, match="two trials or more"):
        statistics.code_similarity(Spikes(np.empty(0), np.empty(0, np.int32)), 3, [0.0], 0.0, 1.0, 0.1)
