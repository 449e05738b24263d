"""How far one read moves a query: new distance from the target against the old one.

Claim: a read brings a query nearer to its target up to the critical distance, where the curve crosses the diagonal.
Paper figures: Bricken & Pehlevan (2021), appendix (SDMNewQueryConvergence), doi:10.48550/arXiv.2111.05498, after
Kanerva (1988). Run time: ten seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "One read brings a query nearer to its target up to the critical distance, and the formula says how far."
CAPTION = (
    "Expected distance from the target after one read (lines: formula with binomial distances; dotted: all other"
    " patterns at n/2, the published model) and that of reads (points, mean over targets). Left: n = 64,"
    " m = 1,024, a neuron at every address. Right: 100,000 real neurons. Below the diagonal a query converges. Where"
    " reads fall below the formula and along the diagonal, they return the query: the patterns that interfere are those"
    " near it, which share its bits, and the formula takes their bits for random ones."
)
N, PATTERNS, NEURONS, TARGETS = 64, 1024, 100_000, 256
RADII = {"every address": (5, 11, 15, 20), "real neurons": (17, 19, 21, 24)}
DISTANCES = tuple(range(0, 33, 2))
CLOSE = 1.5  # bits between formula and reads that still count as agreement: our choice


def measure(seed: int = 0) -> dict[str, Any]:
    """The formula, and one read of random patterns by infinitely many and by 100,000 neurons."""
    import numpy as np
    import torch

    from analysis.experiments import bits, flipped
    from cerebellum.memory.memories import NeuronSDM, PatternSDM
    from cerebellum.theory import sdm

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    patterns = bits(rng, PATTERNS, N)
    targets = patterns[:TARGETS]
    queries = np.concatenate([flipped(rng, targets, v) for v in DISTANCES])
    rows = []
    for kind, radii in RADII.items():
        for radius in radii:
            finite = kind == "real neurons"
            memory = NeuronSDM.random(NEURONS, N, radius, rng) if finite else PatternSDM(N, radius)
            memory.write(patterns)
            read = memory.read(queries).reshape(len(DISTANCES), TARGETS, N)
            wrong = np.where(read == 0, 0.5, read * targets < 0).sum(axis=2)
            neurons = NEURONS if finite else None
            rows.append(
                {
                    "kind": kind,
                    "radius": radius,
                    "reads": wrong.mean(axis=1),
                    "formula": sdm.distance_after_read(N, radius, PATTERNS, neurons)[list(DISTANCES)],
                    "published_model": sdm.distance_after_read(N, radius, PATTERNS, neurons, "half")[list(DISTANCES)],
                    "critical_distance": sdm.critical_distance(N, radius, PATTERNS, neurons),
                }
            )
    return {"distances": DISTANCES, "rows": rows}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The formula against reads, for each kind of memory."""
    rows = numbers["rows"]

    def gap(model: str, kind: str) -> float:
        return max(
            abs(a - b) for row in rows if row["kind"] == kind for a, b in zip(row[model], row["reads"], strict=True)
        )

    return {
        f"a neuron at every address: formula within {CLOSE} bits of reads": gap("formula", "every address") <= CLOSE,
        f"real neurons: formula within {CLOSE} bits of reads": gap("formula", "real neurons") <= CLOSE,
        f"a neuron at every address: published model within {CLOSE} bits of reads": (
            gap("published_model", "every address") <= CLOSE
        ),
        "reads cross the diagonal within 2 bits of the formula's critical distance, wherever it is above 0": all(
            _crossing(numbers["distances"], row["reads"]) >= row["critical_distance"] - 2
            and _crossing(numbers["distances"], row["reads"]) <= row["critical_distance"] + 2
            for row in rows
            if row["critical_distance"] > 0
        ),
    }


def _crossing(distances: list[int], after: list[float]) -> float:
    """Where the curve of reads meets the diagonal, interpolated between the distances measured."""
    above = [a - max(v, 0.5) for v, a in zip(distances, after, strict=True)]
    for k, gap in enumerate(above):
        if gap > 0:
            step = 0.0 if k == 0 else -above[k - 1] / (gap - above[k - 1])
            return distances[max(k - 1, 0)] + step * (distances[k] - distances[max(k - 1, 0)])
    return float(distances[-1])


def draw(numbers: dict[str, Any]) -> Figure:
    """New against old distance, one panel for each kind of memory."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 4.2), layout="constrained")
    for axes, kind in zip(figure.subplots(1, 2, sharey=True), RADII, strict=True):
        v = numbers["distances"]
        axes.plot(v, v, color="0.6", lw=1)
        for k, row in enumerate(row for row in numbers["rows"] if row["kind"] == kind):
            axes.plot(v, row["formula"], color=f"C{k}", lw=1.2)
            axes.plot(v, row["published_model"], color=f"C{k}", lw=0.9, ls=":")
            label = f"d = {row['radius']}, critical distance {row['critical_distance']}"
            axes.plot(v, row["reads"], "o", ms=4, color=f"C{k}", label=label)
        axes.set(xlabel="distance before the read, bits", title=kind, ylim=(-1, 47))
        axes.legend(fontsize=8, loc="upper left", ncols=2)
    figure.axes[0].set_ylabel("distance after the read, bits")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
