"""Jaeckel's designs of hard locations, which read a few lines, beside Kanerva's balls.

Claim: cells that read a few of the lines are SDM neurons with a weight that falls exponentially with distance. Paper
figures: Bricken & Pehlevan (2021), appendix (Jaeckel_Analysis), doi:10.48550/arXiv.2111.05498, after Jaeckel (1989),
RIACS TR 89.28 (selected coordinates) and 89.30 (hyperplane). Run time: a few seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "Cells that read ten or three of a thousand lines weight patterns as Kanerva's balls of radius 451 do."
CAPTION = (
    "n = 1,000. Left: shared active cells relative to those at the match, against the cosine of two inputs: Kanerva's"
    " ball (radius 451), selected coordinates (10 lines, all must match a random bit) on dense codes, and the"
    " hyperplane design (3 lines, all must be on) on codes with 100 ones; lines: formulas, points: 200,000 sampled"
    " cells. Dashed: least-squares softmax over the upper half of the cosines. Right: cells active, and beta."
)
N, CELLS, PAIRS = 1000, 200_000, 6
SELECTED, HYPERPLANE, ONES, RADIUS = 10, 3, 100, 451
COSINES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.2)
PUBLISHED = {
    "designs": "selected coordinates k = 10, hyperplane k = 3, SDM d = 451 (Jaeckel_Analysis)",
    "hyperplane_activity": 9.731e-4,
    "source": "C(100, 3) / C(1000, 3), Jaeckel (1989), RIACS TR 89.30",
    "left_out": "the figure's 'bio hyper' design of threshold 19, whose other parameters could not be read",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Overlap by formula and by sampled cells."""
    import math

    import numpy as np

    from cerebellum.theory import granule, sdm
    from cerebellum.theory.attention import fit_log_weights

    rng = np.random.default_rng(seed)
    cosines = np.array(COSINES)
    distances = np.round(N * (1 - cosines) / 2).astype(int)
    shared = np.round(ONES * cosines).astype(int)
    log_two = N * math.log(2)
    fine = np.linspace(0, 1, 41)
    fine_v = np.round(N * (1 - fine) / 2).astype(int)
    curves = {
        "ball": sdm.log_intersection(N, RADIUS, fine_v) - log_two,
        "selected": granule.log_overlap(N, SELECTED, SELECTED, fine_v),
        "hyperplane": np.log(
            [
                max(granule.sparse_overlap(N, ONES, HYPERPLANE, HYPERPLANE, o), 1e-300)
                for o in np.round(ONES * fine).astype(int)
            ]
        ),
    }
    designs = {}
    for name, log_share in curves.items():
        log_share[log_share < -600] = np.nan
        upper = fine >= 0.5
        fit = fit_log_weights(fine[upper], log_share[upper])
        designs[name] = {
            "activity": float(np.exp(log_share[-1])),
            "beta": fit.beta,
            "r2": fit.r2,
            "intercept": fit.intercept,
            "relative": [float(np.exp(x - log_share[-1])) if np.isfinite(x) else None for x in log_share],
        }
    # 200,000 balls would do as well, but their formula is exact and tested; only the few-line designs are sampled.
    designs["selected"]["sampled"] = _selected(rng, distances)
    designs["hyperplane"]["sampled"] = _hyperplane(rng, shared)
    return {
        "cosines": COSINES,
        "fine": fine,
        "designs": designs,
        "exact_selected": [granule.overlap(N, SELECTED, SELECTED, int(v)) for v in distances],
        "exact_hyperplane": [granule.sparse_overlap(N, ONES, HYPERPLANE, HYPERPLANE, int(o)) for o in shared],
        "published": PUBLISHED,
    }


def _lines(rng: Any, count: int) -> Any:
    """The lines each cell reads, without repetition: a row with one is drawn again."""
    import numpy as np

    lines = rng.integers(0, N, (CELLS, count))
    while (bad := np.flatnonzero((np.diff(np.sort(lines, axis=1), axis=1) == 0).any(axis=1))).size:
        lines[bad] = rng.integers(0, N, (bad.size, count))
    return lines


def _selected(rng: Any, distances: Any) -> list[float]:
    """Share of sampled cells active for both of two dense inputs, mean over PAIRS pairs."""
    import numpy as np

    lines, wanted = _lines(rng, SELECTED), rng.random((CELLS, SELECTED)) < 0.5
    shares = np.zeros(len(distances))
    for _ in range(PAIRS):
        one = rng.random(N) < 0.5
        order = rng.permutation(N)
        active = (one[lines] == wanted).all(axis=1)
        for k, v in enumerate(distances):
            other = one.copy()
            other[order[:v]] ^= True
            shares[k] += (active & (other[lines] == wanted).all(axis=1)).mean() / PAIRS
    return shares.tolist()


def _hyperplane(rng: Any, shared: Any) -> list[float]:
    """The same for inputs with ONES lines on, of which `shared` are common, and cells all of whose lines are on."""
    import numpy as np

    lines = _lines(rng, HYPERPLANE)
    shares = np.zeros(len(shared))
    for _ in range(PAIRS):
        order = rng.permutation(N)
        one = np.zeros(N, bool)
        one[order[:ONES]] = True
        active = one[lines].all(axis=1)
        for k, common in enumerate(shared):
            other = np.zeros(N, bool)
            other[order[ONES - common : 2 * ONES - common]] = True
            shares[k] += (active & other[lines].all(axis=1)).mean() / PAIRS
    return shares.tolist()


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Formulas against cells, and the designs against Kanerva's ball."""
    designs = numbers["designs"]

    def sampled(name: str) -> bool:
        """Within five standard errors of a count of CELLS x PAIRS, pairs of one draw of cells taken as independent."""
        pairs = zip(designs[name]["sampled"], numbers[f"exact_{name}"], strict=True)
        return all(abs(a - b) <= 5 * (b / (CELLS * PAIRS)) ** 0.5 for a, b in pairs)

    ball, selected, hyperplane = designs["ball"], designs["selected"], designs["hyperplane"]
    return {
        "sampled selected-coordinate cells agree with the formula (5 standard errors)": sampled("selected"),
        "sampled hyperplane cells agree with the formula (5 standard errors)": sampled("hyperplane"),
        "the hyperplane design has the published activity (1e-3)": (
            abs(hyperplane["activity"] / numbers["published"]["hyperplane_activity"] - 1) < 1e-3
        ),
        "all three designs are nearly exponential over the upper half of the cosines (R2 above 0.98)": all(
            design["r2"] > 0.98 for design in designs.values()
        ),
        "selected coordinates (k = 10) have the beta of Kanerva's ball within 20%": (
            abs(selected["beta"] / ball["beta"] - 1) <= 0.2
        ),
        "the hyperplane design (k = 3) has the beta of Kanerva's ball within 20%": (
            abs(hyperplane["beta"] / ball["beta"] - 1) <= 0.2
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Relative overlap by cosine, and a table of activity and beta."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.6, 1))
    names = {"ball": "Kanerva, d = 451", "selected": "selected, k = 10", "hyperplane": "hyperplane, k = 3"}
    fine = np.array(numbers["fine"])
    rows = []
    for k, (name, label) in enumerate(names.items()):
        design = numbers["designs"][name]
        left.plot(fine, np.array(design["relative"], float), color=f"C{k}", lw=1.5, label=label)
        upper = fine[fine >= 0.5]
        line = np.exp(design["intercept"] + design["beta"] * upper) / design["activity"]
        left.plot(upper, line, "--", color="black", lw=0.8)
        if "sampled" in design:
            relative = np.array(design["sampled"]) / design["activity"]
            left.plot(numbers["cosines"], relative, "o", ms=4, color=f"C{k}")
        rows.append([label, f"{design['activity']:.2e}", f"{design['beta']:.1f}", f"{design['r2']:.4f}"])
    left.set(yscale="log", xlabel="cosine of the inputs", ylabel="shared cells, match = 1", ylim=(3e-4, 1.6))
    left.legend(fontsize=8)
    right.axis("off")
    table = right.table(rows, colLabels=["", "active", "beta", "R²"], loc="center", colWidths=[0.46, 0.24, 0.14, 0.18])
    table.auto_set_font_size(False)
    table.set_fontsize(8.5)
    table.scale(1.0, 1.6)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
