"""The command line: list, show, check, run, sweep, compare, report, runs, cite, graph, export, figures."""

from __future__ import annotations

import gc
import signal
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import cerebellum
from cerebellum.cli import exported, finished
from cerebellum.cli.arguments import Overlays, Settings, is_run, values_of
from cerebellum.cli.arguments import settings_of as _settings
from cerebellum.cli.console import console as _console
from cerebellum.description import library
from cerebellum.errors import CerebellumError, InputError, UnknownNameError, shortened

app = typer.Typer(
    name="cerebellum",
    help="Cerebellar network simulator: spiking and rate engines on one circuit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(finished.app)  # without a name: its commands stand beside ours
app.add_typer(exported.app)


def _version(asked: bool) -> None:
    if asked:
        print(f"cerebellum {cerebellum.__version__}")
        raise typer.Exit


@app.callback()
def _everything(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Cerebellar network simulator: spiking and rate engines on one circuit."""


def _kind_of(name: str) -> str:
    """'models' or 'protocols', by the shipped names or by what a file holds."""
    from cerebellum.description import overlays

    name = overlays.parts(name)[0]
    if name.endswith(".toml"):
        try:
            content, _, _ = library.read_extended("protocols", name)
        except UnknownNameError:  # what it extends is no protocol
            return "models"
        return "protocols" if "block" in content else "models"
    for kind in library.KINDS:
        if name in library.names(kind):
            return kind
    known = library.names("models") + library.names("protocols")
    raise UnknownNameError.of("model or protocol", name, known)


def _with(name: str, overlays: list[str] | None) -> str:
    """A model's name joined with its overlays'."""
    from cerebellum.description.overlays import joined

    if overlays and _kind_of(name) == "protocols":
        raise InputError(
            f"--with {shortened(overlays[0], 100)}: {shortened(name, 100)} is a protocol; overlays lie on models"
        )
    return joined(name, overlays)


def _load(name: str, settings: dict[str, str] | None = None) -> Any:
    from cerebellum.description.circuit import load_model
    from cerebellum.description.protocol import load_protocol

    return load_model(name, settings) if _kind_of(name) == "models" else load_protocol(name, settings)


def _model(protocol: str, named: str | None) -> str:
    """The model to run on, and a line if it was not named, or is none that the protocol is made for."""
    from cerebellum.description.compatibility import other_model
    from cerebellum.description.protocol import default_model

    model = default_model(protocol) if named is None else named
    if named is None:
        print(f"model: {model}, the first that the protocol is made for", file=sys.stderr)
    elif said := other_model(protocol, model):
        warnings.warn(said, stacklevel=1)
    return model


def _refuse_options(context: typer.Context, taken: tuple[str, ...]) -> None:
    """Complain about options that a run folder has no use for: it is run as it was."""
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in taken and source is not None and source.name == "COMMANDLINE":
            raise InputError(
                f"{parameter.opts[0]}: a run folder is run again as it was; wanted --out and --force alone"
            )


@app.command("list")
def list_() -> None:
    """Shipped models and protocols."""
    from rich.table import Table

    for kind, noun in library.KINDS.items():
        table = Table(noun, "title", "description", title=f"{noun.capitalize()}s")
        for name in library.names(kind):
            content, _, _ = library.read_extended(kind, name)
            table.add_row(name, str(content.get("title", "")), str(content.get("description", "")))
        _console().print(table)


@app.command()
def show(name: str, overlay: Overlays = None, setting: Settings = None) -> None:
    """Parameter table of a model with units and sources, and what overlays change; a protocol's timeline."""
    from cerebellum.cli import tables
    from cerebellum.description import overlays

    name = _with(name, overlay)
    loaded = _load(name, _settings(setting))
    if _kind_of(name) == "models":
        _console().print(tables.model_table(loaded, overlays.changes(name)))
    else:
        _console().print(tables.protocol_table(loaded))


@app.command()
def check(file: str, overlay: Overlays = None) -> None:
    """Validate a model or protocol file; exit 2 and every fault with its place."""
    file = _with(file, overlay)
    loaded = _load(file)
    if _kind_of(file) == "models":
        from cerebellum.connectome import weights

        weights.solve(loaded)
    _console().print(f"{file}: a good {library.KINDS[_kind_of(file)]} file")


@app.command()
def run(
    context: typer.Context,
    protocol: Annotated[str, typer.Argument(help="Shipped name or path; or a run folder, to run it again.")],
    model: Annotated[str | None, typer.Option(help="Shipped name or path; default the protocol's first.")] = None,
    engine: Annotated[str, typer.Option(help="spiking, rate, volley, both, or another package's.")] = "spiking",
    seed: Annotated[int, typer.Option(min=0)] = 1,
    overlay: Overlays = None,
    setting: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/PROTOCOL-MODEL-ENGINE-SEED.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing run folder.")] = False,
    device: Annotated[str | None, typer.Option(help="Of engines of rates: cpu (default) or cuda.")] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float64 or float32; default float64 of spiking, float32 of rates.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(min=0, help="Of the rate engine: realizations to average; 0: expectations (default).")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Of the spiking engine: standalone (default), runtime or numpy.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="OpenMP threads of the standalone target.")] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes for the trials of independent blocks; the spikes are the same.")
    ] = None,
    loop: Annotated[
        str | None, typer.Option(metavar="FILE.py:NAME", help="A cerebellum.loop.Loop to close around the circuit.")
    ] = None,
    start_from: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Begin with that run's connectome and last weights.")
    ] = None,
) -> None:
    """Run a protocol; prints what was found and writes a run folder. Of a run folder: whether it comes out the same."""
    if is_run(protocol):
        _refuse_options(context, ("protocol", "out", "force"))
        finished.again(Path(protocol), out, force)
        return
    from cerebellum.cli import tables
    from cerebellum.description import overlays
    from cerebellum.machine import progress
    from cerebellum.simulation import run

    model = _model(protocol, model)
    options = {"device": device, "dtype": dtype, "draws": draws, "target": target, "threads": threads, "jobs": jobs}
    model = _with(model, overlay)
    stem = "-".join([Path(protocol).stem, overlays.stem(model), engine, str(seed)])
    folder = out or Path("runs") / stem
    if loop is not None:
        from cerebellum.loop import from_file
    with progress.bar() as bar:
        result = run.run(
            protocol,
            model,
            engine,
            seed=seed,
            settings=_settings(setting),
            out=folder,
            force=force,
            loop=from_file.load(loop) if loop is not None else None,
            start_from=start_from,
            progress=bar,
            **{key: value for key, value in options.items() if value is not None},
        )
    console = _console()
    console.print(tables.run_tables(result.summary))
    console.print(f"Engine: {' and '.join(result.outcomes)}")
    console.print(f"{result.summary['timing']['total']:.1f} s for {result.schedule.duration:.1f} s of biological time")
    for check in result.summary["checks"].values():
        console.print(f"note: {check['text']}", markup=False, highlight=False)
    console.print(f"Run folder: {folder}  (pictures in {folder / 'figures'})")


@app.command()
def sweep(
    protocol: str,
    vary: Annotated[list[str], typer.Option("--vary", metavar="KEY=A,B,C", help="Values of a key; may be repeated.")],
    model: Annotated[str | None, typer.Option(help="Shipped name or path; default the protocol's first.")] = None,
    engine: Annotated[str, typer.Option(help="spiking, rate, volley, both, or another package's.")] = "spiking",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 1..N for every combination.")] = 1,
    overlay: Overlays = None,
    setting: Settings = None,
    out: Annotated[Path | None, typer.Option(help="Sweep folder; default runs/sweep-PROTOCOL-MODEL.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a running dask scheduler.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Local worker processes; default one a core.")] = None,
    device: Annotated[str, typer.Option(help="Of the engines of rates: cpu or cuda.")] = "cpu",
) -> None:
    """Run a protocol over values and seeds; a restarted sweep goes on where it stopped."""
    from cerebellum.description import overlays
    from cerebellum.machine import progress
    from cerebellum.simulation.sweep import run_sweep

    model = _model(protocol, model)
    model = _with(model, overlay)
    varied = {key: values_of(text) for key, text in _settings(vary).items()}
    folder = out or Path("runs") / f"sweep-{Path(protocol).stem}-{overlays.stem(model)}"
    with progress.bar() as bar:
        table = run_sweep(
            protocol,
            model,
            engine,
            varied,
            range(1, seeds + 1),
            folder,
            fixed=_settings(setting),
            scheduler=scheduler,
            workers=workers,
            device=device,
            progress=bar,
        )
    _console().print(f"{len(table)} points in {folder / 'table.csv'}, picture in {folder / 'sweep.png'}")


@app.command()
def cite(name: str, overlay: Overlays = None) -> None:
    """The references behind a model's or protocol's values; of a run folder, BibTeX of those and of its methods."""
    from cerebellum.description.references import references, unsourced

    if is_run(name, overlay):
        from cerebellum.cli import citations

        print(citations.of_run(Path(name)))
        return
    name = _with(name, overlay)
    loaded = _load(name)
    for key, reference in references(loaded).items():
        print(f"{key}: {reference}")
    assumed = unsourced(loaded)
    print(f"{assumed} values are assumed or fitted; `cerebellum show {name}` says why.")


@app.command()
def graph(
    model: str,
    out: Annotated[Path, typer.Option(help="GraphML file to write.")],
    cells: Annotated[list[str] | None, typer.Option(help="Cell graph of this projection; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    setting: Settings = None,
    force: Annotated[bool, typer.Option("--force")] = False,
) -> None:
    """Sample the connectome and write its graph: populations, or with --cells the cells of chosen projections."""
    from cerebellum.connectome import graph as graphs
    from cerebellum.connectome.connectome import sample
    from cerebellum.description.circuit import load_model
    from cerebellum.results.folder import refuse_unwritable

    if out.exists() and not (force and out.is_file()):
        remedy = ", or add --force to replace it" if out.is_file() else ""
        raise InputError(f"{out} exists already; choose another --out{remedy}")
    refuse_unwritable(out)
    circuit = load_model(model, _settings(setting))
    for name in cells or []:
        if name not in circuit.projection:
            raise UnknownNameError.of("projection", name, list(circuit.projection))
    connectome = sample(circuit, seed)
    made = graphs.cell_graph(connectome, cells) if cells else graphs.population_graph(connectome)
    graphs.write_graphml(made, out, replace=force)
    _console().print(f"{out}: {made.number_of_nodes()} nodes, {made.number_of_edges()} edges")


@app.command()
def figures(
    names: Annotated[list[str] | None, typer.Argument(help="Claims to measure and draw; default all.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder.")] = None,
) -> None:
    """From a checkout: measure and draw the claims in analysis/, and say which hold."""
    from cerebellum.cli.claims import run_figures
    from cerebellum.cli.tables import claims_table
    from cerebellum.machine import progress

    with progress.bar() as bar:
        outcomes = run_figures(names or None, out, bar)
    _console().print(claims_table(outcomes))
    if failed := [outcome for outcome in outcomes if outcome.error]:
        raise CerebellumError("\n".join(f"{outcome.name} failed:\n{outcome.error}" for outcome in failed))


class _Stop:
    """Ctrl-C and kill alike: what runs is stopped and what was half written goes, on the way out.

    Attributes
    ----------
    number : the signal that asked for it
    """

    number: int | None = None

    def __call__(self, number: int, _: object) -> NoReturn:
        self.number = number
        print("Terminated." if number == signal.SIGTERM else "Interrupted.", file=sys.stderr)
        sys.exit(128 + number)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Ctrl-C and kill end the block by a `_Stop`, unless whoever started this process has them ignored."""
    before, stop = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}, _Stop()
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    except BaseException as error:
        if stop.number is None or isinstance(error, SystemExit):
            raise
        # A library that is being loaded makes an error of its own of the exception that stops it.
        raise SystemExit(128 + stop.number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main() -> None:
    """Entry point: exit 0 done, 2 the user's input is at fault, 1 anything else, 128 + N stopped by signal N."""
    warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=sys.stderr)
    gc.set_threshold(100_000)  # what is imported stays: looking through it for circles took a tenth of the start
    try:
        with _stoppable():
            app()
    except SystemExit as stop:
        for note in getattr(stop, "__notes__", ()):  # what an interrupted sweep has kept
            print(note, file=sys.stderr)
        raise
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except (CerebellumError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
