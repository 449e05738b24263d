"""The same circuits in several simulators, in one run on one core: `python -m tests.benchmarks.peers`.

Two circuits, each with the cells, synapses and input of this package's connectome and schedule: the LIF benchmark
circuit, and the mouse's E-GLIF circuit at rest. Rounds go through all engines in turn, so that what else the machine
does falls on all of them; printed are ratios to the floor of the same round, their median and range over rounds, of
processor time of the time steps alone, without building and compiling.

- floor: the LIF circuit written out by hand in C++ (fused_lif.cpp), in double and in single precision.
- plain Brian2: what a user would write, C++ standalone, Brian2's own build and flags; E-GLIF as in the papers.
- NEST: iaf_psc_exp; for E-GLIF aeif_cond_alpha_multisynapse, the native cell with as many ports, with E-GLIF's numbers
  where it has them. It is another cell, so its spikes are others: the row says how many.
"""

from __future__ import annotations

import math
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import typer

from cerebellum.connectome.connectome import Connectome, sample
from cerebellum.description.circuit import load_model
from cerebellum.description.protocol import load_protocol
from cerebellum.experiment.schedule import Schedule
from cerebellum.experiment.stimulus import schedule as scheduled
from tests.benchmarks import test_lif_circuit as lif_circuit

Run = tuple[float, dict[str, int]]
"""Seconds of one run and the spikes of each population."""
Engine = Generator[Run, None, None]

FLAGS = "-O3 -march=native -ffast-math -mprefer-vector-width=512 -std=c++17"
FLOOR = "floor, float64"


def eglif_case(scale: float, seconds: float) -> tuple[Connectome, Schedule]:
    """The mouse at rest."""
    stop = {f"block.rest.{key}": f"{seconds * 1e3:g}" for key in ("trial_duration", "window.duration")}
    stop |= {f"block.rest.stimulus.{name}.duration": f"{seconds * 1e3:g}" for name in ("background", "climbing")}
    protocol = load_protocol("background", {**stop, "block.rest.window.onset": "0"})
    connectome = sample(load_model("mouse", {"scale": str(scale)}), 1)
    return connectome, scheduled(protocol, connectome, None, 1)


def write_arrays(connectome: Connectome, schedule: Schedule, folder: Path) -> None:
    """What fused_lif.cpp reads: synapses and given spikes as int32, start voltages (mV) as float64."""
    for name, edges in connectome.edges.items():
        edges.pre.astype(np.int32).tofile(folder / f"{name}_pre")
        edges.post.astype(np.int32).tofile(folder / f"{name}_post")
    for name, events in schedule.events.items():
        events.step.astype(np.int32).tofile(folder / f"{name}_step")
        events.cell.astype(np.int32).tofile(folder / f"{name}_cell")
    for name, share in connectome.start.items():
        p = connectome.parameters[name]
        ((p["V_reset"] + share * (p["V_th"] - p["V_reset"])) * 1e3).astype(float).tofile(folder / f"{name}_v")


def floor(connectome: Connectome, schedule: Schedule, real: str) -> Engine:
    """The hand-written program, in 'double' or 'float'."""
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), Path(__file__).with_name("fused_lif.cpp")
        write_arrays(connectome, schedule, folder)
        program = str(folder / "fused_lif")
        subprocess.run(["g++", *shlex.split(FLAGS), f"-DREAL={real}", str(source), "-o", program], check=True)
        steps = round(schedule.duration / connectome.circuit.dt)
        while True:
            printed = subprocess.run(
                [program, name, str(steps), "1"], capture_output=True, text=True, check=True
            ).stdout.split()
            yield float(printed[0]), dict(zip(("granule", "golgi", "purkinje"), map(int, printed[1:]), strict=True))


def ours(connectome: Connectome, schedule: Schedule, dtype: Literal["float64", "float32"] = "float64") -> Engine:
    """This package's spiking engine."""
    from cerebellum.spiking import network

    while True:
        done = network.simulate(connectome, schedule, dtype=dtype)
        yield done.seconds["run"], {name: len(spikes) for name, spikes in done.spikes.items()}


def plain_brian2(connectome: Connectome, schedule: Schedule, make: Callable[..., Any]) -> Engine:
    """A Brian2 script that `make` writes: built once by Brian2 itself, then its program is run again and again."""
    import brian2 as b2

    with tempfile.TemporaryDirectory() as folder:
        b2.prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{os.cpu_count()}"]  # its own has no limit
        b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b2.get_device().reinit()
        b2.get_device().activate(directory=folder, build_on_run=False)
        b2.defaultclock.dt = connectome.circuit.dt * b2.second
        monitors = make(b2, connectome, schedule)
        b2.get_device().build(directory=folder, compile=True, run=True, with_output=False)
        counts = {name: int(monitor.num_spikes) for name, monitor in monitors.items()}
        seconds = float(b2.get_device()._last_run_time)
        b2.get_device().reinit()
        b2.set_device("runtime")
        while True:
            yield seconds, counts
            subprocess.run(["./main"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
            seconds = float((Path(folder) / "results" / "last_run_info.txt").read_text().split()[0])


def eglif_script(b2: Any, connectome: Connectome, schedule: Schedule) -> dict[str, Any]:
    """E-GLIF cells as the papers integrate them: exponential Euler, a draw every step."""
    circuit, groups = connectome.circuit, {}
    for name, population in circuit.population.items():
        if population.cell == "source":
            times = schedule.events[name].step * circuit.dt * b2.second
            groups[name] = b2.SpikeGeneratorGroup(circuit.size(name), schedule.events[name].cell, times, name=name)
        elif population.cell == "relay":
            groups[name] = b2.NeuronGroup(
                circuit.size(name), "arrived : 1", threshold="arrived > 0", reset="arrived -= 1", name=name
            )
        else:
            groups[name] = _eglif_group(b2, connectome, name)
    objects: list[Any] = []
    for name, projection in circuit.projection.items():
        edges, model = connectome.edges[name], circuit.population[projection.target]
        if not len(edges):
            continue
        on_pre, names = "arrived_post += 1", {}
        if projection.receptor:
            jump = math.e * connectome.weight[name] / model.receptor[projection.receptor].si.tau
            on_pre, names = f"h_{projection.receptor}_post += kick", {"kick": jump * b2.siemens / b2.second}
        made = b2.Synapses(
            groups[projection.source], groups[projection.target], on_pre=on_pre, namespace=names, name=name,
            delay=projection.delay.si * b2.second,
        )  # fmt: skip
        made.connect(i=edges.pre, j=edges.post)
        objects.append(made)
    monitors = {name: b2.SpikeMonitor(group, name=f"spikes_{name}") for name, group in groups.items()}
    b2.Network(*groups.values(), *objects, *monitors.values()).run(schedule.duration * b2.second)
    return monitors


def _eglif_group(b2: Any, connectome: Connectome, name: str) -> Any:
    population = connectome.circuit.population[name]
    lines = [
        "dv/dt = ((v - E_L) * C_m / tau_m - I_adap + I_dep + I_e {}) / C_m : volt (unless refractory)",
        "dI_adap/dt = k_adap * (v - E_L) - k_2 * I_adap : amp",
        "dI_dep/dt = -k_1 * I_dep : amp",
    ]
    currents = ""
    for receptor, kind in population.receptor_models().items():
        tau = f"({kind.tau!r} * second)"
        currents += f"+ g_{receptor} * ({kind.reversal!r} * volt - v) "
        lines += [f"dg_{receptor}/dt = h_{receptor} - g_{receptor} / {tau} : siemens"]
        lines += [f"dh_{receptor}/dt = -h_{receptor} / {tau} : siemens / second"]
    lines[0] = lines[0].format(currents)
    units = {"C_m": b2.farad, "tau_m": b2.second, "t_ref": b2.second, "I_e": b2.amp, "A1": b2.amp, "A2": b2.amp}
    units |= {"k_adap": b2.siemens / b2.second, **dict.fromkeys(("k_1", "k_2", "lambda_0"), b2.hertz)}
    numbers = {key: value * units.get(key, b2.volt) for key, value in connectome.parameters[name].items()}
    group = b2.NeuronGroup(
        connectome.size(name), "\n".join(lines), method="exponential_euler", namespace=numbers, name=name,
        threshold="rand() < 1 - exp(-lambda_0 * exp((v - V_th) / tau_V) * dt)", refractory="t_ref",
        reset="v = V_reset\nI_dep = A1\nI_adap += A2",
    )  # fmt: skip
    group.v = numbers["V_init"]
    return group


def nest_lif(connectome: Connectome, name: str) -> tuple[str, dict[str, Any], list[str]]:
    """Model, parameters and ports of a population of the LIF circuit in NEST."""
    p, receptors = connectome.parameters[name], connectome.circuit.population[name].receptor_models()
    numbers: dict[str, Any] = {key: p[key] * 1e3 for key in ("tau_m", "E_L", "V_th", "V_reset", "t_ref")}
    numbers |= {"C_m": p["C_m"] * 1e12, "I_e": p["I_e"] * 1e12}
    numbers |= {"tau_syn_ex": receptors["excitatory"].tau * 1e3, "tau_syn_in": receptors["inhibitory"].tau * 1e3}
    return "iaf_psc_exp", numbers, []


def nest_eglif(connectome: Connectome, name: str) -> tuple[str, dict[str, Any], list[str]]:
    """The same of the E-GLIF circuit: the adaptive exponential cell with an alpha conductance a port."""
    p, receptors = connectome.parameters[name], connectome.circuit.population[name].receptor_models()
    numbers: dict[str, Any] = {key: p[key] * 1e3 for key in ("E_L", "V_th", "V_reset", "t_ref")}
    numbers |= {"C_m": p["C_m"] * 1e12, "I_e": p["I_e"] * 1e12, "g_L": p["C_m"] / p["tau_m"] * 1e9, "V_peak": 0.0}
    numbers |= {"a": 0.0, "b": 0.0, "tau_w": 1e3 / p["k_2"], "Delta_T": max(p["tau_V"] * 1e3, 0.5)}
    numbers |= {"E_rev": [one.reversal * 1e3 for one in receptors.values()]}
    numbers |= {"tau_syn": [one.tau * 1e3 for one in receptors.values()]}
    return "aeif_cond_alpha_multisynapse", numbers, list(receptors)


def nest_engine(connectome: Connectome, schedule: Schedule, describe: Callable[..., Any]) -> Engine:
    """The same connections and input in NEST, one thread, all delays 1 ms: one of 0.1 ms halves its speed."""
    import nest

    circuit = connectome.circuit
    while True:
        nest.ResetKernel()
        nest.set_verbosity("M_ERROR")
        nest.set(resolution=circuit.dt * 1e3, local_num_threads=1)
        groups, ports, recorders = {}, {}, {}
        for name, population in circuit.population.items():
            size = circuit.size(name)
            if population.cell == "source":
                events = schedule.events[name]
                times = [(events.step[events.cell == cell] + 1) * circuit.dt * 1e3 for cell in range(size)]
                groups[name] = nest.Create("spike_generator", size, [{"spike_times": each} for each in times])
            elif population.cell == "relay":
                groups[name] = nest.Create("parrot_neuron", size)
            else:
                model, numbers, ports[name] = describe(connectome, name)
                groups[name] = nest.Create(model, size, numbers)
                if name in connectome.start:
                    low, high = numbers["V_reset"], numbers["V_th"]
                    groups[name].V_m = low + connectome.start[name] * (high - low)
                recorders[name] = nest.Create("spike_recorder")
                nest.Connect(groups[name], recorders[name])
        for name, projection in circuit.projection.items():
            edges = connectome.edges[name]
            if not len(edges):
                continue
            many = np.ones(len(edges))
            listed = ports.get(projection.target)
            sign, synapse = 1.0, {"synapse_model": "static_synapse", "delay": many}
            if projection.receptor:
                receptor = circuit.population[projection.target].receptor_models()[projection.receptor]
                sign = connectome.weight[name] * (1e9 if listed else 1e12 * receptor.sign)
            if listed:
                synapse["receptor_type"] = np.full(len(edges), 1 + listed.index(projection.receptor))
            source, target = (np.asarray(groups[end].tolist()) for end in (projection.source, projection.target))
            nest.Connect(source[edges.pre], target[edges.post], "one_to_one", {**synapse, "weight": sign * many})
        nest.Prepare()
        begun = time.process_time()
        nest.Run(schedule.duration * 1e3)
        taken = time.process_time() - begun
        nest.Cleanup()
        yield taken, {name: int(recorder.n_events) for name, recorder in recorders.items()}


def rounds(engines: dict[str, Engine], number: int) -> dict[str, list[Run]]:
    """Each engine's runs; the first one, which builds and compiles and fills caches, does not count."""
    for engine in engines.values():
        next(engine)
    found: dict[str, list[Run]] = {name: [] for name in engines}
    for _ in range(number):
        for name, engine in engines.items():
            found[name].append(next(engine))
    return found


def rows(found: dict[str, list[Run]], floors: list[float], seconds: float) -> Iterator[str]:
    """Of a table: engine, s per biological second, ratio to the floor of the same round, spikes."""
    for name, runs in found.items():
        each = [taken / seconds for taken, _ in runs]
        ratios = [taken / least for taken, least in zip(each, floors, strict=True)]
        spikes = " / ".join(f"{runs[-1][1][key]:,}" for key in ("granule", "golgi", "purkinje"))
        yield (
            f"| {name} | {statistics.median(each):.3f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f}-{max(ratios):.2f}) | {spikes} |"
        )


HEAD = "| engine | s per biological s | over the floor | spikes of granule, Golgi, Purkinje cells |\n|---|---|---|---|"


def main(repeats: int = 5, scale: float = 1.0, seconds: float = 1.0, nest: bool = True) -> None:
    """Print both tables, and reads of memories beside torchhd."""
    have_nest = nest and find_spec("nest") is not None
    lif, mouse = lif_circuit.case(), eglif_case(scale, seconds)
    engines = {
        FLOOR: floor(*lif, "double"),
        "floor, float32": floor(*lif, "float"),
        "LIF: this engine": ours(*lif),
        "LIF: this engine, float32": ours(*lif, "float32"),
        "LIF: plain Brian2": plain_brian2(*lif, lif_circuit.script),
        "E-GLIF: this engine": ours(*mouse),
        "E-GLIF: this engine, float32": ours(*mouse, "float32"),
        "E-GLIF: plain Brian2": plain_brian2(*mouse, eglif_script),
    }
    if have_nest:
        engines |= {
            "LIF: NEST, `iaf_psc_exp`": nest_engine(*lif, nest_lif),
            "E-GLIF: NEST, `aeif_cond_alpha_multisynapse`": nest_engine(*mouse, nest_eglif),
        }
    found = rounds(engines, repeats)
    floors = [taken / lif[1].duration for taken, _ in found[FLOOR]]
    print(f"LIF circuit {lif[1].duration:g} s, mouse at scale {scale:g} {seconds:g} s; {repeats} rounds.\n\n{HEAD}")
    for circuit, duration in (("floor", lif[1].duration), ("LIF", lif[1].duration), ("E-GLIF", seconds)):
        own = {name: runs for name, runs in found.items() if name.startswith(circuit)}
        print("\n".join(rows(own, floors, duration)), flush=True)
    if not have_nest:
        print("\nNEST: not installed (pip install nest-simulator; dependency group `peers`)")
    if find_spec("torchhd") is None:
        print("\nReads beside torchhd: not installed (pip install torch-hd; dependency group `bench`)")
    else:
        from tests.benchmarks.test_engines import rate_row

        print("\n| granule cells | active | reads a second | dense | torchhd | over dense | over torchhd |")
        print(f"|---|---|---|---|---|---|---|\n{rate_row(100_000)}")


if __name__ == "__main__":
    typer.run(main)
