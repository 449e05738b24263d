"""What is stored and what it is asked for with: addresses, pointers, noisy cues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cerebellum.connectome import generator
from cerebellum.errors import ProtocolFileError
from cerebellum.protocol import Block, DigitPatterns, Protocol, SparsePatterns

Bits = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Patterns:
    """Stored patterns and the cues of the read block.

    Attributes
    ----------
    addresses : shape (patterns, address bits)
    pointers : shape (patterns, pointer bits)
    cues : addresses of the cues, shape (cues, address bits)
    cue_images : what the cue looks like before coding, shape (cues, pixels); equal to `cues` for random patterns
    target : stored pattern that a cue comes from, shape (cues,)
    flips : flipped elements of a cue, shape (cues,)
    image_shape : pixels as rows and columns, or None if the pointers are no images
    """

    addresses: Bits
    pointers: Bits
    cues: Bits
    cue_images: Bits
    target: Ints
    flips: Ints
    image_shape: tuple[int, int] | None
    sparse: bool = False
    """Whether an address is a set of fibres, one a line; else of two fibres a line one is on."""
    balanced: bool = False
    """Whether every pointer has as many ones as zeros."""

    def decide(self, readout: NDArray[np.float64]) -> Bits:
        """Pointer bits that a readout y, shape (cues, pointer bits), says: its sign.

        Of balanced pointers the mean over the bits, which all microzones share, is taken off first.
        """
        return readout > (readout.mean(axis=1, keepdims=True) if self.balanced else 0.0)

    def fibers(self, address: Bits) -> Ints:
        """Mossy fibres that an address, shape (address bits,), switches on."""
        lines = np.flatnonzero(address) if self.sparse else 2 * np.arange(len(address)) + address
        return np.asarray(lines, dtype=np.int64)

    @property
    def cosines(self) -> NDArray[np.float64]:
        """Cosine of each cue and stored address, (cues, patterns): shared over active lines, or 1 - 2 distance / n."""
        distances = self.distances()
        if self.sparse:
            return 1.0 - distances / (2.0 * self.addresses[0].sum())
        return 1.0 - 2.0 * distances / self.addresses.shape[1]

    @property
    def signs(self) -> NDArray[np.float64]:
        """Pointers as -1 and +1, shape (patterns, pointer bits)."""
        return np.where(self.pointers, 1.0, -1.0)

    def distances(self, cues: Bits | None = None) -> Ints:
        """Hamming distance of each cue (default: of the read block) to each stored address, (cues, patterns)."""
        cues = self.cues if cues is None else cues
        return (cues[:, None, :] != self.addresses[None, :, :]).sum(axis=-1)

    def nearest(self, bits: Bits) -> Ints:
        """The stored pointer nearest in Hamming distance to each row of `bits`, shape (rows,)."""
        return (bits[:, None, :] != self.pointers[None, :, :]).sum(axis=-1).argmin(axis=1)


def make_patterns(protocol: Protocol, address_bits: int, pointer_bits: int, seed: int) -> Patterns:
    """The protocol's patterns for a circuit with these numbers of address lines and microzones.

    Raises
    ------
    ProtocolFileError
        If the source has not so many patterns, its pointers have another length, or cues flip more than there is.
    """
    assert protocol.patterns is not None
    count = protocol.pattern_count
    read = protocol.block_of("read")
    block = protocol.block[read] if read else None
    if isinstance(protocol.patterns, DigitPatterns):
        return _digits(count, block, address_bits, pointer_bits, seed)
    rng = generator(seed, "patterns")
    if isinstance(protocol.patterns, SparsePatterns):
        return _sparse(protocol.patterns, block, address_bits, pointer_bits, seed)
    addresses = rng.random((count, address_bits)) < 0.5
    balanced = protocol.patterns.balanced
    if balanced:
        pointers = _with_ones(count, pointer_bits, pointer_bits // 2, rng)
    else:
        pointers = rng.random((count, pointer_bits)) < 0.5
    cues, target, flips = _flipped(addresses, block, seed)
    return Patterns(addresses, pointers, cues, cues, target, flips, None, balanced=balanced)


def _sparse(described: SparsePatterns, block: Block | None, lines: int, pointer_bits: int, seed: int) -> Patterns:
    count, active = int(described.count.number), int(described.active.number)
    if active >= lines:
        raise ProtocolFileError(f"patterns.active: found {active}; wanted fewer than the {lines} mossy fibres")
    rng = generator(seed, "patterns")
    addresses = _with_ones(count, lines, active, rng)
    pointers = _with_ones(count, pointer_bits, pointer_bits // 2, rng)
    target, flips = _asked(count, block, min(active, lines - active), "active fibres")
    cues = addresses[target].copy()
    rng = generator(seed, "cues")
    for cue, number in zip(cues, flips, strict=True):
        on, off = np.flatnonzero(cue), np.flatnonzero(~cue)
        cue[rng.choice(on, size=number, replace=False)] = False
        cue[rng.choice(off, size=number, replace=False)] = True
    return Patterns(addresses, pointers, cues, cues, target, flips, None, sparse=True, balanced=True)


def _with_ones(rows: int, bits: int, ones: int, rng: np.random.Generator) -> Bits:
    """Rows with `ones` bits on, drawn evenly."""
    return np.asarray(rng.random((rows, bits)).argsort(axis=1).argsort(axis=1) < ones)


def _digits(count: int, block: Block | None, address_bits: int, pointer_bits: int, seed: int) -> Patterns:
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = digits.data >= 8  # 16 grey levels, cut in the middle
    if pointer_bits != images.shape[1]:
        raise ProtocolFileError(
            f"patterns: digits have {images.shape[1]} pixels as pointer; the model has {pointer_bits} microzones; "
            f"use source = 'random' or set microzones = {images.shape[1]}"
        )
    if count > len(digits.target_names):
        raise ProtocolFileError(
            f"patterns.count: found {count}; there is one image of each of {len(digits.target_names)} digits"
        )
    rng = generator(seed, "digits")
    chosen = [int(rng.choice(np.flatnonzero(digits.target == label))) for label in range(count)]
    # Images of digits are alike; taking off the average image and projecting at random spreads them over the
    # address space while keeping near images near (sign random projection, Charikar 2002).
    projection = generator(seed, "digits", "code").standard_normal((images.shape[1], address_bits))
    mean = images.mean(axis=0)

    def code(image: Bits) -> Bits:
        return (image - mean) @ projection > 0

    cue_images, target, flips = _flipped(images[chosen], block, seed)
    return Patterns(code(images[chosen]), images[chosen], code(cue_images), cue_images, target, flips, (8, 8))


def _flipped(items: Bits, block: Block | None, seed: int) -> tuple[Bits, Ints, Ints]:
    """Cues of a read block, their targets and flips."""
    count, elements = items.shape
    target, flips = _asked(count, block, elements, "elements")
    cues = items[target].copy()
    rng = generator(seed, "cues")
    for cue, number in zip(cues, flips, strict=True):
        chosen = rng.choice(elements, size=number, replace=False)
        cue[chosen] = ~cue[chosen]
    return cues, target, flips


def _asked(count: int, block: Block | None, most: int, elements: str) -> tuple[Ints, Ints]:
    """Target and flips of each cue: every item `cues_per_pattern` times at every noise level, once without noise."""
    if block is None or block.over != "cues":
        return np.empty(0, np.int64), np.empty(0, np.int64)
    if max(block.noise) > most:
        raise ProtocolFileError(f"noise: found {max(block.noise)} flips; a cue has {most} {elements} to flip")
    repeats = [block.cues_at(level) for level in block.noise]
    target = np.concatenate([np.repeat(np.arange(count), number) for number in repeats])
    return target, np.repeat(block.noise, [count * number for number in repeats]).astype(np.int64)
