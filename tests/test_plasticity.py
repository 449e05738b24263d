"""Climbing-fibre plasticity: kernels against their formulas and their Brian2 text, the rule in the engine."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cerebellum.balance import Balance, solve
from cerebellum.circuit import Circuit, load_model
from cerebellum.connectome import Connectome, sample
from cerebellum.kernels import Kernel
from cerebellum.patterns import Patterns
from cerebellum.plasticity import ClimbingFiberRule
from cerebellum.protocol import load_protocol
from cerebellum.readers import code_of, ideal_counters, written_correlation
from cerebellum.spiking import SpikingRun, simulate, working_target
from cerebellum.stimuli import Events, Schedule, Trial, schedule


def ms(value: float) -> list[object]:
    return [value, "ms", "assumed: x"]


KERNELS = {
    "rectangular": {"kind": "rectangular", "window": ms(50)},
    "alpha": {"kind": "alpha", "peak": ms(30), "window": ms(120)},
    "sin_exp": {"kind": "sin_exp"},
}
REFERENCE = {
    "rectangular": lambda lag: 1.0 if 0 < lag <= 0.05 else 0.0,
    "alpha": lambda lag: lag / 0.03 * math.exp(1 - lag / 0.03) if 0 < lag <= 0.12 else 0.0,
    # cereb-nest, stdp_connection_sinexp.h, in milliseconds and with s = t_PF - t_CF as there.
    "sin_exp": lambda lag: (
        math.exp(-(-1e3 * lag - 150.0) / 1000.0) * math.sin(2 * math.pi * (-1e3 * lag - 150.0) / 1000.0) ** 20 / 1.2848
        if 0 < lag <= 0.2
        else 0.0
    ),
}
# Off the exact edges, where the reference and the kernel may round a lag differently.
LAGS = np.concatenate([np.linspace(-0.0501, 0.2503, 61), [1e-4, 0.0499, 0.0501, 0.1199, 0.1201, 0.1999, 0.2001, -1e6]])


def kernel_of(name: str) -> Kernel:
    return TypeAdapter(Kernel).validate_python(KERNELS[name])


def rule_of(name: str, potentiation: float = 4.0, depression: float = 8.0, top: float = 32.0, spikes: int = 1):
    return {
        "teacher": "climbing_fiber_to_purkinje",
        "kernel": KERNELS[name],
        "potentiation": [potentiation, "pA", "assumed: x"],
        "depression": [depression, "pA", "assumed: x"],
        "w_min": [0.0, "pA", "assumed: x"],
        "w_max": [top, "pA", "assumed: x"],
        "climbing_spikes": [spikes, "1", "assumed: x"],
    }


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_is_its_formula(name: str) -> None:
    assert kernel_of(name)(LAGS) == pytest.approx([REFERENCE[name](lag) for lag in LAGS], abs=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernels_brian2_text_says_the_same(name: str) -> None:
    text = kernel_of(name).text("lag")
    names = {
        "exp": math.exp,
        "sin": math.sin,
        "pi": math.pi,
        "second": 1.0,
        "int": int,
        "clip": lambda x, a, b: min(max(x, a), b),
    }
    found = [eval(text, {"__builtins__": {}}, {**names, "lag": float(lag)}) for lag in LAGS]
    assert kernel_of(name)(LAGS) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_looks_back_only_and_peaks_at_one(name: str) -> None:
    kernel = kernel_of(name)
    lags = np.arange(-1.0, 1.0, 1e-4)
    values = kernel(lags)
    assert (values[lags <= 0] == 0).all()
    assert (values[lags > kernel.support + 1e-6] == 0).all()
    assert (values >= 0).all()
    assert values.max() == pytest.approx(1.0, abs=0.01)
    if name == "sin_exp":
        assert lags[values.argmax()] == pytest.approx(0.1, abs=2e-3)


@given(
    st.lists(st.floats(-0.3, 0.3) | st.just(math.nan), max_size=4),
    st.sampled_from(sorted(KERNELS)),
    st.floats(0, 20),
    st.floats(0, 20),
)
def test_one_change_lies_between_pure_potentiation_and_full_depression(
    lags: list[float], name: str, potentiation: float, depression: float
) -> None:
    rule = ClimbingFiberRule.model_validate(rule_of(name, potentiation, depression))
    change = float(rule.change(np.array(lags)))
    slack = 1e-3 * (potentiation + depression) * 1e-12
    assert change <= potentiation * 1e-12 + slack
    assert change >= (potentiation - depression * len(lags)) * 1e-12 - slack
    if not any(0 < lag <= 0.2001 for lag in lags):
        assert change == potentiation * 1e-12


def pairing(name: str, cells: int, spikes: int = 1) -> Circuit:
    """One parallel fibre, one Purkinje cell and one climbing fibre in each of `cells` microzones."""
    microzone = {"kind": "microzone"}
    still = {"C_m": [334, "pF"], "tau_m": [47, "ms"], "E_L": [-59, "mV"], "V_th": [-43, "mV"], "V_reset": [-69, "mV"],
             "t_ref": [0.5, "ms"], "I_e": [0, "pA"]}  # fmt: skip
    count = [cells, "1", "assumed: x"]
    ampa = {"effect": "excitatory", "tau": ms(5)}
    return Circuit.model_validate(
        {
            "title": "pairs",
            "description": "one synapse a microzone",
            "time_step": ms(0.1),
            "microzones": count,
            "population": {
                "granule": {"cell": "source", "count": count},
                "inferior_olive": {"cell": "source", "count": count},
                "purkinje": {
                    "cell": "lif",
                    "count": count,
                    "parameters": {key: [*value, "assumed: x"] for key, value in still.items()},
                    "receptor": {"excitatory": ampa, "climbing": ampa},
                },
            },
            "projection": {
                "parallel_fiber_to_purkinje": {
                    "from": "granule", "to": "purkinje", "receptor": "excitatory", "delay": ms(1.0),
                    "weight": [10, "pA", "assumed: x"], "rule": microzone, "plasticity": rule_of(name, spikes=spikes),
                },
                "climbing_fiber_to_purkinje": {
                    "from": "inferior_olive", "to": "purkinje", "receptor": "climbing", "delay": ms(4.0),
                    "weight": [0, "pA", "assumed: x"], "rule": microzone,
                },
            },
        }
    )  # fmt: skip


def run_pairs(
    circuit: Circuit, parallel: list[tuple[int, int]], climbing: list[tuple[int, int]], steps: int
) -> np.ndarray:
    """Weights (A) after spikes given as (step, cell), plasticity on throughout."""

    def events(pairs: list[tuple[int, int]]) -> Events:
        ordered = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return Events(ordered[:, 0], ordered[:, 1].astype(np.int32))

    duration = steps * circuit.dt
    made = Schedule(
        [Trial("pairs", "write", 0.0, duration, True)],
        {"granule": events(parallel), "inferior_olive": events(climbing)},
        duration,
    )
    weight = {"parallel_fiber_to_purkinje": 10e-12, "climbing_fiber_to_purkinje": 0.0}
    return simulate(sample(circuit, 1), Balance(weight, {}), made, target="numpy").weights["parallel_fiber_to_purkinje"]


@pytest.mark.parametrize("name", KERNELS)
def test_pairs_of_spikes_in_the_engine_change_weights_as_the_rule_says(name: str) -> None:
    """Lags from -30 to +220 ms, the edges of the window among them; delays of 1 and 4 ms shift each lag by 3 ms."""
    edge = round(kernel_of(name).support / 1e-4)
    lags = np.unique([*range(-300, 2201, 125), -1, 0, 1, 2, edge - 1, edge, edge + 1])
    circuit = pairing(name, len(lags))
    start = 350
    found = run_pairs(
        circuit,
        [(start, cell) for cell in range(len(lags))],
        [(start + int(lag) - 30, cell) for cell, lag in enumerate(lags)],
        start + edge + 40,
    )
    rule = circuit.projection["parallel_fiber_to_purkinje"].plasticity
    assert rule is not None
    assert found == pytest.approx(10e-12 + rule.change(lags[:, None] * 1e-4), abs=1e-19)


def test_trains_of_both_fibres_sum_pair_by_pair_and_stay_in_bounds() -> None:
    circuit = pairing("rectangular", 3, spikes=2)
    parallel = [100, 200, 300]  # steps of 0.1 ms, one train for all cells
    climbing = {0: [], 1: [250], 2: [250, 270]}
    found = run_pairs(
        circuit,
        [(step, cell) for step in parallel for cell in range(3)],
        [(step, cell) for cell, train in climbing.items() for step in train],
        900,
    )
    rule = circuit.projection["parallel_fiber_to_purkinje"].plasticity
    assert rule is not None
    expected = []
    for train in climbing.values():
        w = 10e-12
        for step in parallel:
            lags = np.array([(other + 30 - step) * 1e-4 for other in train])
            w = float(np.clip(w + rule.change(lags), 0.0, 32e-12))
        expected.append(w)
    assert found == pytest.approx(expected, abs=1e-19)
    assert found[0] == pytest.approx(22e-12)  # 10 + 3 x 4
    assert found[2] < found[1] < found[0]


def test_the_write_is_kanervas_write(
    connectome: Connectome, patterns: Patterns, simulated: SpikingRun, balance: Balance
) -> None:
    """Every weight is its naive value less eta times the ideal counter, clipped write by write."""
    name, circuit = "parallel_fiber_to_purkinje", connectome.circuit
    rule = circuit.projection[name].plasticity
    assert rule is not None
    from cerebellum.connectome import zone_of
    from cerebellum.readers import active_sets

    code = code_of(circuit)
    active = active_sets(connectome, code, patterns.addresses)
    sign = patterns.signs[:, zone_of(128, 64)]
    expected = np.full((800, 128), balance.weight[name])
    for cells, s in zip(active, sign, strict=True):
        step = -rule.potentiation.si * cells[:, None] * s[None, :]
        expected = np.clip(expected + step, rule.w_min.si, rule.w_max.si)
    edges = connectome.edges[name]
    assert simulated.weights[name] == pytest.approx(expected[edges.pre, edges.post], abs=1e-18)
    assert written_correlation(connectome, code, patterns, simulated.weights[name], name) >= 0.995
    assert np.abs(ideal_counters(connectome, code, patterns)).max() <= 6


@pytest.mark.parametrize("model", ["mouse", "mouse_stp"])
def test_a_write_on_conductance_synapses_changes_them_as_the_rule_says(model: str, tmp_path: Path) -> None:
    """A tenth of the volume, the olive driven at 0.5 s: every weight from the recorded spikes of both fibres alone."""
    learning, block = tmp_path / "learning.toml", tmp_path / "write.toml"
    naive = load_model(model).projection["parallel_fiber_to_purkinje"].weight
    shares = {"potentiation": 0.01, "depression": 0.3, "w_min": 0.8, "w_max": 1.05}
    learning.write_text(
        f"extends = '{model}'\n[projection.parallel_fiber_to_purkinje.plasticity]\n"
        "teacher = 'climbing_fiber_to_purkinje'\nkernel = { kind = 'sin_exp' }\n"
        "climbing_spikes = [16, '1', 'assumed: more than fall in one window']\n"
        + "".join(f"{key} = [{share * naive.number}, 'nS', 'assumed: x']\n" for key, share in shares.items())
    )
    block.write_text("extends = 'complex_spike'\n[block.complex_spike]\nplasticity = true\n")
    circuit = load_model(str(learning), {"scale": "0.1"})
    made = schedule(load_protocol(str(block), {"block.complex_spike.trials": "1"}), circuit, None, 2)
    wired, solved, name = sample(circuit, 2), solve(circuit), "parallel_fiber_to_purkinje"
    run = simulate(wired, solved, made, target=working_target("standalone"))
    plastic, teacher = circuit.projection[name], circuit.projection["climbing_fiber_to_purkinje"]
    rule, edges = plastic.plasticity, wired.edges[name]
    assert rule is not None

    sent = run.spikes["granule"]
    arrived = sent.time + plastic.delay.si
    counted = arrived + rule.kernel.support < made.duration - 1e-9
    expected = np.full(len(edges.pre), solved.weight[name])
    for cell in range(circuit.size("purkinje")):
        olive = wired.edges["climbing_fiber_to_purkinje"].pre[wired.edges["climbing_fiber_to_purkinje"].post == cell]
        taught = run.spikes["inferior_olive"].time[np.isin(run.spikes["inferior_olive"].cell, olive)] + teacher.delay.si
        change = rule.change(taught[None, :] - arrived[:, None])
        for synapse in np.flatnonzero(edges.post == cell):
            for step in change[counted & (sent.cell == edges.pre[synapse])]:
                expected[synapse] = np.clip(expected[synapse] + step, rule.w_min.si, rule.w_max.si)
    assert len(run.spikes["inferior_olive"]) > 0
    assert expected.min() == rule.w_min.si  # depressed, and down to the bound
    assert rule.w_min.si < np.median(expected) < rule.w_max.si
    assert run.weights[name] == pytest.approx(expected, rel=1e-9, abs=0.0)
