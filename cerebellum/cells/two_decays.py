"""Receptors whose conductance rises once and decays fast and slowly, with or without a magnesium block.

    r'   = -A_r r / tau_r                          at a spike r += g_init times the weight
    g_i' = A_i r - g_i / tau_di                    i = 1 (fast), 2 (slow)
    g    = g_1 + g_2, of NMDA receptors times 1 / (1 + exp((v0_block - V) / k_block))

De Grazia et al. 2026, bioRxiv, doi:10.64898/2026.05.12.724100. A weight is the published one, a multiple of the
receptor's own conductance (`g_init`, in nS there), not the peak. The three stages are linear, so a step is exact.
Upstream sets the block aside for half a millisecond after a spike, in which the voltage is held: that has no effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cerebellum.cells.receptor import ConductanceReceptor


@dataclass(frozen=True, kw_only=True)
class TwoDecays(ConductanceReceptor):
    """A rise, a fast and a slow decay.

    Attributes
    ----------
    g_init : what a weight of 1 starts the rise with
    tau_r, A_r : the rise decays at A_r / tau_r (s)
    A1, A2 : how fast the rise feeds the fast and the slow stage (1/s)
    tau_d1, tau_d2 : of their decays (s)
    """

    parameters: ClassVar[Mapping[str, str]] = {
        "g_init": "number",
        "tau_r": "time",
        "A_r": "number",
        "A1": "inverse time",
        "tau_d1": "time",
        "A2": "inverse time",
        "tau_d2": "time",
        **ConductanceReceptor.parameters,
    }
    positive: ClassVar[tuple[str, ...]] = ("g_init", "tau_r", "A_r", "tau_d1", "tau_d2")
    g_init: float
    tau_r: float
    A_r: float
    A1: float
    tau_d1: float
    A2: float
    tau_d2: float

    @property
    def _rise(self) -> float:
        """Its time constant, s."""
        return self.tau_r / self.A_r

    @property
    def _stages(self) -> tuple[tuple[float, float], ...]:
        """Gain (1/s) and time constant (s) of the fast and the slow decay."""
        return (self.A1, self.tau_d1), (self.A2, self.tau_d2)

    def states(self, name: str) -> list[str]:
        """Conductance g, the slow stage's share of it (S), and the rise."""
        return [f"g_{name}", f"slow_{name}", f"rise_{name}"]

    def jumps(self, name: str) -> dict[str, str]:
        """The rise, by g_init."""
        return {f"rise_{name}": f"init_{name}"}

    def mean(self, name: str) -> str:
        """The integral of g over the step."""
        return " + ".join(f"mean_{state} * {state}" for state in self.states(name))

    def decays(self, name: str) -> list[str]:
        """Conductance and slow stage, fed by the rise at the step's begin, then the rise."""
        return [
            f"g_{name} = keep_g_{name} * g_{name} + more_{name} * slow_{name} + feed_g_{name} * rise_{name}",
            f"slow_{name} = keep_slow_{name} * slow_{name} + feed_slow_{name} * rise_{name}",
            f"rise_{name} = keep_rise_{name} * rise_{name}",
        ]

    def constants(self, name: str, dt: float) -> dict[str, float]:
        """Numbers of the lines above."""
        keep = [math.exp(-dt / tau) for _, tau in self._stages]
        mean = [_mean(tau, dt) for _, tau in self._stages]
        fed = [gain * _fed(self._rise, tau, dt) for gain, tau in self._stages]
        area = self._rise * -math.expm1(-dt / self._rise)  # of the rise from 1
        means = [(gain * area - end) * tau / dt for (gain, tau), end in zip(self._stages, fed, strict=True)]
        return {
            f"init_{name}": self.g_init,
            f"keep_g_{name}": keep[0],
            f"keep_slow_{name}": keep[1],
            f"keep_rise_{name}": math.exp(-dt / self._rise),
            f"more_{name}": keep[1] - keep[0],
            f"feed_g_{name}": sum(fed),
            f"feed_slow_{name}": fed[1],
            f"mean_g_{name}": mean[0],
            f"mean_slow_{name}": mean[1] - mean[0],
            f"mean_rise_{name}": sum(means),
        }

    def begin(self, none: Any) -> tuple[Any, ...]:
        """The rise and both stages."""
        return none, none, none

    def advance(self, state: tuple[Any, ...], rate: Any, dt: float) -> tuple[tuple[Any, ...], Any]:
        """r' = g_init rate - r / tau with a constant rate, and both stages under it, exactly; means by balance."""
        rise, *stages = state
        steady = self.g_init * self._rise * rate
        end = steady + math.exp(-dt / self._rise) * (rise - steady)
        area = steady * dt - self._rise * (end - rise)
        ends, mean = [end], 0.0
        for g, (gain, tau) in zip(stages, self._stages, strict=True):
            settled = gain * (steady * -tau * math.expm1(-dt / tau) + (rise - steady) * _fed(self._rise, tau, dt))
            ends.append(math.exp(-dt / tau) * g + settled)
            mean = mean + tau * (gain * area - (ends[-1] - g)) / dt
        return tuple(ends), mean


def _mean(tau: float, dt: float) -> float:
    """Mean over `dt` of an exponential of time constant `tau` from 1 (s)."""
    return tau / dt * -math.expm1(-dt / tau)


def _fed(rise: float, tau: float, dt: float) -> float:
    """What an exponential of time constant `rise` from 1 leaves after `dt` in a stage of `tau`, gain 1 (all s)."""
    apart = (1 / rise - 1 / tau) * dt
    return math.exp(-dt / tau) * dt * (-math.expm1(-apart) / apart if apart else 1.0)


@dataclass(frozen=True, kw_only=True)
class BlockedTwoDecays(TwoDecays):
    """The same under a magnesium block, as of NMDA receptors.

    Attributes
    ----------
    v0_block, k_block : voltage at which half of it is open, and how steeply more opens (V)
    """

    parameters: ClassVar[Mapping[str, str]] = {
        **TwoDecays.parameters,
        "v0_block": "voltage",
        "k_block": "voltage",
    }
    positive: ClassVar[tuple[str, ...]] = (*TwoDecays.positive, "k_block")
    v0_block: float
    k_block: float

    @property
    def voltage_gate(self) -> str:
        """Share without magnesium."""
        return f"1 / (1 + exp(({self.v0_block!r} - v) / {self.k_block!r}))"
