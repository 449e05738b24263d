"""The figure of docs/gpu.md: time and memory against the number of cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def figure(rows: list[dict[str, Any]], path: Path) -> None:
    """Time and memory against cells."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(7.5, 2.8), layout="constrained")
    left, right = drawn.subplots(1, 2)
    for kind in dict.fromkeys(row["kind"] for row in rows):
        some = [row for row in rows if row["kind"] == kind]
        cells = [row["cells"] for row in some]
        left.loglog(cells, [1 / row["reads"] for row in some], "o-", label=f"{kind}, read")
        left.loglog(cells, [1 / row["writes"] for row in some], "s--", label=f"{kind}, write")
        right.loglog(cells, [row["held"] for row in some], "o-", label=kind)
    left.set(xlabel="granule cells", ylabel="s per pattern")
    right.set(xlabel="granule cells", ylabel="bytes held")
    left.legend(fontsize=7)
    right.legend(fontsize=7)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(path, dpi=110)
