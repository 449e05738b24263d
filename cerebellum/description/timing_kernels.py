"""Kernels of spike timing: how much a teacher's spike counts for a presynaptic spike, by their lag.

The lag is t_teacher - t_presynaptic, both at the synapse: positive where the teacher comes after. Every kernel is zero
outside its support, and peaks at 1. Two forms of the same idea are kept apart, as their widths differ 2.4 times:
`sin_exp` (cereb-nest) and `sin` (EDLUT).
"""

from __future__ import annotations

from abc import abstractmethod
from functools import cache
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from cerebellum.cells import formula
from cerebellum.clock import nearest
from cerebellum.description.schema import Count, Duration, Table
from cerebellum.errors import InputError
from cerebellum.typing import Floats

# Of lags that are differences of times: far below any time step, this makes the comparison with 0 and the window exact.
EPSILON = 1e-9
POINTS = 20_000


class TimingKernel(Table):
    """What the kernels share."""

    symmetric: ClassVar[bool] = False
    """Whether a teacher's spike before the presynaptic one counts as one after it does."""

    @property
    @abstractmethod
    def support(self) -> float:
        """Longest lag with K > 0, s."""

    @abstractmethod
    def inner(self, lag: str) -> str:
        """K where it is not cut off, as a Brian2 expression of `lag`, finite for lags of any size."""

    def __call__(self, lag: Floats) -> Floats:
        """K at `lag` (s), any shape; 0 where the lag is nan, which is no spike."""
        lag = np.asarray(lag, dtype=float)
        low = -self.support - EPSILON if self.symmetric else EPSILON
        inner = formula.evaluate(self.inner("lag"), {"lag": lag, "second": 1.0})
        return np.where((lag > low) & (lag <= self.support + EPSILON), inner, 0.0)

    def text(self, lag: str, dt: float) -> str:
        """K as a Brian2 expression of `lag`, a whole number of time steps `dt` (s); its edges lie between two."""
        high = (nearest(self.support, dt) + 0.5) * dt
        low = -high if self.symmetric else 0.5 * dt
        inside = f"int({lag} > {low!r}*second and {lag} < {high!r}*second)"
        return f"{inside} * {self.inner(lag)}"

    def moment(self, power: int) -> float:
        """Integral of K**power over all lags, s; by midpoints, with a relative error below 1e-6."""
        return _moment(self, power)

    @property
    def area(self) -> float:
        """Integral of K over all lags, s: the mean sum of K for a teacher of 1 Hz that knows nothing of the spike."""
        return self.moment(1)


@cache
def _moment(kernel: TimingKernel, power: int) -> float:
    width = kernel.support / POINTS
    lags = width * (np.arange(POINTS, dtype=np.float64) + 0.5)
    after = float((kernel(lags) ** power).sum() * width)
    return 2 * after if kernel.symmetric else after


class Rectangular(TimingKernel):
    """K(s) = 1 for 0 < s <= window (Kuriyama et al. 2021 use 50 ms)."""

    kind: Literal["rectangular"]
    window: Duration

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return self.window.si

    def inner(self, lag: str) -> str:
        """1."""
        return "1.0"


class Alpha(TimingKernel):
    """K(s) = (s / peak) exp(1 - s / peak), cut at `window`; peak 1 at s = `peak`."""

    kind: Literal["alpha"]
    peak: Duration
    window: Duration

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return self.window.si

    def inner(self, lag: str) -> str:
        """K as a Brian2 expression."""
        # Clipped, so that nothing overflows where no teacher's spike has come yet.
        x = f"(clip({lag}, 0*second, {self.support!r}*second)/({self.peak.si!r}*second))"
        return f"{x} * exp(1 - {x})"


class Sin(TimingKernel):
    """K(s) = exp(-x) sin(x)^n / (exp(-atan n) sin(atan n)^n), x = s atan(n) / peak; cut at x = pi, its second zero.

    EDLUT's sinusoidal kernel (Luque, Garrido, Carrillo, Ros; SpikingCerebellum's stdp_sin), n even from 2 to 20. The
    next lobe would reach exp(-pi), 4.3% of the peak, and is cut.
    """

    kind: Literal["sin"]
    exponent: Count
    peak: Duration

    @model_validator(mode="after")
    def _even(self) -> Sin:
        if not 2 <= self.exponent.number <= 20 or self.exponent.number % 2:
            raise InputError(f"exponent: found {self.exponent}; wanted an even number from 2 to 20")
        return self

    @property
    def _numbers(self) -> tuple[int, float, float]:
        """n, the time constant (s), and 1 / the height of the unscaled peak."""
        n = int(self.exponent.number)
        top = float(np.arctan(n))
        return n, self.peak.si / top, float(np.exp(top) / np.sin(top) ** n)

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return float(np.pi * self._numbers[1])

    def inner(self, lag: str) -> str:
        """K as a Brian2 expression."""
        n, tau, scale = self._numbers
        x = f"(clip({lag}, 0*second, {self.support!r}*second)/({tau!r}*second))"
        return f"{scale!r} * exp(-{x}) * sin({x})**{n}"


class SinExp(TimingKernel):
    """K(s) = exp(-(s - 150 ms) / 1 s) sin(2 pi (s - 150 ms) / 1 s)^20 / 1.2848, s = t_PF - t_CF in [-200, 0) ms.

    cereb-nest, stdp_connection_sinexp.h (Antonietti, Casellato, Luque, Garrido; used by Geminiani et al. 2022),
    written here with the lag t_CF - t_PF = -s. It peaks near 100 ms.
    """

    kind: Literal["sin_exp"]

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s."""
        return 0.2

    def inner(self, lag: str) -> str:
        """K as a Brian2 expression."""
        x = f"(-clip({lag}, 0*second, {self.support!r}*second)/second - 0.15)"
        return f"exp(-{x}) * sin(2*pi*{x})**20 / 1.2848"


class CosExp(TimingKernel):
    """K(s) = exp(-0.4 |s|) cos(s / 1000)^2 with s in ms, |s| <= 10 ms: a symmetric peak 2.5 ms wide.

    cereb-nest, stdp_connection_cosexp.h.
    """

    symmetric: ClassVar[bool] = True

    @property
    def support(self) -> float:
        """Longest lag with K > 0, s; the same backwards."""
        return 0.01

    def inner(self, lag: str) -> str:
        """K as a Brian2 expression."""
        return f"exp(-400.0*abs({lag})/second) * cos({lag}/second)**2"


Kernel = Annotated[Rectangular | Alpha | Sin | SinExp, Field(discriminator="kind")]
"""Of a climbing fibre at parallel-fibre synapses."""
