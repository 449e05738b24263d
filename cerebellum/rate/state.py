"""What the rate circuit remembers from step to step."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from cerebellum.machine.streams import generator
from cerebellum.rate.plasticity import PlasticSynapses
from cerebellum.rate.refractory_density import Ages
from cerebellum.rate.sampled_cells import DrawnCells
from cerebellum.rate.synapses import Conductance, Release

if TYPE_CHECKING:
    from cerebellum.rate.network import RateCircuit


class State:
    """What a `RateCircuit` remembers from step to step."""

    def __init__(self, circuit: RateCircuit, spans: list[tuple[float, float]], seed: int) -> None:
        self.circuit, described, like = circuit, circuit.circuit, circuit.like
        self.step = 0

        def none(population: str) -> Tensor:
            return torch.zeros(described.size(population), **like)

        self.pending: dict[str, deque[Tensor]] = {}
        self.release: dict[str, Release] = {}
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
                self.plastic[name] = PlasticSynapses(circuit.connectome, name, weight, spans, like)
            if projection.short_term is not None:
                cells = described.size(projection.source)
                self.release[name] = Release(projection.short_term, cells, like)
        self.conductances = {
            name: {key: Conductance(one, none(name)) for key, one in membrane.receptors.items()}
            for name, membrane in circuit.membranes.items()
        }
        self.cells: dict[str, Ages | DrawnCells] = {}
        for name, membrane in circuit.membranes.items():
            if circuit.draws and described.population[name].sampled:
                chance = torch.Generator(like["device"])
                chance.manual_seed(int(generator(seed, "rate draws", name).integers(2**62)))
                self.cells[name] = DrawnCells(membrane, described.size(name), circuit.draws, chance)
            else:
                self.cells[name] = Ages(membrane, described.size(name), circuit.draws)

    def none(self, projection: str) -> Tensor:
        """No spikes at the projection's target cells."""
        target = self.circuit.circuit.projection[projection].target
        return torch.zeros(self.circuit.circuit.size(target), **self.circuit.like)
