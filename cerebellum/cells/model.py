"""What a cell model has to say of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cerebellum.cells.receptor import Dimension
from cerebellum.clock import nearest
from cerebellum.typing import Floats, Ints

Parameters = Mapping[str, float | Floats]
State = Mapping[str, float | Floats]
Receptors = Mapping[str, Any]
"""Name -> `ReceptorModel` of the dimension that the cell takes."""
Arrivals = Mapping[int, list[tuple[str, NDArray[np.int64], Floats]]]
"""Time step -> (receptor, cells, weights in A or S) of the spikes that arrive in it."""
Slow = tuple[Any, ...]
"""What a membrane has beside its voltage, such as adaptation currents (A)."""


def rest_steps(parameters: Parameters, dt: float) -> Floats:
    """Whole steps of `dt` (s) for which a cell is held at its reset after the step of a spike; then it integrates."""
    return np.asarray(nearest(np.asarray(parameters["t_ref"], dtype=float), dt), dtype=float)


class RateForm:
    """A membrane in the rate engine's steps: what happens between spikes, and at one. This one is a leaky membrane.

    The engine reads from single cells when it spikes (`rate.transfer`). A form works on arrays of any library and
    shape by operators; what is no operator comes from `ops`: torch, or what has its names. `n` are the parameters and
    the numbers of `CellModel.constants` without receptors, for the engine's step.

    Attributes
    ----------
    initial, threshold, reset : parameters: the voltage at time 0, that from which the hazard is counted, that after a
        spike
    slow : how many other states there are
    """

    initial = "E_L"
    threshold = "V_th"
    reset = "V_reset"
    slow = 0

    def advance(self, n: Mapping[str, Any], v: Any, slow: Slow, drive: Any, total: Any, ops: Any) -> Any:
        """Voltage (V) after a step from `v` without a spike.

        Parameters
        ----------
        drive : twice the current (A) that does not depend on the voltage: the cell's number `drive`, and the reversals'
        total : conductance (S)
        """
        return ops.addcmul(drive, v, n["above"] - total) / (n["below"] + total)

    def advance_slow(self, n: Mapping[str, Any], slow: Slow, v: Any, moved: Any) -> Slow:
        """The other states after a step that took the voltage from `v` to `moved` (V)."""
        return ()

    def spiked(self, n: Mapping[str, Any], slow: Slow, ops: Any) -> Slow:
        """The other states right after a spike."""
        return ()

    def hold(self, parameters: Parameters, dt: float) -> int:
        """Whole steps at `reset` after the step of the spike, which lies in the middle of it."""
        return max(0, round(float(np.mean(parameters["t_ref"])) / dt - 0.5))


@dataclass(frozen=True)
class CellModel:
    """A point neuron: text for the spiking engine, a reference in numpy, a form for the rate engine.

    Attributes
    ----------
    parameters : name -> dimension (a key of `units.DIMENSIONS`), all required in a model file
    positive : parameters that must be more than 0
    nonnegative : others that must not be less; times never may
    takes : dimension of its receptors, of whatever kinds; None takes spikes as they are
    equations : receptors to the state variables, as Brian2 text; None for cells whose spikes are given
    update : receptors, and text of currents (A) beside the synapses', to the text of one time step, on SI numbers
    arrival : what a spike does to a cell without receptors
    threshold, reset : Brian2 text; empty for a source of given spikes
    constants : SI parameters, receptors, time step (s), to the numbers that the text names
    start : SI parameters, cells, random generator, to the state at time 0; the rest is 0
    out_of_phase : the same of cells that have not begun together, if `start` does not see to that
    respond : (parameters, receptors, state, current, dt, arrivals) to the steps and the cells of spikes of uncoupled
        cells, both shape (spikes,), ordered by time, in numpy: step for step what the spiking engine does. `current`
        (A) is beside the parameters', held over each step, shape (steps, cells) or (steps, 1)
    rate_form : of the membrane, for the rate engine
    adaptation : state variable that is an adaptation current (A); '' where there is none
    rate : (parameters, current in A, ops) to the rate (Hz) under a constant current in closed form
    """

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    positive: tuple[str, ...] = ()
    nonnegative: tuple[str, ...] = ()
    takes: Dimension | None = None
    equations: Callable[[Receptors], str] | None = None
    update: Callable[[Receptors, str], str] | None = None
    arrival: str = ""
    threshold: str = ""
    reset: str = ""
    constants: Callable[[Parameters, Receptors, float], dict[str, float | Floats]] | None = None
    start: Callable[[Parameters, int, np.random.Generator], State] | None = None
    out_of_phase: Callable[[Parameters, int, np.random.Generator], State] | None = None
    respond: Callable[[Parameters, Receptors, State, Floats, float, Arrivals | None], tuple[Ints, Ints]] | None = None
    rate_form: RateForm | None = None
    adaptation: str = ""
    rate: Callable[[Mapping[str, Any], Any, Any], Any] | None = None

    @property
    def given(self) -> bool:
        """Whether the protocol gives its spikes."""
        return self.equations is None

    @property
    def has_membrane(self) -> bool:
        """Whether it has a voltage, which receptors move."""
        return self.takes is not None

    @property
    def relays(self) -> bool:
        """Whether it passes on every spike that it gets."""
        return not self.given and not self.has_membrane
