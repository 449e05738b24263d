"""What a cell model has to say of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cerebellum.typing import Floats

Parameters = Mapping[str, float | Floats]
Synapse = Literal["exponential", "alpha"]


@dataclass(frozen=True)
class Port:
    """Where synapses enter a cell: +1 or -1, time constant (s).

    A conductance has a reversal (V) and may have a tonic part (S), which is always open.
    """

    sign: int
    tau: float
    reversal: float | None = None
    tonic: float = 0.0


Ports = Mapping[str, Port]


@dataclass(frozen=True)
class CellModel:
    """A point neuron: text for the spiking engine, dimensions for the checks.

    Attributes
    ----------
    parameters : name -> dimension (a key of `units.DIMENSIONS`), all required in a model file
    positive : parameters that must be more than 0
    synapse : 'exponential' current (weights in A) or 'alpha' conductance (weights in S); None takes spikes as they are
    equations : ports to Brian2 text: differential equations if `differential`, else the state variables
    update : ports, and text of currents (A) beside the synapses', to the text of one time step
    differential : the update is a state updater of `equations` in Brian2 units; else plain text on SI numbers
    arrival : what a spike does to the cell; `{port}` and `{amount}` are filled in
    threshold, reset, refractory : Brian2 text; empty for a source of given spikes
    constants : SI parameters, ports, time step (s), to the numbers that the text names
    start : SI parameters, cells, random generator, to the state at time 0 beside the voltage
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    positive: tuple[str, ...] = ()
    synapse: Synapse | None = None
    equations: Callable[[Ports], str] | None = None
    update: Callable[[Ports, str], str] | None = None
    differential: bool = False
    arrival: str = ""
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
    constants: Callable[[Parameters, Ports, float], dict[str, float | Floats]] | None = None
    start: Callable[[Parameters, int, np.random.Generator], dict[str, float | Floats]] | None = None
