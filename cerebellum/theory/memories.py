"""Sparse distributed memory, attention and Hopfield networks as objects with one interface.

    memory.write(addresses, pointers)     store patterns; without pointers each points to itself
    memory.weights(queries)               what every stored pattern contributes to a read, shape (queries, patterns)
    memory.read(queries)                  the weighted mean of the pointers, shape (queries, pointer bits)
    memory.iterate(queries)               read after read until nothing changes

Vectors are numpy arrays or torch tensors, one per row; answers come as the kind the queries have. Bits are -1 and +1,
and 0 and 1 or booleans are taken for them. Here the expected weights of an unlimited number of random neurons, and of
the relatives; memories with real neurons are in `cerebellum.theory.neurons`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from scipy.interpolate import CubicSpline
from scipy.special import logit

from cerebellum.errors import ArgumentError
from cerebellum.theory.check import real_number, whole_number
from cerebellum.theory.circles import log_intersection
from cerebellum.theory.continuous import cap_intersection

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array = TypeVar("Array", "NDArray[Any]", torch.Tensor)


class Memory(ABC):
    """What all memories share: checked vectors, reading, and iterating. `n` is the length of an address."""

    def __init__(self, n: int, device: str | torch.device = "cpu") -> None:
        self.n = whole_number("n", n, 1)
        self.device = torch.device(device)

    @abstractmethod
    def _write(self, addresses: torch.Tensor, pointers: torch.Tensor) -> None: ...

    @abstractmethod
    def _weights(self, queries: torch.Tensor) -> torch.Tensor: ...

    @abstractmethod
    def _read(self, queries: torch.Tensor) -> torch.Tensor: ...

    @abstractmethod
    def _vectors(self, argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
        """The rows of `found`, checked, in the form this memory computes with."""

    def _settle(self, read: torch.Tensor) -> torch.Tensor:
        """The next state after a read, when reads are iterated: here the nearest bits, 0 in a row without an answer."""
        bits = torch.where(read > 0, 1.0, -1.0)
        return torch.where((read != 0).any(dim=1, keepdim=True), bits, torch.zeros_like(bits))

    @property
    @abstractmethod
    def pointer_length(self) -> int | None:
        """The length of the stored pointers; None before the first write."""

    def write(
        self, addresses: NDArray[Any] | torch.Tensor, pointers: NDArray[Any] | torch.Tensor | None = None
    ) -> None:
        """Store patterns: `addresses` (patterns, n), `pointers` (patterns, bits), by default the addresses again.

        Raises ArgumentError for another shape than that of earlier writes, NaN, or values that are no bits.
        """
        where = self._vectors("addresses", addresses, self.n)
        what = where if pointers is None else self._vectors("pointers", pointers, None)
        if what.shape[0] != where.shape[0]:
            raise ArgumentError(
                "pointers", tuple(what.shape), f"must have a row for each of {where.shape[0]} addresses"
            )
        if self.pointer_length is not None and what.shape[1] != self.pointer_length:
            raise ArgumentError(
                "pointers", tuple(what.shape), f"must have {self.pointer_length} columns, as those stored"
            )
        self._write(where, what)

    def weights(self, queries: Array) -> Array:
        """What each stored pattern brings to a read, (queries, patterns); rows sum to 1, or are 0 without an answer."""
        return _as(queries, self._weights(self._checked(queries)))

    def read(self, queries: Array) -> Array:
        """The weighted mean of the pointers, (queries, bits); a row without an answer is 0. Its sign is the recall."""
        return _as(queries, self._read(self._checked(queries)))

    def iterate(self, queries: Array, steps: int = 100, tolerance: float = 1e-6) -> Array:
        """The states that reads fed back as queries settle in, (queries, n).

        At most `steps` reads; a row stops when no entry changes by more than `tolerance`, or at a read without an
        answer, which leaves zeros. Raises ArgumentError if pointers and addresses differ in length.
        """
        steps = whole_number("steps", steps, 0)
        tolerance = real_number("tolerance", tolerance, 0.0)
        state = self._checked(queries).clone()
        if self.pointer_length != self.n:
            raise ArgumentError(
                "queries", tuple(queries.shape), "can only be iterated if pointers have addresses' length"
            )
        going = torch.arange(state.shape[0], device=self.device)
        for _ in range(steps):
            if going.numel() == 0:
                break
            after = self._settle(self._read(state[going])).to(state.dtype)
            changed = (after - state[going]).abs().amax(dim=1) > tolerance
            state[going] = after
            going = going[changed & (after != 0).any(dim=1)]
        return _as(queries, state)

    def _checked(self, queries: NDArray[Any] | torch.Tensor) -> torch.Tensor:
        if self.pointer_length is None:
            raise ArgumentError("memory", "empty", "needs patterns, by write(), before it is read")
        return self._vectors("queries", queries, self.n)


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


def reals(argument: str, found: NDArray[Any] | torch.Tensor, length: int | None, directed: bool = True) -> torch.Tensor:
    """The rows of `found` as floats: finite, each of `length` if that is given, and not zero if `directed`."""
    values = _rows(argument, found, length)
    if not values.is_floating_point():
        values = values.to(torch.float64)
    if not torch.isfinite(values).all():
        raise ArgumentError(argument, values[~torch.isfinite(values)][0].item(), "must be finite numbers")
    if directed and not (values != 0).any(dim=1).all():
        raise ArgumentError(argument, "a row of zeros", "must have a direction: no cosine to zero exists")
    return values


def bits(argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
    """The rows of `found` as int8 bits of -1 and +1, if they are bits, each of `length` if that is given."""
    values = _rows(argument, found, length)
    if values.dtype == torch.bool:
        return values.to(torch.int8) * 2 - 1
    ones, zeros = values == 1, values == 0
    # An unsigned 255 would compare equal to -1.
    minus = (values == -1) & (values < 0)
    strange = ~(ones | zeros | minus)
    if strange.any():
        raise ArgumentError(argument, values[strange][0].item(), "must be bits: -1 and 1, 0 and 1, or booleans")
    if zeros.any() and minus.any():
        raise ArgumentError(argument, "-1, 0 and 1", "must be bits: -1 and 1, or 0 and 1, not both")
    return ones.to(torch.int8) * 2 - 1


def _rows(argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
    if not isinstance(found, torch.Tensor):
        array = np.asarray(found)
        if array.dtype.kind not in "biuf":
            raise ArgumentError(argument, array.dtype.name, "must be an array of numbers")
        found = torch.from_numpy(np.ascontiguousarray(array))
    if found.ndim != 2 or found.shape[1] == 0 or (length is not None and found.shape[1] != length):
        wanted = "(rows, columns), not empty" if length is None else f"(rows, {length})"
        raise ArgumentError(argument, tuple(found.shape), f"must have the shape {wanted}")
    return found


def _as(like: Array, result: torch.Tensor) -> Array:
    return result if isinstance(like, torch.Tensor) else result.cpu().numpy()
