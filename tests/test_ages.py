"""Classes of age: closed forms, conservation, convergence in the number of classes, against single cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.cells.alpha import AlphaConductance
from cerebellum.description.circuit import load_model
from cerebellum.rate import refractory_density, single_cell
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.refractory_density import COARSE_CLASSES, FINE_CLASSES, RefractoryDensity, classes
from cerebellum.rate.time_step import BIN

LIKE: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}
PLAIN = {
    "C_m": 100e-12, "tau_m": 20e-3, "E_L": -60e-3, "V_th": -45e-3, "V_reset": -65e-3, "t_ref": 2.6e-3, "I_e": 0.0,
}  # fmt: skip
RECEPTORS = {
    "excitatory": AlphaConductance(sign=1, tau=2e-3, reversal=0.0),
    "inhibitory": AlphaConductance(sign=-1, tau=5e-3, reversal=-80e-3),
}


HOLD = 5  # whole steps of refractoriness after that of the spike


def plain(cells: int) -> RefractoryDensity:
    """Plain cells at rest."""
    return RefractoryDensity(Membrane("conductance_lif", PLAIN, RECEPTORS, LIKE), cells)


@pytest.mark.parametrize("hazard", [5.0, 100.0, 900.0])
def test_a_constant_hazard_gives_the_closed_rate(hazard: float) -> None:
    """Mean interval: the steps held at reset and 1 / hazard."""
    cell = plain(1)
    assert cell.membrane.hold == HOLD
    for _ in range(3000):
        rate = cell.advance(lambda distance, _: torch.full_like(distance, hazard), {})
    assert float(rate) == pytest.approx(1 / (HOLD * BIN + 1 / hazard), rel=1e-6)


def steep(distance: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """A hazard that rises e-fold a millivolt, 200 Hz at threshold."""
    return 200.0 * torch.exp((distance / 1e-3).clamp(max=3.0)) + 0 * change


@given(st.lists(st.floats(0, 20e-9), min_size=1, max_size=60), st.floats(0, 10e-9))
def test_probability_is_conserved(excitation: list[float], inhibition: float) -> None:
    """Masses stay within [0, 1] and sum to 1; voltages stay between the reversals."""
    cell = plain(3)
    for g in excitation:
        now = {"excitatory": torch.tensor([g, g / 2, 0.0], **LIKE), "inhibitory": torch.full((3,), inhibition, **LIKE)}
        rate = cell.advance(steep, now)
        assert bool(((rate >= 0) & (rate <= 1 / BIN * (1 + 1e-9))).all())
        assert bool((cell.mass >= 0).all())
        torch.testing.assert_close(cell.mass.sum(dim=0), torch.ones(3, **LIKE), rtol=0, atol=1e-9)
        assert bool(((cell.v > -0.081) & (cell.v < 1e-3)).all())


def exact_interval(conductance: float) -> float:
    """Mean interval (s) of plain cells under a constant excitatory conductance (S), one age a step, by hand."""
    twice, leak = 2 * PLAIN["C_m"] / BIN, PLAIN["C_m"] / PLAIN["tau_m"]
    v, alive, interval = PLAIN["V_reset"], 1.0, 0.0
    for age in range(3000):
        interval += alive * BIN
        if age < HOLD:
            continue
        v = (v * (twice - leak - conductance) + 2 * leak * PLAIN["E_L"]) / (twice + leak + conductance)
        alive *= 1 - min(1.0, BIN * 200.0 * float(np.exp(min((v - PLAIN["V_th"]) / 1e-3, 3.0))))
    return interval


@pytest.mark.parametrize(("stays", "within"), [((1,) * 800, 1e-9), (FINE_CLASSES, 0.005)])
@pytest.mark.parametrize("conductance", [1.5e-9, 3e-9, 8e-9])
def test_the_rate_under_a_constant_input_is_the_inverse_interval(
    stays: tuple[int, ...], within: float, conductance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly with one age a step, nearly with fewer."""
    monkeypatch.setattr(refractory_density, "FINE_CLASSES", stays)
    cell = plain(1)
    rates = [float(cell.advance(steep, {"excitatory": torch.tensor([conductance], **LIKE)})) for _ in range(8000)]
    assert np.mean(rates[-1000:]) == pytest.approx(1 / exact_interval(conductance), rel=within)


def test_a_clock_keeps_time_in_coarser_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The course of the rate from a common begin, in `FINE_CLASSES` and with one age a step: in step as long.

    Handing on a share every step, as this circuit did first, gives r = 0.94.
    """
    courses = []
    for stays in (FINE_CLASSES, (1,) * 800):
        monkeypatch.setattr(refractory_density, "FINE_CLASSES", stays)
        cell, given = plain(1), {"excitatory": torch.tensor([3e-9], **LIKE)}
        hazard = lambda distance, change: steep(5 * distance, change)  # noqa: E731
        courses.append(np.array([float(cell.advance(hazard, given)) for _ in range(1000)]))
    assert courses[1][200:400].max() > 2 * courses[1][200:].mean()
    assert np.corrcoef(*(course.reshape(-1, 10).mean(axis=1) for course in courses))[0, 1] > 0.96


def test_coarse_ages_slow_a_regular_cell_by_a_seventh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `COARSE_CLASSES` costs a cell that fires by itself at 15 Hz: between 10 and 20 %, no more."""
    monkeypatch.setattr(refractory_density, "MANY_CELLS", 0)
    cell = plain(1)
    rates = [float(cell.advance(steep, {"excitatory": torch.tensor([1.5e-9], **LIKE)})) for _ in range(5000)]
    assert 0.8 < np.mean(rates[-1000:]) * exact_interval(1.5e-9) < 0.9


def test_classes_hold_the_refractory_steps_apart() -> None:
    assert classes(10, 0) == FINE_CLASSES
    assert classes(10**6, 2) == COARSE_CLASSES
    assert classes(10**6, 5)[:6] == (1,) * 5 + COARSE_CLASSES[2:3]


@pytest.mark.parametrize("population", ["granule", "golgi", "basket"])
def test_known_input_gives_the_single_cells_rates(population: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 cells under Poisson spikes that are all known, their own threshold's hazard in closed form: rate and course.

    Nothing is measured here, so what differs is the step and the classes of age, of granule cells the coarse
    ones. 5 ms bins of some 10^4 spikes.
    """
    monkeypatch.setattr(refractory_density, "MANY_CELLS", 0 if population == "granule" else 1000)
    circuit = load_model("mouse")
    described = circuit.population[population]
    p, rng = described.si(), np.random.default_rng(4)
    receptor = next(name for name, r in described.receptor.items() if r.effect == "excitatory")
    weight = {"granule": 0.23e-9, "golgi": 4e-9, "basket": 0.5e-9}[population]
    tau, steps, cells = described.receptor[receptor].tau.si, 2000, 400
    each = round(BIN / circuit.dt)
    given = {"x": single_cell.Input(receptor, "x", 40.0 if population != "granule" else 4.0, weight, known=True)}
    wave = 12.0 * (1 + np.sin(np.arange(steps)[:, None] * 2 * np.pi / 500)) + np.zeros((1, cells))
    arrivals = single_cell.Arrivals(given, {"x": wave}, circuit.dt, rng)
    fired, _ = single_cell.respond(described, cells, steps * each, circuit.dt, rng, arrivals)
    counted = np.bincount(fired // each, minlength=steps) / (cells * BIN)
    drive = weight * AlphaConductance(sign=1, tau=tau, reversal=0.0).course(arrivals.count["x"] / BIN, BIN)

    def hazard(distance: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
        """Mean over the step of lambda_0 exp(distance / tau_V) along a straight line, as a share of spikes a step."""
        end = (distance / p["tau_V"]).clamp(-30.0, 12.0)
        begin = ((distance - change) / p["tau_V"]).clamp(-30.0, 12.0)
        apart = torch.where((end - begin).abs() < 1e-3, torch.full_like(end, 1e-3), end - begin)
        mean = torch.exp(begin) * torch.expm1(apart) / apart
        return -torch.expm1(-BIN * p["lambda_0"] * mean) / BIN

    receptors = described.receptor_models()
    cell = RefractoryDensity(Membrane("eglif", p, receptors, LIKE), cells)
    expected = np.array([float(cell.advance(hazard, {receptor: torch.as_tensor(g)}).mean()) for g in drive])
    both = [course[200:].reshape(-1, 10).mean(axis=1) for course in (counted, expected)]
    assert both[1].mean() == pytest.approx(both[0].mean(), rel=0.06)
    assert np.corrcoef(*both)[0, 1] > 0.97
