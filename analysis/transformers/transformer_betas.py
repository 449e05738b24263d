"""Effective betas of a GPT-2 whose scale is not learned: how a head's queries and keys set its softmax.

Claim: the effective betas of GPT-2's heads lie in the range of SDM's optimal radii. Paper figure: Bricken & Pehlevan
(2021), appendix on GPT-2, doi:10.48550/arXiv.2111.05498. Nothing is fetched: a small GPT-2 is trained here on the prose
of the installed packages and read through its saved folder, as any model would be; `measure(model="gpt2")` reads a
published one instead, by name or folder. Needs the transformers package. Run time: about one minute on one core.
"""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

from analysis import evidence
from cerebellum.heads import hugging_face
from cerebellum.theory.attention import fit_beta

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

CLAIM = (
    "Heads of a GPT-2, whose logits are scaled by 1/sqrt(width) and not by a learned beta, still work at the betas of"
    " SDM's optimal radii."
)
CAPTION = (
    "Each head of a small GPT-2 (4 layers of 4 heads, width 32, trained here on English prose), nine held-out texts."
    " Left: the authors' effective beta (largest logit of the last token's query, largest over the texts) and the mean"
    " product of query and key norms with the scaling, which is beta wherever one beta exists; grey: the same model"
    " before training. Lines: least-squares beta of SDM at d = 15, 11 and 5, n = 64. Right: how well one beta describes"
    " a head (R2 of logits on cosine within each query) against the spread of its key norms."
)

RADII = {"critical distance": 15, "signal-to-noise": 11, "memory": 5}
PUBLISHED = {
    "statistic": "largest logit of the last token's query, largest over nine texts",
    "most common": [4.0, 6.0],
    "heads mostly below": 10.0,
    "tail to about": 30.0,
    "largest": {"gpt2": 71.0, "gpt2-large": 45.0},
    "source": "read by eye off the figures in HugFace/GPT2Outputs of TrentBrick/attention-approximates-sdm @ 4cb44d8",
}
TEXTS, CONTEXT, STEPS, BATCH = 9, 64, 500, 8
GOOD_FIT = 0.9


def measure(seed: int = 0, model: str | None = None) -> dict[str, Any]:
    """Betas and norms of every head: of a GPT-2 trained here, with its untrained self as control, or of `model`."""
    import torch

    from analysis.transformers import prose

    torch.set_num_threads(1)
    text = prose.collect()
    numbers: dict[str, Any] = {
        "lines": {name: fit_beta(64, d).beta for name, d in RADII.items()},
        "published": PUBLISHED,
        "prose_bytes": text.characters,
    }
    if model is not None:
        reader = hugging_face.load(model)
        return numbers | {"model": model, "trained": _read(reader, _texts(reader.token_ids(text.validation[:200_000])))}
    from cerebellum.heads import transformer

    vocabulary = transformer.Vocabulary(text.training)
    texts = _texts(vocabulary.encode(text.validation).tolist())
    with tempfile.TemporaryDirectory() as folder:
        losses = train(folder, vocabulary.encode(text.training), len(vocabulary), seed)
        return numbers | {
            "model": "GPT-2 trained here",
            "bits_per_token": {"first": losses[0], "last": losses[-1]},
            "untrained": _read(hugging_face.load(f"{folder}/untrained"), texts),
            "trained": _read(hugging_face.load(f"{folder}/trained"), texts),
        }


def _texts(tokens: list[int]) -> list[list[int]]:
    """Nine evenly spaced pieces of the held-out prose."""
    starts = [i * (len(tokens) - CONTEXT) // (TEXTS - 1) for i in range(TEXTS)]
    return [tokens[start : start + CONTEXT] for start in starts]


def _read(reader: Any, texts: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Per head: the authors' statistic over all texts, and means over texts of the rest."""
    import numpy as np

    from cerebellum.heads.hugging_face import effective_betas
    from cerebellum.heads.states import summarise

    per_text = [[summarise(state) for state in reader.heads(text)] for text in texts]
    names = ("beta_norms", "beta_fit", "beta_fit_r2", "query_norm", "query_norm_sd", "key_norm", "key_norm_sd")
    means = {name: np.mean([[getattr(head, name) for head in row] for row in per_text], axis=0) for name in names}
    return {
        "beta_max_logit": effective_betas(reader, texts),
        "layer": [head.layer for head in per_text[0]],
        **means,
    }


def train(folder: str, tokens: Any, vocabulary: int, seed: int) -> list[float]:
    """Save a GPT-2 before and after training on windows of `tokens`; loss in bits per token, mean of 20 steps each."""
    import math

    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(seed)  # the library draws first weights and dropout from the global generator
    generator = torch.Generator().manual_seed(seed)
    model = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=vocabulary,
            n_positions=CONTEXT,
            n_embd=128,
            n_layer=4,
            n_head=4,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    model.save_pretrained(f"{folder}/untrained")
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=2e-3, total_steps=STEPS, pct_start=0.1)
    losses = []
    model.train()
    for _ in range(STEPS):
        starts = torch.randint(len(tokens) - CONTEXT, (BATCH, 1), generator=generator)
        windows = tokens[starts + torch.arange(CONTEXT)]
        logits = model(input_ids=windows[:, :-1]).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()) / math.log(2))
    model.save_pretrained(f"{folder}/trained")
    return [sum(losses[:20]) / 20, sum(losses[-20:]) / 20]


def holds(numbers: dict[str, Any]) -> dict[str, bool]:
    """Whether each part of the claim is borne out by the model read."""
    import numpy as np

    lines, measured = numbers["lines"], numbers["trained"]
    low, high = lines["critical distance"], lines["memory"]
    statistic, norms = np.asarray(measured["beta_max_logit"]), np.asarray(measured["beta_norms"])

    def inside(betas: Any) -> bool:
        return bool(((betas >= low) & (betas <= high)).mean() > 0.5)

    return {
        "most published heads lie between critical distance and memory, by the authors' statistic": (
            numbers["published"]["most common"][1] >= low
        ),
        "most heads read here lie between critical distance and memory, by the authors' statistic": inside(statistic),
        "most heads read here lie between critical distance and memory, by norms of queries and keys": inside(norms),
        f"one beta describes most heads (R2 of logits on cosine above {GOOD_FIT})": bool(
            (np.asarray(measured["beta_fit_r2"]) > GOOD_FIT).mean() > 0.5
        ),
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """Betas by layer, and how single they are."""
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    measured = numbers["trained"]
    layers = np.asarray(measured["layer"])
    if "untrained" in numbers:
        before = numbers["untrained"]
        left.plot(layers - 0.12, before["beta_max_logit"], "o", color="0.75", ms=4)
        left.plot(layers + 0.12, before["beta_norms"], "s", color="0.75", ms=4, label="before training")
    left.plot(layers - 0.12, measured["beta_max_logit"], "o", color="tab:blue", ms=4, label="largest logit (authors)")
    left.plot(layers + 0.12, measured["beta_norms"], "s", color="tab:orange", ms=4, label="norms of query and key")
    for name, beta in numbers["lines"].items():
        left.axhline(beta, color="0.3", lw=1)
        left.annotate(
            f"d = {RADII[name]}", (1, beta), xycoords=("axes fraction", "data"), fontsize=7, ha="right", va="bottom"
        )
    left.axhspan(*numbers["published"]["most common"], color="0.92", zorder=0, label="most published heads of GPT-2")
    left.set(xlabel="layer", ylabel="beta", yscale="log", xticks=np.unique(layers))
    left.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    spread = np.asarray(measured["key_norm_sd"]) / np.asarray(measured["key_norm"])
    points = right.scatter(spread, measured["beta_fit_r2"], c=layers, cmap="viridis", s=20)
    right.axhline(GOOD_FIT, color="0.3", lw=1)
    right.set(xlabel="sd / mean of key norms", ylabel="R2 of logits on cosine", ylim=(None, 1.0))
    figure.colorbar(points, ax=right, label="layer", ticks=np.unique(layers))
    return figure


if __name__ == "__main__":
    evidence.main(__spec__.name)
