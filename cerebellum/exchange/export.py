"""A folder for other simulators: the network in SONATA, what drives it, the cells in NESTML, a script for NEST."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import cerebellum
from cerebellum.activity.spikes import Spikes
from cerebellum.connectome.connectome import Connectome
from cerebellum.exchange import nestml, run_on_nest, sonata
from cerebellum.exchange.sonata_reader import DESCRIPTION
from cerebellum.exchange.sonata_spikes import write_spikes
from cerebellum.experiment.schedule import Schedule
from cerebellum.machine.progress import Progress, silent
from cerebellum.results.folder import Kind, whole_folder, write_json

INPUT, OUTPUT = "input/spikes.h5", "output/spikes.h5"
SIMULATION = "simulation_config.json"
SCRIPT = "run_on_nest.py"
NAMES = (DESCRIPTION, "circuit_config.json", SIMULATION, "node_sets.json", "network", "components", "input", "output",
         "nestml", SCRIPT)  # fmt: skip
EXPORT = Kind("export", DESCRIPTION, NAMES, "no export")


def export(
    connectome: Connectome,
    out: str | Path,
    *,
    schedule: Schedule | None = None,
    spikes: Mapping[str, Spikes] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> list[str]:
    """Write a network as a SONATA folder, whole or not at all.

    Parameters
    ----------
    schedule : what drives it: the spikes of its outside fibres go into `input/`, with a configuration of the simulation
    spikes : of a finished run; go into `output/`

    Returns
    -------
    What SONATA cannot hold of this network and schedule, one entry a kind; also under `left_out` in model.json.

    Raises
    ------
    InputError
        If `out` exists and `force` is false, or is anything but an export.
    """
    lost = left_out(connectome, schedule)
    with whole_folder(Path(out), force, EXPORT) as part:
        sonata.write_network(connectome, part, progress)
        sets = {name: {"population": name} for name in sonata.sizes(connectome)}
        write_json(part / "node_sets.json", sets)
        if schedule is not None:
            (part / INPUT).parent.mkdir()
            write_spikes(driven(connectome, schedule), part / INPUT)
            write_json(part / SIMULATION, _simulation(connectome, schedule))
        if spikes is not None:
            (part / OUTPUT).parent.mkdir()
            write_spikes(spikes, part / OUTPUT)
        nestml.write(connectome, part / "nestml")
        shutil.copyfile(run_on_nest.__file__, part / SCRIPT)
        write_json(
            part / DESCRIPTION,
            {
                "format": "cerebellum export, SONATA 0.1",
                "version": cerebellum.__version__,
                "seed": connectome.seed,
                "left_out": lost,
                "model": connectome.circuit.model_dump(mode="json", by_alias=True),
            },
        )
    return lost


def left_out(connectome: Connectome, schedule: Schedule | None = None) -> list[str]:
    """What the files do not say: things that SONATA has no word for, and cells that NEST has no model of."""
    return list(_left_out(connectome, schedule))


def _left_out(connectome: Connectome, schedule: Schedule | None) -> Iterator[str]:
    projections = connectome.circuit.projection.items()
    kinds = {
        "plasticity of": [name for name, projection in projections if projection.plasticity is not None],
        "short-term plasticity of": [name for name, projection in projections if projection.release],
        "gap junctions": list(connectome.gaps),
    }
    for noun, names in kinds.items():
        if names:
            yield f"{noun} {', '.join(names)}"
    for name, cells in sonata.populations(connectome).items():
        if not cells.known:
            yield f"{name}: NEST has no model of its {connectome.circuit.population[name].cell!r} cells and receptors"
    if schedule is not None and schedule.currents:
        yield f"currents into {', '.join(schedule.currents)}"
    if schedule is not None and schedule.lesion:
        yield f"lesions {', '.join(schedule.lesion)}"
    if schedule is not None and (apart := {trial.block: None for trial in schedule.trials if trial.independent}):
        yield f"independent trials of {', '.join(apart)}: one begins where the one before ended"
    if schedule is not None and schedule.loop is not None:
        yield f"what a closed loop sends into {', '.join(schedule.loop.drive)}"


def driven(connectome: Connectome, schedule: Schedule) -> dict[str, Spikes]:
    """Spikes of every virtual population, by its name in the files."""
    circuit, found = connectome.circuit, {}
    for name, events in schedule.events.items():
        key = name if circuit.population[name].afferent is None else sonata.afferent(name)
        found[key] = Spikes(np.asarray(events.step * circuit.dt, dtype=np.float64), events.cell, circuit.dt)
    return found


def _simulation(connectome: Connectome, schedule: Schedule) -> dict[str, Any]:
    """The configuration of a simulation: time in ms."""
    given = driven(connectome, schedule)
    return {
        "manifest": {"$BASE": "."},
        "network": "$BASE/circuit_config.json",
        "run": {"tstart": 0.0, "tstop": schedule.duration * 1e3, "dt": connectome.circuit.dt * 1e3, "random_seed": 1},
        "node_sets_file": "$BASE/node_sets.json",
        "inputs": {
            name: {
                "input_type": "spikes",
                "module": "synapse_replay",
                "spike_file": f"$BASE/{INPUT}",
                "node_set": name,
                "delay": 0.0,
                "duration": schedule.duration * 1e3,
            }
            for name in given
        },
        "output": {"output_dir": "$BASE/output", "spikes_file": "spikes_of_nest.h5", "spikes_sort_order": "by_time"},
    }
