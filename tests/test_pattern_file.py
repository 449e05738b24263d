"""Patterns and cues from a file."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cerebellum.cli import commands
from cerebellum.description import library
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.description.schema import parse
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.patterns import Patterns, make_patterns
from cerebellum.experiment.schedule import trials

MADE, PATTERNS, CUES = "assumed: a test", 5, 7


def arrays(seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    shapes = {"addresses": (PATTERNS, 64), "pointers": (PATTERNS, 16), "cues": (CUES, 64)}
    return {name: rng.random(shape) < 0.5 for name, shape in shapes.items()}


def plan_of(path: Path | str, **blocks: dict[str, Any]) -> Protocol:
    """`recall` with the file's patterns, and these blocks in place of its write and read."""
    tables = copy.deepcopy(library.read_extended("protocols", "recall")[0])
    tables["patterns"] = {
        "source": "file",
        "path": str(path),
        "count": [PATTERNS, "1", MADE],
        "cues": [CUES, "1", MADE],
    }
    for key in ("noise", "cues_per_pattern"):
        del tables["block"]["read"][key]
    if blocks:
        shipped = tables["block"]
        chosen = {name: {**shipped[changes.pop("like")], **changes} for name, changes in blocks.items()}
        tables["block"] = {"baseline": shipped["baseline"], **chosen}
    return parse(Protocol, tables, "own.toml", ProtocolFileError)


def made(folder: Path, found: dict[str, Any], **blocks: dict[str, Any]) -> Patterns:
    np.savez(folder / "own.npz", **found)
    return make_patterns(plan_of(folder / "own.npz", **blocks), 64, 16, 1)


def test_the_file_s_bits_are_stored_and_asked(tmp_path: Path) -> None:
    found = arrays()
    patterns = made(tmp_path, found)
    for name in ("addresses", "pointers", "cues"):
        assert np.array_equal(getattr(patterns, name), found[name])
    distances = (found["cues"][:, None] != found["addresses"]).sum(axis=2)
    assert np.array_equal(patterns.target, distances.argmin(axis=1))
    assert np.array_equal(patterns.flips, distances.min(axis=1))
    assert len([trial for trial in trials(plan_of(tmp_path / "own.npz")) if trial.role == "read"]) == CUES
    numbers = made(tmp_path, {name: bits.astype(int) for name, bits in found.items()})
    assert np.array_equal(numbers.cues, found["cues"])


def test_blocks_write_some_patterns_and_ask_some_cues(tmp_path: Path) -> None:
    """A cue's pattern is the nearest of those written before it is asked."""
    found = arrays()
    patterns = made(
        tmp_path,
        found,
        first={"like": "write", "subset": [0, 2]},
        ask={"like": "read", "subset": [3, 4]},
        second={"like": "write", "subset": [2, 5]},
        again={"like": "read", "subset": [2, 5]},
    )
    assert np.array_equal(patterns.cues, found["cues"][[3, 2, 3, 4]])
    assert np.array_equal(patterns.block_of_cue, [0, 1, 1, 1])
    assert np.array_equal(patterns.written, [[True, True, False, False, False], [True] * 5])
    distances = (patterns.cues[:, None] != found["addresses"]).sum(axis=2)
    assert patterns.target[0] == distances[0, :2].argmin()
    assert np.array_equal(patterns.target[1:], distances[1:].argmin(axis=1))
    assert patterns.of_block(0).addresses.shape == (2, 64)


def test_a_target_may_be_given(tmp_path: Path) -> None:
    target = np.arange(CUES) % PATTERNS
    patterns = made(tmp_path, {**arrays(), "target": target})
    assert np.array_equal(patterns.target, target)
    assert np.array_equal(patterns.flips, (patterns.cues != patterns.addresses[target]).sum(axis=1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"addresses": None}, "has no 'addresses'; it has pointers, cues"),
        ({"cues": np.full((CUES, 64), 0.5)}, "cues of .* table of bits"),
        ({"cues": np.ones(64, bool)}, "cues of .* two-dimensional"),
        ({"pointers": np.ones((PATTERNS, 8), bool)}, r"pointers .* shape \(5, 8\); protocol and model want \(5, 16\)"),
        ({"addresses": np.ones((4, 64), bool)}, r"addresses .* shape \(4, 64\)"),
        ({"target": np.zeros(3, int)}, "target of .* each of the cues"),
        ({"target": np.full(CUES, 9)}, "target of .* not been written before"),
    ],
)
def test_a_file_at_fault_is_told(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    found = {name: bits for name, bits in {**arrays(), **changes}.items() if bits is not None}
    with pytest.raises(ProtocolFileError, match=words):
        made(tmp_path, found)


def test_a_cue_before_any_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProtocolFileError, match=r"block\.early: asks before any pattern has been written"):
        made(tmp_path, arrays(), early={"like": "read"}, write={"like": "write"})


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 cut off"])
def test_no_npz_file_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(ProtocolFileError, match=r"patterns.path: cannot read .*own.npz"):
        make_patterns(plan_of(tmp_path / "own.npz"), 64, 16, 1)


def test_an_array_alone_is_no_npz_file(tmp_path: Path) -> None:
    np.save(tmp_path / "own.npy", np.ones(3))
    with pytest.raises(ProtocolFileError, match=r"cannot read .*own.npy"):
        make_patterns(plan_of(tmp_path / "own.npy"), 64, 16, 1)


def test_noise_and_subsets_beyond_the_file_are_refused() -> None:
    with pytest.raises(ProtocolFileError, match=r"block\.read: the cues come from a file"):
        plan_of("own.npz", write={"like": "write"}, read={"like": "read", "noise": [3]})
    with pytest.raises(ProtocolFileError, match=r"block.read.subset: found \[2, 8\]; there are 7 cues"):
        plan_of("own.npz", write={"like": "write"}, read={"like": "read", "subset": [2, 8]})
    with pytest.raises(ProtocolFileError, match="wants noise"):
        load_protocol("recall", {"block.read.noise": "[]"})


def test_the_command_line_ends_with_2_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (library.folder("protocols") / "recall.toml").read_text()
    start, end = text.index("[patterns]"), text.index("# Spontaneous rates")
    own = f'[patterns]\nsource = "file"\npath = "absent.npz"\ncount = [5, "1", "{MADE}"]\ncues = [7, "1", "{MADE}"]\n'
    rest = [line for line in text[end:].splitlines() if not line.startswith(("noise", "cues_per_pattern"))]
    (tmp_path / "own.toml").write_text("\n".join([text[:start], own, *rest]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["cerebellum", "run", "own.toml", "--out", "out"])
    with pytest.raises(SystemExit) as stop:
        commands.main()
    assert stop.value.code == 2
    assert "absent.npz" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["own.toml"]


def test_a_file_of_sparse_codes(tmp_path: Path) -> None:
    """With `active` a line is a fibre: distances count moved fibres, and another number of them is refused."""
    rng = np.random.default_rng(1)

    def sets(rows: int) -> Any:
        return rng.random((rows, 64)).argsort(axis=1) < 6

    found = {"addresses": sets(PATTERNS), "pointers": arrays()["pointers"], "cues": sets(CUES)}
    np.savez(tmp_path / "own.npz", **found)
    tables = plan_of(tmp_path / "own.npz").model_dump(mode="json", by_alias=True, exclude_none=True)
    tables["patterns"]["active"] = [6, "1", MADE]
    plan = parse(Protocol, tables, "own.toml", ProtocolFileError)
    patterns = make_patterns(plan, 64, 16, 1)
    assert plan.active_lines == 6
    assert np.array_equal(patterns.fibers(patterns.cues[2]), np.flatnonzero(found["cues"][2]))
    moved = (found["cues"][:, None] & ~found["addresses"]).sum(axis=2)
    assert np.array_equal(patterns.flips, moved.min(axis=1))
    found["cues"][3, 0] = ~found["cues"][3, 0]
    np.savez(tmp_path / "own.npz", **found)
    with pytest.raises(ProtocolFileError, match=r"cues of .*: row 3 has [57] fibres on; patterns\.active wants 6"):
        make_patterns(plan, 64, 16, 1)
