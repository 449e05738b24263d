"""The rate circuit on small circuits: fixed point, delays, lesions, gradients, plasticity, threads."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import fsolve

import cerebellum
from cerebellum.activity.statistics import Activity
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit
from cerebellum.description.plasticity import Plasticity
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.schedule import Events, Schedule, Trial
from cerebellum.rate import measured_transfer
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.network import RateCircuit, given_rates
from cerebellum.rate.plasticity import binned_kernel
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer import DEGREE, SCALE, SPLINES, Transfer, knots
from cerebellum.rate.transfer_table import TransferSurface

LOW, HIGH = (-4.0, -4.0), (4.0, 4.0)
SLOPE, OFFSET = 1.0, np.log(20.0) + 3.0  # of ln rate in the voltage's coordinate: 20 Hz 10 mV below threshold
CELL = {
    "C_m": [100, "pF"], "tau_m": [20, "ms"], "E_L": [-60, "mV"], "V_th": [-45, "mV"], "V_reset": [-65, "mV"],
    "t_ref": [0.2, "ms"], "I_e": [0, "pA"],
}  # fmt: skip
RECEPTORS = {
    "excitatory": {"kind": "alpha", "effect": "excitatory", "tau": [2, "ms"], "reversal": [0, "mV"]},
    "inhibitory": {"kind": "alpha", "effect": "inhibitory", "tau": [5, "ms"], "reversal": [-80, "mV"]},
}


def assumed(table: object) -> object:
    """The table with a source beside every value."""
    if isinstance(table, dict):
        return {key: assumed(value) for key, value in table.items()}
    return [*table, "assumed: a test"] if isinstance(table, list) else table


def small(plasticity: dict[str, object] | None = None) -> Circuit:
    """Mossy fibres excite granule cells, granule cells Golgi cells, Golgi cells inhibit granule cells; and teachers."""
    cells = {"cell": "conductance_lif", "parameters": CELL, "receptor": RECEPTORS}

    def joined(source: str, target: str, receptor: str, weight: float, delay: float) -> dict[str, object]:
        return {
            "from": source, "to": target, "receptor": receptor, "weight": [weight, "nS"], "delay": [delay, "ms"],
            "rule": {"kind": "all_to_all"},
        }  # fmt: skip

    parallel = joined("granule", "purkinje", "excitatory", 0.1, 3)
    if plasticity is not None:
        parallel["plasticity"] = plasticity
    tables = {
        "title": "small", "description": "small", "time_step": [0.1, "ms"], "microzones": [1, "1"],
        "population": {
            "mossy_fiber": {"cell": "source", "count": [10, "1"]},
            "inferior_olive": {"cell": "source", "count": [1, "1"]},
            "granule": {**cells, "count": [6, "1"], "sampled": True},
            "golgi": {**cells, "count": [4, "1"], "sampled": True},
            "purkinje": {**cells, "count": [2, "1"]},
        },
        "projection": {
            "mossy_fiber_to_granule": joined("mossy_fiber", "granule", "excitatory", 0.5, 2),
            "parallel_fiber_to_golgi": joined("granule", "golgi", "excitatory", 0.8, 4),
            "golgi_to_granule": joined("golgi", "granule", "inhibitory", 0.6, 3),
            "parallel_fiber_to_purkinje": parallel,
            "climbing_fiber_to_purkinje": joined("inferior_olive", "purkinje", "excitatory", 0.05, 4),
        },
    }  # fmt: skip
    return Circuit.model_validate(assumed(tables))


def known() -> Transfer:
    """ln rate = OFFSET + SLOPE coordinate exactly: splines whose coefficients are linear in Greville's abscissae."""
    grid = knots(0, LOW, HIGH)
    greville = np.array([grid[i + 1 : i + 1 + DEGREE].mean() for i in range(SPLINES[0])])
    log = np.repeat((OFFSET + SLOPE * greville)[:, None], SPLINES[1], axis=1)
    return Transfer(LOW, HIGH, log, np.zeros(SPLINES), 0.0, 0.0, 1)


def twin(connectome: Connectome, lesion: tuple[str, ...] = (), device: str = "cpu") -> RateCircuit:
    """Its rate circuit with that transfer function for every cell."""
    cells = [n for n, p in connectome.circuit.population.items() if p.cell == "conductance_lif"]
    surfaces = {name: TransferSurface(known(), torch.float64) for name in cells if name not in lesion}
    return RateCircuit(connectome, surfaces, lesion, device, torch.float64)


def run(module: RateCircuit, steps: int, gradients: bool = False) -> list[dict[str, torch.Tensor]]:
    """Rates in every step under mossy fibres at 30 Hz."""
    given = {
        "mossy_fiber": torch.full((10,), 30.0, **module.tensor_options),
        "inferior_olive": torch.zeros(1, **module.tensor_options),
    }
    with torch.set_grad_enabled(gradients):
        state = module.begin()
        return [module(state, given, {}) for _ in range(steps)]


@pytest.fixture(scope="module")
def wired() -> Connectome:
    """The small circuit, drawn."""
    return sample(small(), 1)


def test_the_transfer_surface_is_the_spline() -> None:
    surface = TransferSurface(known(), torch.float64)
    distance = torch.linspace(-0.026, 0.026, 200, dtype=torch.float64)
    expected = torch.exp(OFFSET + SLOPE * torch.asinh(distance / SCALE))
    torch.testing.assert_close(surface(distance, 1e-3 * torch.sin(1e3 * distance)), expected, rtol=1e-9, atol=0)
    rate, error = surface.transfer.rate(distance.numpy(), np.zeros(200))
    np.testing.assert_allclose(rate, expected, rtol=1e-6)
    assert not error.any()
    assert float(surface(torch.tensor([-0.2]).double(), torch.zeros(1).double())) == pytest.approx(
        np.exp(OFFSET + SLOPE * LOW[0]), 1e-3
    )


def test_two_populations_settle_where_their_equations_meet(wired: Connectome) -> None:
    """Solved by hand: mean conductance weight e tau rate, and the mean interval from reset under it, age by age.

    Within 1 %: beyond 8 ms the circuit's classes of age are coarser than a step.
    """

    def rate(excitation: float, inhibition: float) -> float:
        twice, leak, total = 2 * 100e-12 / BIN, 100e-12 / 20e-3, excitation + inhibition
        v, alive, interval = -0.065, 1.0, 0.0
        for _ in range(2000):
            interval += alive * BIN
            v = (v * (twice - leak - total) + 2 * (leak * -0.06 + inhibition * -0.08)) / (twice + leak + total)
            alive *= 1 - min(1.0, BIN * float(np.exp(OFFSET + SLOPE * np.clip(np.arcsinh((v + 0.045) / SCALE), -4, 4))))
        return 1 / interval

    def residual(rates: np.ndarray) -> list[float]:
        granule, golgi = rates
        excited = 10 * 0.5e-9 * math.e * 2e-3 * 30.0
        inhibited = 4 * 0.6e-9 * math.e * 5e-3 * golgi
        driven = 6 * 0.8e-9 * math.e * 2e-3 * granule
        return [granule - rate(excited, inhibited), golgi - rate(driven, 0.0)]

    expected = fsolve(residual, [20.0, 20.0], xtol=1e-10)
    last = run(twin(wired), 1500)[-1]
    found = [float(last[name].mean()) for name in ("granule", "golgi")]
    np.testing.assert_allclose(found, expected, rtol=1e-2)
    assert float(last["granule"].std()) < 1e-12


def test_activity_arrives_after_the_delay(wired: Connectome) -> None:
    """A spike of all mossy fibres moves granule cells 2 ms later, Golgi cells 4 and Purkinje cells 3 ms after them."""
    module = twin(wired)
    still = torch.zeros(10, dtype=torch.float64)
    first: dict[str, int] = {}
    quiet, loud = module.begin(), module.begin()
    none = torch.zeros(1, dtype=torch.float64)
    for step in range(40):
        kick = still + 1e3 if step == 20 else still
        with torch.no_grad():
            a = module(quiet, {"mossy_fiber": still, "inferior_olive": none}, {})
            b = module(loud, {"mossy_fiber": kick, "inferior_olive": none}, {})
        for name in ("granule", "golgi", "purkinje"):
            if name not in first and bool((a[name] != b[name]).any()):
                first[name] = step
    assert {name: (step - 20) * BIN for name, step in first.items()} == {
        "granule": 2e-3,
        "golgi": 6e-3,
        "purkinje": 5e-3,
    }


@pytest.mark.parametrize("name", ["golgi_to_granule", "parallel_fiber_to_golgi"])
def test_a_lesion_is_a_weight_of_zero(wired: Connectome, name: str) -> None:
    cut, silent, whole = twin(wired, (name,)), twin(wired), twin(wired)
    with torch.no_grad():
        silent.gain[name].zero_()
        courses = [run(module, 60) for module in (cut, silent, whole)]
    for a, b in zip(*courses[:2], strict=True):
        for population in a:
            torch.testing.assert_close(a[population], b[population], rtol=0, atol=0)
    assert not torch.equal(courses[0][-1]["granule"], courses[2][-1]["granule"])


def test_a_lesioned_population_is_absent(wired: Connectome) -> None:
    assert "golgi" not in run(twin(wired, ("golgi",)), 5)[-1]


def test_gradients_are_those_of_finite_differences(wired: Connectome) -> None:
    module = twin(wired)
    names = list(module.gain)

    def loss(*gains: torch.Tensor) -> torch.Tensor:
        for name, gain in zip(names, gains, strict=True):
            del module.gain._parameters[name]
            module.gain._parameters[name] = gain  # type: ignore[assignment]
        last = run(module, 25, gradients=True)[-1]
        return torch.cat([last["granule"][:1], last["golgi"][:1], last["purkinje"][:1]])

    given = tuple(torch.tensor(0.8 + 0.1 * i, dtype=torch.float64, requires_grad=True) for i in range(len(names)))
    assert torch.autograd.gradcheck(loss, given, eps=1e-6, atol=1e-4, rtol=1e-3)


def test_tonic_conductance_has_a_gradient(wired: Connectome) -> None:
    module = twin(wired)
    run(module, 20, gradients=True)[-1]["purkinje"].sum().backward()
    assert float(module.tonic["granule"].grad) != 0.0


def test_any_number_of_threads_gives_the_same_rates(wired: Connectome) -> None:
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(run(twin(wired), 60)[-1])
    finally:
        torch.set_num_threads(before)
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=0, atol=0)


@pytest.mark.gpu
def test_cuda_gives_the_rates_of_the_cpu(wired: Connectome) -> None:
    here, there = (run(twin(wired, device=device), 60)[-1] for device in ("cpu", "cuda"))
    for name, rate in here.items():
        torch.testing.assert_close(there[name].cpu(), rate, rtol=1e-9, atol=0)


def test_driven_cells_give_their_spikes() -> None:
    """As rates of 1 / BIN in the step of the spike; two spikes in one step count twice."""
    circuit = small()
    events = {"mossy_fiber": Events(np.array([0, 4, 19, 20]), np.array([3, 3, 1, 2], np.int32))}
    trial = Trial("b", "other", 0.0, 0.003, (0.0, 0.003), False)
    given = given_rates(Schedule([trial], events, 0.003), circuit, {"dtype": torch.float64, "device": "cpu"})
    assert [one is None for one in given["mossy_fiber"]] == [False, True, True, False, False, True]
    module = twin(sample(circuit, 1))
    sources, _ = module.driven(given | {"inferior_olive": [None] * 6}, 0)
    assert sources["mossy_fiber"].tolist() == [0, 0, 0, 2 / BIN, 0, 0, 0, 0, 0, 0]
    assert not sources["inferior_olive"].any()


RULE: dict[str, Any] = {
    "teacher": "climbing_fiber_to_purkinje",
    "kernel": {"kind": "rectangular", "window": [20, "ms"]},
    "potentiation": [0.001, "nS"], "depression": [0.02, "nS"], "w_min": [0, "nS"], "w_max": [1, "nS"],
    "climbing_spikes": [8, "1"],
}  # fmt: skip


def test_the_binned_kernel_keeps_the_area() -> None:
    from pydantic import TypeAdapter

    for kernel in (RULE["kernel"], {"kind": "alpha", "peak": [20, "ms"], "window": [80, "ms"]}, {"kind": "sin_exp"}):
        rule = TypeAdapter(Plasticity).validate_python(assumed({**RULE, "kernel": kernel}))
        values, first = binned_kernel(rule)
        assert values.sum() * BIN == pytest.approx(rule.timing.area, rel=2e-3)
        assert first in (0, 1) or kernel["kind"] == "sin_exp"  # type: ignore[index]


@pytest.mark.parametrize("olive", [0.0, 2.0])
def test_weights_drift_as_the_rule_expects(olive: float) -> None:
    """dw/dt = r_pf (potentiation - depression r_cf area of K), the rule's expectation for Poisson spikes."""
    connectome = sample(small(RULE), 1)
    module, rule = twin(connectome), small(RULE).projection["parallel_fiber_to_purkinje"].plasticity
    assert rule is not None
    given = {"mossy_fiber": torch.full((10,), 30.0, dtype=torch.float64)}
    given["inferior_olive"] = torch.full((1,), olive, dtype=torch.float64)
    with torch.no_grad():
        state = module.begin([(0.3, 0.6)])
        for _ in range(round(0.7 / BIN)):
            rates = module(state, given, {})
    name = "parallel_fiber_to_purkinje"
    change = (state.plastic[name].weight - module.weight[name]).detach()
    rate = float(rates["granule"].mean())
    expected = 0.3 * rate * rule.drift(olive)
    assert float(change.mean()) == pytest.approx(expected, rel=5e-3)


def test_weights_stay_without_plasticity_and_between_their_bounds() -> None:
    connectome = sample(small({**RULE, "depression": [5, "nS"]}), 1)
    module = twin(connectome)
    given = {"mossy_fiber": torch.full((10,), 60.0, dtype=torch.float64)}
    given["inferior_olive"] = torch.full((1,), 20.0, dtype=torch.float64)
    with torch.no_grad():
        still, moving = module.begin(), module.begin([(0.0, 1.0)])
        for _ in range(300):
            module(still, given, {})
            module(moving, given, {})
    name = "parallel_fiber_to_purkinje"
    assert torch.equal(still.plastic[name].weight, module.weight[name])
    assert float(moving.plastic[name].weight.max()) == 0.0


def test_a_cell_without_conductances_is_refused() -> None:
    from cerebellum.errors import ArgumentError

    with pytest.raises(ArgumentError, match="eglif or eglif_multirec or conductance_lif"):
        Membrane("lif", {}, {}, {"dtype": torch.float64, "device": "cpu"})


SHORT = {f"block.rest.{key}": "120" for key in ("trial_duration", "stimulus.background.duration")}
SHORT |= {"block.rest.stimulus.climbing.duration": "120", "block.rest.window.duration": "60", "scale": "0.1"}
SHORT["block.rest.window.onset"] = "60"


@pytest.fixture
def _no_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The known transfer function for every cell."""
    found = known()
    monkeypatch.setattr(measured_transfer, "of", lambda *_: found)


@pytest.mark.usefixtures("_no_measuring")
def test_a_run_of_the_rate_engine_alone_has_the_spiking_engines_words(tmp_path: Path) -> None:
    out = tmp_path / "run"
    result = cerebellum.run("background", "mouse", "rate", settings={**SHORT, "lesion": '["golgi"]'}, out=out)
    assert {path.name for path in out.iterdir()} == {
        "run.json",
        "summary.json",
        "rates.npz",
        "trials.csv",
        "report.html",
        "figures",
    }
    assert (out / "figures" / "rates.png").is_file()
    saved = cerebellum.open_run(out)
    assert saved.spikes == {}
    rates = saved.rates
    assert "golgi" not in rates or not rates["golgi"].mean.any()
    for name, found in saved.summary["rates"].items():
        assert found["mean_hz"] == pytest.approx(float(rates[name].mean.mean()), rel=1e-5)
        assert set(found["window"]) == {field.name for field in fields(Activity)}
    assert result.summary["rates"]["granule"]["mean_hz"] > 0


@pytest.mark.usefixtures("_no_measuring")
def test_injected_currents_are_refused() -> None:
    with pytest.raises(ProtocolFileError, match="cannot inject currents"):
        cerebellum.run("current_steps", "mouse", "rate", settings={"scale": "0.1"})
