"""Claim: capacity, critical distance and forgetting of the circuit are those of SDM, until weights reach their bounds.

The protocols `capacity`, `critical_distance` and `forgetting` on `kanerva` with three numbers of granule cells
(Purkinje spikes and the rate engine beside exact unbounded counts and expected SDM on the same patterns), and
`mouse_capacity` and `mouse_critical_distance` on `mouse_memory` at a quarter of its size (Purkinje and nuclear spikes
beside the prediction). Theory: Kanerva (1988); Bricken & Pehlevan 2021, arXiv:2111.05498, appendix B on the critical
distance. The mouse's cells in single precision, for time (docs/benchmarks.md). Run time: about 12 minutes on one idle
core.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from analysis import evidence
from analysis.mouse_memory.memory_parts import MODEL as MOUSE
from analysis.mouse_memory.memory_parts import PROTOCOL as SHORT

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "How many patterns the circuit holds, how far a cue may lie, and which patterns it forgets follow SDM as long as"
    " weights stay between their bounds."
)
CAPTION = (
    "Share of pointer bits right (top left and right) and of cues whose pattern is recognised. Top: `kanerva` with"
    " 1,000, 2,500 and 10,000 granule cells (pale to"
    " dark); bottom left and middle: the mouse circuit at scale 2. Circles Purkinje spikes, diamonds nuclear spikes,"
    " crosses the rate engine, lines exact counts on the same connectome without bounds (dashed: expectation). Top"
    " right: recall of the first eight patterns as others follow; bottom right: of all patterns by their order in the"
    " fullest memory."
)
SIZES = [1000, 2500, 10000]
COUNT = "population.granule.count"
MOUSE_SHORT = {key: value for key, value in SHORT.items() if "noise" not in key}


def measure(seed: int = 0) -> dict[str, Any]:
    """Recall of every protocol, size and reader."""
    numbers: dict[str, Any] = {"sizes": SIZES, "kanerva": {}, "mouse": {}}
    for size in SIZES:
        measured = {}
        for protocol in ("capacity", "critical_distance", "forgetting"):
            measured[protocol] = _one(protocol, "kanerva", "both", seed, {COUNT: str(size)})
            print(size, protocol, file=sys.stderr, flush=True)
        numbers["kanerva"][str(size)] = measured
    for protocol, noise in (("capacity", "[6]"), ("critical_distance", "[0, 4, 8, 12, 16, 20, 24]")):
        settings = {**MOUSE, **MOUSE_SHORT, "block.read.noise": noise}
        numbers["mouse"][protocol] = _one(f"mouse_{protocol}", "mouse_memory", "spiking", seed, settings)
        print("mouse", protocol, file=sys.stderr, flush=True)
    return numbers


def _one(protocol: str, model: str, engine: Any, seed: int, settings: dict[str, str]) -> dict[str, Any]:
    from cerebellum import run

    options: dict[str, Any] = {"dtype": "float32"} if engine == "spiking" else {}
    summary = run(protocol, model, engine, seed=seed + 1, settings=settings, **options).summary
    blocks = summary.get("recall_by_block", {"read": {"stored": None, **summary["recall"]}})
    readers = [name for name in summary["recall"] if name not in ("attention", "granule")]
    return {
        "stored": [measured["stored"] for measured in blocks.values()],
        "patterns": {name: [measured[name]["patterns"] for measured in blocks.values()] for name in readers},
        "bits": {name: [measured[name]["bits"] for measured in blocks.values()] for name in readers},
        "by_flips": {name: summary["recall"][name]["by_flips"] for name in readers},
        "by_pattern": {name: list(summary["recall"][name]["by_pattern"].values()) for name in readers},
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; a false one is a result."""
    kanerva, mouse = numbers["kanerva"], numbers["mouse"]

    def gap(measured: dict[str, Any], reader: str, upto: int | None = None) -> float:
        spikes, exact = measured["patterns"][reader][:upto], measured["patterns"]["sdm_exact"][:upto]
        return max(abs(a - b) for a, b in zip(spikes, exact, strict=True))

    def by_distance(measured: dict[str, Any], reader: str) -> float:
        spikes, exact = measured["by_flips"][reader], measured["by_flips"]["sdm_exact"]
        return max(abs(spikes[level]["patterns"] - exact[level]["patterns"]) for level in exact)

    largest = kanerva[str(numbers["sizes"][-1])]
    full = [size["capacity"]["patterns"]["purkinje"][-1] for size in kanerva.values()]
    return {
        "kanerva: 16 patterns, Purkinje spikes within 10 points of exact counts, every size": all(
            gap(size["capacity"], "purkinje", 1) <= 0.1 for size in kanerva.values()
        ),
        "kanerva: the same with 256 patterns (bounds reached)": all(
            gap(size["capacity"], "purkinje") <= 0.1 for size in kanerva.values()
        ),
        "kanerva: more granule cells recall more of 256 patterns": full == sorted(full) and full[0] < full[-1],
        "kanerva: recall against distance within 15 points of exact counts, largest size": by_distance(
            largest["critical_distance"], "purkinje"
        )
        <= 0.15,
        "kanerva: bits of the first patterns fade as others are written, more than in unbounded counts": (
            largest["forgetting"]["bits"]["purkinje"][-1] < largest["forgetting"]["bits"]["sdm_exact"][-1]
        ),
        "mouse: 8 patterns from cues a fifth wrong, >= 95 % recognised from Purkinje spikes": (
            mouse["capacity"]["patterns"]["purkinje"][1] >= 0.95
        ),
        "mouse: Purkinje spikes within 15 points of the prediction at every number of patterns": (
            gap(mouse["capacity"], "purkinje") <= 0.15
        ),
        "mouse: recall against distance within 15 points of the prediction": (
            by_distance(mouse["critical_distance"], "purkinje") <= 0.15
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Six panels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.6), layout="constrained")
    axes = figure.subplots(2, 3, sharey=True)
    shades = ("#a1d99b", "#41ab5d", "#005a32")
    for shade, (size, measured) in zip(shades, numbers["kanerva"].items(), strict=True):
        _stages(axes[0, 0], measured["capacity"], shade, f"{int(size):,} cells", "bits")
        _distances(axes[0, 1], measured["critical_distance"], shade)
        _stages(axes[0, 2], measured["forgetting"], shade, "", "bits")
    _stages(axes[1, 0], numbers["mouse"]["capacity"], "#3182bd", "")
    _distances(axes[1, 1], numbers["mouse"]["critical_distance"], "#3182bd")
    last = numbers["kanerva"][str(numbers["sizes"][-1])]["capacity"]["by_pattern"]
    for name, style in (("purkinje", "o"), ("sdm_exact", "-")):
        blocks = [sum(part) / len(part) for part in _split(last[name], 16)]
        axes[1, 2].plot([16 * k + 8 for k in range(len(blocks))], blocks, style, color=shades[-1], ms=4)
    titles = (
        "kanerva: capacity, bits",
        "kanerva: distance, recognised",
        "kanerva: the first eight, bits",
        "mouse: capacity",
        "mouse: distance",
    )
    for ax, title in zip(axes.ravel(), (*titles, "kanerva, 256 stored: by order"), strict=True):
        ax.set(title=title, ylim=(-0.02, 1.05))
    for ax, label in zip(
        axes.ravel(),
        (
            "patterns stored",
            "flipped bits of 256",
            "patterns stored",
            "patterns stored",
            "moved fibres of 28",
            "pattern",
        ),
        strict=True,
    ):
        ax.set_xlabel(label)
    for row in (0, 1):
        axes[row, 0].set_ylabel("share of bits" if row == 0 else "share recognised")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def _stages(ax: Any, measured: dict[str, Any], colour: str, label: str, share: str = "patterns") -> None:
    for name, style in (("purkinje", "o"), ("nuclear", "d"), ("rate", "x"), ("sdm_exact", "-"), ("sdm", "--")):
        if name in measured[share]:
            ax.plot(measured["stored"], measured[share][name], style, ms=5, lw=1, color=colour)
    ax.plot([], [], "-", color=colour, label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(measured["stored"], [str(stored) for stored in measured["stored"]])


def _distances(ax: Any, measured: dict[str, Any], colour: str) -> None:
    for name, style in (("purkinje", "o"), ("nuclear", "d"), ("rate", "x"), ("sdm_exact", "-"), ("sdm", "--")):
        if name in measured["by_flips"]:
            levels = measured["by_flips"][name]
            shares = [at["patterns"] for at in levels.values()]
            ax.plot([int(level) for level in levels], shares, style, ms=5, lw=1, color=colour)


def _split(values: list[float], size: int) -> list[list[float]]:
    return [values[k : k + size] for k in range(0, len(values), size)]


if __name__ == "__main__":
    evidence.main(__spec__.name)
