"""The spiking engine behind the door that all engines share (`simulation.engines.Engine`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cerebellum.activity.outcome import Outcome
from cerebellum.connectome.connectome import Connectome, expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.errors import ArgumentError
from cerebellum.experiment.schedule import Schedule
from cerebellum.machine.process import cores
from cerebellum.machine.progress import Progress

TARGETS = ("standalone", "runtime", "numpy")
DTYPES = ("float64", "float32")
# Bytes a synapse. With these the estimate is 1.1 to 2 times the peak resident memory of both processes together, as
# measured for recall on kanerva (2.18 GB, estimate 2.37) and jaeckel (0.93, 0.96) and background on mouse (0.32, 0.64).
STATIC, PLASTIC = 65, 120


@dataclass(frozen=True)
class SpikingOptions:
    """How to run.

    target : 'standalone' (compiled C++, fastest), 'runtime' (Cython) or 'numpy' (no compiler, tens of times slower)
    threads : OpenMP threads, standalone only
    jobs : processes that share out the trials of independent blocks, standalone only
    dtype : 'float64', or 'float32' for the state of cells that only synapses drive: half the time a cell and step,
        other spikes, the same statistics; not on runtime
    """

    target: Literal["standalone", "runtime", "numpy"] = "standalone"
    threads: int = 1
    jobs: int = 1
    dtype: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise ArgumentError("target", self.target, f"wanted one of {', '.join(TARGETS)}")
        if self.threads < 1:
            raise ArgumentError("threads", self.threads, "wanted 1 or more")
        if self.jobs < 1:
            raise ArgumentError("jobs", self.jobs, "wanted 1 or more")
        if self.dtype not in DTYPES:
            raise ArgumentError("dtype", self.dtype, f"wanted one of {', '.join(DTYPES)}")
        if self.dtype == "float32" and self.target == "runtime":
            raise ArgumentError("dtype", self.dtype, "wanted float64 on the target runtime, or another target")


class SpikingEngine:
    """Spikes of every cell, by Brian2."""

    name = "spiking"
    options = SpikingOptions
    readers: Mapping[str, str] = MappingProxyType({"purkinje": "purkinje", "nuclear": "nuclear"})
    closes = ("rate", "current")

    def suits(self, circuit: Circuit) -> bool:
        """Every circuit."""
        return True

    def check(self, circuit: Circuit, protocol: Protocol, options: SpikingOptions) -> None:
        """Every protocol; refuse jobs and threads that it or the machine has no use for.

        Raises
        ------
        InputError
            With the reason.
        """
        if options.threads > 1 and protocol.independent:
            wanted = (
                f"wanted 1: block.{protocol.independent[0]} is independent, and its trials are run by processes (jobs)"
            )
            raise ArgumentError("threads", options.threads, wanted)
        if options.jobs == 1:
            return
        if not protocol.independent:
            wanted = "wanted 1: trials of this protocol begin where the one before ended; those of a block with "
            raise ArgumentError("jobs", options.jobs, wanted + "independent = true could be shared out")
        if options.target != "standalone":
            raise ArgumentError("jobs", options.jobs, f"wanted 1 on the target {options.target}, or target standalone")
        if options.jobs > cores():
            raise ArgumentError("jobs", options.jobs, f"wanted at most the {cores()} cores that there are here")

    def memory(self, circuit: Circuit, options: SpikingOptions) -> float:
        """Bytes needed beside the interpreter, roughly."""
        synapses = expected_synapses(circuit)
        plastic = sum(n for name, n in synapses.items() if circuit.projection[name].plasticity is not None)
        return STATIC * (sum(synapses.values()) - plastic) + PLASTIC * plastic

    def simulate(
        self, connectome: Connectome, schedule: Schedule, options: SpikingOptions, progress: Progress
    ) -> Outcome:
        """Run a schedule."""
        from cerebellum.spiking import network

        return network.simulate(
            connectome,
            schedule,
            target=network.working_target(options.target),
            threads=options.threads,
            jobs=options.jobs,
            dtype=options.dtype,
            progress=progress,
        )


ENGINE = SpikingEngine()
