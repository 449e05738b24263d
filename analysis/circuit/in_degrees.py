"""Claim: the mouse circuit is wired as the published reconstruction: in-degrees, their spread, and where in the tissue.

The reconstruction of De Schepper et al. (2022, doi:10.1038/s42003-022-04213-y), compiled: cerebellar-models 0.13.0,
configuration "v4.2", by bsb 8.0.2, seed 1234, with a tenth of the granule cells, whose numbers are scaled to all of
them with the binomial part of their spread taken off and put back. For every projection the number of source cells of a
target cell, its standard deviation over cells, and Pearson's r with the cell's place along x, y and z. The rules of
models/mouse.toml were written from these numbers; whether its connectomes have them is measured here, on three seeds.
What would refute it: a mean off by more than 5 %, a spread by more than 20 % (it is rounded to whole cells and cut at
none), an r by more than 0.15. The rival is `mouse_meanfield_wiring`, from a mean-field table of another network, which
should fail. Run time: ten seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Every projection of the mouse circuit that the reconstruction was compiled for has its in-degree within 5 %, its"
    " spread over cells within 20 %, and its correlation with the cell's place within 0.15."
)
CAPTION = (
    "Source cells of a target cell, of the compiled reconstruction (bars) and of this circuit's connectomes (points:"
    " three seeds), with the standard deviation over cells; crosses: mouse_meanfield_wiring. Right: Pearson's r of the"
    " in-degree with the cell's place, reconstruction against this circuit."
)
SEEDS = 3
RIVAL = "mouse_meanfield_wiring"
# Mean, standard deviation, r along x, y, z (None: not counted, or all cells have the same).
COMPILED: dict[str, tuple[float, float, tuple[float | None, float | None, float | None]]] = {
    "golgi_to_golgi": (14.7, 5.8, (0.47, -0.20, -0.33)),
    "basket_to_basket": (18.1, 7.8, (-0.75, -0.12, 0.0)),
    "basket_to_purkinje": (11.7, 5.4, (-0.39, -0.45, None)),
    "stellate_to_stellate": (13.3, 5.0, (0.33, -0.03, 0.33)),
    "stellate_to_purkinje": (4.3, 2.4, (0.01, -0.24, None)),
    "glomerulus_to_granule": (4.0, 0.0, (None, None, None)),
    "glomerulus_to_golgi": (111.8, 36.6, (0.16, -0.06, -0.06)),
    "golgi_to_granule": (3.3, 1.7, (-0.21, -0.04, -0.18)),
    "parallel_fiber_to_basket": (822, 149, (-0.05, 0.03, -0.09)),
    "parallel_fiber_to_stellate": (510, 158, (0.09, 0.03, -0.72)),
    "parallel_fiber_to_purkinje": (1525, 280, (-0.37, 0.0, None)),
    "parallel_fiber_to_golgi": (1047, 346, (0.33, 0.01, 0.61)),
    "ascending_axon_to_golgi": (294, 112, (0.13, 0.14, 0.43)),
    "ascending_axon_to_purkinje": (96, 21, (-0.42, 0.26, None)),
}
MEAN, SPREAD, PLACE = 0.05, 0.20, 0.15


def measure(seed: int = 0) -> dict[str, Any]:
    """Projection -> mean, sd and r along x, y, z, a list over seeds; of the rival, of one."""
    from cerebellum.connectome.connectome import sample
    from cerebellum.description.circuit import load_model

    def counted(model: str, number: int) -> dict[str, Any]:
        wired = sample(load_model(model), seed + number)
        return {name: _counted(wired, name) for name in COMPILED}

    each = [counted("mouse", number) for number in range(1, SEEDS + 1)]
    return {"mouse": {name: [one[name] for one in each] for name in COMPILED}, RIVAL: counted(RIVAL, 1)}


def _counted(wired: Any, name: str) -> dict[str, Any]:
    target, edges = wired.circuit.projection[name].target, wired.edges[name]
    pairs = np.unique(np.stack([edges.post, edges.pre], axis=1), axis=0)
    number = np.bincount(pairs[:, 0], minlength=wired.circuit.size(target))
    places = wired.positions[target]
    r = [float(np.corrcoef(number, axis)[0, 1]) if axis.std() and number.std() else None for axis in places.T]
    return {"mean": float(number.mean()), "sd": float(number.std()), "r": r}


def _off(found: list[dict[str, Any]], name: str) -> dict[str, float]:
    """How far the mean over seeds lies off: of the mean and of the spread relative, of r the most."""
    mean, sd, r = COMPILED[name]
    own = {key: float(np.mean([one[key] for one in found])) for key in ("mean", "sd")}
    apart = [
        abs(np.mean([one["r"][axis] for one in found]) - known)
        for axis, known in enumerate(r)
        if known is not None and all(one["r"][axis] is not None for one in found)
    ]
    return {
        "mean": abs(own["mean"] / mean - 1),
        "sd": abs(own["sd"] / sd - 1) if sd else own["sd"],
        "r": float(max(apart, default=0.0)),
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; where one does not hold it names the projections."""
    off = {name: _off(found, name) for name, found in numbers["mouse"].items()}
    rival = {name: _off([found], name) for name, found in numbers[RIVAL].items()}
    said = {}
    for key, bound, label in (("mean", MEAN, "mean"), ("sd", SPREAD, "spread"), ("r", PLACE, "r with place")):
        beyond = [f"{name} {one[key]:.2f}" for name, one in off.items() if one[key] > bound]
        said[
            f"{label} within {bound:g}, every projection" + (f" (beyond: {', '.join(beyond)})" if beyond else "")
        ] = not beyond
    wrong = sum(one["mean"] > MEAN for one in rival.values())
    said[f"the rival's means are off in half of the projections at least ({wrong} of {len(rival)})"] = (
        wrong >= len(rival) / 2
    )
    return said


def draw(numbers: dict[str, Any]) -> Figure:
    """In-degrees beside the reconstruction's, and their r with place."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.2), layout="constrained")
    degrees, places = figure.subplots(1, 2, width_ratios=(2, 1))
    names = list(COMPILED)
    at = np.arange(len(names))
    known = np.array([COMPILED[name][:2] for name in names])
    degrees.barh(at, known[:, 0], xerr=known[:, 1], color="0.85", ecolor="0.6", label="reconstruction")
    for number in range(SEEDS):
        found = [numbers["mouse"][name][number] for name in names]
        degrees.errorbar(
            [one["mean"] for one in found], at + 0.15 * (number - 1), xerr=[one["sd"] for one in found], fmt="o", ms=3,
            lw=0.8, color="tab:blue", label=None if number else "mouse",
        )  # fmt: skip
    degrees.plot([numbers[RIVAL][name]["mean"] for name in names], at, "kx", ms=5, label=RIVAL.replace("_", " "))
    degrees.set(xscale="log", xlabel="source cells of a target cell", xlim=(1, None))
    degrees.set_yticks(at, [name.replace("_", " ") for name in names], fontsize=8)
    degrees.invert_yaxis()
    degrees.legend(frameon=False, fontsize=8)
    for axis, marker in enumerate("os^"):
        rows = [
            (COMPILED[name][2][axis], np.mean([one["r"][axis] for one in numbers["mouse"][name]]))
            for name in names
            if COMPILED[name][2][axis] is not None and numbers["mouse"][name][0]["r"][axis] is not None
        ]
        places.plot(*zip(*rows, strict=True), marker, ms=5, mfc="none", label="xyz"[axis])
    places.plot([-0.8, 0.7], [-0.8, 0.7], color="0.7", lw=0.8)
    places.set(xlabel="r with place, reconstruction", ylabel="r with place, mouse")
    places.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
