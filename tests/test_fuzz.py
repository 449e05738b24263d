"""Damaged model and protocol files are refused in a short message, or accepted: nothing else ever happens."""

from __future__ import annotations

import copy
import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from cerebellum.description import library
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.description.compatibility import check_together
from cerebellum.description.protocol import Protocol, load_protocol
from cerebellum.errors import InputError

MUTANTS = 300
SECONDS = 20.0  # of one mutant; a file takes some 0.05 s, and a parser that hangs takes for ever
LONGEST = 60 * 1200  # characters of a message, 40 faults of 1,200 and some

NUMBERS: list[Any] = [0, -1, 0.5, 1e9, 1e18, 1e308, 5e-324, float("nan"), float("inf"), 10**400, True, "1", [], {}]
UNITS = ["", "ms", "kg", "1", "%", "%s", "9**9**9", "ms**9", "ms" * 999, "(ms)", "1/0", "dB", "\u00b5s", "ms ms"]
TEXTS = ["", "granule", "fast-ampa", "t", "class", "x" * 5000, "[bold]x", "{0}", "a\nb", "\u202e", "\x1b[2J", "../x"]
TAILS = ["[", "{a={a=1}}", "\x00", "x = " + "[" * 3000, "y = " + "9" * 5000, ".".join("a" * 3000) + " = 1", "# \ufeff"]


def _toml(item: Any) -> str:
    if isinstance(item, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in item.items()) + "}"
    if isinstance(item, list):
        return "[" + ", ".join(_toml(inner) for inner in item) + "]"
    if isinstance(item, float):
        return repr(item)
    return json.dumps(item)


def _leaves(tables: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Every key with the table that has it."""
    found = []
    for key, item in tables.items():
        found.append((tables, key))
        if isinstance(item, dict):
            found += _leaves(item)
    return found


def _nested(depth: int) -> Any:
    made: Any = 1
    for _ in range(depth):
        made = [made]
    return made


def _damaged(tables: dict[str, Any], rng: random.Random) -> str:
    """The file with one or two things wrong, as text."""
    tables = copy.deepcopy(tables)
    for _ in range(rng.choice([1, 1, 2])):
        table, key = rng.choice(_leaves(tables))
        old = table[key]
        way = rng.randrange(7)
        if way < 3 and isinstance(old, list) and len(old) == 3:
            part = rng.randrange(3)
            factor = rng.choice([-1, 1e-9, 1e-3, 0.37, 1e3, 1e9])
            number = old[0] * factor if isinstance(old[0], int | float) and rng.random() < 0.5 else rng.choice(NUMBERS)
            old[part] = [number, rng.choice(UNITS), rng.choice(TEXTS)][part]
        elif way < 4:
            del table[key]
        elif way < 5:
            table[rng.choice(TEXTS)] = table.pop(key)
        else:
            table[key] = rng.choice([*NUMBERS, *TEXTS, _nested(rng.choice([2, 30, 90])), [1, "ms", "assumed: x"]])
    text = "\n".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in tables.items())
    return text if rng.random() < 0.85 else text[: rng.randrange(len(text))] + rng.choice(TAILS)


def _partners() -> tuple[Circuit, Protocol]:
    return load_model("mouse_memory"), load_protocol("background")


@pytest.mark.parametrize("seed", range(3))
def test_a_mutant_is_refused_in_short_words_or_is_good(seed: int, tmp_path: Path) -> None:
    rng, path = random.Random(seed), tmp_path / "mutant.toml"
    files = [(kind, library.read_extended(kind, name)[0]) for kind in library.KINDS for name in library.names(kind)]
    circuit, plan = _partners()
    refused = 0
    for _ in range(MUTANTS // 3):
        kind, tables = rng.choice(files)
        path.write_text(_damaged(tables, rng), encoding="utf-8")
        begun, said = time.monotonic(), ""
        try:
            if kind == "models":
                check_together(plan, load_model(str(path)))
            else:
                check_together(load_protocol(str(path)), circuit)
        except InputError as error:
            refused, said = refused + 1, str(error)
        assert len(said) < LONGEST
        assert all(len(line) < 1300 for line in said.splitlines())
        assert "\x1b" not in said
        assert time.monotonic() - begun < SECONDS
    assert MUTANTS // 6 < refused < MUTANTS // 3  # neither all refused, which would test nothing, nor hardly any


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = " + "[" * 3000 + "]" * 3000, "too deep"),
        ("x = " + "[" * 90 + "]" * 90, "too deep"),
        (".".join("a" * 5000) + " = 1", "too deep"),
        ("x = " + "9" * 5000, "thousands of digits"),
        ('x = "\\u001b[2J"', "control character"),
    ],
)
def test_what_no_reader_follows_is_one_short_line(line: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=words) as fault:
        library.read(path)
    assert "m.toml" in str(fault.value)
    assert len(str(fault.value)) < 200


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'extends = "mouse"\r\n')
    assert load_model(str(path)) == load_model("mouse")


@pytest.mark.parametrize("text", ["[" * 3000, "9" * 5000, "{a=" * 500 + "1" + "}" * 500])
def test_a_setting_is_read_as_carefully_as_a_file(text: str) -> None:
    with pytest.raises(InputError, match="--set 'title'"):
        load_model("mouse", {"title": text})


def test_a_setting_of_several_lines_brings_no_further_keys() -> None:
    assert load_model("mouse", {"title": "1\nscale = 9"}).title == "1\nscale = 9"


@pytest.mark.parametrize("like", [["write"], {"a": 1}, 3, "nothing"])
def test_a_block_is_like_one_named_by_text(like: Any, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f'extends = "recall"\n[block.other]\nlike = {_toml(like)}\n')
    with pytest.raises(InputError, match=r"p\.toml: block\.other\.like: found"):
        load_protocol(str(path))
