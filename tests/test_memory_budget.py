"""Stages, rates and pauses of the mouse's budget, on spikes made up, against counts trial by trial."""

from __future__ import annotations

import numpy as np
import pytest

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.spikes import Spikes
from cerebellum.results.result import Result
from cerebellum.simulation import engines
from cerebellum.simulation.prepare import prepare
from cerebellum.simulation.run import read_off

budget = pytest.importorskip("analysis.mouse_memory.memory_budget", reason="claim modules run from a checkout")
SETTINGS = {
    "scale": "0.3",
    "microzones": "7",
    "patterns.count": "2",
    "patterns.active": "6",
    "projection.parallel_fiber_to_purkinje.rule.convergence": "1000",
    "block.write.repeats": "1",
    "block.read.noise": "[0, 1]",
}


@pytest.fixture(scope="module")
def made_up() -> Result:
    """Poisson spikes of every population, and weights that know nothing: 2 patterns, 4 microzones."""
    experiment = prepare("mouse_recall", "mouse_memory", 1, SETTINGS)
    circuit, rng, spikes = experiment.circuit, np.random.default_rng(1), {}
    for name in circuit.population:
        number = rng.poisson(circuit.size(name) * 20.0 * experiment.schedule.duration)
        times = np.sort(rng.random(number)) * experiment.schedule.duration
        spikes[name] = Spikes(times, rng.integers(0, circuit.size(name), number).astype(np.int32), circuit.dt)
    size = {name: circuit.size(name) for name in circuit.population}
    weights = {budget.PLASTIC: rng.random(len(experiment.connectome.edges[budget.PLASTIC])) * 1e-10}
    result = Result(
        circuit, experiment.protocol, experiment.schedule, experiment.patterns, connectome=experiment.connectome
    )
    result.outcomes["spiking"] = Outcome(size, spikes=spikes, weights=weights)
    read_off(result, experiment, [engines.engine("spiking")], 1)
    return result


def test_stages_are_the_summary_s(made_up: Result) -> None:
    stages, found = budget.stages(made_up), made_up.summary["agreement"]
    assert list(stages) == list(budget.STAGES)
    for name in ("purkinje", "nuclear"):
        assert stages[name]["all"] == pytest.approx(found[f"{name}_vs_sdm"]["identity"])
        assert stages[name]["others"] == pytest.approx(found[f"{name}_vs_sdm"]["others"]["identity"])
    assert stages["purkinje"]["all"] < 0.5  # they know nothing


def test_rates_and_pauses_are_counted_by_microzone(made_up: Result) -> None:
    body = budget.physiology(made_up)
    cells, zones = made_up.circuit.size("purkinje"), made_up.circuit.zones
    rate = {}
    for role in ("baseline", "write", "read"):
        spikes, each = made_up.spikes["purkinje"], []
        for trial in made_up.schedule.of(role):
            start, stop = trial.window
            each.append(np.bincount(spikes.cell[spikes.within(start, stop)], minlength=cells) / (stop - start))
        rate[role] = np.array(each)
        assert body["rates"]["purkinje"][role] == pytest.approx(rate[role].mean())
    zone = np.arange(cells) * zones // cells

    def mean(values: np.ndarray) -> np.ndarray:
        return np.array([[row[zone == z].mean() for z in range(zones)] for row in values])

    change = mean(rate["read"] - rate["baseline"].mean(axis=0))
    ones = made_up.recalled.pointers[made_up.recalled.target]
    assert body["below"] == pytest.approx((change[ones] < 0).mean())
    assert body["ones"]["purkinje"] == pytest.approx(change[ones].mean())
    assert body["zeros"]["purkinje"] == pytest.approx(change[~ones].mean())
    shown = mean(np.concatenate([rate["write"], rate["read"]]))
    assert (body["lowest"], body["highest"]) == pytest.approx((shown.min(), shown.max()))


def test_noise_falls_as_one_over_size() -> None:
    """1 / r2 = (1 + noise / size) / limit, exactly."""
    sizes = [1.0, 2.0, 4.0, 8.0]
    assert budget.limit(sizes, [0.9 / (1 + 0.5 / n) for n in sizes]) == pytest.approx(0.9)


def test_parts_of_a_run_end_in_the_whole(made_up: Result) -> None:
    whole = made_up.summary["agreement"]["purkinje_vs_sdm"]["r2"]
    found = budget.by_cells(made_up, [0.5, 1.0], np.random.default_rng(1), draws=2)
    assert found["purkinje"][1] == pytest.approx(whole)
    assert budget.by_read_time(made_up, [0.49])["purkinje"][0] == pytest.approx(whole, abs=1e-6)
