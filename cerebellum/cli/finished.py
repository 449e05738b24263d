"""Commands on finished runs: list them, set them side by side, write their page, run one again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cerebellum.cli.console import console

app = typer.Typer()


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
    if len(opened) == 1:
        write_report(opened[0], page, opened[0].folder / "figures" / "circuit.svg")
    else:
        write_comparison(opened, page)
    console().print(f"{page}: {page.stat().st_size / 1e6:.1f} MB; open it in a browser")


@app.command()
def compare(run_a: Path, run_b: Path) -> None:
    """Two finished runs side by side."""
    from cerebellum.cli.tables import comparison_table, engines_table
    from cerebellum.readout.comparison import compare as compare_runs
    from cerebellum.readout.comparison import compare_engines

    numbers = compare_runs(run_a, run_b)  # which warns where models or protocols differ
    if engines := compare_engines(run_a, run_b):
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
