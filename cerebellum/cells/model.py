"""What a cell model has to say of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Parameters = Mapping[str, float | Floats]


@dataclass(frozen=True)
class CellModel:
    """A point neuron: text for the spiking engine, dimensions for the checks.

    Attributes
    ----------
    parameters : name -> dimension (a key of `units.DIMENSIONS`), all required in a model file
    equations : the differential equations as Brian2 text; `I_synaptic` (A) is the sum of all receptors
    threshold, reset, refractory : Brian2 text; empty for a source of given spikes
    update : receptor -> +1 or -1 (its effect), to the text of one exact time step
    constants : SI parameters, receptor -> tau (s), time step (s), to the numbers that `update` names
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    equations: str = ""
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
    update: Callable[[Mapping[str, int]], str] | None = None
    constants: Callable[[Parameters, Mapping[str, float], float], dict[str, float | Floats]] | None = None
