"""cerebellum.heads.transformer: the small transformer with learned betas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError, InputError
from cerebellum.heads import states

torch = pytest.importorskip("torch")

from cerebellum.heads import transformer  # noqa: E402  (needs torch)

SMALL = transformer.Shape(layers=2, heads=2, head_width=8, width=16, feed_forward=32, context=12)
LINE = "the cat sat on the mat and the dog sat on the rug; "


def _model(normalise=True, initial_scale=None, seed=0):
    vocabulary = transformer.Vocabulary(LINE, 140)
    return transformer.TextTransformer(
        vocabulary, SMALL, torch.Generator().manual_seed(seed), normalise=normalise, initial_scale=initial_scale
    )


def test_starting_scale_of_the_published_models():
    """log2(L^2 - L) for L = 72, 75, 79, the lengths in Henry et al.'s configurations."""
    assert [round(transformer.starting_scale(length), 3) for length in (72, 75, 79)] == [12.32, 12.438, 12.589]
    with pytest.raises(ArgumentError, match="context"):
        transformer.starting_scale(2)


@given(st.text(st.characters(codec="ascii"), max_size=200))
def test_vocabulary_keeps_any_ascii_text(text):
    vocabulary = transformer.Vocabulary(LINE, 140)
    assert vocabulary.decode(vocabulary.encode(text)) == text


def test_vocabulary_takes_the_most_frequent_words():
    vocabulary = transformer.Vocabulary(LINE, 131)
    assert vocabulary.pieces[128:] == [" the", " on", " sat"]
    assert vocabulary.encode(" the cat").tolist() == [128, *map(ord, " cat")]
    assert len(transformer.Vocabulary(LINE, 1000)) == 128 + 9  # " the" and eight others: no more to take
    with pytest.raises(ArgumentError, match="ASCII"):
        vocabulary.encode("naïve")
    with pytest.raises(ArgumentError, match="size"):
        transformer.Vocabulary(LINE, 100)


@pytest.mark.parametrize("normalise", [True, False])
def test_heads_give_what_the_model_computes(normalise):
    model = _model(normalise, initial_scale=7.0)
    text = "the cat sat on"
    tokens = model.vocabulary.encode(text)
    x = model.streams(tokens[None])[1]
    with torch.no_grad():
        expected = model.blocks[1].attention(model.blocks[1].attention_norm(x))[0]
        read = torch.tensor(np.concatenate([s.weights @ s.values for s in model.heads(text)[2:]], axis=1))
        output = model.blocks[1].attention.output(read.float())
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)


def test_normalised_heads_are_softmax_of_beta_cosine():
    """The scale is the beta of `heads.summarise`, exactly, by both of its definitions."""
    model = _model(initial_scale=7.0)
    for state in model.heads("the cat sat on"):
        summary = states.summarise(state)
        assert state.scaling == pytest.approx(7.0, rel=1e-6)
        # queries and keys are float32, so unit to about 1e-7
        assert summary.beta_norms == pytest.approx(7.0, rel=1e-5)
        assert summary.beta_fit == pytest.approx(7.0, rel=1e-5)
        assert summary.beta_fit_r2 == pytest.approx(1.0, abs=1e-6)


def test_usual_attention_is_scaled_by_the_width():
    model = _model(normalise=False)
    assert [state.scaling for state in model.heads("the cat")] == pytest.approx([8**-0.5] * 4, rel=1e-6)
    with pytest.raises(InputError, match="learns no beta"):
        model.betas()


def test_no_token_sees_the_future():
    model = _model()
    tokens = model.vocabulary.encode("the cat sat on the")
    changed = tokens.clone()
    changed[-1] = 5
    with torch.no_grad():
        torch.testing.assert_close(model(tokens[None])[:, :-1], model(changed[None])[:, :-1])


def test_default_scale_is_the_published_start():
    assert _model().betas().unique().tolist() == [pytest.approx(math.log2(12 * 12 - 12), rel=1e-6)]


def test_training_learns_the_text_and_the_betas():
    """A text that repeats itself has no entropy: its loss falls far below its start; betas move."""
    text = LINE * 40
    model = _model()
    before = transformer.bits_per_character(model, text)
    seen = transformer.train(model, text, 150, torch.Generator().manual_seed(1))
    assert transformer.bits_per_character(model, text) < 0.2 * before
    assert len(seen.losses) == 150
    assert np.shape(seen.betas) == (11, 2, 2)
    np.testing.assert_allclose(seen.betas[-1], model.betas())
    assert not np.allclose(seen.betas[0], seen.betas[-1], rtol=0.02)


def test_the_same_seed_gives_the_same_training():
    first, second = (transformer.train(_model(), LINE * 4, 5, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first == second


def test_untrained_model_predicts_at_chance():
    """With weights of sd 0.02 all tokens are about equally likely: log2(vocabulary) bits a token."""
    model = _model()
    tokens = model.vocabulary.encode(LINE * 4)
    bits = transformer.bits_per_character(model, LINE * 4) * len(LINE * 4) / len(tokens)
    assert bits == pytest.approx(math.log2(len(model.vocabulary)), rel=0.05)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda: transformer.train(_model(), "too short", 5, torch.Generator()), "text"),
        (lambda: transformer.train(_model(), LINE, 0, torch.Generator()), "steps"),
        (lambda: transformer.train(_model(), LINE, 5, torch.Generator(), batch=0), "batch"),
        (lambda: transformer.bits_per_character(_model(), "the"), "text"),
        (lambda: _model().heads(""), "text"),
        (lambda: _model().heads(LINE), "text"),
        (lambda: _model(initial_scale=-1.0), "initial_scale"),
        (lambda: _model(initial_scale=math.nan), "initial_scale"),
        (lambda: transformer.Shape(heads=0), "heads"),
    ],
)
def test_wrong_arguments_are_named(call, argument):
    with pytest.raises(ArgumentError, match=f"^{argument} = "):
        call()
