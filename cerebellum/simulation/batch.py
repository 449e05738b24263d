"""Runs of one protocol that share what they can: the connectome, and an engine that takes several as one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from cerebellum.description.circuit import Circuit
from cerebellum.errors import ArgumentError
from cerebellum.machine.progress import Progress, silent
from cerebellum.results.result import Result
from cerebellum.simulation import engines
from cerebellum.simulation.prepare import Experiment, resolve, sample_experiment
from cerebellum.simulation.run import finished, note_model, refuse, refuse_loop


def takes_several(engine: str, circuit: Circuit) -> bool:
    """Whether the engine of a user's word runs several protocols on one circuit as one."""
    chosen = engines.choose(engine, circuit)
    return len(chosen) == 1 and isinstance(chosen[0], engines.TakesSeveral)


def run_batch(
    protocol: str,
    model: str | None,
    engine: str,
    settings: Sequence[Mapping[str, str]],
    *,
    seed: int = 1,
    progress: Progress = silent,
    **options: Any,
) -> list[Result]:
    """What `run` gives for each of the settings, all of which leave the circuit as it is, with its arguments.

    `summary["timing"]` has the seconds of all of them together.

    Raises
    ------
    InputError
        As `run`; if the settings make different circuits, or the engine does not take several.
    """
    clock = time.perf_counter()
    resolved = [resolve(model, protocol, dict(one)) for one in settings]
    circuit = resolved[0][0]
    if len({other.model_dump_json() for other, _ in resolved}) > 1:
        raise ArgumentError("settings", settings, "wanted settings that leave the circuit as it is")
    chosen = engines.configure(engines.choose(engine, circuit), options)
    one, own = chosen[0]
    if len(chosen) > 1 or not isinstance(one, engines.TakesSeveral):
        raise ArgumentError("engine", engine, "wanted one that takes several conditions together, as rate does")
    for _, plan in resolved:
        refuse(circuit, plan, chosen)
    progress("sampling the connectome", None)
    experiments: list[Experiment] = []
    for _, plan in resolved:
        shared = experiments[0].connectome if experiments else None
        experiments.append(sample_experiment(circuit, plan, seed, connectome=shared))
        refuse_loop(experiments[-1].schedule.loop, circuit, chosen)
    prepared = time.perf_counter() - clock
    outcomes = one.together(experiments[0].connectome, [each.schedule for each in experiments], own, progress)
    results = []
    for experiment, outcome in zip(experiments, outcomes, strict=True):
        result = finished(experiment, {one.name: outcome}, [one], seed, prepared, progress)
        note_model(result, model)
        results.append(result)
    for result in results:
        result.summary["timing"]["total"] = time.perf_counter() - clock
    return results
