"""Climbing-fibre plasticity at the parallel fibre to Purkinje synapse: the write step of the memory.

At every parallel-fibre spike, w <- w + potentiation - depression * sum over climbing-fibre spikes K(t_CF - t_PF),
clipped to [w_min, w_max]. K looks back from the climbing-fibre spike; it is zero outside (0, window]. The sum is
applied one window after the parallel-fibre spike, when every climbing-fibre spike that can count has come; so the
cost is per active synapse, silent synapses cost nothing, and any kernel shape is possible.

With K = 1 and depression = 2 * potentiation this is Kanerva's write: bit 0 (no climbing-fibre spike) adds
+potentiation, bit 1 adds -potentiation to each active synapse.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cerebellum.errors import InputError
from cerebellum.schema import Count, Duration, SynapticWeight, Table
from cerebellum.units import Value

Floats = NDArray[np.float64]
# Lags are differences of grid times; far below any time step, this makes their comparison with 0 and the window exact.
EPSILON = 1e-9


def _inside(lag: Floats, support: float) -> NDArray[np.bool_]:
    return (lag > EPSILON) & (lag <= support + EPSILON)


def _inside_text(lag: str, support: float) -> str:
    return f"int({lag} > {EPSILON!r}*second and {lag} <= {support + EPSILON!r}*second)"


class Rectangular(Table):
    """K(s) = 1 for 0 < s <= window (Kuriyama et al. 2021 use 50 ms)."""

    kind: Literal["rectangular"]
    window: Duration

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return self.window.si

    def __call__(self, lag: Floats) -> Floats:
        """K at `lag` = t_CF - t_PF (s)."""
        return np.where(_inside(lag, self.support), 1.0, 0.0)

    def text(self, lag: str) -> str:
        """K as a Brian2 expression of `lag`."""
        return _inside_text(lag, self.support)


class Alpha(Table):
    """K(s) = (s / peak) exp(1 - s / peak), cut at `window`; peak 1 at s = `peak`."""

    kind: Literal["alpha"]
    peak: Duration
    window: Duration

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return self.window.si

    def __call__(self, lag: Floats) -> Floats:
        """K at `lag` = t_CF - t_PF (s)."""
        x = np.clip(lag, 0.0, self.support) / self.peak.si  # no overflow where no climbing-fibre spike has come yet
        return np.where(_inside(lag, self.support), x * np.exp(1.0 - x), 0.0)

    def text(self, lag: str) -> str:
        """K as a Brian2 expression of `lag`."""
        x = f"(clip({lag}, 0*second, {self.support!r}*second)/({self.peak.si!r}*second))"
        return f"{_inside_text(lag, self.support)} * {x} * exp(1 - {x})"


class SinExp(Table):
    """K(s) = exp(-(s - 150 ms) / 1 s) sin(2 pi (s - 150 ms) / 1 s)^20 / 1.2848, s = t_PF - t_CF in [-200, 0) ms.

    cereb-nest, stdp_connection_sinexp.h (Antonietti, Casellato, Luque, Garrido; used by Geminiani et al. 2022),
    written here with the lag t_CF - t_PF = -s. It peaks near 100 ms.
    """

    kind: Literal["sin_exp"]

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return 0.2

    def __call__(self, lag: Floats) -> Floats:
        """K at `lag` = t_CF - t_PF (s)."""
        x = -lag - 0.15
        return np.where(_inside(lag, self.support), np.exp(-x) * np.sin(2 * np.pi * x) ** 20 / 1.2848, 0.0)

    def text(self, lag: str) -> str:
        """K as a Brian2 expression of `lag`."""
        x = f"(-({lag})/second - 0.15)"
        return f"{_inside_text(lag, self.support)} * exp(-{x}) * sin(2*pi*{x})**20 / 1.2848"


Kernel = Annotated[Rectangular | Alpha | SinExp, Field(discriminator="kind")]


class ClimbingFiberRule(Table):
    """The rule's numbers. `teacher` names the projection whose spikes depress."""

    teacher: str
    kernel: Kernel
    potentiation: SynapticWeight
    depression: SynapticWeight
    w_min: SynapticWeight
    w_max: SynapticWeight
    climbing_spikes: Count
    """Most climbing-fibre spikes of one Purkinje cell that can fall in one window; older ones are forgotten."""

    @model_validator(mode="after")
    def _bounds(self) -> ClimbingFiberRule:
        found = {value.dimension for value in self.amounts.values()}
        if len(found) > 1:
            given = ", ".join(f"{key} = {value}" for key, value in self.amounts.items())
            raise InputError(f"found {given}; wanted all of one dimension, that of the weight")
        if self.w_max.si <= self.w_min.si:
            raise InputError(f"w_max: found {self.w_max}; wanted more than w_min = {self.w_min}")
        return self

    @property
    def amounts(self) -> dict[str, Value]:
        """The rule's weights and changes of weight; currents or conductances, as the projection's weight."""
        return {key: getattr(self, key) for key in ("potentiation", "depression", "w_min", "w_max")}

    def faults(self, population: str, teachers: list[str], dimension: str | None, contacts: bool) -> list[str]:
        """What does not fit the projection, each begun with the key at fault.

        Parameters
        ----------
        population : the target
        teachers : projections to it
        dimension : of weights onto it; None if it has none
        contacts : whether the projection folds several contacts into one weight
        """
        faults = []
        if self.teacher not in teachers:
            known = ", ".join(teachers)
            faults.append(f".teacher: no projection {self.teacher!r} to {population}; there is: {known}")
        if dimension is None:
            faults.append(f": {population} cells have no weights to learn")
        else:
            faults += [
                f".{key}: needs a {dimension}, as weights onto {population}; got {value.unit!r} (a {value.dimension})"
                for key, value in self.amounts.items()
                if value.dimension != dimension
            ]
        if contacts:
            faults.append(": bounds are of one weight, not of a pair's folded contacts; wanted no contacts")
        return faults

    def change(self, lags: Floats) -> Floats:
        """Weight change (A or S) of one parallel-fibre spike, before clipping.

        Parameters
        ----------
        lags : t_CF - t_PF of the climbing-fibre spikes, s, shape (..., spikes); nan for none
        """
        k = np.nan_to_num(self.kernel(np.asarray(lags, dtype=float)))
        return self.potentiation.si - self.depression.si * k.sum(axis=-1)
