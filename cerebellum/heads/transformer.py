"""A small transformer whose heads learn their own softmax beta.

Query-key normalisation (Henry et al. 2020, doi:10.18653/v1/2020.findings-emnlp.379): queries and keys have length one
and a learned scale takes the place of 1/sqrt(width), so that attention is softmax(beta cos) with the scale as beta.
Henry et al. have one scale a layer and start it at log2(L^2 - L) for sequences of L tokens; here every head has its
own. With ``normalise=False`` the same transformer has the usual scaled dot product, for comparison.
`analysis.transformers.prose` gives text to train it on.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cerebellum.errors import ArgumentError, InputError
from cerebellum.heads.states import HeadStates

LETTERS = 128  # ASCII: the first tokens of every vocabulary
_PIECE = re.compile(r" ?[A-Za-z]+|.", re.DOTALL)


class Vocabulary:
    """Tokens of ASCII text: the 128 characters, and the most frequent words of a text (with their leading space).

    Parameters
    ----------
    text : where the words are counted
    size : number of tokens, 128 (characters alone) or more; fewer where `text` has fewer different words
    """

    def __init__(self, text: str, size: int = 1024) -> None:
        if size < LETTERS:
            raise ArgumentError("size", size, f"must be at least {LETTERS}, the ASCII characters")
        counts = Counter(piece for piece in _PIECE.findall(text) if len(piece) > 1)
        words = sorted(counts, key=lambda word: (-counts[word], word))[: size - LETTERS]
        self.pieces = [chr(code) for code in range(LETTERS)] + words
        self._numbers = {piece: number for number, piece in enumerate(self.pieces)}

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> Tensor:
        """Token numbers of ASCII text, shape (tokens,); a word outside the vocabulary is spelt."""
        if not text.isascii():
            raise ArgumentError("text", text[:40], "must be ASCII")
        numbers: list[int] = []
        for piece in _PIECE.findall(text):
            number = self._numbers.get(piece)
            numbers += map(ord, piece) if number is None else (number,)
        return torch.tensor(numbers, dtype=torch.long)

    def decode(self, tokens: Tensor) -> str:
        """The text of token numbers, shape (tokens,)."""
        return "".join(self.pieces[int(token)] for token in tokens)


def starting_scale(context: int) -> float:
    """Henry et al.'s first value of the learned scale, log2(L^2 - L) for `context` L > 2 tokens: 12.3 for L = 72."""
    if context < 3:
        raise ArgumentError("context", context, "must be at least 3 tokens")
    return math.log2(context * context - context)


@dataclass(frozen=True)
class Shape:
    """Sizes of a `TextTransformer`; `head_width` 64 is the n at which the paper compares attention with SDM."""

    layers: int = 2
    heads: int = 4
    head_width: int = 64
    width: int = 96
    feed_forward: int = 192
    context: int = 64

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(name, value, "must be a whole number, at least 1")


class Attention(nn.Module):
    """Causal self-attention; with `normalise`, softmax(beta_h cos) with a learned beta for each head h."""

    def __init__(self, shape: Shape, normalise: bool, initial_scale: float) -> None:
        super().__init__()
        self.heads, self.head_width = shape.heads, shape.head_width
        inner = shape.heads * shape.head_width
        self.query, self.key, self.value = (nn.Linear(shape.width, inner, bias=False) for _ in range(3))
        self.output = nn.Linear(inner, shape.width, bias=False)
        self.log_scale = nn.Parameter(torch.full((shape.heads,), math.log(initial_scale))) if normalise else None

    def scales(self) -> Tensor:
        """The factor of each head's logits, shape (heads,): the learned beta, or 1/sqrt(width)."""
        if self.log_scale is None:
            return torch.full((self.heads,), self.head_width**-0.5)
        return self.log_scale.exp()

    def states(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, each (batch, heads, tokens, head width), of inputs (batch, tokens, width)."""
        q, k, v = (
            project(x).unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        if self.log_scale is not None:
            q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: (batch, tokens, width) to the same."""
        q, k, v = self.states(x)
        read = functional.scaled_dot_product_attention(
            q * self.scales()[:, None, None], k, v, is_causal=True, scale=1.0
        )
        out: Tensor = self.output(read.transpose(1, 2).flatten(2))
        return out


class DecoderBlock(nn.Module):
    """Attention, then a ReLU feed-forward layer, each behind a LayerNorm and added to the stream."""

    def __init__(self, shape: Shape, normalise: bool, initial_scale: float) -> None:
        super().__init__()
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(shape.width), nn.LayerNorm(shape.width)
        self.attention = Attention(shape, normalise, initial_scale)
        self.addresses = nn.Linear(shape.width, shape.feed_forward)
        self.values = nn.Linear(shape.feed_forward, shape.width)

    def activity(self, x: Tensor) -> Tensor:
        """Activity of the feed-forward units, (batch, tokens, feed_forward), for the stream after attention."""
        return functional.relu(self.addresses(self.feed_forward_norm(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: (batch, tokens, width) to the same."""
        x = x + self.attention(self.attention_norm(x))
        out: Tensor = x + self.values(self.activity(x))
        return out


class TextTransformer(nn.Module):
    """A causal language model.

    Parameters
    ----------
    vocabulary : its tokens
    shape : sizes
    normalise : query-key normalisation with learned scales, or the usual scaled dot product
    initial_scale : first beta of every head, > 0; default `starting_scale(shape.context)`
    generator : draws the weights (normal, sd 0.02, as GPT-2)
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        shape: Shape,
        generator: torch.Generator,
        normalise: bool = True,
        initial_scale: float | None = None,
    ) -> None:
        super().__init__()
        scale = starting_scale(shape.context) if initial_scale is None else initial_scale
        if not (math.isfinite(scale) and scale > 0):
            raise ArgumentError("initial_scale", scale, "must be a finite number above 0")
        self.vocabulary, self.shape, self.normalise = vocabulary, shape, normalise
        self.tokens = nn.Embedding(len(vocabulary), shape.width)
        self.positions = nn.Embedding(shape.context, shape.width)
        self.blocks = nn.ModuleList(DecoderBlock(shape, normalise, scale) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02, generator=generator)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def streams(self, tokens: Tensor) -> list[Tensor]:
        """The residual stream before each block and after the last; `tokens` (batch, tokens), entries (.., width)."""
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        streams = [x]
        for block in self.blocks:
            streams.append(block(streams[-1]))
        return streams

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token, (batch, tokens, vocabulary), for `tokens` (batch, tokens <= context)."""
        logits: Tensor = self.norm(self.streams(tokens)[-1]) @ self.tokens.weight.T
        return logits

    def betas(self) -> Tensor:
        """Learned scales, shape (layers, heads)."""
        if not self.normalise:
            raise InputError("a transformer without query-key normalisation learns no beta")
        return torch.stack([block.attention.scales() for block in self.blocks]).detach()  # type: ignore[operator,union-attr]

    @torch.no_grad()
    def heads(self, text: str) -> list[HeadStates]:
        """Queries, keys, values and weights of each head for one text of at most `context` tokens."""
        tokens = self.vocabulary.encode(text)
        if not 0 < len(tokens) <= self.shape.context:
            raise ArgumentError("text", f"{len(tokens)} tokens", f"must have 1..{self.shape.context} tokens")
        found = []
        visible = torch.ones(len(tokens), len(tokens), dtype=torch.bool).tril()
        for layer, (block, x) in enumerate(zip(self.blocks, self.streams(tokens[None]), strict=False)):
            attention = block.attention
            queries, keys, values = (states[0] for states in attention.states(block.attention_norm(x)))  # type: ignore[operator,union-attr]
            scales = attention.scales()  # type: ignore[operator,union-attr]
            logits = (scales[:, None, None] * (queries @ keys.mT)).masked_fill(~visible, -torch.inf)
            q, k, v, w = (tensor.double().numpy() for tensor in (queries, keys, values, logits.softmax(-1)))
            found += [
                HeadStates(layer, h, q[h], k[h], v[h], w[h], visible.numpy(), float(scales[h]))
                for h in range(self.shape.heads)
            ]
        return found


@dataclass(frozen=True)
class Training:
    """What `train` saw.

    losses : training loss of each step, bits per token
    betas : learned scales after each tenth of the steps, first the initial ones: 11 entries (layers, heads), as lists
        (empty without normalisation)
    """

    losses: list[float]
    betas: list[list[list[float]]]


def train(
    model: TextTransformer,
    text: str,
    steps: int,
    generator: torch.Generator,
    batch: int = 8,
    learning_rate: float = 4e-3,
    scale_learning_rate: float = 0.02,
) -> Training:
    """Next-token training of `model` on random windows of `text` by Adam; 5% warm-up, then a cosine to zero.

    The log of each scale is learned at `scale_learning_rate`: Adam moves a number by about its rate a step, so that at
    the weights' rate a scale could hardly leave its first value in a short training.

    Raises
    ------
    ArgumentError
        `text` is shorter than a window and its next token, not ASCII, or `steps` or `batch` is below 1.
    """
    context = model.shape.context
    for name, value in (("steps", steps), ("batch", batch)):
        if value < 1:
            raise ArgumentError(name, value, "must be at least 1")
    tokens = model.vocabulary.encode(text)
    if len(tokens) <= context:
        raise ArgumentError("text", f"{len(tokens)} tokens", f"must have more than {context} tokens")
    scales = [parameter for name, parameter in model.named_parameters() if name.endswith("log_scale")]
    weights = [parameter for name, parameter in model.named_parameters() if not name.endswith("log_scale")]
    groups = [{"params": weights, "lr": learning_rate}, {"params": scales, "lr": scale_learning_rate}]
    optimiser = torch.optim.Adam([group for group in groups if group["params"]], betas=(0.9, 0.99))
    warm_up = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / warm_up, 0.5 + 0.5 * math.cos(math.pi * step / steps))
    )
    model.train()
    losses: list[float] = []
    betas = [model.betas().tolist()] if model.normalise else []
    for step in range(steps):
        starts = torch.randint(len(tokens) - context, (batch, 1), generator=generator)
        windows = tokens[starts + torch.arange(context + 1)]
        loss = functional.cross_entropy(model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()) / math.log(2))
        if model.normalise and (step + 1) * 10 // steps > step * 10 // steps:
            betas.append(model.betas().tolist())
    model.eval()
    return Training(losses, betas)


@torch.no_grad()
def bits_per_character(model: TextTransformer, text: str, windows: int = 64) -> float:
    """Loss on `windows` evenly spaced windows of `text`, in bits per character of the text predicted."""
    context = model.shape.context
    tokens = model.vocabulary.encode(text)
    if len(tokens) <= context:
        raise ArgumentError("text", f"{len(tokens)} tokens", f"must have more than {context} tokens")
    starts = torch.linspace(0, len(tokens) - context - 1, windows).long()[:, None]
    read = tokens[starts + torch.arange(context + 1)]
    nats = functional.cross_entropy(model(read[:, :-1]).flatten(0, 1), read[:, 1:].flatten(), reduction="sum")
    return float(nats) / math.log(2) / len(model.vocabulary.decode(read[:, 1:].flatten()))
