"""The membrane of a cell between its spikes, in the rate circuit's steps, and what a spike does to it.

The equations are the cell model's own (`cells.model.RateForm`), under each receptor's mean conductance. When the cell
spikes is not decided here: `transfer` reads that from single cells, `refractory_density` and `sampled_cells` keep
account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from cerebellum.cells import MODELS, Receptors
from cerebellum.cells.model import Parameters
from cerebellum.errors import ArgumentError
from cerebellum.rate.time_step import BIN

Slow = tuple[Tensor, ...]
"""What a membrane has beside its voltage, as currents (A); none of the plain cell."""
Hazard = Callable[[Tensor, Tensor], Tensor]
"""Rate (Hz) at voltages above threshold and their changes in a step (V), of one shape."""


class Membrane:
    """Membranes of one population.

    Attributes
    ----------
    hold : whole steps that a cell stays at reset after the step of its spike, which lies in the middle of it
    threshold, reset : V, scalars or shape (cells,)

    Raises
    ------
    ArgumentError
        For a cell model without a rate form.
    """

    def __init__(self, cell: str, parameters: Parameters, receptors: Receptors, like: Mapping[str, Any]) -> None:
        model = MODELS[cell]
        if model.rate_form is None or model.constants is None:
            known = [name for name, one in MODELS.items() if one.rate_form is not None]
            raise ArgumentError("cell", cell, f"wanted a cell with a rate form: {' or '.join(known)}")
        self.form, self.tensor_options, self.receptors = model.rate_form, dict(like), dict(receptors)
        given = {**parameters, **model.constants(parameters, {}, BIN)}
        self.numbers = {key: torch.as_tensor(value, **self.tensor_options) for key, value in given.items()}
        self.hold = self.form.hold(parameters, BIN)
        self.threshold, self.reset = self.numbers[self.form.threshold], self.numbers[self.form.reset]

    def begin(self, cells: int) -> tuple[Tensor, Slow]:
        """Voltage (V) and the other states of the model at its begin, shape (cells,)."""
        none = torch.zeros(cells, **self.tensor_options)
        return self.numbers[self.form.initial] + none, (none,) * self.form.slow

    def advance(self, v: Tensor, slow: Slow, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """Voltage (V) after a step under each receptor's mean conductance (S) and an excitatory one `beside`.

        Parameters
        ----------
        v, slow : at the begin of the step, shape (..., cells)
        conductance : receptor -> S, shape (..., cells)
        """
        total: Tensor | float = beside
        drive = self.numbers["drive"]
        for name, receptor in self.receptors.items():
            c = conductance[name] + receptor.tonic if name in conductance else receptor.tonic
            c = receptor.gated(c, v, torch)
            total = total + c
            if receptor.reversal:
                drive = drive + 2 * receptor.reversal * c
        moved: Tensor = self.form.advance(self.numbers, v, slow, drive, total, torch)
        return moved

    def advance_slow(self, slow: Slow, v: Tensor, moved: Tensor) -> Slow:
        """The other states after a step that took the voltage from `v` to `moved` (V), all of shape (..., cells)."""
        return self.form.advance_slow(self.numbers, slow, v, moved)

    def spiked(self, slow: Slow) -> Slow:
        """The other states of cells right after a spike, given those before."""
        return self.form.spiked(self.numbers, slow, torch)


class SingleCells:
    """Cells followed from spike to spike; which of them spike in a step is decided outside.

    Attributes
    ----------
    v, slow : voltage (V) and the other states, of the shape given
    refractory : steps for which a cell still stays at reset
    """

    def __init__(self, membrane: Membrane, shape: tuple[int, ...]) -> None:
        v, slow = membrane.begin(shape[-1])
        self.membrane, self.v = membrane, v.expand(shape).clone()
        self.slow = tuple(one.expand(shape).clone() for one in slow)
        self.refractory = torch.zeros(shape, dtype=torch.int32, device=self.v.device)

    @property
    def free(self) -> Tensor:
        """Whether a cell is past its refractory period."""
        return self.refractory == 0

    def moved(self, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """Voltage (V) at the end of a step, as `Membrane.advance`; V_reset of refractory cells."""
        return torch.where(
            self.free, self.membrane.advance(self.v, self.slow, conductance, beside), self.membrane.reset
        )

    def end_step(self, moved: Tensor, spiked: Tensor) -> None:
        """Take up the step's voltages and which cells spiked in it."""
        before = self.membrane.advance_slow(self.slow, self.v, moved)
        after = self.membrane.spiked(before)
        self.slow = tuple(torch.where(spiked, b, a) for a, b in zip(before, after, strict=True))
        self.v = torch.where(spiked, self.membrane.reset, moved)
        self.refractory = torch.where(spiked, self.membrane.hold, (self.refractory - 1).clamp(min=0))
