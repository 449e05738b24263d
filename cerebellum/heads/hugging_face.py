"""Heads of Hugging Face transformers: keys, queries and values while the model reads a text."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cerebellum.errors import ArgumentError, InputError
from cerebellum.heads.states import HeadStates, summarise
from cerebellum.typing import Floats

CAPTURE = "cerebellum_capture"  # the name of our attention function in transformers' registry


_calls: ContextVar[list[_Call] | None] = ContextVar("calls", default=None)


class Transformer:
    """A loaded model whose heads can be read; made by `load`.

    Attributes
    ----------
    name : as given to `load`
    model : the `transformers` model, in evaluation mode
    tokenizer : its tokenizer, or None where the folder has none (then pass token ids)
    """

    def __init__(self, name: str, model: Any, tokenizer: Any) -> None:
        self.name = name
        self.model = model
        self.tokenizer = tokenizer

    def token_ids(self, text: str) -> list[int]:
        """The model's tokens of `text`.

        Raises
        ------
        InputError
            The model came without a tokenizer.
        """
        if self.tokenizer is None:
            raise InputError(f"{self.name} has no tokenizer: pass token ids instead of text")
        return list(self.tokenizer(text)["input_ids"])

    def heads(self, text: str | Sequence[int]) -> list[HeadStates]:
        """Queries, keys, values and weights of every head for one text (or its token ids), by layer, then by head.

        Grouped-query models share a key among several heads; each head is given its own copy.

        Raises
        ------
        ArgumentError
            No token, a token outside the vocabulary, or more tokens than the model has positions.
        InputError
            No tokenizer, or the model does not compute attention through the library's common interface.
        """
        import torch

        ids = self.token_ids(text) if isinstance(text, str) else [int(token) for token in text]
        if not ids:
            raise ArgumentError("text", text, "must give at least one token")
        config = self.model.config
        if not 0 <= min(ids) <= max(ids) < config.vocab_size:
            raise ArgumentError("text", (min(ids), max(ids)), f"token ids must lie in 0..{config.vocab_size - 1}")
        if len(ids) > (limit := getattr(config, "max_position_embeddings", len(ids))):
            raise ArgumentError("text", f"{len(ids)} tokens", f"{self.name} reads at most {limit} tokens")
        calls: list[_Call] = []
        marker = _calls.set(calls)
        try:
            with torch.inference_mode():
                self.model(input_ids=torch.tensor([ids], device=self.model.device), use_cache=False)
        finally:
            _calls.reset(marker)
        if not calls:
            raise InputError(
                f"{self.name} ({type(self.model).__name__}) does not compute attention through the common attention"
                " interface of transformers, so its queries and keys cannot be read"
            )
        return [state for layer, call in enumerate(calls) for state in call.states(layer)]


def load(name_or_folder: str | Path, revision: str = "main") -> Transformer:
    """A causal or encoder model of Hugging Face, by name or from a local folder.

    Weights are used as stored, in float32; nothing of the model's repository is executed. With the environment
    variable ``HF_HUB_OFFLINE=1`` only the local cache is searched.

    Raises
    ------
    InputError
        `transformers` is not installed, nothing can be loaded under that name, the model is an encoder-decoder, or
        its class does not accept an attention function from outside.
    """
    transformers, torch = _transformers()
    name = str(name_or_folder)
    try:
        config = transformers.AutoConfig.from_pretrained(name, revision=revision)
        if config.is_encoder_decoder:
            raise InputError(f"{name} is an encoder-decoder; a causal or an encoder model is wanted")
        model = transformers.AutoModel.from_pretrained(
            name, config=config, revision=revision, attn_implementation=CAPTURE, dtype=torch.float32
        )
    except InputError:
        raise
    except KeyError as error:
        raise InputError(
            f"{name} ({config.model_type}) does not compute attention through the common attention interface of"
            " transformers, so its queries and keys cannot be read"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"cannot load the transformer {name!r}: {error}") from error
    return Transformer(name, model.eval(), _tokenizer(transformers, name, revision))


def effective_betas(transformer: Transformer, texts: Sequence[str | Sequence[int]]) -> Floats:
    """The authors' statistic: `beta_max_logit` of each head, largest over `texts`; shape (heads,), by layer, then head.

    Raises
    ------
    ArgumentError
        `texts` is empty.
    """
    if not texts:
        raise ArgumentError("texts", texts, "must hold at least one text")
    per_text = [[summarise(state).beta_max_logit for state in transformer.heads(text)] for text in texts]
    return np.asarray(np.max(np.asarray(per_text), axis=0))


@dataclass(frozen=True)
class _Call:
    """One call of the attention function, tensors of shape (1, heads, tokens, width)."""

    queries: Any
    keys: Any
    values: Any
    weights: Any
    mask: Any
    scaling: float

    def states(self, layer: int) -> list[HeadStates]:
        queries, keys, values, weights = (
            tensor[0].double().cpu().numpy() for tensor in (self.queries, self.keys, self.values, self.weights)
        )
        heads, tokens = queries.shape[:2]
        visible = np.ones((tokens, tokens), dtype=bool)
        if self.mask is not None:  # added to the logits: 0 or a very negative number; or True and False
            mask = self.mask[0, 0, :, :tokens].cpu()
            visible = (mask > -1e4).numpy() if mask.dtype.is_floating_point else mask.numpy()
        shared = heads // keys.shape[0]
        return [
            HeadStates(layer, h, queries[h], keys[h // shared], values[h // shared], weights[h], visible, self.scaling)
            for h in range(heads)
        ]


def _capture(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> tuple[Any, Any]:
    """Attention as the model's own file computes it, remembered."""
    eager = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
    if eager is None:
        raise InputError(f"{type(module).__name__} has no attention function of its own to read queries and keys from")
    output, weights = eager(module, query, key, value, attention_mask, **options)
    if (calls := _calls.get()) is not None:
        scaling = options.get("scaling")
        scaling = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
        calls.append(_Call(query, key, value, weights, attention_mask, scaling))
    return output, weights


def _transformers() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
        from transformers.masking_utils import AttentionMaskInterface, eager_mask
    except ImportError as error:
        raise InputError(
            f"reading a transformer needs transformers ({error}): pip install 'cerebellum-sim[transformers]'"
        ) from error
    transformers.AttentionInterface.register(CAPTURE, _capture)
    AttentionMaskInterface.register(CAPTURE, eager_mask)
    return transformers, torch


def _tokenizer(transformers: Any, name: str, revision: str) -> Any:
    """The tokenizer, or None where there is none: a folder of weights alone is enough when token ids are given."""
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, revision=revision)
    except (OSError, ValueError, KeyError):
        return None
    # without vocabulary files some classes still come up, knowing nothing but their special tokens
    return tokenizer if set(tokenizer.get_vocab()) - set(tokenizer.all_special_tokens) else None
