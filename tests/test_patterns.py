"""Stored patterns and noisy cues."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from cerebellum.description.protocol import load_protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import make_patterns


def random_plan(count: int, noise: list[int], repeats: int = 2):
    return load_protocol(
        "recall",
        {
            "patterns.source": "random",
            "patterns.count": str(count),
            "block.read.noise": str(noise),
            "block.read.cues_per_pattern": str(repeats),
        },
    )


@settings(max_examples=30)
@given(count=st.integers(1, 12), bits=st.integers(8, 80), repeats=st.integers(1, 3), seed=st.integers(0, 2**31))
def test_every_cue_is_its_target_with_exactly_its_flips(count: int, bits: int, repeats: int, seed: int) -> None:
    noise = [0, 1, bits // 2, bits]
    made = make_patterns(random_plan(count, noise, repeats), bits, 64, seed)
    assert made.cues.shape == (((len(noise) - 1) * repeats + 1) * count, bits)
    rows = np.arange(len(made.cues))
    assert np.array_equal(made.distances()[rows, made.target], made.flips)
    pairs, times = np.unique(np.stack([made.target, made.flips]), axis=1, return_counts=True)
    assert pairs.shape[1] == count * len(noise)
    assert np.array_equal(times, np.where(pairs[1] == 0, 1, repeats))  # the clean cue is always the same


@settings(max_examples=30)
@given(lines=st.integers(20, 120), active=st.integers(4, 9), bits=st.integers(4, 40), seed=st.integers(0, 2**31))
def test_sparse_cues_have_as_many_fibres_on_and_so_many_moved(lines: int, active: int, bits: int, seed: int) -> None:
    changes = {"patterns.active": str(active), "block.read.noise": f"[0, 1, {active}]", "patterns.count": "3"}
    made = make_patterns(load_protocol("mouse_recall", changes), lines, bits, seed)
    for sets in (made.addresses, made.cues):
        assert (sets.sum(axis=1) == active).all()
    rows = np.arange(len(made.cues))
    assert np.array_equal(made.distances()[rows, made.target], 2 * made.flips)  # one on and one off for each moved
    assert (made.pointers.sum(axis=1) == bits // 2).all()
    assert np.array_equal(made.fibers(made.addresses[1]), np.flatnonzero(made.addresses[1]))


def test_a_balanced_readout_is_decided_about_its_mean() -> None:
    few = {"patterns.active": "14", "block.read.noise": "[0, 3]"}
    made = make_patterns(load_protocol("mouse_recall", few), 117, 16, 1)
    readout = 100.0 + made.pointers[:3].astype(float)
    assert np.array_equal(made.decide(readout), made.pointers[:3])


def test_a_block_asks_of_what_was_stored_before() -> None:
    plan = load_protocol("forgetting", {"patterns.count": "128"})
    made = make_patterns(plan, 64, 64, 2)
    assert [int(stored.sum()) for stored in made.written] == [8, 16, 32, 64, 128]
    second = made.of_block(1)
    assert np.array_equal(second.addresses, made.addresses[:16])
    assert np.array_equal(second.cues, made.cues[16:32])  # two cues of each of the first eight
    assert np.array_equal(second.target, np.repeat(np.arange(8), 2))


def test_a_set_of_more_fibres_than_there_are_is_refused() -> None:
    with pytest.raises(ProtocolFileError, match=r"patterns\.active: found 112; wanted fewer than the 50"):
        make_patterns(load_protocol("mouse_recall"), 50, 16, 1)


def test_the_same_seed_gives_the_same_patterns() -> None:
    plan = random_plan(5, [0, 9])
    one, same, other = (make_patterns(plan, 256, 64, seed) for seed in (1, 1, 2))
    for name in ("addresses", "pointers", "cues"):
        assert np.array_equal(getattr(one, name), getattr(same, name))
        assert not np.array_equal(getattr(one, name), getattr(other, name))


def test_random_bits_are_fair_and_independent() -> None:
    made = make_patterns(random_plan(200, [0]), 256, 64, 1)
    assert made.addresses.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(made.addresses.size))
    distance = made.distances(made.addresses)[np.triu_indices(200, 1)]
    assert distance.mean() == pytest.approx(128, abs=4 * 8 / np.sqrt(distance.size))
    assert distance.std() == pytest.approx(8, rel=0.03)  # sqrt(256 / 4); 4 standard errors over 19,900 pairs


def test_signs() -> None:
    made = make_patterns(random_plan(6, [0]), 64, 64, 1)
    assert np.array_equal(made.signs > 0, made.pointers)
    assert set(np.unique(made.signs)) == {-1.0, 1.0}


def test_digits_are_ten_different_images() -> None:
    made = make_patterns(load_protocol("recall"), 256, 64, 1)
    assert made.pointers.shape == (10, 64)
    assert made.image_shape == (8, 8)
    assert len(np.unique(made.pointers, axis=0)) == 10
    assert np.array_equal((made.cue_images != made.pointers[made.target]).sum(axis=1), made.flips)
    stored = made.distances(made.addresses)[np.triu_indices(10, 1)]
    assert stored.min() > 60  # the projection spreads images that share most of their pixels


def test_addresses_of_digits_lie_apart_by_the_angle_of_their_images() -> None:
    """Sign random projection: P(a bit differs) = angle / pi (Charikar 2002), of images less the average image."""
    made = make_patterns(load_protocol("recall"), 256, 64, 1)
    mean = (load_digits().data >= 8).mean(axis=0)
    stored, cues = made.pointers[made.target] - mean, made.cue_images - mean
    cosine = (stored * cues).sum(axis=1) / np.linalg.norm(stored, axis=1) / np.linalg.norm(cues, axis=1)
    expected = 256 * np.arccos(np.clip(cosine, -1, 1)) / np.pi
    distance = made.distances()[np.arange(len(cues)), made.target]
    for flips in (0, 6, 12):
        own = made.flips == flips
        # A cue's distance has a standard deviation of at most 8; the fifty share one projection, so they are not
        # fifty independent draws, but the ten images nearly are: 3 x 8 / sqrt(10).
        assert distance[own].mean() == pytest.approx(expected[own].mean(), abs=7.6)


def test_other_seeds_show_other_images() -> None:
    plan = load_protocol("recall")
    assert not np.array_equal(make_patterns(plan, 256, 64, 1).pointers, make_patterns(plan, 256, 64, 2).pointers)


@pytest.mark.parametrize(
    ("changes", "zones", "words"),
    [
        ({}, 32, ["64 pixels", "32 microzones", "source = 'random'"]),
        ({"patterns.count": "11"}, 64, ["patterns.count: found 11", "10 digits"]),
        ({"block.read.noise": "[0, 65]"}, 64, ["found 65 flips", "64 elements"]),
    ],
)
def test_what_the_source_cannot_give_is_refused(changes: dict[str, str], zones: int, words: list[str]) -> None:
    with pytest.raises(ProtocolFileError) as caught:
        make_patterns(load_protocol("recall", changes), 256, zones, 1)
    assert all(word in str(caught.value) for word in words), str(caught.value)
