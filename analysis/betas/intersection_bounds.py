"""Upper and lower bounds of the circle intersection.

Claim: the largest term of the double sum, and that term times the number of terms, bound the circle intersection and
share its slope. Paper figures: Bricken & Pehlevan (2021), appendix (UBandLB), doi:10.48550/arXiv.2111.05498.
Run time: a few seconds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "The largest term of the circle intersection's double sum, alone and times the number of terms, bounds it from"
    " below and above, and falls with distance as it does."
)
CAPTION = (
    "Exact intersection (points) with the two bounds (lines) for n = 64 and the radii of the appendix, a neuron at"
    " every address. Below: exact value over the lower bound, and upper bound over exact value."
)
N, RADII = 64, (5, 11, 15, 27)
SLOPE = 0.1  # relative difference of slopes that still counts as the same: our choice


def measure(seed: int = 0) -> dict[str, Any]:
    """Bounds against exact values, and over all spaces up to 100 bits whether they ever fail."""
    del seed
    import numpy as np

    from cerebellum.theory.approximation import intersection_bounds
    from cerebellum.theory.attention import fit_log_weights
    from cerebellum.theory.sdm import log_intersection

    def compare(n: int, radius: int) -> tuple[Any, Any, Any]:
        v = np.arange(min(2 * radius, n) + 1)
        low, high = intersection_bounds(n, radius, v)
        return low, log_intersection(n, radius, v) - n * math.log(2), high

    curves = []
    for radius in RADII:
        low, exact, high = (values + N * math.log(2) for values in compare(N, radius))
        cosines = 1 - 2 * np.arange(radius) / N
        slopes = [fit_log_weights(cosines, values[:radius]).beta for values in (low, exact, high)]
        curves.append(
            {
                "radius": radius,
                "lower": low / math.log(10),
                "exact": exact / math.log(10),
                "upper": high / math.log(10),
                "betas": dict(zip(("lower", "exact", "upper"), slopes, strict=True)),
            }
        )
    checked = failed = 0
    for n in range(2, 101):
        for radius in range(n // 2 + 1):
            low, exact, high = compare(n, radius)
            tolerance = 1e-9  # of logarithms summed from log-gammas
            checked += len(exact)
            failed += int(((low > exact + tolerance) | (exact > high + tolerance)).sum())
    return {"curves": curves, "checked": checked, "failed": failed}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Whether the bounds are bounds, and whether they have the slope of the exact value."""
    curves = numbers["curves"]

    def same(curve: dict[str, Any], bound: str) -> bool:
        betas = curve["betas"]
        return bool(abs(betas[bound] / betas["exact"] - 1) <= SLOPE)

    return {
        f"no bound fails for any radius up to n/2, any distance and n up to 100 ({numbers['checked']} cases)": (
            numbers["failed"] == 0
        ),
        f"the lower bound's beta is within {SLOPE:.0%} of the exact one at every radius": all(
            same(curve, "lower") for curve in curves
        ),
        f"the upper bound's beta is within {SLOPE:.0%} of the exact one at every radius": all(
            same(curve, "upper") for curve in curves
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Curves with bounds above, ratios below."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    grid = figure.subplots(2, len(RADII), sharex="col", height_ratios=(1.5, 1))
    for k, (curve, top, ratio) in enumerate(zip(numbers["curves"], grid[0], grid[1], strict=True)):
        low, exact, high = (np.array(curve[name]) for name in ("lower", "exact", "upper"))
        v = np.arange(len(exact))
        top.plot(v, high, color="tab:red", lw=1, label="upper")
        top.plot(v, exact, "o", ms=2.5, color="tab:blue", label="exact")
        top.plot(v, low, color="tab:green", lw=1, label="lower")
        top.set_title(f"d = {curve['radius']}", fontsize=10)
        ratio.plot(v, 10 ** (high - exact), color="tab:red", lw=1, label="upper / exact")
        ratio.plot(v, 10 ** (exact - low), color="tab:green", lw=1, label="exact / lower")
        ratio.set(yscale="log", xlabel="distance, bits", ylim=(0.8, 1e3))
        betas = curve["betas"]
        note = f"beta {betas['lower']:.1f} < {betas['exact']:.1f} < {betas['upper']:.1f}"
        if not betas["lower"] < betas["exact"] < betas["upper"]:
            note = f"beta: lower {betas['lower']:.1f},\nexact {betas['exact']:.1f}, upper {betas['upper']:.1f}"
        top.text(0.04, 0.04, note, transform=top.transAxes, fontsize=7.5)
        if k == 0:
            top.set_ylabel("log10 shared addresses")
            ratio.set_ylabel("ratio")
            top.legend(fontsize=7.5)
            ratio.legend(fontsize=7.5)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
