"""The interface of all memories, and the vectors they take.

    memory.write(addresses, pointers)     store patterns; without pointers each points to itself
    memory.weights(queries)               what every stored pattern contributes to a read, shape (queries, patterns)
    memory.read(queries)                  the weighted mean of the pointers, shape (queries, pointer bits)
    memory.iterate(queries)               read after read until nothing changes

Vectors are numpy arrays or torch tensors, one per row; answers come as the kind the queries have. Bits are -1 and +1,
and 0 and 1 or booleans are taken for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from cerebellum.errors import ArgumentError
from cerebellum.theory.check import real_number, whole_number

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
