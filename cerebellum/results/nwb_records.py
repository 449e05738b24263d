"""Records of single cells in NWB: intracellular series with an electrode each, conductances, weights and rates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity.recording import Recording
from cerebellum.clock import NANOSECOND
from cerebellum.typing import Floats

if TYPE_CHECKING:
    from pynwb import NWBFile, TimeSeries

MODULES = {
    "conductance": ("receptors", "conductances and currents of receptors"),
    "current": ("receptors", "conductances and currents of receptors"),
    "adaptation": ("receptors", "conductances and currents of receptors"),
    "weight": ("synapses", "weights of synapses that learn"),
    "rate": ("rates", "mean rates of populations"),
}
"""Quantity -> processing module and what is in it; voltages are acquisitions, each with its electrode."""

COLUMNS = "what the columns are: "
"""Before the JSON of a series' comments: neo takes comments that are JSON for its own, and wants its block there."""


def add(file: NWBFile, records: Mapping[str, Recording], dt: float) -> None:
    """Put the records into a file; `dt` is the time step (s), in whole ones of which their samples lie."""
    from pynwb import TimeSeries
    from pynwb.icephys import CurrentClampSeries

    device: Any = None
    for name, record in records.items():
        clock = _clock(record.time, dt)
        for key, values in record.values.items():
            told = COLUMNS + json.dumps(_told(name, key, record) | {"time_step": dt})
            if key == "voltage":
                device = device or file.create_device(name="simulation", description="no device: a simulation")
                for column, cell in enumerate(record.cells.tolist()):
                    title = f"{record.population}_{cell}"
                    electrode = file.icephys_electrodes.get(title) if file.icephys_electrodes else None
                    electrode = electrode or file.create_icephys_electrode(
                        name=title,
                        device=device,
                        description=f"cell {cell} of {record.population}, its membrane voltage",
                        cell_id=title,
                    )
                    series = CurrentClampSeries(
                        name=f"{name}.voltage.{cell}", data=_packed(values[:, column]), unit="volts",
                        description=f"membrane voltage of cell {cell} of {record.population}",
                        electrode=electrode, gain=1.0, comments=told, **clock,
                    )  # fmt: skip
                    clock = _shared(clock, series)
                    file.add_acquisition(series)
                continue
            module, text = MODULES[key.split(".")[0]]
            place = file.processing.get(module) or file.create_processing_module(name=module, description=text)
            series = TimeSeries(
                name=f"{name}.{key}", data=_packed(values), unit=record.units[key], comments=told,
                description=_described(key, record), **clock,
            )  # fmt: skip
            clock = _shared(clock, series)
            place.add(series)


def _clock(time: Floats, dt: float) -> dict[str, Any]:
    """Begin and rate (Hz) of samples that are equally far apart throughout; the times of all others."""
    steps = np.rint(time / dt)
    apart = np.unique(np.diff(steps))
    if len(apart) == 1 and apart[0] > 0 and np.allclose(steps * dt, time, rtol=0, atol=NANOSECOND):
        return {"starting_time": float(time[0]), "rate": float(1 / (apart[0] * dt))}
    return {"timestamps": time}


def _shared(clock: dict[str, Any], series: TimeSeries) -> dict[str, Any]:
    """The clock for the next series of a record: one copy of the times serves all."""
    return {"timestamps": series} if "timestamps" in clock else clock


def _described(key: str, record: Recording) -> str:
    quantity, _, receptor = key.partition(".")
    if quantity == "rate":
        return f"mean rate of {len(record.cells)} cells of {record.population}"
    if quantity == "weight":
        return f"weights of synapses of {record.projection}, a column a synapse"
    of = f" of receptor {receptor}" if receptor else ""
    return f"{quantity}{of} in cells of {record.population}, a column a cell"


def _packed(values: Floats) -> Any:
    from pynwb import H5DataIO

    return H5DataIO(values, compression="gzip", compression_opts=2, shuffle=True) if values.size else values


def _told(name: str, key: str, record: Recording) -> dict[str, Any]:
    """What a series cannot say otherwise: which cells or synapses its columns are."""
    told: dict[str, Any] = {"record": name, "quantity": key, "population": record.population}
    told["cells"] = record.cells.tolist()
    if record.sources is not None:
        told |= {"projection": record.projection, "sources": record.sources.tolist()}
    return told


def read(file: NWBFile) -> dict[str, Recording]:
    """What `add` has put into a file; other series are left alone."""
    found: dict[str, dict[str, Any]] = {}
    for series in _series(file):
        try:
            # Runs from before neo could read them have the JSON alone.
            told = json.loads((series.comments or "").removeprefix(COLUMNS))
            name, key = told["record"], told["quantity"]
        except (ValueError, TypeError, KeyError):
            continue
        one = found.setdefault(name, {"told": told, "time": _time(series, told), "values": {}, "units": {}})
        data = np.asarray(series.data[:])
        one["values"].setdefault(key, []).append(data[:, None] if data.ndim == 1 else data)
        one["units"][key] = series.unit
    return {name: _recording(one) for name, one in found.items()}


def _time(series: TimeSeries, told: Mapping[str, Any]) -> Floats:
    """Times of the samples (s); those told by a rate are on the grid of time steps again."""
    if series.timestamps is not None:
        return np.asarray(series.timestamps[:])
    dt = told["time_step"]
    time = series.starting_time + np.arange(len(series.data)) / series.rate
    return np.asarray(np.rint(time / dt) * dt)


def _series(file: NWBFile) -> Iterator[TimeSeries]:
    # By the cell's number, as the columns are ordered; names alone would put cell 10 before cell 2.
    yield from sorted(file.acquisition.values(), key=lambda one: int(one.name.rpartition(".")[2] or -1))
    for module, _ in dict.fromkeys(MODULES.values()):
        if module in file.processing:
            yield from file.processing[module].data_interfaces.values()


def _recording(one: dict[str, Any]) -> Recording:
    told, sources = one["told"], one["told"].get("sources")
    return Recording(
        told["population"],
        np.array(told["cells"], dtype=np.int64),
        one["time"],
        {key: np.concatenate(parts, axis=1) for key, parts in one["values"].items()},
        one["units"],
        None if sources is None else np.array(sources, dtype=np.int64),
        told.get("projection", ""),
    )
