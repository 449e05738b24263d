"""What a protocol file says in short: blocks like others, and the blocks of a session in their order."""

from __future__ import annotations

from typing import Any

from cerebellum.description import library
from cerebellum.errors import InputError, ProtocolFileError, brief, shortened

MOST_TURNS = 10_000  # of blocks in a session
LONGEST_CHAIN = 100  # of blocks each like the next


def arranged(tables: dict[str, Any], where: str) -> dict[str, Any]:
    """The tables of a protocol file with every `like` and `without` carried out, and the blocks of `session` alone.

    Parameters
    ----------
    where : name of the file, for messages

    Raises
    ------
    ProtocolFileError
        If a block or kind of trial is like one that is not there or like itself, or a session asks for such a block.
    """
    tables = dict(tables)
    for key in ("trial", "block"):
        if isinstance(found := tables.get(key), dict):
            tables[key] = {name: _laid_over(found, name, f"{where}: {key}", ()) for name in found}
    turns = tables.pop("session", None)
    if turns is not None and isinstance(tables.get("block"), dict):
        tables["block"] = _session(turns, tables["block"], where)
    return tables


def _laid_over(tables: dict[str, Any], name: str, where: str, asked: tuple[str, ...]) -> Any:
    """A table with all that it is like below it; `asked` are those that are like it."""
    table = tables[name]
    if not isinstance(table, dict) or "like" not in table:
        if isinstance(table, dict) and "without" in table:
            raise ProtocolFileError(f"{where}.{shortened(name, 60)}.without: wanted with like = ... only")
        return table
    like, place = table["like"], f"{where}.{shortened(name, 60)}"
    if not isinstance(like, str) or not isinstance(tables.get(like), dict) or like == name:
        known = shortened(", ".join(key for key in tables if key != name), 400) or "none"
        raise ProtocolFileError(f"{place}.like: found {brief(like)}; wanted one of {known}")
    if len(asked) == LONGEST_CHAIN:
        raise ProtocolFileError(f"{place}.like: wanted at most {LONGEST_CHAIN} that are each like the next")
    if like in asked:
        listed = " is like ".join(shortened(key, 60) for key in (*asked, name, like))
        raise ProtocolFileError(f"{place}.like: {listed}; wanted one that is like none of these")
    own = {key: value for key, value in table.items() if key not in ("like", "without")}
    try:
        base = library.without(_laid_over(tables, like, where, (*asked, name)), table.get("without", []))
    except ProtocolFileError:
        raise
    except InputError as error:
        raise ProtocolFileError(f"{place}.without: {error}") from None
    return library.merge(base, own)


def _session(turns: object, blocks: dict[str, Any], where: str) -> dict[str, Any]:
    """The blocks in the order of their turns; NAME, then NAME_2, NAME_3 and so on."""
    out: dict[str, Any] = {}
    taken: dict[str, int] = {}
    if not isinstance(turns, list) or not turns:
        raise ProtocolFileError(f"{where}: session: found {brief(turns)}; wanted a list of blocks")
    for name in [name for turn in turns for name in _turn(turn, blocks, where)]:
        taken[name] = taken.get(name, 0) + 1
        key = name if taken[name] == 1 else f"{name}_{taken[name]}"
        if key in out or (key != name and key in blocks):
            raise ProtocolFileError(f"{where}: session: the next turn of {name} would be {key}, a block of its own")
        if len(out) == MOST_TURNS:
            raise ProtocolFileError(f"{where}: session: wanted at most {MOST_TURNS:,} blocks")
        out[key] = blocks[name]
    return out


def _turn(turn: object, blocks: dict[str, Any], where: str) -> list[str]:
    name, times = (turn.get("block"), turn.get("times", 1)) if isinstance(turn, dict) else (turn, 1)
    known = isinstance(name, str) and name in blocks
    if not known or (isinstance(turn, dict) and turn.keys() - {"block", "times"}):
        listed = shortened(", ".join(blocks), 400)
        wanted = f'the name of a block ({listed}), or {{ block = "NAME", times = 2 }}'
        raise ProtocolFileError(f"{where}: session: found {brief(turn)}; wanted {wanted}")
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST_TURNS:
        raise ProtocolFileError(f"{where}: session: times: found {brief(times)}; wanted 1 to {MOST_TURNS:,}")
    return [str(name)] * times
