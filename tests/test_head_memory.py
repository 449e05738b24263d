"""Attention heads as memories of a circuit: their code, the order of writes and reads, and made heads recalled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from cerebellum.connectome.weights import fewest_matches, solve
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.errors import ArgumentError, ModelFileError
from cerebellum.experiment.patterns import make_patterns
from cerebellum.heads import circuit, encoding
from cerebellum.heads.states import HeadStates
from cerebellum.readout.granule_code import code_of
from cerebellum.theory.attention import fit_beta, sdm_weights, softmax_weights

WIDTH, TOKENS = 16, 6


def head(tokens: int = TOKENS, beta: float = 4.0, seed: int = 0, causal: bool = True) -> HeadStates:
    """A head with unit keys in random directions whose queries lie near one key each."""
    rng = np.random.default_rng(seed)
    keys = rng.standard_normal((tokens, WIDTH))
    keys /= np.linalg.norm(keys, axis=1, keepdims=True)
    queries = keys + 0.1 * rng.standard_normal((tokens, WIDTH))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    visible = np.tril(np.ones((tokens, tokens), bool)) if causal else np.ones((tokens, tokens), bool)
    weights = softmax(np.where(visible, beta * queries @ keys.T, -np.inf), axis=1)
    return HeadStates(0, 0, queries, keys, rng.standard_normal((tokens, 10)), weights, visible, beta)


@pytest.mark.parametrize("cosine", [-0.9, -0.3, 0.0, 0.5, 0.95])
def test_bits_differ_as_the_angle_says(cosine: float) -> None:
    """P(a bit differs) = angle / pi, whatever the vectors' lengths; 300 drawings of 64 bits."""
    rng = np.random.default_rng(1)
    a, b = np.zeros(WIDTH), np.zeros(WIDTH)
    a[3], b[3], b[7] = 2.0, 0.5 * cosine, 0.5 * np.sqrt(1 - cosine**2)
    found = []
    for _ in range(300):
        drawn = encoding.directions(64, WIDTH, rng)
        found.append(((drawn @ a > 0) != (drawn @ b > 0)).sum())
    # Five standard errors of independent bits; orthogonal directions spread less.
    p = np.arccos(cosine) / np.pi
    assert np.mean(found) == pytest.approx(encoding.expected_distance(cosine, 64), abs=5 * 8 * np.sqrt(p / 300))
    assert np.var(found) < 1.15 * 64 * p * (1 - p)


@settings(max_examples=25)
@given(bits=st.integers(1, 70), width=st.integers(1, 20), seed=st.integers(0, 2**31))
def test_directions_are_orthogonal_within_a_group(bits: int, width: int, seed: int) -> None:
    found = encoding.directions(bits, width, np.random.default_rng(seed))
    assert found.shape == (bits, width)
    for start in range(0, bits, width):
        group = found[start : start + width]
        assert np.allclose(group @ group.T, np.eye(len(group)))


def test_queries_are_asked_when_their_keys_have_been_written(tmp_path: Path) -> None:
    memory = encoding.encode(head(), TOKENS, 64, 16, np.random.default_rng(0), first=2)
    plan = memory.protocol(memory.save(tmp_path / "head.npz"))
    assert [name for name in plan.block if name != "baseline"] == [
        f"{what}_{seen}" for seen in (3, 4, 5, 6) for what in ("write", "read")
    ]
    patterns = make_patterns(plan, 64, 16, 1)
    assert np.array_equal(patterns.addresses, memory.addresses)
    assert np.array_equal(patterns.cues, memory.cues)
    assert np.array_equal(patterns.written.sum(axis=1), memory.seen)
    assert np.array_equal(patterns.written.sum(axis=1), [3, 4, 5, 6])


def test_an_encoder_s_queries_are_all_asked_at_the_end(tmp_path: Path) -> None:
    states = head(causal=False)
    memory = encoding.encode(states, 5, 64, 16, np.random.default_rng(0), first=1)
    assert np.array_equal(memory.seen, [5] * 4)
    assert np.allclose(memory.weights, states.weights[1:5, :5] / states.weights[1:5, :5].sum(axis=1, keepdims=True))
    plan = memory.protocol(memory.save(tmp_path / "head.npz"))
    assert list(plan.block) == ["baseline", "write_5", "read_5"]
    assert plan.trials_in(plan.block["read_5"]) == 4


def test_the_head_is_kept_beside_its_bits() -> None:
    states = head(beta=7.0)
    memory = encoding.encode(states, TOKENS, 64, 16, np.random.default_rng(0))
    assert memory.beta == pytest.approx(7.0)
    assert np.allclose(memory.weights, states.weights)
    assert np.allclose(memory.head_output, states.weights @ states.values)
    own = memory.visible(memory.weights)
    assert [len(row) for row in own] == list(range(1, TOKENS + 1))
    assert np.allclose(memory.output(own), memory.head_output)


def test_directions_alone_decode_most_of_a_value() -> None:
    """E[p sign(p . v)] = sqrt(2 / pi) v / |v|: with as many bits as width the cosine is sqrt(2 / pi)."""
    rng = np.random.default_rng(2)
    pointing = encoding.directions(64, 64, rng)
    values = rng.standard_normal((200, 64))
    decoded = np.where(values @ pointing.T > 0, 1.0, -1.0) @ pointing
    cosine = (decoded * values).sum(axis=1) / np.linalg.norm(decoded, axis=1) / np.linalg.norm(values, axis=1)
    # The spread of mean |x| / rms x over 64 Gaussian coordinates is about 0.03, of 200 means 0.002.
    assert cosine.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.01)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokens": 7}, "tokens"),
        ({"first": 6}, "first"),
        ({"pointer_bits": 11}, "11 pointer bits tell at most 5 apart"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(changes: dict[str, int], words: str) -> None:
    given = {"tokens": TOKENS, "address_bits": 64, "pointer_bits": 16, "first": 0} | changes
    with pytest.raises(ArgumentError, match=words):
        encoding.encode(head(), rng=np.random.default_rng(0), **given)


def test_a_mask_with_holes_is_refused() -> None:
    states = head()
    states.visible[4, 1] = False
    with pytest.raises(ArgumentError, match="mask"):
        encoding.encode(states, TOKENS, 64, 16, np.random.default_rng(0))


def test_a_threshold_has_a_beta_and_a_beta_a_threshold() -> None:
    cosines = [-0.5, 0.9]
    betas = [encoding.kernel_beta(64, 64, threshold, cosines) for threshold in range(34, 48)]
    assert (np.diff(betas) > 0).all()
    for threshold, beta in zip((36, 40, 44), betas[2::4], strict=False):
        assert encoding.threshold_for(beta, 64, 64, 10**9, cosines, 1.0) == threshold
    # 800 cells: only up to P(matches >= 40) = 0.030 do thirty of them answer to an address.
    assert encoding.threshold_for(99.0, 64, 64, 800, cosines, 1.0) == 39
    # The farther the nearest key, the fewer cells answer to both.
    assert encoding.threshold_for(99.0, 64, 64, 800, cosines, 0.6) < 39
    with pytest.raises(ArgumentError, match="fewest"):
        encoding.threshold_for(1.0, 64, 64, 10, cosines, 1.0)


def test_kernel_beta_on_cosines_of_bits_is_the_theory_s() -> None:
    """The same estimator; distances of signs change by n / pi a unit of cosine at right angles, instead of n / 2."""
    ours = encoding.kernel_beta(64, 64, 44, [-0.2, 0.2])
    spread = np.arange(28, 37)
    theory = fit_beta(64, 20, spread, estimator="softmax").beta
    assert ours == pytest.approx(theory * 2 / np.pi, rel=0.05)


@pytest.fixture(scope="module")
def small(model_settings: dict[str, str], kanerva_settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory):
    """A small `kanerva` as a model file."""
    folder = tmp_path_factory.mktemp("models")
    lines = ['extends = "kanerva"']
    for key, text in kanerva_settings.items():
        *parents, last = key.split(".")
        unit = "pA" if last == "weight" else "1"
        lines += [f"[{'.'.join(parents)}]", f'{last} = [{text}, "{unit}", "assumed: small"]']
    path = folder / "small.toml"
    path.write_text("\n".join(lines))
    return str(path)


def test_a_query_at_a_key_recalls_its_value(small: str) -> None:
    """Far apart keys, queries at the keys: nearly all weight on one key, in the head and in the circuit."""
    states = head(tokens=5, beta=30.0, seed=3)
    found = circuit.push(states, small, "rate", tokens=5, first=4, match_beta=False)
    assert found.weights["rate"][0].argmax() == states.weights[4].argmax() == 4
    assert found.agreement["rate"].cosine > 0.98
    assert found.agreement["head"].cosine == pytest.approx(1.0)
    assert found.agreement["head"].rank_correlation == pytest.approx(1.0)
    assert found.agreement["uniform"].cosine_beyond_average == 0.0
    assert found.threshold == 41


def test_rate_weights_are_the_exact_counts_and_expected_weights_the_kernel(small: str) -> None:
    found = circuit.push(head(tokens=8, seed=4), small, "rate", tokens=8, first=3, match_beta=False)
    distance = (found.memory.cues[:, None] != found.memory.addresses).sum(axis=2)
    for row, seen in enumerate(found.memory.seen):
        assert np.allclose(found.weights["sdm"][row], sdm_weights(64, 23, distance[row, :seen]))
    assert found.agreement["rate"].r2 > 0.9
    assert found.agreement["rate"].r2 == pytest.approx(found.agreement["sdm_exact"].r2, abs=0.05)
    assert found.agreement["one_beta"].r2 == pytest.approx(1.0)  # one beta is what this head has
    assert found.agreement["one_beta"].others_r2 == pytest.approx(1.0)
    assert found.agreement["rate"].others_r2 == pytest.approx(found.agreement["sdm_exact"].others_r2, abs=0.05)
    assert found.agreement["shuffled"].r2 < 0.4
    again = circuit.push(head(tokens=8, seed=4), small, "rate", tokens=8, first=3, match_beta=False)
    assert again.agreement == found.agreement


def test_an_adapted_circuit_keeps_its_drive() -> None:
    shipped, found = load_model("kanerva"), circuit.adapted("kanerva", 139, 32)
    assert code_of(found).threshold == 139

    def drive(circuit: Circuit, name: str, threshold: int) -> float:
        cells = np.random.default_rng(0).binomial(256, 0.5, 10**6) >= threshold
        return circuit.projection[name].weight.si * cells.mean()

    for name in ("parallel_fiber_to_purkinje", "parallel_fiber_to_stellate"):
        # A million cells; one in a hundred answers to the shipped threshold: a standard error of one per cent.
        assert drive(found, name, 139) == pytest.approx(drive(shipped, name, 147), rel=0.04)
    rule = found.projection["parallel_fiber_to_purkinje"].plasticity
    weight = found.projection["parallel_fiber_to_purkinje"].weight
    assert rule.depression.si == pytest.approx(2 * rule.potentiation.si)
    assert rule.w_max.si == pytest.approx(2 * weight.si)
    # P(matches >= 139) = 0.095: of 32 patterns a cell answers to three.
    assert weight.si / rule.potentiation.si == pytest.approx(3 * np.sqrt(0.0946 * 32), rel=0.01)
    same = circuit.adapted("kanerva", 147, 32).projection["parallel_fiber_to_purkinje"]
    assert same.weight.si == pytest.approx(shipped.projection["parallel_fiber_to_purkinje"].weight.si)
    assert same.plasticity.potentiation.si == pytest.approx(7e-12)


def test_the_lowest_threshold_is_that_without_inhibition() -> None:
    least = fewest_matches(load_model("kanerva"), "mossy_fiber_to_granule")
    assert least == 133
    solve(circuit.adapted("kanerva", least, 32))
    with pytest.raises(ModelFileError, match=f"wanted at least {least} matches"):
        solve(circuit.adapted("kanerva", least - 1, 32))
    flat = encoding.threshold_for(0.01, 256, 256, 20_000, [-0.5, 0.9], 0.6, lowest=least)
    assert flat == least


def test_softmax_at_one_beta_is_the_head_s_own_where_it_has_one() -> None:
    memory = encoding.encode(head(), TOKENS, 64, 16, np.random.default_rng(0))
    own = [softmax_weights(row, memory.beta) for row in memory.visible(memory.cosines)]
    same = circuit.compare(memory, own)
    assert (same.cosine, same.r2) == pytest.approx((1.0, 1.0))
    assert same.cosine_decoded is None
