"""Run a notebook's code as it stands, in the working folder: `python tests/notebook.py FILE`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(path: Path) -> None:
    """All cells of code in one namespace, without a kernel."""
    import matplotlib

    matplotlib.use("Agg")
    names = {"__name__": "__main__"}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)


if __name__ == "__main__":  # workers of a sweep import this file, too
    main(Path(sys.argv[1]))
