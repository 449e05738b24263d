"""`export`: a model's network with what drives it, or that of a finished run, as it has learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cerebellum.cli.arguments import Overlays, Settings, is_run, settings_of
from cerebellum.cli.console import console
from cerebellum.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from cerebellum.activity.spikes import Spikes
    from cerebellum.connectome.connectome import Connectome
    from cerebellum.experiment.schedule import Schedule

    Exported = tuple[Connectome, Schedule | None, Mapping[str, Spikes] | None]

app = typer.Typer()


@app.command()
def export(
    model: Annotated[
        str, typer.Argument(help="Shipped name or path; or a run folder, with what drove it and its spikes.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    format_: Annotated[str, typer.Option("--format", help="sonata")] = "sonata",
    protocol: Annotated[str | None, typer.Option(help="Write the spikes, too, by which it drives the network.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of a model: default 1. A run has its own.")] = None,
    setting: Settings = None,
    overlay: Overlays = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing export.")] = False,
) -> None:
    """Write a network for other simulators, in SONATA files, with a script that runs it on NEST."""
    from cerebellum import exchange
    from cerebellum.description.overlays import joined
    from cerebellum.machine import progress
    from cerebellum.results.folder import refuse_existing

    if format_ != "sonata":
        raise UnknownNameError.of("format", format_, ["sonata"])
    refuse_existing(out, force, exchange.EXPORT)
    name = model if is_run(model, overlay) else joined(model, overlay)
    connectome, schedule, spikes = exported(name, protocol, seed, settings_of(setting))
    with progress.bar() as bar:
        lost = exchange.export(connectome, out, schedule=schedule, spikes=spikes, force=force, progress=bar)
    synapses = sum(len(edges) for edges in connectome.edges.values())
    cells = sum(connectome.circuit.size(name) for name in connectome.circuit.population)
    console().print(f"{out}: {cells} cells, {synapses} synapses; run it on NEST by python {out / 'run_on_nest.py'}")
    if lost:
        text = "; ".join(lost)
        console().print(f"left out, as the files have no word for it: {text}", soft_wrap=True)


def exported(name: str, protocol: str | None, seed: int | None, settings: dict[str, str]) -> Exported:
    """Connectome, schedule and spikes of a model's name or path, or of a run folder.

    Raises
    ------
    InputError
        If there is no such model or run, or a run folder is given a protocol, a seed or settings, which it has of its
        own.
    """
    from cerebellum.connectome.connectome import sample
    from cerebellum.description.circuit import load_model
    from cerebellum.simulation.prepare import prepare

    if is_run(name):
        if protocol is not None or seed is not None or settings:
            raise InputError(
                f"{name}: a run has its own protocol, seed and settings; wanted no --protocol, --seed and --set"
            )
        return _of_run(Path(name))
    seed = 1 if seed is None else seed
    if protocol is None:
        return sample(load_model(name, settings), seed), None, None
    experiment = prepare(protocol, name, seed, settings)
    return experiment.connectome, experiment.schedule, None


def _of_run(folder: Path) -> Exported:
    from cerebellum.results import weights
    from cerebellum.results.saved import open_run
    from cerebellum.simulation.prepare import sample_experiment

    run = open_run(folder)
    if (folder / "exchanges.npz").exists():
        raise InputError(f"{folder}: a closed loop drove it, whose spikes no file has; export its model instead")
    earlier = weights.of_run(folder) if (folder / "weights.npz").is_file() else None
    experiment = sample_experiment(run.circuit, run.protocol, run.seed, earlier)
    return experiment.connectome, experiment.schedule, run.spikes or None
