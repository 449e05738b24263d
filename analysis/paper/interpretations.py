"""Three readings of the transformer as an SDM, each measured on one small trained transformer.

Claim: LayerNorm gives queries and keys the unit length that SDM needs, feed-forward layers are SDMs with stored
addresses, and values are as short as SDM wants where attention is high. Paper: Bricken & Pehlevan (2021), section 4 and
the appendix on GPT-2, doi:10.48550/arXiv.2111.05498. Interpretation, and not measured here: that a feed-forward layer's
units hold persistent memories where attention holds those of the present text. The model is small and trained for half
a minute; what does not hold in it may hold in a large one (the authors saw short values at high weights in GPT-2).
Run time: about one minute on one core.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from analysis import evidence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLAIM = (
    "A transformer has what SDM needs: LayerNorm gives queries and keys nearly one length, feed-forward units respond"
    " as SDM neurons do, and values are not longer where attention is high."
)
CAPTION = (
    "A transformer with usual attention (2 layers of 4 heads, width 64), trained here on English prose, held-out texts."
    " Left: spread of lengths (sd / mean over tokens) along the way to attention. Middle: share of one token's active"
    " feed-forward units that are active for another token too, against the cosine of the two inputs (deciles of all"
    " pairs), and what SDM with random addresses and the same activity predicts (lines). Right: length of values"
    " against the attention weight the last token gives them, each head's mean length set to one. That a feed-forward"
    " layer is a persistent memory is interpretation; the panel shows only how its units respond."
)
PUBLISHED = {
    "value norms": "long (up to 58 in GPT-2 small, 19 in large) only at weights near 0, about 1 at weights above 0.3",
    "source": "read by eye off the figures in HugFace/GPT2Outputs of TrentBrick/attention-approximates-sdm @ 4cb44d8",
}
STEPS, TEXTS = 800, 48
WEIGHTS = [0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
ONE_LENGTH, SPARSE, CLOSE, ALIKE = 0.1, 0.1, 0.05, 0.05


def measure(seed: int = 0) -> dict[str, Any]:
    """Train one transformer and measure lengths, feed-forward overlaps, and values against weights."""
    import torch

    from analysis.transformers import prose
    from cerebellum.heads import transformer

    torch.set_num_threads(1)
    text = prose.collect()
    generator = torch.Generator().manual_seed(seed)
    model = transformer.TextTransformer(
        transformer.Vocabulary(text.training), transformer.Shape(), generator, normalise=False
    )
    transformer.train(model, text.training, STEPS, generator)
    tokens = model.vocabulary.encode(text.validation)
    context = model.shape.context
    starts = torch.linspace(0, len(tokens) - context, TEXTS).long()
    windows = tokens[starts[:, None] + torch.arange(context)]
    with torch.no_grad():
        lengths, feed_forward = _layers(model, windows, generator)
    heads = [model.heads(model.vocabulary.decode(window)) for window in windows]
    return {
        "bits_per_character": transformer.bits_per_character(model, text.validation),
        "prose_bytes": text.characters,
        "lengths": lengths,
        "one_beta": _one_beta(heads),
        "feed_forward": feed_forward,
        "values": _values(heads),
        "published": PUBLISHED,
    }


def _layers(model: Any, windows: Any, generator: Any) -> tuple[list[dict[str, float]], list[dict[str, Any]]]:
    """Per layer: relative spread of lengths before and after LayerNorm; activity and overlap of feed-forward units."""
    import torch

    def spread(vectors: Any) -> float:
        lengths = vectors.norm(dim=-1).flatten()
        return float(lengths.std() / lengths.mean())

    lengths, feed_forward = [], []
    for block, stream in zip(model.blocks, model.streams(windows), strict=False):
        normed = block.attention_norm(stream)
        # per head: heads may differ in length, softmax only sees one head at a time
        queries, keys, _ = block.attention.states(normed)
        per_head = {
            name: sum(spread(states[:, h]) for h in range(states.shape[1])) / states.shape[1]
            for name, states in (("queries", queries), ("keys", keys))
        }
        lengths.append({"stream": spread(stream), "after LayerNorm": spread(normed), **per_head})

        after = stream + block.attention(normed)
        inputs = torch.nn.functional.normalize(block.feed_forward_norm(after).flatten(0, 1), dim=-1)
        active = block.activity(after).flatten(0, 1) > 0
        chosen = torch.randperm(len(inputs), generator=generator)[:1000]
        feed_forward.append(_overlap(inputs[chosen].double().numpy(), active[chosen].double().numpy()))
    return lengths, feed_forward


def _overlap(inputs: Any, active: Any) -> dict[str, Any]:
    """Shared active units against cosine, with the beta that fits, and random addresses of the same activity."""
    import numpy as np
    from scipy.optimize import brentq

    from cerebellum.theory.attention import fit_log_weights
    from cerebellum.theory.continuous import cap_intersection, cap_volume

    pairs = np.triu_indices(len(inputs), 1)
    cosines = (inputs @ inputs.T)[pairs]
    shared = (active @ active.T)[pairs]
    activity = float(active.mean())
    edges = np.quantile(cosines, np.linspace(0, 1, 11))
    decile = np.clip(np.searchsorted(edges, cosines, side="right") - 1, 0, 9)
    centres = np.asarray([cosines[decile == i].mean() for i in range(10)])
    share = np.asarray([shared[decile == i].mean() for i in range(10)]) / active.sum(axis=1).mean()
    n = inputs.shape[1]
    threshold = float(brentq(lambda c: cap_volume(n, c) - activity, -0.999, 0.999))
    predicted = np.asarray(cap_intersection(n, threshold, centres)) / activity
    measured, random = fit_log_weights(centres, np.log(share)), fit_log_weights(centres, np.log(predicted))
    return {
        "activity": activity,
        "cosines": centres,
        "shared": share,
        "shared_random_addresses": predicted,
        "beta": measured.beta,
        "r2": measured.r2,
        "beta_random_addresses": random.beta,
    }


def _one_beta(heads: list[list[Any]]) -> dict[str, float]:
    """Total variation between a head's weights and softmax(beta cosine) with the head's own least-squares beta."""
    import numpy as np
    from scipy.special import softmax

    from cerebellum.heads.states import summarise

    distances, fits = [], []
    for text in heads:
        for state in text:
            summary = summarise(state)
            logits = np.where(state.visible, summary.beta_fit * state.cosines, -np.inf)
            distances.append(0.5 * np.abs(softmax(logits, axis=1) - state.weights).sum(axis=1).mean())
            fits.append(summary.beta_fit_r2)
    return {"total_variation": float(np.mean(distances)), "r2": float(np.mean(fits))}


def _values(heads: list[list[Any]]) -> dict[str, Any]:
    """Value lengths (each head's mean set to one) in classes of the weight given by the last token of each text."""
    import numpy as np
    from scipy.stats import spearmanr

    weights, norms = [], []
    for h in range(len(heads[0])):
        lengths = [np.linalg.norm(text[h].values, axis=1) for text in heads]
        weights.append(np.concatenate([text[h].weights[-1] for text in heads]))
        norms.append(np.concatenate(lengths) / np.concatenate(lengths).mean())
    correlations = [float(spearmanr(w, n).statistic) for w, n in zip(weights, norms, strict=True)]
    weight, norm = np.concatenate(weights), np.concatenate(norms)
    classes = np.clip(np.searchsorted(WEIGHTS, weight, side="right") - 1, 0, len(WEIGHTS) - 2)
    return {
        "weight_limits": WEIGHTS,
        "count": [int((classes == i).sum()) for i in range(len(WEIGHTS) - 1)],
        "mean": [float(norm[classes == i].mean()) if (classes == i).any() else None for i in range(len(WEIGHTS) - 1)],
        "max": [float(norm[classes == i].max()) if (classes == i).any() else None for i in range(len(WEIGHTS) - 1)],
        "rank_correlation": correlations,
    }


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Whether each reading is borne out by the model trained here."""
    lengths, layers, values = numbers["lengths"], numbers["feed_forward"], numbers["values"]
    high = values["mean"][-1]
    return {
        f"LayerNorm leaves nearly one length (sd below {ONE_LENGTH} of the mean)": all(
            layer["after LayerNorm"] < ONE_LENGTH for layer in lengths
        ),
        f"queries and keys of a head have nearly one length (sd below {ONE_LENGTH} of the mean)": all(
            max(layer["queries"], layer["keys"]) < ONE_LENGTH for layer in lengths
        ),
        f"one beta a head and unit vectors give its weights (total variation below {CLOSE})": (
            numbers["one_beta"]["total_variation"] < CLOSE
        ),
        f"feed-forward units are sparse (below {SPARSE} active)": all(layer["activity"] < SPARSE for layer in layers),
        "their overlap falls exponentially with distance (R2 above 0.95)": all(layer["r2"] > 0.95 for layer in layers),
        f"their overlap is that of random addresses (within {ALIKE} at every decile)": all(
            abs(a - b) < ALIKE
            for layer in layers
            for a, b in zip(layer["shared"], layer["shared_random_addresses"], strict=True)
        ),
        "values with a weight above 0.3 are not longer than their head's mean": high is not None and high <= 1.0,
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """One panel for each reading."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    colours = ("tab:blue", "tab:orange")
    for layer, (lengths, colour) in enumerate(zip(numbers["lengths"], colours, strict=True)):
        left.plot(list(lengths), list(lengths.values()), "o-", color=colour, label=f"layer {layer}")
    left.axhline(ONE_LENGTH, color="0.3", lw=1)
    left.set(ylabel="sd / mean of lengths", ylim=(0, None))
    left.tick_params(axis="x", rotation=20)
    left.legend(fontsize=7)
    for layer, (result, colour) in enumerate(zip(numbers["feed_forward"], colours, strict=True)):
        label = f"layer {layer}: {result['activity']:.0%} active, beta {result['beta']:.2f}, R2 {result['r2']:.3f}"
        middle.plot(result["cosines"], result["shared"], "o", color=colour, label=label)
        middle.plot(result["cosines"], result["shared_random_addresses"], color=colour)
    middle.set(xlabel="cosine of two inputs", ylabel="share of active units in common", yscale="log")
    middle.yaxis.set_major_formatter("{x:.1f}")
    middle.yaxis.set_minor_formatter("{x:.1f}")
    middle.legend(fontsize=7)
    values = numbers["values"]
    places = np.arange(len(values["mean"]))
    present = [i for i in places if values["mean"][i] is not None]
    right.plot(present, [values["mean"][i] for i in present], "o-", color="tab:green", label="mean")
    right.plot(present, [values["max"][i] for i in present], "^", color="0.6", label="longest")
    limits = values["weight_limits"]
    right.set_xticks(places, [f"{a:g}-{b:g}" for a, b in pairwise(limits)], rotation=30)
    right.axhline(1.0, color="0.3", lw=1)
    right.set(xlabel="attention weight", ylabel="length of value / head's mean", ylim=(0, None))
    right.legend(fontsize=7)
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
