"""The critical distance of SDM, published and for random patterns.

Claim: the radius of the best critical distance is 15 at n = 64, where a read corrects 31 wrong bits. Paper figures:
Bricken & Pehlevan (2021), appendix (SDMCritDist_VaryD, M, R), doi:10.48550/arXiv.2111.05498. The claim rests on
placing every other pattern at exactly n/2; reads of random patterns decide. Run time: half a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "With 1,024 random patterns of 64 bits, radius 15 has the largest critical distance: a read still corrects a query"
    " with up to 31 wrong bits."
)
CAPTION = (
    "First distance of a query from its target at which a read no longer brings it nearer. Left: by radius, n = 64, a"
    " neuron at every address, m = 1,024: published (read off the figure), the same model (all other patterns at n/2),"
    " the expectation with binomial distances, and reads of random patterns: where one read does not help on average"
    " (rings), and from where reads after reads recall less than half of the targets (dots). Rings beyond dots: large"
    " balls return the query nearly unchanged, neither nearer nor farther. Middle: by the number of patterns. Right: by"
    " the number of neurons, m = 1,024, binomial distances."
)
N, PATTERNS = 64, 1024
RADII = tuple(range(5, 26))
MORE_PATTERNS = (128, 256, 512, 1024, 4096, 16384)
SETS, TARGETS, STEPS = 2, 64, 10
PUBLISHED = {
    "radii": list(range(9, 26)),
    "critical_distance": [19, 21, 23, 25, 27, 29, 31, 30, 30, 28, 26, 24, 20, 12, 0, 0, 0],
    "source": "SDMCritDist_VaryD_N=64M=1024, TrentBrick/attention-approximates-sdm @ 4cb44d8, read off by eye",
    "best_radius": 15,
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Both models, and the distance after one read of random patterns by infinitely many neurons."""
    import numpy as np
    import torch

    from cerebellum.theory import sdm

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    binomial = [sdm.critical_distance(N, d, PATTERNS) for d in RADII]
    by_patterns = [
        {
            "patterns": m,
            "half": [sdm.published_critical_distance(N, d, m) for d in RADII],
            "binomial": [sdm.critical_distance(N, d, m) for d in RADII],
        }
        for m in MORE_PATTERNS
    ]
    log10_neurons = (4, 5, 6, 8, 10, 12, 15)
    by_neurons = [
        {"log10_neurons": x, "binomial": [sdm.critical_distance(N, d, PATTERNS, 10**x) for d in RADII]}
        for x in log10_neurons
    ]
    large = {
        "n": 1000,
        "neurons": 10**6,
        "patterns": 10**4,
        "radii": list(range(440, 462)),
        "half": [sdm.critical_distance(1000, d, 10**4, 10**6, "half") for d in range(440, 462)],
        "binomial": [sdm.critical_distance(1000, d, 10**4, 10**6) for d in range(440, 462)],
    }
    return {
        "radii": RADII,
        "half": [sdm.published_critical_distance(N, d, PATTERNS) for d in RADII],
        "binomial": binomial,
        "reads": _reads(rng),
        "by_patterns": by_patterns,
        "by_neurons": by_neurons,
        "kanerva": large,
        "published": PUBLISHED,
    }


def _reads(rng: Any) -> dict[str, list[int]]:
    """Per radius: the first query distance that one read does not reduce on average, over random pattern sets, and

    the first from which reads after reads recall less than half of the targets.
    """
    import numpy as np

    from analysis.experiments import bits, first_failing, flipped
    from cerebellum.memory.memories import PatternSDM

    distances = np.arange(N // 2 + 1)
    after = np.zeros((len(RADII), len(distances)))
    recalled = np.zeros_like(after)
    for _ in range(SETS):
        patterns = bits(rng, PATTERNS, N)
        targets = patterns[:TARGETS]
        queries = np.concatenate([flipped(rng, targets, int(v)) for v in distances])
        for row, hits, radius in zip(after, recalled, RADII, strict=True):
            memory = PatternSDM(N, radius)
            memory.write(patterns)
            read = memory.read(queries).reshape(len(distances), TARGETS, N)
            # A read without an answer, or a tie, leaves a bit at chance.
            wrong = np.where(read == 0, 0.5, read * targets < 0)
            row += wrong.sum(axis=2).mean(axis=1) / SETS
            settled = memory.iterate(queries, steps=STEPS).reshape(len(distances), TARGETS, N)
            hits += (settled == targets).all(axis=2).mean(axis=1) / SETS
    return {
        "one_read": [first_failing(row, distances) for row in after],
        "recalled": [int(np.argmax(row < 0.5)) for row in recalled],
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The published curve and the published best radius, against the models and against reads."""
    radii, published = numbers["radii"], numbers["published"]
    half = dict(zip(radii, numbers["half"], strict=True))
    reads, recalled = (dict(zip(radii, numbers["reads"][name], strict=True)) for name in ("one_read", "recalled"))

    def agree(measured: dict[int, int]) -> bool:
        return all(abs(measured[d] - model) <= 2 for d, model in zip(radii, numbers["binomial"], strict=True))

    large = numbers["kanerva"]
    return {
        "the published curve is reproduced by placing all other patterns at n/2": all(
            half[d] == value for d, value in zip(published["radii"], published["critical_distance"], strict=True)
        ),
        "reads of random patterns bring a query with 30 wrong bits nearer, at radius 15": reads[15] > 30,
        "one read of random patterns fails where the binomial model says (within 2 bits, every radius)": agree(reads),
        "recall of random patterns ends where the binomial model says (within 2 bits, every radius)": agree(recalled),
        "radius 15 is one of the best for recall of random patterns": recalled[15] == max(recalled.values()),
        "radius 15 is the only best one for recall of random patterns": (
            [d for d in radii if recalled[d] == max(recalled.values())] == [15]
        ),
        "at n = 1,000 with a million neurons and 10,000 patterns the two models differ by less than 10%": (
            max(large["half"]) < 1.1 * max(large["binomial"])
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """By radius, by patterns, by neurons."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3, sharey=True)
    radii, published = numbers["radii"], numbers["published"]
    left.plot(published["radii"], published["critical_distance"], "x", color="tab:red", label="published")
    left.plot(radii, numbers["half"], color="tab:red", lw=1, label="others at n/2")
    left.plot(radii, numbers["binomial"], color="tab:blue", lw=1, label="others binomial")
    left.plot(
        radii, numbers["reads"]["one_read"], "o", ms=4, color="black", mfc="none", label="reads: first not nearer"
    )
    left.plot(radii, numbers["reads"]["recalled"], "o", ms=4, color="black", label="reads: half not recalled")
    left.set(ylabel="critical distance, bits", title="m = 1,024", ylim=(-1, 48))
    shades = colormaps["viridis"]
    rows = numbers["by_patterns"]
    for k, row in enumerate(rows):
        colour = shades(0.9 * k / (len(rows) - 1))
        middle.plot(radii, row["binomial"], color=colour, lw=1.3, label=f"m = {row['patterns']:,}")
        middle.plot(radii, row["half"], color=colour, lw=0.7, ls=":")
    middle.set(title="binomial (solid), n/2 (dotted)")
    rows = numbers["by_neurons"]
    for k, row in enumerate(rows):
        label = f"r = $10^{{{row['log10_neurons']}}}$"
        right.plot(radii, row["binomial"], color=shades(0.9 * k / (len(rows) - 1)), lw=1.3, label=label)
    right.set(title="finite neurons")
    for axes in (left, middle, right):
        axes.set_xlabel("radius d")
        axes.legend(fontsize=7, ncols=1 if axes is left else 2, loc="upper left")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
