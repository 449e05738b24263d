"""The analytic exponential approximation of the circle intersection.

Claim: two normal approximations and a Taylor step turn the largest term of the intersection into an exponential of the
distance. Paper figures: Bricken & Pehlevan (2021), appendix (ExponentialLargestSumApprox, BetaValues),
doi:10.48550/arXiv.2111.05498. Run time: a second.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "The analytic exponential gives the circle intersection's slope, so that beta is about (n - 2d)² / 4n."
CAPTION = (
    "Left: log share of the space in both balls, exact (points) and by the analytic exponential (line) for spaces of 64"
    " to 1,000 bits, radius nearest to n/2 - 3.5 standard deviations. Right: the least-squares beta of the exact"
    " intersection over (n - 2d)²/4n, by the radius in standard deviations below n/2; the paper plots one and three"
    " times the analytic one (dashed)."
)
SIZES = (64, 100, 128, 500, 1000)
DEPTH = 3.5  # standard deviations below n/2 of the radius shown
PUBLISHED = {"betas": {"5": 11.39, "11": 6.89, "15": 4.52}, "source": "(n - 2d)^2 / 4n at n = 64, appendix B"}


def measure(seed: int = 0) -> dict[str, Any]:
    """Curves and betas; nothing is drawn at random."""
    del seed
    import numpy as np

    from cerebellum.theory.approximation import exponential_approximation, exponential_beta
    from cerebellum.theory.attention import fit_beta
    from cerebellum.theory.sdm import log_intersection

    curves, ratios = [], []
    for n in SIZES:
        radius = round(n / 2 - DEPTH * math.sqrt(n) / 2)
        v = np.unique(np.linspace(1, min(2 * radius, n - 1), 60).astype(int))
        curves.append(
            {
                "n": n,
                "radius": radius,
                "distances": v,
                "exact": (log_intersection(n, radius, v) - n * math.log(2)) / math.log(10),
                "approximation": exponential_approximation(n, radius, v) / math.log(10),
            }
        )
        radii = [round(n / 2 - depth * math.sqrt(n) / 2) for depth in np.arange(1, min(7, math.sqrt(n) - 1), 0.5)]
        radii = [d for d in dict.fromkeys(radii) if d >= 5]
        ratios.append(
            {
                "n": n,
                "radii": radii,
                "depths": [(n - 2 * d) / math.sqrt(n) for d in radii],
                "ratio": [fit_beta(n, d).beta / exponential_beta(n, d) for d in radii],
            }
        )
    return {
        "curves": curves,
        "ratios": ratios,
        "betas": {d: exponential_beta(64, int(d)) for d in PUBLISHED["betas"]},
        "fitted": {d: fit_beta(64, int(d)).beta for d in PUBLISHED["betas"]},
        "published": PUBLISHED,
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The analytic beta against the fitted one."""
    ratios = [ratio for curve in numbers["ratios"] for ratio in curve["ratio"]]
    deep = [
        ratio
        for curve in numbers["ratios"]
        for depth, ratio in zip(curve["depths"], curve["ratio"], strict=True)
        if depth >= 3
    ]
    published = numbers["published"]["betas"]
    return {
        "the formula gives the published analytic betas (to their last digit)": all(
            abs(numbers["betas"][d] - beta) <= 0.005 for d, beta in published.items()
        ),
        "the fitted beta is within 25% of the analytic one, somewhere on the grid": min(ratios) <= 1.25,
        "the fitted beta is one to three times the analytic one, everywhere on the grid": (
            min(ratios) >= 1 and max(ratios) <= 3
        ),
        "the same for radii three or more standard deviations below n/2, where memories work": (
            min(deep) >= 1 and max(deep) <= 3
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Curves, and the ratio of the betas."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for k, curve in enumerate(numbers["curves"]):
        relative = [v / curve["n"] for v in curve["distances"]]
        left.plot(
            relative, curve["exact"], "o", ms=2.5, color=f"C{k}", label=f"n = {curve['n']}, d = {curve['radius']}"
        )
        left.plot(relative, curve["approximation"], color=f"C{k}", lw=1)
    left.set(xlabel="distance / n", ylabel="log10 share of the space", ylim=(-16, -2))
    for k, curve in enumerate(numbers["ratios"]):
        right.plot(curve["depths"], curve["ratio"], "o-", ms=3, lw=1, color=f"C{k}", label=f"n = {curve['n']}")
    for level in (1, 3):
        right.axhline(level, color="black", ls="--", lw=0.8)
    right.set(xlabel="radius, standard deviations below n/2", ylabel="fitted beta / analytic beta", yscale="log")
    right.set_yticks([1, 2, 3, 5, 10], ["1", "2", "3", "5", "10"])
    right.minorticks_off()
    for axes in (left, right):
        axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
