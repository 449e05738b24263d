"""Commands on finished runs: list them, set them side by side, write their page or a figure, run one again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from cerebellum.cli.console import console

app = typer.Typer()


@contextmanager
def _reading(*folders: Path) -> Iterator[None]:
    """What fails in the block for a table that is not as a run leaves it is said in one line.

    Raises
    ------
    InputError
        In its place.
    """
    from cerebellum.errors import CerebellumError, InputError, shortened

    try:
        yield
    except CerebellumError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        where = " or ".join(str(folder / "summary.json") for folder in folders)
        why = shortened(f"{type(error).__name__}: {error}", 120)
        raise InputError(f"{where}: not as a run leaves it ({why}): run again with --force") from error


@app.command()
def report(
    runs: list[Path],
    out: Annotated[
        Path | None,
        typer.Option(help="Page to write; default report.html in the run folder, of several comparison.html."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing page.")] = False,
) -> None:
    """Write the page of a finished run, or one that sets several runs side by side."""
    from cerebellum.report import write_comparison, write_report
    from cerebellum.report.write import NAME, refuse_page
    from cerebellum.results import open_run

    opened = [open_run(folder) for folder in runs]
    own = (
        len(opened) == 1 and out is None
    )  # the folder's own page is made of the folder, so making it anew loses nothing
    page = out or (runs[0] / NAME if own else Path("comparison.html"))
    refuse_page(page, force or own)
    with _reading(*runs):
        if len(opened) == 1:
            write_report(opened[0], page, opened[0].folder / "figures" / "circuit.svg")
        else:
            write_comparison(opened, page)
    console().print(f"{page}: {page.stat().st_size / 1e6:.1f} MB; open it in a browser")


@app.command()
def plot(
    run: Annotated[Path, typer.Argument(help="A run folder, or the folder of a sweep.")],
    figure: Annotated[str, typer.Option(help="Which: raster, psth, rates, ...; of a sweep a column of its table.")],
    format_: Annotated[str, typer.Option("--format", help="pdf, svg or png.")] = "pdf",
    columns: Annotated[int, typer.Option(min=1, max=2, help="Width: one or two columns of a journal.")] = 1,
    out: Annotated[Path | None, typer.Option(help="File to write; default RUN-FIGURE.FORMAT here.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Draw one figure of a finished run at the size of a journal's column, its text as text."""
    from cerebellum.errors import UnknownNameError
    from cerebellum.machine.atomic import whole_file
    from cerebellum.plotting import journal
    from cerebellum.report.write import refuse_page
    from cerebellum.results import open_run
    from cerebellum.results.folder import refuse_unwritable

    if format_ not in journal.FORMATS:
        raise UnknownNameError.of("format", format_, list(journal.FORMATS))
    path = out or Path(f"{run.absolute().name}-{figure}.{format_}")
    refuse_page(path, force)
    refuse_unwritable(path)
    with _reading(run):
        made = (
            _of_sweep(run, figure) if (run / "table.csv").is_file() else journal.figure(open_run(run), figure, columns)
        )
    with whole_file(path) as part:
        journal.save(made, part, format_)
    console().print(f"{path}")


def _of_sweep(folder: Path, column: str) -> Any:
    """The figure of one column of a sweep's table; what was varied stands in front of the seed."""
    import pandas as pd

    from cerebellum.errors import InputError
    from cerebellum.plotting.sweep import sweep_figure

    try:
        table = pd.read_csv(folder / "table.csv")
        names = [str(name) for name in table]
        varied = names[: names.index("seed")]
    except (OSError, ValueError) as error:
        raise InputError(f"{folder / 'table.csv'}: damaged, or not a sweep's: run the sweep again") from error
    return sweep_figure(table, varied or ["seed"], [column])


@app.command()
def compare(run_a: Path, run_b: Path) -> None:
    """Two finished runs side by side."""
    from cerebellum.cli.tables import comparison_table, engines_table
    from cerebellum.readout.comparison import compare as compare_runs
    from cerebellum.readout.comparison import compare_engines

    with _reading(run_a, run_b):
        numbers = compare_runs(run_a, run_b)  # which warns where models or protocols differ
        engines = compare_engines(run_a, run_b)
    if engines:
        console().print(engines_table(engines))
    console().print(comparison_table(numbers, (str(run_a), str(run_b))))


@app.command()
def runs(folder: Annotated[Path, typer.Argument(help="Where run folders lie.")] = Path("runs")) -> None:
    """List run folders, newest first: what was asked, what came out."""
    from rich.table import Table

    from cerebellum.errors import InputError
    from cerebellum.results import open_run
    from cerebellum.results.views import headline, title

    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; wanted one in which run folders lie")
    rows = []
    for path in sorted(folder.iterdir()):
        if not (path / "run.json").is_file():
            continue
        try:
            with _reading(path):
                found = open_run(path)
                said = " ".join(headline(found.summary, found.provenance.get("model") or {}))
                rows.append((str(found.provenance.get("started", "")), path.name, title(found.provenance), said))
        except InputError as error:
            rows.append(("", path.name, "damaged", str(error)))
    table = Table("run", "started", "question", "result", title=f"Runs in {folder}")
    for started, name, question, result in sorted(rows, reverse=True):
        table.add_row(name, started[:16].replace("T", " "), question, result)
    console().print(table if rows else f"{folder}: no run folders in it")


def again(folder: Path, out: Path | None, force: bool) -> None:
    """Run a folder's run again and say whether it came out the same; exit code 1 if not."""
    from cerebellum.machine import progress
    from cerebellum.simulation.again import run_again

    with progress.bar() as bar:
        found = run_again(folder, out=out, force=force, progress=bar)
    for line in found.lines():
        console().print(line)
    if not found.same:
        raise typer.Exit(1)
