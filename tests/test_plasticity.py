"""Plasticity rules: against their formulas, in closed form, and in the engine."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from test_kernels import KERNELS, LAGS, kernel_of, ms

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.plasticity import ClimbingFiberRule, Plasticity
from cerebellum.description.protocol import load_protocol
from cerebellum.description.schema import parse
from cerebellum.errors import ModelFileError
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.schedule import Events, Schedule, Trial
from cerebellum.experiment.stimulus import schedule
from cerebellum.readout.granule_code import code_of
from cerebellum.readout.readers import ideal_counters, written_correlation
from cerebellum.spiking.network import _Network, simulate


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


@given(
    st.lists(st.floats(-0.4, 0.4) | st.just(math.nan), max_size=4),
    st.sampled_from(sorted(KERNELS)),
    st.just(0.0) | st.floats(1e-6, 20),
    st.just(0.0) | st.floats(1e-6, 20),
)
@example([0.21875], "sin_2", 0.0, 1.0)
def test_one_change_lies_between_pure_potentiation_and_full_depression(
    lags: list[float], name: str, potentiation: float, depression: float
) -> None:
    rule = ClimbingFiberRule.model_validate(rule_of(name, potentiation, depression))
    change = float(rule.change(np.array(lags)))
    slack = 1e-3 * (potentiation + depression) * 1e-12
    assert change <= potentiation * 1e-12 + slack
    assert change >= (potentiation - depression * len(lags)) * 1e-12 - slack
    # Kernels differ in how far they reach: `sin_2` to 0.23 s.
    if not any(0 < lag <= 1.001 * rule.timing.support for lag in lags):
        assert change == potentiation * 1e-12


def pairing(rule: dict[str, object], cells: int) -> Circuit:
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
                    "weight": [10, "pA", "assumed: x"], "rule": microzone, "plasticity": rule,
                },
                "climbing_fiber_to_purkinje": {
                    "from": "inferior_olive", "to": "purkinje", "receptor": "climbing", "delay": ms(4.0),
                    "weight": [0, "pA", "assumed: x"], "rule": microzone,
                },
            },
        }
    )  # fmt: skip


def run_pairs(
    circuit: Circuit,
    parallel: list[tuple[int, int]],
    climbing: list[tuple[int, int]],
    steps: int,
    trials: list[Trial] | None = None,
) -> Outcome:
    """A run of spikes given as (step, cell), plasticity on throughout unless `trials` say otherwise."""

    def events(pairs: list[tuple[int, int]]) -> Events:
        ordered = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return Events(ordered[:, 0], ordered[:, 1].astype(np.int32))

    duration = steps * circuit.dt
    trials = trials or [Trial("pairs", "write", 0.0, duration, (0.0, duration), True)]
    made = Schedule(trials, {"granule": events(parallel), "inferior_olive": events(climbing)}, duration)
    return simulate(sample(circuit, 1), made, target="numpy")


@pytest.mark.parametrize("name", KERNELS)
def test_pairs_of_spikes_in_the_engine_change_weights_as_the_rule_says(name: str) -> None:
    """Lags from -30 to +220 ms, the edges of the window among them; delays of 1 and 4 ms shift each lag by 3 ms."""
    edge = math.floor(kernel_of(name).support / 1e-4 + 1e-6)
    lags = np.unique([*range(-300, 2201, 125), -1, 0, 1, 2, edge - 1, edge, edge + 1])
    circuit = pairing(rule_of(name), len(lags))
    start = 350
    found = run_pairs(
        circuit,
        [(start, cell) for cell in range(len(lags))],
        [(start + int(lag) - 30, cell) for cell, lag in enumerate(lags)],
        start + edge + 41,
    ).weights["parallel_fiber_to_purkinje"]
    rule = circuit.projection["parallel_fiber_to_purkinje"].plasticity
    assert rule is not None
    assert found == pytest.approx(10e-12 + rule.change(lags[:, None] * 1e-4), abs=1e-19)


def test_trains_of_both_fibres_sum_pair_by_pair_and_stay_in_bounds() -> None:
    circuit = pairing(rule_of("rectangular", spikes=2), 3)
    parallel = [100, 200, 300]  # steps of 0.1 ms, one train for all cells
    climbing = {0: [], 1: [250], 2: [250, 270]}
    found = run_pairs(
        circuit,
        [(step, cell) for step in parallel for cell in range(3)],
        [(step, cell) for cell, train in climbing.items() for step in train],
        900,
    ).weights["parallel_fiber_to_purkinje"]
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


def amounts(**given: float) -> dict[str, object]:
    return {key: [value, "pA", "assumed: x"] for key, value in given.items()}


OTHER_RULES: dict[str, dict[str, Any]] = {
    "sdm": {"kind": "sdm", "window": ms(50), **amounts(step=3, w_min=0, w_max=32)},
    "stdp_alpha": {
        "kind": "stdp_alpha",
        "climbing_spikes": [2, "1", "assumed: x"],
        **amounts(potentiation=6, depression=2, w_min=0, w_max=32),
    },
    "stdp_cosexp": {
        "kind": "stdp_cosexp",
        "purkinje_spikes": [2, "1", "assumed: x"],
        **amounts(potentiation=2, depression=6, w_min=0, w_max=32),
    },
}
FORMULA = {  # of the lag in s, pA
    "sdm": lambda lag: -3.0 if 0 < lag <= 0.05 else 3.0,
    "stdp_alpha": lambda lag: -2 + (6 * math.e / 0.05 * lag * math.exp(-lag / 0.05) if 0 < lag <= 0.2 else 0),
    "stdp_cosexp": lambda lag: 2 - (6 * math.exp(-400 * abs(lag)) * math.cos(lag) ** 2 if abs(lag) <= 0.01 else 0),
}


@pytest.mark.parametrize("name", OTHER_RULES)
def test_a_rule_in_the_engine_is_its_formula(name: str) -> None:
    """Every lag of a teacher's spike, before and after; both spikes of a burst count, but once for `sdm`."""
    rule = {"teacher": "climbing_fiber_to_purkinje", **OTHER_RULES[name]}
    lags = [*range(-120, 121, 15), -101, -100, -1, 1, 100, 101, 499, 500, 501, 1500, 1999, 2000, 2001]
    circuit, start = pairing(rule, len(lags) + 1), 400
    climbing = [(start + lag - 30, cell) for cell, lag in enumerate(lags)]
    burst = [(start + lag - 30, len(lags)) for lag in (20, 60)]
    run = run_pairs(circuit, [(start, cell) for cell in range(len(lags) + 1)], climbing + burst, start + 2060)
    found = run.weights["parallel_fiber_to_purkinje"] * 1e12 - 10
    alone = FORMULA[name](-1.0)
    summed = alone + sum(FORMULA[name](lag) - alone for lag in (0.002, 0.006))
    expected = [*(FORMULA[name](lag * 1e-4) for lag in lags), -3.0 if name == "sdm" else summed]
    assert found == pytest.approx(expected, abs=1e-9)


def test_the_sdm_rule_is_a_climbing_fiber_rule_of_twice_the_depression() -> None:
    sdm = TypeAdapter(Plasticity).validate_python({"teacher": "x", **OTHER_RULES["sdm"]})
    other = TypeAdapter(Plasticity).validate_python(rule_of("rectangular", 3.0, 6.0))
    lags = LAGS[:, None]
    assert sdm.change(lags) == pytest.approx(other.change(lags))


def test_two_projections_onto_the_same_cells_may_have_teachers_of_their_own() -> None:
    """Parallel fibres taught by climbing fibres, and the ascending axon by parallel fibres at rest: each as alone."""
    circuit = pairing(rule_of("rectangular"), 2)
    described = circuit.model_dump(by_alias=True, exclude_none=True)
    teacher = {**described["projection"]["parallel_fiber_to_purkinje"], "weight": [0, "pA", "assumed: x"]}
    del teacher["plasticity"]
    learner = {
        **described["projection"]["parallel_fiber_to_purkinje"],
        "plasticity": {**OTHER_RULES["stdp_cosexp"], "teacher": "apical_to_purkinje"},
    }
    described["projection"] |= {"apical_to_purkinje": teacher, "ascending_axon_to_purkinje": learner}
    both = run_pairs(Circuit.model_validate(described), [(400, 0), (400, 1), (450, 1)], [(420, 0)], 1100)
    single = run_pairs(circuit, [(400, 0), (400, 1), (450, 1)], [(420, 0)], 1100)
    name = "parallel_fiber_to_purkinje"
    assert both.weights[name] == pytest.approx(single.weights[name], rel=1e-12)
    # Each spike is paired with itself as teacher (lag 0), and the second cell's two with one another.
    expected = [10 + 2 - 6, 10 + 2 * (2 - 6 - 6 * math.exp(-2) * math.cos(0.005) ** 2)]
    assert both.weights["ascending_axon_to_purkinje"] * 1e12 == pytest.approx(expected, rel=1e-9)


def test_snapshots_hold_what_spikes_up_to_a_blocks_end_have_written() -> None:
    """Write, rest, write: the first snapshot is that of a run which ends there (and lets the window pass)."""
    trials = [Trial("first", "write", 0.0, 0.05, (0.0, 0.05), True), Trial("rest", "", 0.05, 0.1, (0.05, 0.1), False),
              Trial("second", "write", 0.1, 0.2, (0.1, 0.2), True)]  # fmt: skip
    circuit = pairing(rule_of("rectangular", top=100.0), 2)
    # Spikes reach the synapse 1 ms later: the second of them in the last step of the first block, the third after it.
    parallel = [(100, 0), (489, 0), (490, 0), (1200, 0), (1200, 1)]
    run = run_pairs(circuit, parallel, [(480, 1)], 2000, trials)
    kept = run.snapshots["parallel_fiber_to_purkinje"]
    assert list(kept) == ["first", "second"]
    assert kept["first"] * 1e12 == pytest.approx([10 + 4 + 4, 10])
    assert kept["second"] * 1e12 == pytest.approx([10 + 4 + 4 + 4, 10 + 4])
    assert (run.weights["parallel_fiber_to_purkinje"] == kept["second"]).all()


@pytest.mark.parametrize("name", KERNELS)
def test_a_balanced_rule_does_not_drift_at_its_climbing_rate(name: str) -> None:
    solved = {"kind": "balanced", "climbing_rate": [1.3, "Hz", "assumed: x"]}
    rule = TypeAdapter(Plasticity).validate_python({**rule_of(name, spikes=9), "potentiation": solved})
    assert rule.alone == pytest.approx(8e-12 * 1.3 * kernel_of(name).area)
    assert rule.drift(1.3) == pytest.approx(0, abs=1e-20)
    assert rule.drift(2.6) == pytest.approx(-rule.alone)


def test_drift_and_diffusion_are_those_of_poisson_spikes() -> None:
    """3000 synapses for 20 s: mean and variance of the sum of changes; standard errors 1 part in 50 and 26."""
    rule = TypeAdapter(Plasticity).validate_python(rule_of("sin_exp", 0.5, 8.0, spikes=9))
    rng, f, r, duration, synapses = np.random.default_rng(3), 2.0, 1.0, 20.0, 3000
    change = np.empty(synapses)
    for synapse in range(synapses):
        parallel = rng.uniform(0, duration, rng.poisson(f * duration))
        climbing = rng.uniform(-1, duration + 1, rng.poisson(r * (duration + 2)))
        change[synapse] = rule.change(climbing[None, :] - parallel[:, None]).sum()
    variance = sum(rule.diffusion(f, r)) * duration
    assert change.mean() == pytest.approx(f * duration * rule.drift(r), abs=4 * (variance / synapses) ** 0.5)
    assert change.var() == pytest.approx(variance, rel=4 * (2 / synapses) ** 0.5)


def test_synapses_of_one_teacher_share_part_of_their_walk() -> None:
    """2000 pairs of synapses with trains of their own and one climbing fibre: their covariance is the shared part."""
    rule = TypeAdapter(Plasticity).validate_python(rule_of("rectangular", 0.5, 8.0, spikes=9))
    rng, f, r, duration, pairs = np.random.default_rng(4), 4.0, 1.0, 20.0, 2000
    change = np.empty((pairs, 2))
    for pair in range(pairs):
        climbing = rng.uniform(-1, duration + 1, rng.poisson(r * (duration + 2)))
        for synapse in range(2):
            parallel = rng.uniform(0, duration, rng.poisson(f * duration))
            change[pair, synapse] = rule.change(climbing[None, :] - parallel[:, None]).sum()
    own, shared = np.array(rule.diffusion(f, r)) * duration
    error = (own + shared) / pairs**0.5  # of a covariance, at most
    assert np.cov(change.T)[0, 1] == pytest.approx(shared, abs=3 * error)
    assert shared > 3 * error


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "hebb"}, ["plasticity: wanted kind", "'sdm'", "'stdp_cosexp'"]),
        ({"teacher": "parallel_fiber_to_purkinje"}, ["plasticity.teacher", "learns itself"]),
        ({"w_max": [0, "pA", "assumed: x"]}, ["parallel_fiber_to_purkinje.plasticity: w_max: found 0 pA"]),
        ({"depression": [-1, "pA", "assumed: x"]}, ["parallel_fiber_to_purkinje.plasticity.depression: found -1 pA"]),
        ({"potentiation": {"kind": "balanced"}}, ["plasticity.potentiation.climbing_rate: missing"]),
    ],
)
def test_a_fault_of_a_rule_names_its_place(changes: dict[str, object], words: list[str]) -> None:
    described = pairing(rule_of("alpha"), 2).model_dump(by_alias=True, exclude_none=True)
    described["projection"]["parallel_fiber_to_purkinje"]["plasticity"] |= changes
    del described["projection"]["parallel_fiber_to_purkinje"]["plasticity"]["kind"]
    if "kind" in changes:
        described["projection"]["parallel_fiber_to_purkinje"]["plasticity"]["kind"] = changes["kind"]
    with pytest.raises(ModelFileError) as found:
        parse(Circuit, described, "x.toml", ModelFileError)
    assert all(word in str(found.value) for word in words), found.value


def test_the_write_is_kanervas_write(connectome: Connectome, patterns: Patterns, simulated: Outcome) -> None:
    """Every weight is its naive value less eta times the ideal counter, clipped write by write."""
    name, circuit = "parallel_fiber_to_purkinje", connectome.circuit
    rule = circuit.projection[name].plasticity
    assert rule is not None
    from cerebellum.connectome.connectome import zone_of
    from cerebellum.readout.granule_code import matches

    code = code_of(circuit)
    active = code.responses(matches(connectome, code, patterns.addresses), written=True) > 0
    sign = patterns.signs[:, zone_of(128, 64)]
    expected = np.full((800, 128), connectome.weight[name])
    for cells, s in zip(active, sign, strict=True):
        step = -rule.potentiation.si * cells[:, None] * s[None, :]
        expected = np.clip(expected + step, rule.w_min.si, rule.w_max.si)
    edges = connectome.edges[name]
    assert simulated.weights[name] == pytest.approx(expected[edges.pre, edges.post], abs=1e-18)
    assert written_correlation(connectome, code, patterns, simulated.weights[name], name) >= 0.995
    assert np.abs(ideal_counters(connectome, code, patterns)).max() <= 6


def test_within_a_step_release_comes_first_then_teachers_then_all_others() -> None:
    """Whatever their names are, by which Brian2 would order them."""
    circuit = load_model("mouse_stp", {"scale": "0.1"})
    described = circuit.model_dump(by_alias=True, exclude_none=True)
    rule = {**OTHER_RULES["stdp_cosexp"], "teacher": "purkinje_to_nuclear"}
    rule |= {key: [value, "nS", "assumed: x"] for key, (value, unit, *_) in rule.items() if unit == "pA"}
    described["projection"]["mossy_fiber_to_nuclear"]["plasticity"] = rule
    circuit = Circuit.model_validate(described)
    wired = sample(circuit, 1)
    made = schedule(load_protocol("background"), wired, None, 1)
    objects = _Network(wired, made).brian.sorted_objects
    place = {thing.name: number for number, thing in enumerate(objects)}
    assert place["purkinje_to_nuclear_pre"] < place["mossy_fiber_to_nuclear_learn"]
    stp = [name for name, projection in circuit.projection.items() if projection.short_term]
    assert len(stp) > 10
    assert all(place[f"release_{name}_pre"] < place[f"{name}_pre"] for name in stp)
