"""Where the commands print."""

from __future__ import annotations

from rich.console import Console


def console() -> Console:
    """Standard output: what files say is printed as it stands, brackets are no markup, ":smile:" is no picture.

    Piped into a file or another program, tables keep their full width instead of being cut to 80 columns.
    """
    found = Console(markup=False, emoji=False)
    return found if found.is_terminal else Console(markup=False, emoji=False, width=160)
