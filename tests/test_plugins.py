"""What another package adds by entry points, and populations of any name: `show`, and both engines with figures.

The package lies in tests/plugin; its entry points are those of a distribution's metadata beside it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_plasticity import pairing, rule_of, run_pairs

import cerebellum
from cerebellum.connectome.connectome import degrees, expected_synapses, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.plasticity import PLASTICITY_RULES
from cerebellum.description.protocol import load_protocol
from cerebellum.description.stimulus import STIMULI
from cerebellum.description.wiring import WIRING_RULES
from cerebellum.errors import CerebellumError, ModelFileError, ProtocolFileError
from cerebellum.experiment.stimulus import schedule
from cerebellum.plugins import Registry
from cerebellum.rate import transfer
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.time_step import BIN

PLUGIN = Path(__file__).parent / "plugin"
MODEL, PROTOCOL = str(PLUGIN / "interneurons.toml"), str(PLUGIN / "modulated.toml")
REGISTRIES = (WIRING_RULES, STIMULI, PLASTICITY_RULES)
PLASTIC = "granule_to_purkinje"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package as if installed; a process looks for entry points once, so registries forget what they found."""

    def forget() -> None:
        for registry in REGISTRIES:
            for name in registry.__dict__.pop("others", ()):
                registry.loaded.pop(name, None)

    forget()
    monkeypatch.syspath_prepend(str(PLUGIN))
    yield
    forget()


def test_show_says_what_is_in_such_a_model() -> None:
    """In a process of its own, as a user has it."""
    found = subprocess.run(
        [sys.executable, "-m", "cerebellum", "show", MODEL],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(PLUGIN), os.environ.get("PYTHONPATH", "")])},
        cwd=PLUGIN.parents[1], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    for word in ("mli1", "mli2", "divergence", "180"):
        assert word in found.stdout


def test_without_the_package_its_kinds_are_unknown_and_the_known_ones_listed() -> None:
    with pytest.raises(ModelFileError, match=r"granule_to_mli1\.rule: wanted kind = 'dendrites', .*; found 'diverg"):
        load_model(MODEL)
    with pytest.raises(ProtocolFileError, match=r"modulated\.stimulus\.mossy: wanted kind = 'volley', .*'sinusoidal"):
        load_protocol(PROTOCOL)


@pytest.mark.usefixtures("plugin")
def test_a_fault_in_a_table_of_another_package_names_its_place() -> None:
    key = "projection.granule_to_mli1.rule.divergence"
    with pytest.raises(ModelFileError, match=rf"{key}: found 2\.5; wanted a whole number"):
        load_model(MODEL, {key: "2.5"})
    with pytest.raises(ModelFileError, match=rf"{key}: found 11; mli1 has fewer cells"):
        load_model(MODEL, {key: "11"})
    with pytest.raises(ModelFileError, match=r"plasticity\.climbing_spikes: found 0; wanted at least 1"):
        load_model(MODEL, {f"projection.{PLASTIC}.plasticity.climbing_spikes": "0"})
    with pytest.raises(ProtocolFileError, match=r"stimulus\.mossy: ends at 500 ms, after the 400 ms trial"):
        load_protocol(PROTOCOL, {"block.modulated.stimulus.mossy.duration": "500"})


def test_a_package_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry("wiring rule", "cerebellum.wiring_rules", {})
    monkeypatch.syspath_prepend(str(PLUGIN))
    monkeypatch.setitem(sys.modules, "cerebellum_plugin.wiring", None)
    with pytest.raises(CerebellumError, match=r"wiring rule 'divergence' of entry point 'cerebellum_plugin\.wiring"):
        registry["divergence"]


@pytest.mark.usefixtures("plugin")
def test_a_dumped_model_and_protocol_are_the_same_again() -> None:
    circuit, plan = load_model(MODEL), load_protocol(PROTOCOL)
    assert Circuit.model_validate(circuit.model_dump(mode="json", by_alias=True)) == circuit
    assert type(plan).model_validate(plan.model_dump(mode="json")) == plan


@pytest.mark.usefixtures("plugin")
def test_its_wiring_rule_draws_what_it_says() -> None:
    wired = sample(load_model(MODEL), 1)
    assert all(len(edges) == expected_synapses(wired.circuit)[name] for name, edges in wired.edges.items())
    found = {degree.projection: degree for degree in degrees(wired)}
    assert (found["mli2_to_mli1"].divergence_mean, found["mli2_to_mli1"].divergence_sd) == (5.0, 0.0)


@pytest.mark.usefixtures("plugin")
def test_its_stimulus_goes_up_and_down() -> None:
    """Spikes in the rising halves of the cycles over those in the falling ones: (1 + 2 d / pi) / (1 - 2 d / pi)."""
    long = {"block.modulated.trial_duration": "40000", "block.modulated.stimulus.mossy.duration": "40000"}
    plan, wired = load_protocol(PROTOCOL, long), sample(load_model(MODEL), 1)
    step = schedule(plan, wired, None, 1).events["fibre"].step
    up = int((step % 1000 < 500).sum())
    assert len(step) == pytest.approx(40 * 40 * 20, rel=0.03)
    assert up / len(step) == pytest.approx(0.5 + 0.8 / np.pi, abs=0.01)


@pytest.mark.usefixtures("plugin")
def test_its_plasticity_rule_sees_the_weight_in_the_spiking_engine() -> None:
    circuit = pairing({**rule_of("rectangular", spikes=2), "kind": "soft_bounds"}, 3)
    parallel, climbing = [100, 200, 300], {0: [], 1: [250], 2: [250, 270]}  # steps of 0.1 ms
    run = run_pairs(
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
            w = float(np.clip(w + rule.change(np.array([(t + 30 - step) * 1e-4 for t in train]), w), 0.0, 32e-12))
        expected.append(w)
    assert run.weights["parallel_fiber_to_purkinje"] == pytest.approx(expected, abs=1e-19)
    # The first step up is of the room above 10 pA, not of the whole range.
    assert float(rule.change(np.array([]), 10e-12)) == pytest.approx(4e-12 * 22 / 32)


@pytest.mark.usefixtures("plugin")
def test_its_plasticity_rule_sees_the_weight_in_the_rate_engine() -> None:
    """Under constant rates weights come to rest where both changes are equal, wherever they begin."""
    tensor_options: dict[str, Any] = {"dtype": torch.float64, "device": torch.device("cpu")}
    wired = sample(load_model(MODEL), 1)
    begin = torch.linspace(0, 1e-9, len(wired.edges[PLASTIC]), **tensor_options)
    synapses = PlasticSynapses(wired, PLASTIC, begin, [(0.0, 100.0)], tensor_options)
    active, taught = torch.full((60,), 50.0, **tensor_options), torch.full((4,), 2.0, **tensor_options)
    for step in range(round(20 / BIN)):
        synapses.learn(step, active, taught)
    up, down = 0.02, 0.2 * 2.0 * 0.05
    np.testing.assert_allclose(synapses.weight.numpy() * 1e9, up / (up + down), rtol=1e-3)


@pytest.mark.usefixtures("plugin")
def test_both_engines_run_it_with_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(transfer, "CELLS", 60)  # cells measured: few, as only the run is of interest here
    monkeypatch.setattr(transfer, "DURATION", 1.0)
    monkeypatch.setenv("CEREBELLUM_CACHE", str(tmp_path / "cache"))
    result = cerebellum.run(PROTOCOL, MODEL, "both", target="numpy", out=tmp_path / "run")
    for name in ("mli1", "mli2", "purkinje"):
        assert len(result.spikes[name]) > 0
        assert float(result.rates[name].mean.mean()) > 0
    for outcome in result.outcomes.values():
        assert outcome.weights[PLASTIC].std() > 0
        assert outcome.weights[PLASTIC].min() > 0
        assert outcome.weights[PLASTIC].max() < 1e-9
    drawn = {path.name for path in (tmp_path / "run" / "figures").iterdir()}
    assert {"circuit.png", "activity.png", "engines.png"} <= drawn
    again = cerebellum.run(PROTOCOL, MODEL, "rate", draws=2)
    assert again.rates["mli1"].cells.shape == result.rates["mli1"].cells.shape
