"""A run folder run again, and whether it came out the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cerebellum.errors import InputError
from cerebellum.machine.process import cores
from cerebellum.machine.progress import Progress
from cerebellum.results import Result, SavedRun, open_run
from cerebellum.results.folder import plain
from cerebellum.simulation.run import run

NAMED = 5  # numbers that differ, in one sentence


@dataclass(frozen=True)
class Repetition:
    """What came of it.

    Attributes
    ----------
    result : of the new run
    spikes : populations whose spikes differ in time or cell
    numbers : key of summary.json -> before and now, where they differ; timing and notes left out
    changed : what of the surroundings is not as it was, in words: versions, commit
    """

    result: Result
    spikes: list[str] = field(default_factory=list)
    numbers: dict[str, tuple[object, object]] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether spikes and numbers are all as they were, to the last bit."""
        return not self.spikes and not self.numbers

    def lines(self) -> list[str]:
        """What to tell."""
        if self.same:
            out = ["The same: every spike and every number of summary.json but times."]
        else:
            out = [f"Not the same: spikes of {', '.join(self.spikes)}."] if self.spikes else ["Not the same."]
            listed = [f"{key} was {before}, is {now}" for key, (before, now) in list(self.numbers.items())[:NAMED]]
            more = len(self.numbers) - len(listed)
            out += [f"Numbers: {'; '.join(listed)}{f'; and {more} more' if more else ''}."] if listed else []
        return out + [f"Since then: {line}." for line in self.changed]


def run_again(
    folder: str | Path, out: str | Path | None = None, force: bool = False, progress: Progress | None = None
) -> Repetition:
    """Run the model and protocol of a run folder again, by the same engines with the same seed, and compare.

    Parameters
    ----------
    out : folder to write the new run into; None writes nothing

    Raises
    ------
    InputError
        If the folder does not say what ran, cannot be read, or had a loop that its protocol does not bring.
    """
    saved = open_run(folder)
    told = saved.provenance
    wanted, engines = told.get("engine"), told.get("engines")
    whole = isinstance(engines, dict) and all(isinstance(own, dict) for own in engines.values())
    if not isinstance(wanted, str) or not isinstance(engines, dict) or not whole:
        raise InputError(f"{saved.folder / 'run.json'}: engine, engines: wanted what ran, as a run leaves it")
    if saved.exchanges is not None and saved.protocol.loop is None:
        raise InputError(f"{saved.folder}: a loop was closed around this run; run it again from Python, with the loop")
    options = {key: value for own in engines.values() for key, value in own.items() if value is not None}
    if "jobs" in options:
        options["jobs"] = min(int(options["jobs"]), cores())  # the spikes are the same
    earlier = (told.get("start_from") or {}).get("folder")
    result = run(
        saved.protocol, saved.circuit, wanted, seed=saved.seed, out=out, force=force, start_from=earlier,
        progress=progress, **options,
    )  # fmt: skip
    return compared(saved, result)


def compared(saved: SavedRun, result: Result) -> Repetition:
    """A run of a folder beside the same run made again."""
    names = dict.fromkeys([*saved.spikes, *result.spikes])
    spikes = [name for name in names if not _same(saved.spikes.get(name), result.spikes.get(name))]
    before, now = dict(_values(saved.summary)), dict(_values(plain(result.summary)))
    keys = [key for key in {**before, **now} if key.split(".")[0] not in ("timing", "checks")]
    numbers = {key: (before.get(key), now.get(key)) for key in keys if before.get(key) != now.get(key)}
    return Repetition(result, spikes, numbers, _changed(saved.provenance, result.provenance))


def _values(item: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Everything in nested tables and lists, with its dotted key."""
    if not isinstance(item, dict | list):
        yield path, item
        return
    for key, inner in item.items() if isinstance(item, dict) else enumerate(item):
        yield from _values(inner, f"{path}.{key}" if path else str(key))


def _same(before: Any, now: Any) -> bool:
    """Whether two trains of a population are equal, in whatever order spikes of one moment stand."""
    if before is None or now is None or len(before) != len(now):
        return False
    one, other = (np.lexsort((spikes.cell, spikes.time)) for spikes in (before, now))
    return bool(np.array_equal(before.time[one], now.time[other]) and np.array_equal(before.cell[one], now.cell[other]))


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    versions = {**(before.get("versions") or {}), "commit": before.get("commit")}
    current = {**now["versions"], "commit": now["commit"]}
    return [
        f"{name} was {versions[name] or 'not told'}, is {current.get(name) or 'none'}"
        for name in versions
        if versions[name] != current.get(name)
    ]
