"""Run the SONATA network in this folder on NEST, and say how fast its populations fire.

    python run_on_nest.py --threads 4
    mpirun -n 4 python run_on_nest.py           (where NEST was built with MPI; each process writes a file of its own)

Reads the files itself, so NEST needs no HDF5; wants numpy, h5py and nest-simulator (written for 3.10). E-GLIF cells are
no model of NEST's: build them from nestml/ first, and give the module's name by --module. Weights stay as they are.

NEST stamps a spike with the end of the step in which its cell crosses threshold, `cerebellum` with its begin: times
are shifted by a step on the way in and out.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

SLICE = 1_000_000  # synapses connected at a time


def main() -> None:
    """Build, run, write the spikes, print the rates."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent, help="the export")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seed", type=int, default=1, help="of what NEST draws; nothing if cells have no noise")
    arguments.add_argument("--module", help="of cells built by NESTML, as nest.Install takes it")
    arguments.add_argument("--tstop", type=float, help="ms; default as simulation_config.json says")
    arguments.add_argument("--skip", type=float, default=0.0, help="ms at the start that rates leave out")
    arguments.add_argument("--out", type=Path, help="file of spikes; default output/spikes_of_nest.h5")
    given = arguments.parse_args()
    config = _json(given.folder / "simulation_config.json")
    dt, tstop = config["run"]["dt"], given.tstop or config["run"]["tstop"]
    if given.skip >= tstop:
        sys.exit(f"--skip {given.skip:g}: wanted less than the {tstop:g} ms of the run")
    nest = _nest(dt, given.threads, given.seed, given.module)
    nodes = _create(nest, given.folder, _inputs(given.folder, config, dt, tstop))
    synapses = _connect(nest, given.folder, nodes, dt)
    recorders = {}
    for name, cells in nodes.items():
        if "spike_generator" not in str(cells.model):
            recorders[name] = nest.Create("spike_recorder")
            nest.Connect(cells, recorders[name])
    rank, ranks = nest.Rank(), nest.NumProcesses()
    print(f"{sum(len(cells) for cells in nodes.values())} nodes, {synapses} synapses; running {tstop:g} ms", flush=True)
    nest.Simulate(tstop)
    spikes = {name: _recorded(recorder, nodes[name], dt) for name, recorder in recorders.items()}
    out = given.out or given.folder / "output" / "spikes_of_nest.h5"
    _write(spikes, out if ranks == 1 else out.with_stem(f"{out.stem}-{rank}"))
    _print_rates(spikes, {name: len(nodes[name]) for name in spikes}, given.folder, given.skip, tstop)


def _nest(dt: float, threads: int, seed: int, module: str | None) -> Any:
    import nest

    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    if module:
        nest.Install(module)
    nest.SetKernelStatus({"resolution": dt, "local_num_threads": threads, "rng_seed": seed})
    return nest


def _json(path: Path) -> Any:
    if not path.is_file():
        sys.exit(f"{path} is missing; export again with --protocol, which says what drives the network")
    return json.loads(path.read_text(encoding="utf-8"))


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=" "))


def _inputs(folder: Path, config: Any, dt: float, tstop: float) -> dict[str, tuple[Any, Any]]:
    """Times (ms, as NEST stamps them) and cells of the spikes that are given, of every virtual population."""
    import h5py

    found = {}
    for name, one in config["inputs"].items():
        with h5py.File(folder / one["spike_file"].removeprefix("$BASE/"), "r") as file:
            group = file[f"spikes/{name}"]
            steps = np.rint(group["timestamps"][:] / dt).astype(np.int64) + 1
            inside = steps * dt <= tstop
            found[name] = steps[inside] * dt, group["node_ids"][:][inside].astype(np.int64)
    return found


def _create(nest: Any, folder: Path, inputs: dict[str, tuple[Any, Any]]) -> dict[str, Any]:
    """Node populations in the order of their types; fibres whose spikes are given are generators."""
    import h5py

    nodes = {}
    with h5py.File(folder / "network" / "nodes.h5", "r") as file:
        for row in _table(folder / "network" / "node_types.csv"):
            name, group = row["population"], file[f"nodes/{row['population']}"]
            size = len(group["node_type_id"])
            if row["model_type"] == "virtual":
                nodes[name] = nest.Create("spike_generator", size)
                times, cells = inputs.get(name, (np.empty(0), np.empty(0, int)))
                order = np.lexsort((times, cells))
                ends = np.searchsorted(cells[order], np.arange(size + 1))
                trains = [times[order][ends[cell] : ends[cell + 1]] for cell in range(size)]
                nodes[name].set([{"spike_times": train} for train in trains])
                continue
            model = row["model_template"].removeprefix("nest:")
            if model not in nest.node_models:
                sys.exit(f"NEST has no cells {model!r}; build them from nestml/ and give the module's name by --module")
            same = _json(folder / "components" / "cells" / row["dynamics_params"])
            nodes[name] = nest.Create(model, size, same)
            each = {key: values[:] for key, values in group["0"].get("dynamics_params", {}).items()}
            if each:
                nodes[name].set([dict(zip(each, row, strict=True)) for row in zip(*each.values(), strict=True)])
    return nodes


def _connect(nest: Any, folder: Path, nodes: dict[str, Any], dt: float) -> int:
    """Synapses of every edge population, a slice at a time; their number."""
    import h5py

    first = {name: int(cells[0].global_id) for name, cells in nodes.items()}
    ports = {name: _ports(nest, cells) for name, cells in nodes.items()}
    total = 0
    with h5py.File(folder / "network" / "edges.h5", "r") as file:
        for name, group in file["edges"].items():
            source, target = (group[f"{end}_node_id"].attrs["node_population"] for end in ("source", "target"))
            number = len(group["source_node_id"])
            for begin in range(0, number, SLICE):
                part = slice(begin, min(begin + SLICE, number))
                pre = group["source_node_id"][part].astype(np.int64) + first[source]
                post = group["target_node_id"][part].astype(np.int64) + first[target]
                delay = group["0/delay"][part]
                if delay.min() < dt:
                    print(f"{name}: delays below the step of {dt:g} ms are a step: NEST has none shorter")
                spec = {"weight": group["0/syn_weight"][part], "delay": np.maximum(delay, dt)}
                if port := int(group["0/receptor_type"][begin]):
                    spec["receptor_type"] = np.full(len(pre), ports[target].get(port, port))
                nest.Connect(pre, post, "one_to_one", {"synapse_model": "static_synapse", **spec})
            total += number
    return total


def _ports(nest: Any, cells: Any) -> dict[int, int]:
    """Our receptor's number -> NEST's, of cells built by NESTML, which number their ports themselves."""
    known = nest.GetDefaults(cells[0].get("model")).get("receptor_types", {})
    return {int(key.rpartition("_")[2]): port for key, port in known.items() if key.startswith("SPIKES_")}


def _recorded(recorder: Any, cells: Any, dt: float) -> tuple[Any, Any]:
    """Times (ms, as `cerebellum` stamps them) and cells of this process's spikes, ordered by time."""
    events = recorder.get("events")
    times = np.rint(np.asarray(events["times"]) / dt).astype(np.int64) - 1
    who = np.asarray(events["senders"]) - int(cells[0].global_id)
    order = np.lexsort((who, times))
    return times[order] * dt, who[order]


def _write(spikes: dict[str, tuple[Any, Any]], path: Path) -> None:
    import h5py

    path.parent.mkdir(exist_ok=True)
    sorting = h5py.enum_dtype({"none": 0, "by_id": 1, "by_time": 2}, basetype=np.uint8)
    with h5py.File(path, "w") as file:
        for name, (times, cells) in spikes.items():
            group = file.create_group(f"spikes/{name}")
            group.attrs.create("sorting", 2, dtype=sorting)
            group.create_dataset("timestamps", data=times).attrs["units"] = "ms"
            group.create_dataset("node_ids", data=cells.astype(np.uint64))


def _print_rates(
    spikes: dict[str, tuple[Any, Any]], sizes: dict[str, int], folder: Path, skip: float, tstop: float
) -> None:
    """Mean rates (Hz) from `skip` to `tstop`, beside those of `cerebellum` where the export has its spikes."""
    import h5py

    def rate(times: Any, cells: int) -> float:
        return float(((times >= skip) & (times < tstop)).sum() / cells / (tstop - skip) * 1e3)

    ours, kept = {}, folder / "output" / "spikes.h5"
    if kept.is_file():
        with h5py.File(kept, "r") as file:
            ours = {name: rate(group["timestamps"][:], sizes[name]) for name, group in file["spikes"].items()
                    if name in sizes}  # fmt: skip
    print(f"{'population':20s} {'cells':>7s} {'NEST, Hz':>10s}" + ("  cerebellum, Hz" if ours else ""))
    for name, (times, _) in spikes.items():
        beside = f"{ours[name]:16.3f}" if name in ours else ""
        print(f"{name:20s} {sizes[name]:7d} {rate(times, sizes[name]):10.3f}{beside}")


if __name__ == "__main__":
    main()
