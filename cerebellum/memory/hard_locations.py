"""Granule cells whose inputs are a function of their number: nothing of them has to be stored.

Two kinds, in the words of sparse distributed memory hard locations: `HammingCells` see the whole address and fire
within a Hamming radius (Kanerva 1988), `DendriteCells` have k dendrites on 2n mossy fibres, each on another pair, and
fire if at least theta of them are on (theta = k is the selected-coordinate design of Jaeckel 1989). The inputs come
from `memory.philox`, so they are the same on every device, in any order and on any number of ranks.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
import torch

from cerebellum.memory import compiled_read, hamming, hamming_kernel
from cerebellum.memory.bits import count_bits, equal_to, pack, unpack
from cerebellum.memory.compiled_read import MOST_DENDRITES, WORD
from cerebellum.memory.philox import philox
from cerebellum.theory import granule
from cerebellum.theory.check import whole_number
from cerebellum.theory.circles import log_intersection

if TYPE_CHECKING:
    from numpy.typing import NDArray

Hits = tuple[torch.Tensor, torch.Tensor]  # which cue, which position: int64, by cue, positions ascending within each


class HardLocations(ABC):
    """What both kinds share. `n` is the number of address bits, `seed` (0..2^64 - 1) decides all inputs."""

    def __init__(self, n: int, seed: int) -> None:
        self.n = whole_number("n", n, 1)
        self.seed = whole_number("seed", seed, 0, 2**64 - 1)

    @property
    @abstractmethod
    def stored_bytes(self) -> int:
        """Bytes a cell, if its inputs are kept."""

    @abstractmethod
    def inputs(self, cells: torch.Tensor, compiled: bool = True) -> torch.Tensor:
        """Inputs of the cells of these numbers, shape (rows, cells); `compiled` as in `memory.philox.philox`."""

    @abstractmethod
    def batch(self, addresses: torch.Tensor) -> torch.Tensor:
        """Addresses of -1 and +1, int8 (batch, n), in the form in which `search` compares them."""

    @abstractmethod
    def search(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool = True) -> Hits:
        """The pairs of an address of the batch and a cell that fires for it."""

    @abstractmethod
    def answers(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool = True) -> torch.Tensor:
        """The same as a matrix of 0 and 1, uint8 (cells, addresses, at the end perhaps some of padding)."""

    @abstractmethod
    def kernel(self) -> NDArray[np.float64]:
        """P(a cell fires for two addresses) at Hamming distances 0..n; at 0 it is the share of active cells."""


class HammingCells(HardLocations):
    """Cells of uniformly random n-bit addresses that fire within `radius` of theirs."""

    def __init__(self, n: int, radius: int, seed: int = 0) -> None:
        super().__init__(n, seed)
        self.radius = whole_number("radius", radius, 0, self.n, "n")
        self.words = -(-self.n // WORD)

    @property
    def stored_bytes(self) -> int:
        """Packed words."""
        return 8 * self.words

    def inputs(self, cells: torch.Tensor, compiled: bool = True) -> torch.Tensor:
        """Packed addresses, int64 (words, cells), the first bit lowest, unused bits 0."""
        drawn = philox(cells, -(-self.words // 2), self.seed, compiled)
        packed = drawn[0 : 2 * self.words : 2] | drawn[1 : 2 * self.words : 2] << 32
        if self.n % WORD:
            packed[-1] &= 2 ** (self.n % WORD) - 1
        return packed

    def batch(self, addresses: torch.Tensor) -> torch.Tensor:
        """On the CPU packed words, int64 (batch, words); elsewhere -1 and +1 in a type with exact products."""
        if addresses.device.type == "cpu":
            return torch.from_numpy(hamming.pack((addresses > 0).numpy()).view(np.int64))
        return addresses.to(self._exact)

    def search(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool = True) -> Hits:
        """XOR and population count on the CPU; on a GPU a product of bits, which its matrix units do faster."""
        if inputs.device.type != "cpu":
            return self.by_product(inputs, batch)
        cells = inputs.shape[1]
        padded = torch.zeros((self.words, -(-cells // hamming_kernel.LANES) * hamming_kernel.LANES), dtype=torch.int64)
        padded[:, :cells] = inputs
        indices, offsets = hamming.within(
            padded.numpy().view(np.uint64), cells, batch.numpy().view(np.uint64), self.radius,
            torch.get_num_threads(), "auto" if compiled else "numpy",
        )  # fmt: skip
        cue = torch.repeat_interleave(torch.arange(len(batch)), torch.from_numpy(np.diff(offsets)))
        return cue, torch.from_numpy(indices)

    def answers(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool = True) -> torch.Tensor:
        """By the same searches."""
        if inputs.device.type != "cpu":
            return self._near(inputs, batch).T.to(torch.uint8)
        cue, position = self.search(inputs, batch, compiled)
        matrix = torch.zeros((inputs.shape[1], len(batch)), dtype=torch.uint8)
        matrix[position, cue] = 1
        return matrix

    def by_product(self, inputs: torch.Tensor, addresses: torch.Tensor) -> Hits:
        """The search of a GPU; `addresses` -1 and +1 of an exact type."""
        cue, position = self._near(inputs, addresses).nonzero(as_tuple=True)
        return cue, position

    def _near(self, inputs: torch.Tensor, addresses: torch.Tensor) -> torch.Tensor:
        """Agreements less differences are n - 2 distance: bool (addresses, cells)."""
        rows = inputs.T.clone(memory_format=torch.contiguous_format)  # also a single word, which counts as contiguous
        spread = unpack(rows, self.n).to(addresses.dtype).mul_(2).sub_(1)
        return addresses @ spread.T >= self.n - 2 * self.radius

    def kernel(self) -> NDArray[np.float64]:
        """Circle intersection over 2^n."""
        shared: NDArray[np.float64] = np.exp(log_intersection(self.n, self.radius) - self.n * math.log(2))
        return shared

    @property
    def _exact(self) -> torch.dtype:
        """Half precision holds whole numbers up to 2,048 exactly."""
        return torch.float16 if self.n <= 2048 else torch.float32


class DendriteCells(HardLocations):
    """Cells of k dendrites, each on a different bit of the address and on either fibre of its pair.

    Parameters
    ----------
    n : address bits. dendrites : k, 1..16. threshold : theta, fibres on that make a cell fire, 1..k.
    """

    def __init__(self, n: int, dendrites: int, threshold: int, seed: int = 0) -> None:
        super().__init__(n, seed)
        self.dendrites = whole_number("dendrites", dendrites, 1, min(MOST_DENDRITES, self.n))
        self.threshold = whole_number("threshold", threshold, 1, self.dendrites, "dendrites")

    @property
    def stored_bytes(self) -> int:
        """A 32-bit fibre number for each dendrite."""
        return 4 * self.dendrites

    def inputs(self, cells: torch.Tensor, compiled: bool = True) -> torch.Tensor:
        """Mossy fibre of every dendrite, int32 (dendrites, cells): 2 i for bit i = 0, 2 i + 1 for bit i = 1.

        The set of bits is uniform among all of k of n (Floyd's algorithm: Bentley & Floyd 1987,
        doi:10.1145/30401.315746), up to the 2^-31 of drawing below n from 31 random bits.
        """
        drawn = philox(cells, -(-self.dendrites // 4), self.seed, compiled)[: self.dendrites]
        bits: list[torch.Tensor] = []
        for place, word in enumerate(drawn):
            last = self.n - self.dendrites + place
            bit = (word >> 1) * (last + 1) >> 31
            taken = torch.zeros_like(bit, dtype=torch.bool)
            for other in bits:
                taken |= other == bit
            bits.append(torch.where(taken, last, bit))
        return (torch.stack(bits) * 2 + (drawn & 1)).to(torch.int32)

    def batch(self, addresses: torch.Tensor) -> torch.Tensor:
        """Which fibres fire, 64 addresses in a word: int64 (2n, words)."""
        ones = addresses > 0
        return pack(torch.stack((~ones, ones), dim=2).reshape(len(ones), 2 * self.n))

    def search(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool = True) -> Hits:
        """Matches counted for 64 addresses at once; only words with an active address are opened."""
        active = self._active(inputs, batch, compiled)
        position, word = active.nonzero(as_tuple=True)
        which, bit = unpack(active[position, word][:, None], WORD).nonzero(as_tuple=True)
        cue = word[which] * WORD + bit
        order = torch.argsort(cue, stable=True)
        return cue[order], position[which[order]]

    def answers(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool = True) -> torch.Tensor:
        """All words opened."""
        return unpack(self._active(inputs, batch, compiled), batch.shape[1] * WORD)

    def _active(self, inputs: torch.Tensor, batch: torch.Tensor, compiled: bool) -> torch.Tensor:
        """Bits of the addresses that each cell answers to, int64 (cells, words)."""
        active = None
        if compiled and inputs.device.type == "cpu":
            active = compiled_read.answering(inputs, self.threshold, batch)
        if active is None:
            planes = count_bits(batch, inputs.to(torch.int64))
            active = equal_to(planes, self.threshold)
            for matches in range(self.threshold + 1, self.dendrites + 1):
                active |= equal_to(planes, matches)
        return active.contiguous()

    def kernel(self) -> NDArray[np.float64]:
        """`theory.granule.overlap` at every distance."""
        shared: NDArray[np.float64] = np.exp(granule.log_overlap(self.n, self.dendrites, self.threshold))
        return shared
