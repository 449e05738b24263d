"""run(): a protocol on a model by an engine, from names to a finished result, and onto disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from cerebellum.activity import exchanges, rates
from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import degrees, generator
from cerebellum.description.circuit import Circuit
from cerebellum.description.compatibility import check_together, other_model
from cerebellum.description.protocol import Protocol, default_model
from cerebellum.errors import ArgumentError, ProtocolFileError
from cerebellum.experiment import loop as loops
from cerebellum.experiment.loop import Loop
from cerebellum.machine.progress import Progress, shown, silent
from cerebellum.readout import controls, engine_agreement, microzones, readers, recorded
from cerebellum.results import current_frequency, eyelid, weights
from cerebellum.results.folder import refuse_existing, whole_folder, write_json
from cerebellum.results.result import ENGINE_READERS, Result
from cerebellum.simulation import checks, engines, memory
from cerebellum.simulation.engines import Engine
from cerebellum.simulation.prepare import Experiment, resolve, sample_experiment
from cerebellum.simulation.provenance import provenance
from cerebellum.typing import Floats


def run(
    protocol: str | Protocol,
    model: str | Circuit | None = None,
    engine: str = "spiking",
    *,
    seed: int = 1,
    settings: dict[str, str] | None = None,
    out: str | Path | None = None,
    force: bool = False,
    loop: Loop | None = None,
    start_from: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Result:
    """Run a protocol on a model.

    Parameters
    ----------
    protocol, model : shipped name, path ending in .toml, or what `load_protocol` and `load_model` return; no model is
        the first that the protocol is made for
    engine : 'spiking', 'rate' (circuits of conductances), 'volley' (memories of currents), 'both' (spiking, and the
        one of rates that suits the circuit), or an engine of another package
    settings : dotted key -> text laid over the files, as `--set`; a key of the protocol or of the model
    out : folder to write (report.html, run.json, summary.json, trials, spikes, rates, weights, figures); None: none
    start_from : folder of an earlier run of the model: the connectome is that run's, and plastic synapses begin with
        the weights that it ended with; `seed` is of all else that is drawn
    loop : what is closed around the circuit (`cerebellum.loop`); the folder then has exchanges.npz
    progress : told what is being done; None is a bar on a terminal, a line in a notebook, nothing elsewhere
    options : of the engines: `target`, `threads`, `jobs`, `dtype` of spiking; `device`, `dtype` of rate and volley;
        `draws` of rate

    Raises
    ------
    InputError
        If anything asked for does not exist, does not fit together, or does not fit in memory.
    CerebellumError
        If a loop's callable fails, or the simulation does.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    if out is not None:
        refuse_existing(Path(out), force)
    circuit, plan = resolve(model, protocol, settings or {})
    chosen = engines.configure(engines.choose(engine, circuit), options)
    refuse(circuit, plan, chosen, loop)
    with shown(progress) as report:
        result = _simulate(circuit, plan, chosen, seed, start_from, loop, report)
        note_model(result, model)
        names = {"protocol": protocol, "model": default_model(protocol) if model is None else model}
        result.summary["timing"]["total"] = time.perf_counter() - clock
        result.provenance.update(provenance(result, engine, chosen, seed, started, names))
        if start_from is not None:
            earlier = {
                "folder": str(start_from),
                "connectome_seed": result.connectome.seed if result.connectome else seed,
            }
            result.provenance["start_from"] = earlier
        if out is not None:
            save(result, Path(out), force, report)
    return result


def _simulate(
    circuit: Circuit,
    plan: Protocol,
    chosen: Sequence[tuple[Engine, Any]],
    seed: int,
    start_from: str | Path | None,
    loop: Loop | None,
    progress: Progress,
) -> Result:
    """The run itself, by each of the engines, with its summary."""
    clock = time.perf_counter()
    progress("sampling the connectome", None)
    earlier = None if start_from is None else weights.of_run(Path(start_from))
    experiment = sample_experiment(circuit, plan, seed, earlier, loop)
    refuse_loop(experiment.schedule.loop, circuit, chosen)
    if earlier is not None:
        weights.refuse_other(experiment.connectome, *earlier[1:], str(start_from))
    prepared = time.perf_counter() - clock
    outcomes = {
        one.name: one.simulate(experiment.connectome, experiment.schedule, own, progress) for one, own in chosen
    }
    return finished(experiment, outcomes, [one for one, _ in chosen], seed, prepared, progress)


def note_model(result: Result, model: str | Circuit | None) -> None:
    """Say in the summary where the protocol is for other models than that of this name."""
    if isinstance(model, str) and (said := other_model(result.protocol, model)):
        result.summary["checks"]["other_model"] = asdict(checks.Check(1, said))


def finished(
    experiment: Experiment,
    outcomes: dict[str, Outcome],
    ran: Sequence[Engine],
    seed: int,
    prepared: float,
    progress: Progress = silent,
) -> Result:
    """What engines gave, with all that is read off it; `prepared` are the seconds that the experiment took to draw."""
    circuit, plan = experiment.circuit, experiment.protocol
    result = Result(circuit, plan, experiment.schedule, experiment.patterns, connectome=experiment.connectome)
    result.outcomes.update(outcomes)
    read_off(result, experiment, ran, seed, progress)
    if plan.loop is not None and result.exchanges is not None:
        result.summary["loop"] = plan.loop.measured(result.exchanges, experiment.schedule.trials)
    result.summary["convergence"] = {
        degree.projection: {
            "described": degree.described_convergence,
            "realised": degree.realised_convergence,
            "described_sd": degree.described_sd,
            "realised_sd": degree.realised_sd,
            "source_cells": degree.convergence_mean,
        }
        for degree in degrees(experiment.connectome)
    }
    result.summary["checks"] = checks.checks(experiment, result)
    seconds = {"prepare": prepared, **{name: dict(outcome.seconds) for name, outcome in outcomes.items()}}
    result.summary.update(timing=seconds, biological_seconds=experiment.schedule.duration)
    return result


def save(result: Result, out: Path, force: bool = False, progress: Progress = silent) -> Path:
    """Write a run folder, whole or not at all."""
    from cerebellum.plotting import figures
    from cerebellum.report import write_report
    from cerebellum.results import nwb, readings, trials

    with whole_folder(out, force) as part:
        write_json(part / "run.json", result.provenance)
        write_json(part / "summary.json", result.summary)
        if result.exchanges is not None:
            exchanges.write(result.exchanges, part / "exchanges.npz")
        trials.write(result, part / "trials.csv")
        if result.plastic and result.connectome is not None:
            weights.write(next(iter(result.outcomes.values())), result.connectome, part / "weights.npz")
        if result.weights:
            readings.write(result.reader_weights, part / "readers.npz")
        if result.rates:
            rates.write(result.rates, part / "rates.npz")
        if result.spikes or result.records:
            progress("writing spikes", None)
            nwb.write_spikes(result, part / "spikes.nwb")
        progress("drawing figures", None)
        figures.write_figures(result, part / "figures")
        progress("writing the report", None)
        write_report(result, part / "report.html", part / "figures" / "circuit.svg")
    return out


def refuse_loop(loop: Loop | None, circuit: Circuit, chosen: Sequence[tuple[Engine, Any]]) -> None:
    """Complain about a loop that the circuit or an engine does not take."""
    if loop is not None:
        for engine, _ in chosen:
            loops.refuse(loop, circuit, engine.name, getattr(engine, "closes", ()))


def refuse(circuit: Circuit, plan: Protocol, chosen: Sequence[tuple[Engine, Any]], loop: Loop | None = None) -> None:
    """Complain before any work about what does not fit together, or what no engine asked for can run."""
    check_together(plan, circuit)
    if plan.block_of("read") and plan.block_of("baseline") is None:
        raise ProtocolFileError("block: a protocol with a read block wants one with role = 'baseline' too")
    for engine, options in chosen:
        engine.check(circuit, plan, options)
    if loop is not None and plan.independent:
        raise ArgumentError(
            "loop", loop.step, f"it goes on over trials, and block.{plan.independent[0]} is independent"
        )
    refuse_loop(loop, circuit, chosen)
    memory.check(circuit, chosen, plan)


def read_off(
    result: Result, experiment: Experiment, ran: Sequence[Engine], seed: int, progress: Progress = silent
) -> None:
    """Rates, and of a memory what every reader says, into a result that has the outcomes of engines."""
    _report_rates(result)
    schedule = experiment.schedule
    steps = current_frequency.table(result.spikes, experiment.circuit, experiment.protocol, schedule.trials)
    if current_frequency.drawable(steps):
        result.summary["f_i"] = steps
    if result.plastic:
        result.summary["learning"] = weights.summary(result.outcomes[ran[0].name], experiment.connectome)
    judge(result)
    if experiment.reads:
        progress("comparing readers", None)
        _read(result, experiment, ran, seed)


def judge(result: Result) -> None:
    """Conditioned responses by the first engine, into a result that has its outcome."""
    described, outcome = result.protocol.eyelid, next(iter(result.outcomes.values()))
    name = None if described is None else result.circuit.find(described.population)
    if described is not None and name is not None and (name in outcome.spikes or name in outcome.rates):
        course = outcome.spikes[name] if name in outcome.spikes else outcome.rates[name]
        listed = result.schedule.trials
        result.responses.update(eyelid.columns(described, listed, course, outcome.size[name]))
        result.summary["eyelid"] = eyelid.summary(listed, result.responses)


def _report_rates(result: Result) -> None:
    """Rates of every population by every engine that has them, and how well engines of spikes and of rates agree."""
    for outcome in result.outcomes.values():
        if outcome.spikes:
            result.spikes.update(outcome.spikes)
            result.summary["rates"] = recorded.activity(outcome, result.schedule)
        elif outcome.rates:
            result.rates.update(outcome.rates)
            key = "rates_of_the_rate_engine" if result.spikes else "rates"
            result.summary[key] = recorded.activity(outcome, result.schedule)
    result.plastic.update(next(iter(result.outcomes.values())).weights)
    if result.spikes and result.rates:
        trials = recorded.last_block(result.schedule)
        spans = [(trial.start, trial.stop) for trial in trials]
        windows = microzones.windows_of(trials)
        result.summary["engines"] = engine_agreement.engines(result.spikes, result.rates, spans, windows)


def _read(result: Result, experiment: Experiment, ran: Sequence[Engine], seed: int) -> None:
    """What every reader of the memory says, and how well they agree."""
    connectome, schedule = experiment.connectome, experiment.schedule
    code, patterns = experiment.code, experiment.patterns
    assert code is not None
    assert patterns is not None
    measured: dict[str, Floats] = {}
    for engine in ran:
        outcome = result.outcomes[engine.name]
        for role, reader in engine.readers.items():
            population = experiment.circuit.with_role(role)
            if population is not None and outcome.has(population):
                measured[reader] = microzones.readout(outcome, experiment.circuit, schedule, role)
    overlap, first = None, result.outcomes[ran[0].name]
    granule = experiment.circuit.with_role("granule")
    if granule is not None and first.has(granule):
        code, overlap, found = readers.observed(first, connectome, schedule, code)
        result.summary.update(found)
    readings = readers.read_blocks(connectome, code, patterns, measured, overlap)
    result.blocks.extend(readings)
    result.readout.update(readings[-1].readout)
    result.weights.update(readings[-1].weights)
    result.summary.update(readers.summarize(readings, experiment.protocol.blocks_of("read"), code, patterns, seed))
    known = [name for name in ENGINE_READERS if name in result.weights]
    if known and overlap is not None:
        shared = overlap[np.ix_(patterns.block_of_cue == len(readings) - 1, patterns.written[-1])]
        rng = generator(seed, "controls")
        found = controls.controls(first, connectome, schedule, readings[-1], known[0], shared, rng)
        result.summary["agreement"]["controls"] = found
