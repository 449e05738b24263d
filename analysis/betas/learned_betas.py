"""Betas that transformers learn, against the betas of SDM's optimal radii.

Claim: free to choose the beta of its attention, a transformer settles between the betas of SDM's optimal radii.
Paper figure: Bricken & Pehlevan (2021), Fig. 4, doi:10.48550/arXiv.2111.05498; the values there are from Henry et al.
(2020), doi:10.18653/v1/2020.findings-emnlp.379. The training here is short, and ends because the learning rate
does; `measure(steps=...)` trains longer. One seed can say anything here (6 to 9 of its 16 heads between the lines), so
three are trained, each from two first values, and a statement is of all of them. What would pass without learning: a
first value between the lines, where all published models began. Run time: about ten minutes on one core.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from analysis import evidence
from cerebellum.theory.attention import fit_beta

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "Free to choose the beta of its attention, a transformer settles between the betas of SDM's optimal radii, mostly"
    " between critical distance and signal-to-noise (d = 15 and 11 at n = 64)."
)
CAPTION = (
    "Left: betas learned by a query-key-normalised transformer (2 layers of 4 heads, width 64) on English prose, from a"
    " first value far below and one far above the lines; above them range and mean of the 90 published betas (Henry et"
    " al. 2020) and where their training began (triangles). Solid lines: the least-squares beta of SDM at the radius of"
    " best critical distance (d = 15), signal-to-noise (11) and memory (5), n = 64; dashed: the same as published, too"
    " large by d/(d-1). Right: each head's beta during training, and what the two models reach on held-out text."
    " Three seeds, sixteen heads each: the shares move with the seed."
)

RADII = {"critical distance": 15, "signal-to-noise": 11, "memory": 5}

# The 90 learned scales of five translation models, one per attention layer: summary statistics of the file
# KeyQuery_Norm_Learnt_Betas.txt in TrentBrick/attention-approximates-sdm @ 4cb44d8; counts against the two sets of
# lines were made from the same file. First values: log2(L^2 - L) with the L of CyndxAI/QKNorm @ d0eed01,
# configurations.py and layers.py; that the unnamed first model of the file is English-Vietnamese is assumed.
PUBLISHED = {
    "source": "Henry et al. (2020), values in TrentBrick/attention-approximates-sdm KeyQuery_Norm_Learnt_Betas.txt",
    "count": 90,
    "min": 10.3109,
    "max": 24.8478,
    "mean": 15.6475,
    "median": 15.1115,
    "sd": 3.0797,
    "between_critical_distance_and_snr": {"published lines": 49, "correct lines": 33},
    "between_snr_and_memory": {"published lines": 41, "correct lines": 57},
    "below_critical_distance_or_above_memory": {"published lines": 0, "correct lines": 0},
}
PUBLISHED_MODELS: dict[str, dict[str, Any]] = {
    "en-vi (assumed)": {"count": 18, "mean": 15.2098, "sequence_length": 72, "below_first_value": 1},
    "ar-en": {"count": 18, "mean": 18.0123, "sequence_length": 75, "below_first_value": 0},
    "en-he": {"count": 24, "mean": 17.8339, "sequence_length": 72, "below_first_value": 0},
    "gl-en": {"count": 12, "mean": 12.2781, "sequence_length": 79, "below_first_value": 7},
    "sk-en": {"count": 18, "mean": 13.0517, "sequence_length": 75, "below_first_value": 5},
}
SEEDS = 3
FIRST = (3.0, 40.0)  # one far below, one far above the lines: where they meet, learning decided
STEPS = 3000
SAME = 1.25  # medians within this factor count as the same


def measure(seed: int = 0, steps: int = STEPS) -> dict[str, Any]:
    """Of each seed, train a model from each of two first values, same weights and batches; compare learned betas."""
    import numpy as np
    import torch

    from analysis.transformers import prose
    from cerebellum.heads import transformer

    torch.set_num_threads(1)
    text = prose.collect()
    vocabulary = transformer.Vocabulary(text.training)
    shape = transformer.Shape()
    lines = {
        "printed in the paper": {"critical distance": 10.1, "signal-to-noise": 15.9, "memory": 35.5},
        "correct": {name: fit_beta(64, d).beta for name, d in RADII.items()},
        "published": {name: fit_beta(64, d, estimator="published").beta for name, d in RADII.items()},
    }
    runs = []
    for number, first in itertools.product(range(seed, seed + SEEDS), FIRST):
        generator = torch.Generator().manual_seed(number)
        model = transformer.TextTransformer(vocabulary, shape, generator, initial_scale=first)
        untrained = transformer.bits_per_character(model, text.validation)
        seen = transformer.train(model, text.training, steps, generator)
        betas = np.asarray(seen.betas[-1]).ravel()
        limits = lines["correct"]["critical distance"], lines["correct"]["signal-to-noise"], lines["correct"]["memory"]
        runs.append(
            {
                "seed": number,
                "first": first,
                "betas": betas,
                "median": float(np.median(betas)),
                "course": np.asarray(seen.betas).reshape(len(seen.betas), -1),
                "counts": {
                    "below critical distance": int((betas < limits[0]).sum()),
                    "critical distance to signal-to-noise": int(((betas >= limits[0]) & (betas < limits[1])).sum()),
                    "signal-to-noise to memory": int(((betas >= limits[1]) & (betas < limits[2])).sum()),
                    "above memory": int((betas >= limits[2]).sum()),
                },
                "bits_per_character": transformer.bits_per_character(model, text.validation),
                "bits_per_character_untrained": untrained,
            }
        )
    models = {
        name: values | {"first": transformer.starting_scale(values["sequence_length"])}
        for name, values in PUBLISHED_MODELS.items()
    }
    return {
        "lines": lines,
        "published": PUBLISHED | {"models": models},
        "runs": runs,
        "training": {"steps": steps, "shape": vars(shape), "vocabulary": len(vocabulary)},
        "prose": {
            "bytes": text.characters,
            "training_bytes": len(text.training),
            "packages": len(text.packages),
        },
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Whether each part of the claim is borne out, by the published betas and by those learned here."""
    lines, published, runs = numbers["lines"]["correct"], numbers["published"], numbers["runs"]
    between = published["between_critical_distance_and_snr"]
    seeds = [[run for run in runs if run["seed"] == number] for number in sorted({run["seed"] for run in runs})]
    medians = [[run["median"] for run in pair] for pair in seeds]
    heads = [sum(len(run["betas"]) for run in pair) for pair in seeds]
    low, high = (
        [sum(run["counts"][between] for run in pair) for pair in seeds]
        for between in ("critical distance to signal-to-noise", "signal-to-noise to memory")
    )
    within = [a + b for a, b in zip(low, high, strict=True)]
    return {
        "all 90 published betas lie between the correct lines of critical distance and memory": (
            lines["critical distance"] <= published["min"] and published["max"] <= lines["memory"]
        ),
        "most published betas lie between critical distance and signal-to-noise, with the published lines": (
            between["published lines"] > published["count"] / 2
        ),
        "most published betas lie between critical distance and signal-to-noise, with the correct lines": (
            between["correct lines"] > published["count"] / 2
        ),
        f"most betas learned here lie between critical distance and memory, every seed ({_of(within, heads)})": all(
            2 * found > all_ for found, all_ in zip(within, heads, strict=True)
        ),
        f"most lie between critical distance and signal-to-noise, every seed ({_of(low, heads)})": all(
            2 * found > all_ for found, all_ in zip(low, heads, strict=True)
        ),
        f"betas learned here do not depend on the first value (medians within a factor {SAME}, every seed:"
        f" {', '.join(f'{max(pair) / min(pair):.2f}' for pair in medians)})": all(
            max(pair) <= SAME * min(pair) for pair in medians
        ),
        "the published models began their training outside the correct lines": (
            all(
                not lines["critical distance"] <= model["first"] <= lines["memory"]
                for model in published["models"].values()
            )
        ),
    }


def _of(found: list[int], heads: list[int]) -> str:
    return ", ".join(f"{some} of {every}" for some, every in zip(found, heads, strict=True))


def draw(numbers: dict[str, Any]) -> Figure:
    """Learned betas with the optimal-radius lines, and their course during training."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=False)
    colours = ("tab:blue", "tab:red")
    runs, published, lines = numbers["runs"], numbers["published"], numbers["lines"]
    everything = np.concatenate([run["betas"] for run in runs])
    by_first = {first: [run for run in runs if run["first"] == first] for first in FIRST}
    bins = np.geomspace(everything.min() * 0.95, max(everything.max(), lines["correct"]["memory"]) * 1.05, 22)
    tops, _, _ = left.hist(
        [np.concatenate([run["betas"] for run in own]) for own in by_first.values()],
        bins,
        stacked=True,
        color=colours,
        label=[f"learned here, first value {first:.3g}" for first in by_first],
    )
    top = float(np.max(tops))
    height = top + 1.0
    left.plot([published["min"], published["max"]], [height, height], color="black", lw=2, label="90 published, range")
    left.plot(published["mean"], height, "o", color="black")
    left.plot([model["first"] for model in published["models"].values()], [height + 0.5] * 5, "v", color="grey", ms=4)
    for name, beta in lines["correct"].items():
        left.axvline(beta, color="0.3", lw=1)
        left.axvline(lines["published"][name], color="0.3", lw=1, ls="--")
        left.text(beta, height + 1.2, f"d = {RADII[name]}\n{beta:.1f}", fontsize=7, ha="center", va="bottom")
    left.set(xscale="log", xlabel="beta", ylabel="heads", ylim=(0, height + 2.8))
    left.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)

    for own, colour in zip(by_first.values(), colours, strict=True):
        for run in own:
            course = np.asarray(run["course"])
            right.plot(np.linspace(0, numbers["training"]["steps"], len(course)), course, color=colour, lw=0.6)
        reached = np.mean([run["bits_per_character"] for run in own])
        right.plot([], [], color=colour, label=f"{reached:.2f} bits a character")
    for beta in lines["correct"].values():
        right.axhline(beta, color="0.3", lw=1)
    right.set(yscale="log", xlabel="training step", ylabel="beta of each head")
    right.legend(fontsize=7, title="held-out text", title_fontsize=7)
    for axes in (left, right):
        axis = axes.xaxis if axes is left else axes.yaxis
        axis.set_major_locator(_ticks())
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    return figure


def _ticks() -> Any:
    from matplotlib.ticker import FixedLocator

    return FixedLocator([1, 2, 5, 10, 20, 50, 100])


if __name__ == "__main__":
    evidence.main(__spec__.name)
