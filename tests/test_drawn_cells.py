"""Drawn cells and circuits of them: closed forms, against expectations, the same draws again, weights of each draw."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from test_ages import HOLD, LIKE, PLAIN, RECEPTORS, steep
from test_rate_circuit import RULE, known, small

import cerebellum
from cerebellum.activity.rates import STEP
from cerebellum.connectome.connectome import sample
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import ArgumentError, ResourceError
from cerebellum.rate import engine as rate_engine
from cerebellum.rate import measured_transfer, recording
from cerebellum.rate.engine import RateOptions
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.network import RateCircuit
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.refractory_density import COARSE_CLASSES, FINE_CLASSES, MANY_CELLS, RefractoryDensity
from cerebellum.rate.sampled_cells import SampledCells
from cerebellum.rate.synapses import Fan, TsodyksMarkram
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer_table import TransferSurface
from cerebellum.simulation import memory

PLASTIC = "parallel_fiber_to_purkinje"


def plain(cells: int, draws: int, seed: int = 1) -> SampledCells:
    """Plain cells at rest."""
    return SampledCells(Membrane("conductance_lif", PLAIN, RECEPTORS, LIKE), cells, draws, seed)


@pytest.mark.parametrize("hazard", [5.0, 100.0, 900.0])
def test_a_constant_hazard_gives_the_closed_rate(hazard: float) -> None:
    """Mean interval: the steps held at reset and 1 / hazard; four standard errors of a renewal process at most."""
    cells, total, steps = plain(500, 4), 0.0, 3000
    for _ in range(steps):
        total += float(cells.advance(lambda distance, _: torch.full_like(distance, hazard), {}).mean())
    expected = 1 / (HOLD * BIN + 1 / hazard)
    spikes = expected * steps * BIN * 2000
    assert total / steps == pytest.approx(expected, rel=4 / np.sqrt(spikes) + 1e-3)  # 1e-3: the first interval


def test_the_mean_over_draws_is_the_expectation() -> None:
    """4,000 drawn cells and one expected cell under the same wandering conductance: course in bins of 5 ms."""
    rng = np.random.default_rng(3)
    course = 3e-9 * np.exp(np.convolve(rng.standard_normal(1200), np.exp(-np.arange(60) / 20), "same") / 4)
    drawn, expected = plain(1000, 4), RefractoryDensity(Membrane("conductance_lif", PLAIN, RECEPTORS, LIKE), 1)
    both = []
    for cells in (drawn, expected):
        rates = [float(cells.advance(steep, {"excitatory": torch.tensor([g], **LIKE)}).mean()) for g in course]
        both.append(np.reshape(rates, (-1, 10)).mean(axis=1)[20:])
    assert both[0].mean() == pytest.approx(both[1].mean(), rel=0.02)  # some 10^5 spikes; ages beyond 8 ms are classes
    assert np.corrcoef(*both)[0, 1] > 0.98


@pytest.mark.parametrize(("population", "conductance"), [("golgi", 2e-9), ("basket", 1e-9)])
def test_drawn_cells_with_adaptation_fire_as_expected_ones(population: str, conductance: float) -> None:
    """Mean rate of 2,000 drawn E-GLIF cells under a constant conductance: within 3 %, classes of age cost up to 2."""
    described = load_model("mouse").population[population]
    receptors = described.receptor_models()
    excitatory = next(name for name, receptor in described.receptor.items() if receptor.effect == "excitatory")
    membrane, given = (
        Membrane("eglif", described.si(), receptors, LIKE),
        {excitatory: torch.tensor([conductance], **LIKE)},
    )
    means = []
    for cells in (SampledCells(membrane, 500, 4, 1), RefractoryDensity(membrane, 1)):
        rates = [float(cells.advance(steep, given).mean()) for _ in range(2000)]
        means.append(np.mean(rates[1000:]))
    assert means[0] == pytest.approx(means[1], rel=0.03)
    assert means[1] > 5


def circuit(draws: int, plasticity: dict[str, object] | None = None) -> RateCircuit:
    """The small circuit of `test_rate_circuit`, drawn or expected."""
    connectome = sample(small(plasticity), 1)
    cells = [n for n, p in connectome.circuit.population.items() if p.cell == "conductance_lif"]
    surfaces = {name: TransferSurface(known(), torch.float64) for name in cells}
    return RateCircuit(connectome, surfaces, dtype=torch.float64, draws=draws)


def run(
    module: RateCircuit, steps: int, seed: int = 0, spans: tuple[tuple[float, float], ...] = ()
) -> tuple[list[dict[str, torch.Tensor]], Any]:
    """Rates in every step under mossy fibres at 30 Hz and an olive at 2 Hz, and the state after them."""
    given = {"mossy_fiber": torch.full((10,), 30.0, **LIKE), "inferior_olive": torch.full((1,), 2.0, **LIKE)}
    with torch.no_grad():
        state = module.begin(spans, seed)
        return [module(state, given, {}) for _ in range(steps)], state


def test_spikes_are_whole_and_purkinje_cells_expected() -> None:
    last = run(circuit(3), 60)[0][-1]
    assert {name: tuple(rate.shape) for name, rate in last.items()} == {
        "mossy_fiber": (10,), "inferior_olive": (1,), "granule": (3, 6), "golgi": (3, 4), "purkinje": (3, 2),
    }  # fmt: skip
    spikes = torch.cat([rates["granule"] for rates in run(circuit(3), 60)[0]])
    assert set(spikes.unique().tolist()) == {0.0, 1 / BIN}
    assert 0 < float(last["purkinje"].max()) < 1 / BIN


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (run(circuit(2), 80, seed)[0] for seed in (5, 5, 6))
    for population in ("granule", "golgi", "purkinje"):
        a, b, c = (torch.stack([rates[population] for rates in course]) for course in (first, again, other))
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
        assert not torch.equal(a[:, 0], a[:, 1])


def test_a_drawn_circuit_has_no_gradients() -> None:
    assert not any(p.requires_grad for p in circuit(1).parameters())
    assert all(p.requires_grad for p in circuit(0).parameters())


def test_a_fan_takes_realizations_side_by_side() -> None:
    connectome = sample(small(), 1)
    fan = Fan(connectome, ["parallel_fiber_to_golgi", "parallel_fiber_to_purkinje"], torch.float64, torch.device("cpu"))
    rate = torch.rand(3, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for name, arriving in fan(rate).items():
        torch.testing.assert_close(arriving, torch.stack([fan(one)[name] for one in rate]))


def test_weights_of_each_realization_follow_its_own_spikes() -> None:
    """The drift of many realizations is the expectation's; each has weights of its own."""
    span, name = ((0.1, 0.35),), PLASTIC
    drawn, expected = (run(circuit(draws, RULE), 900, 0, span) for draws in (24, 0))
    weights = drawn[1].plastic[name].weight
    assert tuple(weights.shape) == (24, 12)
    assert not torch.equal(weights[0], weights[1])
    begun = float(circuit(0, RULE).weight[name].detach()[0])
    changes = [float(state.plastic[name].weight.mean()) - begun for _, state in (drawn, expected)]
    spread = float(weights.mean(dim=1).std()) / np.sqrt(24)
    rates = [
        float(torch.stack([r["granule"].mean() for r in courses[250:]]).mean()) for courses, _ in (drawn, expected)
    ]
    assert changes[0] == pytest.approx(changes[1] * rates[0] / rates[1], abs=4 * spread)


def test_driven_cells_reach_the_weights_of_each_realization() -> None:
    """Rates without realizations times weights with them, and the other way round, as each realization by itself."""
    module = circuit(2, RULE)
    synapses = run(module, 5)[1].plastic[PLASTIC]
    several = torch.stack([synapses.sorted, 2 * synapses.sorted])
    rate = torch.arange(6.0, **LIKE)
    single = synapses.transmit(rate)
    torch.testing.assert_close(synapses.transmit(torch.stack([rate, 3 * rate])), torch.stack([single, 3 * single]))
    synapses.sorted = several
    torch.testing.assert_close(synapses.transmit(rate), torch.stack([single, 2 * single]))


def test_each_realization_learns_by_itself() -> None:
    """Two realizations side by side change their weights as each alone does."""
    generator = torch.Generator().manual_seed(2)
    active, taught = (torch.rand(400, 2, n, generator=generator, dtype=torch.float64) * 60 for n in (6, 2))
    state = run(circuit(0, RULE), 0, 0, ((0.0, 1.0),))[1]
    together, *alone = (
        PlasticSynapses(state.circuit.connectome, PLASTIC, state.circuit.weight[PLASTIC].detach(), [(0.0, 1.0)], LIKE)
        for _ in range(3)
    )
    for step in range(400):
        together.learn(step, active[step], taught[step])
        for draw, synapses in enumerate(alone):
            synapses.learn(step, active[step, draw], taught[step, draw])
    torch.testing.assert_close(together.weight, torch.stack([one.weight for one in alone]), rtol=1e-12, atol=0)
    assert not torch.equal(*together.weight)


def test_each_realization_releases_by_itself() -> None:
    short = load_model("mouse_stp").projection["parallel_fiber_to_purkinje"].short_term
    assert short is not None
    rates = torch.rand(200, 2, 5, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 100
    together, *alone = (TsodyksMarkram(short.si, 5, LIKE) for _ in range(3))
    for rate in rates:
        torch.testing.assert_close(together(rate), torch.stack([one(r) for one, r in zip(alone, rate, strict=True)]))


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_draws_the_same_twice(dtype: torch.dtype) -> None:
    connectome = sample(small(RULE), 1)
    cells = [n for n, p in connectome.circuit.population.items() if p.cell == "conductance_lif"]
    found = []
    for _ in range(2):
        surfaces = {name: TransferSurface(known(), dtype) for name in cells}
        module = RateCircuit(connectome, surfaces, (), "cuda", dtype, draws=3)
        given = {
            "mossy_fiber": torch.full((10,), 30.0, **module.tensor_options),
            "inferior_olive": torch.ones(1, **module.tensor_options),
        }
        with torch.no_grad():
            state = module.begin([(0.0, 0.1)], 4)
            for _ in range(200):
                last = module(state, given, {})
        found.append(torch.cat([last[name] for name in ("granule", "golgi", "purkinje")], dim=1).cpu())
    assert bool(torch.isfinite(found[0]).all())
    assert found[0].shape == (3, 12)
    assert torch.equal(*found)


@pytest.mark.parametrize("steps", [6, 7])
def test_rates_are_kept_by_the_millisecond(steps: int) -> None:
    """Two steps of the circuit in one of the record, and the last alone where their number is odd."""
    keeper = recording.Keeper(small(), "golgi", steps)
    values = np.arange(steps * 4.0).reshape(steps, 4)
    for step in range(steps):
        keeper.add(step, values[step])
    kept = keeper.rates()
    pairs = [values[step : step + 2].mean(axis=0) for step in range(0, steps, 2)]
    np.testing.assert_allclose(kept.cells, pairs)
    np.testing.assert_allclose(kept.mean, np.mean(pairs, axis=1))
    assert kept.width == STEP


SHORT = {f"block.rest.{key}": "120" for key in ("trial_duration", "stimulus.background.duration")}
SHORT |= {"block.rest.stimulus.climbing.duration": "120", "block.rest.window.duration": "60", "scale": "0.1"}
SHORT["block.rest.window.onset"] = "60"


def test_a_run_averages_its_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs of one seed all is equal; its rates are means of so many whole spikes; the record says so."""
    found = known()
    monkeypatch.setattr(measured_transfer, "of", lambda *_: found)
    monkeypatch.setattr(recording, "KEPT", 10**8)
    one, again = (cerebellum.run("background", "mouse", "rate", settings=SHORT, draws=2) for _ in range(2))
    assert one.provenance["engines"]["rate"]["draws"] == 2
    for name in ("granule", "golgi", "basket", "stellate"):
        np.testing.assert_array_equal(one.rates[name].cells, again.rates[name].cells)
        spikes = one.rates[name].cells * 1e-3 * 2
        np.testing.assert_allclose(spikes, np.round(spikes), atol=1e-4)


@pytest.mark.parametrize(
    ("model", "engine", "draws"), [("mouse", "spiking", 2), ("kanerva", "rate", 2), ("mouse", "rate", -1)]
)
def test_draws_where_there_are_none_are_refused(model: str, engine: Any, draws: int) -> None:
    protocol = "recall" if model == "kanerva" else "background"
    with pytest.raises(ArgumentError, match="draws"):
        cerebellum.run(protocol, model, engine, draws=draws)


def test_draws_want_a_population_that_the_model_says_is_sampled() -> None:
    unsampled = {f"population.{name}.sampled": "false" for name in ("granule", "golgi", "basket", "stellate")}
    with pytest.raises(ArgumentError, match=r"draws = 2: wanted 0: no population of this model has sampled = true"):
        cerebellum.run("background", "mouse", "rate", draws=2, settings=unsampled)


def test_a_time_step_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"time_step.*wanted a whole part of 0\.5 ms"):
        cerebellum.run("background", "mouse", "rate", settings={"scale": "0.1", "time_step": "0.2"})


def test_draws_that_do_not_fit_in_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    circuit = load_model("mouse", {"scale": "0.1"})
    assert (len(COARSE_CLASSES), len(FINE_CLASSES), MANY_CELLS) == (
        rate_engine.AGES,
        rate_engine.FINE_AGES,
        rate_engine.FINE_BELOW,
    )
    rate = rate_engine.ENGINE
    few, many = [(rate, RateOptions())], [(rate, RateOptions(draws=5000))]
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=memory.needed(circuit, few)))
    memory.check(circuit, few)
    with pytest.raises(ResourceError, match="5000 draws: make --draws smaller"):
        memory.check(circuit, many)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(rate_engine, "free_bytes", lambda device: 1e6)
    on_card = RateOptions(device="cuda")
    memory.check(circuit, [(rate, on_card)])
    with pytest.raises(ResourceError, match=r"on the CUDA device and 0\.0 GiB are free: choose a smaller circuit"):
        rate.check(circuit, load_protocol("background"), on_card)
