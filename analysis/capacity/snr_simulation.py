"""Signal to noise of reads, measured in real memories.

Claim: the radius that maximises the formula for signal to noise maximises that of reads. Paper figure: Bricken &
Pehlevan (2021), appendix B.5 (SDM_SNR-Simulation), doi:10.48550/arXiv.2111.05498. Run time: half a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = "The signal to noise of real reads follows the formula, and is best at the radius the formula gives."
CAPTION = (
    "Signal to noise of reads at a stored pattern, n = 100, 10,000 real neurons, 100 patterns: mean over standard"
    " deviation of a bit's sum of counters, signed by the pattern's bit, over all bits and patterns of 10 memories"
    " (points: mean and range of the memories; lines: sqrt(pr / (1 + pm + m r p³)), and with the exact variance of the"
    " shared neurons)."
)
N, NEURONS, PATTERNS, MEMORIES = 100, 10_000, 100, 10
RADII = tuple(range(31, 48))
CLOSE = 0.1  # relative difference that still counts as agreement: our choice


def measure(seed: int = 0) -> dict[str, Any]:
    """Sums of counters at stored patterns, by radius."""
    import math

    import numpy as np
    import torch

    from analysis.experiments import bits
    from cerebellum.memory.memories import NeuronSDM
    from cerebellum.theory import sdm
    from cerebellum.theory.circles import log_binomial

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    measured, formula, exact = [], [], []
    v = np.arange(N + 1)
    share_of_distance = np.exp(log_binomial(N, v) - N * math.log(2))
    for radius in RADII:
        ratios = []
        for _ in range(MEMORIES):
            memory = NeuronSDM.random(NEURONS, N, radius, rng)
            patterns, pointers = bits(rng, PATTERNS, N), bits(rng, PATTERNS, N)
            memory.write(patterns, pointers)
            assert memory.counters is not None
            sums = np.stack([memory.counters[torch.from_numpy(k)].sum(dim=0).numpy() for k in memory.active(patterns)])
            signal = sums * pointers
            ratios.append(float(signal.mean() / signal.std()))
        measured.append(ratios)
        share = sdm.ball_volume(N, radius) / 2**N
        formula.append(sdm.signal_to_noise(share, NEURONS, PATTERNS))
        # The same with <w'^2> over binomial distances in place of (p^2 r)^2: neighbours share more than the mean.
        w = np.exp(sdm.log_intersection(N, radius) - N * math.log(2)) * NEURONS
        noise = w[0] + (PATTERNS - 1) * (share_of_distance * (w + w**2)).sum()
        exact.append(float(w[0] / math.sqrt(noise)))
    return {
        "radii": RADII,
        "found": measured,
        "formula": formula,
        "exact": exact,
        "best_by_formula": sdm.optimal_radius(N, NEURONS, PATTERNS),
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Best radius, and values."""
    means = [sum(row) / len(row) for row in numbers["found"]]
    best = numbers["radii"][means.index(max(means))]

    def agree(model: str) -> bool:
        return all(abs(a / b - 1) <= CLOSE for a, b in zip(numbers[model], means, strict=True))

    return {
        "the best radius of real reads is within one of the formula's": abs(best - numbers["best_by_formula"]) <= 1,
        f"the formula is within {CLOSE:.0%} of real reads at every radius": agree("formula"),
        f"with the exact variance of shared neurons, within {CLOSE:.0%} of real reads at every radius": agree("exact"),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Signal to noise by radius."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    radii, measured = numbers["radii"], np.array(numbers["found"])
    mean = measured.mean(axis=1)
    spread = np.stack([mean - measured.min(axis=1), measured.max(axis=1) - mean])
    axes.errorbar(radii, mean, spread, fmt="o", ms=4, lw=1, color="black", label="real reads")
    axes.plot(radii, numbers["formula"], color="tab:red", lw=1.2, label="formula of the paper")
    axes.plot(radii, numbers["exact"], color="tab:blue", lw=1.2, ls="--", label="exact variance of shared neurons")
    axes.axvline(numbers["best_by_formula"], color="0.6", lw=0.8, ls=":")
    axes.set(xlabel="radius d", ylabel="signal to noise of a bit", ylim=(0, None))
    axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
