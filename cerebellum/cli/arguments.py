"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cerebellum.description import library
from cerebellum.errors import InputError, shortened

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the model or protocol; may be repeated."),
]
Overlays = Annotated[
    list[str] | None,
    typer.Option("--with", metavar="OVERLAY", help="Lay mouse_OVERLAY, or a file, over the model; may be repeated."),
]


def settings_of(pairs: list[str] | None) -> dict[str, str]:
    """`--set KEY=VALUE` pairs as a table.

    Raises
    ------
    InputError
        If one has no key or no value.
    """
    out = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError(f"--set {shortened(pair, 100)}: wanted KEY=VALUE, for example --set patterns.count=5")
        out[key.strip()] = value.strip()
    return out


def values_of(text: str) -> list[str]:
    """The values of `--vary KEY=A,B,C`, parted by the commas that stand in no list, table or text of their own."""
    values, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "\"'":
            quote = ("" if letter == quote else quote) if quote else letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not quote and depth == 0:
            values.append("")
        else:
            values[-1] += letter
    return [value.strip() for value in values]


def is_run(name: str, overlays: list[str] | None = None) -> bool:
    """Whether this is a run folder; a shipped name is the file's, whatever folder of that name lies here.

    Raises
    ------
    InputError
        If overlays shall lie on a run, or it is a path at which no folder lies.
    """
    if "/" in name and not name.endswith(".toml") and not Path(name).is_dir():
        raise InputError(f"{shortened(name, 100)}: there is no such run folder")
    if not Path(name).is_dir() or any(name in library.names(kind) for kind in library.KINDS):
        return False
    if overlays:
        raise InputError(
            f"--with {shortened(overlays[0], 100)}: {shortened(name, 100)} is a run; overlays lie on models"
        )
    return True
