"""What has to be written more than once says the same: a cell's text, its numpy reference, its rate form."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.cells import MODELS, ConductanceReceptor, formula
from cerebellum.cells.alpha import AlphaConductance
from cerebellum.cells.conductances import Conductances
from cerebellum.description.circuit import load_model
from cerebellum.typing import Floats

DT, STEPS = 1e-4, 400
CELLS = {"eglif": "mouse", "conductance_lif": "mouse_lif"}
NUMPY = SimpleNamespace(addcmul=lambda a, b, c: a + b * c, maximum=np.maximum, broadcast_to=np.broadcast_to)


def golgi(cell: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Parameters and receptors of the mouse's Golgi cells, without the current that would bring them to threshold."""
    described = load_model(CELLS[cell]).population["golgi"]
    return {**described.si(), "I_e": 0.0}, described.receptor_models()


def by_text(cell: str, open_at: Floats) -> Floats:
    """Voltage (V) in every step by the spiking engine's text on numpy, `open_at` (S) held in every g at its begin."""
    parameters, receptors = golgi(cell)
    model = MODELS[cell]
    assert model.equations is not None
    assert model.update is not None
    assert model.constants is not None
    states = [line.split(" :")[0] for line in model.equations(receptors).splitlines()]
    names: dict[str, Any] = {state: np.zeros(1) for state in states}
    names |= model.constants(parameters, receptors, DT)
    names |= {"int": lambda true: np.asarray(true, dtype=float), "H": np.full(1, 60.0)}
    names["v"] = np.full(1, parameters["E_L"])
    lines, course = model.update(receptors, "").splitlines(), []
    for conductance in open_at:
        for name in receptors:
            names[f"g_{name}"], names[f"h_{name}"] = np.full(1, conductance), np.zeros(1)
        formula.run(lines, names)
        course.append(float(names["v"][0]))
    return np.array(course)


def by_form(cell: str, open_at: Floats, torched: bool) -> Floats:
    """The same by the rate form with the spiking engine's step, given the mean conductances of the text."""
    parameters, receptors = golgi(cell)
    model, dtype = MODELS[cell], torch.float64
    assert model.constants is not None
    assert model.rate_form is not None
    form, numbers = model.rate_form, {**parameters, **model.constants(parameters, {}, DT)}
    ops: Any = torch if torched else NUMPY
    n = {key: torch.as_tensor(one, dtype=dtype) if torched else np.asarray(one) for key, one in numbers.items()}
    zero = torch.zeros(1, dtype=dtype) if torched else np.zeros(1)
    v, slow, course = n["E_L"] + zero, (zero,) * form.slow, []
    for conductance in open_at:
        total, drive = zero, n["drive"]
        for name, receptor in receptors.items():
            c = receptor.constants(name, DT)[f"mean_g_{name}"] * conductance + receptor.tonic
            total, drive = total + c, drive + 2 * receptor.reversal * c
        moved = form.advance(n, v, slow, drive, total, ops)
        v, slow = moved, form.advance_slow(n, slow, v, moved)
        course.append(float(v[0]))
    return np.array(course)


@pytest.mark.parametrize("torched", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_the_rate_form_and_the_spiking_text_take_the_same_step(cell: str, torched: bool) -> None:
    """40 ms of a cell that does not spike, under receptors that open and close: to rounding."""
    open_at = 0.3e-9 * (1 + np.sin(np.arange(STEPS) / 20))
    text, form = by_text(cell, open_at), by_form(cell, open_at, torched)
    assert np.ptp(text) > 1e-3
    np.testing.assert_allclose(form, text, rtol=1e-9)


def test_the_reference_of_the_plain_cell_takes_that_step_too() -> None:
    """Here without receptors, but with a current that is neither's own."""
    parameters = golgi("conductance_lif")[0]
    model = MODELS["conductance_lif"]
    assert model.update is not None
    assert model.constants is not None
    from cerebellum.cells import conductance_lif

    current = 20e-12 * np.sin(np.arange(STEPS) / 30)
    names: dict[str, Any] = {**model.constants(parameters, {}, DT), "held": np.zeros(1), "v": np.full(1, -65e-3)}
    names["int"] = lambda true: np.asarray(true, dtype=float)
    course, spikes = conductance_lif.trace(parameters, {}, np.full(1, -65e-3), current[:, None], DT)
    assert not spikes.any()
    for step, now in enumerate(current):
        names["stimulus"] = now
        formula.run(model.update({}, "stimulus").splitlines(), names)
        assert float(names["v"][0]) == pytest.approx(course[step, 0], rel=1e-12)


@given(tau=st.floats(2e-4, 5e-2), seed=st.integers(0, 99))
def test_an_alpha_conductances_course_is_its_steps_one_after_another(tau: float, seed: int) -> None:
    """The filters of the whole course against the recursion, in numpy and in torch."""
    alpha, rng = AlphaConductance(sign=1, tau=tau, reversal=0.0), np.random.default_rng(seed)
    rate = rng.exponential(size=(60, 3)) * (rng.random((60, 3)) < 0.3)
    whole, stepped = alpha.course(rate, 5e-4), ConductanceReceptor.course(alpha, rate, 5e-4)
    np.testing.assert_allclose(whole, stepped, rtol=1e-9, atol=1e-12)
    state, torched = alpha.begin(torch.zeros(3, dtype=torch.float64)), []
    for now in torch.as_tensor(rate):
        state, mean = alpha.advance(state, now, 5e-4)
        torched.append(mean.numpy())
    np.testing.assert_allclose(torched, stepped, rtol=1e-12, atol=1e-15)


@given(tau=st.floats(5e-4, 5e-2))
def test_an_alpha_conductances_text_is_its_recursion_without_arrivals(tau: float) -> None:
    """After one spike at a step's end the text's means are those of the recursion from the same state."""
    alpha = AlphaConductance(sign=1, tau=tau, reversal=0.0)
    text = Conductances({"x": alpha}, 1, DT)
    text.arrive("x", np.array([0]), np.array([1.0]))
    state, none = (np.zeros(1), np.full(1, math.e / tau)), np.zeros(1)
    for _ in range(50):
        state, mean = alpha.advance(state, none, DT)
        assert float(text.advance(none)[0][0]) == pytest.approx(float(mean[0]), rel=1e-7)


def test_a_formula_calls_no_more_than_its_functions() -> None:
    assert formula.evaluate("exp(x) + clip(y, 0, 1)", {"x": 0.0, "y": 3.0}) == 2.0
    assert float(formula.evaluate("exp(x)", {"x": torch.zeros(1)}, torch)) == 1.0
    with pytest.raises(NameError):
        formula.evaluate("open('x')", {})
