"""The rate circuit on every shipped model of conductance cells, and the parts that only some of them have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from test_rate_circuit import OFFSET, RULE, known, small

import cerebellum
from cerebellum.activity.rates import STEP
from cerebellum.connectome.connectome import sample
from cerebellum.description import library
from cerebellum.description.circuit import load_model
from cerebellum.description.projection import ShortTerm
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.rate import mean_cell, measured_transfer, recording, simulate
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.synapses import TsodyksMarkram
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer_table import TransferSurface
from cerebellum.readout import granule_code, microzones
from cerebellum.results.result import Result

LIKE: dict[str, Any] = {"dtype": torch.float64, "device": torch.device("cpu")}
RULES = {  # of mouse_stp: glomerulus to granule, Golgi to granule, parallel fibre to Purkinje
    "fast": (0.43, 8, 5),
    "facilitating": (0.35, 36, 58),
    "weak": (0.13, 35.1, 54),
}


def rule(name: str) -> ShortTerm:
    """One of RULES; times in ms."""
    u, recovery, facilitation = RULES[name]
    source = "assumed: a test"
    return ShortTerm.model_validate(
        {"U": [u, "1", source], "tau_rec": [recovery, "ms", source], "tau_fac": [facilitation, "ms", source]}
    )


def recursion(short: ShortTerm, times: np.ndarray) -> list[float]:
    """u x at each of some spikes (s), by the map of Tsodyks et al. (1998): u grows before release, x falls after it."""
    u, x, last, out = 0.0, 1.0, 0.0, []
    for time in times:
        u *= np.exp(-(time - last) / short.tau_fac.si)
        x = 1 - (1 - x) * np.exp(-(time - last) / short.tau_rec.si)
        u += short.U.si * (1 - u)
        out.append(u * x)
        x -= u * x
        last = time
    return out


@pytest.mark.parametrize("name", RULES)
def test_whole_spikes_release_what_the_recursion_says(name: str) -> None:
    """A spike, a doublet, a long pause, three spikes in one step: exact, but for the spikes' place in their steps."""
    steps = np.array([0, 7, 9, 60, 61, 200, 230, 230, 230, 231])
    release = TsodyksMarkram(rule(name).si, 1, LIKE)
    number = np.bincount(steps, minlength=240)
    sent = np.array([float(release(torch.full((1,), n / BIN, **LIKE))) for n in number]) * BIN
    expected = np.bincount(steps, recursion(rule(name), steps * BIN), 240)
    np.testing.assert_allclose(sent, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rate", [3.0, 40.0, 200.0])
def test_a_constant_rate_releases_the_stationary_mean(name: str, rate: float) -> None:
    """u and x solve u = a (u + p U (1 - u)) and 1 - x = b (1 - x (1 - p u')), u' = u + U (1 - u), p spikes a step."""
    short, spikes = rule(name), rate * BIN
    a, b = (float(np.exp(-BIN / tau.si)) for tau in (short.tau_fac, short.tau_rec))
    u = a * spikes * short.U.si / (1 - a * (1 - spikes * short.U.si))
    then = u + short.U.si * (1 - u)
    x = (1 - b) / (1 - b * (1 - spikes * then))
    release = TsodyksMarkram(short.si, 1, LIKE)
    for _ in range(2000):
        sent = float(release(torch.full((1,), rate, **LIKE)))
    assert sent == pytest.approx(rate * then * x, rel=1e-9)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("rate", [3.0, 40.0, 100.0])
def test_poisson_spikes_release_the_mean_field(name: str, rate: float) -> None:
    """Mean of the recursion over 4,000 Poisson trains of 0.5 s.

    Within 7 %: u and x of a train are not independent, which in long trains costs up to 5 % at these rates.
    """
    short, rng = rule(name), np.random.default_rng(5)
    release, each = TsodyksMarkram(short.si, 1, LIKE), TsodyksMarkram(short.si, 4000, LIKE)
    expected = seen = 0.0
    for _ in range(500):
        expected += float(release(torch.full((1,), rate, **LIKE)))
        spikes = torch.as_tensor(rng.poisson(rate * BIN, 4000), **LIKE)
        seen += float(each(spikes / BIN).mean())
    assert expected == pytest.approx(seen, rel=0.07)


MODELS = [name for name in library.names("models") if name.startswith("mouse")]
PROTOCOL = {  # a stimulation for each model; background for those not named
    "mouse_vitro": "burst", "mouse_stp": "burst", "mouse_lif": "sensory_burst",
    "mouse_meanfield_wiring": "sensory_burst", "mouse_plastic": "cs_us",
    "mouse_memory": "complex_spike", "mouse_feedback": "burst", "mouse_temporal_basis": "burst", "mouse_ubc": "burst",
}  # fmt: skip
NOT_FUSED = {"mouse_multirec"}  # torch steps it, as its receptors have three states
REFUSED = {
    "mouse_multirec": "gap junctions couple voltages",
    "mouse_mli12": "gap junctions couple voltages",
    "mouse_olive_coupled": "gap junctions couple voltages",
    "mouse_golgi_coupled": "gap junctions couple voltages",
    "mouse_zebrin": r"purkinje\.stripes: the rate engine measures one transfer function",
}


@pytest.fixture(scope="module")
def _no_measuring() -> Iterator[None]:
    """The known transfer function for every cell, a steeper one for the olive, which is silent but when driven."""
    soft = known()
    found = {"inferior_olive": replace(soft, coefficients=5.0 + 3.0 * (soft.coefficients - OFFSET))}
    surface = {id(one): TransferSurface(one) for one in (soft, found["inferior_olive"])}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measured_transfer, "of", lambda connectome, name, drawn, progress: found.get(name, soft))
        patch.setattr(simulate, "TransferSurface", lambda one, dtype: surface[id(one)])
        yield


def shortened(protocol: str) -> dict[str, str]:
    """Settings that make one trial of 120 ms of a protocol: what came late comes at 40 ms."""
    out: dict[str, str] = {}
    for name, block in load_protocol(protocol).block.items():
        out |= {f"block.{name}.trials": "1", f"block.{name}.trial_duration": "120"}
        out |= {f"block.{name}.window.onset": "40", f"block.{name}.window.duration": "80"}
        for key, stimulus in block.stimulus.items():
            late = stimulus.onset.si > 0
            out[f"block.{name}.stimulus.{key}.onset"] = "40" if late else "0"
            if hasattr(stimulus, "duration"):
                out[f"block.{name}.stimulus.{key}.duration"] = f"{min(1e3 * stimulus.duration.si, 80 if late else 120)}"
    return out


@pytest.mark.usefixtures("_no_measuring")
@pytest.mark.parametrize(
    ("model", "draws"),
    [
        *(pytest.param(m, 0, marks=[pytest.mark.slow] * (m in NOT_FUSED)) for m in MODELS),
        ("mouse_plastic", 2),
        ("mouse_stp", 2),
    ],
)
def test_every_model_runs_on_the_rate_engine(model: str, draws: int) -> None:
    protocol = PROTOCOL.get(model, "background")
    settings = {"scale": "0.1", **shortened(protocol)}
    if load_model(model).zones > 1:
        settings["microzones"] = "1"  # there is one olivary cell
    if why := REFUSED.get(model):
        with pytest.raises(ProtocolFileError, match=why):
            cerebellum.run(protocol, model, "rate", seed=3, settings=settings, draws=draws)
        if model == "mouse_zebrin":
            return
        settings["lesion"] = '["gap_junctions"]'
    result = cerebellum.run(protocol, model, "rate", seed=3, settings=settings, draws=draws)
    assert set(result.rates) == set(result.circuit.population)
    for name, rates in result.rates.items():
        assert np.isfinite(rates.cells).all(), name
        assert rates.cells.min() >= 0
        assert rates.cells.max() <= (1 + 1e-6) / BIN or name in ("mossy_fiber", "glomerulus", "inferior_olive")
    given = result.schedule.events["mossy_fiber"]
    fired = result.rates["mossy_fiber"].mean.sum() * STEP * result.circuit.size("mossy_fiber")
    assert fired == pytest.approx(len(given.step), rel=1e-5)
    olive = result.rates["inferior_olive"].mean
    if "inferior_olive" in result.schedule.events and protocol != "background":
        assert olive[40:].max() > 2 * olive[20:40].max()


SMALL = {
    "scale": "0.3", "microzones": "8", "patterns.count": "2", "patterns.active": "4",
    # Made-up transfer functions know nothing of the file's balance: weak inhibition, and steps for three writes.
    "projection.basket_to_purkinje.weight": "0.8", "projection.stellate_to_purkinje.weight": "0.17",
    "projection.parallel_fiber_to_purkinje.weight": "0.14",
    "projection.parallel_fiber_to_purkinje.rule.convergence": "12000",
    "projection.parallel_fiber_to_purkinje.plasticity.depression": "0.004",
    "block.baseline.trial_duration": "150",
    "block.baseline.window.onset": "50", "block.baseline.window.duration": "100",
    "block.baseline.stimulus.background.duration": "150", "block.baseline.stimulus.complex_spikes.duration": "150",
    "block.write.repeats": "3", "block.write.trial_duration": "90", "block.write.stimulus.background.duration": "90",
    "block.write.stimulus.complex_spikes.duration": "90",
    "block.read.noise": "[0]", "block.read.trial_duration": "100", "block.read.window.duration": "80",
    "block.read.stimulus.background.duration": "100", "block.read.stimulus.complex_spikes.duration": "100",
    "block.read.stimulus.cue.duration": "80",
}  # fmt: skip


@pytest.fixture(scope="module")
def remembered(_no_measuring: None) -> Result:
    """Two patterns in four microzones, by the rate engine alone; rates of every cell kept in every step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "KEPT", 10**8)
        return cerebellum.run("mouse_recall", "mouse_memory", "rate", seed=2, settings=SMALL)


def spikes_in(result: Result, population: str, role: str) -> np.ndarray:
    """Expected spikes of each cell in the window of each trial of a role, from the rates, (trials, cells)."""
    rates, out = result.rates[population], []
    assert rates.width == STEP
    for trial in result.schedule.of(role):
        start, stop = (round(end / STEP) for end in trial.window)
        out.append(rates.cells[start:stop].sum(axis=0, dtype=float) * STEP)
    return np.array(out)


def test_granule_responses_are_counted_in_expected_spikes(remembered: Result) -> None:
    """f(m) by hand: two rounds of writes added up, cells with m of four inputs on."""
    code = granule_code.code_of(remembered.circuit, 4)
    assert remembered.connectome is not None
    assert remembered.patterns is not None
    for role, sets, key in (
        ("write", remembered.patterns.addresses, "f_write"),
        ("read", remembered.patterns.cues, "f_read"),
    ):
        each = spikes_in(remembered, "granule", role)
        counts = np.zeros((len(sets), each.shape[1]))
        for trial, own in zip(remembered.schedule.of(role), each, strict=True):
            counts[trial.pattern] += own
        on = granule_code.matches(remembered.connectome, code, sets)
        found = remembered.summary["granule_response"][key]
        for m in np.unique(on):
            assert found[m] == pytest.approx(counts[on == m].mean(), rel=1e-4)


def test_the_purkinje_readout_is_that_of_the_windows(remembered: Result) -> None:
    baseline = spikes_in(remembered, "purkinje", "baseline").mean(axis=0) / 0.1
    asked = spikes_in(remembered, "purkinje", "read") / 0.08
    expected = microzones.zone_mean(baseline - asked, remembered.circuit.zones)
    np.testing.assert_allclose(remembered.readout["rate"], expected, rtol=1e-4, atol=1e-3)


def test_the_rate_engine_alone_compares_its_memory_with_the_theories(remembered: Result) -> None:
    assert list(remembered.readout) == ["granule", "rate", "sdm", "sdm_exact", "attention"]
    summary = remembered.summary
    assert {"rate_vs_sdm", "rate_vs_sdm_exact", "rate_vs_attention", "granule_vs_rate"} <= set(summary["agreement"])
    assert set(summary["agreement"]["rivals"]) == {"rate"}
    controls = summary["agreement"]["controls"]
    # No draw without what was learned comes near. The other controls say little of two patterns: a shuffle of two
    # writes is right half of the time.
    assert controls["no_plasticity"]["reached"] == controls["weights_shuffled"]["reached"] == 0
    assert controls["weights_shuffled"]["high"] < 0.5 * controls["weights_shuffled"]["own"]
    assert set(summary["recall"]) == set(remembered.readout)
    # Chance is 0.5; the transfer function is made up. Exactly 0.75 since learning synapses transmit folded contacts.
    assert summary["recall"]["rate"]["by_flips"]["0"]["bits"] >= 0.75
    assert summary["written_weights"]["parallel_fiber_to_purkinje"]["r_ideal_counters"] > 0.3


def test_plastic_weights_have_the_gradients_of_finite_differences() -> None:
    """Of what synapses transmit, to the weights and to the rates; and target cells get the weighted sum."""
    connectome = sample(small(RULE), 1)
    name = "parallel_fiber_to_purkinje"
    edges, rng = connectome.edges[name], torch.Generator().manual_seed(3)
    weight, rate = (torch.rand(n, generator=rng, dtype=torch.float64) for n in (len(edges), 6))

    def transmit(own: torch.Tensor, sources: torch.Tensor) -> torch.Tensor:
        return PlasticSynapses(connectome, name, own, [], LIKE).transmit(sources)

    expected = np.bincount(edges.post, weight.numpy() * rate.numpy()[edges.pre])
    np.testing.assert_allclose(transmit(weight, rate).numpy(), expected, rtol=1e-12)
    assert torch.equal(PlasticSynapses(connectome, name, weight, [], LIKE).weight, weight)
    assert torch.autograd.gradcheck(transmit, (weight.requires_grad_(), rate.requires_grad_()))


def test_short_term_synapses_are_measured_as_rested() -> None:
    """One spike of a glomerulus opens U of the weight, as much as in the static circuit; no cell fires at one."""
    found = mean_cell.inputs(sample(load_model("mouse_stp", {"scale": "0.1"}), 1), "granule")
    assert set(found) == {"glomerulus_to_granule", "golgi_to_granule"}
    assert found["glomerulus_to_granule"].weight == pytest.approx(0.43 * 0.53e-9)
