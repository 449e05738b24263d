"""Learned weights against those worked out synapse by synapse from recorded spikes alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment.stimulus import schedule
from cerebellum.spiking.network import simulate, working_target


def by_hand(wired: Connectome, run: Outcome, name: str, chosen: np.ndarray, end: float) -> np.ndarray:
    """Weights of some synapses from the recorded spikes of both sides alone, A or S; plasticity on until `end` (s)."""
    learner = wired.circuit.projection[name]
    rule = learner.plasticity
    assert rule is not None
    teacher = wired.circuit.projection[rule.teacher]
    sent, taught = run.spikes[learner.source], run.spikes[teacher.source]
    edges, teaches = wired.edges[name], wired.edges[rule.teacher]
    out = []
    for synapse in chosen:
        sources = teaches.pre[teaches.post == edges.post[synapse]]
        climbing = np.concatenate([taught.time[taught.cell == source] for source in sources] or [[]]) + teacher.delay.si
        arrived = sent.time[sent.cell == edges.pre[synapse]] + learner.delay.si
        w = wired.weight[name]
        # A spike is learned when the kernel's support has passed.
        for step in rule.change(climbing[None, :] - arrived[arrived + rule.timing.support < end - 1e-9, None]):
            w = np.clip(w + step, rule.w_min.si, rule.w_max.si)
        out.append(w)
    return np.array(out)


def test_a_write_on_conductance_synapses_changes_them_as_the_rule_says(tmp_path: Path) -> None:
    """A tenth of the volume with short-term plasticity, the olive driven at 0.5 s."""
    learning, block = tmp_path / "learning.toml", tmp_path / "write.toml"
    naive = load_model("mouse_stp").projection["parallel_fiber_to_purkinje"].weight
    shares = {"potentiation": 0.01, "depression": 0.3, "w_min": 0.8, "w_max": 1.05}
    learning.write_text(
        "extends = 'mouse_stp'\n[projection.parallel_fiber_to_purkinje.plasticity]\n"
        "teacher = 'climbing_fiber_to_purkinje'\nkernel = { kind = 'sin_exp' }\n"
        "climbing_spikes = [4, '1', 'assumed: more than fall in one window']\n"
        + "".join(f"{key} = [{share * naive.number}, 'nS', 'assumed: x']\n" for key, share in shares.items())
    )
    block.write_text("extends = 'complex_spike'\n[block.complex_spike]\nplasticity = true\n")
    circuit = load_model(str(learning), {"scale": "0.1"})
    wired = sample(circuit, 2)
    made = schedule(load_protocol(str(block), {"block.complex_spike.trials": "1"}), wired, None, 2)
    name = "parallel_fiber_to_purkinje"
    run = simulate(wired, made, target=working_target("standalone"))
    chosen = np.arange(0, len(wired.edges[name]), 3)
    expected, rule = by_hand(wired, run, name, chosen, made.duration), circuit.projection[name].plasticity
    assert run.weights[name][chosen] == pytest.approx(expected, rel=1e-9, abs=0.0)
    assert expected.min() == rule.w_min.si  # depressed, and down to the bound
    assert rule.w_min.si < np.median(expected) < rule.w_max.si


@pytest.mark.slow
def test_every_rule_of_the_plastic_mouse_at_once(tmp_path: Path) -> None:
    """A tenth of the volume, climbing fibres at 5 Hz: weights onto Purkinje, stellate, basket and nuclear cells."""
    block = tmp_path / "on.toml"
    block.write_text("extends = 'background'\n[block.rest]\nplasticity = true\n")
    circuit = load_model("mouse_plastic", {"scale": "0.1"})
    plan = load_protocol(str(block), {"block.rest.stimulus.climbing.rate": "5"})
    wired = sample(circuit, 2)
    made = schedule(plan, wired, None, 2)
    run = simulate(wired, made, target=working_target("standalone"))
    assert len(run.weights) == 4
    for name, found in run.weights.items():
        chosen = np.arange(0, len(found), max(1, len(found) // 100))
        expected = by_hand(wired, run, name, chosen, made.duration)
        assert expected.std() > 1e-4 * expected.mean()
        assert found[chosen] == pytest.approx(expected, rel=1e-9, abs=0.0)
