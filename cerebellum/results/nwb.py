"""Spikes in NWB, the field's archive format: one row a cell with its population, one row a trial."""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity.recording import Recording
from cerebellum.activity.spikes import Spikes
from cerebellum.clock import NANOSECOND
from cerebellum.machine import cache
from cerebellum.results import nwb_records, trials
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from pynwb.epoch import TimeIntervals
    from pynwb.misc import Units

    from cerebellum.results.result import Result


STORED_PARTS = 64  # of a time step, by which a stored spike time is late at most


def write_spikes(result: Result, path: Path) -> None:
    """Write all spikes and trials of a result.

    Spike times are those of `stored`. Cells that never fired are rows with no spike times, and every row says in which
    interval it was observed: so rates over all cells and the whole run can be computed from the file. `epochs` has that
    interval for readers which look for none in the units.
    """
    _import_pynwb()
    import h5py
    from pynwb import NWBHDF5IO, NWBFile
    from pynwb.file import Subject

    title = result.circuit.title
    file = NWBFile(
        session_description=f"{result.protocol.title} on {title}",
        identifier=str(result.provenance["identifier"]),
        session_start_time=datetime.fromisoformat(str(result.provenance["started"])).astimezone(UTC),
        experiment_description=result.protocol.description,
        # No `keywords`: neo 0.14 opens no file that has any (its issue 1413).
        notes="Simulated spikes, no animal. Model, protocol, seed and versions are in run.json beside this file. "
        f"Keywords: simulation, cerebellum, spiking network, {title}, {result.protocol.title}.",
        source_script="cerebellum",
        source_script_file_name="run.json",
        # The format asks for an animal; the description says that there is none.
        subject=Subject(
            subject_id="simulation",
            description=f"No animal: a simulation of {title}. Species, sex and age only fill fields that are required.",
            species="Mus musculus",
            sex="U",
            age="P0D/",
        ),
    )
    if result.spikes:
        file.units = _units(result)
    nwb_records.add(file, result.records, result.circuit.dt)
    file.trials = _trials(trials.columns(result))
    file.add_epoch(start_time=0.0, stop_time=result.schedule.duration, tags=["simulation"])
    # HDF5 crashes the process where the disk is full when it closes a file: written in memory, then as plain bytes.
    with (
        h5py.File(path.name, "w", driver="core", backing_store=False) as memory,
        NWBHDF5IO(file=memory, mode="w") as io,
    ):
        io.write(file)
        memory.flush()
        path.write_bytes(memory.id.get_file_image())


def stored(time: Floats, dt: float) -> Floats:
    """Times (s) on the next multiple of a power of 1/2 that is at most 1/64 of the time step: short numbers.

    A multiple of 0.1 ms fills all digits of a double, of which six bytes of eight remain when compressed; of these two.
    As none moves to before its own step's begin, every [start, stop) on the grid of steps holds the same spikes.
    """
    fine = 2.0 ** np.ceil(np.log2(STORED_PARTS / dt))
    return np.asarray(np.ceil(time * fine) / fine, dtype=np.float64)


def _units(result: Result) -> Units:
    """One row a cell, population after population."""
    from pynwb import H5DataIO
    from pynwb.core import VectorData, VectorIndex
    from pynwb.misc import Units

    def packed(values: Any) -> H5DataIO:
        return H5DataIO(values, compression="gzip", compression_opts=2, shuffle=True, chunks=True)

    times, index, population, cell = [], [], [], []
    total = 0
    for name, spikes in result.spikes.items():
        order = np.lexsort((spikes.time, spikes.cell))
        times.append(stored(spikes.time[order], result.circuit.dt))
        cells = result.circuit.size(name)
        ends = total + np.cumsum(np.bincount(spikes.cell, minlength=cells))
        index.append(ends)
        total = int(ends[-1])
        population += [name] * cells
        cell.append(np.arange(cells))
    observed = np.tile([0.0, result.schedule.duration], (len(population), 1))
    said = f"spike times in seconds: begins of time steps, up to 1/{STORED_PARTS} of one later"
    spike_times = VectorData(name="spike_times", description=said, data=packed(np.concatenate(times)))
    intervals = VectorData(name="obs_intervals", description="the whole run, in seconds", data=packed(observed))
    columns = [
        spike_times,
        VectorIndex(name="spike_times_index", data=np.concatenate(index), target=spike_times),
        intervals,
        VectorIndex(name="obs_intervals_index", data=np.arange(1, len(population) + 1), target=intervals),
        VectorData(name="population", description="population of the cell", data=population),
        VectorData(name="cell", description="number of the cell in its population", data=packed(np.concatenate(cell))),
    ]
    if result.connectome is not None and result.connectome.positions:
        places = np.concatenate([result.connectome.positions[name] for name in result.spikes])
        columns += [
            VectorData(name=axis, description=f"{axis} of the soma's centre in metres", data=packed(places[:, column]))
            for column, axis in enumerate("xyz")
        ]
    return Units(
        name="units", description="simulated cells", columns=columns, resolution=float(result.circuit.time_step.si)
    )


DESCRIBED = {
    "start_time": "begin of the trial, in seconds",
    "stop_time": "end of the trial, without the interval after it, in seconds",
    "block": "block of the protocol",
    "kind": "kind of trial",
    "role": "what the block is for",
    "shown": "number of the stored pattern or cue shown, -1 for none",
}


def _trials(table: dict[str, list[Any]]) -> TimeIntervals:
    """The trials with the columns of trials.csv; what a trial has not is nan."""
    from pynwb.core import VectorData
    from pynwb.epoch import TimeIntervals

    named = {"start_time": table["start"], "stop_time": table["stop"]}
    named |= {key: values for key, values in table.items() if key not in ("trial", "start", "stop")}
    columns = [VectorData(name=key, description=_meaning(key), data=values) for key, values in named.items()]
    return TimeIntervals(name="trials", description="trials of the protocol", columns=columns)


def _meaning(column: str) -> str:
    if column.startswith("onset."):
        return "begin of this stimulus, in seconds; nan where the trial has none"
    return (DESCRIBED | trials.RESPONSES).get(column, "mean rate of the population in this window of the trial, in Hz")


def read_spikes(path: Path, dt: float = NANOSECOND) -> dict[str, Spikes]:
    """Spikes of every population of a file written by `write_spikes`, by an engine with the time step `dt` (s)."""
    _import_pynwb()
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(path), "r") as io:
        units = io.read().units
        if units is None:
            return {}
        population = np.asarray(units["population"].data[:], dtype=str)
        cell = np.asarray(units["cell"].data[:])
        ends = np.asarray(units["spike_times_index"].data[:])
        times = np.asarray(units["spike_times"].target.data[:])
        if units.resolution:  # of a file of ours: on the grid of steps again
            times = np.rint(times / units.resolution) * units.resolution
    counts = np.diff(ends, prepend=0)
    names, cells = np.repeat(population, counts), np.repeat(cell, counts)
    out = {}
    for name in dict.fromkeys(population.tolist()):
        mine = names == name
        order = np.argsort(times[mine], kind="stable")
        out[name] = Spikes(times[mine][order], cells[mine][order].astype(np.int32), dt)
    return out


def read_records(path: Path) -> dict[str, Recording]:
    """Records of cells and synapses of a file written by `write_spikes`."""
    _import_pynwb()
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(path), "r") as io:
        return nwb_records.read(io.read())


def _import_pynwb() -> None:
    """Import pynwb, which insists on a cache, and on one that no killed process has left half written."""
    with cache.lent():
        try:
            import pynwb
        except (EOFError, pickle.UnpicklingError):
            os.environ["PYNWB_NO_CACHE_DIR"] = "1"
            import pynwb

            pynwb.clear_cache_dir()
