"""The rate engine against a plain numpy implementation of the same equations, against itself, and against SDM."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cerebellum.activity.outcome import Outcome
from cerebellum.cells import lif
from cerebellum.connectome.connectome import Connectome, sample, zone_of
from cerebellum.connectome.weights import SolvedWeights, mean_field
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import ArgumentError, ProtocolFileError, ResourceError
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.schedule import Schedule
from cerebellum.experiment.stimulus import schedule
from cerebellum.machine.device import choose_device
from cerebellum.rate import volley
from cerebellum.readout import microzones, readers
from cerebellum.readout.agreement import effective_weights, normalized, r2
from cerebellum.readout.granule_code import active_sets, code_of

PLASTIC = "parallel_fiber_to_purkinje"


def by_hand(wired: Connectome, patterns: Patterns, writes: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Baseline, Purkinje rates of all cues, weights; float64 numpy, dense, straight from the equations."""
    circuit = wired.circuit
    solved = mean_field(circuit, SolvedWeights(wired.weight, wired.resting_current))
    code, rule = code_of(circuit), circuit.projection[PLASTIC].plasticity
    assert rule is not None
    zones = zone_of(circuit.size("purkinje"), circuit.zones)
    present = np.zeros((circuit.size("granule"), circuit.size("purkinje")), bool)
    present[wired.edges[PLASTIC].pre, wired.edges[PLASTIC].post] = True
    weights = np.where(present, solved.weight[PLASTIC], 0.0)
    for active, pointer in zip(active_sets(wired, code, patterns.addresses), patterns.pointers, strict=True):
        # The climbing fibre comes 25 + 4 - 2 ms after the parallel fibre, inside the window: bit 1 is -eta, 0 is +eta.
        change = np.where(pointer[zones], rule.potentiation.si - rule.depression.si, rule.potentiation.si)
        for _ in range(writes):
            moved = np.clip(weights + active[:, None] * change, rule.w_min.si, rule.w_max.si)
            weights = np.where(present & active[:, None], moved, weights)

    def rates(active: np.ndarray) -> np.ndarray:
        w, volleys = solved.weight, 50.0
        excited = active.sum(axis=1, keepdims=True) * volleys * 20e-3 * w["parallel_fiber_to_stellate"]
        stellate = lif.rate(wired.parameters["stellate"], excited)
        inhibition = stellate.sum(axis=1, keepdims=True) * 5e-3 * w["stellate_to_purkinje"]
        excitation = active @ weights * volleys * 5e-3
        return lif.rate(wired.parameters["purkinje"], excitation - inhibition)

    asked = active_sets(wired, code, patterns.cues).astype(float)
    return rates(asked[:1] * 0)[0], rates(asked), weights


def compare_with_hand(
    run: Outcome, wired: Connectome, made: Schedule, hand: tuple[np.ndarray, np.ndarray, np.ndarray], rel: float
) -> None:
    baseline, read = (run.mean_rates("purkinje", microzones.windows_of(made.of(role))) for role in ("baseline", "read"))
    edges = wired.edges[PLASTIC]
    assert baseline[0] == pytest.approx(hand[0], rel=rel)
    assert read == pytest.approx(hand[1], rel=rel, abs=rel)
    assert run.weights[PLASTIC] == pytest.approx(hand[2][edges.pre, edges.post], rel=rel, abs=rel * 1e-12)


# float32 has a relative precision of 6e-8; a sum of 50 weights and the slope of the rate on current multiply it.
@pytest.mark.parametrize(("dtype", "rel"), [("float64", 1e-10), ("float32", 1e-4)])
def test_it_computes_its_equations(
    connectome: Connectome, scheduled: Schedule, patterns: Patterns, dtype: str, rel: float
) -> None:
    run = volley.simulate(connectome, scheduled, dtype=dtype)
    compare_with_hand(run, connectome, scheduled, by_hand(connectome, patterns), rel)


def test_cells_that_see_all_lines_and_fire_seldom(kanerva_circuit: Circuit, plan: Protocol) -> None:
    """1.6 % of cells active: the read sums only their rows; `jaeckel` above, 6 %, takes the dense product."""
    wired, patterns = sample(kanerva_circuit, 2), make_patterns(plan, 64, 64, 2)
    made = schedule(plan, wired, patterns, 2)
    run = volley.simulate(wired, made, dtype="float64")
    compare_with_hand(run, wired, made, by_hand(wired, patterns), 1e-10)


def test_absent_synapses_are_neither_read_nor_written(plan: Protocol, model_settings: dict[str, str]) -> None:
    tables = load_model("jaeckel", model_settings).model_dump(mode="json", by_alias=True)
    tables["projection"][PLASTIC]["rule"] = {"kind": "convergence", "convergence": [400, "1", "assumed: x"]}
    circuit = Circuit.model_validate(tables)
    wired, patterns = sample(circuit, 1), make_patterns(plan, 256, 64, 1)
    made = schedule(plan, wired, patterns, 1)
    run = volley.simulate(wired, made, dtype="float64")
    compare_with_hand(run, wired, made, by_hand(wired, patterns), 1e-10)
    assert len(run.weights[PLASTIC]) == 400 * circuit.size("purkinje")


def test_a_train_of_volleys_writes_as_often(
    connectome: Connectome, patterns: Patterns, protocol_settings: dict[str, str]
) -> None:
    """Three volleys at 10, 15 and 20 ms, all inside the window of the climbing fibre: three writes, as by spikes."""
    plan = load_protocol(
        "recall",
        {
            **protocol_settings,
            "block.write.stimulus.address.volleys": "3",
            "block.write.stimulus.address.interval": "5",
        },
    )
    made = schedule(plan, connectome, patterns, 1)
    run = volley.simulate(connectome, made, dtype="float64")
    compare_with_hand(run, connectome, made, by_hand(connectome, patterns, writes=3), 1e-10)


def test_its_weights_are_those_of_exact_sdm(connectome: Connectome, scheduled: Schedule, patterns: Patterns) -> None:
    run = volley.simulate(connectome, scheduled)
    found = effective_weights(microzones.readout(run, connectome.circuit, scheduled, "purkinje"), patterns.signs)
    code = code_of(connectome.circuit)
    assert r2(found, normalized(readers.exact_overlap(connectome, code, patterns))) > 0.999
    assert readers.written_correlation(connectome, code, patterns, run.weights[PLASTIC], PLASTIC) > 0.995


def test_the_same_run_twice_is_the_same(connectome: Connectome, scheduled: Schedule) -> None:
    one, two = (volley.simulate(connectome, scheduled) for _ in range(2))
    assert np.array_equal(one.tallied["purkinje"][1], two.tallied["purkinje"][1])
    assert np.array_equal(one.weights[PLASTIC], two.weights[PLASTIC])


def test_mean_inhibition_cancels_mean_excitation(connectome: Connectome) -> None:
    """At naive weights and the expected number of active cells, current in equals current out."""
    solved = mean_field(connectome.circuit, SolvedWeights(connectome.weight, connectome.resting_current))
    wired = connectome
    active, volleys = 50.0, 50.0
    tonic = lif.rate(wired.parameters["stellate"], np.array([[0.0]])).sum()
    driven = lif.rate(
        wired.parameters["stellate"],
        np.array([[active * volleys * 20e-3 * solved.weight["parallel_fiber_to_stellate"]]]),
    ).sum()
    inhibition = (driven - tonic) * 5e-3 * solved.weight["stellate_to_purkinje"]
    excitation = active * volleys * 5e-3 * solved.weight[PLASTIC]
    assert inhibition == pytest.approx(excitation, rel=0.03)  # 128 sampled stellate cells for the mean of all


def test_cuda_without_cuda_is_the_users_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ResourceError, match="--device cpu"):
        choose_device("cuda")
    with pytest.raises(ArgumentError, match="'cpu' or 'cuda'"):
        choose_device("tpu")


@pytest.mark.gpu
def test_cuda_gives_the_same_numbers(connectome: Connectome, scheduled: Schedule) -> None:
    cpu, gpu = (volley.simulate(connectome, scheduled, device=device, dtype="float64") for device in ("cpu", "cuda"))
    assert gpu.tallied["purkinje"][1] == pytest.approx(cpu.tallied["purkinje"][1], rel=1e-9)


def test_a_protocol_without_a_read_block_is_refused(connectome: Connectome, plan: Protocol, patterns: Patterns) -> None:
    tables = plan.model_dump(mode="json")
    del tables["block"]["read"]
    with pytest.raises(ProtocolFileError, match="read"):
        volley.simulate(connectome, schedule(Protocol.model_validate(tables), connectome, patterns, 1))
