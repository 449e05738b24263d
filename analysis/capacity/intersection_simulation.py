"""Shared neurons counted in real memories.

Claim: random neurons share the expected number, with binomial spread. Paper figure: Bricken & Pehlevan (2021), appendix
(SDM_IntersectionSimulation), doi:10.48550/arXiv.2111.05498. Run time: ten seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "Two addresses share r I / 2^n of r random neurons on average, with the spread of a binomial count."
CAPTION = (
    "n = 100, 10,000 neurons, radius 35. Left: shared neurons by distance: expected (line), counted in 20 memories as"
    " the authors did (their means: crosses) and in 1,000 memories (dots). Right: variance over mean of the count in"
    " 1,000 memories (dots), of a binomial count (line), and of the shortcut that rounds the expectation at random"
    " (dashed), which has next to no noise."
)
N, NEURONS, RADIUS, FEW, MANY = 100, 10_000, 35, 20, 1000
DISTANCES = (0, 2, 4, 8, 10, 20, 40, 50)
PUBLISHED = {
    "distances": list(DISTANCES),
    "means_of_20": [17.7, 12.8, 9.35, 6.45, 5.7, 2.1, 0.1, 0.15],
    "source": "SDM_IntersectionSimulation, notebook of TrentBrick/attention-approximates-sdm @ 4cb44d8, 20 runs",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Counts in freshly drawn memories."""
    import numpy as np

    from analysis.experiments import bits, flipped
    from cerebellum.memory.memories import NeuronSDM
    from cerebellum.theory import sdm

    rng = np.random.default_rng(seed)
    counts = np.empty((MANY, len(DISTANCES)))
    for row in counts:
        memory = NeuronSDM.random(NEURONS, N, RADIUS, rng)
        one = bits(rng, 1, N)
        others = np.concatenate([flipped(rng, one, v) for v in DISTANCES])
        first, *rest = memory.active(np.concatenate([one, others]))
        row[:] = [len(np.intersect1d(first, active, assume_unique=True)) for active in rest]
    law = [sdm.neuron_count(N, RADIUS, v, NEURONS) for v in DISTANCES]
    mean = np.array([count.mean for count in law])
    fraction = mean % 1
    return {
        "distances": DISTANCES,
        "expected": mean,
        "sd": [count.sd for count in law],
        "few": counts[:FEW].mean(axis=0),
        "many": counts.mean(axis=0),
        "fano": counts.var(axis=0, ddof=1) / mean,
        "fano_binomial": [count.sd**2 / count.mean for count in law],
        "fano_rounded": fraction * (1 - fraction) / mean,
        "published": PUBLISHED,
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Means within their standard errors, and the spread."""
    from scipy.stats import poisson

    expected = numbers["expected"]

    def likely(measured: list[float], runs: int) -> bool:
        """No total count in the outer 5% of its Poisson law, shared among all distances."""
        for mean, law in zip(measured, expected, strict=True):
            total, counts = round(mean * runs), poisson(law * runs)
            if 2 * min(counts.cdf(total), counts.sf(total - 1)) < 0.05 / len(expected):
                return False
        return True

    return {
        "counts of 1,000 memories are likely ones for the expectation (5% test)": likely(numbers["many"], MANY),
        "the authors' means of 20 runs are likely ones for the expectation (5% test)": (
            likely(numbers["published"]["means_of_20"], FEW)
        ),
        "the variance is that of a binomial count (within 20% at distances up to 20)": all(
            abs(a / b - 1) <= 0.2
            for a, b, v in zip(numbers["fano"], numbers["fano_binomial"], numbers["distances"], strict=True)
            if v <= 20
        ),
        "a randomly rounded expectation has at least half of that variance (at distances up to 10)": all(
            a >= 0.5 * b
            for a, b, v in zip(numbers["fano_rounded"], numbers["fano_binomial"], numbers["distances"], strict=True)
            if v <= 10
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Means, and variance over mean."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    v, sd = numbers["distances"], np.array(numbers["sd"])
    left.plot(v, numbers["expected"], color="black", lw=1, label="r I / 2ⁿ")
    left.errorbar(v, numbers["few"], sd / FEW**0.5, fmt="s", ms=4, color="tab:blue", label="20 memories")
    left.plot(v, numbers["many"], "o", ms=4, color="tab:green", label="1,000 memories")
    left.plot(v, numbers["published"]["means_of_20"], "x", ms=7, mew=1.5, color="tab:red", label="published, 20")
    left.set(yscale="log", xlabel="distance, bits", ylabel="shared neurons", ylim=(5e-3, 40))
    right.plot(v, numbers["fano_binomial"], color="black", lw=1, label="binomial")
    right.plot(v, numbers["fano"], "o", ms=4, color="tab:green", label="1,000 memories")
    right.plot(v, numbers["fano_rounded"], "--", color="tab:red", lw=1, label="rounded expectation")
    right.set(xlabel="distance, bits", ylabel="variance / mean", ylim=(0, 1.5))
    for axes in (left, right):
        axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
