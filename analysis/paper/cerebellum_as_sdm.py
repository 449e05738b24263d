"""The cerebellum drawn as a sparse distributed memory, and what of the map can be measured without a simulation.

Claim: granule cells, climbing fibres and Purkinje cells do what SDM needs. Paper figure: Bricken & Pehlevan (2021),
Fig. 5 and section 5, doi:10.48550/arXiv.2111.05498. Measured here is the arithmetic of the map on sampled cells; that
real cells do it is anatomy (with source) or interpretation, and said so. Run time: ten seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLAIM = (
    "Granule cells with four dendrites, LTP of active parallel-fibre synapses and LTD by climbing fibres store and"
    " recall as a sparse distributed memory does."
)
CAPTION = (
    "Left: SDM as a three-layer network; one neuron's fan-in and fan-out are drawn strong. Middle: the circuit it is"
    " mapped to. Right: the map, row by row, and its standing: measured (here, on 20,000 sampled granule cells with 4"
    " of 128 complementary fibres each), anatomy (published), or interpretation. Golgi cells as the keeper of the"
    " active share come from the follow-up (Bricken et al. 2023), the role of the interneurons is this project's own"
    " hypothesis. Not drawn: interneurons, nucleo-olivary cells."
)
N, DENDRITES, CELLS, ETA, BIT_COUNT = 64, 4, 20_000, 1.0, 128
LOADS, FLIPS = (20, 100), (0, 4, 8, 12, 16)
BALL = 25  # the radius whose ball holds most nearly 1/16 of the space at n = 64, as four of four dendrites do
ROWS = (
    ("address bits", "mossy fibres, two a bit", "interpretation"),
    ("hard locations", "granule cells, 4 dendrites", "measured: overlap"),
    ("radius", "threshold and Golgi cells", "interpretation"),
    ("counters", "parallel-fibre weights", "measured: exact"),
    ("pointer bit", "one climbing fibre a cell", "anatomy"),
    ("write", "LTP if active, LTD with CF", "measured: exact"),
    ("sum", "Purkinje cell, 175,000 PFs", "anatomy"),
    ("majority bit", "nuclear cell, inverted", "measured: same bits"),
    ("beta 9.4 to 28.4", "four dendrites", "measured: beta {beta:.1f}"),
)
PUBLISHED = {
    "mossy_inputs_per_granule_cell": "4 to 5",
    "parallel_fibres_per_purkinje_cell": 175_000,
    "climbing_fibres_per_purkinje_cell": 1,
    "source": "PMC6686189, Fig. 1",
    "paper": "Bricken & Pehlevan (2021), section 5: no simulation and no sign of plasticity is fixed there",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Write by LTP and LTD, read by Purkinje cells, beside an SDM with the same hard locations and one with balls."""
    import numpy as np
    import torch

    from analysis.experiments import bits
    from cerebellum.memory.memories import NeuronSDM
    from cerebellum.theory import granule
    from cerebellum.theory.attention import fit_beta

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    lines = np.argsort(rng.random((CELLS, N)), axis=1)[:, :DENDRITES]
    preferred = rng.random((CELLS, DENDRITES)) < 0.5  # which fibre of the pair the dendrite contacts

    def active(patterns: Any) -> Any:
        return np.stack([((p > 0)[lines] == preferred).all(axis=1) for p in patterns])

    one = bits(rng, 1, N)
    distances = list(range(0, 33, 4))
    first = active(one)[0]
    counted = []
    for v in distances:
        others = np.repeat(one, 20, axis=0)
        for row in others:
            row[rng.permutation(N)[:v]] *= -1
        counted.append(float((active(others) & first).mean()))
    recalls = [_recall(rng, active, m) for m in LOADS]
    for row, m in zip(recalls, LOADS, strict=True):
        ball = NeuronSDM.random(CELLS, N, BALL, rng)
        ball.write(row["patterns"], row["pointers"])
        row["balls"] = [float((ball.read(q) * row["pointers"] > 0).mean()) for q in row["queries"]]
        row["patterns_stored"] = m
        for name in ("patterns", "pointers", "queries"):
            del row[name]
    return {
        "distances": distances,
        "overlap": [granule.overlap(N, DENDRITES, DENDRITES, v) for v in distances],
        "counted": counted,
        "flips": FLIPS,
        "recalls": recalls,
        "beta": granule.fit_beta(N, DENDRITES, DENDRITES).beta,
        "optimal_betas": {str(d): fit_beta(64, d).beta for d in (5, 11, 15)},
        "published": PUBLISHED,
    }


def _recall(rng: Any, active: Any, m: int) -> dict[str, Any]:
    """Store m patterns synapse by synapse, and read by the sign of what Purkinje cells gain or lose."""
    import numpy as np

    from analysis.experiments import bits, flipped

    patterns, pointers = bits(rng, m, N), bits(rng, m, BIT_COUNT)
    stored = active(patterns)
    baseline = m * ETA  # weights cannot fall below zero
    weights = np.full((CELLS, BIT_COUNT), baseline)
    counters = np.zeros((CELLS, BIT_COUNT), dtype=np.int64)
    for cells, pointer in zip(stored, pointers, strict=True):
        weights[cells] += ETA  # LTP: parallel fibre alone
        weights[np.ix_(cells, pointer > 0)] -= 2 * ETA  # LTD: with the climbing fibre, which carries a 1
        counters[cells] += pointer
    queries = [flipped(rng, patterns, count) for count in FLIPS]
    right, same = [], True
    for query in queries:
        on = active(query)
        drive = on @ weights - baseline * on.sum(axis=1, keepdims=True)
        nuclear = drive < 0  # a Purkinje cell that pauses releases its nuclear cell
        sums = on.astype(np.int64) @ counters
        same &= bool((nuclear == (sums > 0)).all())
        right.append(float((nuclear == (pointers > 0)).mean()))
    return {
        "patterns": patterns,
        "pointers": pointers,
        "queries": queries,
        "bits_right": right,
        "same_bits_as_sdm": same,
        "weights_are_counters": bool((weights == baseline - ETA * counters).all()),
        "least_weight": float(weights.min()),
        "largest_counter": int(np.abs(counters).max()),
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The arithmetic of the map, its beta, and recall beside balls of the same activity."""
    recalls = numbers["recalls"]
    beta, wanted = numbers["beta"], numbers["optimal_betas"]
    return {
        "weights after LTP and LTD are the baseline minus the counters of SDM, exactly": all(
            row["weights_are_counters"] for row in recalls
        ),
        "weights stay excitatory from a baseline of one step a pattern": all(
            row["least_weight"] >= 0 for row in recalls
        ),
        "nuclear cells show the bits that SDM with these locations reads, all of them": all(
            row["same_bits_as_sdm"] for row in recalls
        ),
        "sampled granule cells share the predicted cells (within 0.004 of all)": all(
            abs(a - b) <= 0.004 for a, b in zip(numbers["counted"], numbers["overlap"], strict=True)
        ),
        "they recall as balls of the same activity do (bits right within 0.02, 20 and 100 patterns)": all(
            abs(a - b) <= 0.02 for row in recalls for a, b in zip(row["bits_right"], row["balls"], strict=True)
        ),
        f"the beta of four dendrites ({beta:.1f}) lies among those of SDM's optimal radii": (
            wanted["15"] <= beta <= wanted["5"]
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Two schematics and the table of the map."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.9), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1.15, 1.45))
    for axes in (left, middle, right):
        axes.axis("off")
    left.set(xlim=(-0.5, 2.7), ylim=(-1.15, 6.6), title="sparse distributed memory")
    middle.set(xlim=(-0.5, 3.5), ylim=(-1.15, 6.6), title="cerebellar circuit")
    _network(left, "0.35", "tab:blue", "0.35", fan_in=6)
    _network(middle, "tab:olive", "tab:blue", "tab:green", fan_in=3)
    for axes, names in (
        (left, ("address\nlines", "neurons", "counter\nsums")),
        (middle, ("mossy\nfibres", "granule\ncells", "Purkinje\ncells")),
    ):
        for x, name in enumerate(names):
            axes.text(x, -0.35, name, ha="center", va="top", fontsize=8.5)
    for y in OUTPUTS:
        left.annotate("", (2.12, y), (2.62, y), arrowprops=ARROW | {"color": "tab:red"})
        middle.annotate("", (2.05, y + 0.14), (2.62, y + 0.75), arrowprops=ARROW | {"color": "tab:red"})
        middle.plot([2.12, 2.95], [y, y], color="tab:green", lw=1.2)
        middle.plot([2.95, 2.95], [y - 0.12, y + 0.12], color="tab:green", lw=2)  # a bar: inhibition
        middle.plot(3.1, y, "o", ms=11, color="tab:purple")
    left.text(2.4, OUTPUTS[-1] + 0.35, "pointer\nbits", color="tab:red", fontsize=8, ha="center", va="bottom")
    middle.text(2.62, OUTPUTS[-1] + 0.85, "climbing\nfibres", color="tab:red", fontsize=8, ha="center", va="bottom")
    middle.text(3.1, -0.35, "nuclear\ncells", ha="center", va="top", fontsize=8.5)
    middle.plot(0.42, 6.1, "o", ms=14, color="tab:orange")
    middle.text(0.2, 6.1, "Golgi", color="tab:orange", fontsize=8, ha="right", va="center")
    middle.plot([0.42, 0.92], [6.1, 5.72], color="tab:orange", lw=1.2)
    middle.plot([0.89, 0.97], [5.63, 5.8], color="tab:orange", lw=2)

    cells = [[a, b, c.format(beta=numbers["beta"])] for a, b, c in ROWS]
    table = right.table(
        cells, colLabels=["SDM", "cerebellum", "standing"], loc="center", cellLoc="left", colWidths=[0.27, 0.42, 0.36]
    )
    table.auto_set_font_size(False)
    table.set_fontsize(8)
    table.scale(1, 1.75)
    shades = {"measured": "#dcefdc", "anatomy": "#dde8f6", "interpretation": "#f6ead6"}
    for (row, _), cell in table.get_celld().items():
        cell.set_edgecolor("0.8")
        if row:
            cell.set_facecolor(shades[ROWS[row - 1][2].split(":")[0]])
    return figure


INPUTS, HIDDEN, OUTPUTS = (0.25, 1.25, 2.25, 3.25, 4.25, 5.25), tuple(x * 0.8 for x in range(8)), (1.2, 2.8, 4.4)
ARROW = {"arrowstyle": "-|>", "lw": 1.2}


def _network(axes: Axes, inputs: str, hidden: str, outputs: str, fan_in: int) -> None:
    """Three layers; each hidden cell takes `fan_in` of the inputs, one of them drawn strong."""
    for k, y in enumerate(HIDDEN):
        strong = k == 4
        chosen = (
            INPUTS if fan_in == len(INPUTS) else [INPUTS[(2 * k + 3 * j + k * j) % len(INPUTS)] for j in range(fan_in)]
        )
        width, shade = (1.3, "0.15") if strong else (0.5, "0.82")
        for x in chosen:
            axes.plot([0, 1], [x, y], color=shade, lw=width, zorder=2 if strong else 1)
        for z in OUTPUTS:
            axes.plot([1, 2], [y, z], color=shade, lw=width, zorder=2 if strong else 1)
    for x, levels, colour, size in ((0, INPUTS, inputs, 8), (1, HIDDEN, hidden, 11), (2, OUTPUTS, outputs, 15)):
        axes.plot([x] * len(levels), levels, "o", ms=size, color=colour, zorder=3)


if __name__ == "__main__":
    evidence.main(__spec__.name)
