"""A closed loop around the rate circuit: cells are expectations, spikes of fibres are drawn, as all that drives it."""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from torch import Tensor

from cerebellum.clock import nearest, on_grid
from cerebellum.errors import ArgumentError
from cerebellum.experiment.fibers import Fibers
from cerebellum.experiment.loop import Exchange, Loop
from cerebellum.experiment.schedule import Schedule
from cerebellum.rate.network import RateCircuit
from cerebellum.rate.recording import over_draws
from cerebellum.rate.time_step import BIN, steps_within


def check_interval(loop: Loop) -> None:
    """Whether rates can be exchanged so often.

    Raises
    ------
    ArgumentError
        If the interval is no whole number of the engine's steps.
    """
    if not on_grid(loop.interval, BIN):
        wanted = f"wanted a whole number of {BIN * 1e3:g} ms: rates step by that"
        raise ArgumentError("interval", f"{loop.interval * 1e3:g} ms", wanted)


class RateLoop:
    """The rate engine's side of an exchange."""

    def __init__(self, module: RateCircuit, loop: Loop, schedule: Schedule) -> None:
        self.module, circuit = module, module.circuit
        self.exchange = Exchange(loop, circuit, schedule.duration)
        self.every, self.substeps = nearest(loop.interval, BIN), steps_within(circuit.dt)
        alive = [name for name in self.exchange.drives if name in module.alive]
        self.fibers = {name: Fibers(module.connectome.seed, name, circuit.size(name)) for name in alive}
        self.hazard = {name: np.zeros(circuit.size(name)) for name in alive}
        self.on_their_way: dict[str, deque[Tensor]] = {}
        for name in alive:
            described = circuit.population[name].afferent
            if described is not None:
                silent = torch.zeros(circuit.size(name), **module.tensor_options)
                self.on_their_way[name] = deque([silent] * nearest(described.delay.si, BIN))
        self.spikes = {name: np.zeros(circuit.size(name)) for name in self.exchange.reads}

    def drive(self, step: int, sources: dict[str, Tensor], afferents: dict[str, Tensor]) -> None:
        """Exchange if it is time, and add this step's spikes of the fibres to the rates (Hz) that drive the circuit."""
        if step % self.every == 0:
            given = self.exchange(self.spikes)
            self.hazard = {name: given[name] * self.module.circuit.dt for name in self.fibers}
            self.spikes = {name: np.zeros_like(spikes) for name, spikes in self.spikes.items()}
        for name, fibers in self.fibers.items():
            fired = np.concatenate([fibers.advance(self.hazard[name]) for _ in range(self.substeps)])
            counts = np.bincount(fired, minlength=len(self.hazard[name]))
            rate = torch.as_tensor(counts / BIN, **self.module.tensor_options)
            driven = sources
            if name in self.on_their_way:
                driven = afferents
                self.on_their_way[name].append(rate)
                rate = self.on_their_way[name].popleft()
            driven[name] = driven[name] + rate if name in driven else rate

    def see(self, rates: dict[str, Tensor]) -> None:
        """Take up the rates (Hz) of a step."""
        for name in self.spikes:
            if name in rates:
                self.spikes[name] += over_draws(rates[name]).double().cpu().numpy() * BIN
