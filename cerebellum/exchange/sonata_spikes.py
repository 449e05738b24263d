"""Spikes in SONATA files: of each population the times (ms) and the cells, ordered by time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cerebellum.activity.spikes import Spikes
from cerebellum.clock import NANOSECOND, nearest
from cerebellum.errors import InputError, shortened
from cerebellum.exchange.sonata import in_memory

SORTING = {"none": 0, "by_id": 1, "by_time": 2}


def write_spikes(spikes: Mapping[str, Spikes], path: str | Path) -> None:
    """Write the spikes of every population into one file."""
    import h5py

    with in_memory(Path(path)) as file:
        file.create_group("spikes")
        for name, train in spikes.items():
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", SORTING["by_time"], dtype=h5py.enum_dtype(SORTING, basetype=np.uint8))
            order = np.lexsort((train.cell, train.time))
            times = nearest(train.time[order], train.dt) * (train.dt * 1e3)
            group.create_dataset("timestamps", data=times).attrs["units"] = "ms"
            group.create_dataset("node_ids", data=train.cell[order].astype(np.uint64))


def read_spikes(path: str | Path, dt: float = NANOSECOND) -> dict[str, Spikes]:
    """Spikes of every population of a SONATA file, each in the step of `dt` (s) nearest to its time.

    Raises
    ------
    InputError
        If it holds no spikes, or cannot be read.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return {name: _train(file[f"spikes/{name}"], dt) for name in file["spikes"]}
    except (OSError, KeyError, ValueError, TypeError) as error:
        why = shortened(" ".join(str(error).split()), 120)
        raise InputError(f"{path}: no SONATA file of spikes ({why}); wanted /spikes/POPULATION/timestamps") from error


def _train(group: Any, dt: float) -> Spikes:
    times = np.asarray(group["timestamps"][:], dtype=float)
    cells = np.asarray(group["node_ids"][:]).astype(np.int32)
    if times.shape != cells.shape:
        raise ValueError(f"{len(times)} times and {len(cells)} cells")
    order = np.lexsort((cells, times))
    return Spikes(nearest(times[order] * 1e-3, dt) * dt, cells[order], dt)
