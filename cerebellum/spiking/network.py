"""The spiking engine: a circuit, its connectome and a schedule as a Brian2 network. Only this side imports brian2.

No random number is drawn inside the simulation by Brian2: all noise is in the connectome and the schedule, or from
generators of each cell's own, so the same seed gives the same spikes on every Brian2 target (see tests/test_spiking.py
for what is compared).
"""

from __future__ import annotations

import gc
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import brian2 as b2
import numpy as np
from brian2.codegen.runtime.cython_rt.cython_rt import CythonCodeObject
from numpy.typing import NDArray

from cerebellum.activity.outcome import Outcome
from cerebellum.activity.spikes import Spikes
from cerebellum.cells.renewal import RENEWAL
from cerebellum.connectome.connectome import Connectome
from cerebellum.description import lesions
from cerebellum.description.circuit import Circuit
from cerebellum.description.edges import Edges
from cerebellum.errors import CerebellumError
from cerebellum.experiment.loop import Exchange
from cerebellum.experiment.schedule import Schedule, plastic_ends
from cerebellum.experiment.stretches import jumps, stretches
from cerebellum.machine.atomic import scratch_folder, temporary_files_in
from cerebellum.machine.compiler import cpp_compiler
from cerebellum.machine.progress import Progress, silent
from cerebellum.spiking import independent, neurons, plasticity, records, run_time_data, standalone, synapses
from cerebellum.spiking.loop import Link
from cerebellum.spiking.recorder import Recorder

Target = Literal["standalone", "runtime", "numpy"]


def simulate(
    connectome: Connectome,
    schedule: Schedule,
    *,
    target: Target = "standalone",
    threads: int = 1,
    jobs: int = 1,
    dtype: Literal["float64", "float32"] = "float64",
    progress: Progress = silent,
) -> Outcome:
    """Run a schedule.

    Parameters
    ----------
    target : 'standalone' (compiled C++, fastest), 'runtime' (Cython) or 'numpy' (no compiler, tens of times slower)
    threads : OpenMP threads, standalone only; 0 or 1 is none
    jobs : processes that share out the trials of independent blocks, standalone only; the spikes are the same
    dtype : of the state of cells that only synapses drive; not on runtime
    """
    seconds: dict[str, float] = {}
    started = time.perf_counter()
    if b2.BrianObject.__instances__():  # of an earlier run: they keep their names, and others are other code to compile
        gc.collect()
    with scratch_folder() as folder, temporary_files_in(folder), _device(target, folder, threads):
        progress("building the network", None)
        network = _Network(connectome, schedule, single=dtype == "float32")
        seconds["build"] = time.perf_counter() - started
        recorders = [*network.keepers.values(), *network.recorders.values()]
        if target == "standalone":
            network.brian.add(standalone.ticker(schedule.duration))
            network.brian.add(*(recorder.compiled_operation(network.clock) for recorder in recorders))
            if network.link is not None:
                network.brian.add(network.link.compiled_operation())
            network.brian.run(schedule.duration * b2.second)
            for recorder in recorders:
                recorder.write_plan(folder)
            run_time_data.edges(schedule.trials, connectome.circuit.dt).tofile(folder / run_time_data.LEARNING)
            independent.write_header(folder)
            driven = None
            if (apart := network.apart) is not None:
                apart.write_plan(folder)
                driven = partial(apart.driven, copies=[recorder.file for recorder in recorders])
            seconds |= standalone.compile_and_run(
                folder, schedule.duration, threads, progress, network.link, driven, jobs
            )
            for recorder in recorders:
                recorder.read(folder)
        else:
            started = time.perf_counter()
            network.brian.add(*(recorder.operation(network.clock) for recorder in recorders))
            network.run(schedule.duration, progress)
            seconds["simulate"] = time.perf_counter() - started
        weights, spikes = network.weights(), network.spikes()
        return Outcome(
            {name: connectome.size(name) for name in connectome.circuit.population},
            spikes=spikes,
            weights=weights,
            snapshots=network.snapshots(schedule, weights),
            records=records.recordings(schedule.records, network.recorders, connectome, spikes),
            exchanges=network.link.exchange.exchanges() if network.link is not None else None,
            seconds=seconds,
        )


@contextmanager
def _device(target: Target, folder: Path, threads: int) -> Iterator[None]:
    """Brian2's device, which is one of the process, set to the target and set back."""
    b2.BrianLogger.suppress_name("base")
    # Brian2 would end a simulation early at the first Ctrl-C, and go on as if it were whole.
    b2.prefs.core.stop_on_keyboard_interrupt = False
    b2.prefs.devices.cpp_standalone.openmp_threads = 0
    stack = ExitStack()
    try:
        if target == "standalone":
            stack.enter_context(standalone.own_project())
            b2.prefs.devices.cpp_standalone.openmp_threads = threads if threads > 1 else 0
            b2.set_device("cpp_standalone", directory=str(folder), build_on_run=False)
            b2.get_device().reinit()
            b2.get_device().activate(directory=str(folder), build_on_run=False)
        else:
            b2.set_device("runtime")
            b2.prefs.codegen.target = "cython" if target == "runtime" else "numpy"
        yield
    finally:
        stack.close()
        b2.get_device().reinit()
        b2.set_device("runtime")


def _runtime_report(progress: Progress, whole: float) -> Any:
    def report(elapsed: Any, completed: float, start: Any, duration: Any) -> None:
        progress("simulating", min(1.0, float(start / b2.second + completed * (duration / b2.second)) / whole))

    return report


class _Network:
    """The Brian2 objects of one run."""

    def __init__(self, connectome: Connectome, schedule: Schedule, *, single: bool = False) -> None:
        self.circuit: Circuit = connectome.circuit
        self.clock = clock = b2.Clock(dt=self.circuit.dt * b2.second, name="clock")
        cut = set(schedule.lesion)
        gaps = set(connectome.gaps) - lesions.gap_junctions(cut, self.circuit)
        coupled = {self.circuit.gap_junction[name].population for name in gaps}
        populations = {
            name: neurons.make(name, connectome, schedule, name in coupled, clock, single=single)
            for name in self.circuit.population
            if name not in cut
        }
        self.groups = {name: group for name, (group, *_) in populations.items()}
        others = [each for _, *beside in populations.values() for each in beside]
        self.synapses: dict[str, Any] = {}
        blocked = lesions.projections(cut, self.circuit)
        for name, p in self.circuit.projection.items():
            if name not in blocked and len(connectome.edges[name]):
                made = synapses.make(name, connectome, schedule, self.groups[p.source], self.groups[p.target], clock)
                self.synapses[name] = made[0]
                others += made[1:]
        for name in gaps:
            if len(connectome.gaps[name]):
                group = self.groups[self.circuit.gap_junction[name].population]
                others.append(synapses.gap_junction(name, connectome, group, clock))
        outside = self._afferents(connectome, schedule, clock)
        others += [each for objects in outside.values() for each in objects]
        self.link: Link | None = None
        if schedule.loop is not None:
            exchange = Exchange(schedule.loop, self.circuit, schedule.duration)
            rated = schedule.loop.driven(self.circuit, "rate")
            fibers = {name: objects[0] for name, objects in outside.items() if name in rated}
            self.link = Link(exchange, self.groups, self.groups | fibers, self.circuit.dt)
        self.monitors = {name: b2.SpikeMonitor(group, name=f"spikes_{name}") for name, group in self.groups.items()}
        self.keepers = self._keepers(connectome.edges, schedule)
        self.recorders = records.recorders(schedule.records, connectome, self.groups, self.synapses)
        self.brian = b2.Network(*self.groups.values(), *self.synapses.values(), *self.monitors.values(), *others)
        self.apart = self._independent(connectome, schedule, others)

    def _independent(
        self, connectome: Connectome, schedule: Schedule, others: list[Any]
    ) -> independent.IndependentTrials | None:
        """What the run's independent trials want, if it has any."""
        if not any(trial.independent for trial in schedule.trials):
            return None
        dt = self.circuit.dt
        groups = self.groups | {each.name: each for each in others if isinstance(each, b2.SpikeGeneratorGroup)}
        cells = {name: self.circuit.population[name].cell for name in self.groups}
        return independent.IndependentTrials(
            stretches(schedule.trials, schedule.duration, dt),
            jumps(schedule.trials, connectome.seed),
            groups,
            {name: RENEWAL[cell] for name, cell in cells.items() if cell in RENEWAL},
            self.monitors,
            dt,
        )

    def _afferents(self, connectome: Connectome, schedule: Schedule, clock: Any) -> dict[str, list[Any]]:
        """Outside fibres onto cells that the protocol or the loop drives, first, and what goes with them."""
        rated = schedule.loop.driven(self.circuit, "rate") if schedule.loop is not None else set()
        found: dict[str, list[Any]] = {}
        for name, group in self.groups.items():
            described = self.circuit.population[name].afferent
            if described is not None and (name in schedule.events or name in rated):
                made = neurons.outside(f"{name}_afferent", name, connectome, schedule, clock)
                onto = synapses.afferent(name, self.circuit, described, made[0], group, clock)
                found[name] = [*made, onto]
        return found

    def run(self, duration: float, progress: Progress) -> None:
        """Run on a target in Python; with what a loop's callable raises, if it does."""
        if self.link is not None:
            self.brian.add(self.link.operation())
        try:
            report = _runtime_report(progress, duration)

            def on(seconds: float) -> None:
                self.brian.run(seconds * b2.second, report=report, report_period=0.5 * b2.second)

            if self.apart is not None:
                self.apart.run(self.brian, on)
            else:
                on(duration)
            self._refuse_what_did_not_compile()
        except Exception:
            if self.link is not None and self.link.failure is not None:
                raise self.link.failure from None
            raise

    def _refuse_what_did_not_compile(self) -> None:
        """Brian2 goes on without code that Cython refuses, as if there were nothing to do."""
        for each in self.brian.sorted_objects:
            for code in each.code_objects:
                if isinstance(code, CythonCodeObject) and code.compiled_code.get("run") is None:
                    text = getattr(code.code, "run", "").strip()
                    if text and "EMPTY_CODE_BLOCK" not in text:
                        raise CerebellumError(f"{each.name}: Cython does not compile its code; what it said is above")

    def spikes(self) -> dict[str, Spikes]:
        none, dt = Spikes(np.empty(0), np.empty(0, np.int32), self.circuit.dt), self.circuit.dt
        found = {}
        for name in self.circuit.population:
            if (monitor := self.monitors.get(name)) is None:
                found[name] = none
                continue
            found[name] = Spikes(np.asarray(monitor.t / b2.second), np.asarray(monitor.i, np.int32), dt)
            if not len(found[name].time) == len(found[name].cell) == monitor.num_spikes:
                raise CerebellumError(f"{name}: not all its spikes came back from the simulation; is the disk full?")
            if self.apart is not None:
                found[name] = self.apart.joined(name, found[name])
        return found

    def weights(self) -> dict[str, NDArray[np.float64]]:
        plastic = (n for n, p in self.circuit.projection.items() if p.plasticity is not None and n in self.synapses)
        return {name: np.asarray(self.synapses[name].w, dtype=float) for name in plastic}

    def _keepers(self, edges: dict[str, Edges], schedule: Schedule) -> dict[str, Recorder]:
        """Copies of the weights at the ends of plastic blocks."""
        made = {}
        for name, learning in self.synapses.items():
            rule, dt = self.circuit.projection[name].plasticity, self.circuit.dt
            if rule is not None:
                steps = plasticity.kept_at(schedule, rule, dt).values()
                spans = [(step, step + 1, 1) for step in steps]
                made[name] = Recorder(f"{name}_w", {"w": (learning, "w", len(edges[name]))}, None, spans, "start")
        return made

    def snapshots(
        self, schedule: Schedule, final: dict[str, NDArray[np.float64]]
    ) -> dict[str, dict[str, NDArray[np.float64]]]:
        """Weights that spikes up to the end of each plastic block have made."""
        blocks, found = list(plastic_ends(schedule.trials)), {}
        for name, keeper in self.keepers.items():
            early = [row["w"] for row in keeper.kept]
            found[name] = dict(zip(blocks, early + [final[name]] * (len(blocks) - len(early)), strict=True))
        return found


def working_target(wanted: Target) -> Target:
    """`wanted` if this machine can compile for it, else 'numpy', with a warning."""
    if wanted == "numpy" or shutil.which(cpp_compiler()[0]) is not None:
        return wanted
    warnings.warn(
        f"no C++ compiler found, so the spiking engine runs on numpy, some 50 times slower than {wanted}; "
        "install g++ (Debian: apt install g++) or set CXX",
        stacklevel=3,
    )
    return "numpy"
