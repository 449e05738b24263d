"""Cells and receptors of another package, by entry points alone: AdEx cells with AMPA and NMDA receptors."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cerebellum
from cerebellum.cells import MODELS, RECEPTORS
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.errors import ModelFileError
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.plugins import Registry
from cerebellum.rate import transfer
from cerebellum.rate.membrane import Membrane
from cerebellum.spiking.network import simulate, working_target

PLUGIN = Path(__file__).parent / "plugin"
MODEL, PROTOCOL = str(PLUGIN / "adex_nmda.toml"), str(PLUGIN / "poisson.toml")
ENTRY_POINTS = """
[cerebellum.cells]
adex = plugin.adex:MODEL
[cerebellum.receptors]
nmda = plugin.nmda:NMDA
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that makes the plug-in an installed package; known to this process while the module's tests run."""
    site = tmp_path_factory.mktemp("site")
    info = site / "lab_cells-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-cells\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    registries = [one for one in (MODELS, RECEPTORS) if isinstance(one, Registry)]
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        for registry in registries:
            patch.setattr(registry, "loaded", {})
            vars(registry).pop("others", None)
        yield site
    for registry in registries:
        vars(registry).pop("others", None)


@pytest.fixture(scope="module")
def circuit(installed: Path) -> Circuit:
    return load_model(MODEL)


@pytest.fixture(scope="module")
def wired(circuit: Circuit) -> Connectome:
    return sample(circuit, 3)


def test_a_model_file_names_cells_and_receptors_of_other_packages(circuit: Circuit) -> None:
    golgi = circuit.population["golgi"]
    assert MODELS[golgi.cell].name == "adex"
    receptors = golgi.receptor_models()
    assert {name: type(one).__name__ for name, one in receptors.items()} == {
        "ampa": "AlphaConductance", "nmda": "NMDA", "inhibitory": "AlphaConductance",
    }  # fmt: skip
    assert receptors["nmda"].magnesium == pytest.approx(1.0)  # mol/m3
    again = Circuit.model_validate(circuit.model_dump(by_alias=True, exclude_none=True))
    assert again.population["golgi"].receptor_models() == receptors
    assert pickle.loads(pickle.dumps(circuit)).population["golgi"].receptor_models() == receptors


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"population.golgi.receptor.nmda.tau_decay": "0"}, ["receptor.nmda.tau_decay", "found 0 ms", "more than 0"]),
        ({"population.golgi.receptor.nmda.magnesium": "[1, 'mV', 'assumed: x']"}, ["magnesium", "concentration"]),
        ({"population.golgi.receptor.nmda.kind": "exponential"}, ["receptor.nmda", "tau_rise", "unknown key"]),
        (
            {"population.golgi.receptor.nmda.kind": "ampa"},
            ["receptor.nmda.kind", "no receptor kind", "two_decays_magnesium, nmda"],
        ),
        ({"population.golgi.start": "spread"}, ["population.golgi", "V_reset and V_th", "'adex'"]),
    ],
)
def test_faults_of_a_plug_ins_keys_are_told_with_their_place(settings: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ModelFileError) as error:
        load_model(MODEL, settings)
    for word in words:
        assert word in str(error.value)


def test_the_mean_of_a_receptor_is_the_same_in_both_engines() -> None:
    """A steady rate as one arrival a step, ten steps in each of the rate engine's, against its closed form."""
    from plugin.nmda import NMDA

    nmda, dt, rate = NMDA(sign=1, tau_rise=5e-3, tau_decay=60e-3, reversal=0.0), 5e-5, 40.0
    from cerebellum.cells.conductances import Conductances

    fine, course = Conductances({"x": nmda}, 1, dt), []
    for _ in range(4000):
        course.append(float(fine.advance(np.array([0.2]))[0][0]))  # the block is all but gone at 200 mV
        fine.arrive("x", np.array([0]), np.array([rate * dt]))
    coarse = nmda.gated(nmda.course(np.full((400, 1), rate), 10 * dt), 0.2)[:, 0]
    np.testing.assert_allclose(np.reshape(course, (-1, 10)).mean(axis=1)[5:], coarse[5:], rtol=2e-2)
    assert coarse[-1] == pytest.approx(rate * nmda.scale * (60e-3 - 5e-3), rel=0.05)


def test_magnesium_blocks_at_rest_and_not_when_depolarised() -> None:
    """Jahr and Stevens' 1 / (1 + [Mg] exp(-0.062 V / mV) / 3.57), in numpy and torch."""
    from plugin.nmda import NMDA

    nmda, v = NMDA(sign=1, tau_rise=5e-3, tau_decay=60e-3, reversal=0.0, magnesium=1.0), np.array([-70e-3, 0.0])
    wanted = 2.0 / (1 + np.exp(-62.0 * v) / 3.57)
    np.testing.assert_allclose(nmda.gated(2.0, v), wanted, rtol=1e-12)
    np.testing.assert_allclose(nmda.gated(2.0, torch.as_tensor(v), torch).numpy(), wanted, rtol=1e-12)
    assert wanted[0] < 0.1 < 1.5 < wanted[1]


@pytest.mark.parametrize("target", ["standalone", "numpy"])
def test_spikes_are_those_of_the_plug_ins_own_reference(wired: Connectome, target: str) -> None:
    """0.6 s of 40 cells that inhibit each other: step by step the same, given the spikes that the engine carried."""
    rng = np.random.default_rng(5)
    step, cell = np.nonzero(rng.random((6000, 60)) < 0.003)
    made = Schedule([], {"mossy_fiber": Events(step, cell.astype(np.int32))}, 0.6)
    run = simulate(wired, made, target=working_target(target))  # type: ignore[arg-type]
    arrivals: dict[int, list[tuple[str, np.ndarray, np.ndarray]]] = {}
    for name, projection in wired.circuit.projection.items():
        edges, sent = wired.edges[name], run.spikes[projection.source]
        for at, who in zip(np.rint(sent.time / 1e-4).astype(int), sent.cell, strict=True):
            post = edges.post[edges.pre == who]
            weights = np.full(len(post), wired.weight[name])
            arrivals.setdefault(at + 20, []).append((projection.receptor, post, weights))
    golgi = wired.circuit.population["golgi"]
    model: Any = MODELS["adex"]
    parameters = golgi.si()
    state = model.start(parameters, 40, rng)
    fired, who = model.respond(parameters, golgi.receptor_models(), state, np.zeros((6000, 1)), 1e-4, arrivals)
    found = run.spikes["golgi"]
    assert len(fired) > 200
    order = np.lexsort((found.cell, np.rint(found.time / 1e-4)))
    np.testing.assert_array_equal(np.rint(found.time[order] / 1e-4), fired)
    np.testing.assert_array_equal(found.cell[order], who)


def test_the_rate_form_takes_the_references_steps(circuit: Circuit) -> None:
    """Voltage below the upswing under all three receptors, in the rate engine's step: one against the other."""
    golgi = circuit.population["golgi"]
    parameters, receptors = golgi.si(), golgi.receptor_models()
    membrane = Membrane("adex", parameters, receptors, {"dtype": torch.float64, "device": "cpu"})
    v, slow = membrane.begin(1)
    given = {"ampa": 4e-9, "nmda": 20e-9, "inhibitory": 1e-9}
    p, u, w, dt = parameters, parameters["E_L"], 0.0, 1e-6
    for _ in range(60):  # of 0.5 ms; the plain equations at a five hundredth of it
        moved = membrane.advance(v, slow, {name: torch.tensor([g]).double() for name, g in given.items()})
        v, slow = moved, membrane.advance_slow(slow, v, moved)
        for _ in range(500):
            block = 1 / (1 + np.exp(-62.0 * u) / 3.57)
            synaptic = (4e-9 + 20e-9 * block) * (0 - u) + 1e-9 * (-80e-3 - u)
            upswing = p["g_L"] * p["Delta_T"] * np.exp((u - p["V_T"]) / p["Delta_T"])
            u, w = (
                u + dt / p["C_m"] * (p["g_L"] * (p["E_L"] - u) + upswing - w + synaptic),
                w + dt / p["tau_w"] * (p["a"] * (u - p["E_L"]) - w),
            )
    assert p["E_L"] + 5e-3 < u < p["V_T"]
    assert float(v) == pytest.approx(u, abs=0.1e-3)
    assert float(slow[0]) == pytest.approx(w, rel=0.02)


@pytest.mark.slow
def test_a_run_on_both_engines_with_figures(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """3 s; the transfer function is measured on 300 cells for 2 s: mean rates agree within 10 %."""
    monkeypatch.setattr(transfer, "CELLS", 300)
    monkeypatch.setattr(transfer, "DURATION", 2.0)
    out = tmp_path / "run"
    result = cerebellum.run(PROTOCOL, MODEL, "both", seed=2, out=out)
    spikes, rates = result.spikes["golgi"], result.rates["golgi"]
    counted = (spikes.time > 1.0).sum() / (2.0 * 40)
    expected = rates.between(1.0, 3.0)
    assert counted > 5
    assert expected == pytest.approx(counted, rel=0.1)
    assert {"circuit.png", "activity.png", "engines.png"} <= {path.name for path in (out / "figures").iterdir()}
    saved = cerebellum.open_run(out)
    assert len(saved.spikes["golgi"]) == len(spikes)


def test_the_command_line_shows_the_model(installed: Path) -> None:
    """In a process of its own, to which the plug-in is an installed package."""
    paths = os.pathsep.join([str(installed), str(PLUGIN.parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "cerebellum", "show", MODEL],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for word in ("magnesium", "tau_decay", "Delta_T"):
        assert word in done.stdout
