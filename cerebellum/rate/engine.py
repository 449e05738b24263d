"""The rate engine of circuits of conductances behind the door that all engines share (`simulation.engines.Engine`)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cerebellum.activity.outcome import Outcome
from cerebellum.cells import MODELS
from cerebellum.connectome.connectome import Connectome, expected_synapses
from cerebellum.description.circuit import Circuit
from cerebellum.description.protocol import Protocol
from cerebellum.errors import ArgumentError, ProtocolFileError, ResourceError
from cerebellum.experiment.schedule import Schedule
from cerebellum.machine.device import choose_device, free_bytes
from cerebellum.machine.progress import Progress
from cerebellum.rate.lacking import refuse_what_it_lacks
from cerebellum.rate.time_step import steps_within

DTYPES = ("float32", "float64")
SYNAPSE = 24  # bytes
CELL = 160  # bytes a cell in each realization or age class; mouse with 64 draws peaks at 0.74 GB
AGES, FINE_AGES, FINE_BELOW = (
    7,
    73,
    5_000,
)  # age classes of large populations, of others, and the size that divides them
BATCH = 16  # schedules side by side at most
BLOCK = 256  # bytes a cell of the rates in a block of steps on a GPU (`rate.blocks`), one by one and together
PAST = 4 / 5e-4  # bytes a second of presynaptic spikes that plasticity remembers, of a cell and realization
MEASURING = 1e9  # beside the interpreter, of measuring a transfer function for the first time: a peak of 1.46 GB


@dataclass(frozen=True)
class RateOptions:
    """How to run.

    device, dtype : 'cpu' or 'cuda', 'float32' or 'float64'
    draws : realizations of drawn spikes to average; 0: expectations
    """

    device: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["float32", "float64"] = "float32"
    draws: int = 0

    def __post_init__(self) -> None:
        check_device(self.device, self.dtype)
        if self.draws < 0:
            raise ArgumentError("draws", self.draws, "wanted 0, or 1 or more")


def check_device(device: str, dtype: str) -> None:
    """Whether there is such a device and such a type.

    Raises
    ------
    InputError
        If not.
    """
    if dtype not in DTYPES:
        raise ArgumentError("dtype", dtype, f"wanted one of {', '.join(DTYPES)}")
    choose_device(device)


class RateEngine:
    """Rates of every cell through time, its transfer function measured on that cell."""

    name = "rate"
    options = RateOptions
    readers: Mapping[str, str] = MappingProxyType({"purkinje": "rate"})
    closes = ("rate",)

    def suits(self, circuit: Circuit) -> bool:
        """Whether every cell with a membrane has a form of conductances for it."""
        models = [MODELS[p.cell] for p in circuit.population.values()]
        return all(model.rate_form is not None for model in models if model.has_membrane)

    def check(self, circuit: Circuit, protocol: Protocol, options: RateOptions) -> None:
        """Refuse a circuit of currents, and what does not fit on the device.

        Raises
        ------
        InputError
            With the reason.
        """
        if not self.suits(circuit):
            raise ProtocolFileError(
                "the rate engine knows cells by their conductances, and some of this model's take currents or have no "
                "rate form: run with --engine volley or spiking"
            )
        if options.draws and not any(population.sampled for population in circuit.population.values()):
            wanted = "wanted 0: no population of this model has sampled = true, so there are no spikes to draw"
            raise ArgumentError("draws", options.draws, wanted)
        steps_within(circuit.dt)
        refuse_what_it_lacks(circuit, protocol.lesion)
        if any(stimulus.injects for stimulus in protocol.stimuli.values()):
            raise ProtocolFileError("the rate engine knows cells by their conductances and cannot inject currents")
        if options.device == "cuda":
            need, have = self._device_bytes(circuit, options), free_bytes(choose_device("cuda"))
            if need > have:
                less = "make --draws smaller, " if options.draws > AGES else ""
                raise ResourceError(
                    f"the rate engine needs about {need / 2**30:.1f} GiB on the CUDA device and {have / 2**30:.1f} GiB "
                    f"are free: {less}choose a smaller circuit with --set, or run with --device cpu"
                )

    def memory(self, circuit: Circuit, options: RateOptions) -> float:
        """Bytes needed beside the interpreter, roughly."""
        return max(MEASURING, self._device_bytes(circuit, options) if options.device == "cpu" else 0.0)

    def _device_bytes(self, circuit: Circuit, options: RateOptions) -> float:
        """Bytes on its device, in single precision, roughly."""
        synapses, draws = expected_synapses(circuit), options.draws
        plastic = sum(n for name, n in synapses.items() if circuit.projection[name].plasticity is not None)
        sizes = [circuit.size(name) for name, one in circuit.population.items() if MODELS[one.cell].has_membrane]
        states = sum(
            size * max(draws, AGES) if size > FINE_BELOW else size * FINE_AGES * max(draws, 1) for size in sizes
        )
        past: dict[str, float] = {}
        for projection in circuit.projection.values():
            if projection.plasticity is not None:
                seconds = max(past.get(projection.source, 0.0), projection.plasticity.timing.support)
                past[projection.source] = seconds
        remembered = PAST * sum(seconds * circuit.size(source) for source, seconds in past.items())
        static = sum(synapses.values()) - plastic
        kept = SYNAPSE * static + max(draws, 1) * (SYNAPSE * plastic + remembered) + CELL * states
        cells = max(draws, 1) * sum(circuit.size(name) for name in circuit.population)
        return kept + (BLOCK * cells if options.device == "cuda" else 0)

    def simulate(self, connectome: Connectome, schedule: Schedule, options: RateOptions, progress: Progress) -> Outcome:
        """Run a schedule, without gradients."""
        from cerebellum.rate import simulate

        return simulate.simulate(
            connectome, schedule, device=options.device, dtype=options.dtype, draws=options.draws, progress=progress
        )

    def together(
        self, connectome: Connectome, schedules: Sequence[Schedule], options: RateOptions, progress: Progress
    ) -> list[Outcome]:
        """Run schedules on one circuit, those that can as a batch, of as many as the device holds."""
        from cerebellum.rate import simulate

        most, outcomes = self._batch(connectome.circuit, options), dict[int, Outcome]()
        for batch in simulate.batches(schedules, most):
            found = simulate.together(
                connectome, [schedules[number] for number in batch], device=options.device, dtype=options.dtype,
                draws=options.draws, progress=progress,
            )  # fmt: skip
            outcomes.update(zip(batch, found, strict=True))
        return [outcomes[number] for number in range(len(schedules))]

    def _batch(self, circuit: Circuit, options: RateOptions) -> int:
        """Schedules that run side by side at most."""
        if options.draws:
            return 1
        if options.device == "cpu":
            return BATCH
        need, have = self._device_bytes(circuit, options), free_bytes(choose_device("cuda"))
        fit = max(1, int(have / need))
        if fit < BATCH:
            warnings.warn(f"the CUDA device holds {fit} conditions at once: batches of {fit}", stacklevel=2)
        return min(fit, BATCH)


ENGINE = RateEngine()
