"""E-GLIF cells: published autorhythms, numpy against Brian2 spike by spike, time step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cerebellum.cells import eglif
from cerebellum.cells.alpha import AlphaConductance
from cerebellum.connectome import connectome
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment import stimulus
from cerebellum.spiking import network

# Hz; cerebellar-models tests/test_cell_models.py: cells without synapses after a rest.
AUTORHYTHM = {
    "mouse": {
        "granule": 0.0,
        "golgi": 12.8,
        "purkinje": 83.2,
        "basket": 9.51,
        "nuclear": 61.78,
        "nucleo_olivary": 14.1,
        "inferior_olive": 0.0,
    },
    "mouse_vitro": {"purkinje": 45.6, "nuclear": 32.9},
}
CELLS = 12


def alone(model: str, names: list[str], seconds: float, dt: float, seed: int = 3) -> dict[str, float]:
    """Mean rate (Hz) after the first second of cells without input; all populations run side by side."""
    circuit = load_model(model)
    tables = [circuit.population[name].si() for name in names]
    parameters = {key: np.repeat([table[key] for table in tables], CELLS) for key in tables[0]}
    state = eglif.start(parameters, CELLS * len(names), np.random.default_rng(seed))
    step, cell = eglif.respond(parameters, {}, state, np.zeros((round(seconds / dt), 1)), dt)
    late = np.bincount(cell[step * dt >= 1.0], minlength=CELLS * len(names)) / (seconds - 1.0)
    return dict(zip(names, late.reshape(-1, CELLS).mean(axis=1), strict=True))


@pytest.mark.parametrize("model", AUTORHYTHM)
def test_autorhythms_are_within_two_percent_of_the_published(model: str) -> None:
    """12 cells for 5 s leave a standard error below 0.5% (awake nuclear cells, the noisiest)."""
    wanted = AUTORHYTHM[model]
    for name, rate in alone(model, list(wanted), seconds=6.0, dt=1e-4).items():
        assert rate == pytest.approx(wanted[name], rel=0.02), name


def test_a_ten_times_smaller_step_changes_rates_by_less_than_two_percent() -> None:
    """The same draws serve both, so most of the noise cancels; 0.02 ms keeps the test short."""
    names = ["golgi", "purkinje", "basket", "nuclear", "nucleo_olivary"]
    coarse, fine = (alone("mouse", names, seconds=2.5, dt=dt) for dt in (1e-4, 2e-5))
    for name in names:
        assert fine[name] == pytest.approx(coarse[name], rel=0.02), name


def test_free_oscillations_neither_grow_nor_fade_faster_than_exactly() -> None:
    """The olive is stable by a hair: growth rate of one Crank-Nicolson step against the matrix exponential's."""
    from scipy.linalg import expm

    dt, p = 1e-4, load_model("mouse").population["inferior_olive"].si()
    system = np.array([[1 / p["tau_m"], -1 / p["C_m"]], [p["k_adap"], -p["k_2"]]])
    half = dt / 2 * system
    step = np.linalg.solve(np.eye(2) - half, np.eye(2) + half)

    def growth(matrix: np.ndarray) -> float:
        return float(np.log(np.abs(np.linalg.eigvals(matrix)).max()) / dt)

    assert growth(step) == pytest.approx(growth(expm(dt * system)), abs=1e-3)
    assert growth(step) < 0


def test_an_alpha_conductance_peaks_at_its_weight_at_tau() -> None:
    dt, receptor = 1e-5, AlphaConductance(sign=1, tau=5.8e-3, reversal=0.0)
    c: Any = eglif.constants(load_model("mouse").population["granule"].si(), {"x": receptor}, dt)
    g, h, course = 0.0, 0.23e-9 * c["kick_x"], []
    for _ in range(2000):
        g, h = (g + dt * h) * c["decay_x"], h * c["decay_x"]
        course.append(g)
    assert max(course) == pytest.approx(0.23e-9, rel=1e-6)
    assert (np.argmax(course) + 1) * dt == pytest.approx(5.8e-3, abs=dt)


def test_brian_and_numpy_give_the_same_spikes() -> None:
    """Single cells under current steps: the compiled text and the numpy reference, the same draws."""
    circuit = load_model("mouse", {"scale": "0.05"})
    plan = load_protocol("current_steps", {"block.steps.trials": "3"})
    wired = connectome.sample(circuit, 4)
    schedule = stimulus.schedule(plan, wired, None, 4)
    run = network.simulate(wired, schedule, target=network.working_target("standalone"))
    for name in ("golgi", "nuclear"):
        current = np.zeros(round(schedule.duration / circuit.dt))
        for pulse in schedule.currents[name]:
            assert pulse.cells is None or len(pulse.cells) == circuit.size(name)  # all alike
            during = slice(round(pulse.start / circuit.dt), round(pulse.stop / circuit.dt))
            current[during] += np.ravel(pulse.amplitude)
        parameters = wired.parameters[name]
        rng = connectome.generator(4, "cells", name)
        state = eglif.start(parameters, circuit.size(name), rng)
        step, cell = eglif.respond(parameters, {}, state, current[:, None], circuit.dt)
        spikes = run.spikes[name]
        np.testing.assert_array_equal(np.rint(spikes.time / circuit.dt), step)
        np.testing.assert_array_equal(spikes.cell, cell)
