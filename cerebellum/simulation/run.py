"""run(): a protocol on a model by an engine, from names to a finished result, and onto disk."""

from __future__ import annotations

import platform
import sys
import time
import uuid
import warnings
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cerebellum.activity import rates, statistics
from cerebellum.cells import MODELS
from cerebellum.connectome import connectome as connectomes
from cerebellum.connectome import weights as balances
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import ArgumentError, ProtocolFileError, UnknownNameError
from cerebellum.experiment import schedule, stimulus
from cerebellum.experiment.patterns import make_patterns
from cerebellum.machine.progress import Progress, silent
from cerebellum.readout import granule_code, microzones, readers
from cerebellum.results.folder import refuse_existing, whole_folder, write_json
from cerebellum.results.result import Result
from cerebellum.simulation import memory
from cerebellum.typing import Floats, Ints

Engine = Literal["spiking", "rate", "both"]
ENGINES = ("spiking", "rate", "both")
TARGETS = ("standalone", "runtime", "numpy")
DTYPES = ("float32", "float64")
RATE_TRIALS = 10  # of the last block, for the rates of summary.json
LIBRARIES = ("cerebellum", "brian2", "numpy", "scipy", "torch", "pynwb", "scikit-learn", "matplotlib")


def run(
    protocol: str | Protocol = "recall",
    model: str | Circuit = "kanerva",
    engine: Engine = "spiking",
    *,
    seed: int = 1,
    settings: dict[str, str] | None = None,
    out: str | Path | None = None,
    force: bool = False,
    device: str = "cpu",
    dtype: str = "float32",
    draws: int = 0,
    target: str = "standalone",
    threads: int = 1,
    progress: Progress = silent,
) -> Result:
    """Run a protocol on a model.

    Parameters
    ----------
    protocol, model : shipped name, path ending in .toml, or what `load_protocol` and `load_model` return
    engine : 'spiking', 'rate' or 'both'
    settings : dotted key -> text laid over the files, as `--set`; a key of the protocol or of the model
    out : folder to write (run.json, summary.json, spikes.nwb, figures/); None writes nothing
    device, dtype : of the rate engine: 'cpu' or 'cuda', 'float32' or 'float64'
    draws : of the rate engine on circuits of conductances: realizations of drawn spikes to average; 0: expectations
    target, threads : of the spiking engine: 'standalone', 'runtime' or 'numpy'; OpenMP threads of 'standalone'

    Raises
    ------
    InputError
        If anything asked for does not exist, does not fit together, or does not fit in memory.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    for argument, given, known in (("engine", engine, ENGINES), ("dtype", dtype, DTYPES), ("target", target, TARGETS)):
        if given not in known:
            raise ArgumentError(argument, given, f"wanted one of {', '.join(known)}")
    if out is not None:
        refuse_existing(Path(out), force)
    circuit, plan = resolve(model, protocol, settings or {})
    check_together(plan, circuit)
    _check_blocks(plan, engine, _by_conductance(circuit))
    if draws and (draws < 0 or engine == "spiking" or not _by_conductance(circuit)):
        raise ArgumentError("draws", draws, "wanted 0, or 1 or more with the rate engine and a circuit of conductances")
    card = None
    if engine != "spiking":
        from cerebellum.machine.device import choose_device, free_bytes

        chosen_device = choose_device(device)  # complain before any work is done
        card = free_bytes(chosen_device) if chosen_device.type == "cuda" else None
    memory.check(circuit, engine, draws, card)
    progress("sampling the connectome", None)
    code = granule_code.code_of(circuit, plan.active_lines) if plan.patterns is not None else None
    patterns = make_patterns(plan, code.lines, circuit.zones, seed) if code is not None else None
    balance = balances.solve(circuit)
    wired = connectomes.sample(circuit, seed)
    scheduled = stimulus.schedule(plan, circuit, patterns, seed)
    seconds: dict[str, Any] = {"prepare": time.perf_counter() - clock}
    result = Result(circuit, plan, scheduled, patterns, connectome=wired)
    measured: dict[str, Floats] = {}
    overlap = None
    summary: dict[str, Any] = {}
    asked = patterns is not None and plan.block_of("read") is not None
    if engine != "rate":
        from cerebellum.spiking import network

        chosen = _working_target(target)
        simulated = network.simulate(wired, balance, scheduled, target=chosen, threads=threads, progress=progress)
        seconds["spiking"] = simulated.seconds
        result.spikes.update(simulated.spikes)
        result.plastic.update(simulated.weights)
        summary["rates"] = _rates(result)
        if asked:
            measured |= _measured(result)
            counts = microzones.granule_counts(result, "write"), microzones.granule_counts(result, "read")
            code, overlap = _told(result, summary, code, counts, simulated.weights)
    if engine != "spiking" and _by_conductance(circuit):
        from cerebellum.readout import recorded

        twin = recorded.add(result, summary, balance, device, dtype, draws, progress)
        seconds["rate"] = twin.seconds
        if asked:
            measured["rate"] = recorded.purkinje(result, twin)
        if engine == "rate":
            result.plastic.update(twin.weights)
            if asked:
                expected = recorded.granule_counts(result, twin)
                code, overlap = _told(result, summary, code, expected, twin.weights)
    elif engine != "spiking":
        import torch

        from cerebellum.rate import volley

        assert patterns is not None
        begun = time.perf_counter()
        found = volley.simulate(
            wired, balance, plan, patterns, device=device, dtype=getattr(torch, dtype), progress=progress
        )
        seconds["rate"] = {"simulate": time.perf_counter() - begun}
        measured["rate"] = microzones.pause(found.baseline, found.purkinje, circuit.zones)
    if measured and patterns is not None:
        progress("comparing readers", None)
        assert code is not None
        readings = readers.read_blocks(wired, code, patterns, measured, overlap)
        result.blocks.extend(readings)
        result.readout.update(readings[-1].readout)
        result.weights.update(readings[-1].weights)
        summary |= readers.summarize(readings, plan.blocks_of("read"), code, patterns, seed)
    summary["convergence"] = {
        degree.projection: {"described": degree.described_convergence, "realised": degree.convergence_mean}
        for degree in connectomes.degrees(wired)
    }
    seconds["total"] = time.perf_counter() - clock
    result.summary.update(summary, timing=seconds, biological_seconds=scheduled.duration)
    rate_engine = {"device": device, "dtype": dtype, "draws": draws}
    spiking_engine = {"target": target, "threads": threads}
    result.provenance.update(_provenance(result, engine, seed, started, rate_engine, spiking_engine))
    if out is not None:
        save(result, Path(out), force, progress)
    return result


def resolve(model: str | Circuit, protocol: str | Protocol, settings: dict[str, str]) -> tuple[Circuit, Protocol]:
    """Model and protocol with the settings given to the one whose file has the key's first part."""
    of_protocol = {key: text for key, text in settings.items() if key.split(".")[0] in Protocol.model_fields}
    of_model = {key: text for key, text in settings.items() if key not in of_protocol}
    known = [*Circuit.model_fields, *Protocol.model_fields]
    for key in of_model:
        if key.split(".")[0] not in known:
            listed = ", ".join(dict.fromkeys(known))
            raise UnknownNameError(f"--set {key}: no such key; a model and a protocol together have: {listed}")
    plan = load_protocol(protocol, of_protocol) if isinstance(protocol, str) else protocol
    circuit = load_model(model, of_model) if isinstance(model, str) else model
    if (of_protocol and not isinstance(protocol, str)) or (of_model and not isinstance(model, str)):
        raise ArgumentError("settings", settings, "apply to names and paths; pass them to load_model or load_protocol")
    return circuit, plan


def save(result: Result, out: Path, force: bool = False, progress: Progress = silent) -> Path:
    """Write a run folder, whole or not at all."""
    from cerebellum.plotting import figures
    from cerebellum.results import nwb

    with whole_folder(out, force) as part:
        write_json(part / "run.json", result.provenance)
        write_json(part / "summary.json", result.summary)
        if result.rates:
            rates.write(result.rates, part / "rates.npz")
        if result.spikes:
            progress("writing spikes", None)
            nwb.write_spikes(result, part / "spikes.nwb")
        progress("drawing figures", None)
        figures.write_figures(result, part / "figures")
    return out


def _by_conductance(circuit: Circuit) -> bool:
    """Whether every cell with a membrane takes conductances: what the rate circuit needs; others are memories."""
    return all(MODELS[p.cell].synapse in (None, "alpha") for p in circuit.population.values())


def _check_blocks(plan: Protocol, engine: str, circuit_of_conductances: bool) -> None:
    """Complain before any work about a protocol that the engine, or the comparison of readers, cannot use."""
    memory = engine != "spiking" and not circuit_of_conductances
    if memory and plan.patterns is None:
        raise ArgumentError("engine", engine, "the rate engine wants a protocol with patterns; run with engine spiking")
    if memory and plan.lesion:
        raise ArgumentError("engine", engine, f"the rate engine cannot block {', '.join(plan.lesion)}")
    if plan.block_of("read") and plan.block_of("baseline") is None:
        raise ProtocolFileError("block: a protocol with a read block wants one with role = 'baseline' too")


def _rates(result: Result) -> dict[str, Any]:
    """Rates of every population: over the whole run, and with intervals in the windows of the last block's trials."""
    block = result.schedule.trials[-1].block
    shown = [trial for trial in result.schedule.trials if trial.block == block][:RATE_TRIALS]
    out: dict[str, Any] = {}
    for name, spikes in result.spikes.items():
        cells = result.circuit.size(name)
        found = [
            asdict(statistics.activity(spikes, cells, *schedule.window(result.protocol, trial))) for trial in shown
        ]
        means = {
            key: float(np.mean(known)) if (known := [f[key] for f in found if f[key] is not None]) else None
            for key in found[0]
        }
        out[name] = {"mean_hz": len(spikes) / cells / result.schedule.duration, "window": means}
    return out


def _measured(result: Result) -> dict[str, np.ndarray[Any, np.dtype[np.float64]]]:
    """Readout y of Purkinje cells, and of nuclear cells where there are any, (cues, microzones)."""
    circuit, plan, found = result.circuit, result.protocol, {}
    for name, sign in (("purkinje", -1.0), ("nuclear", 1.0)):
        if name in circuit.population:
            spikes, cells = result.spikes[name], circuit.size(name)
            baseline = microzones.rates(spikes, cells, plan, result.schedule.of("baseline")).mean(axis=0)
            asked = microzones.rates(spikes, cells, plan, result.schedule.of("read"))
            found[name] = sign * microzones.zone_mean(asked - baseline, circuit.zones)
    return found


def _told(
    result: Result,
    summary: dict[str, Any],
    code: granule_code.Code | None,
    counts: tuple[Floats | Ints, Floats | Ints],
    weights: dict[str, Floats],
) -> tuple[granule_code.Code, Floats]:
    """The code as the circuit that ran shows it, and the spikes that cues and patterns share, (cues, patterns).

    Parameters
    ----------
    summary : gets the granule response, and how well the weights written follow it
    counts : granule spikes of writes and reads, shapes (patterns, cells) and (cues, cells)
    weights : of plastic projections at the end
    """
    wired, patterns = result.connectome, result.patterns
    assert wired is not None
    assert patterns is not None
    assert code is not None
    written, asked = counts
    if not granule_code.states_threshold(result.circuit):
        stored, cued = (granule_code.matches(wired, code, a) for a in (patterns.addresses, patterns.cues))
        code = granule_code.tuned(code, (stored, written), (cued, asked))
        summary["granule_response"] = {"written": code.written, "asked": code.asked}
    summary["written_weights"] = {
        name: {"r_ideal_counters": readers.written_correlation(wired, code, patterns, own, name)}
        for name, own in weights.items()
    }
    return code, asked.astype(float) @ written.T.astype(float)


def _working_target(target: str) -> Any:
    from cerebellum.spiking import network

    chosen = network.working_target(target)  # type: ignore[arg-type]
    if chosen != target:
        warnings.warn(
            f"no C++ compiler found, so the spiking engine runs on numpy, some 50 times slower than {target}; "
            "install g++ (Debian: apt install g++) or set CXX",
            stacklevel=3,
        )
    return chosen


def _provenance(
    result: Result,
    engine: str,
    seed: int,
    started: datetime,
    rate_engine: dict[str, Any],
    spiking_engine: dict[str, Any],
) -> dict[str, Any]:
    return {
        "identifier": str(uuid.uuid4()),
        "started": started.isoformat(),
        "engine": engine,
        "seed": seed,
        "rate_engine": rate_engine,
        "spiking_engine": spiking_engine,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "machine": {"system": platform.system(), "processor": platform.machine()},
        "command": sys.argv[1:],
        "timing": result.summary["timing"],
        "model": result.circuit.model_dump(mode="json", by_alias=True),
        "protocol": result.protocol.model_dump(mode="json"),
    }
