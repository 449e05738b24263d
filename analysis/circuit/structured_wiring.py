"""Structured wiring: redundant claws and selective outputs against random ones of the same degree.

Claim: electron microscopy finds that granule cells share pairs of mossy-fibre boutons more often than random wiring has
them, and that Purkinje cells choose granule cells alike (Nguyen et al. 2023, doi:10.1038/s41586-022-05471-w). In their
public graph (1,659 granule cells with four or more claws in the block) pairs that share two boutons are 2.61 times, and
pairs that share three 6.7 times as many as with claws drawn evenly within 40 um at the same numbers a cell. Short
dendrites and unequal boutons, as counted there, are all that `mouse_structured` has; the ratios are not fitted. What
this does to the memory is seen in `jaeckel_structured`, where lines and granule cells differ in how many read them,
with the same dendrites a granule cell and parallel fibres a Purkinje cell as its random twin (`uneven` 0): exact counts
of that connectome against SDM's expectation, and recall by its rates. The authors' simulations find more resilience to
noise at a negligible cost in capacity. Found: the counted ratios come out; noisy cues are recalled no better, and if
anything worse by half a point. Run time: four minutes.

What would refute it: ratios of shared boutons beyond a factor of 1.5; recall of noisy cues no better than with random
wiring; more than two points of bits lost with many patterns. A rival that would pass the first two: more inputs or more
active cells, so degrees are equal, and the share of active cells stands beside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Short dendrites and unequal boutons give granule cells the redundant claws that electron microscopy counts; at the"
    " same degrees, structured wiring keeps SDM's prediction, makes recall more resilient to noise, and costs next to"
    " no capacity."
)
CAPTION = (
    "Left: pairs of granule cells that share two and three glomeruli, over those of random claws, in the mouse (half of"
    " the volume, three connectomes): short dendrites alone, unequal glomeruli alone, both; lines: counted by electron"
    " microscopy. Middle: bits recalled of 16 patterns against flipped bits of the cue, means and errors over three"
    " seeds; right: of 256 patterns from cues with a tenth of the bits flipped, each seed; by rates of"
    " jaeckel_structured. Claws, outputs: which wiring is structured; degrees are equal."
)
COUNTED = {"two": 2.61, "three": 6.7}
MOUSE_SCALE, SEEDS = "0.5", 3
_RULE = "projection.glomerulus_to_granule.rule"
CLAWS: dict[str, tuple[str, dict[str, str]]] = {
    "random": ("mouse", {}),
    "short": ("mouse_structured", {f"{_RULE}.uneven": "0"}),
    "unequal": ("mouse_structured", {f"{_RULE}.length": "10000"}),  # far beyond the radius: as good as even
    "both": ("mouse_structured", {}),
}
_LINES = "projection.mossy_fiber_to_granule.rule.uneven"
_OUTPUTS = "projection.parallel_fiber_to_purkinje.rule.uneven"
WIRING: dict[str, dict[str, str]] = {
    "random": {_LINES: "0", _OUTPUTS: "0"},
    "claws": {_OUTPUTS: "0"},
    "outputs": {_LINES: "0"},
    "both": {},
}
MEMORY = "jaeckel_structured"
NOISE, HARD = (0, 32, 48, 64, 80), ("48", "64", "80")  # flipped bits of the cue


def measure(seed: int = 0) -> dict[str, Any]:
    """Shared glomeruli of the mouse's granule cells; agreement and recall of the memory."""
    seeds = range(seed + 1, seed + 1 + SEEDS)
    return {
        "shared": [_shared(s) for s in seeds],
        "counted": COUNTED | {"source": "Nguyen et al. 2023, graph_mf_grc_binary_210519 of their public data"},
        "memory": {name: [_memory(changes, s) for s in seeds] for name, changes in WIRING.items()},
    }


def _shared(seed: int) -> dict[str, dict[str, float]]:
    """Pairs of granule cells that share two and three glomeruli, structured over random."""
    import numpy as np
    from scipy.sparse import csr_matrix

    from cerebellum.connectome import placement, wiring
    from cerebellum.description.circuit import load_model
    from cerebellum.description.edges import Edges
    from cerebellum.description.wiring import Ends
    from cerebellum.machine.streams import generator

    found = {}
    for piece, (model, changes) in CLAWS.items():
        circuit = load_model(model, {"scale": MOUSE_SCALE, **changes})
        places, drawn = placement.positions(circuit, seed), dict[str, Edges]()
        for name in ("mossy_fiber_to_glomerulus", "glomerulus_to_granule"):
            ends = Ends(circuit, circuit.projection[name], places, drawn)
            drawn[name] = wiring.draw(ends, generator(seed, "edges", name))
        claws = drawn["glomerulus_to_granule"]
        has = csr_matrix((np.ones(len(claws), np.int32), (claws.post, claws.pre)))
        number = np.bincount(np.asarray((has @ has.T).data, np.int64), minlength=5)
        found[piece] = number[2:4]
    ratio = {piece: number / found["random"] for piece, number in found.items() if piece != "random"}
    return {piece: dict(zip(COUNTED, each.tolist(), strict=True)) for piece, each in ratio.items()}


def _memory(changes: dict[str, str], seed: int) -> dict[str, Any]:
    """Agreement on graded patterns, and bits recalled from noisy cues and of many patterns."""
    from cerebellum import run

    agreement = run("recall_graded", MEMORY, "volley", seed=seed, settings=changes).summary["agreement"]
    random = {"patterns.source": "random", "patterns.count": "16", "block.read.noise": str(list(NOISE))}
    noisy = run("recall", MEMORY, "volley", seed=seed, settings=changes | random).summary["recall"]["rate"]
    many = run("capacity", MEMORY, "volley", seed=seed, settings=changes).summary["recall"]["rate"]
    return {
        "exact_vs_sdm": agreement["sdm_vs_sdm_exact"]["identity"],
        "rate_vs_sdm": agreement["rate_vs_sdm"]["identity"],
        "rate_vs_exact": agreement["rate_vs_sdm_exact"]["identity"],
        "noise": {flips: one["bits"] for flips, one in noisy["by_flips"].items()},
        "many": many["bits"],
    }


def _of(numbers: dict[str, Any], wiring: str, *keys: str) -> Any:
    """One number of every seed, shape (seeds,)."""
    import numpy as np

    found = numbers["memory"][wiring]
    for key in keys:
        found = [one[key] for one in found]
    return np.array(found)


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; beyond two errors of the mean over seeds."""
    import numpy as np

    out = {}
    for key, counted in COUNTED.items():
        ratio = float(np.mean([one["both"][key] for one in numbers["shared"]]))
        text = f"pairs that share {key} glomeruli: {ratio:.2f} times random, within 1.5 of the {counted:g} counted"
        out[text] = 1 / 1.5 <= ratio / counted <= 1.5
    exact = _of(numbers, "both", "exact_vs_sdm")
    out[f"SDM's expectation explains exact counts of structured wiring, identity R2 >= .95 ({exact.mean():.3f})"] = (
        bool(exact.mean() >= 0.95)
    )
    for wiring in ("claws", "outputs", "both"):
        gain = np.mean([_of(numbers, wiring, "noise", n) - _of(numbers, "random", "noise", n) for n in HARD], axis=0)
        beyond = gain.mean() > 2 * gain.std(ddof=1) / len(gain) ** 0.5
        out[f"{wiring}: more bits of noisy cues than with random wiring ({100 * gain.mean():+.1f} points)"] = bool(
            beyond
        )
    lost = _of(numbers, "random", "many") - _of(numbers, "both", "many")
    out[f"both: of 256 patterns two points of bits lost at most ({100 * lost.mean():+.1f})"] = bool(
        lost.mean() + 2 * lost.std(ddof=1) / len(lost) ** 0.5 <= 0.02
    )
    return out


def draw(numbers: dict[str, Any]) -> Figure:
    """Shared glomeruli, recall against noise and against patterns."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[2, 3, 2])
    for place, (key, counted) in enumerate(COUNTED.items()):
        for number, piece in enumerate(("short", "unequal", "both")):
            found = [one[piece][key] for one in numbers["shared"]]
            label = None if place else piece
            left.plot([place + 0.15 * (number - 1)] * len(found), found, "o", color=f"C{number + 4}", ms=4, label=label)
        left.plot([place - 0.3, place + 0.3], [counted, counted], color="0.4")
    left.axhline(1, color="0.7", lw=0.8)
    left.legend(fontsize=8, frameon=False, loc="upper left")
    left.set_xticks([0, 1], ["two", "three"])
    left.set(xlabel="glomeruli shared", ylabel="pairs, over random", ylim=(0, None), xlim=(-0.5, 1.5))
    for number, wiring in enumerate(WIRING):
        table = np.array([_of(numbers, wiring, "noise", str(step)) for step in NOISE])
        error = table.std(axis=1, ddof=1) / table.shape[1] ** 0.5
        middle.errorbar(NOISE, table.mean(axis=1), error, marker="o", ms=3, color=f"C{number}", label=wiring)
        found = _of(numbers, wiring, "many")
        right.plot([number] * len(found), found, "o", color=f"C{number}", ms=4)
    middle.set(xlabel="flipped bits of 256", ylabel="bits recalled, 16 patterns")
    right.set_xticks(range(len(WIRING)), list(WIRING), fontsize=8)
    right.set(ylabel="bits recalled, 256 patterns", xlim=(-0.5, len(WIRING) - 0.5))
    middle.legend(fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
