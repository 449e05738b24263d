"""Records of single cells in NWB: intracellular series with an electrode each, conductances, weights and rates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cerebellum.activity.recording import Recording
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


def add(file: NWBFile, records: Mapping[str, Recording]) -> None:
    """Put the records into a file."""
    from pynwb import TimeSeries
    from pynwb.icephys import CurrentClampSeries

    device: Any = None
    for name, record in records.items():
        clock: Any = {"timestamps": record.time}
        for key, values in record.values.items():
            told = json.dumps(_told(name, key, record))
            if key == "voltage":
                device = device or file.create_device(name="simulation", description="no device: a simulation")
                for column, cell in enumerate(record.cells.tolist()):
                    title = f"{record.population}_{cell}"
                    electrode = file.icephys_electrodes.get(title) if file.icephys_electrodes else None
                    electrode = electrode or file.create_icephys_electrode(
                        name=title,
                        device=device,
                        description=f"cell {cell} of {record.population}, its membrane voltage",
                    )
                    series = CurrentClampSeries(
                        name=f"{name}.voltage.{cell}", data=_packed(values[:, column]), unit="volts",
                        electrode=electrode, gain=1.0, comments=told, **clock,
                    )  # fmt: skip
                    clock = {"timestamps": series}  # one copy of the times serves all
                    file.add_acquisition(series)
                continue
            module, text = MODULES[key.split(".")[0]]
            place = file.processing.get(module) or file.create_processing_module(name=module, description=text)
            series = TimeSeries(
                name=f"{name}.{key}", data=_packed(values), unit=record.units[key], comments=told, **clock
            )
            clock = {"timestamps": series}
            place.add(series)


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
            told = json.loads(series.comments)
            name, key = told["record"], told["quantity"]
        except (ValueError, TypeError, KeyError):
            continue
        one = found.setdefault(
            name, {"told": told, "time": np.asarray(series.timestamps[:]), "values": {}, "units": {}}
        )
        data = np.asarray(series.data[:])
        one["values"].setdefault(key, []).append(data[:, None] if data.ndim == 1 else data)
        one["units"][key] = series.unit
    return {name: _recording(one) for name, one in found.items()}


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
