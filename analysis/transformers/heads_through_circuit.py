"""Attention heads pushed through the circuit: its output and its weights against the heads' own.

Claim: a circuit that stores a head's keys and values by climbing-fibre plasticity and is cued with its queries gives
the head's output. Not in Bricken & Pehlevan (2021), doi:10.48550/arXiv.2111.05498, who compare betas; here the heads of
two transformers trained on English prose run through `kanerva` token by token: keys and queries as bits on the mossy
fibres, values as bits on the climbing fibres (`cerebellum.heads.encoding` says how). All heads on the rate engine and
in spikes, beside exact SDM on the same connectome, expected SDM, and four things that say what a number is worth: the
plain average of the values, shuffled weights, one beta for all keys, and what is lost in decoding.

The heads of a Hugging Face model, by name or folder: ``python -m analysis.transformers.heads_through_circuit
--model FOLDER`` prints the same numbers on the rate engine. Run time: about forty minutes on one idle core.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import evidence
from analysis.transformers import transformer_betas
from cerebellum.errors import InputError
from cerebellum.heads import hugging_face

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from cerebellum.heads.encoding import HeadMemory
    from cerebellum.heads.states import HeadStates

CLAIM = (
    "Keys, queries and values of attention heads, written and recalled in the circuit token by token, come out as the"
    " head's output, as far as sparse distributed memory of the same size does."
)
CAPTION = (
    "32 tokens, 25 queries, each a cue once the keys that it sees have been written. Heads by beta: 8 of a transformer"
    " with query-key normalisation, 16 of a GPT-2 whose queries and keys have lengths. Granule threshold at the head's"
    " beta as far as the cells suffice (30 shared with a typical query's nearest key). Top left: cosine of output and"
    " the head's output; grey: plain average of the values. Top right: rank correlation of weights; grey: weights"
    " shuffled. Bottom left: r2 of weights, against that of a softmax of the head's cosines with one beta for all keys:"
    " what lengths add is lost before the circuit. Bottom right: exact SDM with more granule cells, which allow"
    " thresholds nearer to the betas of the eight query-key-normalised heads; thick: their mean."
)
TOKENS, FIRST = 32, 7
BITS = 256, 64  # address and pointer bits of `kanerva`
STEPS = 1500
CELLS = (20_000, 100_000, 400_000)
CHUNK = 20_000
NORMALISED, SCALED = "query-key normalised", "GPT-2"
MOST = 16  # heads of a model from outside, evenly spaced


def measure(seed: int = 0, model: str | None = None) -> dict[str, Any]:
    """Agreement of every reader with every head: of the two transformers trained here, or of `model` alone."""
    import torch

    from cerebellum.connectome.connectome import generator
    from cerebellum.heads.encoding import encode

    torch.set_num_threads(1)
    if model is not None:
        return {"heads": [_pushed(model, states, seed, spikes=False) for states in _outside(model)]}
    measured = _trained(seed)
    heads = [_pushed(group, states, seed, spikes=True) for group, all_ in measured.items() for states in all_]
    memories = [encode(states, TOKENS, *BITS, generator(seed + 1, "head"), FIRST) for states in measured[NORMALISED]]
    return {"heads": heads, "cells": list(CELLS), "larger": _larger(memories, seed)}


def _trained(seed: int) -> dict[str, list[HeadStates]]:
    """Heads of both transformers for the beginning of the held-out prose."""
    import torch

    from analysis.transformers import prose
    from cerebellum.heads import transformer

    text = prose.collect()
    vocabulary = transformer.Vocabulary(text.training)
    tokens = vocabulary.encode(text.validation)[:TOKENS]
    generator = torch.Generator().manual_seed(seed)
    normalised = transformer.TextTransformer(vocabulary, transformer.Shape(), generator)
    transformer.train(normalised, text.training, STEPS, generator)
    with tempfile.TemporaryDirectory() as folder:
        transformer_betas.train(folder, vocabulary.encode(text.training), len(vocabulary), seed)
        scaled = hugging_face.load(f"{folder}/trained").heads(tokens.tolist())
    return {NORMALISED: normalised.heads(vocabulary.decode(tokens)), SCALED: scaled}


def _outside(model: str) -> list[HeadStates]:
    from analysis.transformers import prose
    from cerebellum.heads import hugging_face

    reader = hugging_face.load(model)
    if reader.tokenizer is None:  # weights alone: random tokens, as no text can be made into its own
        tokens = np.random.default_rng(0).integers(reader.model.config.vocab_size, size=TOKENS).tolist()
    else:
        tokens = reader.token_ids(prose.collect().validation[: 20 * TOKENS])[:TOKENS]
    states = reader.heads(tokens)
    return [states[i] for i in np.unique(np.linspace(0, len(states) - 1, MOST).astype(int))]


def _pushed(group: str, states: HeadStates, seed: int, spikes: bool) -> dict[str, Any]:
    """One head through the circuit: threshold at its beta, and, where that is another, as shipped."""
    from cerebellum.description.circuit import load_model
    from cerebellum.heads.circuit import push
    from cerebellum.heads.states import summarise
    from cerebellum.readout.granule_code import code_of

    measured = push(states, engine="both" if spikes else "rate", tokens=TOKENS, first=FIRST, seed=seed + 1)
    shipped = measured
    if measured.threshold != code_of(load_model("kanerva")).threshold:
        shipped = push(states, tokens=TOKENS, first=FIRST, match_beta=False, seed=seed + 1)
    summary = summarise(states)
    return {
        "group": group,
        "layer": states.layer,
        "head": states.head,
        "beta": measured.memory.beta,
        "beta_fit_r2": summary.beta_fit_r2,
        "key_norm_spread": summary.key_norm_sd / summary.key_norm,
        "threshold": measured.threshold,
        "kernel_beta": measured.kernel_beta,
        "matched": {reader: asdict(numbers) for reader, numbers in measured.agreement.items()},
        "shipped": {reader: asdict(numbers) for reader, numbers in shipped.agreement.items()},
        "shipped_kernel_beta": shipped.kernel_beta,
    }


def _larger(memories: list[HeadMemory], seed: int) -> list[list[dict[str, Any]]]:
    """Exact SDM of random hard locations in growing numbers, thresholds at the heads' betas, [cells][head]."""
    from cerebellum.connectome.connectome import generator
    from cerebellum.heads.circuit import compare
    from cerebellum.heads.encoding import threshold_for
    from cerebellum.readout.agreement import normalized

    bits = memories[0].addresses.shape[1]
    thresholds = [
        [threshold_for(m.beta, bits, bits, cells, np.concatenate(m.visible(m.cosines)), m.nearest) for m in memories]
        for cells in CELLS
    ]
    shared = [[np.zeros(m.weights.shape) for m in memories] for _ in CELLS]
    rng = generator(seed, "hard locations")
    signs = [np.where(np.concatenate([m.addresses, m.cues]), 1, -1).astype(np.float32) for m in memories]
    for start in range(0, max(CELLS), CHUNK):
        preferred = np.where(rng.random((bits, CHUNK), dtype=np.float32) < 0.5, 1, -1).astype(np.float32)
        for number, memory in enumerate(memories):
            matches = (signs[number] @ preferred + bits) / 2
            for size, cells in enumerate(CELLS):
                if start < cells:
                    active = (matches >= thresholds[size][number]).astype(np.float32)
                    stored, cued = np.split(active, [len(memory.addresses)])
                    shared[size][number] += cued @ stored.T
    rows = []
    for size in range(len(CELLS)):
        pairs = zip(memories, shared[size], thresholds[size], strict=True)
        rows.append(
            [
                {"threshold": t, **asdict(compare(m, [normalized(w[None])[0] for w in m.visible(table)]))}
                for m, table, t in pairs
            ]
        )
    return rows


def _values(heads: list[dict[str, Any]], reader: str, number: str, regime: str = "matched") -> Any:
    return np.array([head[regime][reader][number] for head in heads])


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """The statements; 'most' is more than half of the heads."""
    heads = numbers["heads"]
    spiking = [head for head in heads if "purkinje" in head["matched"]]
    normalised = [head for head in heads if head["group"] == NORMALISED]
    scaled = [head for head in heads if head["group"] == SCALED]
    flatter = [head for head in heads if head["kernel_beta"] < head["shipped_kernel_beta"]]

    def median(of: list[dict[str, Any]], reader: str, number: str, regime: str = "matched") -> float:
        return float(np.median(_values(of, reader, number, regime)))

    gap = _values(heads, "rate", "cosine_beyond_average") - _values(heads, "sdm_exact", "cosine_beyond_average")
    lost = _values(spiking, "rate", "cosine") - _values(spiking, "purkinje", "cosine")
    small, large = (np.mean([head["r2"] for head in numbers["larger"][i]]) for i in (0, -1))
    return {
        "rate: every head's output is nearer to the circuit's than to the plain average": bool(
            (_values(heads, "rate", "cosine") > _values(heads, "uniform", "cosine")).all()
        ),
        "rate: median cosine of outputs at least 0.9 with query-key normalisation": (
            median(normalised, "rate", "cosine") >= 0.9
        ),
        "rate: median cosine of outputs at least 0.9 for GPT-2": median(scaled, "rate", "cosine") >= 0.9,
        "rate: median rank correlation of weights at least 0.8": median(heads, "rate", "rank_correlation") >= 0.8,
        "rate: outputs as near as exact SDM's on the same connectome (mean difference within 0.02)": bool(
            abs(gap.mean()) <= 0.02
        ),
        "spikes: cosine of outputs within 0.05 of the rate engine's, every head": bool((np.abs(lost) <= 0.05).all()),
        "spikes: median rank correlation of weights at least 0.8": (
            median(spiking, "purkinje", "rank_correlation") >= 0.8
        ),
        "rate: without each query's first key, weights agree with the head's as well as exact SDM's, median r2": (
            median(heads, "rate", "others_r2") >= median(heads, "sdm_exact", "others_r2") - 0.02
        ),
        "rate: and better than shuffled weights do, every head": bool(
            (_values(heads, "rate", "others_r2") > _values(heads, "shuffled", "others_r2")).all()
        ),
        "spikes: the same, as well as exact SDM's, median r2": (
            median(spiking, "purkinje", "others_r2") >= median(spiking, "sdm_exact", "others_r2") - 0.02
        ),
        "spikes: and better than shuffled weights do, every head": bool(
            (_values(spiking, "purkinje", "others_r2") > _values(spiking, "shuffled", "others_r2")).all()
        ),
        "a threshold at the head's beta gives flat heads a higher cosine than the shipped one (median)": (
            median(flatter, "rate", "cosine") > median(flatter, "rate", "cosine", "shipped")
        ),
        "every head's beta is within the circuit's reach (20 per cent)": all(
            head["beta"] <= 1.2 * head["kernel_beta"] for head in heads
        ),
        "one beta for all keys describes most GPT-2 heads (r2 of weights at least 0.9)": bool(
            (_values(scaled, "one_beta", "r2") >= 0.9).mean() > 0.5
        ),
        "more granule cells, sharper thresholds: r2 of weights rises (exact SDM, query-key normalisation)": bool(
            large > small
        ),
    }


STYLES = {
    "sdm": ("expected SDM", "_", "0.4"),
    "sdm_exact": ("exact SDM, same connectome", "x", "tab:green"),
    "rate": ("rate engine", "s", "tab:blue"),
    "purkinje": ("Purkinje spikes", "o", "tab:red"),
}


def draw(numbers: dict[str, Any]) -> Figure:
    """Outputs and weights head by head, what lengths cost, and what more granule cells give."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7.4), layout="constrained")
    (output, rank), (lengths, larger) = figure.subplots(2, 2)
    heads = sorted(numbers["heads"], key=lambda head: (head["group"] == SCALED, head["beta"]))
    _by_head(output, heads, "cosine", "uniform", "plain average")
    output.set(ylabel="cosine with the head's output")
    output.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    _by_head(rank, heads, "rank_correlation", "shuffled", "shuffled")
    rank.set(ylabel="rank correlation of weights")
    for group, marker in ((NORMALISED, "o"), (SCALED, "s")):
        own = [head for head in heads if head["group"] == group]
        beta = [head["beta"] for head in own]
        points = lengths.scatter(
            _values(own, "one_beta", "r2"),
            _values(own, "rate", "r2"),
            c=beta,
            marker=marker,
            vmin=0,
            vmax=15,
            label=group,
        )
    figure.colorbar(points, ax=lengths, label="beta of the head")
    lengths.plot([0, 1], [0, 1], color="0.7", lw=0.8)
    lengths.set(xlabel="r2 of softmax with one beta", ylabel="r2 of the rate engine", xlim=(0, 1.03), ylim=(0, 1.03))
    lengths.legend(fontsize=7)
    cells = numbers["cells"]
    for number, colour, label in (
        ("rank_correlation", "tab:purple", "rank correlation"),
        ("r2", "tab:orange", "r2 of weights"),
        ("cosine_beyond_average", "tab:cyan", "cosine beyond the average"),
    ):
        measured = np.array([[head[number] for head in row] for row in numbers["larger"]])
        larger.plot(cells, measured, color=colour, lw=0.5, alpha=0.4)
        larger.plot(cells, measured.mean(axis=1), "o-", color=colour, label=label)
    larger.set(xscale="log", xlabel="granule cells", ylabel="exact SDM against the head", ylim=(0, 1.03))
    larger.set_xticks(cells, [f"{number:,}" for number in cells])
    larger.set_xticks([], minor=True)
    larger.legend(fontsize=7)
    return figure


def _by_head(axes: Axes, heads: list[dict[str, Any]], number: str, floor: str, label: str) -> None:
    places = np.arange(len(heads))
    axes.bar(places, _values(heads, floor, number), 0.8, color="0.88", label=label)
    for reader, (name, marker, colour) in STYLES.items():
        own = [place for place, head in zip(places, heads, strict=True) if reader in head["matched"]]
        measured = _values([heads[place] for place in own], reader, number)
        axes.plot(own, measured, marker, color=colour, ms=5, mfc="none", label=name)
    axes.axhline(0, color="0.5", lw=0.6)
    axes.set_xticks(places, [f"{head['beta']:.2g}" for head in heads], fontsize=6, rotation=90)
    axes.set(xlabel="head, by its beta (left: query-key normalised, right: GPT-2)", ylim=(-0.35, 1.05))


def table(numbers: dict[str, Any]) -> str:
    """The heads as lines of text."""
    lines = ["layer head   beta kernel | cosine average | rank  r2  one beta | exact SDM: cosine rank r2"]
    for head in numbers["heads"]:
        measured = head["matched"]
        rate, exact = measured["rate"], measured["sdm_exact"]
        lines.append(
            f"{head['layer']:5d} {head['head']:4d} {head['beta']:6.2f} {head['kernel_beta']:6.2f} |"
            f" {rate['cosine']:6.2f} {measured['uniform']['cosine']:7.2f} |"
            f" {rate['rank_correlation']:4.2f} {rate['r2']:4.2f} {measured['one_beta']['r2']:8.2f} |"
            f" {exact['cosine']:17.2f} {exact['rank_correlation']:4.2f} {exact['r2']:4.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--model"] and len(sys.argv) == 3:
        try:
            print(table(measure(model=sys.argv[2])))
        except InputError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
    else:
        evidence.main(__spec__.name)
