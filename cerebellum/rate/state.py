"""What the rate circuit remembers from step to step."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from itertools import islice
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.refractory_density import RefractoryDensity
from cerebellum.rate.sampled_cells import SampledCells, key_of
from cerebellum.rate.synapses import PortConductance, TsodyksMarkram

if TYPE_CHECKING:
    from cerebellum.rate.network import RateCircuit


class State:
    """What a `RateCircuit` remembers from step to step."""

    def __init__(self, circuit: RateCircuit, spans: list[tuple[float, float]], seed: int, several: int = 0) -> None:
        self.circuit, described, tensor_options = circuit, circuit.circuit, circuit.tensor_options
        self.step = 0

        def none(population: str) -> Tensor:
            return torch.zeros(described.size(population), **tensor_options)

        self.pending: dict[str, deque[Tensor]] = {}
        self.release: dict[str, TsodyksMarkram] = {}
        self.plastic: dict[str, PlasticSynapses] = {}
        self.emitted: dict[str, deque[tuple[Tensor, Tensor]]] = {}
        for name in circuit.names:
            projection = described.projection[name]
            if projection.plasticity is None:
                self.pending[name] = deque([none(projection.target)] * circuit.delay[name])
            else:
                silent = none(projection.source)
                self.emitted[name] = deque([(silent, silent)] * circuit.delay[name])
                weight = circuit.weight[name]
                self.plastic[name] = PlasticSynapses(circuit.connectome, name, weight, spans, tensor_options)
            if (rule := circuit.connectome.release.get(name)) is not None:
                self.release[name] = TsodyksMarkram(rule, described.size(projection.source), tensor_options)
        self.conductances = {
            name: {key: PortConductance(one, none(name)) for key, one in membrane.receptors.items()}
            for name, membrane in circuit.membranes.items()
        }
        self.cells: dict[str, RefractoryDensity | SampledCells] = {}
        for name, membrane in circuit.membranes.items():
            if circuit.draws and described.population[name].sampled:
                self.cells[name] = SampledCells(membrane, described.size(name), circuit.draws, key_of(seed, name))
            else:
                self.cells[name] = RefractoryDensity(membrane, described.size(name), circuit.draws or several)

    def saved(self) -> dict[str, Any]:
        """A copy of it all but the plastic weights, for `restore`."""
        past = {name: (copy(one.active), copy(one.taught)) for name, one in self.plastic.items()}
        return {**deepcopy(vars(self), self._shared()), "past": past}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go back to what was saved."""
        copied = deepcopy(dict(saved), self._shared())
        for name, (active, taught) in copied.pop("past").items():
            self.plastic[name].active, self.plastic[name].taught = active, taught
        vars(self).update(copied)

    def _shared(self) -> dict[int, Any]:
        """What no copy is made of, as `deepcopy` wants it."""
        kept = [self.circuit, self.plastic, *self.plastic.values(), *self.circuit.membranes.values()]
        return {id(one): one for one in kept}

    def tensors(self) -> list[Tensor]:
        """All of it as tensors, of a circuit in which nothing learns, for `take`."""
        ports = (port for own in self.conductances.values() for port in own.values())
        out = [one for under_way in self.pending.values() for one in under_way]
        out += [one for port in ports for one in port.state]
        return out + [one for cells in self.cells.values() for one in cells.tensors()]

    def take(self, tensors: Sequence[Tensor]) -> None:
        """Go on from what `tensors` gave."""
        left = iter(tensors)
        for name, under_way in self.pending.items():
            self.pending[name] = deque(islice(left, len(under_way)))
        for own in self.conductances.values():
            for port in own.values():
                port.state = tuple(islice(left, len(port.state)))
        for cells in self.cells.values():
            cells.take(islice(left, len(cells.tensors())))

    def go_to(self, step: int) -> None:
        """The next step's number, by which spikes are given and drawn."""
        self.step = step
        for cells in self.cells.values():
            if isinstance(cells, SampledCells):
                cells.step = step

    def none(self, projection: str) -> Tensor:
        """No spikes at the projection's target cells."""
        target = self.circuit.circuit.projection[projection].target
        return torch.zeros(self.circuit.circuit.size(target), **self.circuit.tensor_options)
