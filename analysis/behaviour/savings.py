"""Which plasticity conditioning needs, and whether what the nuclei have learned is saved from extinction.

Claim: with synapses of mossy fibres onto nuclear cells plastic beside those of Purkinje cells, responses that were
extinguished come back faster than they came. That residual plasticity in the nuclei is what savings are made of is a
published proposal with evidence from rabbits (Medina, Garcia & Mauk 2001, doi:10.1523/JNEUROSCI.21-11-04081.2001).
`eyeblink` on `mouse_conditioning` as in the claim of that name: with plasticity of Purkinje cells alone, of both, of
nuclear cells alone, and none. Interneurons alone are in `eyeblink_controls`. With Purkinje cells alone once more, and
olivary cells cut off from the nuclei: extinction is ascribed to that loop, which silences climbing fibres where a
response was learned (Medina, Nores & Mauk 2002, doi:10.1038/416330a).

The nuclear rule is that of `mouse_plastic` with a step chosen by arithmetic, looked at on seed 1 alone (it learned,
extinguished and came back); the seeds here are others, run once. Stated before: refuted if responses in the first ten
trials of reacquisition are not more than in the first ten of acquisition, or not by more than with Purkinje cells
alone; if more than a tenth of the closure is learned without plasticity, or by nuclei alone as much as half of what
Purkinje cells learn; if extinction leaves no more with the loop open. Ten trials of a seed know a share of responses to
16 points, three seeds to 9: a difference of two such differences below 25 points is noise. Cells in single precision
(docs/benchmarks.md). Run time: ten minutes on one core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence
from analysis.behaviour import eyeblink

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Purkinje cells carry what is learned in mouse_conditioning, nuclei alone learn little, nothing is learned without"
    " plasticity, and plastic nuclei make relearning faster."
)
CAPTION = (
    "Left: closure of the eyelid in the 50 ms before the puff is due, in probes after training, extinction and"
    " retraining, less that in naive ones; a point a seed. Right: responses in tens of trials, means of three seeds."
)
STILL = {f"block.{block}.plasticity": "false" for block in ("acquisition", "extinction")}  # others are like these
CONDITIONS: dict[str, tuple[str | None, dict[str, str]]] = {
    "Purkinje cells": (None, {}),
    "both": ("analysis/behaviour/nuclei.toml", {}),
    "nuclei": ("analysis/behaviour/nuclei_alone.toml", {}),
    "none": (None, STILL),
    "loop open": (None, {"lesion": '["nucleo_olivary_to_inferior_olive"]'}),
}
TESTS = ("trained", "extinguished", "retrained")


def measure(seed: int = 0) -> dict[str, Any]:
    """Courses and responses of every condition, a list over seeds."""
    return {name: [one(name, seed + s) for s in eyeblink.SEEDS] for name in CONDITIONS}


def one(name: str, seed: int) -> dict[str, Any]:
    """The session of a condition, with what was learned at each test."""
    model, settings = CONDITIONS[name]
    found = eyeblink.session("eyeblink", model, seed, settings, "float32")
    return {"tens": found["tens"], "learned": {block: eyeblink.learned(found, block) for block in TESTS}}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements."""
    import numpy as np

    trained = {name: [one["learned"]["trained"] for one in found] for name, found in numbers.items()}
    mean = {name: float(np.mean(found)) for name, found in trained.items()}
    said = {name: eyeblink.listed(found, 1, "+.2f") for name, found in trained.items()}
    saved = {
        name: [one["tens"]["reacquisition"][0] - one["tens"]["acquisition"][0] for one in found]
        for name, found in numbers.items()
    }
    gain = {name: float(np.mean(found)) for name, found in saved.items()}
    listed = {name: eyeblink.listed(found, 1, "+.1f") for name, found in saved.items()}
    left = {
        name: np.mean([one["learned"]["extinguished"] / one["learned"]["trained"] for one in numbers[name]])
        for name in ("Purkinje cells", "both", "loop open")
    }
    return {
        f"both: more responses in the first ten trials of reacquisition than of acquisition ({listed['both']})": (
            gain["both"] > 0
        ),
        f"by at least 0.25 more than with Purkinje cells alone ({listed['Purkinje cells']})": (
            gain["both"] - gain["Purkinje cells"] >= 0.25
        ),
        f"more of the closure outlasts extinction ({left['both']:.0%} for {left['Purkinje cells']:.0%}, means)": bool(
            left["both"] > left["Purkinje cells"]
        ),
        "control: with the loop of nuclei and olive open extinction leaves more than with it closed"
        f" ({left['loop open']:.0%} for {left['Purkinje cells']:.0%}, means)": bool(
            left["loop open"] > left["Purkinje cells"]
        ),
        f"nuclei alone learn less than half of what Purkinje cells do, in the mean ({said['nuclei']} for"
        f" {said['Purkinje cells']})": mean["nuclei"] < mean["Purkinje cells"] / 2,
        f"control: without plasticity less than a tenth of that, in the mean ({said['none']})": (
            abs(mean["none"]) < mean["Purkinje cells"] / 10
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """What each condition learned, and its learning curves."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    points, curves = figure.subplots(1, 2)
    for place, (name, found) in enumerate(numbers.items()):
        for shift, block in zip((-0.2, 0.0, 0.2), TESTS, strict=True):
            values = [one["learned"][block] for one in found]
            points.plot([place + shift] * len(values), values, "ov^"[TESTS.index(block)], ms=4, color=f"C{place}")
        start = 0
        for block in ("acquisition", "extinction", "reacquisition"):
            share = 100 * np.mean([one["tens"][block] for one in found], axis=0)
            x = start + 10 * (0.5 + np.arange(len(share)))
            curves.plot(x, share, "o-", ms=3, lw=0.9, color=f"C{place}", label=name if not start else None)
            if not place:
                curves.text(start, 103, block, fontsize=6.5)
            start += 10 * len(share) + 10
    points.axhline(0, color="0.8", lw=0.8)
    points.set_xticks(range(len(numbers)), list(numbers), fontsize=8)
    points.set_ylabel("closure learned: trained, extinguished, retrained", fontsize=8)
    curves.set(xlabel="trial", ylabel="responses (%)", ylim=(0, 102))
    curves.legend(fontsize=7, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
