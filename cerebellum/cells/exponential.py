"""Receptors that bring an exponential current: I += weight at each spike, dI/dt = -I / tau."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cerebellum.cells import lif
from cerebellum.cells.receptor import CurrentReceptor
from cerebellum.typing import Floats


@dataclass(frozen=True, kw_only=True)
class ExponentialCurrent(CurrentReceptor):
    """An exponential current with the time constant `tau` (s)."""

    parameters: ClassVar[Mapping[str, str]] = {"tau": "time"}
    positive: ClassVar[tuple[str, ...]] = ("tau",)
    tau: float

    def states(self, name: str) -> list[str]:
        """The current itself."""
        return [f"I_{name}"]

    def jumps(self, name: str) -> dict[str, str]:
        """The current, by the weight."""
        return {f"I_{name}": ""}

    def decays(self, name: str) -> list[str]:
        """Decay."""
        return [f"I_{name} = I_{name} * decay_{name}"]

    def constants(self, name: str, dt: float) -> dict[str, float]:
        """Decay in a step."""
        return {f"decay_{name}": float(np.exp(-dt / self.tau))}

    def depolarisation(self, name: str) -> str:
        """The postsynaptic potential a step after the current."""
        return f"I_{name} * kick_{name}"

    def membrane_constants(self, name: str, parameters: Mapping[str, Any], dt: float) -> dict[str, float | Floats]:
        """The postsynaptic potential, V/A."""
        return {f"kick_{name}": lif.psp(parameters, self.tau, dt)}
