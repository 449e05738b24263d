"""The spiking engine: a circuit, its connectome and a schedule as a Brian2 network. Only this side imports brian2.

No random number is drawn inside the simulation: all noise is in the connectome and the schedule, so the same seed
gives the same spikes on every Brian2 target (see tests/test_spiking.py for what is compared).
"""

from __future__ import annotations

import gc
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import brian2 as b2
import numpy as np
from numpy.typing import NDArray

from cerebellum import standalone
from cerebellum.balance import Balance
from cerebellum.cells import MODELS
from cerebellum.circuit import Circuit, Projection
from cerebellum.connectome import Connectome
from cerebellum.plasticity import ClimbingFiberRule
from cerebellum.progress import Progress, silent
from cerebellum.spikes import Spikes
from cerebellum.stimuli import Schedule, plastic_spans

Target = Literal["standalone", "runtime", "numpy"]
SI_UNIT = {"voltage": "volt", "current": "amp", "capacitance": "farad", "time": "second"}
NEVER = -1e6  # s; the time of a climbing-fibre spike that has not come


@dataclass(frozen=True)
class SpikingRun:
    """What a simulation leaves: spikes of every population, final weights (A) of plastic projections, seconds spent."""

    spikes: dict[str, Spikes]
    weights: dict[str, NDArray[np.float64]]
    seconds: dict[str, float] = field(default_factory=dict)


def simulate(
    connectome: Connectome,
    balance: Balance,
    schedule: Schedule,
    *,
    target: Target = "standalone",
    threads: int = 1,
    progress: Progress = silent,
) -> SpikingRun:
    """Run a schedule.

    Parameters
    ----------
    target : 'standalone' (compiled C++, fastest), 'runtime' (Cython) or 'numpy' (no compiler, tens of times slower)
    threads : OpenMP threads, standalone only; 0 or 1 is none
    """
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    folder = Path(tempfile.mkdtemp(prefix="cerebellum_"))
    gc.collect()  # objects of an earlier run keep their names, and other names are other code to compile
    try:
        _set_target(target, folder, threads)
        progress("building the network", None)
        network = _Network(connectome, balance, schedule)
        seconds["build"] = time.perf_counter() - started
        if target == "standalone":
            network.brian.add(standalone.ticker(schedule.duration))
            network.brian.run(schedule.duration * b2.second)
            seconds |= standalone.compile_and_run(folder, schedule.duration, threads, progress)
        else:
            started = time.perf_counter()
            report = _runtime_report(progress)
            network.brian.run(schedule.duration * b2.second, report=report, report_period=0.5 * b2.second)
            seconds["simulate"] = time.perf_counter() - started
        return SpikingRun(network.spikes(), network.weights(), seconds)
    finally:
        b2.get_device().reinit()
        b2.set_device("runtime")
        shutil.rmtree(folder, ignore_errors=True)


def _set_target(target: Target, folder: Path, threads: int) -> None:
    b2.BrianLogger.suppress_name("base")
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    if target == "standalone":
        b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
        b2.set_device("cpp_standalone", directory=str(folder), build_on_run=False)
        b2.get_device().reinit()
        b2.get_device().activate(directory=str(folder), build_on_run=False)
    else:
        b2.set_device("runtime")
        b2.prefs.codegen.target = "cython" if target == "runtime" else "numpy"


def _exactly(text: str) -> Any:
    """A Brian2 state updater that is this text; Brian2's own 'exact' spends seconds of algebra on the same numbers."""

    def updater(equations: Any, variables: Any = None, method_options: Any = None) -> str:
        return text

    return updater


def _runtime_report(progress: Progress) -> Any:
    def report(elapsed: Any, completed: float, start: Any, duration: Any) -> None:
        progress("simulating", float(completed))

    return report


class _Network:
    """The Brian2 objects of one run."""

    def __init__(self, connectome: Connectome, balance: Balance, schedule: Schedule) -> None:
        self.circuit: Circuit = connectome.circuit
        self.connectome, self.balance, self.schedule = connectome, balance, schedule
        self.clock = b2.Clock(dt=self.circuit.dt * b2.second, name="clock")
        self.groups = {name: self._group(name) for name in self.circuit.population}
        self.synapses = {name: self._synapses(name, p) for name, p in self.circuit.projection.items()}
        self.monitors = {name: b2.SpikeMonitor(group, name=f"spikes_{name}") for name, group in self.groups.items()}
        self.brian = b2.Network(*self.groups.values(), *self.synapses.values(), *self.monitors.values())

    def _group(self, name: str) -> Any:
        population = self.circuit.population[name]
        cells, model = self.circuit.size(name), MODELS[population.cell]
        if not model.equations:
            events = self.schedule.events[name]
            times = events.step * self.circuit.dt * b2.second
            return b2.SpikeGeneratorGroup(cells, events.cell, times, clock=self.clock, name=name, sorted=True)
        assert model.update is not None and model.constants is not None
        parameters, receptors = self.connectome.parameters[name], population.receptor
        tau = {key: receptor.tau.si for key, receptor in receptors.items()}
        signs = {key: 1 if receptor.effect == "excitatory" else -1 for key, receptor in receptors.items()}
        total = " ".join(f"{'+' if sign > 0 else '-'} I_{key}" for key, sign in signs.items())
        equations = [model.equations, f"I_synaptic = {total or '0*amp'} : amp"]
        namespace: dict[str, Any] = {}
        drawn: dict[str, Any] = {}

        def number(key: str, value: float | NDArray[np.float64], unit: str) -> None:
            quantity = value * getattr(b2, unit) if unit != "1" else value
            if isinstance(value, np.ndarray):
                equations.append(f"{key} : {unit} (constant)")
                drawn[key] = quantity
            else:
                namespace[key] = quantity

        for key, dimension in model.parameters.items():
            number(key, parameters[key], SI_UNIT[dimension])
        for key, receptor in receptors.items():
            equations.append(f"dI_{key}/dt = -I_{key} / tau_{key} : amp")
            number(f"tau_{key}", receptor.tau.si, "second")
        for key, value in model.constants(parameters, tau, self.circuit.dt).items():
            number(key, value, "1")
        for teacher_of in self._taught(name).values():
            equations += [f"cf_{i} : second" for i in range(int(teacher_of.climbing_spikes.number))]
        group = b2.NeuronGroup(
            cells,
            "\n".join(equations),
            threshold=model.threshold,
            reset=model.reset,
            refractory=model.refractory,
            method=_exactly(model.update(signs)),
            namespace=namespace,
            clock=self.clock,
            name=name,
        )
        for key, value in drawn.items():
            setattr(group, key, value)
        group.v = self._start(name) * b2.volt
        for key, current in self.balance.held.get(name, {}).items():
            setattr(group, f"I_{key}", current * b2.amp)
        for rule in self._taught(name).values():
            for i in range(int(rule.climbing_spikes.number)):
                setattr(group, f"cf_{i}", NEVER * b2.second)
        return group

    def _taught(self, population: str) -> dict[str, ClimbingFiberRule]:
        """Plastic projections onto a population."""
        return {
            name: p.plasticity
            for name, p in self.circuit.projection.items()
            if p.target == population and p.plasticity is not None
        }

    def _start(self, name: str) -> NDArray[np.float64] | float:
        """Voltage at time 0, V: at rest under the held currents, or spread between reset and threshold."""
        p = self.connectome.parameters[name]
        if name in self.connectome.start:
            return p["V_reset"] + self.connectome.start[name] * (p["V_th"] - p["V_reset"])
        receptors = self.circuit.population[name].receptor
        held = sum(
            current if receptors[key].effect == "excitatory" else -current
            for key, current in self.balance.held.get(name, {}).items()
        )
        return np.minimum(p["E_L"] + p["tau_m"] * (p["I_e"] + held) / p["C_m"], p["V_th"])

    def _synapses(self, name: str, projection: Projection) -> Any:
        edges, delay = self.connectome.edges[name], projection.delay.si * b2.second
        current = f"I_{projection.receptor}_post"
        weight = self.balance.weight[name] * b2.amp
        source, target = self.groups[projection.source], self.groups[projection.target]
        teaches = [rule for rule in self._taught(projection.target).values() if rule.teacher == name]
        common = {"source": source, "target": target, "clock": self.clock, "name": name}
        rule = projection.plasticity
        if rule is None:
            lines = [f"{current} += weight"]
            for taught in teaches:
                last = int(taught.climbing_spikes.number) - 1
                lines += [f"cf_{i}_post = cf_{i - 1}_post" for i in range(last, 0, -1)] + ["cf_0_post = t"]
            # Before the parallel fibres' learning pathway in a step, so that a spike at the window's edge counts.
            synapses = b2.Synapses(
                on_pre="\n".join(lines), delay=delay, namespace={"weight": weight}, order=-1 if teaches else 0, **common
            )
            synapses.connect(i=edges.pre, j=edges.post)
            return synapses
        window = rule.kernel.support * b2.second
        synapses = b2.Synapses(
            model="w : amp",
            on_pre={"transmit": f"{current} += w", "learn": self._learning(rule)},
            delay={"transmit": delay, "learn": delay + window},
            namespace={
                "potentiation": rule.potentiation.si * b2.amp,
                "depression": rule.depression.si * b2.amp,
                "w_min": rule.w_min.si * b2.amp,
                "w_max": rule.w_max.si * b2.amp,
                "window": window,
            },
            **common,
        )
        synapses.connect(i=edges.pre, j=edges.post)
        synapses.w = weight
        return synapses

    def _learning(self, rule: ClimbingFiberRule) -> str:
        """Weight change of one parallel-fibre spike, applied `window` after it reached the synapse."""
        kernels = " + ".join(
            rule.kernel.text(f"(cf_{i}_post - t + window)") for i in range(int(rule.climbing_spikes.number))
        )
        spans = plastic_spans(self.schedule.trials)
        on = " + ".join(f"int(t - window >= {a!r}*second and t - window < {b!r}*second)" for a, b in spans) or "0"
        return f"w = clip(w + ({on}) * (potentiation - depression * ({kernels})), w_min, w_max)"

    def spikes(self) -> dict[str, Spikes]:
        return {
            name: Spikes(np.asarray(monitor.t / b2.second), np.asarray(monitor.i, dtype=np.int32))
            for name, monitor in self.monitors.items()
        }

    def weights(self) -> dict[str, NDArray[np.float64]]:
        plastic = (name for name, p in self.circuit.projection.items() if p.plasticity is not None)
        return {name: np.asarray(self.synapses[name].w / b2.amp, dtype=float) for name in plastic}


def working_target(wanted: Target) -> Target:
    """`wanted` if this machine can compile for it, else 'numpy'."""
    if wanted != "numpy" and shutil.which(standalone.compiler()) is None:
        return "numpy"
    return wanted
