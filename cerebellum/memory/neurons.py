"""Sparse distributed memory with real neurons: each has a fixed random address and a row of counters.

Kanerva (1988): a write adds the pointer, in bits of -1 and +1, to the counters of every neuron active at the address; a
read adds up the counters of the neurons active at the query. Two vectors share a fixed, finite set of neurons, so the
memory has the noise that the expected weights of `memories.PatternSDM` lack. The interface is that of `memory.Memory`.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_array

from cerebellum.errors import ArgumentError
from cerebellum.memory import hamming
from cerebellum.memory.interface import Memory, bits, reals
from cerebellum.theory.check import one_of, real_number, whole_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

STORAGES = ("packed", "int8", "float")
# Similarities held at a time by a search through matrix products: 64 MB in float32.
_BLOCK = 1 << 24


class NeuronMemory(Memory):
    """Counters, writing and reading; which neurons are active is left to the kind of address.

    neurons : how many there are. counters : (neurons, pointer length), float32, exact up to 2^24 patterns a neuron.
    """

    def __init__(self, n: int, neurons: int, device: str | torch.device) -> None:
        super().__init__(n, device)
        self.neurons = neurons
        self.counters: torch.Tensor | None = None
        self._written = torch.zeros((neurons, 1), device=self.device)  # patterns that each neuron has taken up
        self._active_for: list[torch.Tensor] = []  # the neurons active for each stored pattern

    @property
    def pointer_length(self) -> int | None:
        """The length of the stored pointers; None before the first write."""
        return None if self.counters is None else self.counters.shape[1]

    @abstractmethod
    def _active(self, vectors: torch.Tensor, writing: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """The neurons active for each row: their indices one row after the other, and the offsets (rows + 1)."""

    def active(self, queries: NDArray[Any] | torch.Tensor) -> list[NDArray[np.int64]]:
        """The indices of the neurons active for each query, ascending."""
        indices, offsets = self._active(self._vectors("queries", queries, self.n), writing=False)
        return np.split(indices.cpu().numpy(), offsets[1:-1].cpu().numpy())

    def _write(self, addresses: torch.Tensor, pointers: torch.Tensor) -> None:
        if self.counters is None:
            self.counters = torch.zeros((self.neurons, pointers.shape[1]), device=self.device)
        indices, offsets = self._active(addresses, writing=True)
        self._active_for.extend(torch.tensor_split(indices, offsets[1:-1].cpu()))
        pattern = torch.repeat_interleave(torch.arange(len(addresses), device=self.device), offsets.diff())
        # By neuron, so that each row of counters is touched once, however many patterns it takes up.
        order = torch.argsort(indices, stable=True)
        neuron, taken = torch.unique_consecutive(indices[order], return_counts=True)
        first = torch.nn.functional.pad(taken.cumsum(0), (1, 0))
        self.counters.index_add_(0, neuron, _sum_rows(pointers.to(torch.float32), pattern[order], first))
        self._written.index_add_(0, neuron, taken[:, None].to(torch.float32))

    def _read(self, queries: torch.Tensor) -> torch.Tensor:
        assert self.counters is not None  # reads are refused before the first write
        indices, offsets = self._active(queries, writing=False)
        total = _sum_rows(self.counters, indices, offsets)
        # Each active neuron brings every pattern it has taken up: their number makes the sum a mean.
        return total / _sum_rows(self._written, indices, offsets).clamp(min=1.0)

    def _weights(self, queries: torch.Tensor) -> torch.Tensor:
        indices, offsets = self._active(queries, writing=False)
        patterns = np.cumsum([0, *(len(active) for active in self._active_for)])
        stored = torch.cat(self._active_for).cpu().numpy()
        shared = (self._sets(indices.cpu().numpy(), offsets.cpu().numpy()) @ self._sets(stored, patterns).T).toarray()
        return torch.from_numpy(shared / np.maximum(shared.sum(axis=1, keepdims=True), 1)).to(self.device)

    def _sets(self, indices: NDArray[np.int64], offsets: NDArray[np.int64]) -> csr_array:
        return csr_array((np.ones(len(indices)), indices, offsets), shape=(len(offsets) - 1, self.neurons))


class NeuronSDM(NeuronMemory):
    """Binary sparse distributed memory: a neuron is active within a Hamming `radius` of its address.

    Parameters
    ----------
    addresses : bits of the neurons' addresses, (neurons, n), distinct or not; see `random` to draw them.
    radius : for writing, and for reading unless `read_radius` is given.
    storage : how addresses are kept, which decides the search for active neurons:
        "packed"  64 bits a word; XOR and population count. The fastest on a CPU, and for the CPU alone.
        "int8"    a byte a bit; products in blocks turned to floating point. The smaller one on a GPU.
        "float"   float32; products.
    device : where counters are, and the addresses unless packed.
    """

    def __init__(
        self,
        addresses: NDArray[Any] | torch.Tensor,
        radius: int,
        read_radius: int | None = None,
        storage: Literal["packed", "int8", "float"] = "packed",
        device: str | torch.device = "cpu",
    ) -> None:
        self._prepare(bits("addresses", addresses, None), radius, read_radius, storage, device)

    @classmethod
    def random(
        cls,
        neurons: int,
        n: int,
        radius: int,
        rng: np.random.Generator,
        read_radius: int | None = None,
        storage: Literal["packed", "int8", "float"] = "packed",
        device: str | torch.device = "cpu",
    ) -> NeuronSDM:
        """A memory whose neurons have uniformly random addresses, the same ones for every storage."""
        neurons = whole_number("neurons", neurons, 1)
        n = whole_number("n", n, 1)
        words = rng.integers(0, 2**64, (neurons, -(-n // 64)), dtype=np.uint64)
        if n % 64:
            words[:, -1] &= np.uint64(2 ** (n % 64) - 1)
        memory = cls.__new__(cls)
        memory._prepare((words, n), radius, read_radius, storage, device)
        return memory

    def _prepare(
        self,
        addresses: torch.Tensor | tuple[NDArray[np.uint64], int],
        radius: int,
        read_radius: int | None,
        storage: str,
        device: str | torch.device,
    ) -> None:
        """Set up from bits or from packed words: millions of random addresses are never unpacked when kept packed."""
        neurons, n = addresses.shape if isinstance(addresses, torch.Tensor) else (len(addresses[0]), addresses[1])
        super().__init__(n, neurons, device)
        self.radius = whole_number("radius", radius, 0, n, "n")
        self.read_radius = self.radius if read_radius is None else whole_number("read_radius", read_radius, 0, n, "n")
        self.storage = one_of("storage", storage, STORAGES)
        if storage == "packed":
            if self.device.type != "cpu":
                raise ArgumentError("storage", storage, f"works on the cpu alone; use 'int8' on {self.device}")
            words = hamming.pack((addresses > 0).cpu().numpy()) if isinstance(addresses, torch.Tensor) else addresses[0]
            self._words = hamming.by_word(words)
        else:
            if not isinstance(addresses, torch.Tensor):
                addresses = bits("addresses", hamming.unpack(*addresses), n)
            self._rows = addresses.to(self.device, torch.int8 if storage == "int8" else torch.float32)

    def _vectors(self, argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
        return bits(argument, found, length).to(self.device)

    def _active(self, vectors: torch.Tensor, writing: bool) -> tuple[torch.Tensor, torch.Tensor]:
        radius = self.radius if writing else self.read_radius
        if self.storage != "packed":
            # agreements minus differences: n - 2 distance
            return _search(self._rows, vectors, self.n - 2 * radius, _exact_type(self.n, self.device))
        queries = hamming.pack((vectors > 0).numpy())
        indices, offsets = hamming.within(self._words, self.neurons, queries, radius, torch.get_num_threads())
        return torch.from_numpy(indices), torch.from_numpy(offsets)


class ContinuousNeuronSDM(NeuronMemory):
    """Sparse distributed memory on the unit sphere: a neuron is active if its cosine to a vector reaches `threshold`.

    `addresses` (neurons, n) and all vectors are brought to unit length; pointers are taken as they are.
    """

    def __init__(
        self, addresses: NDArray[Any] | torch.Tensor, threshold: float, device: str | torch.device = "cpu"
    ) -> None:
        found = reals("addresses", addresses, None)
        super().__init__(found.shape[1], found.shape[0], device)
        self.threshold = real_number("threshold", threshold, -1.0, 1.0)
        self._rows = torch.nn.functional.normalize(found.to(self.device, torch.float32), dim=1)

    @classmethod
    def random(
        cls, neurons: int, n: int, threshold: float, rng: np.random.Generator, device: str | torch.device = "cpu"
    ) -> ContinuousNeuronSDM:
        """A memory whose neurons have addresses uniform on the sphere."""
        size = (whole_number("neurons", neurons, 1), whole_number("n", n, 1))
        return cls(rng.standard_normal(size, dtype=np.float32), threshold, device)

    def _vectors(self, argument: str, found: NDArray[Any] | torch.Tensor, length: int | None) -> torch.Tensor:
        return reals(argument, found, length, directed=argument != "pointers").to(self.device, torch.float32)

    def _settle(self, read: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(read, dim=1)

    def _active(self, vectors: torch.Tensor, writing: bool) -> tuple[torch.Tensor, torch.Tensor]:
        unit = torch.nn.functional.normalize(vectors, dim=1)
        return _search(self._rows, unit, self.threshold, torch.float32)


def _search(
    rows: torch.Tensor, vectors: torch.Tensor, least: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """The rows whose product with each vector is at least `least`: indices and offsets, by blocks of rows."""
    queries = vectors.to(dtype)
    size = max(1, _BLOCK // max(1, len(queries)))
    who, where = [], []
    for start in range(0, len(rows), size):
        hits = (queries @ rows[start : start + size].to(dtype).T >= least).nonzero()
        who.append(hits[:, 0])
        where.append(hits[:, 1] + start)
    query = torch.cat(who)
    order = torch.argsort(query, stable=True)  # blocks are ascending, so indices stay ascending within a query
    offsets = torch.zeros(len(queries) + 1, dtype=torch.int64, device=rows.device)
    offsets[1:] = torch.bincount(query, minlength=len(queries)).cumsum(0)
    return torch.cat(where)[order], offsets


def _exact_type(n: int, device: torch.device) -> torch.dtype:
    """The narrowest fast type in which sums of n bits are exact: half precision holds whole numbers up to 2,048."""
    return torch.float16 if device.type == "cuda" and n <= 2048 else torch.float32


def _sum_rows(table: torch.Tensor, indices: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Sums of the rows of `table` that belong to each query."""
    return torch.nn.functional.embedding_bag(indices, table, offsets, mode="sum", include_last_offset=True)
