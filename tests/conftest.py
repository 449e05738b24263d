"""Small circuits, connectomes and one finished run, made once and read by many tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# CI draws the same examples every time, so that a change fails for its own sake; `make slow` draws fresh ones.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("fresh", derandomize=False, deadline=None, max_examples=300)
settings.load_profile("fixed")

# Before numpy or torch start their threads: the tests' arrays are small, and the machine is shared.
os.environ["OMP_NUM_THREADS"] = "1"

if TYPE_CHECKING:
    from cerebellum.activity.outcome import Outcome
    from cerebellum.connectome.connectome import Connectome
    from cerebellum.description.circuit import Circuit
    from cerebellum.description.protocol import Protocol
    from cerebellum.experiment.patterns import Patterns
    from cerebellum.experiment.schedule import Schedule
    from cerebellum.results.result import Result

ROOT = Path(__file__).resolve().parent.parent
MODEL_SETTINGS = {"population.granule.count": "800", "population.purkinje.count": "128"}
PROTOCOL_SETTINGS = {
    "patterns.source": "random",
    "patterns.count": "6",
    "block.baseline.trial_duration": "600",
    "block.baseline.window.duration": "500",
    "block.read.cues_per_pattern": "1",
    "block.read.noise": "[0, 32]",
}
# Kanerva's design at 64 address bits: every cell sees them all and fires within Hamming distance 23.
KANERVA_SETTINGS = {
    **MODEL_SETTINGS,
    "population.mossy_fiber.count": "128",
    "projection.mossy_fiber_to_granule.rule.dendrites": "64",
    "projection.mossy_fiber_to_granule.weight": "5.4",
    "projection.golgi_to_granule.weight.matches": "41",
}


@pytest.fixture(scope="session", autouse=True)
def _compiled_objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One folder of compiled objects for the session, apart from the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CEREBELLUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def model_settings() -> dict[str, str]:
    """What makes `jaeckel` small."""
    return dict(MODEL_SETTINGS)


@pytest.fixture(scope="session")
def kanerva_settings() -> dict[str, str]:
    """What makes `kanerva` small."""
    return dict(KANERVA_SETTINGS)


@pytest.fixture(scope="session")
def protocol_settings() -> dict[str, str]:
    """What makes `recall` short."""
    return dict(PROTOCOL_SETTINGS)


@pytest.fixture(scope="session")
def small_settings() -> dict[str, str]:
    """Both, as one run takes them."""
    return {**MODEL_SETTINGS, **PROTOCOL_SETTINGS}


@pytest.fixture(scope="session")
def circuit() -> Circuit:
    """A small `jaeckel`: 800 granule cells of 4 dendrites, 64 microzones of two Purkinje cells."""
    from cerebellum.description.circuit import load_model

    return load_model("jaeckel", MODEL_SETTINGS)


@pytest.fixture(scope="session")
def kanerva_circuit() -> Circuit:
    """A small `kanerva`: 800 granule cells on all of 64 address bits."""
    from cerebellum.description.circuit import load_model

    return load_model("kanerva", KANERVA_SETTINGS)


@pytest.fixture(scope="session")
def plan() -> Protocol:
    """A short `recall`: six random patterns, twelve cues."""
    from cerebellum.description.protocol import load_protocol

    return load_protocol("recall", PROTOCOL_SETTINGS)


@pytest.fixture(scope="session")
def connectome(circuit: Circuit) -> Connectome:
    """A sampled connectome of the small `jaeckel`."""
    from cerebellum.connectome.connectome import sample

    return sample(circuit, 1)


@pytest.fixture(scope="session")
def patterns(plan: Protocol, circuit: Circuit) -> Patterns:
    """Its patterns and cues."""
    from cerebellum.experiment.patterns import make_patterns
    from cerebellum.readout.granule_code import code_of

    return make_patterns(plan, code_of(circuit).lines, circuit.zones, 1)


@pytest.fixture(scope="session")
def scheduled(plan: Protocol, connectome: Connectome, patterns: Patterns) -> Schedule:
    """Its trials and driven spikes."""
    from cerebellum.experiment.stimulus import schedule

    return schedule(plan, connectome, patterns, 1)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    """One finished run of both engines with its folder: small `jaeckel`, short `recall`, seed 1."""
    from cerebellum.simulation.run import run

    out = tmp_path_factory.mktemp("runs") / "first"
    return run("recall", "jaeckel", "both", seed=1, settings={**MODEL_SETTINGS, **PROTOCOL_SETTINGS}, out=out), out


@pytest.fixture(scope="session")
def simulated(connectome: Connectome, scheduled: Schedule) -> Outcome:
    """The same on the spiking engine alone, with the weights that it wrote."""
    from cerebellum.spiking.network import simulate

    return simulate(connectome, scheduled)
