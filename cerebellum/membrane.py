"""The expected membrane of a cell that fires at a rate: its own equations, with every jump at a spike times its odds.

For E-GLIF, in steps of 1 ms (Crank-Nicolson, as `cells.eglif`), with p the probability of a spike in the step:

    V      <- V' - p (V' - V_reset),   I_dep <- I_dep + p (A1 - I_dep),   I_adap <- I_adap + p A2
    p = 1 - exp(-lambda_0 exp((V' - V_th) / softness) dt)

and for the plain cell the same without the currents, lambda_0 being 1/ms. Expectation and the exponential do not
commute, so p is no rate; the cell's rate is measured as a function of V' and of its change in a step, which together
tell the hazard of a cell near a threshold (Chizhov and Graham 2007, Phys Rev E 75:011924). `softness` stands for the
spread of voltages behind an expected one; it is measured too (`transfer`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cerebellum.cell_drive import BIN
from cerebellum.cells import Ports, conductance_lif, eglif
from cerebellum.cells.model import Parameters
from cerebellum.errors import ArgumentError

HAZARD = 1e3  # Hz; of the plain cell at threshold
STEEPEST = 5.0  # largest exponent of the hazard: a spike in this step is then certain


@dataclass
class Voltages:
    """State of a population: voltage after the step's expected reset, and before it (V), two currents (A)."""

    v: Tensor
    before: Tensor
    adaptation: Tensor
    depolarisation: Tensor


class Membrane:
    """Expected membranes of one population.

    Raises
    ------
    ArgumentError
        For a cell model without conductances.
    """

    def __init__(
        self, cell: str, parameters: Parameters, ports: Ports, softness: float, like: Mapping[str, Any]
    ) -> None:
        if cell not in ("eglif", "conductance_lif"):
            raise ArgumentError("cell", cell, "wanted a cell with conductances: eglif or conductance_lif")
        self.adapts, self.softness, self.like = cell == "eglif", softness, dict(like)
        model = eglif if self.adapts else conductance_lif
        given = {**parameters, **model.constants(parameters, {}, BIN)}
        self.numbers = {
            key: value if isinstance(value, float) else torch.as_tensor(value, **self.like)
            for key, value in given.items()
        }
        self.ports = dict(ports)

    def begin(self, cells: int) -> Voltages:
        """At the model's first voltage, without currents."""
        at = self.numbers["V_init" if self.adapts else "E_L"] + torch.zeros(cells, **self.like)
        none = torch.zeros(cells, **self.like)
        return Voltages(at, at, none, none)

    def advance(self, state: Voltages, conductance: Mapping[str, Tensor], beside: Tensor | float = 0.0) -> Tensor:
        """One step under each port's mean conductance (S) and an excitatory one `beside`; changes `state`.

        Returns
        -------
        change of the voltage before reset since the last step, V; the voltage itself is `state.before`
        """
        n = self.numbers
        total: Tensor | float = beside
        drive: Tensor | float = n["drive"]
        for name, port in self.ports.items():
            c = conductance[name] + port.tonic if name in conductance else port.tonic
            total = total + c
            if port.reversal:
                drive = drive + 2 * port.reversal * c
        aim = state.v * (n["above"] - total) + drive
        if self.adapts:
            aim = aim - n["adap_sum"] * state.adaptation + n["dep_sum"] * state.depolarisation
        v = aim / (n["below"] + total)
        if self.adapts:
            v = torch.maximum(v, torch.as_tensor(n["V_min"], **self.like))
        exponent = ((v - n["V_th"]) / self.softness).clamp(max=STEEPEST)
        fires = -torch.expm1(-BIN * (n["lambda_0"] if self.adapts else HAZARD) * torch.exp(exponent))
        if self.adapts:
            moved = n["adap_keep"] * state.adaptation + n["adap_gain"] * (state.v + v - n["twice_E_L"])
            state.adaptation = moved + fires * n["A2"]
            left = n["dep_keep"] * state.depolarisation
            state.depolarisation = left + fires * (n["A1"] - left)
        change = v - state.before
        state.v, state.before = v - fires * (v - n["V_reset"]), v
        return change
