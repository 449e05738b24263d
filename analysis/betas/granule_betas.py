"""Which beta a cerebellum can reach, by the dendrites of its granule cells and the share of them that is active.

Claim: granule cells with four dendrites reach the betas of SDM's optimal radii and of transformers. Paper: Bricken &
Pehlevan (2021), section 5 and Fig. 4, doi:10.48550/arXiv.2111.05498, which maps one to the other without this number.
Run time: twenty seconds.
"""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLAIM = "Granule cells with four dendrites give a cerebellum the beta of a transformer's attention."
CAPTION = (
    "Least-squares beta over cosines from 0.5 to 1 by the share of granule cells that is active. Left: dense codes"
    " (complementary lines, n = 1,000): k dendrites and every threshold (points joined for one k), and the limit of"
    " many dendrites with the share held by inhibition (Top-k, black). Right: sparse codes of 1,000 lines with the"
    " share a of them on, all k dendrites must be on; here the cosine is the shared part of the active lines. Grey"
    " band: range of the 90 scales that transformers learned (Henry et al. 2020), line: their mean; dotted:"
    " least-squares betas of SDM's optimal radii at n = 64 (5, 11, 15). Green: activity reported for granule cells is"
    " not one number; the span of 1% to 20% is assumed. Purple: median and range of the heads of `learned_betas`, at no"
    " particular activity."
)
N = 1000
DENDRITES = (2, 3, 4, 5, 7, 10, 20, 40, 100)
SPARSE_DENDRITES = (2, 3, 4, 5, 7)
CODING = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
LEAST_ACTIVE = 1e-7
ALIKE = 0.2  # relative difference of betas up to which they count as the same: our choice
ASSUMED_ACTIVITY = (0.01, 0.2)
PUBLISHED = {
    "transformers": {"count": 90, "min": 10.3109, "max": 24.8478, "mean": 15.6475, "median": 15.1115},
    "source": "Henry et al. (2020), values in TrentBrick/attention-approximates-sdm KeyQuery_Norm_Learnt_Betas.txt",
    "dendrites": "4 to 5 mossy-fibre inputs per granule cell (PMC6686189, Fig. 1)",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Betas of every design; nothing is drawn at random."""
    del seed
    import numpy as np

    from cerebellum.theory import gaussian, granule
    from cerebellum.theory.attention import fit_beta

    distances = np.arange(0, N // 4 + 1, 10)
    dense = []
    for k in DENDRITES:
        points = []
        for threshold in range(k // 2 + 1, k + 1):
            activity = granule.overlap(N, k, threshold, 0)
            if activity >= LEAST_ACTIVE:
                fit = granule.fit_beta(N, k, threshold, distances)
                limit = gaussian.fit_beta(activity).beta if activity <= 0.5 else None
                point = {"threshold": threshold, "activity": activity, "beta": fit.beta, "limit": limit, "r2": fit.r2}
                points.append(point)
        dense.append({"dendrites": k, "points": points})
    shares = np.geomspace(LEAST_ACTIVE, 0.5, 40)
    sparse = [
        {
            "dendrites": k,
            "points": [
                {
                    "coding": share,
                    "activity": granule.sparse_overlap(N, round(share * N), k, k, round(share * N)),
                    "beta": granule.fit_sparse_beta(N, round(share * N), k, k).beta,
                }
                for share in CODING
            ],
        }
        for k in SPARSE_DENDRITES
    ]
    return {
        "dense": dense,
        "limit": {"activity": shares, "beta": [gaussian.fit_beta(float(p)).beta for p in shares]},
        "limit_at_one_percent": gaussian.fit_beta(0.01).beta,
        "sparse": sparse,
        "optimal_radii": {str(d): fit_beta(64, d).beta for d in (15, 11, 5)},
        "trained_here": _trained_here(),
        "assumed_activity": ASSUMED_ACTIVITY,
        "published": PUBLISHED,
    }


def _trained_here() -> dict[str, Any] | None:
    """Median and range of the betas that `learned_betas` left in the output folder, if it has been run."""
    path = evidence.OUTPUT / "learned_betas.json"
    if not path.is_file():
        return None
    runs = json.loads(path.read_text(encoding="utf-8"))["numbers"]["runs"]
    betas = sorted(beta for run in runs for beta in run["betas"])
    return {"heads": len(betas), "median": median(betas), "min": betas[0], "max": betas[-1]}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """What four dendrites, and any number of them, can reach."""
    lowest, low_radius = numbers["published"]["transformers"]["min"], numbers["optimal_radii"]["15"]
    four = next(row for row in numbers["dense"] if row["dendrites"] == 4)["points"]
    four_sparse = next(row for row in numbers["sparse"] if row["dendrites"] == 4)["points"]
    usual = [
        point["beta"]
        for row in numbers["dense"]
        for point in row["points"]
        if numbers["assumed_activity"][0] <= point["activity"] <= numbers["assumed_activity"][1]
    ]
    reaching = [point["activity"] for row in numbers["dense"] for point in row["points"] if point["beta"] >= lowest]
    gap = max(
        abs(point["beta"] / point["limit"] - 1)
        for row in numbers["dense"]
        for point in row["points"]
        if point["limit"] is not None
    )
    most, sparse_most = max(point["beta"] for point in four), max(point["beta"] for point in four_sparse)
    return {
        f"four dendrites on dense codes reach the least beta of 90 transformer layers ({most:.1f} of {lowest:.1f})": (
            most >= lowest
        ),
        f"four dendrites on sparse codes reach it ({sparse_most:.1f} of {lowest:.1f}, another cosine)": (
            sparse_most >= lowest
        ),
        f"four dendrites reach the beta of the critical-distance radius ({most:.1f} of {low_radius:.1f})": (
            max(most, sparse_most) >= low_radius
        ),
        f"any number of dendrites with 1% to 20% of the cells active reaches it (at most {max(usual):.1f})": (
            max(usual) >= low_radius
        ),
        f"on dense codes the active share decides, not the number of dendrites: beta within {ALIKE:.0%} of the limit of"
        f" many dendrites (at most {gap:.0%} off)": gap <= ALIKE,
        "more dendrites and rarer activity reach the transformers' betas on dense codes"
        + (f" (at most {max(reaching):.0e} active)" if reaching else ""): bool(reaching),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Beta by activity, dense and sparse."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    shades = colormaps["viridis"]
    for k, row in enumerate(numbers["dense"]):
        four, points = row["dendrites"] == 4, row["points"]
        left.plot(
            [point["activity"] for point in points],
            [point["beta"] for point in points],
            "o-",
            ms=6 if four else 3,
            lw=2 if four else 0.9,
            color="tab:red" if four else shades(0.92 * k / (len(DENDRITES) - 1)),
            zorder=4 if four else 2,
            label=f"k = {row['dendrites']}",
        )
    left.plot(numbers["limit"]["activity"], numbers["limit"]["beta"], color="black", lw=1.2, label="many dendrites")
    markers = dict(zip(CODING, "osD^vP", strict=True))
    for k, row in enumerate(numbers["sparse"]):
        colour: Any = "tab:red" if row["dendrites"] == 4 else shades(0.92 * k / (len(SPARSE_DENDRITES) - 1))
        points = row["points"]
        right.plot(
            [p["activity"] for p in points],
            [p["beta"] for p in points],
            lw=0.9,
            color=colour,
            label=f"k = {row['dendrites']}",
        )
        for point in points:
            right.plot(point["activity"], point["beta"], markers[point["coding"]], ms=4, color=colour)
    for share, marker in markers.items():
        right.plot([], [], marker, ms=4, color="0.4", label=f"a = {share:g}")
    _frame(left, numbers, "dense codes")
    _frame(right, numbers, "sparse codes")
    left.set_ylabel("beta, least squares over cosines 0.5 to 1")
    return figure


def _frame(axes: Axes, numbers: dict[str, Any], title: str) -> None:
    scales = numbers["published"]["transformers"]
    axes.axhspan(scales["min"], scales["max"], color="0.9", zorder=0)
    axes.axhline(scales["mean"], color="0.6", lw=0.8)
    axes.axvspan(*numbers["assumed_activity"], color="tab:green", alpha=0.1, zorder=0)
    for radius, beta in numbers["optimal_radii"].items():
        axes.axhline(beta, color="black", lw=0.8, ls=":")
        axes.text(0.8, beta, f"d = {radius}", fontsize=7, ha="right", va="top")
    if here := numbers["trained_here"]:
        axes.errorbar(
            3e-7,
            here["median"],
            [[here["median"] - here["min"]], [here["max"] - here["median"]]],
            fmt="s",
            ms=4,
            color="tab:purple",
            label="heads trained here",
        )
    axes.set(xscale="log", yscale="log", xlabel="share of granule cells active", title=title)
    axes.set(xlim=(LEAST_ACTIVE, 1), ylim=(0.3, 60))
    axes.set_yticks([0.5, 1, 2, 5, 10, 20, 50], ["0.5", "1", "2", "5", "10", "20", "50"])
    axes.minorticks_off()
    axes.legend(fontsize=7, loc="lower left", ncols=2)


if __name__ == "__main__":
    evidence.main(__spec__.name)
