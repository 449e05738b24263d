"""Numbers of the user's own that a protocol names by a path: a course over time, spike trains."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cerebellum.clock import NANOSECOND
from cerebellum.errors import InputError, brief, shortened
from cerebellum.typing import Floats, Ints

LONGEST_FILE = 2_000_000_000  # bytes
MOST_TRAINS = 2**31  # cells have numbers of 32 bits


def course(path: str) -> tuple[Floats, Floats]:
    """Times (s), ascending from 0 on, and values beside each, shape (times,) and (times, columns).

    A .npy of the two-dimensional array, or a .csv with a head line or none: time first, then a column of values for all
    cells, or one for each.

    Raises
    ------
    InputError
        If it cannot be read or is no such table.
    """
    return _course(path, _stamp(path))


def refuse_columns(path: str | None, found: int, cells: int) -> None:
    """Complain about a table that has neither one column of values nor one for each chosen cell.

    Raises
    ------
    InputError
        In one line.
    """
    if found not in (1, cells):
        raise InputError(f"{brief(path)}: found {found} columns; wanted one, or one for each of {cells} chosen cells")


def between(time: Floats, known: Floats, values: Floats) -> Floats:
    """Values on straight lines between `known` times (s), 0 outside [first, last), at every `time`, same shape."""
    inside = (time > known[0] - NANOSECOND / 2) & (time < known[-1] - NANOSECOND / 2)
    return np.where(inside, np.interp(time, known, values), 0.0)


def trains(path: str, population: str) -> tuple[Floats, Ints]:
    """Spike times (s) and the numbers of their trains, from 0, both shape (spikes,).

    A .npz with `time` and `train`; a .csv with these two columns; an .nwb with a table of units, each a train, of those
    with this `population` where that is not empty; an .h5 of SONATA's spikes, each node a train, of this population, or
    of the only one.

    Raises
    ------
    InputError
        As `course`.
    """
    return _trains(path, population, _stamp(path))


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read {brief(path)}: there is no such file") from error
    if found.st_size > LONGEST_FILE:
        raise InputError(f"{brief(path)} is longer than {LONGEST_FILE:,} bytes")
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _course(path: str, _stamped: tuple[int, int]) -> tuple[Floats, Floats]:
    if Path(path).suffix not in (".npy", ".csv"):
        raise InputError(f"found {brief(path)}; wanted a .npy or a .csv")
    table = _read(path, _array if path.endswith(".npy") else _csv)
    if table.ndim != 2 or table.shape[1] < 2 or len(table) < 2:
        raise InputError(
            f"{brief(path)}: found the shape {table.shape}; wanted rows of a time (s) and values, two at least"
        )
    time = table[:, 0]
    if not np.isfinite(table).all() or time[0] < 0 or (np.diff(time) <= 0).any():
        raise InputError(f"{brief(path)}: wanted finite numbers, and times (s) that ascend from 0 or later")
    return time, table[:, 1:]


@lru_cache(maxsize=8)
def _trains(path: str, population: str, _stamped: tuple[int, int]) -> tuple[Floats, Ints]:
    readers = {".npz": _npz, ".csv": _csv_trains, ".nwb": _nwb, ".h5": _sonata}
    if Path(path).suffix not in readers:
        raise InputError(f"found {brief(path)}; wanted a .npz, a .csv, an .nwb or an .h5")
    time, train = _read(path, lambda name: readers[Path(path).suffix](name, population))
    if time.shape != train.shape or time.ndim != 1:
        raise InputError(f"{brief(path)}: found shapes {time.shape} and {train.shape}; wanted a train for every time")
    numbered = (train >= 0) & (train < MOST_TRAINS) & (train == np.floor(train))  # of nan none holds
    if not np.isfinite(time).all() or not numbered.all():
        raise InputError(f"{brief(path)}: wanted finite times, and trains numbered from 0: time (s) first, then train")
    return time, train.astype(np.int64)


def _read(path: str, reader: Any) -> Any:
    try:
        return reader(path)
    except InputError:
        raise
    except Exception as error:  # a damaged file fails in many ways
        why = shortened(" ".join(str(error).split()), 120) or type(error).__name__
        raise InputError(f"cannot read {brief(path)}: {why}") from error


def _array(path: str) -> Floats:
    return np.asarray(np.load(path, allow_pickle=False), dtype=float)


def _csv(path: str) -> Floats:
    with Path(path).open(encoding="utf-8-sig") as file:  # some programs begin a file with a byte order mark
        try:
            float(file.readline().split(",")[0])
            head = 0
        except ValueError:  # names of columns
            head = 1
    return np.loadtxt(path, delimiter=",", skiprows=head, ndmin=2, encoding="utf-8-sig")


def _csv_trains(path: str, _: str) -> tuple[Floats, Floats]:
    table = _csv(path)
    if table.shape[1] != 2:
        raise InputError(f"{brief(path)}: found {table.shape[1]} columns; wanted time (s) and train")
    return table[:, 0], table[:, 1]


def _npz(path: str, _: str) -> tuple[Floats, Floats]:
    with np.load(path, allow_pickle=False) as file:
        if missing := {"time", "train"}.difference(file.files):
            raise InputError(f"{brief(path)} has no {min(missing)!r}; it has {shortened(', '.join(file.files), 60)}")
        return np.asarray(file["time"], dtype=float), np.asarray(file["train"], dtype=float)


def _sonata(path: str, population: str) -> tuple[Floats, Ints]:
    import h5py

    with h5py.File(path, "r") as file:
        if "spikes" not in file:
            raise InputError(f"{brief(path)} has no group of spikes, as SONATA's files have")
        known = list(file["spikes"])
        if not population and len(known) > 1:
            listed = shortened(", ".join(known), 200)
            raise InputError(f"{brief(path)} has spikes of {listed}; wanted units = one of them")
        if (population or known[0]) not in known:
            raise InputError(
                f"{brief(path)} has no spikes of {brief(population)}; it has {shortened(', '.join(known), 200)}"
            )
        group = file["spikes"][population or known[0]]
        scale = {"ms": 1e-3, "s": 1.0}[str(group["timestamps"].attrs.get("units", "ms"))]
        return np.asarray(group["timestamps"], dtype=float) * scale, np.asarray(group["node_ids"], dtype=np.int64)


def _nwb(path: str, population: str) -> tuple[Floats, Ints]:
    import h5py

    with h5py.File(path, "r") as file:
        if "units" not in file or "spike_times" not in file["units"]:
            raise InputError(f"{brief(path)} has no table of units with spike times")
        units = file["units"]
        ends, times = np.asarray(units["spike_times_index"]), np.asarray(units["spike_times"], dtype=float)
        train = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        if not population:
            return times, train
        if "population" not in units:
            raise InputError(f"{brief(path)}: its units say no population; wanted units = ''")
        mine = np.asarray(units["population"].asstr()[:]) == population
        if not mine.any():
            raise InputError(f"{brief(path)} has no units of {brief(population)}")
        kept = mine[train]
        return times[kept], (np.cumsum(mine) - 1)[train[kept]]
