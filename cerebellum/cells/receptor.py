"""What a receptor kind has to say of itself.

A kind is a frozen dataclass; an object of it is one receptor of one population, with the model file's numbers in SI
units. Its text is Brian2's, and runs on numpy as it stands (`cells.formula`), which gives the numpy reference.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from cerebellum.cells import formula
from cerebellum.typing import Floats

Dimension = Literal["current", "conductance"]


@dataclass(frozen=True, kw_only=True)
class ReceptorModel(ABC):
    """Where synapses enter a cell: what all kinds share.

    `name` is the receptor's in the population; every identifier of a kind's text ends in it, but `step`.

    Attributes
    ----------
    dimension : of a weight, which is also what a cell model takes
    parameters : field -> dimension (a key of `units.DIMENSIONS`) in a model file, which may leave out those with a
        default
    positive : parameters that must be more than 0
    sign : +1 excitatory or -1 inhibitory
    """

    dimension: ClassVar[Dimension]
    parameters: ClassVar[Mapping[str, str]] = {}
    positive: ClassVar[tuple[str, ...]] = ()
    sign: int

    @abstractmethod
    def states(self, name: str) -> list[str]:
        """Names of the state variables, 0 at the begin; the first is the conductance, or the current, itself."""

    @abstractmethod
    def jumps(self, name: str) -> dict[str, str]:
        """State variables that a spike adds its weight to -> the constant that the weight is multiplied by, or ''."""

    @abstractmethod
    def decays(self, name: str) -> list[str]:
        """Lines that take the state to the step's end."""

    @abstractmethod
    def constants(self, name: str, dt: float) -> dict[str, float]:
        """Numbers (SI) that the text names, for a time step (s); `step`, the time step itself, is there already."""

    def arrival(self, name: str, amount: str) -> str:
        """What a spike of weight `amount` does to the cell after the synapse."""
        factors = {state: f" * {factor}" if factor else "" for state, factor in self.jumps(name).items()}
        return "\n".join(f"{state}_post += {amount}{factor}" for state, factor in factors.items())


@dataclass(frozen=True, kw_only=True)
class CurrentReceptor(ReceptorModel):
    """A receptor that brings a current `I_NAME` (A), which a leaky membrane takes exactly."""

    dimension: ClassVar[Dimension] = "current"

    @abstractmethod
    def depolarisation(self, name: str) -> str:
        """What it adds to a leaky membrane's voltage (V) in a step, but for `sign`: the equations' propagator."""

    @abstractmethod
    def membrane_constants(self, name: str, parameters: Mapping[str, Any], dt: float) -> dict[str, float | Floats]:
        """Numbers of `depolarisation` that depend on the membrane's tau_m and C_m."""


@dataclass(frozen=True, kw_only=True)
class ConductanceReceptor(ReceptorModel):
    """A receptor that opens a conductance.

    Attributes
    ----------
    reversal : V
    tonic : conductance that is always open (S), as of receptors outside the synapses, which ambient transmitter binds
    """

    dimension: ClassVar[Dimension] = "conductance"
    parameters: ClassVar[Mapping[str, str]] = {"reversal": "voltage", "tonic": "conductance"}
    reversal: float
    tonic: float = 0.0

    @property
    def voltage_gate(self) -> str:
        """Share that is open at a voltage `v` (V), as an expression of it and numbers; '' for all.

        A step takes it at its begin.
        """
        return ""

    @abstractmethod
    def mean(self, name: str) -> str:
        """Mean conductance over a step, of the state at its begin, without `tonic` and with the voltage gate open."""

    @abstractmethod
    def begin(self, none: Any) -> tuple[Any, ...]:
        """State of the rate form, arrays of the shape of `none`, which is 0."""

    @abstractmethod
    def advance(self, state: tuple[Any, ...], rate: Any, dt: float) -> tuple[tuple[Any, ...], Any]:
        """State after a step (s), and what `mean` says of it (S), if weights arrive at a steady `rate` (S Hz).

        By operators only, on arrays of any library and shape.
        """

    def course(self, rate: Floats, dt: float) -> Floats:
        """`mean` in every step from rest, of weights that arrive at `rate` (S Hz), both of shape (steps, cells)."""
        state, out = self.begin(np.zeros(rate.shape[1:])), np.empty(rate.shape)
        for step, now in enumerate(rate):
            state, out[step] = self.advance(state, now, dt)
        return out

    def gated(self, conductance: Any, v: Any, ops: Any = np) -> Any:
        """What is open (S) of a conductance at a voltage (V), arrays of the library `ops`."""
        return conductance * formula.evaluate(self.voltage_gate, {"v": v}, ops) if self.voltage_gate else conductance
