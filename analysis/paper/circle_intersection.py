"""The circle intersection falls nearly exponentially with distance.

Claim: the number of neurons shared by two balls is nearly exponential in the distance of their centres. Paper figure:
Bricken & Pehlevan (2021), Fig. 2, doi:10.48550/arXiv.2111.05498 (its title has r = n^2; the curve is that of
r = 2^n); the table beside it is Kanerva (1988), Sparse Distributed Memory. Run time: a second.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from analysis import evidence
from cerebellum.theory.approximation import kanerva_log_share
from cerebellum.theory.attention import fit_beta
from cerebellum.theory.sdm import expected_neurons, intersection, log_intersection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The number of neurons that two balls share falls nearly exponentially with the distance of their centres, so that"
    " SDM's weights are nearly a softmax."
)
CAPTION = (
    "Left: neurons shared by two balls of radius 11 in 64 bits with a neuron at every address, and the least-squares"
    " line over the distances 0..10 (solid) to which the paper's beta belongs; the count falls in steps of two bits,"
    " by a factor of 3 at the first. Middle: what the line leaves. Right: 1,000 bits, radius 451, a million"
    " neurons: exact expectation, Kanerva's printed table and his integral, relative to the exact one."
)

N, RADII = 64, (5, 11, 15)
STRAIGHT = 0.95  # R2 from which a line is called straight: our choice
TABLE_DISTANCES = (0, 1, 10, 50, 100, 150, 200, 300, 400, 500)
PUBLISHED = {
    "exact": [1071.85, 958.44, 795.87, 476.87, 285.83, 173.63, 103.46, 32.32, 7.597, 1.101],
    "exact_source": "code of Bricken & Pehlevan (2021), TrentBrick/attention-approximates-sdm @ 4cb44d8",
    "kanerva": [1000, 894, 743, 445, 267, 162, 97, 30, 7, 1],
    "kanerva_source": "Kanerva (1988), as printed",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Exact intersections and their line; nothing is drawn at random."""
    del seed
    import numpy as np

    from analysis.experiments import listed

    curves = []
    for radius in RADII:
        fit = fit_beta(N, radius)
        v = np.arange(2 * radius + 1)
        log_count = log_intersection(N, radius, v)
        line = fit.intercept + fit.beta * (1 - 2 * v / N)
        curves.append(
            {
                "radius": radius,
                "beta": fit.beta,
                "r2": fit.r2,
                "log10_neurons": listed(log_count / math.log(10)),
                "log10_line": listed(line / math.log(10)),
                "first_step": float(math.exp(log_count[0] - log_count[1])),
            }
        )
    steps = all(intersection(N, d, 2 * k - 1) == intersection(N, d, 2 * k) for d in RADII for k in range(1, N // 2))
    return {
        "curves": curves,
        "steps_of_two": steps,
        "table": {
            "distances": TABLE_DISTANCES,
            "exact": [expected_neurons(1000, 451, v, 10**6) for v in TABLE_DISTANCES],
            "integral": [1e6 * math.exp(kanerva_log_share(1000, 451, v)) for v in TABLE_DISTANCES],
        },
        "published": PUBLISHED,
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Straightness at three radii, and the two published tables."""
    table, published = numbers["table"], numbers["published"]

    def within(column: str, tolerance: float) -> bool:
        pairs = zip(table["exact"], published[column], strict=True)
        return all(abs(measured - printed) <= tolerance * measured for measured, printed in pairs)

    straight = {
        f"radius {curve['radius']}: a line over 0..{curve['radius'] - 1} explains {STRAIGHT:.0%} of ln I": (
            curve["r2"] > STRAIGHT
        )
        for curve in numbers["curves"]
    }
    return straight | {
        "I(2k - 1) = I(2k) exactly: the curve is a staircase": numbers["steps_of_two"],
        "expected neurons at n = 1,000 equal those of the paper's code (0.1%)": within("exact", 1e-3),
        "Kanerva's printed table is within 2% of the exact numbers (up to distance 200)": all(
            abs(measured - printed) <= 0.02 * measured
            for measured, printed in zip(table["exact"][:7], published["kanerva"][:7], strict=True)
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """The curve of the paper, its residuals, and Kanerva's table."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    colours = dict(zip(RADII, ("tab:orange", "tab:blue", "tab:green"), strict=True))
    for curve in numbers["curves"]:
        d = curve["radius"]
        log_count, line = np.array(curve["log10_neurons"], float), np.array(curve["log10_line"], float)
        v = np.arange(len(line))
        if d == 11:
            left.plot(v, log_count, "o", ms=3.5, color=colours[d], label="exact")
            left.plot(v[:d], line[:d], color="black", label=f"line, R² = {curve['r2']:.3f}")
            left.plot(v[d - 1 :], line[d - 1 :], color="black", ls=":")
        middle.plot(v / (2 * d), 10 ** (log_count - line), "o-", ms=3, lw=0.8, color=colours[d], label=f"d = {d}")
    left.set(xlabel="distance v, bits", ylabel="log10 shared neurons", title="n = 64, d = 11")
    middle.axhline(1, color="black", lw=0.8)
    middle.set(yscale="log", xlabel="v / 2d", ylabel="exact / line", title="what the line leaves")
    table, published = numbers["table"], numbers["published"]
    exact = np.array(table["exact"])
    right.axhline(1, color="black", lw=0.8, label="exact")
    right.plot(table["distances"], np.array(table["integral"]) / exact, "x", color="tab:purple", label="integral")
    right.plot(table["distances"], np.array(published["kanerva"]) / exact, "s", color="tab:red", label="printed table")
    right.set(xlabel="distance v, bits", ylabel="relative to exact", title="n = 1,000, d = 451", ylim=(0.8, 1.05))
    for axes in (left, middle, right):
        axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
