"""Claim: the mouse circuit attends, but far more broadly than transformers do.

The granule response f(m) measured in a running `mouse_memory` (and in one with the published parameters, without tonic
inhibition) gives the kernel E[f f], and the slope of its logarithm on the cosine is the beta of the softmax that the
circuit approximates; Purkinje spikes give the same slope with an interval. Beside them the betas of SDM's optimal radii
and of transformers (Bricken & Pehlevan 2021, arXiv:2111.05498, Fig. 4; Henry et al. 2020), and, by the theory of
sparse codes alone, what the anatomy would have to change to get there. Cells in single precision
(docs/benchmarks.md). Run time: about three minutes on one idle core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence
from analysis.mouse_memory.memory_parts import MODEL, PROTOCOL, TONIC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "The mouse circuit's reads have a beta, a small one: granule cells of four graded inputs attend broadly."
CAPTION = (
    "Least-squares beta of ln kernel on cosine over cosines 0.5 to 1. Blue: kernel of the granule response measured in"
    " the running circuit. Green: slope of ln weight on cosine from Purkinje spikes with its 95 % interval, over the"
    " recall cues. Grey: what one change of the anatomy would give, by theory: a granule response that is a step at so"
    " many of k dendrites, with a share a of the mossy fibres on. Black: SDM's optimal radii (n = 64) and the 90 scales"
    " learned by transformers (range and mean)."
)
# Dendrites, inputs wanted, share of the fibres on.
CHANGES = [
    (4, 3, 0.12),
    (4, 4, 0.12),
    (4, 4, 0.03),
    (8, 6, 0.12),
    (8, 8, 0.12),
    (12, 10, 0.12),
    (20, 16, 0.12),
]
LINES = 936
CIRCUITS = {"mouse_memory": {}, "without tonic inhibition": {TONIC: "0"}}
TRANSFORMERS = {
    "min": 10.3109,
    "max": 24.8478,
    "mean": 15.6475,
    "source": "Henry et al. (2020), values in TrentBrick/attention-approximates-sdm KeyQuery_Norm_Learnt_Betas.txt",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Betas of two running circuits, of changed designs, of SDM and of transformers."""
    from cerebellum import run
    from cerebellum.theory import granule
    from cerebellum.theory.attention import fit_beta

    circuits = {}
    for name, changes in CIRCUITS.items():
        settings = {**MODEL, **PROTOCOL, **changes}
        result = run("mouse_recall", "mouse_memory", seed=seed + 1, settings=settings, dtype="float32")
        assert result.patterns is not None
        lines, active = result.patterns.addresses.shape[1], int(result.patterns.addresses[0].sum())
        response = result.summary["granule_response"]["f_read"]
        circuits[name] = {
            "response": response,
            "kernel": granule.fit_sparse_beta(lines, active, 4, 4, response=response).beta,
            "over_cues": {key: result.summary["beta"][key] for key in ("sdm", "purkinje", "purkinje_interval")},
        }
    changed = [
        {
            "dendrites": k,
            "threshold": threshold,
            "share": share,
            "beta": granule.fit_sparse_beta(LINES, round(share * LINES), k, threshold).beta,
            "activity": granule.sparse_overlap(LINES, active := round(share * LINES), k, threshold, active),
        }
        for k, threshold, share in CHANGES
    ]
    radii = {str(d): fit_beta(64, d).beta for d in (15, 11, 5)}
    return {"circuits": circuits, "changed": changed, "optimal_radii": radii, "transformers": TRANSFORMERS}


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Where the circuit lies."""
    memory = numbers["circuits"]["mouse_memory"]
    low, high = memory["over_cues"]["purkinje_interval"]
    least = numbers["transformers"]["min"]
    reaching = [c for c in numbers["changed"] if c["beta"] >= least]
    four = [c["beta"] for c in numbers["changed"] if c["dendrites"] == 4]
    return {
        "the interval of the slope from Purkinje spikes holds the kernel's": low <= memory["over_cues"]["sdm"] <= high,
        "tonic inhibition raises beta": memory["kernel"] > numbers["circuits"]["without tonic inhibition"]["kernel"],
        f"the circuit reaches the least beta of transformers ({memory['kernel']:.1f} of {least:.1f})": memory["kernel"]
        >= least,
        f"four dendrites with a sharp threshold reach it (at most {max(four):.1f})": max(four) >= least,
        "more dendrites with a sharp threshold reach it"
        + (f" ({reaching[0]['dendrites']}, {reaching[0]['activity']:.0e} active)" if reaching else ""): bool(reaching),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Every beta on one axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    labels: list[str] = []
    for name, measured in numbers["circuits"].items():
        row = len(labels)
        low, high = measured["over_cues"]["purkinje_interval"]
        axes.plot(measured["kernel"], row, "o", color="#3182bd", ms=7)
        axes.plot([low, high], [row, row], color="#31a354", lw=2)
        axes.plot(measured["over_cues"]["purkinje"], row, "|", color="#31a354", ms=12)
        labels.append(name.replace("_", " "))
    for change in numbers["changed"]:
        axes.plot(change["beta"], len(labels), "o", color="#888888")
        labels.append(f"{change['threshold']} of {change['dendrites']} dendrites, a = {change['share']:.0%}")
    for radius, beta in numbers["optimal_radii"].items():
        axes.plot(beta, len(labels), "s", color="black")
        labels.append(f"SDM, radius {radius}")
    scales = numbers["transformers"]
    axes.plot([scales["min"], scales["max"]], [len(labels)] * 2, color="black", lw=2)
    axes.plot(scales["mean"], len(labels), "|", color="black", ms=12)
    labels.append("transformers, 90 scales")
    axes.axvspan(scales["min"], scales["max"], color="0.93", zorder=0)
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set(xlabel="beta", xlim=(0, None))
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
