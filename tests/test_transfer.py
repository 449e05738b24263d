"""Transfer functions: the experiment's parts, the regression, closed forms and published rates, the cache."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from cerebellum.cells import lif
from cerebellum.cells.alpha import AlphaConductance
from cerebellum.connectome import weights
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import load_model
from cerebellum.rate import mean_cell, measured_transfer, single_cell, transfer
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.refractory_density import RefractoryDensity
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer import SCALE, Transfer, coordinate
from cerebellum.rate.transfer_table import TransferSurface

FULL = transfer.CELLS, transfer.DURATION
EACH = round(BIN / 1e-4)  # time steps of the mouse model in one of the rate circuit


@pytest.fixture(autouse=True)
def _small_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the cells, half the time."""
    monkeypatch.setattr(transfer, "CELLS", 200)
    monkeypatch.setattr(transfer, "DURATION", 2.0)


@pytest.fixture(scope="module")
def mouse() -> Connectome:
    """The awake mouse circuit, a tenth of its volume: inputs of a mean cell are rounded, so scale plays no part."""
    return sample(load_model("mouse", {"scale": "0.1"}), 1)


def twin(
    connectome: Connectome, population: str, found: Transfer, cells: int = 1
) -> tuple[RefractoryDensity, TransferSurface]:
    """Cells of a population at their begin, and their transfer function."""
    described = connectome.circuit.population[population]
    receptors = described.receptor_models()
    tensor_options = {"dtype": torch.float64, "device": "cpu"}
    return RefractoryDensity(
        Membrane(described.cell, described.si(), receptors, tensor_options), cells
    ), TransferSurface(found, torch.float64)


def resting_rate(connectome: Connectome, population: str, found: Transfer) -> float:
    """Rate (Hz) of a cell without input, 2 s after its begin."""
    cell, surface = twin(connectome, population, found)
    return float(np.mean([float(cell.advance(surface, {})) for _ in range(4000)][3000:]))


# cerebellar-models 4.2, tests/test_cell_models.py
@pytest.mark.parametrize(("population", "published"), [("nuclear", 61.78), ("nucleo_olivary", 14.1)])
def test_a_cell_without_input_fires_at_its_published_rate(mouse: Connectome, population: str, published: float) -> None:
    """Within 8 %: 300 s of cells at every drive are a few hundred spikes near rest."""
    found = measured_transfer.of(mouse, population)
    assert resting_rate(mouse, population, found) == pytest.approx(published, rel=0.08)


def test_a_plain_cell_without_input_fires_at_the_closed_form() -> None:
    """Within 12 %: the plain cell has no noise, and its jumps near threshold are smoothed over some steps."""
    plain = sample(load_model("mouse_lif", {"scale": "0.1"}), 1)
    found = measured_transfer.of(plain, "nuclear")
    closed = float(lif.rate(plain.circuit.population["nuclear"].si(), 0.0))
    assert resting_rate(plain, "nuclear", found) == pytest.approx(closed, rel=0.12)


def test_the_regression_finds_a_known_rate() -> None:
    """Spikes drawn from a rate linear in both coordinates: found within five standard errors, or 5 %."""
    rng = np.random.default_rng(3)
    distance, change = rng.normal(-5e-3, 5e-3, (400, 3000)), rng.normal(0.0, 1e-3, (400, 3000))

    def rate(v: np.ndarray, dv: np.ndarray) -> np.ndarray:
        return np.exp(4 + 0.6 * np.arcsinh(v / SCALE) + 0.5 * np.arcsinh(dv / SCALE))

    spikes = rng.poisson(rate(distance, change) * BIN).astype(float)
    fired, exposure, low, high = transfer._histogram((coordinate(distance), coordinate(change)), spikes)
    assert fired.sum() == spikes.sum()
    assert exposure.sum() == pytest.approx(400 * 3000 * BIN)
    coefficients, covariance = transfer._regress(fired, exposure, low, high)
    error = transfer._error(covariance, low, high)
    found = Transfer(low, high, coefficients, error, 0.0, 0.0, int(fired.sum()))
    v, dv = np.meshgrid(np.linspace(-0.013, 0.003, 9), np.linspace(-1.5e-3, 1.5e-3, 7))
    measured, error = found.rate(v.ravel(), dv.ravel())
    truth = rate(v.ravel(), dv.ravel())
    assert (np.abs(measured - truth) < np.maximum(5 * error, 0.05 * truth)).all()
    surface = TransferSurface(found, torch.float64)(torch.as_tensor(v.ravel()), torch.as_tensor(dv.ravel()))
    np.testing.assert_allclose(surface.numpy(), measured, rtol=2e-3)  # its table is linear between points


@pytest.mark.parametrize("population", ["purkinje", "nucleo_olivary"])
def test_cells_that_begin_together_stay_together_for_as_long(mouse: Connectome, population: str) -> None:
    """The course of the mean rate over 0.3 s from a common begin, 2,000 single cells against one expectation.

    Cells fire in step at first, which a rate that forgets the last spike cannot show. Counting error of bins of 2 ms
    leaves a correlation of 0.99.
    """
    described = mouse.circuit.population[population]
    steps = round(0.3 / BIN)
    fired, _ = single_cell.respond(described, 2000, steps * EACH, mouse.circuit.dt, np.random.default_rng(2))
    counted = np.bincount(fired // EACH, minlength=steps) / (2000 * BIN)
    cell, surface = twin(mouse, population, measured_transfer.of(mouse, population))
    expected = np.array([float(cell.advance(surface, {})) for _ in range(steps)])
    both = [course.reshape(-1, 4).mean(axis=1) for course in (counted, expected)]
    assert both[0].max() > 2 * both[0].mean() > 0
    assert np.corrcoef(*both)[0, 1] > 0.9
    assert expected.mean() == pytest.approx(counted.mean(), rel=0.1)


def test_conductance_in_bins_is_the_integral_of_the_alpha_function() -> None:
    """Spikes spread evenly over the first bin: the mean over them of the alpha function, by quadrature."""
    tau, rate = 5.8e-3, np.zeros((400, 1))
    rate[0] = 1 / BIN
    found = AlphaConductance(sign=1, tau=tau, reversal=0.0).course(rate, BIN)[:, 0]
    assert found.sum() * BIN == pytest.approx(math.e * tau, rel=1e-9)
    within = (np.arange(200) + 0.5) / 200 * BIN
    for number in (0, 1, 5, 30):
        lag = number * BIN + within[:, None] - within[None, :]
        exact = np.where(lag > 0, lag / tau * np.exp(1 - lag / tau), 0.0).mean()
        assert found[number] == pytest.approx(exact, rel=2e-3)


def test_the_wandering_rate_keeps_its_mean() -> None:
    rates = single_cell.ornstein_uhlenbeck(3000, 400, np.random.default_rng(0))
    assert (rates > 0).all()
    mean = np.exp(np.log(rates).mean())
    middle = np.sqrt(single_cell.SLOWEST_RATE * single_cell.FASTEST_RATE)
    # exp(-sigma^2 / 2) averaged over sigma evenly from 0 to 1.2: ln is -0.24
    assert np.log(mean) == pytest.approx(np.log(middle) - 0.24, abs=0.1)


def test_spikes_are_known_of_what_the_protocol_drives(mouse: Connectome) -> None:
    found = {name: mean_cell.inputs(mouse, name) for name in mouse.circuit.population}
    names = {name for given in found.values() for name in given if name}
    assert names == {name for name, p in mouse.circuit.projection.items() if p.receptor}
    assert found["granule"]["glomerulus_to_granule"].known
    assert not found["granule"]["golgi_to_granule"].known
    assert found["purkinje"]["climbing_fiber_to_purkinje"].known
    assert {name: given[""].known for name, given in found.items() if "" in given} == {"inferior_olive": True}
    drawn = {key: one for name in mouse.circuit.population for key, one in mean_cell.inputs(mouse, name, True).items()}
    assert {one.source for one in drawn.values() if not one.known} == {"purkinje", "nucleo_olivary"}


def test_a_climbing_fiber_spike_brings_spikes_and_then_a_pause(mouse: Connectome) -> None:
    """One spike of 800 nS onto Purkinje cells at rest: burst and pause of 1,000 single cells and of the expectation.

    The spikes it adds within 10 ms agree to half of one, the courses after it but for the spikes' own chance.
    """
    described, steps, at, ms = (
        mouse.circuit.population["purkinje"],
        round(0.4 / BIN),
        round(0.3 / BIN),
        round(1e-3 / BIN),
    )
    weight = {at * EACH - 1: [("climbing", np.arange(1000), np.full(1000, 800e-9))]}
    fired, _ = single_cell.respond(described, 1000, steps * EACH, mouse.circuit.dt, np.random.default_rng(2), weight)
    counted = np.bincount(fired // EACH, minlength=steps) / (1000 * BIN)
    cell, surface = twin(mouse, "purkinje", measured_transfer.of(mouse, "purkinje"))
    kick = np.zeros(steps)
    kick[at] = 1 / BIN
    drive = 800e-9 * described.receptor_models()["climbing"].course(kick, BIN)
    expected = np.array([float(cell.advance(surface, {"climbing": torch.tensor([g]).double()})) for g in drive])
    for course in (counted, expected):
        rest = course[at - 100 * ms : at].mean()
        assert course[at : at + 10 * ms].sum() * BIN > 1.5
        assert course[at + 10 * ms : at + 30 * ms].reshape(-1, ms).mean(axis=1).min() < 0.6 * rest
    assert expected[at : at + 10 * ms].sum() * BIN == pytest.approx(counted[at : at + 10 * ms].sum() * BIN, abs=0.5)
    after = [course[at : at + 60 * ms].reshape(-1, ms).mean(axis=1) for course in (counted, expected)]
    assert np.corrcoef(*after)[0, 1] > 0.85  # a small experiment


def test_the_second_time_comes_from_the_cache(
    mouse: Connectome, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CEREBELLUM_CACHE", str(tmp_path))
    monkeypatch.setattr(transfer, "CELLS", 20)
    monkeypatch.setattr(transfer, "DURATION", 0.8)
    first = measured_transfer.of(mouse, "nucleo_olivary")
    monkeypatch.setattr(single_cell, "experiment", None)
    again = measured_transfer.of(mouse, "nucleo_olivary")
    np.testing.assert_array_equal(first.coefficients, again.coefficients)
    assert (first.low, first.misfit, first.spikes) == (again.low, again.misfit, again.spikes)
    other = sample(load_model("mouse", {"scale": "0.1", "population.nucleo_olivary.parameters.I_e": "3"}), 1)
    with pytest.raises(TypeError):
        measured_transfer.of(other, "nucleo_olivary")


def shipped(connectome: Connectome, population: str) -> Transfer:
    """The table in the package of this cell; the autouse fixture's small experiment has another hash."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transfer, "CELLS", FULL[0])
        patch.setattr(transfer, "DURATION", FULL[1])
        patch.setattr(transfer, "measure", None)
        return measured_transfer.of(connectome, population)


def as_described(settings: dict[str, str] | None = None) -> Connectome:
    """The mouse circuit at its own size, without its synapses."""
    circuit = load_model("mouse", settings)
    return Connectome(circuit, 0, {}, {}, {}, weight=weights.solve(circuit).weight)


def test_a_shipped_table_is_a_fresh_measurement() -> None:
    """Of a tenth of the cells for half the time: where either knows the rate to 20 %, within five standard errors.

    The same table a millivolt beside its place fails.
    """
    mouse = as_described()
    kept, fresh = shipped(mouse, "nucleo_olivary"), measured_transfer.of(mouse, "nucleo_olivary")
    assert kept.spikes > 10 * fresh.spikes > 10_000
    v, dv = (x.ravel() for x in np.meshgrid(np.linspace(-0.012, -0.001, 23), np.linspace(-1e-4, 4e-4, 11)))
    (rate, error), (own, own_error) = kept.rate(v, dv), fresh.rate(v, dv)
    relative = np.hypot(error / rate, own_error / own)
    known = relative < 0.2
    assert known.sum() > 40
    assert (np.abs(np.log(rate / own)) < 5 * relative)[known].all()
    assert not (np.abs(np.log(kept.rate(v + 1e-3, dv)[0] / own)) < 5 * relative)[known].all()


def test_a_cell_that_differs_is_measured_again() -> None:
    """Not what the package has: here that fails, as there is nothing to measure with."""
    assert shipped(as_described(), "nucleo_olivary").spikes > 0
    for key, value in (("population.nucleo_olivary.parameters.I_e", "3"), ("time_step", "0.05")):
        with pytest.raises(TypeError):
            shipped(as_described({key: value}), "nucleo_olivary")


def test_comments_and_layout_leave_the_hash_and_code_does_not(tmp_path: Path) -> None:
    texts = {
        "plain": "def f(x):\n    return x + 1\n",
        "said": '"""Module."""\n\n\ndef f(x):  # why\n    """What."""\n    # how\n    return (\n        x + 1\n    )\n',
        "other": "def f(x):\n    return x + 2\n",
    }
    found = {}
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
        found[name] = measured_transfer.meaning(tmp_path / f"{name}.py")
    assert found["said"].replace("(x+1)", "x+1") == found["plain"] != found["other"]


def test_shipped_tables_are_small_and_say_where_they_come_from() -> None:
    paths = [*measured_transfer.SHIPPED.glob("*.json")]
    tables = {json.dumps(json.loads(path.read_text())["transfer"]["coefficients"]) for path in paths}
    assert len(tables) == len(paths), "one measurement stands for two cells"
    for path in paths:
        assert path.stat().st_size < 200_000
        where = json.loads(path.read_text())["provenance"]
        assert where["hash"] == path.stem
        assert {"population", "cell", "parameters", "inputs", "version", "command", "seconds"} <= set(where)
        assert measured_transfer.read(path) is not None


def test_what_is_shipped_is_what_shipped_models_want(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else code or numbers have changed, and cells that have a table are measured again by every user."""
    monkeypatch.setattr(transfer, "CELLS", FULL[0])
    monkeypatch.setattr(transfer, "DURATION", FULL[1])
    assert {path.stem for path in measured_transfer.SHIPPED.glob("*.json")} == measured_transfer.wanted().keys()


def test_a_damaged_table_is_as_good_as_none(tmp_path: Path) -> None:
    for text in ("", "{}", '{"transfer": {"low": [0, 0]}}', "no JSON"):
        (tmp_path / "table").write_text(text)
        assert measured_transfer.read(tmp_path / "table") is None
