"""Shipped model and protocol files: found by name inside the wheel, else beside the package in a checkout."""

from __future__ import annotations

import re
import tomllib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import cerebellum
from cerebellum.errors import InputError, UnknownNameError, brief, did_you_mean, shortened

KINDS = {"models": "model", "protocols": "protocol"}
LONGEST = 4_000_000  # bytes; the shipped files have 30,000 at most
DEEPEST = 20  # tables and lists within one another; the shipped files have 7 at most
_DEEP = re.compile(rf"^[ \t\[]*(?:[\w-]+[ \t]*\.[ \t]*){{{DEEPEST}}}", re.MULTILINE)  # a.a.a.a...
_parsed = lru_cache(maxsize=16)(tomllib.loads)  # a command reads a file up to six times
_PACKAGE = Path(cerebellum.__file__).resolve().parent


def folder(kind: str) -> Path:
    """Folder of the shipped files of `kind` ('models' or 'protocols')."""
    for parent in (_PACKAGE, _PACKAGE.parent):
        if (parent / kind).is_dir() and any((parent / kind).glob("*.toml")):
            return parent / kind
    raise FileNotFoundError(f"no {kind}/ folder inside or beside {_PACKAGE}")


def names(kind: str) -> list[str]:
    """Names of the shipped files of `kind`, sorted."""
    return sorted(path.stem for path in folder(kind).glob("*.toml"))


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """Path of a shipped file by name, or of the user's own file when `name` ends in .toml.

    `beside` is the folder of an overlay: a name is looked for there first, a path is read from there.

    Raises
    ------
    UnknownNameError
        If there is no such file; lists the shipped names.
    """
    if name.endswith(".toml"):
        path = (beside or Path()) / name
        if not is_file(path):
            raise UnknownNameError(f"no {KINDS[kind]} file {brief(str(path))}; shipped names: {', '.join(names(kind))}")
        return path
    for place in ([beside] if beside else []) + [folder(kind)]:
        if is_file(place / f"{name}.toml"):
            return place / f"{name}.toml"
    raise UnknownNameError.of(KINDS[kind], name, names(kind))


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises
    ------
    InputError
        If the file is not TOML; the message has file, line and column.
    """
    try:
        if path.stat().st_size > LONGEST:
            raise InputError(f"{path.name}: not a TOML file: it is longer than {LONGEST:,} bytes")
        text = path.read_bytes().decode("utf-8-sig")  # some editors begin a file with a byte order mark
        if _DEEP.search(text):
            raise RecursionError  # the parser would take seconds over it
        tables = deepcopy(_parsed(text.replace("\r\n", "\n")))
    except OSError as error:
        raise InputError(f"{path.name}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name}: not a TOML file: {shortened(str(error), 200)}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path.name}: {_unreadable(error)}") from error
    if fault := _text_fault(tables):
        raise InputError(f"{path.name}: {fault}")
    return tables


def _unreadable(error: Exception) -> str:
    """What of good TOML Python does not read."""
    if isinstance(error, RecursionError):
        return f"tables and lists lie too deep in one another; wanted at most {DEEPEST}"
    return "a number has thousands of digits; wanted one of at most 308"


def _text_fault(tables: dict[str, Any]) -> str:
    """Why what was read goes no further: too deep, or with characters that would move a terminal's cursor."""
    level: list[object] = [tables]
    for _ in range(DEEPEST):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += [*item, *item.values()]
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, str) and (bad := next((c for c in item if c < " " and c not in "\n\t"), None)):
                return f"found the control character {bad!r} in {brief(item)}; wanted text without it"
        level = inner
        if not level:
            return ""
    return f"tables and lists lie too deep in one another; wanted at most {DEEPEST}"


def is_file(path: Path) -> bool:
    """Whether there is such a file; False for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_extended(kind: str, name: str) -> tuple[dict[str, Any], Path, list[Path]]:
    """A file merged over the file it `extends` (recursively), its path, and every file read, base last.

    Tables merge key by key (see `merge`); anything else, a value or a list, is replaced. What a file's `without` lists
    of the one that it extends is not there.
    """
    path = find(kind, name)
    tables, chain, files = read(path), [path], []
    while "extends" in tables:
        base_name = tables.pop("extends")
        if not isinstance(base_name, str):
            raise InputError(f"{chain[-1].name}: extends = {brief(base_name)}: wanted the name of a {KINDS[kind]}")
        base = find(kind, base_name, beside=chain[-1].parent)
        if base == chain[-1] and base_name in names(kind):
            base = find(kind, base_name)  # a file named as the shipped one that it lies over
        if base in chain:
            raise InputError(f"{path.name}: extends itself through {' -> '.join(p.name for p in [*chain, base])}")
        files.append(tables)
        chain.append(base)
        tables = read(base)
    for over, own in zip(reversed(files), reversed(chain[:-1]), strict=True):
        try:
            tables = merge(without(tables, over.pop("without", [])), over)
        except InputError as error:
            raise InputError(f"{own.name}: without: {error}") from None
    return tables, path, chain


def without(tables: dict[str, Any], keys: object) -> dict[str, Any]:
    """A copy of `tables` in which these dotted keys are not.

    Raises
    ------
    InputError
        If `keys` is no list of texts, or one of them is not there.
    """
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise InputError(f"found {brief(keys)}; wanted a list of keys, such as ['stimulus.air_puff']")
    for dotted in keys:
        *parents, last = dotted.split(".")
        tables = table = dict(tables)
        for key in parents:
            if not isinstance(table.get(key), dict):
                break
            table[key] = table = dict(table[key])
        else:
            if last in table:
                del table[last]
                continue
        raise InputError(f"found {brief(dotted)}; there is no such key to leave out")
    return tables


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, table by table, new keys last.

    A table of another `kind`, or patterns of another `source`, replace the old one whole; a table of another `cell`
    replaces its `parameters` and their `spread` and `stripes`, which are the cell model's.
    """
    if any(word in over and over[word] != base.get(word, over[word]) for word in ("kind", "source")):
        return over
    merged = dict(base)
    if "cell" in over and over["cell"] != base.get("cell", over["cell"]):
        merged = {key: value for key, value in base.items() if key not in ("parameters", "spread", "stripes")}
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def apply_settings(tables: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """`tables` with `--set` values laid over: `settings` maps a dotted key to text.

    The text is read as TOML (number, list, true, quoted text) or else as plain text. Where the file has a
    `[number, unit, source]`, a bare number replaces the number, keeps the unit, and marks the source.

    Raises
    ------
    UnknownNameError
        If a key does not exist in the file: a setting may change a value, never invent one.
    """
    for dotted, text in settings.items():
        value = _parse_setting(dotted, text)
        *parents, last = dotted.split(".")
        table: Any = tables
        for depth, key in enumerate(parents):
            if not isinstance(table, dict) or key not in table:
                raise _no_key(dotted, ".".join(parents[:depth]), table)
            table[key] = dict(table[key]) if isinstance(table[key], dict) else table[key]
            table = table[key]
        if not isinstance(table, dict) or last not in table:
            raise _no_key(dotted, ".".join(parents), table)
        table[last] = _set_value(table[last], value)
    return tables


def _set_value(old: object, new: object) -> object:
    is_value = isinstance(old, list) and len(old) == 3 and isinstance(old[1], str) and not isinstance(old[0], str)
    if is_value and not isinstance(new, list):
        return [new, old[1], "set: on the command line"]  # type: ignore[index]
    return new


def _parse_setting(dotted: str, text: str) -> object:
    try:
        tables = tomllib.loads(f"value = {text}")
        found = tables["value"] if len(tables) == 1 else text  # text of several lines could hold further keys
    except tomllib.TOMLDecodeError:
        found = text
    except (ValueError, RecursionError) as error:
        raise InputError(f"--set {brief(dotted)}: {_unreadable(error)}") from error
    if fault := _text_fault({"value": found}):
        raise InputError(f"--set {brief(dotted)}: {fault}")
    return found


def _no_key(dotted: str, parent: str, table: object) -> UnknownNameError:
    keys = [f"{parent}.{key}" if parent else key for key in table] if isinstance(table, dict) else ["nothing"]
    known = shortened(", ".join(keys), 800)
    where = shortened(parent, 100) or "the top"
    meant = did_you_mean(dotted, keys)
    return UnknownNameError(f"--set {shortened(dotted, 100)}: no such key{meant}; below {where} there is: {known}")
