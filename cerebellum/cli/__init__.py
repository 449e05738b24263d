"""The command line: commands, the tables they print, and the claims of a checkout."""

from cerebellum.cli.commands import main

__all__ = ["main"]
