"""Lesions: what they cut, unknown names, and their effect on a small mouse circuit."""

from __future__ import annotations

import functools

import pytest

from cerebellum.connectome import connectome
from cerebellum.description import lesions
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import load_protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment import stimulus
from cerebellum.spiking import network

SECONDS = 0.6


@pytest.fixture(scope="module")
def small() -> Circuit:
    return load_model("mouse", {"scale": "0.1"})


@functools.cache
def rates(*lesion: str, gap: str = "0") -> dict[str, float]:
    """Mean rate (Hz) of each population of a tenth of the volume, seed 5."""
    circuit = load_model("mouse", {"scale": "0.1", "gap_junction.golgi.conductance": gap})
    milliseconds = str(SECONDS * 1e3)
    plan = load_protocol(
        "background",
        {
            "lesion": str(list(lesion)).replace("'", '"'),
            "block.rest.trial_duration": milliseconds,
            "block.rest.window.onset": "0",
            "block.rest.window.duration": milliseconds,
            "block.rest.stimulus.background.duration": milliseconds,
            "block.rest.stimulus.climbing.duration": milliseconds,
        },
    )
    check_together(plan, circuit)
    wired = connectome.sample(circuit, 5)
    schedule = stimulus.schedule(plan, wired, None, 5)
    target = network.working_target("standalone")
    run = network.simulate(wired, schedule, target=target)
    return {name: len(spikes) / circuit.size(name) / SECONDS for name, spikes in run.spikes.items()}


def test_what_a_lesion_blocks(small: Circuit) -> None:
    assert lesions.projections(["golgi_to_granule"], small) == {"golgi_to_granule"}
    assert lesions.projections(["golgi"], small) == {n for n in small.projection if "golgi" in n}
    inhibitory = lesions.projections(["gabazine"], small)
    assert "purkinje_to_nuclear" in inhibitory
    assert "nucleo_olivary_to_inferior_olive" in inhibitory
    assert not any(n.startswith(("glomerulus", "parallel", "ascending", "mossy", "climbing")) for n in inhibitory)
    assert lesions.projections(["synapses"], small) == set(small.projection)
    assert lesions.projections(["gap_junctions"], small) == set()
    assert lesions.gap_junctions(["gap_junctions"], small) == {"golgi", "inferior_olive"}
    assert lesions.gap_junctions(["golgi"], small) == {"golgi"}


def test_an_unknown_lesion_lists_what_exists(small: Circuit) -> None:
    plan = load_protocol("background", {"lesion": '["golgi_to_grannule"]'})
    with pytest.raises(ProtocolFileError, match=r"'golgi_to_grannule'.*gabazine.*golgi_to_granule"):
        check_together(plan, small)


def test_what_is_blocked_is_missed() -> None:
    """Granule cells lose Golgi inhibition, nuclear cells the Purkinje cells; what the mossy fibres fire is the same."""
    intact, cut = rates(), rates("golgi_to_granule", "purkinje")
    assert cut["granule"] > 1.3 * intact["granule"]
    assert cut["purkinje"] == 0.0
    assert cut["nuclear"] > 1.1 * intact["nuclear"]
    assert cut["mossy_fiber"] == intact["mossy_fiber"]


def test_cut_off_from_every_synapse_only_pacemakers_fire() -> None:
    alone = rates("synapses")
    assert alone["granule"] == 0.0
    assert alone["glomerulus"] == 0.0
    assert alone["purkinje"] == pytest.approx(83.2, rel=0.05)


def test_gap_junctions_change_golgi_cells_until_they_are_blocked() -> None:
    assert rates(gap="1.0")["golgi"] != rates()["golgi"]
    assert rates("gap_junctions", gap="1.0") == rates()
