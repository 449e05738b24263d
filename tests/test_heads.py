"""cerebellum.heads.states: small randomly initialised models made here, nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from cerebellum.errors import ArgumentError, InputError
from cerebellum.heads import hugging_face, states
from cerebellum.heads.states import HeadStates

transformers = pytest.importorskip("transformers", reason="needs the extra: pip install 'cerebellum-sim[transformers]'")
torch = pytest.importorskip("torch")

IDS = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9]
CONFIGS = {
    "gpt2": lambda: transformers.GPT2Config(
        vocab_size=64, n_positions=16, n_embd=24, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=0
    ),
    "bert": lambda: transformers.BertConfig(
        vocab_size=64, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=32,
        max_position_embeddings=16,
    ),
    "llama": lambda: transformers.LlamaConfig(  # rotary positions, and two query heads to a key head
        vocab_size=64, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=6,
        intermediate_size=32, max_position_embeddings=16,
    ),
}  # fmt: skip
CAUSAL = {"gpt2": True, "bert": False, "llama": True}


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, config in CONFIGS.items():
        torch.manual_seed(0)
        model = transformers.AutoModel.from_config(config())
        with torch.no_grad():  # weights ten times the usual start, so that attention is far from uniform
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(10.0)
        made[name] = tmp_path_factory.mktemp(name)
        model.save_pretrained(made[name])
    return made


@pytest.mark.parametrize("name", CONFIGS)
def test_states_reproduce_the_model(folders, name):
    """Queries, keys and scaling give the model's own attention weights, and the model's output is unchanged."""
    reader = hugging_face.load(folders[name])
    states = reader.heads(IDS)
    model = transformers.AutoModel.from_pretrained(folders[name], attn_implementation="eager").eval()
    with torch.inference_mode():
        output = model(torch.tensor([IDS]), output_attentions=True)
        read = reader.model(torch.tensor([IDS])).last_hidden_state
    # float32 through two layers: 1e-5 is some hundred roundings
    np.testing.assert_allclose(read.numpy(), output.last_hidden_state.numpy(), atol=1e-5)
    expected = torch.cat([layer[0] for layer in output.attentions]).numpy()
    assert [(s.layer, s.head) for s in states] == [(layer, h) for layer in (0, 1) for h in range(len(states) // 2)]
    for state, weights in zip(states, expected, strict=True):
        np.testing.assert_allclose(state.weights, weights, atol=1e-5)
        logits = np.where(state.visible, state.logits, -np.inf)
        softmax = np.exp(logits - logits.max(axis=1, keepdims=True))
        np.testing.assert_allclose(softmax / softmax.sum(axis=1, keepdims=True), weights, atol=1e-5)
        triangle = np.tri(len(IDS), dtype=bool) if CAUSAL[name] else np.ones((len(IDS), len(IDS)), dtype=bool)
        np.testing.assert_array_equal(state.visible, triangle)
        assert state.queries.shape == state.keys.shape == state.values.shape == (len(IDS), len(state.queries[0]))


def test_shared_keys_are_given_to_each_head(folders):
    states = hugging_face.load(folders["llama"]).heads(IDS)
    np.testing.assert_array_equal(states[0].keys, states[1].keys)
    assert not np.allclose(states[1].keys, states[2].keys)


@pytest.mark.parametrize("name", CONFIGS)
def test_effective_betas(folders, name):
    """The authors' statistic by its definition; it never exceeds scaling |q| max|k|, the beta of that query."""
    reader = hugging_face.load(folders[name])
    texts = [IDS, IDS[::-1], [1]]
    betas = hugging_face.effective_betas(reader, texts)
    largest = np.full(betas.shape, -np.inf)
    for text in texts:
        for i, state in enumerate(reader.heads(text)):
            by_hand = max(state.scaling * float(state.queries[-1] @ key) for key in state.keys)
            largest[i] = max(largest[i], by_hand)
            bound = state.scaling * np.linalg.norm(state.queries[-1]) * np.linalg.norm(state.keys, axis=1).max()
            assert by_hand <= bound * (1 + 1e-12)
    np.testing.assert_allclose(betas, largest, rtol=1e-12)


def _made_states(rng, beta, key_scale=1.0):
    queries, keys, values = rng.normal(size=(3, 12, 8))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    keys *= key_scale / np.linalg.norm(keys, axis=1, keepdims=True)
    visible = np.tri(12, dtype=bool)
    logits = np.where(visible, beta * queries @ keys.T, -np.inf)
    weights = np.exp(logits)
    return HeadStates(0, 0, queries, keys, values, weights / weights.sum(1, keepdims=True), visible, beta)


def test_unit_vectors_give_their_beta_exactly():
    """With |q| = |k| = 1 the scaling is beta, by every definition that is not a bound."""
    summary = states.summarise(_made_states(np.random.default_rng(0), 9.5))
    assert summary.beta_fit == pytest.approx(9.5, rel=1e-12)
    assert summary.beta_norms == pytest.approx(9.5, rel=1e-12)
    assert summary.beta_fit_r2 == pytest.approx(1.0, abs=1e-12)
    assert summary.beta_max_logit < 9.5
    assert summary.query_norm == pytest.approx(1.0)
    assert summary.key_norm_sd == pytest.approx(0.0, abs=1e-12)


def test_unequal_keys_show_as_a_worse_fit():
    even = _made_states(np.random.default_rng(0), 9.5)
    keys = even.keys * np.linspace(0.1, 2.0, 12)[:, None]
    uneven = HeadStates(0, 0, even.queries, keys, even.values, even.weights, even.visible, 9.5)
    assert states.summarise(uneven).beta_fit_r2 < 0.9


def test_value_norms_against_weights():
    """Values made smaller the more weight they get: rank correlation -1 by construction."""
    even = _made_states(np.random.default_rng(1), 4.0)
    weights = np.tile(np.linspace(0.01, 0.2, 12), (12, 1))
    values = (
        np.linspace(3.0, 1.0, 12)[:, None]
        * np.eye(12)[:, :8].clip(1e-9)
        / np.linalg.norm(np.eye(12)[:, :8].clip(1e-9), axis=1, keepdims=True)
    )
    made = HeadStates(0, 0, even.queries, even.keys, values, weights, np.ones((12, 12), bool), 4.0)
    norms, given = states.value_norms_and_weights(made)
    assert norms.shape == given.shape == (144,)
    assert states.summarise(made).value_weight_rank_correlation == pytest.approx(-1.0)


def test_text_needs_a_tokenizer(folders, tmp_path):
    with pytest.raises(InputError, match="pass token ids"):
        hugging_face.load(folders["gpt2"]).heads("some text")
    tokenizers = pytest.importorskip("tokenizers")
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "some": 1, "text": 2}, unk_token="[UNK]"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.GPT2Model.from_pretrained(folders["gpt2"]).save_pretrained(tmp_path)
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]").save_pretrained(tmp_path)
    reader = hugging_face.load(tmp_path)
    assert reader.token_ids("some text") == [1, 2]
    np.testing.assert_array_equal(reader.heads("some text")[0].keys, reader.heads([1, 2])[0].keys)


@pytest.mark.parametrize("text", [[], [64], [-1], list(range(17))])
def test_wrong_tokens_are_refused(folders, text):
    with pytest.raises(ArgumentError, match="text"):
        hugging_face.load(folders["gpt2"]).heads(text)


def test_no_texts(folders):
    with pytest.raises(ArgumentError, match="texts"):
        hugging_face.effective_betas(hugging_face.load(folders["gpt2"]), [])


def test_what_cannot_be_loaded_says_so(tmp_path):
    with pytest.raises(InputError, match="cannot load the transformer"):
        hugging_face.load(tmp_path / "nothing")
    transformers.T5Config(vocab_size=8, d_model=8, num_layers=1, num_heads=1, d_kv=8, d_ff=8).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="encoder-decoder"):
        hugging_face.load(tmp_path)


@pytest.mark.parametrize("kind", ["GPTJ", "Bloom"])
def test_models_outside_the_common_interface_say_so(tmp_path, kind):
    config = {
        "GPTJ": {"vocab_size": 16, "n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 8, "rotary_dim": 4},
        "Bloom": {"vocab_size": 16, "hidden_size": 8, "n_layer": 1, "n_head": 1},
    }[kind]
    made = getattr(transformers, f"{kind}Config")(**config, bos_token_id=0, eos_token_id=0, pad_token_id=0)
    transformers.AutoModel.from_config(made).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="common attention interface"):
        hugging_face.load(tmp_path).heads([1, 2])


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(InputError, match=r"pip install 'cerebellum-sim\[transformers\]'"):
        hugging_face.load("any")


def test_importing_the_module_imports_neither_torch_nor_transformers():
    code = "import sys, cerebellum.heads.states; sys.exit(bool({'torch', 'transformers', 'scipy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
