"""What plastic synapses cost while they are silent and while they are active, beside static ones.

`python -m tests.benchmarks.test_plastic_synapses` prints the table of docs/benchmarks.md.
"""

from __future__ import annotations

from typing import Any

import pytest

from cerebellum.connectome import connectome
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment import stimulus
from cerebellum.spiking import network

ROUNDS, CONVERGENCE = 3, "projection.parallel_fiber_to_purkinje.rule.convergence"


def seconds(model: str, convergence: int, mossy_rate: float) -> tuple[int, float]:
    """Plastic synapses of 0.3 of a mouse model, and wall time (s) of 6 s of `background`, plastic; the best run."""
    circuit = load_model(model, {"scale": "0.3", CONVERGENCE: str(convergence)})
    plan = load_protocol("background", {"block.rest.stimulus.background.rate": str(mossy_rate)})
    blocks = {name: block.model_copy(update={"plasticity": True}) for name, block in plan.block.items()}
    wired = connectome.sample(circuit, 1)
    schedule = stimulus.schedule(plan.model_copy(update={"block": blocks}), wired, None, 1)
    target: Any = network.working_target("standalone")
    times = []
    for _ in range(ROUNDS):
        done = network.simulate(wired, schedule, target=target).seconds
        times.append(done.get("run", done["simulate"]))
    return sum(len(wired.edges[n]) for n, p in circuit.projection.items() if p.plasticity is not None), min(times)


@pytest.mark.slow
def test_silent_plastic_synapses_cost_nothing() -> None:
    """Four times as many: as much slower as static ones, within a tenth, which is what timing scatters by."""
    static = [seconds("mouse", number, 0.0)[1] for number in (732, 2900)]
    plastic = [seconds("mouse_plastic", number, 0.0)[1] for number in (732, 2900)]
    assert plastic[1] / plastic[0] < 1.1 * static[1] / static[0]


def main() -> None:
    """One row a case."""
    print("| parallel fibres a Purkinje cell | mossy fibres | static | plastic | plastic synapses |")
    print("|---|---|---|---|---|")
    for convergence, rate in ((732, 0.0), (2900, 0.0), (732, 4.0), (2900, 4.0)):
        synapses, plastic = seconds("mouse_plastic", convergence, rate)
        static = seconds("mouse", convergence, rate)[1]
        print(f"| {convergence} | {rate:g} Hz | {static:.2f} s | {plastic:.2f} s | {synapses:,} |", flush=True)


if __name__ == "__main__":
    main()
