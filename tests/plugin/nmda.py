"""NMDA receptor with magnesium block, as another package would add it.

After a spike the conductance is weight (exp(-t / tau_decay) - exp(-t / tau_rise)), scaled to peak at the weight, times
the share of channels without magnesium, 1 / (1 + [Mg] exp(-0.062 V / mV) / 3.57 mM): Jahr and Stevens 1990, J Neurosci
10:3178.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from cerebellum.cells import ConductanceReceptor


@dataclass(frozen=True, kw_only=True)
class NMDA(ConductanceReceptor):
    """NMDA receptor: rise and decay (s), external magnesium (mM, that is mol/m3)."""

    parameters: ClassVar[Mapping[str, str]] = {
        "tau_rise": "time",
        "tau_decay": "time",
        "magnesium": "concentration",
        **ConductanceReceptor.parameters,
    }
    positive: ClassVar[tuple[str, ...]] = ("tau_rise", "tau_decay")
    tau_rise: float
    tau_decay: float
    magnesium: float = 1.2

    @property
    def voltage_gate(self) -> str:
        """Share of channels without magnesium."""
        return f"1 / (1 + {self.magnesium / 3.57!r} * exp(-62.0 * v))"

    @property
    def scale(self) -> float:
        """1 over the peak of the difference of exponentials."""
        ratio = self.tau_rise / self.tau_decay
        peak = np.log(1 / ratio) * self.tau_rise / (1 - ratio)
        return float(1 / (np.exp(-peak / self.tau_decay) - np.exp(-peak / self.tau_rise)))

    def states(self, name: str) -> list[str]:
        """Conductance, and the fast exponential that is missing from the slow one."""
        return [f"g_{name}", f"fast_{name}"]

    def jumps(self, name: str) -> dict[str, str]:
        """The fast one: their difference is 0 yet."""
        return {f"fast_{name}": f"scale_{name}"}

    def mean(self, name: str) -> str:
        """The integral over the step."""
        return f"mean_slow_{name} * (g_{name} + fast_{name}) - mean_fast_{name} * fast_{name}"

    def decays(self, name: str) -> list[str]:
        """Of both."""
        return [
            f"g_{name} = keep_slow_{name} * (g_{name} + fast_{name}) - keep_fast_{name} * fast_{name}",
            f"fast_{name} = keep_fast_{name} * fast_{name}",
        ]

    def constants(self, name: str, dt: float) -> dict[str, float]:
        """Numbers of the lines above."""
        numbers = {f"scale_{name}": self.scale}
        for stage, tau in (("slow", self.tau_decay), ("fast", self.tau_rise)):
            keep = float(np.exp(-dt / tau))
            numbers |= {f"keep_{stage}_{name}": keep, f"mean_{stage}_{name}": tau / dt * (1 - keep)}
        return numbers

    def begin(self, none: Any) -> tuple[Any, ...]:
        """Both exponentials."""
        return none, none

    def advance(self, state: tuple[Any, ...], rate: Any, dt: float) -> tuple[tuple[Any, ...], Any]:
        """s' = scale rate - s / tau of both, exactly; a mean from the balance of its step."""
        ends, means = [], []
        for s, tau in zip(state, (self.tau_decay, self.tau_rise), strict=True):
            keep, drive = float(np.exp(-dt / tau)), self.scale * rate
            ends.append(keep * s + tau * (1 - keep) * drive)
            means.append(tau * (drive * dt - (ends[-1] - s)) / dt)
        return tuple(ends), means[0] - means[1]
