"""Memories that keep their patterns: sparse distributed memory by its expected weights, attention, Hopfield networks.

All have the interface of `memory.Memory`: write, weights, read, iterate. The weights of `PatternSDM` and
`ContinuousSDM` are those of an unlimited number of random neurons; memories with real ones are `NeuronSDM` and
`ContinuousNeuronSDM`, from `neurons`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.special import logit

from cerebellum.errors import ArgumentError
from cerebellum.memory.interface import Memory, bits, reals
from cerebellum.memory.neurons import ContinuousNeuronSDM, NeuronSDM
from cerebellum.theory.check import real_number, whole_number
from cerebellum.theory.circles import log_intersection
from cerebellum.theory.continuous import cap_intersection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BinarySoftmaxAttention",
    "ContinuousNeuronSDM",
    "ContinuousSDM",
    "Hopfield",
    "Memory",
    "ModernHopfield",
    "NeuronSDM",
    "PatternMemory",
    "PatternSDM",
    "SoftmaxAttention",
]


class PatternMemory(Memory):
    """A memory that keeps its patterns and weights them by similarity: softmax of `_log_weights`."""

    dtype = torch.float32  # of patterns and reads; weights are computed in float64

    def __init__(self, n: int, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.addresses = torch.empty((0, self.n), dtype=self.dtype, device=self.device)
        self.pointers: torch.Tensor | None = None

    @property
    def pointer_length(self) -> int | None:
        """The length of the stored pointers; None before the first write."""
        return None if self.pointers is None else self.pointers.shape[1]

    @abstractmethod
    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        """Unnormalised log weights in float64, (queries, patterns)."""

    def _write(self, addresses: torch.Tensor, pointers: torch.Tensor) -> None:
        self.addresses = torch.cat((self.addresses, addresses))
        self.pointers = pointers if self.pointers is None else torch.cat((self.pointers, pointers))

    def _weights(self, queries: torch.Tensor) -> torch.Tensor:
        log_weights = self._log_weights(queries)
        silent = torch.isneginf(log_weights).all(dim=1, keepdim=True)
        return torch.softmax(log_weights.masked_fill(silent, 0.0), dim=1).masked_fill(silent, 0.0)

    def _read(self, queries: torch.Tensor) -> torch.Tensor:
        assert self.pointers is not None  # reads are refused before the first write
        return self._weights(queries).to(self.pointers.dtype) @ self.pointers


class _BinaryPatterns(PatternMemory):
    def _vectors(self, argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
        return bits(argument, found, length).to(self.device, self.dtype)

    def _distances(self, queries: torch.Tensor) -> torch.Tensor:
        """Hamming distances (queries, patterns); exact, as products of bits are whole numbers below 2^24."""
        return ((self.n - queries @ self.addresses.T) / 2).round().long()


class PatternSDM(_BinaryPatterns):
    """Sparse distributed memory seen from its patterns: weights are the expected numbers of shared neurons.

    The limit of many neurons of `neurons.NeuronSDM`; its noise with few of them is not in here. Weights
    I(v) / sum of I: Bricken & Pehlevan (2021), equation 4.
    """

    def __init__(self, n: int, radius: int, read_radius: int | None = None, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.radius = whole_number("radius", radius, 0, self.n, "n")
        table = log_intersection(self.n, self.radius, read_radius=read_radius)
        self._table = torch.from_numpy(table.copy()).to(self.device)

    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        return self._table[self._distances(queries)]


class Hopfield(_BinaryPatterns):
    """The Hopfield network, and with degree above 2 the dense associative memory of Krotov & Hopfield (2016).

    The energy is minus the sum of |cos|^degree over the patterns; a read is its gradient, so weights go as
    cos |cos|^(degree - 2), opposite patterns counting negative. Hopfield (1982) is degree 2, here with its
    self-couplings. Absolute weights sum to 1.
    """

    def __init__(self, n: int, degree: int = 2, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.degree = whole_number("degree", degree, 2)

    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        cosines = (queries @ self.addresses.T).double() / self.n
        return (self.degree - 1) * cosines.abs().log()

    def _weights(self, queries: torch.Tensor) -> torch.Tensor:
        return super()._weights(queries) * torch.sign(queries @ self.addresses.T)


class _RealPatterns(PatternMemory):
    dtype = torch.float64  # near a cosine of 1 an angle keeps half the digits

    def _vectors(self, argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
        return reals(argument, found, length, directed=argument != "pointers").to(self.device, self.dtype)

    def _cosines(self, queries: torch.Tensor) -> torch.Tensor:
        unit = torch.nn.functional.normalize(queries, dim=1)
        return (unit @ torch.nn.functional.normalize(self.addresses, dim=1).T).clamp(-1.0, 1.0)

    def _settle(self, read: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(read, dim=1)


class SoftmaxAttention(_RealPatterns):
    """Attention: softmax(beta cos) over the stored patterns, whose addresses are the keys and pointers the values.

    Keys and queries are compared by cosine; iterated reads are brought to unit length.
    """

    def __init__(self, n: int, beta: float, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.beta = real_number("beta", beta, 0.0)

    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        return self.beta * self._cosines(queries)


class BinarySoftmaxAttention(_BinaryPatterns):
    """`SoftmaxAttention` on bits, with reads thresholded to bits when they are iterated."""

    def __init__(self, n: int, beta: float, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.beta = real_number("beta", beta, 0.0)

    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        return self.beta * (queries @ self.addresses.T).double() / self.n


class ModernHopfield(_RealPatterns):
    """The continuous Hopfield network of Ramsauer et al. (2020): softmax(beta q . a), with neither vector normalised.

    It is attention; beta stands for their 1 / sqrt(d). Iterated reads are the weighted means themselves.
    """

    def __init__(self, n: int, beta: float, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.beta = real_number("beta", beta, 0.0)

    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        return self.beta * (queries @ self.addresses.T)

    def _settle(self, read: torch.Tensor) -> torch.Tensor:
        return read


class ContinuousSDM(_RealPatterns):
    """Sparse distributed memory on the unit sphere: weights are the shares that the caps of two vectors have in common.

    `threshold` is the least cosine of a neuron to a vector that activates it, 0..1 (1 - 2 d / n for a Hamming
    radius d). The share is interpolated over the angle between vectors; relative error below 1e-7.
    """

    _END = 18.0  # the last logit, 1.5e-8 from either end

    def __init__(self, n: int, threshold: float, device: str | torch.device = "cpu") -> None:
        super().__init__(n, device)
        self.threshold = real_number("threshold", threshold, 0.0, 1.0)
        if self.threshold == 1.0:
            raise ArgumentError("threshold", threshold, "must be below 1: such a cap is a single point")
        # By the logit of the angle, as a share of that at which the caps part: ln share bends close to either end.
        self._parted = 2 * math.acos(self.threshold)
        logits = np.linspace(-self._END, self._END, 4097)
        cosines = np.cos(self._parted / (1 + np.exp(-logits)))
        self._log_share = CubicSpline(logits, cap_intersection(self.n, self.threshold, cosines, log=True))

    def _log_weights(self, queries: torch.Tensor) -> torch.Tensor:
        angles = torch.arccos(self._cosines(queries)).cpu().numpy()
        share = angles / self._parted
        meeting = share < 1 - math.exp(-self._END)
        log_shares = np.full(share.shape, -np.inf)
        log_shares[meeting] = self._log_share(logit(share[meeting].clip(min=math.exp(-self._END))))
        return torch.from_numpy(log_shares).to(self.device)
