"""Weights of SDM and of the fitted softmax over spaces of 64 to 1,000 bits.

Claim: the agreement of SDM and softmax does not depend on the size of the space. Paper figures: Bricken & Pehlevan
(2021), appendix (SoftmaxComparison), doi:10.48550/arXiv.2111.05498. Run time: a few seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "A softmax fits the weights of SDM as well in large spaces as in small ones, over the radii of the appendix."
CAPTION = (
    "Normalised weights of binary SDM (points) and SDM on the unit sphere (squares) with the softmax at the"
    " least-squares beta of the binary one (line), for four sizes of the space (rows) and radii from the smallest to"
    " the largest of the appendix (columns). Log scale, up to the distance at which the weight has fallen to a"
    " millionth of the first; TV is the total variation of binary SDM and softmax over all distances."
)
# The radii of the paper's appendix panels; between the first and the last of n = 100, 784, 1000 evenly spread.
GRID = {
    64: (5, 9, 11, 15, 19, 27),
    100: (16, 22, 27, 33, 38, 44),
    784: (292, 308, 325, 341, 358, 374),
    1000: (387, 406, 424, 443, 461, 480),
}
STRAIGHT = 0.95  # R2 from which a line is called straight: our choice
# Printed by the paper's notebook CircleIntersectionDisagreementsTable: n = 64, fitted over v = 1..d.
PUBLISHED = {
    "betas over 1..d": {"5": 35.36, "9": 20.04, "11": 15.87, "15": 10.12, "19": 6.30, "27": 1.83},
    "source": "notebook output, TrentBrick/attention-approximates-sdm @ 4cb44d8",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Exact weights, fits and total variations; nothing is drawn at random."""
    del seed
    import numpy as np

    from analysis.experiments import listed
    from cerebellum.theory.attention import fit_beta, sdm_weights, softmax_weights
    from cerebellum.theory.sdm import cap_intersection

    panels = []
    for n, radii in GRID.items():
        v = np.arange(n + 1)
        cosines = 1 - 2 * v / n
        for radius in radii:
            weights = sdm_weights(n, radius, v)
            fit = fit_beta(n, radius)
            attention = softmax_weights(cosines, fit.beta)
            log_cap = cap_intersection(n, 1 - 2 * radius / n, cosines, log=True)
            cap = np.exp(log_cap - np.logaddexp.reduce(log_cap))
            last = int(np.argmax(weights < 1e-6 * weights[0]))
            shown = np.unique(np.linspace(0, last, 40).astype(int))
            with np.errstate(divide="ignore"):  # SDM is silent beyond 2 radius
                log_weights = np.log10(weights)
            panels.append(
                {
                    "n": n,
                    "radius": radius,
                    "beta": fit.beta,
                    "r2": fit.r2,
                    "tv": float(np.abs(weights - attention).sum() / 2),
                    "distances": shown,
                    "log10_sdm": listed(log_weights[shown]),
                    "log10_softmax": listed(np.log10(attention[shown])),
                    "log10_cap": listed((log_cap - np.logaddexp.reduce(log_cap))[shown] / math.log(10)),
                    "tv_cap": float(np.abs(cap - attention).sum() / 2),
                }
            )
    printed = {str(d): fit_beta(64, d, distances=range(1, d + 1), estimator="published").beta for d in GRID[64]}
    return {"panels": panels, "betas_over_1_to_d": printed, "published": PUBLISHED}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Straightness over the grid, its worst space, and the printed betas."""
    panels = numbers["panels"]

    def worst(n: int) -> float:
        return float(max(panel["tv"] for panel in panels if panel["n"] == n))

    printed = numbers["published"]["betas over 1..d"]
    return {
        f"R2 of the line exceeds {STRAIGHT} in all 24 panels": all(panel["r2"] > STRAIGHT for panel in panels),
        f"R2 of the line exceeds {STRAIGHT} in all 18 panels of more than 64 bits": all(
            panel["r2"] > STRAIGHT for panel in panels if panel["n"] > 64
        ),
        "the largest total variation of the large spaces (784 and 1,000 bits) is below that of 64 bits": (
            max(worst(784), worst(1000)) < worst(64)
        ),
        "the paper's estimator gives the betas printed in its notebook (to their last digit)": all(
            round(numbers["betas_over_1_to_d"][d], 2) == beta for d, beta in printed.items()
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """One small panel for each space and radius."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7.4), layout="constrained")
    grid = figure.subplots(len(GRID), 6, sharey=True)
    for axes, panel in zip(grid.ravel(), numbers["panels"], strict=True):
        v = panel["distances"]
        axes.plot(v, np.array(panel["log10_cap"], float), "s", ms=2, color="tab:green", mfc="none")
        axes.plot(v, np.array(panel["log10_sdm"], float), "o", ms=2, color="tab:blue")
        axes.plot(v, np.array(panel["log10_softmax"], float), color="black", lw=1)
        axes.set_title(f"n = {panel['n']}, d = {panel['radius']}", fontsize=9)
        note = f"beta {panel['beta']:.1f}\nR² {panel['r2']:.3f}\nTV {panel['tv']:.2f}"
        axes.text(0.97, 0.96, note, transform=axes.transAxes, fontsize=7.5, ha="right", va="top")
        axes.tick_params(labelsize=7)
        axes.set_ylim(-8.5, 1.2)
    for axes in grid[:, 0]:
        axes.set_ylabel("log10 weight", fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("distance, bits", fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
