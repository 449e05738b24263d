"""Leaky integrate-and-fire cells with alpha conductances: closed-form rate, postsynaptic potential, time step."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.cells import Port, conductance_lif, lif
from cerebellum.description.circuit import load_model

PORTS = {"excitatory": Port(1, 5.8e-3, 0.0), "inhibitory": Port(-1, 13.61e-3, -80e-3)}


def golgi() -> dict[str, float]:
    return load_model("mouse_lif").population["golgi"].si()


def granule() -> dict[str, float]:
    return load_model("mouse_lif").population["granule"].si()


@pytest.mark.parametrize("name", ["golgi", "purkinje", "basket", "nuclear", "nucleo_olivary"])
def test_the_rate_without_conductance_is_the_closed_form(name: str) -> None:
    """Every interval is the closed form's, rounded up to the grid: Crank-Nicolson's own error is below 1e-5 of it."""
    dt, parameters = 1e-5, load_model("mouse_lif").population[name].si()
    added = parameters["I_e"] * np.array([0.0, 0.5, 2.0])
    begin = np.full(3, parameters["V_reset"])
    _, spikes = conductance_lif.respond(parameters, {}, begin, np.broadcast_to(added, (100_000, 3)), dt)
    for cell, rate in enumerate(lif.rate(parameters, added)):
        steps = np.flatnonzero(spikes[:, cell])
        if rate == 0:
            assert len(steps) == 0
            continue
        interval, exact = np.diff(steps), 1 / (rate * dt)
        assert np.ptp(interval) == 0
        assert exact * (1 - 1e-5) <= interval[0] <= exact * (1 + 1e-5) + 1


def fine_voltage(parameters: dict[str, float], weights: dict[str, float], dt: float, steps: int) -> np.ndarray:
    """Voltage every `dt` after spikes on all ports at time 0: classical Runge-Kutta at a hundredth of the step."""
    p, h = parameters, dt / 100

    def slope(v: float, t: float) -> float:
        conductance = {key: weights[key] * t / port.tau * np.exp(1 - t / port.tau) for key, port in PORTS.items()}
        synaptic = sum(g * ((PORTS[key].reversal or 0.0) - v) for key, g in conductance.items())
        return (-p["C_m"] / p["tau_m"] * (v - p["E_L"]) + p["I_e"] + synaptic) / p["C_m"]

    v, course = p["E_L"], []
    for step in range(100 * steps):
        t = step * h
        a = slope(v, t)
        b = slope(v + h / 2 * a, t + h / 2)
        c = slope(v + h / 2 * b, t + h / 2)
        d = slope(v + h * c, t + h)
        v += h / 6 * (a + 2 * b + 2 * c + d)
        if step % 100 == 99:
            course.append(v)
    return np.array(course)


def stepped_voltage(parameters: dict[str, float], weights: dict[str, float], dt: float, steps: int) -> np.ndarray:
    """The same by `respond`; the spikes arrive at the end of step 0, which is left out."""
    arrivals = {0: [(key, np.array([0]), np.array([weight])) for key, weight in weights.items()]}
    begin, current = np.array([parameters["E_L"]]), np.zeros((steps + 1, 1))
    course, spikes = conductance_lif.respond(parameters, PORTS, begin, current, dt, arrivals)
    assert not spikes.any()
    return course[1:, 0]


@pytest.mark.parametrize("weights", [(0.2e-9, 0.0), (0.0, 0.5e-9), (0.2e-9, 0.5e-9)])
def test_a_postsynaptic_potential_is_that_of_a_fine_integration(weights: tuple[float, float]) -> None:
    """At the model's step of 0.1 ms, to 0.1% of the peak; four times closer at half the step (second order)."""
    onto = dict(zip(PORTS, weights, strict=True))
    errors = []
    for dt in (1e-4, 5e-5):
        exact = fine_voltage(granule(), onto, dt, round(0.04 / dt))
        found = stepped_voltage(granule(), onto, dt, round(0.04 / dt))
        errors.append(np.abs(found - exact).max() / np.abs(exact - granule()["E_L"]).max())
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_a_smaller_step_gives_the_same_number_of_spikes() -> None:
    """A Golgi cell under inhibition every 20 ms, 1 s: 0.1 ms against 0.01 ms."""
    counts = []
    for dt in (1e-4, 1e-5):
        steps = np.arange(0.01, 1.0, 0.02) / dt
        arrivals = {round(step): [("inhibitory", np.array([0]), np.array([1e-9]))] for step in steps}
        begin, current = np.array([golgi()["E_L"]]), np.full((round(1 / dt), 1), 60e-12)
        _, spikes = conductance_lif.respond(golgi(), PORTS, begin, current, dt, arrivals)
        counts.append(int(spikes.sum()))
    assert counts[0] > 10
    assert abs(counts[0] - counts[1]) <= 1
