"""Commands on finished runs: their page."""

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
