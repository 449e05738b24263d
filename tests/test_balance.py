"""Solved weights: the threshold lies between theta - 1 and theta matches, inhibition cancels the common term."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from cerebellum.cells import lif
from cerebellum.connectome import weights as balances
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.connectome.weights import SolvedWeights, expected_active, matches_response, population_rate, solve
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.errors import ModelFileError
from cerebellum.readout.granule_code import code_of, matches

INPUT = "mossy_fiber_to_granule"


def solved(connectome: Connectome) -> SolvedWeights:
    return SolvedWeights(connectome.weight, connectome.resting_current)


@pytest.mark.parametrize("theta", [2, 3, 4])
def test_a_cell_of_four_dendrites_is_a_step_at_its_threshold(theta: int) -> None:
    # At the model's own 100 pA inhibition cannot set a threshold as low as two.
    settings = {
        "projection.golgi_to_granule.weight.matches": str(theta),
        "projection.mossy_fiber_to_granule.weight": "150",
        "projection.stellate_to_purkinje.weight": "[1, 'pA', 'assumed: plays no part here']",
    }
    circuit = load_model("jaeckel", settings)
    assert np.array_equal(matches_response(circuit, INPUT, solve(circuit)), np.arange(5) >= theta)


@pytest.mark.parametrize("small", [False, True])
def test_a_cell_of_all_lines_is_a_step_at_its_threshold(small: bool, kanerva_settings: dict[str, str]) -> None:
    circuit = load_model("kanerva", kanerva_settings if small else {})
    lines, theta = (64, 41) if small else (256, 147)
    response = matches_response(circuit, INPUT, solve(circuit))
    likely = binom.pmf(np.arange(lines + 1), lines, 0.5) > 1e-12  # what a random address can bring about
    assert np.array_equal(response[likely], (np.arange(lines + 1) >= theta)[likely])
    assert response[-1] >= 1  # an address that the cell knows whole


def test_the_threshold_lies_half_an_input_below_theta(circuit: Circuit, connectome: Connectome) -> None:
    cell = circuit.population["granule"].si()
    tau = circuit.population["granule"].receptor["excitatory"].tau.si
    rest = cell["E_L"] - cell["tau_m"] / cell["C_m"] * connectome.resting_current["granule"]["tonic"]
    peak = rest + 3.5 * connectome.weight[INPUT] * lif.psp_peak(cell, tau)
    assert peak == pytest.approx(cell["V_th"], abs=1e-9)


def test_golgi_cells_hold_the_inhibition_that_was_solved(connectome: Connectome) -> None:
    """The sampled Golgi cells, stepped for two seconds, carry the tonic current that the threshold rests on."""
    circuit, dt = connectome.circuit, 1e-4
    cells = connectome.parameters["golgi"]
    start = cells["V_reset"] + connectome.start["golgi"] * (cells["V_th"] - cells["V_reset"])
    spikes = lif.respond(cells, np.zeros((20_000, 1)), start, dt)
    rate = spikes.mean() / dt
    assert rate == pytest.approx(float(population_rate(circuit.population["golgi"], np.array(0.0))), rel=0.03)
    tau = circuit.population["granule"].receptor["tonic"].tau.si
    carried = spikes.sum() / 2.0 * connectome.weight["golgi_to_granule"] * tau
    assert carried == pytest.approx(
        connectome.resting_current["granule"]["tonic"], rel=0.03
    )  # 22 spikes a cell, one more or less


def test_expected_active_cells_are_those_of_random_addresses(connectome: Connectome) -> None:
    circuit = connectome.circuit
    addresses = np.random.default_rng(1).random((200, 256)) < 0.5
    code = code_of(circuit)
    found = (matches(connectome, code, addresses) >= code.threshold).sum(axis=1)
    expected = expected_active(circuit, INPUT, solved(connectome))
    assert expected == pytest.approx(800 / 16)
    # Cells of one connectome share lines, so addresses differ more than binomially: the spread is measured.
    assert found.mean() == pytest.approx(expected, abs=4 * found.std() / np.sqrt(200))


def test_naive_purkinje_cells_keep_their_rate_under_average_volleys(circuit: Circuit, connectome: Connectome) -> None:
    """Feed-forward inhibition of the solved weight cancels parallel-fibre excitation of naive weight.

    Stepped with sampled cells, each with its own current and phase, and volleys of the expected number of cells.
    """
    wired, dt = sample(circuit, 5), circuit.dt
    steps, begin = 14_000, 4_000
    volley = np.zeros(steps)
    volley[begin::200] = expected_active(circuit, INPUT, solved(connectome))  # 50 Hz

    def low_pass(spikes: np.ndarray, tau: float, delay: float) -> np.ndarray:
        out, now, late = np.empty(steps), 0.0, np.roll(spikes, round(delay / dt))
        for step in range(steps):
            now = now * np.exp(-dt / tau) + late[step]
            out[step] = now
        return out

    def fired(name: str, current: np.ndarray) -> np.ndarray:
        p = wired.parameters[name]
        start = p["V_reset"] + wired.start[name] * (p["V_th"] - p["V_reset"])
        return lif.respond(p, current[:, None], start, dt)

    w = connectome.weight
    stellate = fired("stellate", w["parallel_fiber_to_stellate"] * low_pass(volley, 20e-3, 1e-3)).sum(axis=1)
    excitation = w["parallel_fiber_to_purkinje"] * low_pass(volley, 5e-3, 1e-3)
    inhibition = w["stellate_to_purkinje"] * low_pass(stellate, 5e-3, 1e-3)
    purkinje = fired("purkinje", excitation - inhibition)
    before, during = (purkinje[a:b].mean() / dt for a, b in ((2_000, 4_000), (4_000, 14_000)))
    alone = fired("purkinje", excitation - inhibition[2_000:4_000].mean())[4_000:].mean() / dt
    assert alone - before > 15  # what has to be cancelled, Hz
    # 128 cells for 0.2 s at some 70 Hz: one spike more or less in a cell is 5 Hz, on average over cells 0.4 Hz;
    # the volleys themselves and the cells' sampled currents add about as much again.
    assert abs(during - before) < 2.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"projection.golgi_to_granule.weight.matches": "1"},
            ["golgi_to_granule.weight.matches", "found 1", "at least 3"],
        ),
        (
            {"population.golgi.parameters.I_e": "0"},
            ["golgi_to_granule.weight", "silent", "population.golgi.parameters.I_e"],
        ),
        (
            {"projection.mossy_fiber_to_granule.weight": "0"},
            ["golgi_to_granule.weight.matches", "wanted a larger projection.mossy_fiber_to_granule.weight"],
        ),
        ({"projection.parallel_fiber_to_stellate.weight": "0"}, ["stellate_to_purkinje.weight"]),
        (
            {"population.purkinje.parameters.I_e": "0"},
            ["stellate_to_purkinje.weight", "population.purkinje.parameters.I_e"],
        ),
    ],
)
def test_a_circuit_that_cannot_be_balanced_says_what_to_change(settings: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ModelFileError) as caught:
        solve(load_model("jaeckel", settings))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_cancelling_weight_needs_granule_cells_that_count_matches(circuit: Circuit) -> None:
    tables = circuit.model_dump(mode="json", by_alias=True)
    tables["projection"][INPUT]["rule"] = {"kind": "convergence", "convergence": [4, "1", "assumed: x"]}
    tables["projection"]["golgi_to_granule"]["weight"] = [1.0, "pA", "assumed: x"]
    with pytest.raises(ModelFileError, match=r"population\.granule: .*dendrites"):
        solve(Circuit.model_validate(tables))


def test_solving_twice_gives_the_same_weights(circuit: Circuit, connectome: Connectome) -> None:
    again = solve(circuit)
    assert again == solved(connectome)
    assert balances.PHASES.min() >= 0


def test_rare_volleys_cancel_as_lone_ones_do_and_in_seconds() -> None:
    rate = "projection.stellate_to_purkinje.weight.volley_rate"
    lone, rare = (
        solve(load_model("jaeckel", {rate: hertz})).weight["stellate_to_purkinje"] for hertz in ("10", "0.01")
    )
    assert rare == lone


@pytest.mark.slow
def test_volleys_that_are_taken_for_lone_ones_hardly_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second apart, against the tenth of one that is simulated."""
    settings = {"projection.stellate_to_purkinje.weight.volley_rate": "2"}
    near = solve(load_model("jaeckel", settings)).weight["stellate_to_purkinje"]
    monkeypatch.setattr(balances, "APART", 1.0)
    monkeypatch.setattr(balances, "_SOLVED", {})
    far = solve(load_model("jaeckel", settings)).weight["stellate_to_purkinje"]
    assert near != far
    assert near == pytest.approx(far, rel=0.02)
