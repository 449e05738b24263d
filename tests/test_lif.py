"""The leaky integrate-and-fire cell: closed forms against integration, and against Brian2."""

from __future__ import annotations

from typing import Any

import brian2 as b2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from cerebellum.cells import MODELS, lif
from cerebellum.cells.model import rest_steps

PURKINJE = {
    "C_m": 334e-12, "tau_m": 47e-3, "E_L": -59e-3, "V_th": -43e-3, "V_reset": -69e-3, "t_ref": 0.5e-3, "I_e": 0.0,
}  # fmt: skip
GRANULE = {
    "C_m": 3.22e-12, "tau_m": 2.15e-3, "E_L": -79.67e-3, "V_th": -40e-3, "V_reset": -63e-3, "t_ref": 2e-3, "I_e": 0.0,
}  # fmt: skip
RHEOBASE = PURKINJE["C_m"] / PURKINJE["tau_m"] * (PURKINJE["V_th"] - PURKINJE["E_L"])


def intervals(spikes: np.ndarray, dt: float) -> np.ndarray:
    """Mean interspike interval (s) of every cell, spikes (steps, cells)."""
    return np.array([np.diff(np.flatnonzero(train)).mean() * dt for train in spikes.T])


def test_the_rate_is_zero_up_to_rheobase_and_rises_above() -> None:
    current = RHEOBASE * np.array([0.0, 0.5, 0.999, 1.001, 1.5, 3.0, 30.0])
    rate = lif.rate(PURKINJE, current)
    assert (rate[:3] == 0).all()
    assert (np.diff(rate[2:]) > 0).all()
    assert rate[-1] < 1 / PURKINJE["t_ref"]
    assert lif.rate({**PURKINJE, "I_e": RHEOBASE}, current[4]) == pytest.approx(
        lif.rate(PURKINJE, current[4] + RHEOBASE)
    )


@pytest.mark.parametrize("dt", [1e-4, 2e-5])
def test_the_stepped_cell_keeps_the_closed_form_interval_to_the_grid(dt: float) -> None:
    current = RHEOBASE * np.array([1.05, 1.5, 3.0, 6.0])
    spikes = lif.respond(PURKINJE, np.tile(current, (round(1.0 / dt), 1)), PURKINJE["V_reset"], dt)
    late = intervals(spikes, dt) - 1 / lif.rate(PURKINJE, current)
    assert (late > -1e-9).all()  # the threshold is seen at the end of a step, never early
    assert late.max() < dt


def test_brian2_integrates_the_same_equations_to_the_same_rate() -> None:
    current = RHEOBASE * np.array([0.9, 1.5, 3.0])
    dt, seconds = 1e-4, 0.4
    b2.prefs.codegen.target = "numpy"
    units = {"voltage": b2.volt, "current": b2.amp, "capacitance": b2.farad, "time": b2.second}
    group = b2.NeuronGroup(
        3,
        """dv/dt = (E_L - v) / tau_m + (I_e + I_input) / C_m : volt (unless refractory)
        I_input : amp""",
        threshold="v > V_th",
        reset="v = V_reset",
        refractory="(rest_steps + 1) * dt",  # Brian2 counts from the step of the spike
        method="exact",
        dt=dt * b2.second,
        namespace={
            **{name: PURKINJE[name] * units[dimension] for name, dimension in MODELS["lif"].parameters.items()},
            "rest_steps": float(rest_steps(PURKINJE, dt)),
        },
    )
    group.v, group.I_input = PURKINJE["V_reset"] * b2.volt, current * b2.amp
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, monitor).run(seconds * b2.second)
    trains = monitor.spike_trains()
    assert len(trains[0]) == 0
    for cell in (1, 2):
        late = np.diff(np.asarray(trains[cell] / b2.second)) - 1 / lif.rate(PURKINJE, current[cell])
        assert (late > -1e-9).all()
        assert late.max() < dt + 1e-9
    own = lif.respond(PURKINJE, np.tile(current, (round(seconds / dt), 1)), PURKINJE["V_reset"], dt)
    for cell in (1, 2):
        assert np.allclose(np.asarray(trains[cell] / b2.second), np.flatnonzero(own[:, cell]) * dt, atol=1.5 * dt)


@pytest.mark.parametrize("tau", [0.5e-3, 1.5e-3, 2.15e-3, 2.15e-3 * (1 + 1e-7), 20e-3])
def test_the_synaptic_potential_is_the_integral_of_its_equation(tau: float) -> None:
    time = np.linspace(0.0, 30e-3, 61)

    def slope(t: float, v: np.ndarray) -> np.ndarray:
        return -v / GRANULE["tau_m"] + np.exp(-t / tau) / GRANULE["C_m"]

    found = solve_ivp(slope, (0.0, time[-1]), [0.0], t_eval=time, rtol=1e-10, atol=1e-3, max_step=1e-3).y[0]
    assert lif.psp(GRANULE, tau, time) == pytest.approx(found, rel=1e-6, abs=1e-6 * found.max())
    fine = lif.psp(GRANULE, tau, np.linspace(0, 50e-3, 200_001))
    assert lif.psp_peak(GRANULE, tau) == pytest.approx(fine.max(), rel=1e-6)
    assert lif.psp_peak(GRANULE, tau) >= fine.max() * (1 - 1e-12)


@given(tau=st.floats(1e-4, 5e-2), tau_m=st.floats(1e-4, 5e-2))
def test_no_synaptic_potential_exceeds_its_peak_or_is_negative(tau: float, tau_m: float) -> None:
    cell = {**GRANULE, "tau_m": tau_m}
    values = lif.psp(cell, tau, np.linspace(-1e-3, 0.2, 500))
    assert (values >= 0).all()
    assert values.max() <= lif.psp_peak(cell, tau) * (1 + 1e-9)


def test_spike_times_converge_with_the_time_step() -> None:
    """Under an exponential current the first spike's error falls in proportion to the step (the current is held)."""
    tau, amplitude = 1.5e-3, 2.2 * (GRANULE["V_th"] - GRANULE["E_L"]) / lif.psp_peak(GRANULE, 1.5e-3)
    rise = np.linspace(0, 5e-3, 500_001)
    exact = rise[np.argmax(amplitude * lif.psp(GRANULE, tau, rise) > GRANULE["V_th"] - GRANULE["E_L"])]
    errors = []
    for dt in (1e-4, 1e-5, 1e-6):
        time = dt * np.arange(round(5e-3 / dt))
        spikes = lif.respond(GRANULE, (amplitude * np.exp(-(time + dt / 2) / tau))[:, None], GRANULE["E_L"], dt)
        errors.append(abs((np.flatnonzero(spikes[:, 0])[0] + 1) * dt - exact))
        assert errors[-1] <= 1.5 * dt
    assert errors[2] < errors[0] / 20


def test_a_cell_is_held_at_reset_for_its_refractory_time() -> None:
    dt = 1e-4
    spikes = lif.respond(PURKINJE, np.full((2000, 1), 1e-6), PURKINJE["V_reset"], dt)  # a current without measure
    gaps = np.diff(np.flatnonzero(spikes[:, 0]))
    assert (gaps == round(PURKINJE["t_ref"] / dt) + 1).all()  # and crosses in the step after


def test_cells_with_parameters_of_their_own_are_independent() -> None:
    both: dict[str, Any] = {**PURKINJE, "I_e": RHEOBASE * np.array([1.5, 2.5])}
    together = lif.respond(both, np.zeros((3000, 1)), PURKINJE["V_reset"], 1e-4)
    for cell, current in enumerate(both["I_e"]):
        alone = lif.respond({**PURKINJE, "I_e": current}, np.zeros((3000, 1)), np.array([PURKINJE["V_reset"]]), 1e-4)
        assert np.array_equal(together[:, cell], alone[:, 0])
