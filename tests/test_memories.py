"""Memories that weight stored patterns: each against the equation it stands for, through the common interface."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cerebellum.errors import ArgumentError
from cerebellum.memory.memories import (
    BinarySoftmaxAttention,
    ContinuousSDM,
    Hopfield,
    ModernHopfield,
    PatternSDM,
    SoftmaxAttention,
)
from cerebellum.theory import sdm
from cerebellum.theory.attention import fit_beta, sdm_weights, softmax_weights

N = 64
MEMORIES = {
    "sdm": lambda: PatternSDM(N, 11),
    "continuous": lambda: ContinuousSDM(N, 1 - 22 / N),
    "attention": lambda: SoftmaxAttention(N, 14.4),
    "binary attention": lambda: BinarySoftmaxAttention(N, 14.4),
    "hopfield": lambda: Hopfield(N),
    "dense hopfield": lambda: Hopfield(N, degree=5),
    "modern hopfield": lambda: ModernHopfield(N, 1.0),
}


@pytest.fixture(autouse=True)
def _one_thread():
    """Two torch threads on a machine that is busy otherwise wait for each other, ten times slower than one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _bits(rng, rows, n=N):
    return rng.integers(0, 2, (rows, n)) * 2 - 1


def _flip(rng, patterns, count):
    flipped = patterns.copy()
    for row in flipped:
        row[rng.permutation(len(row))[:count]] *= -1
    return flipped


@pytest.mark.parametrize("name", MEMORIES)
def test_every_memory_completes_a_cue(name):
    rng = np.random.default_rng(0)
    patterns = _bits(rng, 6)
    memory = MEMORIES[name]()
    memory.write(patterns[:4])
    memory.write(patterns[4:])
    cues = _flip(rng, patterns, 6)
    assert memory.weights(cues).shape == (6, 6)
    assert (memory.weights(cues).argmax(axis=1) == np.arange(6)).all()
    assert (np.sign(memory.read(cues)) == patterns).mean() > 0.98
    settled = memory.iterate(cues)
    cosines = (settled * patterns).sum(axis=1) / np.linalg.norm(settled, axis=1) / math.sqrt(N)
    assert cosines.min() > 0.9


@pytest.mark.parametrize("name", MEMORIES)
def test_a_read_is_the_weighted_mean_of_the_pointers(name):
    rng = np.random.default_rng(1)
    addresses, pointers, queries = _bits(rng, 20), _bits(rng, 20, 9), _bits(rng, 5)
    queries[0] = addresses[3]
    memory = MEMORIES[name]()
    memory.write(addresses, pointers)
    weights = memory.weights(queries)
    assert memory.read(queries) == pytest.approx(weights @ pointers, abs=1e-6)
    total = np.abs(weights).sum(axis=1)
    assert ((np.abs(total - 1) < 1e-6) | (total == 0)).all()
    assert np.sign(memory.read(queries)[0]) @ pointers[3] >= 7  # hetero-association of a stored address


@pytest.mark.parametrize("name", MEMORIES)
def test_tensors_in_tensors_out(name):
    rng = np.random.default_rng(2)
    patterns = _bits(rng, 5)
    ours, theirs = MEMORIES[name](), MEMORIES[name]()
    ours.write(patterns)
    theirs.write(torch.from_numpy(patterns).float())
    read = theirs.read(torch.from_numpy(patterns))
    assert isinstance(read, torch.Tensor)
    assert isinstance(ours.read(patterns), np.ndarray)
    assert read.numpy() == pytest.approx(ours.read(patterns))
    assert isinstance(theirs.iterate(torch.from_numpy(patterns), steps=1), torch.Tensor)


def test_zeros_and_ones_and_booleans_are_bits():
    rng = np.random.default_rng(3)
    patterns = _bits(rng, 4)
    reads = []
    for form in (
        patterns,
        (patterns + 1) // 2,
        patterns > 0,
        ((patterns + 1) // 2).astype(np.uint8),
        patterns.astype(float),
    ):
        memory = PatternSDM(N, 11)
        memory.write(form)
        reads.append(memory.read(form))
    assert all((read == reads[0]).all() for read in reads)


@given(st.integers(4, 80), st.integers(0, 2**32), st.data())
def test_sdm_weights_are_those_of_the_theory(n, seed, data):
    radius = data.draw(st.integers(0, n))
    read_radius = data.draw(st.integers(0, n))
    rng = np.random.default_rng(seed)
    patterns, queries = _bits(rng, 8, n), _bits(rng, 3, n)
    distances = (queries[:, None] != patterns).sum(axis=2)
    memory = PatternSDM(n, radius)
    memory.write(patterns)
    assert memory.weights(queries) == pytest.approx(sdm_weights(n, radius, distances), rel=1e-9)
    unequal = PatternSDM(n, radius, read_radius)
    unequal.write(patterns)
    shared = [[sdm.intersection(n, radius, int(v), read_radius) for v in row] for row in distances]
    expected = [[i / max(sum(row), 1) for i in row] for row in shared]
    assert unequal.weights(queries) == pytest.approx(np.array(expected), rel=1e-9)


def test_weights_of_the_relatives():
    rng = np.random.default_rng(4)
    keys, queries = rng.standard_normal((30, N)), rng.standard_normal((5, N))
    cosines = queries @ keys.T / np.linalg.norm(queries, axis=1)[:, None] / np.linalg.norm(keys, axis=1)
    attention = SoftmaxAttention(N, 9.4)
    attention.write(keys)
    assert attention.weights(queries) == pytest.approx(softmax_weights(cosines, 9.4), rel=1e-5)
    modern = ModernHopfield(N, 0.3)
    modern.write(keys)
    logits = 0.3 * queries @ keys.T
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    assert modern.weights(queries) == pytest.approx(expected / expected.sum(axis=1, keepdims=True), rel=1e-4)
    continuous = ContinuousSDM(N, 0.4)
    continuous.write(keys)
    shares = sdm.cap_intersection(N, 0.4, cosines)
    assert continuous.weights(queries) == pytest.approx(shares / shares.sum(axis=1, keepdims=True), rel=1e-4)

    patterns = _bits(rng, 7)
    bipolar = _bits(rng, 5)
    classic = Hopfield(N)
    classic.write(patterns)
    couplings = patterns.T @ patterns
    field = bipolar @ couplings
    assert classic.read(bipolar) == pytest.approx(
        field / np.abs(bipolar @ patterns.T).sum(axis=1, keepdims=True), abs=1e-6
    )
    dense = Hopfield(N, degree=3)
    dense.write(patterns)
    overlap = bipolar @ patterns.T
    expected = overlap * np.abs(overlap)
    assert dense.weights(bipolar) == pytest.approx(expected / np.abs(expected).sum(axis=1, keepdims=True), abs=1e-6)


@pytest.mark.parametrize(("n", "threshold"), [(2, 0.5), (8, 0.0), (64, 0.65), (784, 0.26), (1000, 0.9)])
def test_interpolated_caps_are_the_exact_ones(n, threshold):
    memory = ContinuousSDM(n, threshold)
    angles = np.linspace(1e-4, 0.999 * 2 * math.acos(threshold), 777)
    vectors = np.zeros((777, n))
    vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
    memory.write(vectors)
    first = np.zeros((1, n))
    first[0, 0] = 1.0
    cosines = memory._cosines(torch.from_numpy(first)).numpy()
    exact = sdm.cap_intersection(n, threshold, cosines, log=True)
    assert memory._log_weights(torch.from_numpy(first)).numpy() == pytest.approx(exact, abs=1e-7)


def test_the_softmax_loses_patterns_that_sdm_holds():
    """The target's share of the read at m = 1,024, radius 15, 8 flips: 0.87 in the memory, 0.37 in attention."""
    rng = np.random.default_rng(5)
    shares: dict[str, list[float]] = {"memory": [], "attention": []}
    for _ in range(5):
        patterns = _bits(rng, 1024)
        cues = _flip(rng, patterns[:100], 8)
        for name, memory in (
            ("memory", PatternSDM(N, 15)),
            ("attention", BinarySoftmaxAttention(N, fit_beta(N, 15).beta)),
        ):
            memory.write(patterns)
            shares[name].append(memory.weights(cues)[np.arange(100), np.arange(100)].mean())
    # Means of ratios over drawn patterns, against the ratio of means of the theory.
    assert np.mean(shares["memory"]) == pytest.approx(0.872, abs=0.03)
    assert np.mean(shares["attention"]) == pytest.approx(0.367, abs=0.03)


def test_a_query_out_of_reach_gets_no_answer():
    memory = PatternSDM(N, 5)
    memory.write(np.ones((1, N)))
    far = np.ones((1, N))
    far[0, :20] = -1
    assert (memory.weights(far) == 0).all()
    assert (memory.read(far) == 0).all()
    assert (memory.iterate(far) == 0).all()


def test_iterate_stops_and_counts_steps():
    rng = np.random.default_rng(6)
    patterns = _bits(rng, 1024)
    memory = PatternSDM(N, 15)
    memory.write(patterns)
    cues = _flip(rng, patterns[:50], 17)
    one, many = memory.iterate(cues, steps=1), memory.iterate(cues, steps=100)
    assert (memory.iterate(cues, steps=0) == cues).all()
    assert (one == np.where(memory.read(cues) > 0, 1, -1)).all()
    assert (memory.iterate(many) == many).all()  # a fixed point
    assert (many == patterns[:50]).mean() > (one == patterns[:50]).mean()


def _written():
    memory = PatternSDM(8, 2)
    memory.write(np.ones((2, 8)), np.ones((2, 3)))
    return memory


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: PatternSDM(8, 9), "radius = 9: must be a whole number from 0 to n = 8"),
        (lambda: PatternSDM(8, 2, read_radius=9), "read_radius = 9"),
        (lambda: SoftmaxAttention(8, math.nan), "beta = nan"),
        (lambda: Hopfield(8, degree=1), "degree = 1"),
        (lambda: ContinuousSDM(8, 1.0), "threshold = 1.0"),
        (lambda: PatternSDM(8, 2).read(np.ones((1, 8))), "memory = 'empty'"),
        (lambda: _written().write(np.ones((2, 7))), "addresses = (2, 7): must have the shape (rows, 8)"),
        (lambda: _written().write(np.ones(8)), "addresses = (8,)"),
        (lambda: _written().write(np.full((1, 8), 0.5)), "addresses = 0.5: must be bits"),
        (lambda: _written().write(np.full((1, 8), math.nan)), "addresses = nan: must be bits"),
        (lambda: _written().write(np.full((1, 8), 255, np.uint8)), "addresses = 255: must be bits"),
        (lambda: _written().write(np.array([[-1, 0, 1, 1, 1, 1, 1, 1]])), "addresses = '-1, 0 and 1'"),
        (lambda: _written().write(np.array([["a"] * 8])), "addresses = "),
        (lambda: _written().write(np.ones((2, 8)), np.ones((3, 3))), "pointers = (3, 3): must have a row for each"),
        (lambda: _written().write(np.ones((2, 8)), np.ones((2, 4))), "pointers = (2, 4): must have 3 columns"),
        (lambda: _written().read(np.ones((2, 9))), "queries = (2, 9)"),
        (lambda: _written().iterate(np.ones((2, 8))), "queries = (2, 8): can only be iterated"),
        (lambda: SoftmaxAttention(8, 1.0).write(np.full((1, 8), math.inf)), "addresses = inf: must be finite"),
        (lambda: SoftmaxAttention(8, 1.0).write(np.zeros((1, 8))), "addresses = 'a row of zeros'"),
    ],
)
def test_wrong_arguments_are_named(call, named):
    with pytest.raises(ArgumentError) as error:
        call()
    assert str(error.value).startswith(named)
