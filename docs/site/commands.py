"""The command line as a page, made from its own help."""

from __future__ import annotations

import typer

from cerebellum.cli.commands import app

HEAD = """\
# Commands

`cerebellum COMMAND --help` says the same. Exit code 0 is done, 2 a fault of what was asked for (nothing is written),
1 anything else.
"""


def page() -> str:
    """Every command with its arguments and options, in Markdown."""
    group = typer.main.get_command(app)
    parts = [HEAD]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        lines = [f"## {name}", "", command.help or "", "", "| | | |", "|---|---|---|"]
        for parameter in command.params:
            if parameter.name == "help":
                continue
            words = (
                " ".join(parameter.opts) if parameter.param_type_name == "option" else (parameter.name or "").upper()
            )
            default = parameter.default
            shown = "" if default in (None, False, (), []) or callable(default) else f"default {default}"
            needed = "required" if parameter.required else shown
            lines.append(f"| `{words}` | {getattr(parameter, 'help', None) or ''} | {needed} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)
