"""The rate twin: every population of a circuit as the rates of its cells, expected or drawn, in torch, with gradients.

Time runs in steps of 0.5 ms. In a step, spikes and rates of source cells reach their targets through the same synapses,
contacts and delays as in the spiking engine; a receptor's mean conductance follows its kernel exactly; it moves the
cell's membrane (`membrane`), told apart by the time since the last spike (`refractory_density`), of which the rate is
a function measured on that cell (`transfer`). Populations that the protocol drives give their own spikes, not an
expectation: the mouse circuit has 117 mossy fibres, each on a thousand granule cells, and what these share moves the
circuit. A basket cell under constant rates equal to those of the circuit fires at 0.4 Hz, in the circuit at 12.

What expectations lose is the chance that cells share beyond what drives them, as granule cells do that hang on one
Golgi cell. With `draws`, the spikes of `sampled` populations are drawn by their rates in so many realizations
side by side; the cells after them, Purkinje cells and nuclei, stay expectations, one to each realization.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cerebellum.cells import MODELS
from cerebellum.clock import nearest
from cerebellum.connectome.connectome import Connectome
from cerebellum.description import lesions
from cerebellum.description.circuit import Circuit
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment.schedule import Events, Schedule
from cerebellum.rate import time_step
from cerebellum.rate.lacking import refuse_what_it_lacks
from cerebellum.rate.membrane import Membrane
from cerebellum.rate.state import State
from cerebellum.rate.synapses import Fan
from cerebellum.rate.time_step import BIN
from cerebellum.rate.transfer_table import TransferSurface
from cerebellum.typing import Ints


class RateCircuit(torch.nn.Module):
    """A circuit's rates, stepped through time.

    With `draws` (realizations side by side; 0: expectations only) there are no gradients. Else these parameters of the
    module have them: `gain[projection]`, a factor on the projection's weight (1 as
    described); `tonic[population]`, an excitatory conductance beside the synapses (S, 0 as described); and
    `weight[projection]` of every plastic one, the weights at the begin (S, shape (synapses,)).

    Raises
    ------
    ProtocolFileError
        If a population's cells have no conductances, or gap junctions conduct, or draws are asked for and the circuit
        has none of the populations that are drawn.
    """

    def __init__(
        self,
        connectome: Connectome,
        surfaces: dict[str, TransferSurface],
        lesion: tuple[str, ...] = (),
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        draws: int = 0,
    ) -> None:
        super().__init__()
        _refuse(connectome, surfaces, lesion, draws)
        self.draws = draws
        self.connectome, self.circuit = connectome, connectome.circuit
        self.tensor_options: dict[str, Any] = {"dtype": dtype, "device": torch.device(device)}
        circuit, cut = self.circuit, set(lesion)
        self.alive = [name for name in circuit.population if name not in cut]
        blocked = lesions.projections(cut, circuit)
        self.names = [n for n in circuit.projection if n not in blocked and len(connectome.edges[n])]
        self.plastic = [n for n in self.names if circuit.projection[n].plasticity is not None]
        self.surfaces = torch.nn.ModuleDict(surfaces).to(self.tensor_options["device"])
        self.membranes = {name: self._membrane(name) for name in surfaces}
        self._make_parameters()
        static = [tuple(names) for population in self.alive for names in self._static(population)]
        self.fans = {names: Fan(connectome, [*names], dtype, self.tensor_options["device"]) for names in static}
        self.delay = {n: time_step.delay(circuit.projection[n].delay.si) for n in self.names}
        self.requires_grad_(not draws)

    def _membrane(self, population: str) -> Membrane:
        described = self.circuit.population[population]
        return Membrane(
            described.cell, self.connectome.parameters[population], described.receptor_models(), self.tensor_options
        )

    def _make_parameters(self) -> None:
        """What has gradients: gains, tonic conductances, plastic weights."""
        one, none = torch.ones((), **self.tensor_options), torch.zeros((), **self.tensor_options)
        self.gain = _parameters(dict.fromkeys(self.names, one))
        self.tonic = _parameters(dict.fromkeys((n for n in self.alive if n in self.surfaces), none))
        begin = {n: torch.as_tensor(self.connectome.weights_at_begin(n)).to(one) for n in self.plastic}
        self.weight = _parameters(begin)

    def _static(self, population: str) -> list[list[str]]:
        """Projections of a population that do not learn, as they share one product: all plain ones, others alone."""
        fixed = [n for n in self.names if n not in self.plastic and self.circuit.projection[n].source == population]
        plain = [n for n in fixed if not self.circuit.projection[n].release]
        return [plain] * bool(plain) + [[n] for n in fixed if n not in plain]

    def driven(
        self, given: dict[str, list[tuple[Tensor, Tensor] | None]], step: int, before: Ints | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Rates (Hz) that `given_rates` has for a step: of source populations, and of others' outside fibres.

        `before` : the step that goes before each (`stretches.step_before`), if not the one before it
        """
        sources: dict[str, Tensor] = {}
        afferents: dict[str, Tensor] = {}
        for name, events in given.items():
            if name not in self.alive:
                continue
            described = self.circuit.population[name]
            is_source = described.afferent is None
            late = 0 if described.afferent is None else nearest(described.afferent.delay.si, BIN)
            then = step - late
            if before is not None:
                then = step
                for _ in range(late):
                    then = int(before[then]) if then >= 0 else -1
            now = events[then] if then >= 0 else None
            if is_source or now is not None:
                rate = torch.zeros(self.circuit.size(name), **self.tensor_options)
                if now is not None:
                    rate.index_add_(0, *now)
                (sources if is_source else afferents)[name] = rate
        return sources, afferents

    def begin(self, spans: Sequence[tuple[float, float]] = (), seed: int = 0, several: int = 0) -> State:
        """State at time 0: nothing flows. Plasticity is on in `spans` (s); `seed` is that of draws.

        `several` : conditions side by side, which share all but the rates that they are given; 0: one, without an axis
        """
        return State(self, list(spans), seed, several)

    def forward(self, state: State, given: dict[str, Tensor], afferent: dict[str, Tensor]) -> dict[str, Tensor]:
        """One step.

        Parameters
        ----------
        state : changed in place
        given : rates (Hz) of the populations that the protocol drives, in this step, shape (cells,); one with a
            membrane can be given too, as a record of an earlier run
        afferent : the same of the outside fibres onto other populations

        Returns
        -------
        rates (Hz) of all populations in this step, shape (cells,), or (draws, cells) where draws reach
        """
        rates: dict[str, Tensor] = {}
        arriving = {name: state.pending[name].popleft() for name in self.names if name not in state.plastic}
        before = {name: state.emitted[name].popleft() for name in state.plastic}
        for name, synapses in state.plastic.items():
            arriving[name] = synapses.transmit(before[name][1])
        for population in self.alive:
            if population in given:
                rates[population] = given[population]
            elif MODELS[self.circuit.population[population].cell].relays:
                rates[population] = self._relayed(population, arriving)
            else:
                rates[population] = self._cells(population, state, arriving, afferent.get(population))
        self._send(state, rates)
        self._learn(state, before, arriving)
        state.step += 1
        return rates

    def _relayed(self, population: str, arriving: dict[str, Tensor]) -> Tensor:
        """What arrives at cells that pass every spike on."""
        none = torch.zeros(self.circuit.size(population), **self.tensor_options)
        return sum((arriving[n] for n in self.names if self.circuit.projection[n].target == population), none)

    def _send(self, state: State, rates: dict[str, Tensor]) -> None:
        """Put this step's rates on their way."""
        for names, fan in self.fans.items():
            rate = rates[self.circuit.projection[names[0]].source]
            if names[0] in state.release:
                rate = state.release[names[0]](rate)
            for name, arrived in fan(rate).items():
                state.pending[name].append(arrived)
        for name in state.plastic:
            rate = rates[self.circuit.projection[name].source]
            state.emitted[name].append((rate, state.release[name](rate) if name in state.release else rate))

    def _learn(self, state: State, before: dict[str, tuple[Tensor, Tensor]], arriving: dict[str, Tensor]) -> None:
        """Change plastic weights by what arrived in this step, and by the teacher's spikes."""
        for name, synapses in state.plastic.items():
            teacher = synapses.rule.teacher
            if synapses.spans:
                taught = arriving[teacher] / self.contacts(teacher) if teacher in arriving else state.none(name)
                synapses.learn(state.step, before[name][0], taught)

    def contacts(self, projection: str) -> float:
        """Mean number of contacts of a synapse."""
        contacts = self.circuit.projection[projection].contacts
        return 1.0 if contacts is None else contacts.mean.number

    def _cells(self, population: str, state: State, arriving: dict[str, Tensor], afferent: Tensor | None) -> Tensor:
        circuit = self.circuit
        weighted: dict[str, Tensor] = {}
        for name, arrived in arriving.items():
            projection = circuit.projection[name]
            if projection.target != population:
                continue
            weight = 1.0 if name in state.plastic else self.connectome.weight[name]
            _add(weighted, projection.receptor, arrived * (self.gain[name] * weight))
        outside = circuit.population[population].afferent
        if outside is not None:
            came = torch.zeros(circuit.size(population), **self.tensor_options) if afferent is None else afferent
            _add(weighted, outside.receptor, came * outside.weight.si)
        mean = {name: state.conductances[population][name].advance(rate) for name, rate in weighted.items()}
        return state.cells[population].advance(self.surfaces[population], mean, self.tonic[population])


def _refuse(connectome: Connectome, surfaces: dict[str, TransferSurface], lesion: tuple[str, ...], draws: int) -> None:
    circuit = connectome.circuit
    if draws < 0 or (draws and not any(circuit.population[name].sampled for name in surfaces)):
        raise ProtocolFileError(
            f"draws: found {draws}; wanted 0, or 1 or more and a population with sampled = true in the model file"
        )
    refuse_what_it_lacks(circuit, lesion)


def _parameters(tensors: dict[str, Tensor]) -> torch.nn.ParameterDict:
    return torch.nn.ParameterDict({name: torch.nn.Parameter(tensor.clone()) for name, tensor in tensors.items()})


def _add(table: dict[str, Tensor], key: str, value: Tensor) -> None:
    table[key] = table[key] + value if key in table else value


def steps_of(events: Events, dt: float, steps: int) -> NDArray[np.int64]:
    """Steps of `BIN` in which spikes of time steps `dt` (s) fall, `steps` - 1 at most."""
    return np.minimum((events.step * dt / BIN + 1e-6).astype(np.int64), steps - 1)


def given_rates(
    schedule: Schedule, circuit: Circuit, tensor_options: dict[str, Any]
) -> dict[str, list[tuple[Tensor, Tensor] | None]]:
    """Spikes of the driven populations in steps of `BIN`: for each step the cells and their rates (Hz), or None."""
    steps = nearest(schedule.duration, BIN)
    out: dict[str, list[tuple[Tensor, Tensor] | None]] = {}
    for name, events in schedule.events.items():
        place = steps_of(events, circuit.dt, steps)
        order = np.argsort(place, kind="stable")
        cells = torch.as_tensor(events.cell[order].astype(np.int64), device=tensor_options["device"])
        ends = np.searchsorted(place[order], np.arange(steps + 1))
        out[name] = [
            (cells[a:b], torch.full((b - a,), 1 / BIN, **tensor_options)) if b > a else None
            for a, b in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
        ]
    return out
