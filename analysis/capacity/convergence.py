"""Recall against noise in the query: random patterns, digits and natural textures, in every kind of memory.

Claim: small radii recall best without noise, large ones tolerate more of it, and attention at the fitted beta recalls
as SDM does. Paper figures: Bricken & Pehlevan (2021), appendix (PerturbResults), doi:10.48550/arXiv.2111.05498, there
on random patterns, MNIST and CIFAR10; here digits are scikit-learn's and images are made (1/f textures), as neither
data set is shipped. Run time: a minute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Small radii recall best without noise and large radii tolerate more noise, on random and on correlated patterns,"
    " and attention at the fitted beta recalls as SDM does."
)
CAPTION = (
    "Mean cosine between the state that reads converge to and the target, by flipped bits of the query (black: the"
    " query itself), 1,024 patterns of 64 bits. Rows: random patterns, handwritten digits (8 x 8), textures with the"
    " 1/f spectrum of natural images (8 x 8). Columns: SDM with a neuron at every address, softmax on bits at its"
    " least-squares beta, SDM on the sphere, softmax on the sphere at the same beta, and 100,000 real neurons (random"
    " patterns: mean and range of five draws of patterns and neurons, with the published curves as crosses)."
)
N, PATTERNS, TARGETS, NEURONS, STEPS, DRAWS = 64, 1024, 128, 100_000, 10, 5
FLIPS = tuple(range(0, 21, 2))
RADII, REAL_RADII = (5, 11, 15, 19), (15, 19, 27)
KINDS = ("pattern", "softmax", "sphere", "softmax sphere", "neurons")
ALIKE = 0.05  # difference of mean cosines up to which memories recall alike: our choice
PUBLISHED: dict[str, Any] = {
    "flips": [0, 2, 4, 6, 8, 10, 12],
    "real_neurons": {
        "15": [0.704, 0.418, 0.264, 0.162, 0.097, 0.058, 0.032],
        "19": [1.0, 0.99998, 0.9998, 0.9986, 0.989, 0.945, 0.830],
        "27": [0.865, 0.807, 0.751, 0.696, 0.643, 0.590, 0.535],
    },
    "source": "notebook output for random patterns, n = 64, r = 1e5, m = 1024, TrentBrick/attention-approximates-sdm",
}


def measure(seed: int = 0) -> dict[str, Any]:
    """Converged cosines of every memory on every kind of pattern."""
    import numpy as np
    import torch

    from analysis.experiments import bits, digit_bits, recall, texture_bits

    torch.set_num_threads(1)
    rng = np.random.default_rng(seed)
    digits = np.unique(digit_bits(), axis=0)
    data = {
        "random": bits(rng, PATTERNS, N),
        "digits": digits[rng.permutation(len(digits))[:PATTERNS]],
        "textures": texture_bits(rng, PATTERNS, 8),
    }
    curves, nearest = [], {}
    for name, patterns in data.items():
        alike = (patterns.astype(float) @ patterns.T.astype(float)) / N
        np.fill_diagonal(alike, -1.0)
        nearest[name] = float(alike.max(axis=1).mean())
        for kind in KINDS:
            for radius in REAL_RADII if kind == "neurons" else RADII:
                memory = _memory(kind, radius, rng)
                memory.write(patterns)
                measured = recall(memory, patterns[:TARGETS], FLIPS, rng, steps=STEPS)
                curves.append({"data": name, "kind": kind, "radius": radius, **measured})
    draws: dict[str, list[list[float]]] = {name: [] for name in (*map(str, REAL_RADII), "27, one read")}
    for _ in range(DRAWS):
        patterns = bits(rng, PATTERNS, N)
        for radius in REAL_RADII:
            memory = _memory("neurons", radius, rng)
            memory.write(patterns)
            published_flips = PUBLISHED["flips"]
            draws[str(radius)].append(recall(memory, patterns[:TARGETS], published_flips, rng, steps=STEPS)["mean"])
        draws["27, one read"].append(recall(memory, patterns[:TARGETS], published_flips, rng, steps=1)["mean"])
    return {
        "flips": FLIPS,
        "curves": curves,
        "nearest_other_pattern": nearest,
        "real_neuron_draws": draws,
        "published": PUBLISHED,
    }


def _memory(kind: str, radius: int, rng: Any) -> Any:
    from cerebellum.memory import memories
    from cerebellum.theory.attention import fit_beta

    if kind == "pattern":
        return memories.PatternSDM(N, radius)
    if kind == "softmax":
        return memories.BinarySoftmaxAttention(N, fit_beta(N, radius).beta)
    if kind == "sphere":
        return memories.ContinuousSDM(N, 1 - 2 * radius / N)
    if kind == "softmax sphere":
        return memories.SoftmaxAttention(N, fit_beta(N, radius).beta)
    return memories.NeuronSDM.random(NEURONS, N, radius, rng)


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Order of the radii with and without noise, softmax against SDM, and the published curves."""

    def curve(data: str, kind: str, radius: int) -> list[float]:
        wanted = (data, kind, radius)
        return next(c["mean"] for c in numbers["curves"] if (c["data"], c["kind"], c["radius"]) == wanted)

    statements: dict[str, bool] = {}
    for data in ("random", "digits", "textures"):
        small, large = curve(data, "pattern", 5), curve(data, "pattern", 15)
        statements |= {
            f"{data}: radius 5 recalls at least as well as 15 without noise": small[0] >= large[0],
            f"{data}: radius 15 recalls better than 5 with 12 bits flipped": large[6] > small[6],
            f"{data}: softmax recalls as SDM does (within {ALIKE} at every radius and noise)": all(
                abs(a - b) <= ALIKE
                for radius in RADII
                for a, b in zip(curve(data, "pattern", radius), curve(data, "softmax", radius), strict=True)
            ),
        }
    draws, published = numbers["real_neuron_draws"], numbers["published"]["real_neurons"]
    for name in draws:
        mean, sd = _spread(draws[name])
        statements[f"real neurons, radius {name}: published within 2 sd of {DRAWS} draws, or 0.01"] = all(
            abs(p - m) <= max(2 * s, 0.01) for p, m, s in zip(published[name[:2]], mean, sd, strict=True)
        )
    return statements


def _spread(curves: list[list[float]]) -> tuple[list[float], list[float]]:
    from statistics import mean, stdev

    return [mean(column) for column in zip(*curves, strict=True)], [
        stdev(column) for column in zip(*curves, strict=True)
    ]


def draw(numbers: dict[str, Any]) -> Figure:
    """A grid of data by memory."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    titles = ("SDM", "softmax", "SDM, sphere", "softmax, sphere", "real neurons")
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    grid = figure.subplots(3, len(KINDS), sharex=True, sharey=True)
    flips, published = numbers["flips"], numbers["published"]
    for row, data in zip(grid, ("random", "digits", "textures"), strict=True):
        for axes, kind in zip(row, KINDS, strict=True):
            axes.plot(flips, [1 - 2 * count / N for count in flips], color="black", lw=0.8)
            curves = [c for c in numbers["curves"] if (c["data"], c["kind"]) == (data, kind)]
            for k, curve in enumerate(curves):
                colour, label = colormaps["viridis"](0.9 * k / (len(curves) - 1)), f"d = {curve['radius']}"
                if (data, kind) != ("random", "neurons"):
                    axes.plot(flips, curve["mean"], "o-", ms=3, lw=1, color=colour, label=label)
                    continue
                columns = list(zip(*numbers["real_neuron_draws"][str(curve["radius"])], strict=True))
                mean = [sum(column) / len(column) for column in columns]
                low, high = [min(column) for column in columns], [max(column) for column in columns]
                axes.plot(published["flips"], mean, "o-", ms=3, lw=1, color=colour, label=label)
                axes.fill_between(published["flips"], low, high, color=colour, alpha=0.25, lw=0)
                known = published["real_neurons"][str(curve["radius"])]
                axes.plot(published["flips"], known, "x", ms=6, color=colour)
            axes.legend(fontsize=6.5, loc="upper right" if kind == "neurons" else "lower left")
            axes.tick_params(labelsize=8)
            axes.set_ylim(-0.1, 1.06)
        row[0].set_ylabel(f"{data}\ncosine to target", fontsize=9)
    for axes, title in zip(grid[0], titles, strict=True):
        axes.set_title(title, fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("flipped bits", fontsize=9)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
