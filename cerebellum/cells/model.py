"""What a cell model has to say of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CellModel:
    """A point neuron: text for the spiking engine, dimensions for the checks.

    Attributes
    ----------
    parameters : name -> dimension (a key of `units.DIMENSIONS`), all required in a model file
    equations : Brian2 text; `I_synaptic` (A) stands for the sum of all receptors
    threshold, reset, refractory : Brian2 text; empty for a source of given spikes
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    equations: str = ""
    threshold: str = ""
    reset: str = ""
    refractory: str = ""
