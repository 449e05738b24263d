"""Faults that other simulators had, each with the value that is right, at three time steps and on every target.

One circuit has them all: paths over relays, cells held after a spike, lags of learning with the window's edges among
them, short-term plasticity. What is compared are whole steps; nothing has a tolerance but sums of weights.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import pytest
import torch

from cerebellum.activity.outcome import Outcome
from cerebellum.cells import MODELS, lif
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit
from cerebellum.experiment.schedule import Events, Pulse, Schedule, Trial
from cerebellum.rate import network as rate_network
from cerebellum.rate.time_step import BIN
from cerebellum.spiking.network import Target, simulate

STEPS = (1e-4, 5e-4, 1e-3)  # s
TARGETS = ["numpy", "standalone", pytest.param("runtime", marks=pytest.mark.slow)]
PARALLEL = [10.0, 20.0, 30.0, 60.0, 110.0]  # ms; spikes of the mossy fibre
RELAYED = 5.0  # ms; two relays
AHEAD = RELAYED + 1.0  # ms; from the mossy fibre to the synapse that learns
LAGS = [-2, -1, 0, 1, 2]  # steps, about 0 and about the window's end
WINDOW = 50.0  # ms
# Of each microzone the spikes of its two climbing fibres (ms at the synapse, step added), and of one fibre alone.
BURST, TWICE = [137.0, 139.0, 141.0], [140.0]
ZONES = 2 * len(LAGS) + 3
CURRENT, CAPACITANCE, TAU = 2000e-12, 100e-12, 10e-3
HELD = {"two": 2.0, "odd": 1.59, "short": 0.65, "none": 0.0}  # ms; refractory times
AT_ONCE = 1e-6  # A; crosses threshold in a step, whatever the model


def value(number: float, unit: str) -> list[Any]:
    return [number, unit, "assumed: case"]


MEMBRANE = {
    "C_m": value(100, "pF"), "tau_m": value(10, "ms"), "E_L": value(-70, "mV"), "V_th": value(-50, "mV"),
    "V_reset": value(-70, "mV"), "I_e": value(0, "pA"),
}  # fmt: skip
ADAPTING = MEMBRANE | {
    "V_init": value(-70, "mV"), "V_min": value(-100, "mV"), "k_adap": value(0, "nS/ms"), "k_1": value(1, "1/ms"),
    "k_2": value(1, "1/ms"), "A1": value(0, "pA"), "A2": value(0, "pA"), "lambda_0": value(1, "1/ms"),
    "tau_V": value(0.1, "mV"),
}  # fmt: skip
SHORT_TERM = {"facilitating": (0.1, 20.0, 200.0), "depressing": (0.5, 100.0, 1.0), "resource": (0.43, 5.0, 5.0)}


def cells(cell: str, count: int, t_ref: float = 2.0, **more: Any) -> dict[str, Any]:
    parameters = {"t_ref": value(t_ref, "ms"), **(ADAPTING if cell == "eglif" else MEMBRANE)}
    table = {"cell": cell, "count": value(count, "1")}
    return table | ({} if cell in ("source", "relay") else {"parameters": parameters}) | more


def current(tau: float) -> dict[str, Any]:
    return {"effect": "excitatory", "tau": value(tau, "ms")}


def to(source: str, target: str, delay: float, receptor: str = "", weight: float = 0.0, **more: Any) -> dict[str, Any]:
    table: dict[str, Any] = {"from": source, "to": target, "delay": value(delay, "ms"), "rule": {"kind": "all_to_all"}}
    return table | ({"receptor": receptor, "weight": value(weight, "pA")} if receptor else {}) | more


def rule(teacher: str, kernel: dict[str, Any]) -> dict[str, Any]:
    return {
        "teacher": teacher, "kernel": kernel, "potentiation": value(1, "pA"), "depression": value(3, "pA"),
        "climbing_spikes": value(16, "1"), "w_min": value(0, "pA"), "w_max": value(1000, "pA"),
    }  # fmt: skip


def circuit(dt: float) -> Circuit:
    both = {"parallel": current(5), "climbing": current(5)}
    populations = {
        "mossy_fiber": cells("source", 1),
        "inferior_olive": cells("source", 2 * ZONES),
        "glomerulus": cells("relay", 1),
        "granule": cells("relay", 1),
        "golgi": cells("lif", 1, receptor={"mossy": current(2)}),
        "stellate": cells("lif", 1, receptor={"parallel": current(2)}),
        "purkinje": cells("lif", ZONES, receptor=both),
        "molecular": cells("lif", ZONES, receptor=both),
    }
    zoned = {"rule": {"kind": "microzone"}}
    rectangular = {"kind": "rectangular", "window": value(WINDOW, "ms")}
    alpha = {"kind": "alpha", "peak": value(20, "ms"), "window": value(WINDOW, "ms")}
    projections = {
        "mossy_fiber_to_glomerulus": to("mossy_fiber", "glomerulus", 4),
        "glomerulus_to_granule": to("glomerulus", "granule", 1),
        "mossy_fiber_to_golgi": to("mossy_fiber", "golgi", RELAYED, "mossy", 2000),
        "granule_to_stellate": to("granule", "stellate", 5, "parallel", 2000),
        "climbing_to_purkinje": to("inferior_olive", "purkinje", 4, "climbing", 0, **zoned),
        "climbing_to_molecular": to("inferior_olive", "molecular", 4, "climbing", 0, **zoned),
        "granule_to_purkinje": to(
            "granule", "purkinje", 1, "parallel", 100, plasticity=rule("climbing_to_purkinje", rectangular)
        ),
        "granule_to_molecular": to(
            "granule", "molecular", 1, "parallel", 100, plasticity=rule("climbing_to_molecular", alpha)
        ),
    }
    for name, t_ref in HELD.items():
        populations |= {f"{cell}_{name}": cells(cell, 1, t_ref) for cell in ("lif", "conductance_lif", "eglif")}
        populations[f"lif_{name}_at_once"] = cells("lif", 1, t_ref)
    for name, (U, tau_rec, tau_fac) in SHORT_TERM.items():
        spread = {"V_th": value(6, "mV")}
        populations[name] = cells("lif", 40, 500.0, receptor={"parallel": current(5)}, spread=spread)
        timing = {"U": value(U, "1"), "tau_rec": value(tau_rec, "ms"), "tau_fac": value(tau_fac, "ms")}
        projections[f"granule_to_{name}"] = to("granule", name, 1, "parallel", 1500 / U**0.5, short_term=timing)
    tables = {"title": "cases", "description": "cases", "time_step": value(dt * 1e3, "ms")}
    return Circuit.model_validate(
        {**tables, "microzones": value(ZONES, "1"), "population": populations, "projection": projections}
    )


def climbing(dt: float) -> list[list[int]]:
    """Spikes of every climbing fibre, two to a microzone, in steps of their arrival at the synapse."""
    last = round((PARALLEL[-1] + AHEAD) * 1e-3 / dt)
    edge = last + round(WINDOW * 1e-3 / dt)
    own = [[last + lag] for lag in LAGS] + [[edge + lag] for lag in LAGS]
    own += [[], [round(time * 1e-3 / dt) for time in BURST], [round(time * 1e-3 / dt) for time in TWICE]]
    return [train for zone, times in enumerate(own) for train in (times, times if zone == ZONES - 1 else [])]


@functools.cache
def run(dt: float, target: Target, threads: int = 1) -> tuple[Connectome, Outcome]:
    wired = sample(circuit(dt), 3)
    late = round(4e-3 / dt)
    taught = sorted((step - late, fibre) for fibre, train in enumerate(climbing(dt)) for step in train)
    steps = np.array([round(time * 1e-3 / dt) for time in PARALLEL])
    events = {
        "mossy_fiber": Events(steps, np.zeros(len(steps), np.int32)),
        "inferior_olive": Events(np.array([a for a, _ in taught]), np.array([b for _, b in taught], np.int32)),
    }
    pulses = {f"{cell}_{name}": [Pulse(0.01, 0.2, CURRENT)] for name in HELD for cell in ("lif", "conductance_lif")}
    pulses |= {
        f"{cell}": [Pulse(0.01, 0.2, AT_ONCE)] for name in HELD for cell in (f"eglif_{name}", f"lif_{name}_at_once")
    }
    trial = Trial("learn", "write", 0.0, 0.24, (0.0, 0.24), True)
    return wired, simulate(wired, Schedule([trial], events, 0.24, pulses), target=target, threads=threads)


def fired(outcome: Outcome, population: str, dt: float) -> np.ndarray:
    return np.rint(outcome.spikes[population].time / dt).astype(int)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dt", STEPS)
def test_the_latency_of_a_path_is_the_sum_of_its_delays(dt: float, target: Target) -> None:
    """Over two relays, and to threshold beyond: 20 mV by 2 nA of 2 ms, which the closed form crosses after 1.58 ms."""
    _, outcome = run(dt, target)
    sent = np.array([round(time * 1e-3 / dt) for time in PARALLEL])
    np.testing.assert_array_equal(fired(outcome, "glomerulus", dt), sent + round(4e-3 / dt))
    np.testing.assert_array_equal(fired(outcome, "granule", dt), sent + round(5e-3 / dt))
    fine = np.linspace(0, 4e-3, 400_001)
    crossing = fine[np.argmax(2000e-12 * lif.psp({"tau_m": TAU, "C_m": CAPACITANCE}, 2e-3, fine) > 20e-3)]
    assert crossing == pytest.approx(1.58e-3, abs=1e-6)
    within = math.ceil(crossing / dt)  # seen at the end of the step in which it lies
    assert fired(outcome, "golgi", dt)[0] == sent[0] + round(5e-3 / dt) + within
    assert fired(outcome, "stellate", dt)[0] == sent[0] + round(10e-3 / dt) + within


@pytest.mark.parametrize("dt", STEPS)
def test_the_rate_engine_has_the_same_latencies(dt: float) -> None:
    """Relays alone: their rates are those of the fibre, as many steps of 0.5 ms later as the delays say."""
    if round(BIN / dt) * dt != pytest.approx(BIN):
        pytest.skip("the rate engine runs no circuit with a longer step than its own")
    tables = circuit(dt).model_dump(mode="json", by_alias=True)
    tables["population"] = {key: tables["population"][key] for key in ("mossy_fiber", "glomerulus", "granule")}
    tables["projection"] = {
        key: tables["projection"][key] for key in ("mossy_fiber_to_glomerulus", "glomerulus_to_granule")
    }
    wired = sample(Circuit.model_validate(tables), 1)
    module = rate_network.RateCircuit(wired, {})
    made = Schedule([], {"mossy_fiber": Events(np.array([round(5e-3 / dt)]), np.zeros(1, np.int32))}, 0.02)
    given = rate_network.given_rates(made, wired.circuit, module.tensor_options)
    state, rates = module.begin(), []
    with torch.no_grad():
        for step in range(40):
            rates.append({name: float(rate[0]) for name, rate in module(state, *module.driven(given, step)).items()})
    seen = {name: [step for step, rate in enumerate(rates) if rate[name] > 0] for name in rates[0]}
    assert seen == {"mossy_fiber": [10], "glomerulus": [18], "granule": [20]}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("name", HELD)
def test_cells_of_all_models_are_held_for_the_refractory_time(name: str, dt: float, target: Target) -> None:
    """2,000 pA into 100 pF, 10 ms, of which 200 pA are rheobase: the closed form's interval, each part rounded up."""
    _, outcome = run(dt, target)
    t_ref = HELD[name] * 1e-3
    held = math.floor(t_ref / dt + 0.5 + 1e-6)  # the nearest step, halves up
    rise = TAU * math.log(2000 / 1800)
    parameters = {key: one.si for key, one in circuit(dt).population["lif_two"].parameters.items()}
    assert 1 / lif.rate(parameters, CURRENT) == pytest.approx(3.0536e-3, abs=1e-7)
    for cell in ("lif", "conductance_lif"):
        intervals = np.diff(fired(outcome, f"{cell}_{name}", dt))
        assert len(intervals) > 20
        assert set(intervals) == {held + math.ceil(rise / dt)}, cell
    for cell in (f"eglif_{name}", f"lif_{name}_at_once"):
        assert set(np.diff(fired(outcome, cell, dt))) == {held + 1}, cell
    steps = round(0.19 / dt)
    for cell in ("lif", "conductance_lif", "eglif"):  # and the references in numpy, spike by spike
        own = {key: one.si for key, one in circuit(dt).population[f"{cell}_{name}"].parameters.items()}
        injected = np.full((steps, 1), AT_ONCE if cell == "eglif" else CURRENT)
        if cell == "lif":
            alone = np.flatnonzero(lif.respond(own, injected, own["E_L"], dt)[:, 0])
        else:
            model = MODELS[cell]
            assert model.respond is not None
            assert model.start is not None
            begin = model.start(own, 1, np.random.default_rng(1))
            alone = model.respond(own, {}, begin, injected, dt, None)[0]
        np.testing.assert_array_equal(alone + round(0.01 / dt), fired(outcome, f"{cell}_{name}", dt))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dt", STEPS)
def test_weights_learn_from_lags_in_the_window_alone(dt: float, target: Target) -> None:
    """Each parallel fibre's spike adds 1 pA and takes away 3 for each climbing one with 0 < lag <= 50 ms, edges too.

    Of the alpha kernel, 3 K(lag). Two fibres that fire in one step count twice.
    """
    _, outcome = run(dt, target)
    arrivals = np.array([round((time + AHEAD) * 1e-3 / dt) for time in PARALLEL])
    trains = climbing(dt)
    taught = [np.array([*trains[2 * zone], *trains[2 * zone + 1]]) for zone in range(ZONES)]
    lags = [(steps[:, None] - arrivals).ravel() * dt for steps in taught]
    inside = [lag[(lag > dt / 2) & (lag < WINDOW * 1e-3 + dt / 2)] for lag in lags]
    plain = [len(PARALLEL) - 3 * len(lag) for lag in inside]
    alpha = [len(PARALLEL) - 3 * (lag / 20e-3 * np.exp(1 - lag / 20e-3)).sum() for lag in inside]
    found = {name: (weights * 1e12 - 100) for name, weights in outcome.weights.items()}
    np.testing.assert_allclose(found["granule_to_purkinje"], plain, atol=1e-9)  # sums of whole numbers
    np.testing.assert_allclose(found["granule_to_molecular"], alpha, atol=1e-9)
    # The last spike's lags, about 0 and about 50 ms: only those inside take 3 away.
    of_last = [int(dt / 2 < one[-1] < WINDOW * 1e-3 + dt / 2) for one in lags[:10]]
    assert of_last == [0, 0, 0, 1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("name", SHORT_TERM)
def test_short_term_plasticity_is_tsodyks_and_markram_s(name: str, dt: float, target: Target) -> None:
    """First spikes of 40 cells of different thresholds, step by step, by the closed form of model and membrane."""
    wired, outcome = run(dt, target)
    U, tau_rec, tau_fac = SHORT_TERM[name]
    sent, used, free = [], 0.0, 1.0
    for number, time in enumerate(PARALLEL):
        if number:
            gap = time - PARALLEL[number - 1]
            used, free = used * math.exp(-gap / tau_fac), 1 - (1 - free) * math.exp(-gap / tau_rec)
        used += U * (1 - used)
        sent.append(used * free)
        free -= sent[-1]
    steps = np.arange(round(0.24 / dt))
    arrivals = [round((time + AHEAD) * 1e-3 / dt) for time in PARALLEL]
    membrane = {"tau_m": TAU, "C_m": CAPACITANCE}
    potential = np.zeros(len(steps))
    for amount, arrival in zip(sent, arrivals, strict=True):
        since = np.asarray((steps - arrival) * dt, dtype=np.float64)
        potential += amount * wired.weight[f"granule_to_{name}"] * lif.psp(membrane, 5e-3, since)
    threshold = wired.parameters[name]["V_th"]
    crossed = (potential[:, None] - 70e-3) > threshold
    expected = {cell: int(crossed[:, cell].argmax()) for cell in range(40) if crossed[:, cell].any()}
    spikes = outcome.spikes[name]
    assert dict(zip(spikes.cell.tolist(), fired(outcome, name, dt).tolist(), strict=True)) == expected
    assert len(expected) > 10
    assert len({step // round(5e-3 / dt) for step in expected.values()}) > 1  # not all at one arrival


# Two threads wait for each other many times a step: a minute and a half each on a busy machine.
@pytest.mark.parametrize("dt", [pytest.param(dt, marks=[] if dt == 1e-3 else pytest.mark.slow) for dt in STEPS])
def test_threads_and_targets_agree_to_the_last_spike(dt: float) -> None:
    one, two, plain = (
        run(dt, target, threads)[1] for target, threads in (("standalone", 1), ("standalone", 2), ("numpy", 1))
    )
    for other in (two, plain):
        for name, spikes in one.spikes.items():
            a, b = (np.lexsort((each.cell, each.time)) for each in (spikes, other.spikes[name]))
            np.testing.assert_array_equal(spikes.time[a], other.spikes[name].time[b])
            np.testing.assert_array_equal(spikes.cell[a], other.spikes[name].cell[b])
        for name, weights in one.weights.items():
            np.testing.assert_allclose(other.weights[name], weights, rtol=1e-12)


def test_a_relay_wants_a_step_of_delay() -> None:
    tables = circuit(1e-4).model_dump(mode="json", by_alias=True)
    tables["projection"]["mossy_fiber_to_glomerulus"]["delay"] = value(0, "ms")
    with pytest.raises(ValueError, match=r"mossy_fiber_to_glomerulus\.delay: found 0 ms; wanted a time step at least"):
        Circuit.model_validate(tables)
