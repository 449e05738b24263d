"""Claim: the rate twin recalls graded patterns as the spikes do, by the same measures.

`rate_recalls_as_spiking` writes random patterns, where all others lie at one distance. Here `mouse_recall_graded`
runs on `mouse_memory` by both engines, on the same connectome, pointers and given spikes, at a quarter of the size
(scale 2, the settings of `mouse_is_sdm.QUARTER`), on two seeds that nothing was chosen on (three were planned).
Weights of both are asked what `mouse_is_sdm` asks of spikes: identity R2 about the weights of sparse distributed
memory (Bricken & Pehlevan 2021, arXiv:2111.05498), others only, and against rivals. The twin leaves out the spikes'
own noise, so it should be nearer to the prediction than they are; and it knows the connectome, which the prediction
does not, so it should tell the spikes' weights better than the prediction tells them. What would refute it: a rival
that explains its weights as well, or an expectation that tells the spikes' weights as well without any circuit. Some
40 minutes on one idle core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence
from analysis.circuit import graded_recall as graded
from analysis.mouse_memory import mouse_is_sdm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "The rate circuit writes and reads graded patterns as Purkinje spikes do, by the measures asked of spikes."
CAPTION = (
    "Graded patterns in the mouse circuit at a quarter of its size, both engines on the same two fresh seeds. Left:"
    " mean weight against cosine, with its error over seeds. Middle: identity R2 of all weights about the prediction"
    " and about its rivals. Right: every weight of the rate circuit against that of the spikes; filled: the cue's own"
    " pattern."
)
FRESH = range(131, 133)
READERS = ("purkinje", "rate")
DRAWS = 4


def measure(seed: int = 0) -> dict[str, Any]:
    """Every fresh seed."""
    return {"runs": [one(seed + number) for number in FRESH]}


def one(seed: int) -> dict[str, Any]:
    """Agreement and rivals of one seed, of spikes and of rates, and of each with the other."""
    import cerebellum
    from cerebellum.readout import agreement

    result = cerebellum.run(
        "mouse_recall_graded", "mouse_memory", "both", seed=seed, settings=mouse_is_sdm.QUARTER, draws=DRAWS
    )
    weights, own = result.weights, result.recalled.own
    between = {
        name: agreement.compared(weights[name], weights["purkinje"], own) for name in ("rate", "sdm", "sdm_exact")
    }
    return {
        **graded.picked(result, READERS),
        "seed": seed,
        "between": {name: {key: found[key] for key in ("identity", "r2", "others")} for name, found in between.items()},
        "timing": result.summary["timing"],
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; a mean is over seeds."""
    runs = numbers["runs"]
    said = {}
    for part, name in ((None, "all weights"), ("others", "others only")):
        rate, spikes = (graded.mean(runs, f"{reader}_vs_sdm", part) for reader in ("rate", "purkinje"))
        said[f"{name}: rates as near to the prediction as spikes, mean identity R2 ({rate:.3f}, {spikes:.3f})"] = (
            rate >= spikes
        )
    for rival in graded.RIVALS:
        beaten = sum(run["rivals"]["rate"][rival]["behind"]["mean"] > 0 for run in runs)
        said[f"rates: better than {graded.NAMES[rival]} in every seed ({beaten} of {len(runs)})"] = beaten == len(runs)
    for name, label in (("sdm", "the prediction"), ("sdm_exact", "exact counts on the connectome")):
        nearer = sum(run["between"]["rate"]["r2"] > run["between"][name]["r2"] for run in runs)
        said[f"rates tell the spikes' weights better than {label}, every seed ({nearer} of {len(runs)})"] = (
            nearer == len(runs)
        )
    return said


def draw(numbers: dict[str, Any]) -> Figure:
    """Curve, rivals, weights of one against the other."""
    from matplotlib.figure import Figure

    from cerebellum.plotting.reader_agreement import draw_curve, draw_rivals
    from cerebellum.plotting.style import READER_COLOURS

    runs = numbers["runs"]
    figure = Figure(figsize=(13, 4.8), layout="constrained")
    curve, rivals, each = figure.subplots(1, 3)
    draw_curve(curve, {name: graded.mean_curve(runs, name) for name in (*READERS, "sdm", "attention")})
    draw_rivals(rivals, {reader: graded.mean_rivals(runs, reader) for reader in READERS})
    spikes, rates, own = (
        np.concatenate([np.ravel(part) for part in parts]) for parts in zip(*map(_weights, runs), strict=True)
    )
    span = [spikes.min(), spikes.max()]
    each.plot(span, span, color="black", lw=0.8)
    each.plot(spikes[~own], rates[~own], "o", ms=3, mfc="none", mew=0.7, color=READER_COLOURS["rate"])
    each.plot(spikes[own], rates[own], "o", ms=3.5, color=READER_COLOURS["rate"])
    told = np.mean([[run["between"]["rate"][key] for key in ("identity", "r2")] for run in runs], axis=0)
    each.set(xlabel="weight, Purkinje spikes", ylabel="weight, rate circuit")
    each.set_title(f"identity R2 = {told[0]:.3f}, r2 = {told[1]:.3f}", fontsize=10)
    return figure


def _weights(run: dict[str, Any]) -> tuple[Any, Any, Any]:
    own = np.array(run["own"])
    shown = [np.array(run["weights"][reader]) for reader in READERS]
    return shown[0], shown[1], own


if __name__ == "__main__":
    evidence.main(__spec__.name)
