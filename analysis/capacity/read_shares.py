"""What a read is made of: the target's share of it, in SDM and in softmax attention.

Claim: where the log weights of SDM and softmax agree, so do their reads. Paper: Bricken & Pehlevan (2021), section 3,
doi:10.48550/arXiv.2111.05498, which compares weights on a grid of distances but not reads. Run time: ten seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A softmax at the fitted beta reads the target as clearly as SDM does, among 1,024 random patterns and with 8 of 64"
    " bits of the query flipped."
)
CAPTION = (
    "The target's share of a read's weight among 1,024 random patterns, n = 64, by flipped bits of the query; SDM,"
    " softmax at the least-squares beta of ln I and at the least-squares softmax beta. Lines: weight at the target over"
    " expected total weight; points: means over reads of random patterns (a read without any pattern in reach counts"
    " 0). Right panel: a memory of a million real neurons. Most random patterns lie near 32 bits: beyond 2d SDM gives"
    " them nothing, a softmax each a little."
)
N, PATTERNS, NEURONS, TARGETS = 64, 1024, 1_000_000, 200
RADII, FINITE_RADIUS = (5, 11, 15), 17
FLIPS = tuple(range(0, 21, 2))
NEAR = 0.1  # difference of shares up to which reads count as equally clear: our choice


def measure(seed: int = 0) -> dict[str, Any]:
    """Shares by expectation, and of reads."""
    import numpy as np
    import torch

    from analysis.experiments import bits, flipped
    from cerebellum.memory.memories import BinarySoftmaxAttention, NeuronSDM, PatternSDM
    from cerebellum.theory.attention import fit_beta
    from cerebellum.theory.sdm import log_intersection

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    patterns = bits(rng, PATTERNS, N)
    queries = np.concatenate([flipped(rng, patterns[:TARGETS], count) for count in FLIPS])
    target = np.tile(np.arange(TARGETS), len(FLIPS))
    v = np.arange(N + 1)
    rows = []
    for radius in (*RADII, FINITE_RADIUS):
        betas = {"softmax": fit_beta(N, radius).beta, "best softmax": fit_beta(N, radius, estimator="softmax").beta}
        logs = {"sdm": log_intersection(N, radius), **{name: beta * (1 - 2 * v / N) for name, beta in betas.items()}}
        finite = radius == FINITE_RADIUS
        memories: dict[str, Any] = {
            "sdm": NeuronSDM.random(NEURONS, N, radius, rng) if finite else PatternSDM(N, radius),
            **{name: BinarySoftmaxAttention(N, beta) for name, beta in betas.items()},
        }
        row: dict[str, Any] = {"radius": radius, "real_neurons": finite, "betas": betas, "expected": {}, "reads": {}}
        for name, memory in memories.items():
            memory.write(patterns)
            weights = memory.weights(queries)[np.arange(len(queries)), target]
            row["reads"][name] = weights.reshape(len(FLIPS), TARGETS).mean(axis=1)
            row["expected"][name] = _expected(logs[name])
        rows.append(row)
    return {"flips": FLIPS, "rows": rows}


def _expected(log_weights: Any) -> list[float]:
    """The target's weight over the expected total: one pattern at each of FLIPS, the others at binomial distances."""
    import math

    import numpy as np

    from cerebellum.theory.circles import log_binomial

    log_others = np.logaddexp.reduce(log_weights + log_binomial(N, np.arange(N + 1)) - N * math.log(2))
    log_others += math.log(PATTERNS - 1)
    log_target = log_weights[list(FLIPS)]
    return np.exp(log_target - np.logaddexp(log_target, log_others)).tolist()


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Shares at 8 flipped bits, and over all."""
    flips = numbers["flips"]
    statements = {}
    for row in numbers["rows"]:
        shares = {name: row["reads"][name][flips.index(8)] for name in row["reads"]}
        kind = ", a million real neurons" if row["real_neurons"] else ""
        statements[
            f"radius {row['radius']}{kind}, 8 flips: the softmax's share is within {NEAR} of SDM's"
            f" ({shares['sdm']:.2f} SDM, {shares['softmax']:.2f} softmax)"
        ] = abs(shares["sdm"] - shares["softmax"]) <= NEAR
    gap = max(
        abs(a - b)
        for row in numbers["rows"]
        if not row["real_neurons"]
        for name in row["reads"]
        for a, b in zip(row["reads"][name], row["expected"][name], strict=True)
    )
    return statements | {"reads of random patterns have the expected shares (within 0.1)": gap <= 0.1}


def draw(numbers: dict[str, Any]) -> Figure:
    """Shares by flipped bits, one panel per radius."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.5), layout="constrained")
    colours = {"sdm": "tab:blue", "softmax": "tab:red", "best softmax": "tab:orange"}
    for axes, row in zip(figure.subplots(1, len(numbers["rows"]), sharey=True), numbers["rows"], strict=True):
        for name, colour in colours.items():
            label = "SDM" if name == "sdm" else f"{name}, beta {row['betas'][name]:.1f}"
            axes.plot(numbers["flips"], row["expected"][name], color=colour, lw=1)
            axes.plot(numbers["flips"], row["reads"][name], "o", ms=3.5, color=colour, label=label)
        axes.set_title(f"d = {row['radius']}" + (", real neurons" if row["real_neurons"] else ""), fontsize=10)
        axes.set(xlabel="flipped bits", ylim=(-0.03, 1.28))
        axes.legend(fontsize=7, loc="upper right")
    figure.axes[0].set_ylabel("target's share of the read")
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
