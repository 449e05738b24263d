"""What a run could not do as its files ask: counted, and said in a sentence, at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from cerebellum.connectome.wiring import expected_synapses
from cerebellum.description.wiring import Ends
from cerebellum.readout.checks import timing
from cerebellum.results.result import Result
from cerebellum.simulation.prepare import Experiment

NOTICED = 0.95  # share of a described convergence; less than this is no rounding of cells to whole numbers
NAMED = 6  # projections in one sentence


@dataclass(frozen=True)
class Check:
    """How often, and the sentence that says it."""

    count: int
    text: str


def checks(experiment: Experiment, result: Result) -> dict[str, dict[str, Any]]:
    """Every check that found something, by name."""
    found = {name: check(experiment, result) for name, check in CHECKS.items()}
    for outcome in result.outcomes.values():
        timed = timing(experiment.connectome, experiment.schedule, outcome)
        found |= {name: Check(count, f"{count} {text}") for name, (count, text) in timed.items() if count}
    return {name: asdict(one) for name, one in found.items() if one.count}


def convergence(experiment: Experiment, result: Result) -> Check:
    """Projections whose targets have fewer sources than described, because the circuit has no more."""
    circuit, synapses = experiment.circuit, expected_synapses(experiment.circuit)
    short = []
    for name, projection in circuit.projection.items():
        wanted = projection.rule.convergence_at_full_scale(Ends(circuit.at_full_scale, projection))
        if synapses[name] / circuit.size(projection.target) < NOTICED * wanted:
            realised = result.summary["convergence"][name]["realised"]
            short.append(f"{name} {realised:.3g} of {wanted:.3g}")
    listed = ", ".join(short[:NAMED]) + (f" and {len(short) - NAMED} more" if len(short) > NAMED else "")
    at = f" at scale {circuit.scale}" if circuit.scale else ""
    return Check(len(short), f"fewer sources a cell than described, as there are no more cells{at}: {listed}")


CHECKS: dict[str, Callable[[Experiment, Result], Check]] = {"convergence": convergence}
