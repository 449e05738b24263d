"""What learning leaves: weights at the ends of blocks, runs that go on from them, and plans that compile nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from test_plasticity import pairing, rule_of

import cerebellum
from cerebellum import plotting
from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.errors import InputError, UnknownNameError
from cerebellum.experiment.schedule import Events, Schedule, Trial
from cerebellum.machine import cache
from cerebellum.plotting import learning
from cerebellum.results import Result, open_run, trials, weights
from cerebellum.spiking.network import Target, simulate

NAME, DT = "parallel_fiber_to_purkinje", 1e-4
Pairs = list[tuple[int, int]]


def plan(lengths: Sequence[tuple[int, bool]], parallel: Pairs, climbing: Pairs) -> Schedule:
    """Blocks of so many steps, and whether they learn; spikes as (step, cell)."""
    trials, now = [], 0
    for number, (steps, plastic) in enumerate(lengths):
        span = (now * DT, (now + steps) * DT)
        trials.append(Trial(f"block_{number}", "other", *span, span, plastic))
        now += steps

    def events(pairs: Pairs) -> Events:
        ordered = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
        return Events(ordered[:, 0], ordered[:, 1].astype(np.int32))

    return Schedule(trials, {"granule": events(parallel), "inferior_olive": events(climbing)}, now * DT)


PLANS = {
    "long": plan(
        [(500, True), (300, False), (1000, True), (100, False), (900, True), (600, True)],
        [(100, 0), (489, 0), (490, 0), (700, 1), (1200, 0), (1200, 1), (2000, 0), (2795, 1), (2800, 1), (3300, 0)],
        [(480, 1), (1230, 0), (2790, 1)],
    ),
    "short": plan([(700, True)], [(100, 0)], []),
    "still": plan([(300, False)], [], [(5, 0)]),
}


@pytest.fixture(scope="module")
def wired() -> Connectome:
    return sample(pairing(rule_of("rectangular", top=100.0), 2), 1)


def expected(made: Schedule, start: float = 10.0) -> dict[str, list[float]]:
    """Weights (pA) at the end of every plastic block by counting: +4 a spike, -8 if a climbing spike comes in 50 ms."""
    climbing = {cell: [s + 40 for s, c in spikes(made, "inferior_olive") if c == cell] for cell in (0, 1)}
    weight, out = {0: start, 1: start}, {}
    for trial in made.trials:
        first, last = round(trial.start / DT), round(trial.stop / DT)
        for step, cell in spikes(made, "granule"):
            if trial.plasticity and first <= step + 10 < last and step + 10 + 500 < made.duration / DT:
                taught = any(0 < s - step - 10 <= 500 for s in climbing[cell])
                weight[cell] = max(0.0, weight[cell] + (4 - 8 * taught))
        if trial.plasticity:
            out[trial.block] = [weight[0], weight[1]]
    return out


def spikes(made: Schedule, population: str) -> list[tuple[int, int]]:
    events = made.events[population]
    return list(zip(events.step.tolist(), events.cell.tolist(), strict=True))


def check(outcome: Outcome, made: Schedule, start: float = 10.0) -> None:
    found = {block: (kept * 1e12).tolist() for block, kept in outcome.snapshots[NAME].items()}
    assert found == {block: pytest.approx(kept) for block, kept in expected(made, start).items()}


@pytest.mark.parametrize("name", PLANS)
def test_every_plastic_block_leaves_its_weights(name: str, wired: Connectome) -> None:
    check(simulate(wired, PLANS[name], target="numpy"), PLANS[name])


def test_another_plan_of_trials_compiles_nothing(wired: Connectome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other trials, spikes, durations, switches of plasticity and weights at the begin: all data."""
    check(simulate(wired, PLANS["long"]), PLANS["long"])

    def refuse(kind: str, name: str, content: bytes) -> None:
        raise AssertionError(f"{kind} {name} was made anew")

    monkeypatch.setattr(cache, "keep", refuse)
    target: Target = "standalone"
    check(simulate(wired, PLANS["short"], target=target), PLANS["short"])
    check(simulate(wired, PLANS["still"], target=target), PLANS["still"])
    learned = replace(wired, learned={NAME: np.array([20e-12, 20e-12])})
    check(simulate(learned, PLANS["long"], target=target), PLANS["long"], 20.0)


def test_weights_of_a_run_are_kept_and_read_again(wired: Connectome, tmp_path: Path) -> None:
    done = simulate(wired, PLANS["long"], target="numpy")
    weights.write(done, wired, tmp_path / "weights.npz")
    kept = weights.read(tmp_path / "weights.npz")[NAME]
    assert list(kept) == ["block_0", "block_2", "block_4", "block_5", "end"]
    assert (kept["end"] == done.weights[NAME]).all()  # to the last bit
    for block, found in done.snapshots[NAME].items():
        assert kept[block] == pytest.approx(found, rel=1e-7)
    summed = weights.summary(done, wired)[NAME]["blocks"]
    assert list(summed) == ["begin", "block_0", "block_2", "block_4", "block_5"]
    assert summed["begin"] == {**summed["begin"], "mean": pytest.approx(10e-12), "sd": pytest.approx(0)}
    assert sum(summed["block_5"]["histogram"]) == pytest.approx(1)


def test_other_synapses_are_refused_in_one_line(wired: Connectome, tmp_path: Path) -> None:
    done = simulate(wired, PLANS["short"], target="numpy")
    weights.write(done, wired, tmp_path / "weights.npz")
    seed, found, wiring = weights.of_run(tmp_path)
    assert seed == 1
    weights.refuse_other(wired, found, wiring, "there")
    larger = sample(pairing(rule_of("rectangular"), 3), 1)
    for other, words in ((larger, "has other synapses there (2; here 3)"),):
        with pytest.raises(InputError) as caught:
            weights.refuse_other(other, found, wiring, "there")
        assert words in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(InputError, match=r"--from .*: wanted a run folder with a weights\.npz"):
        weights.of_run(tmp_path / "nothing")
    (tmp_path / "weights.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match="damaged"):
        weights.of_run(tmp_path)


def test_a_model_that_learns_nothing_refuses_learned_weights(tmp_path: Path) -> None:
    plastic = cerebellum.load_model("mouse_plastic", {"scale": "0.05"})
    still = sample(cerebellum.load_model("mouse", {"scale": "0.05"}), 1)
    wired = sample(plastic, 1)
    name = "parallel_fiber_to_purkinje"
    with pytest.raises(InputError, match=f"{name} learned there and learns nothing in this model"):
        weights.refuse_other(still, {name: wired.weights_at_begin(name)}, {name: weights.wiring(wired, name)}, "there")


def test_a_run_goes_on_from_another(finished: tuple[Result, Path], small_settings: dict[str, str]) -> None:
    """Of the small memory: the same connectome under another seed's stimuli, from the weights as they were left."""
    first, out = finished
    kept = cerebellum.open_run(out).plastic_weights["parallel_fiber_to_purkinje"]
    assert (kept["end"] == first.plastic["parallel_fiber_to_purkinje"]).all()
    begun: dict[str, Connectome] = {}

    def stop(connectome: Connectome, schedule: Schedule, **_: object) -> None:
        begun["here"] = connectome
        raise InputError("far enough")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cerebellum.spiking.network.simulate", stop)
        with pytest.raises(InputError, match="far enough"):
            cerebellum.run("recall", "jaeckel", seed=2, settings=small_settings, start_from=out)
    assert begun["here"].seed == 1
    assert (begun["here"].weights_at_begin("parallel_fiber_to_purkinje") == kept["end"]).all()
    with pytest.raises(InputError, match="the volley engine writes all weights anew"):
        cerebellum.run("recall", "jaeckel", "volley", settings=small_settings, start_from=out)
    with pytest.raises(InputError, match=r"has other synapses there"):
        cerebellum.run(
            "recall", "jaeckel", settings=small_settings | {"population.granule.count": "700"}, start_from=out
        )


def test_curves_and_weights_are_drawn(finished: tuple[Result, Path]) -> None:
    result, out = finished
    assert (out / "figures" / "learning.svg").exists()
    table = trials.columns(result)
    figure = learning.curves_figure(result)
    lines = [line for line in figure.axes[0].lines if not str(line.get_label()).startswith("_")]
    shown = sum(len(np.asarray(line.get_xdata())) for line in lines)
    assert shown == int((~np.isnan(table["purkinje.window"])).sum())
    left, right = Figure().subplots(1, 2)
    plotting.plastic_weights(open_run(out), left)
    histogram = result.summary["learning"]["parallel_fiber_to_purkinje"]["blocks"]
    drawn = [stairs.get_data().values.tolist() for stairs in left.patches]
    assert drawn == [histogram["begin"]["histogram"], histogram["write"]["histogram"]]
    assert "(pA)" in left.get_xlabel()
    with pytest.raises(UnknownNameError, match=r"no projection that learned named 'x'; there is: parallel_fiber"):
        plotting.plastic_weights(result, right, "x")
