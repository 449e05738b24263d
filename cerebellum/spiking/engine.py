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
from cerebellum.machine.progress import Progress

TARGETS = ("standalone", "runtime", "numpy")
# Bytes a synapse. With these the estimate is 1.1 to 2 times the peak resident memory of both processes together, as
# measured for recall on kanerva (2.18 GB, estimate 2.37) and jaeckel (0.93, 0.96) and background on mouse (0.32, 0.64).
STATIC, PLASTIC = 65, 120


@dataclass(frozen=True)
class SpikingOptions:
    """How to run.

    target : 'standalone' (compiled C++, fastest), 'runtime' (Cython) or 'numpy' (no compiler, tens of times slower)
    threads : OpenMP threads, standalone only
    """

    target: Literal["standalone", "runtime", "numpy"] = "standalone"
    threads: int = 1

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise ArgumentError("target", self.target, f"wanted one of {', '.join(TARGETS)}")
        if self.threads < 1:
            raise ArgumentError("threads", self.threads, "wanted 1 or more")


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
        """Every protocol."""

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

        target = network.working_target(options.target)
        return network.simulate(connectome, schedule, target=target, threads=options.threads, progress=progress)


ENGINE = SpikingEngine()
