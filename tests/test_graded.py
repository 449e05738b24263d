"""Graded patterns have the cosines that the file states, or the file is refused in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cerebellum.cli import commands
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.pointers import hadamard, orthogonal


def plan(name: str = "recall_graded", **settings_: Any) -> Protocol:
    text = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in settings_.items()}
    return load_protocol(name, {f"patterns.{key}": value for key, value in text.items()})


def cosines(made: Patterns, bits: int, active: int | None = None) -> np.ndarray:
    apart = (made.addresses[:, None] != made.addresses[None]).sum(axis=-1)
    return 1 - apart / (bits / 2 if active is None else 2 * active)


def circular(count: int, places: int) -> np.ndarray:
    apart = np.abs(np.arange(count)[:, None] - np.arange(count)) * (places // count)
    return np.minimum(apart, places - apart)


@pytest.mark.parametrize(("count", "lures"), [(16, True), (16, False), (8, True), (4, False)])
def test_a_ring_of_pairs_has_the_stated_cosine_at_every_place(count: int, lures: bool) -> None:
    made = make_patterns(plan(count=count, lures=lures), 256, 64, 1)
    places = count * (1 + lures)
    assert cosines(made, 256) == pytest.approx(1 - circular(count, places) / (places // 2))
    assert 90 < made.addresses.sum(axis=1).mean() < 166  # fair bits: 128 +- 8, of which half are shared by all


def test_lures_lie_between_their_neighbours_and_are_no_pattern() -> None:
    made = make_patterns(plan(), 256, 64, 1)
    lures = made.cues[made.lure]
    assert (made.lure.sum(), len(made.cues)) == (16, 32)
    closest = np.sort(made.distances()[made.lure], axis=1)
    assert (closest[:, :2] == 8).all()  # 1/16 of the way round, 256 bits in all
    assert (closest[:, 2] == 24).all()
    assert not (lures[:, None] == made.addresses[None]).all(axis=-1).any()
    assert made.own[~made.lure].sum() == 16
    assert not made.own[made.lure].any()


@settings(max_examples=25)
@given(
    shared=st.lists(st.integers(0, 5), min_size=3, max_size=3),
    common=st.integers(0, 10),
    odd=st.booleans(),
    seed=st.integers(0, 99),
)
def test_every_convex_ring_of_a_sparse_code_is_had(shared: list[int], common: int, odd: bool, seed: int) -> None:
    """Arcs of three lengths in any numbers give the overlaps; the cosines they state come out again."""
    numbers = [*shared[:2], shared[2] + 1]
    overlap = np.array([sum(m * max(0, length - d) for length, m in enumerate(numbers, 1)) for d in range(4)]) + common
    active = int(overlap[0])
    stated = (overlap[1:] / active).tolist()
    count = 7 if odd else 6
    settings_ = {"count": count, "active": active, "lures": False, "cosines": stated}
    made = make_patterns(plan("mouse_recall_graded", **settings_), 200, 16, seed)
    assert (made.addresses.sum(axis=1) == active).all()
    assert cosines(made, 200, active) == pytest.approx(np.array([1.0, *stated])[circular(count, count)])


@pytest.mark.parametrize("active", [None, 40])
def test_a_family_has_the_stated_cosines_with_its_centre(active: int | None) -> None:
    stated = [1.0, 0.75, 0.5, 0.25] if active is None else [0.9, 0.75, 0.5, 0.0]
    name = "recall_graded" if active is None else "mouse_recall_graded"
    sparse = {} if active is None else {"active": active}
    made = make_patterns(plan(name, shape="family", count=4, cosines=stated, **sparse), 256, 64, 1)
    size = 256 if active is None else 2 * active
    found = made.distances()[made.lure][0]
    assert 1 - found / (size / (2 if active is None else 1)) == pytest.approx(stated)
    assert made.lure.sum() == 1


@pytest.mark.parametrize(
    ("settings_", "bits", "message"),
    [
        ({"count": 2}, 256, "patterns.graded: count: found 2"),
        ({"cosines": [0.5, 0.2]}, 256, "found 2; wanted 16, for a ring's places apart"),
        ({"cosines": [1.5]}, 256, "wanted numbers from -1 to 1"),
        ({"count": 10}, 256, r"with 256 address bits a cosine is 1 less a multiple of 0\.0078125"),
        ({"lures": False, "cosines": [0.875] * 3 + [0.5] * 5}, 256, "bend downwards"),
        ({"lures": False, "count": 6, "cosines": [0.2, 0.0, -0.2]}, 20, "wants .* address lines; the model has 20"),
    ],
)
def test_rings_that_the_fibres_cannot_have_are_refused(settings_: dict[str, Any], bits: int, message: str) -> None:
    with pytest.raises(ProtocolFileError, match=message) as caught:
        make_patterns(plan(**settings_), bits, 64, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"active": 28}, "with 28 active fibres a cosine is 1 less a multiple of 0.0357143"),
        ({"active": 240}, "found 240; wanted fewer than the 234"),
        ({"active": 32, "cosines": [-0.5]}, "sparse codes have none below 0"),
        ({"active": 64}, "wants 128 address lines|."),
    ],
)
def test_sparse_rings_that_the_fibres_cannot_have_are_refused(settings_: dict[str, Any], message: str) -> None:
    if settings_ == {"active": 64}:
        assert make_patterns(plan("mouse_recall_graded", **settings_), 234, 16, 1).sparse
        return
    with pytest.raises(ProtocolFileError, match=message):
        make_patterns(plan("mouse_recall_graded", **settings_), 234, 16, 1)


@pytest.mark.parametrize("bits", [5, 16, 23, 31, 33, 64])
def test_hadamard_pointers_are_as_unlike_as_the_columns_left_out_allow(bits: int) -> None:
    table = hadamard(bits)
    assert np.array_equal(table @ table.T, len(table) * np.eye(len(table)))
    rows = bits // 2
    signs = np.where(orthogonal(rows, bits, np.random.default_rng(1)), 1, -1)
    missing = len(table) - bits
    assert np.abs(signs @ signs.T - bits * np.eye(rows)).max() <= missing
    assert np.abs(signs.sum(axis=1)).max() <= missing
    with pytest.raises(ProtocolFileError, match="orthogonal pointers"):
        orthogonal(len(table), bits, np.random.default_rng(1))


@pytest.mark.parametrize(
    "settings_", [{"count": 2}, {"count": 33}, {"cosines": "[0.9]"}, {"lures": "false", "cosines": "[0.33]"}]
)
def test_the_command_line_ends_with_2_in_one_line(
    settings_: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [word for key, value in settings_.items() for word in ("--set", f"patterns.{key}={value}")]
    monkeypatch.setattr(sys, "argv", ["cerebellum", "run", "recall_graded", *words, "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    assert ended.value.code == 2
    said = capsys.readouterr().err.strip()
    assert "patterns" in said
    assert "Traceback" not in said
    assert not (tmp_path / "run").exists()
