"""The volley engine: connectome, protocol and plasticity rule as in the spiking engine, in rates, without time.

Spikes become counts: a granule cell fires f(m) times a volley when m of its inputs match (`weights.matches_response`,
measured on the same cell), tonically firing cells follow the closed-form rate of their mean current. What is lost is
spike timing and the graininess of spike counts; the comparison of the engines shows what that costs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from cerebellum.activity.outcome import Outcome, Window, Windows
from cerebellum.cells import MODELS
from cerebellum.connectome.connectome import Connectome, expected_synapses, zone_of
from cerebellum.connectome.weights import SolvedWeights, matches_response, mean_field
from cerebellum.description.block import Block
from cerebellum.description.circuit import Circuit
from cerebellum.description.plasticity import PlasticityRule
from cerebellum.description.population import Population
from cerebellum.description.protocol import Protocol
from cerebellum.description.stimulus import Pointer, Volley
from cerebellum.description.wiring import Dendrites
from cerebellum.errors import ArgumentError, ProtocolFileError
from cerebellum.experiment.patterns import Patterns
from cerebellum.experiment.schedule import Schedule
from cerebellum.machine.device import choose_device
from cerebellum.machine.progress import Progress, silent
from cerebellum.memory.granule_layer import GranuleActivity, GranuleCode
from cerebellum.rate.engine import SYNAPSE, check_device
from cerebellum.typing import Bits, Floats


def fibers_of(addresses: Bits, fibers: int) -> NDArray[np.bool_]:
    """Which mossy fibres fire for each address, shape (addresses, fibres): of pair i fibre 2i for 0, 2i + 1 for 1."""
    fired = np.zeros((len(addresses), fibers), dtype=bool)
    np.put_along_axis(fired, 2 * np.arange(addresses.shape[1]) + addresses, True, axis=1)
    return fired


class VolleyCircuit:
    """The circuit's rate equations on one device.

    Raises
    ------
    ProtocolFileError
        If the circuit is not of the form mossy fibre -> granule -> Purkinje with one plastic projection.
    """

    def __init__(self, connectome: Connectome, device: torch.device, dtype: torch.dtype = torch.float32) -> None:
        self.circuit, self.device, self.dtype = connectome.circuit, device, dtype
        self.connectome, circuit = connectome, self.circuit
        solved = SolvedWeights(connectome.weight, connectome.resting_current)
        self.naive = mean_field(circuit, solved).weight
        self.input = _only(circuit, lambda p: isinstance(p.rule, Dendrites), "from mossy fibres with dendrites")
        self.plastic = _only(circuit, lambda p: p.plasticity is not None, "with climbing-fibre plasticity")
        rule = circuit.projection[self.plastic].plasticity
        assert rule is not None
        self.rule: PlasticityRule = rule
        self.fibers = circuit.size(circuit.projection[self.input].source)
        self.granule = GranuleCode(
            connectome.matrix(self.input), matches_response(circuit, self.input, solved), self.fibers, device, dtype
        )
        self.weights = self._naive_weights()
        teacher = connectome.edges[rule.teacher]
        purkinje = circuit.size(circuit.projection[self.plastic].target)
        self.teacher = np.zeros((circuit.size(circuit.projection[rule.teacher].source), purkinje), dtype=np.int64)
        np.add.at(self.teacher, (teacher.pre, teacher.post), 1)

    def _naive_weights(self) -> torch.Tensor:
        """Parallel-fibre weights before any write, A, (granule, Purkinje); absent synapses are 0 and stay so."""
        edges = self.connectome.edges[self.plastic]
        projection = self.circuit.projection[self.plastic]
        shape = self.circuit.size(projection.source), self.circuit.size(projection.target)
        self.present: torch.Tensor | None = None
        if len(edges) == shape[0] * shape[1]:
            return torch.full(shape, self.naive[self.plastic], dtype=self.dtype, device=self.device)
        present = torch.zeros(shape, dtype=self.dtype, device=self.device)
        present[torch.as_tensor(edges.pre, dtype=torch.int64), torch.as_tensor(edges.post, dtype=torch.int64)] = 1.0
        self.present = present
        return present * self.naive[self.plastic]

    def write(self, activity: GranuleActivity, row: int, lags: NDArray[np.float64]) -> None:
        """One volley's weight change at the synapses of its active cells, clipped.

        Parameters
        ----------
        activity, row : the written volley is this row of the batch
        lags : t_CF - t_PF of the climbing-fibre spikes, s, shape (Purkinje cells, spikes); nan for none
        """
        cells, spikes = activity.of(row)
        taught = torch.as_tensor(self.rule.taught(lags), device=self.device)
        before = self.weights[cells]
        step = spikes[:, None] * self.rule.weight_change(before, taught).to(self.dtype)
        if self.present is not None:
            step = step * self.present[cells]
        written = (before + step).clamp(self.rule.w_min.si, self.rule.w_max.si)
        self.weights[cells] = written if self.present is None else written * self.present[cells]

    def purkinje_rates(self, activity: GranuleActivity | None, volley_rate: float, share: float) -> torch.Tensor:
        """Purkinje rates under a train of volleys.

        Parameters
        ----------
        activity : of a batch of volleys; None for no input
        volley_rate : Hz
        share : part of the read window in which volleys come, 0 to 1

        Returns
        -------
        Hz, shape (batch, Purkinje cells)
        """
        target = self.circuit.projection[self.plastic].target
        population = self.circuit.population[target]
        current = self._no_current(target, activity)
        for name, projection in self.circuit.projection.items():
            if projection.target != target or name == self.rule.teacher:
                continue
            receptor = population.receptor[projection.receptor]
            sign = 1.0 if receptor.effect == "excitatory" else -1.0
            if name == self.plastic:
                if activity is not None:
                    current += sign * activity.summed(self.weights) * (receptor.tau.si * volley_rate * share)
                continue
            rate = self._relay_rate(projection.source, activity, volley_rate)
            mean = share * rate + (1.0 - share) * self._relay_rate(projection.source, None, volley_rate)
            weight = sign * self.naive[name] * receptor.tau.si
            current += weight * (mean.sum(1, keepdim=True) if self._full(name) else mean @ self._contacts(name))
        return self._rate(target, current)

    def _relay_rate(self, name: str, activity: GranuleActivity | None, volley_rate: float) -> torch.Tensor:
        """Rates of cells between granule and Purkinje cells, Hz, (batch, cells)."""
        population: Population = self.circuit.population[name]
        current = self._no_current(name, activity)
        for key, projection in self.circuit.projection.items():
            fed = projection.target == name and projection.source == self.circuit.projection[self.plastic].source
            if fed and activity is not None:
                tau = population.receptor[projection.receptor].tau.si
                total = activity.total()[:, None] if self._full(key) else activity.summed(self._contacts(key))
                current += self.naive[key] * tau * volley_rate * total
        return self._rate(name, current)

    def _no_current(self, name: str, activity: GranuleActivity | None) -> torch.Tensor:
        batch = 1 if activity is None else activity.batch
        return torch.zeros((batch, self.circuit.size(name)), dtype=self.dtype, device=self.device)

    def _full(self, name: str) -> bool:
        """Whether every source cell contacts every target cell, so that a sum replaces a product."""
        projection = self.circuit.projection[name]
        pairs = self.circuit.size(projection.source) * self.circuit.size(projection.target)
        return len(self.connectome.edges[name]) == pairs

    def _contacts(self, name: str) -> torch.Tensor:
        """Synapses of a static projection as a matrix of 0 and 1, shape (sources, targets)."""
        edges, projection = self.connectome.edges[name], self.circuit.projection[name]
        contacts = torch.zeros(
            (self.circuit.size(projection.source), self.circuit.size(projection.target)),
            dtype=self.dtype,
            device=self.device,
        )
        contacts[torch.as_tensor(edges.pre, dtype=torch.int64), torch.as_tensor(edges.post, dtype=torch.int64)] = 1.0
        return contacts

    def _rate(self, name: str, current: torch.Tensor) -> torch.Tensor:
        """Rates (Hz) of a population's cells under constant currents (A), of one shape."""
        rate = MODELS[self.circuit.population[name].cell].rate
        assert rate is not None
        parameters = {
            key: torch.as_tensor(value, dtype=self.dtype, device=self.device)
            if isinstance(value, np.ndarray)
            else value
            for key, value in self.connectome.parameters[name].items()
        }
        found: torch.Tensor = rate(parameters, current, torch)
        return found

    def activity(self, addresses: Bits) -> GranuleActivity:
        """Granule spikes a volley of each address."""
        fired = torch.as_tensor(fibers_of(addresses, self.fibers), device=self.device)
        return self.granule(fired)


class VolleyOutcome(Outcome):
    """Rates that are steady within a window, tallied as such."""

    def counts(self, population: str, windows: Windows) -> Floats:
        """Expected spikes of each cell in groups of windows, shape (groups, cells)."""
        seconds = [sum(stop - start for start, stop in group) for group in windows]
        rows = [self.mean_rates(population, group).mean(axis=0) for group in windows]
        return np.array(rows) * np.array(seconds)[:, None]

    def mean_rates(self, population: str, windows: Sequence[Window]) -> Floats:
        """Rate (Hz) of each cell in each window, shape (windows, cells)."""
        known, rows = self.tallied[population]
        place = {group: number for number, group in enumerate(known)}
        return rows[[place[(window,)] for window in windows]]


def simulate(
    connectome: Connectome,
    schedule: Schedule,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    progress: Progress = silent,
) -> VolleyOutcome:
    """Go through the protocol's write and read blocks; the cues of a block are read all at once.

    Its outcome has the rates of Purkinje cells in the windows of baseline and of reads, and the weights.

    Raises
    ------
    ProtocolFileError
        If the protocol has no write and read blocks of volleys, which is what this engine computes, or if synapses
        begin with the weights of an earlier run.
    """
    begun = time.perf_counter()
    protocol, patterns = schedule.protocol, schedule.patterns
    assert protocol is not None
    refuse(protocol)
    if connectome.learned:
        raise ProtocolFileError("--from: the volley engine writes all weights anew; wanted spiking or rate")
    assert patterns is not None
    circuit = VolleyCircuit(connectome, choose_device(device), getattr(torch, dtype))
    progress("rates of volleys", 0.0)
    cued, purkinje = 0, []
    with torch.no_grad():
        for number, block in enumerate(protocol.block.values()):
            if block.role == "write":
                _write(circuit, protocol, block, patterns)
            elif block.role == "read":
                cues = patterns.cues[patterns.block_of_cue == cued]
                cued += 1
                volley = _volley(block)
                assert block.window is not None
                share = min(1.0, volley.volleys.number * volley.interval.si / block.window.duration.si)
                purkinje.append(circuit.purkinje_rates(circuit.activity(cues), 1.0 / volley.interval.si, share))
                baseline = circuit.purkinje_rates(None, 1.0 / volley.interval.si, share)[0]
            progress("rates of volleys", (number + 1) / len(protocol.block))
    resting, read = schedule.of("baseline"), schedule.of("read")
    rates = np.concatenate(
        [np.tile(baseline.double().cpu().numpy(), (len(resting), 1)), torch.cat(purkinje).double().cpu().numpy()]
    )
    edges, described = connectome.edges[circuit.plastic], connectome.circuit
    windows = [(trial.window,) for trial in (*resting, *read)]
    return VolleyOutcome(
        {name: described.size(name) for name in described.population},
        weights={circuit.plastic: circuit.weights.double().cpu().numpy()[edges.pre, edges.post]},
        tallied={described.projection[circuit.plastic].target: (windows, rates)},
        seconds={"simulate": time.perf_counter() - begun},
    )


def refuse(protocol: Protocol) -> None:
    """Complain about what is no memory of volleys.

    Raises
    ------
    InputError
        With the reason.
    """
    if protocol.patterns is None:
        raise ArgumentError("engine", "volley", "it wants a protocol with patterns; run with engine spiking")
    if protocol.lesion:
        raise ArgumentError("engine", "volley", f"it cannot block {', '.join(protocol.lesion)}")
    for role in ("write", "read"):
        if protocol.block_of(role) is None:
            raise ProtocolFileError(
                f"the engine volley wants a block with role = {role!r}; run this protocol with --engine spiking"
            )


def _write(circuit: VolleyCircuit, protocol: Protocol, block: Block, patterns: Patterns) -> None:
    shown, train = block.shown(protocol.pattern_count), _volley(block)
    written = circuit.activity(patterns.addresses[shown.start : shown.stop])
    for _ in range(int(block.repeats.number) if block.repeats else 1):
        for row, number in enumerate(shown):
            lags = _lags(circuit, block, patterns.pointers[number])
            for volley_number in range(int(train.volleys.number)):
                circuit.write(written, row, lags - volley_number * train.interval.si)


def _lags(circuit: VolleyCircuit, block: Block, pointer: Bits) -> NDArray[np.float64]:
    """t_CF - t_PF (s) at each Purkinje cell for a pattern's first volley, (cells, 1); nan where no CF comes."""
    description, rule = circuit.circuit, circuit.rule
    stimulus = next((s for s in block.stimulus.values() if isinstance(s, Pointer)), None)
    purkinje = circuit.teacher.shape[1]
    if stimulus is None or not block.plasticity:
        raise ProtocolFileError("the write block wants a pointer stimulus and plasticity = true")
    fired = pointer[zone_of(circuit.teacher.shape[0], description.zones)]
    reached = (fired.astype(np.int64) @ circuit.teacher) > 0
    parallel = (
        _volley(block).onset.si
        + description.projection[circuit.input].delay.si
        + description.projection[circuit.plastic].delay.si
    )
    climbing = stimulus.onset.si + description.projection[rule.teacher].delay.si
    lags = np.full((purkinje, 1), np.nan)
    lags[reached] = climbing - parallel
    return lags


def _volley(block: Block) -> Volley:
    volley = next((s for s in block.stimulus.values() if isinstance(s, Volley)), None)
    if volley is None:
        raise ProtocolFileError("the volley engine wants a volley stimulus in its write and read blocks")
    return volley


def _only(circuit: Circuit, wanted: object, what: str) -> str:
    names = [name for name, projection in circuit.projection.items() if wanted(projection)]  # type: ignore[operator]
    if len(names) != 1:
        raise ProtocolFileError(
            f"the volley engine wants exactly one projection {what}, found {', '.join(names) or 'none'}"
        )
    return names[0]


@dataclass(frozen=True)
class VolleyOptions:
    """device, dtype : 'cpu' or 'cuda', 'float32' or 'float64'."""

    device: str = "cpu"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_device(self.device, self.dtype)


class VolleyEngine:
    """Rates of a memory of currents, volley by volley, behind the door of `simulation.engines.Engine`."""

    name = "volley"
    options = VolleyOptions
    readers: Mapping[str, str] = MappingProxyType({"purkinje": "rate"})

    def suits(self, circuit: Circuit) -> bool:
        """Whether every cell with a membrane takes currents and has a rate in closed form."""
        models = [MODELS[p.cell] for p in circuit.population.values()]
        return all(model.takes == "current" and model.rate is not None for model in models if model.has_membrane)

    def check(self, circuit: Circuit, protocol: Protocol, options: VolleyOptions) -> None:
        """Refuse a circuit of conductances, and a protocol without a memory.

        Raises
        ------
        InputError
            With the reason.
        """
        if not self.suits(circuit):
            raise ProtocolFileError(
                "the volley engine wants cells that take currents and have a rate in closed form, and some of this "
                "model's take conductances or have none: run with --engine rate or spiking"
            )
        refuse(protocol)

    def memory(self, circuit: Circuit, options: VolleyOptions) -> float:
        """Bytes needed beside the interpreter, roughly."""
        return float(SYNAPSE * sum(expected_synapses(circuit).values()))

    def simulate(
        self, connectome: Connectome, schedule: Schedule, options: VolleyOptions, progress: Progress
    ) -> Outcome:
        """Go through a memory's blocks."""
        return simulate(connectome, schedule, device=options.device, dtype=options.dtype, progress=progress)


ENGINE = VolleyEngine()
