"""What `export` writes: a model's network with what drives it, or that of a finished run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cerebellum.activity.spikes import Spikes
from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.protocol import Protocol
from cerebellum.description.schema import parse
from cerebellum.errors import InputError, ModelFileError, ProtocolFileError
from cerebellum.experiment.schedule import Schedule

Exported = tuple[Connectome, Schedule | None, Mapping[str, Spikes] | None]


def exported(name: str, protocol: str | None, seed: int, settings: dict[str, str]) -> Exported:
    """Connectome, schedule and spikes of a model's name or path, or of a run folder.

    Raises
    ------
    InputError
        If there is no such model or run, or a run folder is given a protocol or settings, which it has of its own.
    """
    from cerebellum.simulation.prepare import prepare

    if Path(name).is_dir():
        if protocol is not None or settings:
            raise InputError(f"{name}: a run has its own protocol and settings; wanted neither --protocol nor --set")
        return _of_run(Path(name))
    if protocol is None:
        return sample(load_model(name, settings), seed), None, None
    experiment = prepare(protocol, name, seed, settings)
    return experiment.connectome, experiment.schedule, None


def _of_run(folder: Path) -> Exported:
    from cerebellum.results.saved import open_run
    from cerebellum.simulation.prepare import prepare

    run = open_run(folder)
    told = run.provenance
    circuit = parse(Circuit, told["model"], f"{folder}: run.json: model", ModelFileError)
    plan = parse(Protocol, told["protocol"], f"{folder}: run.json: protocol", ProtocolFileError)
    experiment = prepare(plan, circuit, int(told["seed"]))
    return experiment.connectome, experiment.schedule, run.spikes or None
