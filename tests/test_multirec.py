"""Cells and receptors of De Grazia et al. 2026: closed forms, an independent integration, published f-I, targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import cerebellum
from cerebellum.cells import eglif_multirec
from cerebellum.cells.conductances import Conductances
from cerebellum.cells.two_decays import BlockedTwoDecays, TwoDecays
from cerebellum.connectome import connectome
from cerebellum.description.circuit import load_model
from cerebellum.errors import ModelFileError, ProtocolFileError
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.spiking.network import simulate, working_target
from cerebellum.typing import Floats

CELLS = ("granule", "golgi", "purkinje", "basket", "stellate")
RECEPTORS = {
    f"{name}.{receptor}": model
    for name in CELLS
    for receptor, model in load_model("mouse_multirec").population[name].receptor_models().items()
    if isinstance(model, TwoDecays)
}


def kernel(r: TwoDecays, t: Any) -> Any:
    """Conductance after a spike of weight 1, in closed form: two differences of exponentials."""
    rise = r.tau_r / r.A_r
    return sum(
        r.g_init * gain * (np.exp(-t / tau) - np.exp(-t / rise)) / (1 / rise - 1 / tau)
        for gain, tau in ((r.A1, r.tau_d1), (r.A2, r.tau_d2))
    )


@pytest.mark.parametrize("name", RECEPTORS)
def test_a_spike_opens_what_the_closed_form_says_at_any_time_step(name: str) -> None:
    """At the ends of steps, and on average over them; to the rounding that exp(-t / 0.1 ms) leaves."""
    r = RECEPTORS[name]
    for dt in (1e-4, 5e-4):
        after = Conductances({"x": r}, 1, dt)
        after.arrive("x", np.array([0]), np.array([2.0]))
        ends, means = np.empty(200), np.empty(200)
        for step in range(200):
            after.advance(np.array([10.0]))  # V: all of it open
            ends[step], means[step] = after.names["g_x"][0], (after.names["c_x"][0])
        t = dt * np.arange(201)
        np.testing.assert_allclose(ends, 2 * kernel(r, t[1:]), rtol=1e-9, atol=1e-12)
        fine: Any = np.linspace(0, t[-1], 200 * 64 + 1)
        area: Any = np.add.reduceat(np.convolve(kernel(r, fine), [0.5, 0.5], "valid"), np.arange(0, 200 * 64, 64)) / 64
        np.testing.assert_allclose(means, 2 * area, rtol=2e-3, atol=1e-6)  # the trapezoids' own error


@pytest.mark.parametrize("equal", [False, True])
def test_the_rate_engines_mean_is_that_of_spikes_that_come_evenly(equal: bool) -> None:
    """Weights at a steady rate as one arrival a fine step; also where a decay is as fast as the rise."""
    tau = 2e-3 if equal else 1.5e-3
    r = TwoDecays(sign=1, g_init=0.7, tau_r=6e-3, A_r=3.0, A1=900.0, tau_d1=tau, A2=40.0, tau_d2=50e-3, reversal=0.0)
    rate, dt = 300e-9, 5e-6
    fine, course = Conductances({"x": r}, 1, dt), []
    for _ in range(4000):
        course.append(float(fine.advance(np.zeros(1))[0][0]))
        fine.arrive("x", np.array([0]), np.array([rate * dt]))
    coarse = r.course(np.full((40, 1), rate), 5e-4)[:, 0]
    np.testing.assert_allclose(np.reshape(course, (40, -1)).mean(axis=1)[1:], coarse[1:], rtol=2e-2)


def test_magnesium_leaves_half_at_its_midpoint_and_little_at_rest() -> None:
    r = RECEPTORS["granule.nmda"]
    assert isinstance(r, BlockedTwoDecays)
    assert r.gated(2.0, r.v0_block) == pytest.approx(1.0)
    assert r.gated(1.0, -70e-3) == pytest.approx(1 / (1 + np.exp(50 / 13)), rel=1e-12)


def exactly(p: Any, receptors: Any, v0: float, current: float, arrivals: dict[float, tuple[str, float]]) -> list[float]:
    """Spike times (s) in 48 ms by an integration of the published equations that knows nothing of this package's step.

    The state is V (mV), I_adap, I_dep (pA), and rise, fast and slow stage of each receptor (nS).
    """
    names = list(receptors)

    def field(held: bool) -> Any:
        def derivative(t: float, y: Floats) -> Floats:
            v = p["V_reset"] * 1e3 if held else y[0]
            out, synaptic = np.zeros_like(y), 0.0
            for i, name in enumerate(names):
                r, (rise, fast, slow) = receptors[name], y[3 + 3 * i : 6 + 3 * i]
                block = 1 / (1 + np.exp((-20 - v) / 13)) if isinstance(r, BlockedTwoDecays) else 1.0
                synaptic += (fast + slow) * block * (r.reversal * 1e3 - v)
                out[3 + 3 * i] = -r.A_r * rise / (r.tau_r * 1e3)
                out[4 + 3 * i] = r.A1 * 1e-3 * rise - fast / (r.tau_d1 * 1e3)
                out[5 + 3 * i] = r.A2 * 1e-3 * rise - slow / (r.tau_d2 * 1e3)
            above, (I_adap, I_dep) = v - p["E_L"] * 1e3, y[1:3]
            drive = p["I_e"] * 1e12 + current * 1e12 - I_adap + I_dep + synaptic
            out[0] = 0.0 if held else above / (p["tau_m"] * 1e3) + drive / (p["C_m"] * 1e12)
            out[1] = p["k_adap"] * 1e6 * above - p["k_2"] * 1e-3 * I_adap
            out[2] = -p["k_1"] * 1e-3 * I_dep
            return out

        return derivative

    def threshold(t: float, y: Floats) -> float:
        return float(y[0] - p["V_th"] * 1e3)

    threshold.terminal, threshold.direction = True, 1  # type: ignore[attr-defined]
    y, t, free_from, spikes = np.zeros(3 + 3 * len(names)), 0.0, 0.0, []
    y[0] = v0 * 1e3
    stops = sorted({*(1e3 * when for when in arrivals), 48.0})
    while t < 48.0:
        held = t < free_from
        until = min([s for s in [*stops, free_from] if s > t])
        event = None if held else threshold
        done = solve_ivp(field(held), (t, until), y, events=event, rtol=1e-8, atol=1e-8, method="LSODA")
        t, y = float(done.t[-1]), done.y[:, -1]
        if done.status == 1:
            spikes.append(t * 1e-3)
            y[:3] = p["V_reset"] * 1e3, y[1] + p["A2"] * 1e12, p["A1"] * 1e12
            free_from = t + p["t_ref"] * 1e3
        for when, (name, weight) in arrivals.items():
            if t == 1e3 * when:
                y[3 + 3 * names.index(name)] += receptors[name].g_init * weight * 1e9
    return spikes


def test_spikes_converge_to_an_independent_integration_as_the_time_step_shrinks() -> None:
    """Current, AMPA, NMDA under its block, and GABA: errors of spike times fall with the step, at first order.

    Every spike waits for its step's end, and delays add up. A block read at another voltage, or a refractory time off
    by a step, would leave an error that does not shrink.
    """
    population = load_model("mouse_multirec").population["granule"]
    found = {key: one for key, one in population.receptor_models().items() if isinstance(one, TwoDecays)}
    parameters = {**population.si(), "t_ref": 1.6e-3}  # on the grid of all steps
    arrivals = {
        10e-3: ("excitatory", 0.5e-9),
        14e-3: ("nmda", 30e-9),
        30e-3: ("inhibitory", 1e-9),
        44e-3: ("nmda", 9e-9),
    }
    exact = exactly(parameters, found, parameters["E_L"], 12e-12, arrivals)
    assert len(exact) >= 3
    errors = []
    for dt in (1e-4, 2e-5, 5e-6):
        given = {
            round(when / dt) - 1: [(receptor, np.array([0]), np.array([weight]))]
            for when, (receptor, weight) in arrivals.items()
        }
        injected = np.full((round(48e-3 / dt), 1), 12e-12)
        steps, _ = eglif_multirec.respond(parameters, found, {"v": np.array([parameters["E_L"]])}, injected, dt, given)
        assert len(steps) == len(exact)
        errors.append(np.abs((steps + 1) * dt - exact).max())
    assert errors[1] < errors[0] / 3
    assert errors[2] < errors[1] / 2.5
    assert errors[2] < 0.1e-3


# Spikes in a current step (pA) of the multicompartmental models that the cells were tuned to: cerebellar-models at
# cb7b04d, eglif_tuning/tofit_eglif/results_tofitEglif: efel_results.csv of granule cells, logs of the others.
REFERENCE = {
    "granule": (0.1, 0.5, {8: 0, 10: 13, 12: 21, 14: 26, 16: 31, 18: 36, 20: 40}),
    "stellate": (0.2, 0.5, {-10: 2, 0: 9, 10: 18, 20: 25, 30: 30, 40: 35, 50: 39}),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_single_cells_fire_as_the_models_that_they_were_tuned_to(name: str) -> None:
    """Within 15 % of the reference's greatest count at every current; nothing here is fitted."""
    rest, lasts, wanted = REFERENCE[name]
    parameters, dt = load_model("mouse_multirec").population[name].si(), 1e-4
    current = np.zeros((round((rest + lasts) / dt), len(wanted)))
    current[round(rest / dt) :] = 1e-12 * np.array(list(wanted))
    begin = np.full(len(wanted), parameters["E_L"])
    step, cell = eglif_multirec.respond(parameters, {}, {"v": begin}, current, dt)
    found = np.bincount(cell[step * dt >= rest], minlength=len(wanted))
    np.testing.assert_allclose(found, list(wanted.values()), atol=0.15 * max(wanted.values()))


@pytest.fixture(scope="module")
def wired() -> connectome.Connectome:
    """Granule, Golgi and interneurons of a small volume, all receptors, gap junctions, no nuclei."""
    return connectome.sample(load_model("mouse_multirec", {"scale": "0.1", "microzones": "1"}), 3)


CUT = ("purkinje", "stellate", "nuclear", "nucleo_olivary", "inferior_olive")  # the rest has all kinds of receptors


def _run(wired: connectome.Connectome, target: Any) -> Mapping[str, Any]:
    rng = np.random.default_rng(5)
    step, cell = np.nonzero(rng.random((800, wired.circuit.size("mossy_fiber"))) < 0.006)
    made = Schedule([], {"mossy_fiber": Events(step, cell.astype(np.int32))}, 0.08, lesion=CUT)
    return simulate(wired, made, target=working_target(target)).spikes


def test_a_synapse_with_two_receptors_is_one_pair_and_is_described_as_that(wired: connectome.Connectome) -> None:
    """NMDA receptors lie where the AMPA receptors lie, and reports set the same in-degrees and spread beside both."""
    degrees = {degree.projection: degree for degree in connectome.degrees(wired)}
    for name, other in (("parallel_fiber", "stellate"), ("parallel_fiber", "basket"), ("ascending_axon", "golgi")):
        ampa, nmda = degrees[f"{name}_to_{other}"], degrees[f"{name}_nmda_to_{other}"]
        assert replace(nmda, projection=ampa.projection) == ampa
        assert nmda.described_sd > 0


@pytest.mark.slow
@pytest.mark.parametrize("target", ["standalone", "runtime"])
def test_every_target_gives_the_same_spikes(wired: connectome.Connectome, target: str) -> None:
    """80 ms of granule, Golgi and basket cells: two-decay receptors, the block's exponential, coupled Golgi cells."""
    plain, other = _run(wired, "numpy"), _run(wired, target)
    assert sum(len(plain[name]) for name in ("granule", "golgi", "basket")) > 200
    for name, spikes in plain.items():
        order = [np.lexsort((one.cell, np.rint(one.time / 1e-4))) for one in (spikes, other[name])]
        np.testing.assert_array_equal(*(one.time[i] for one, i in zip((spikes, other[name]), order, strict=True)))
        np.testing.assert_array_equal(*(one.cell[i] for one, i in zip((spikes, other[name]), order, strict=True)))


def test_faults_of_the_kinetics_are_told_with_their_place() -> None:
    place = "population.granule.receptor.nmda"
    with pytest.raises(ModelFileError, match=r"receptor\.nmda\.k_block: found 0 mV; wanted more than 0"):
        load_model("mouse_multirec", {f"{place}.k_block": "0"})
    with pytest.raises(ModelFileError, match=r"receptor\.nmda.*v0_block"):
        load_model("mouse_multirec", {f"{place}.kind": "two_decays"})


def test_the_rate_engine_says_that_it_has_no_voltages_to_couple() -> None:
    """In one line, before anything is measured; without the junctions it runs (tests/test_rate_models.py)."""
    with pytest.raises(ProtocolFileError, match=r"gap junctions couple voltages, which the rate engine has none of"):
        cerebellum.run("background", "mouse_multirec", "rate", settings={"scale": "0.1", "microzones": "1"})
