"""Spikes in NWB, the field's archive format: one row a cell with its population, one row a trial."""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity.spikes import Spikes
from cerebellum.clock import NANOSECOND
from cerebellum.machine import cache

if TYPE_CHECKING:
    from pynwb import NWBFile
    from pynwb.misc import Units

    from cerebellum.results.result import Result


def write_spikes(result: Result, path: Path) -> None:
    """Write all spikes and trials of a result.

    Cells that never fired are rows with no spike times, and every row says in which interval it was observed: so rates
    over all cells and the whole run can be computed from the file. `epochs` has that interval for readers which look
    for none in the units.
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
    file.units = _units(result)
    _add_trials(file, result)
    file.add_epoch(start_time=0.0, stop_time=result.schedule.duration, tags=["simulation"])
    # HDF5 crashes the process where the disk is full when it closes a file: written in memory, then as plain bytes.
    with (
        h5py.File(path.name, "w", driver="core", backing_store=False) as memory,
        NWBHDF5IO(file=memory, mode="w") as io,
    ):
        io.write(file)
        memory.flush()
        path.write_bytes(memory.id.get_file_image())


def _units(result: Result) -> Units:
    """One row a cell, population after population."""
    from pynwb import H5DataIO
    from pynwb.core import VectorData, VectorIndex
    from pynwb.misc import Units

    def packed(values: Any) -> H5DataIO:
        return H5DataIO(values, compression="gzip", compression_opts=2, shuffle=True)

    times, index, population, number = [], [], [], []
    total = 0
    for name, spikes in result.spikes.items():
        order = np.lexsort((spikes.time, spikes.cell))
        times.append(spikes.time[order])
        cells = result.circuit.size(name)
        ends = total + np.cumsum(np.bincount(spikes.cell, minlength=cells))
        index.append(ends)
        total = int(ends[-1])
        population += [name] * cells
        number.append(np.arange(cells))
    observed = np.tile([0.0, result.schedule.duration], (len(population), 1))
    spike_times = VectorData(
        name="spike_times", description="spike times in seconds", data=packed(np.concatenate(times))
    )
    intervals = VectorData(name="obs_intervals", description="the whole run, in seconds", data=packed(observed))
    columns = [
        spike_times,
        VectorIndex(name="spike_times_index", data=np.concatenate(index), target=spike_times),
        intervals,
        VectorIndex(name="obs_intervals_index", data=np.arange(1, len(population) + 1), target=intervals),
        VectorData(name="population", description="population of the cell", data=population),
        VectorData(name="cell", description="number of the cell in its population", data=np.concatenate(number)),
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


def _add_trials(file: NWBFile, result: Result) -> None:
    """One row a trial, with the times at which the stimuli of its block start in it."""
    protocol = result.protocol
    stimuli = list(dict.fromkeys(key for block in protocol.block.values() for key in block.stimulus))
    for column, text in (
        ("block", "block of the protocol"),
        ("role", "what the block is for"),
        ("shown", "number of the stored pattern or cue shown, -1 for none"),
        *(
            (f"{key}_start_time", f"start of the stimulus {key!r} in seconds, NaN of a trial without")
            for key in stimuli
        ),
    ):
        file.add_trial_column(column, text)
    for trial in result.schedule.trials:
        own = protocol.block[trial.block].stimulus
        starts = {
            f"{key}_start_time": trial.start + own[key].onset.si if key in own else float("nan") for key in stimuli
        }
        file.add_trial(
            start_time=trial.start,
            stop_time=trial.stop,
            block=trial.block,
            role=trial.role,
            shown=trial.pattern,
            **starts,
        )


def read_spikes(path: Path, dt: float = NANOSECOND) -> dict[str, Spikes]:
    """Spikes of every population of a file written by `write_spikes`, by an engine with the time step `dt` (s)."""
    _import_pynwb()
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(path), "r") as io:
        units = io.read().units
        population = np.asarray(units["population"].data[:], dtype=str)
        cell = np.asarray(units["cell"].data[:])
        ends = np.asarray(units["spike_times_index"].data[:])
        times = np.asarray(units["spike_times"].target.data[:])
    counts = np.diff(ends, prepend=0)
    names, cells = np.repeat(population, counts), np.repeat(cell, counts)
    out = {}
    for name in dict.fromkeys(population.tolist()):
        mine = names == name
        order = np.argsort(times[mine], kind="stable")
        out[name] = Spikes(times[mine][order], cells[mine][order].astype(np.int32), dt)
    return out


def _import_pynwb() -> None:
    """Import pynwb, which insists on a cache, and on one that no killed process has left half written."""
    with cache.lent():
        try:
            import pynwb
        except (EOFError, pickle.UnpicklingError):
            os.environ["PYNWB_NO_CACHE_DIR"] = "1"
            import pynwb

            pynwb.clear_cache_dir()
