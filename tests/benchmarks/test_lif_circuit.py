"""The LIF benchmark circuit through this engine and through a plain Brian2 script of the same arrays.

    python -m tests.benchmarks.test_lif_circuit      one markdown row each: s per biological second, spikes

The script is what a Brian2 user would write: C++ standalone, `method='exact'`, scalar delays, Brian2's own build. Both
run the same connectome, the same input spikes and the same start voltages, so their spikes must agree.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cerebellum.connectome import connectome
from cerebellum.description.circuit import Circuit, load_model
from cerebellum.experiment.schedule import Events, Schedule, Trial

MODEL = str(Path(__file__).with_name("lif_circuit.toml"))
SECONDS = 2.0
DELAY = 1e-3


def case() -> tuple[connectome.Connectome, Schedule]:
    """Mossy fibres at 4 Hz, a random quarter bursting (150 Hz, 50 ms) every 200 ms; climbing fibres at 1 Hz."""
    circuit = load_model(MODEL)
    rng = np.random.default_rng(7)
    steps = round(SECONDS / circuit.dt)
    rate = np.full((circuit.size("mossy_fiber"), steps), 4.0, dtype=np.float32)
    for start in range(500, steps, 2000):
        rate[rng.choice(len(rate), len(rate) // 4, replace=False), start : start + 500] = 150.0
    fired = np.nonzero((rng.random(rate.shape, dtype=np.float32) < rate * circuit.dt).T)
    taught = np.nonzero(rng.random((steps, circuit.size("inferior_olive")), dtype=np.float32) < 1.0 * circuit.dt)
    events = {
        "mossy_fiber": Events(fired[0], fired[1].astype(np.int32)),
        "inferior_olive": Events(taught[0], taught[1].astype(np.int32)),
    }
    schedule = Schedule([Trial("run", "other", 0.0, SECONDS, (0.0, SECONDS), False)], events, SECONDS)
    return connectome.sample(circuit, 7), schedule


def hand_written(wired: connectome.Connectome, schedule: Schedule) -> tuple[dict[str, int], float]:
    """Spike counts of the plain script, and the time of its run (s), without building."""
    import brian2 as b2

    with tempfile.TemporaryDirectory() as folder:
        b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b2.get_device().reinit()
        b2.get_device().activate(directory=folder, build_on_run=False)
        b2.defaultclock.dt = wired.circuit.dt * b2.second
        monitors = script(b2, wired, schedule)
        b2.get_device().build(directory=folder, compile=True, run=True, with_output=False)
        counts = {name: int(monitor.num_spikes) for name, monitor in monitors.items()}
        taken = float(b2.get_device()._last_run_time)
        b2.get_device().reinit()
        b2.set_device("runtime")
    return counts, taken


def script(b2: Any, wired: connectome.Connectome, schedule: Schedule) -> dict[str, Any]:
    """The circuit as a Brian2 user would write it, run on the device that is set; its spike monitors."""
    groups: dict[str, Any] = {}
    for name in wired.circuit.population:
        groups[name] = _group(b2, wired, schedule, name)
    synapses = []
    for name, projection in wired.circuit.projection.items():
        edges = wired.edges[name]
        size = projection.weight.si * b2.amp  # type: ignore[union-attr]
        made = b2.Synapses(
            groups[projection.source], groups[projection.target], on_pre=f"I_{projection.receptor}_post += weight",
            delay=DELAY * b2.second, namespace={"weight": size}, name=name,
        )  # fmt: skip
        made.connect(i=edges.pre, j=edges.post)
        synapses.append(made)
    monitors = {name: b2.SpikeMonitor(group, name=f"spikes_{name}") for name, group in groups.items()}
    b2.Network(*groups.values(), *synapses, *monitors.values()).run(schedule.duration * b2.second)
    return monitors


def _group(b2: Any, wired: connectome.Connectome, schedule: Schedule, name: str) -> Any:
    circuit: Circuit = wired.circuit
    population = circuit.population[name]
    if population.cell == "source":
        events = schedule.events[name]
        times = events.step * circuit.dt * b2.second
        return b2.SpikeGeneratorGroup(circuit.size(name), events.cell, times, name=name, sorted=True)
    units = {"C_m": b2.farad, "tau_m": b2.second, "t_ref": b2.second, "I_e": b2.amp}
    p = {key: value * units.get(key, b2.volt) for key, value in population.si().items()}
    p |= {f"tau_{key}": receptor.tau.si * b2.second for key, receptor in population.receptor.items()}
    group = b2.NeuronGroup(
        circuit.size(name),
        """dv/dt = (E_L - v) / tau_m + (I_e + I_excitatory - I_inhibitory) / C_m : volt (unless refractory)
        dI_excitatory/dt = -I_excitatory / tau_excitatory : amp
        dI_inhibitory/dt = -I_inhibitory / tau_inhibitory : amp""",
        threshold="v > V_th", reset="v = V_reset", refractory="t_ref", method="exact", namespace=p, name=name,
    )  # fmt: skip
    share = wired.start[name]
    group.v = p["V_reset"] + share * (p["V_th"] - p["V_reset"])
    return group


def this_engine(wired: connectome.Connectome, schedule: Schedule) -> tuple[dict[str, int], float]:
    """Spike counts of this engine, and the wall time of its run (s), without building."""
    from cerebellum.spiking import network

    run = network.simulate(wired, schedule)
    return {name: len(spikes) for name, spikes in run.spikes.items()}, run.seconds["run"]


@pytest.mark.slow
def test_same_spikes_as_a_plain_script() -> None:
    wired, schedule = case()
    assert this_engine(wired, schedule)[0] == hand_written(wired, schedule)[0]


def main() -> None:
    wired, schedule = case()
    synapses = sum(len(edges) for edges in wired.edges.values())
    print(f"{synapses:,} synapses, {SECONDS:g} s of biological time, medians of three")
    for label, run in (
        ("plain Brian2 script", lambda: hand_written(wired, schedule)),
        ("this engine", lambda: this_engine(wired, schedule)),
    ):
        found = [run() for _ in range(3)]
        taken = float(np.median([seconds for _, seconds in found]))
        print(f"| {label} | {taken / SECONDS:.3f} | {found[0][0]} |", flush=True)


if __name__ == "__main__":
    main()
