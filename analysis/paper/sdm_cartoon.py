"""How sparse distributed memory writes and reads, drawn with a small real one.

Claim: a read weights each stored pattern by the number of neurons that the pattern's write ball shares with the
query's read ball. Paper figure: Bricken & Pehlevan (2021), Fig. 1, doi:10.48550/arXiv.2111.05498. Run time: a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cerebellum.memory.memories import NeuronSDM

CLAIM = (
    "A read of sparse distributed memory is the mean of the stored pointers, each weighted by the number of neurons"
    " that its write ball shares with the read ball."
)
CAPTION = (
    "Left: three patterns are written, each into the neurons (dots) of its ball. Middle: a query reads the neurons of"
    " its own ball; what the balls share (filled) weights the patterns. Plane and distances are schematic. Right: the"
    " same with 100,000 real neurons of 64-bit addresses, radius 19: neurons shared with the query by patterns 0 to 20"
    " bits away, expected (line, with the 95% interval of the draw) and counted (points)."
)

N, NEURONS, RADIUS, QUERIES = 64, 100_000, 19, 50
DISTANCES = (0, 2, 4, 6, 8, 10, 12, 16, 20)
_PAPER = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none"}


def measure(seed: int = 0) -> dict[str, Any]:
    """Write patterns at known distances from a query, count shared neurons, and read."""
    import numpy as np

    from analysis.experiments import bits, flipped
    from cerebellum.memory.memories import NeuronSDM
    from cerebellum.theory import sdm

    rng = np.random.default_rng(seed)
    memory = NeuronSDM.random(NEURONS, N, RADIUS, rng)
    query = bits(rng, 1, N)
    patterns = np.concatenate([flipped(rng, query, distance) for distance in DISTANCES])
    pointers = bits(rng, len(DISTANCES), 256)
    memory.write(patterns, pointers)
    shared = [len(np.intersect1d(memory.active(query)[0], active)) for active in memory.active(patterns)]
    counts = np.array([shared, *(_shared(memory, one, rng) for one in bits(rng, QUERIES - 1, N)[:, None])])
    expected = [sdm.neuron_count(N, RADIUS, distance, NEURONS) for distance in DISTANCES]
    by_counts = np.asarray(shared) / np.sum(shared) @ pointers
    return {
        "distances": DISTANCES,
        "shared": shared,
        "expected": [count.mean for count in expected],
        "low": [count.low for count in expected],
        "high": [count.high for count in expected],
        "share_of_counts_in_the_interval": float(
            np.mean(
                [(column >= law.low) & (column <= law.high) for column, law in zip(counts.T, expected, strict=True)]
            )
        ),
        "read_minus_weighted_mean": float(np.abs(memory.read(query)[0] - by_counts).max()),
        "bits_of_the_match_recalled": float((np.sign(memory.read(query)[0]) == pointers[0]).mean()),
    }


def _shared(memory: NeuronSDM, query: Any, rng: Any) -> list[int]:
    """Neurons that a query (1, n) shares with patterns at each of DISTANCES."""
    import numpy as np

    from analysis.experiments import flipped

    patterns = np.concatenate([query, *(flipped(rng, query, distance) for distance in DISTANCES)])
    own, *others = memory.active(patterns)
    return [len(np.intersect1d(own, active)) for active in others]


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The identity of the read, and the counts against the circle intersection."""
    return {
        "the read equals the mean of the pointers weighted by shared neurons (to 1e-5, float32)": (
            numbers["read_minus_weighted_mean"] < 1e-5
        ),
        f"nine tenths of the counts of {QUERIES} queries lie in the 95% interval of the circle intersection": (
            numbers["share_of_counts_in_the_interval"] >= 0.9
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Two panels of schematic balls, and one of real counts."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.5), layout="constrained")
    write, read, counts = figure.subplots(1, 3)
    rng = np.random.default_rng(5)
    neurons = rng.uniform(-1.2, 1.2, (280, 2))
    centres = np.array([[-0.36, 0.26], [0.46, 0.36], [-0.02, -0.58]])
    query, radius = np.array([-0.08, 0.04]), 0.46
    colours = ("tab:blue", "tab:orange", "tab:green")
    for axes, title in ((write, "write"), (read, "read")):
        _plane(axes, neurons, title)
        for centre, colour, name in zip(centres, colours, "123", strict=True):
            inside = np.hypot(*(neurons - centre).T) < radius
            if axes is read:
                inside &= np.hypot(*(neurons - query).T) < radius
            axes.add_patch(_circle(centre, radius, colour, 1.5 if axes is write else 0.8))
            axes.plot(*neurons[inside].T, "o", color=colour, ms=4)
            outward = centre * (1 + (radius + 0.11) / np.hypot(*centre))
            axes.text(*outward, f"$p_{name}$", color=colour, fontsize=13, ha="center", va="center", bbox=_PAPER)
    read.add_patch(_circle(query, radius, "black", 1.8))
    read.text(*query, r"$\xi$", fontsize=14, ha="center", va="center", bbox=_PAPER)

    expected = np.asarray(numbers["expected"])
    counts.plot(numbers["distances"], expected, color="black", lw=1, label="circle intersection")
    counts.fill_between(numbers["distances"], numbers["low"], numbers["high"], color="0.85", label="95% of draws")
    counts.plot(numbers["distances"], numbers["shared"], "o", color="tab:red", ms=4, label="counted")
    counts.set(yscale="symlog", xlabel="distance from the query, bits", ylabel="shared neurons", title="weights")
    counts.legend(fontsize=8)
    return figure


def _plane(axes: Axes, neurons: Any, title: str) -> None:
    axes.plot(*neurons.T, "o", color="0.8", ms=3)
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal", xticks=[], yticks=[], title=title)


def _circle(centre: Any, radius: float, colour: str, width: float) -> Any:
    from matplotlib.patches import Circle

    return Circle(centre, radius, fill=False, color=colour, lw=width)


if __name__ == "__main__":
    evidence.main(__spec__.name)
