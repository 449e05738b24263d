"""The membrane of a cell between its spikes, in the rate circuit's steps, and what a spike does to it.

The equations are the spiking cells' own (Crank-Nicolson, as `cells.eglif`), under each port's mean conductance. When
the cell spikes is not decided here: `transfer` reads that from single cells, `ages` and `drawn_cells` keep account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cerebellum.cells import Ports, conductance_lif, eglif
from cerebellum.cells.model import Parameters
from cerebellum.errors import ArgumentError
from cerebellum.rate.time_step import BIN

Currents = tuple[Tensor, ...]
"""I_adap and I_dep (A) of E-GLIF; none of the plain cell."""
Hazard = Callable[[Tensor, Tensor], Tensor]
"""Rate (Hz) at voltages above threshold and their changes in a step (V), of one shape."""


class Membrane:
    """Membranes of one population.

    Attributes
    ----------
    adapts : whether the cell is E-GLIF
    hold : whole steps that a cell stays at V_reset after the step of its spike, which lies in the middle of it
    threshold, reset : V_th and V_reset (V), scalars or shape (cells,)

    Raises
    ------
    ArgumentError
        For a cell model without conductances.
    """

    def __init__(self, cell: str, parameters: Parameters, ports: Ports, like: Mapping[str, Any]) -> None:
        if cell not in ("eglif", "conductance_lif"):
            raise ArgumentError("cell", cell, "wanted a cell with conductances: eglif or conductance_lif")
        self.adapts, self.like, self.ports = cell == "eglif", dict(like), dict(ports)
        given = {**parameters, **(eglif if self.adapts else conductance_lif).constants(parameters, {}, BIN)}
        self.numbers = {key: torch.as_tensor(value, **self.like) for key, value in given.items()}
        self.hold = max(0, round(float(np.mean(parameters["t_ref"])) / BIN - 0.5))
        self.threshold, self.reset = self.numbers["V_th"], self.numbers["V_reset"]

    def begin(self, cells: int) -> tuple[Tensor, Currents]:
        """Voltage (V) and currents (A) of the model at its begin, shape (cells,)."""
        none = torch.zeros(cells, **self.like)
        return self.numbers["V_init" if self.adapts else "E_L"] + none, (none, none) if self.adapts else ()

    def advance(
        self, v: Tensor, currents: Currents, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0
    ) -> Tensor:
        """Voltage (V) after a step under each port's mean conductance (S) and an excitatory one `beside`.

        Parameters
        ----------
        v, currents : at the begin of the step, shape (..., cells)
        conductance : port -> S, shape (..., cells)
        """
        n = self.numbers
        total: Tensor | float = beside
        drive = n["drive"]
        for name, port in self.ports.items():
            c = conductance[name] + port.tonic if name in conductance else port.tonic
            total = total + c
            if port.reversal:
                drive = drive + 2 * port.reversal * c
        aim = torch.addcmul(drive, v, n["above"] - total)
        if self.adapts:
            aim = aim - n["adap_sum"] * currents[0] + n["dep_sum"] * currents[1]
        moved = aim / (n["below"] + total)
        return torch.maximum(moved, n["V_min"]) if self.adapts else moved

    def currents(self, currents: Currents, v: Tensor, moved: Tensor) -> Currents:
        """Currents (A) after a step that took the voltage from `v` to `moved` (V), all of shape (..., cells)."""
        if not currents:
            return ()
        n, (adaptation, depolarisation) = self.numbers, currents
        return (
            n["adap_keep"] * adaptation + n["adap_gain"] * (v + moved - n["twice_E_L"]),
            n["dep_keep"] * depolarisation,
        )

    def spiked(self, currents: Currents) -> Currents:
        """Currents (A) of cells right after a spike, given those before."""
        if not currents:
            return ()
        return currents[0] + self.numbers["A2"], self.numbers["A1"].expand_as(currents[1])


class SingleCells:
    """Cells followed from spike to spike; which of them spike in a step is told from outside.

    Attributes
    ----------
    v, currents : voltage (V) and currents (A), of the shape given
    held : steps for which a cell still stays at reset
    """

    def __init__(self, membrane: Membrane, shape: tuple[int, ...]) -> None:
        v, currents = membrane.begin(shape[-1])
        self.membrane, self.v = membrane, v.expand(shape).clone()
        self.currents = tuple(one.expand(shape).clone() for one in currents)
        self.held = torch.zeros(shape, dtype=torch.int32, device=self.v.device)

    @property
    def free(self) -> Tensor:
        """Whether a cell is past its refractory period."""
        return self.held == 0

    def moved(self, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """Voltage (V) at the end of a step, as `Membrane.advance`; V_reset of cells that are held."""
        return torch.where(
            self.free, self.membrane.advance(self.v, self.currents, conductance, beside), self.membrane.reset
        )

    def end_step(self, moved: Tensor, spiked: Tensor) -> None:
        """Take up the step's voltages and which cells spiked in it."""
        before = self.membrane.currents(self.currents, self.v, moved)
        after = self.membrane.spiked(before)
        self.currents = tuple(torch.where(spiked, b, a) for a, b in zip(before, after, strict=True))
        self.v = torch.where(spiked, self.membrane.reset, moved)
        self.held = torch.where(spiked, self.membrane.hold, (self.held - 1).clamp(min=0))
