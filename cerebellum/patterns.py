"""What is stored and what it is asked for with: addresses, pointers, noisy cues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cerebellum.connectome import generator
from cerebellum.errors import ProtocolFileError
from cerebellum.protocol import Block, DigitPatterns, Protocol

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
    addresses = rng.random((count, address_bits)) < 0.5
    pointers = rng.random((count, pointer_bits)) < 0.5
    cues, target, flips = _flipped(addresses, block, seed)
    return Patterns(addresses, pointers, cues, cues, target, flips, None)


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
    """Cues of a read block: each item `cues_per_pattern` times at every noise level, once without noise."""
    count, elements = items.shape
    if block is None or block.over != "cues":
        return np.empty((0, elements), bool), np.empty(0, int), np.empty(0, int)
    if max(block.noise) > elements:
        raise ProtocolFileError(f"noise: found {max(block.noise)} flips; a cue has {elements} elements")
    repeats = [block.cues_at(level) for level in block.noise]
    flips = np.repeat(block.noise, [count * number for number in repeats])
    target = np.concatenate([np.repeat(np.arange(count), number) for number in repeats])
    cues = items[target].copy()
    rng = generator(seed, "cues")
    for cue, number in zip(cues, flips, strict=True):
        chosen = rng.choice(elements, size=number, replace=False)
        cue[chosen] = ~cue[chosen]
    return cues, target, flips
