"""What is stored and what recalls it: addresses, pointers, noisy cues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cerebellum.connectome.connectome import generator
from cerebellum.description.block import Block
from cerebellum.description.patterns import DigitPatterns, FilePatterns, GradedPatterns, SparsePatterns
from cerebellum.description.protocol import Protocol
from cerebellum.errors import ProtocolFileError
from cerebellum.experiment import graded
from cerebellum.experiment.pattern_file import read_file
from cerebellum.experiment.pointers import orthogonal, with_ones
from cerebellum.typing import Bits, Ints


@dataclass(frozen=True)
class Patterns:
    """Stored patterns and the cues of all blocks that ask, one block after another.

    Attributes
    ----------
    addresses : shape (patterns, address bits)
    pointers : shape (patterns, pointer bits)
    cues : addresses of the cues, shape (cues, address bits)
    cue_images : what the cue looks like before coding, shape (cues, pixels); equal to `cues` for random patterns
    target : stored pattern that a cue comes from, shape (cues,); of a lure, which comes from none, the nearest
    flips : flipped elements of a cue, -1 of a lure, shape (cues,)
    block_of_cue : block of a cue, from 0, shape (cues,)
    written : whether a pattern has been written before a block asks, shape (blocks, patterns)
    image_shape : pixels as rows and columns, or None if the pointers are no images
    """

    addresses: Bits
    pointers: Bits
    cues: Bits
    cue_images: Bits
    target: Ints
    flips: Ints
    block_of_cue: Ints
    written: Bits
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

    @property
    def lure(self) -> Bits:
        """Whether a cue is an address that was never written, shape (cues,)."""
        return np.asarray(self.flips < 0)

    @property
    def own(self) -> Bits:
        """Whether a stored pattern is the one that a cue comes from, shape (cues, patterns); none is a lure's."""
        return np.asarray((self.target[:, None] == np.arange(len(self.addresses))) & ~self.lure[:, None])

    def of_block(self, number: int) -> Patterns:
        """What was stored before this block asks, and its cues alone."""
        rows, stored = self.block_of_cue == number, self.written[number]
        return replace(
            self,
            addresses=self.addresses[stored],
            pointers=self.pointers[stored],
            cues=self.cues[rows],
            cue_images=self.cue_images[rows],
            target=np.cumsum(stored)[self.target[rows]] - 1,
            flips=self.flips[rows],
            block_of_cue=np.zeros(rows.sum(), np.int64),
            written=self.written[number : number + 1, stored],
        )

    def fibers(self, address: Bits) -> Ints:
        """Mossy fibres that an address, shape (address bits,), switches on."""
        lines = np.flatnonzero(address) if self.sparse else 2 * np.arange(len(address)) + address
        return np.asarray(lines, dtype=np.int64)

    @property
    def signs(self) -> NDArray[np.float64]:
        """Pointers as -1 and +1, shape (patterns, pointer bits)."""
        return np.where(self.pointers, 1.0, -1.0)

    def distances(self, cues: Bits | None = None) -> Ints:
        """Hamming distance of each cue (default: of the read block) to each stored address, (cues, patterns)."""
        cues = self.cues if cues is None else cues
        return (cues[:, None, :] != self.addresses[None, :, :]).sum(axis=-1)


def make_patterns(protocol: Protocol, address_bits: int, pointer_bits: int, seed: int) -> Patterns:
    """The protocol's patterns for a circuit with these numbers of address lines and microzones.

    Raises
    ------
    ProtocolFileError
        If the source has not so many patterns, its pointers have another length, or cues flip more than there is.
    """
    described, count = protocol.patterns, protocol.pattern_count
    assert described is not None
    if isinstance(described, DigitPatterns):
        return _digits(protocol, address_bits, pointer_bits, seed)
    if isinstance(described, FilePatterns):
        return _of_file(protocol, described, address_bits, pointer_bits)
    rng = generator(seed, "patterns")
    if isinstance(described, GradedPatterns):
        return _graded(protocol, described, address_bits, pointer_bits, seed)
    if isinstance(described, SparsePatterns):
        return _sparse(protocol, int(described.active.number), address_bits, pointer_bits, seed)
    addresses = rng.random((count, address_bits)) < 0.5
    if described.balanced:
        pointers = with_ones(count, pointer_bits, pointer_bits // 2, rng)
    else:
        pointers = rng.random((count, pointer_bits)) < 0.5
    cued = _cues(protocol, address_bits, "elements")
    cues = _flipped(addresses, cued, seed)
    return Patterns(addresses, pointers, cues, cues, *cued, None, balanced=described.balanced)


def _sparse(protocol: Protocol, active: int, lines: int, pointer_bits: int, seed: int) -> Patterns:
    if active >= lines:
        raise ProtocolFileError(f"patterns.active: found {active}; wanted fewer than the {lines} mossy fibres")
    rng = generator(seed, "patterns")
    addresses = with_ones(protocol.pattern_count, lines, active, rng)
    pointers = with_ones(protocol.pattern_count, pointer_bits, pointer_bits // 2, rng)
    cued = _cues(protocol, min(active, lines - active), "active fibres")
    cues = _moved(addresses, cued, seed)
    return Patterns(addresses, pointers, cues, cues, *cued, None, sparse=True, balanced=True)


def _graded(protocol: Protocol, described: GradedPatterns, address_bits: int, pointer_bits: int, seed: int) -> Patterns:
    rng = generator(seed, "patterns")
    addresses, lures = graded.addresses(described, address_bits, rng)
    if described.pointers == "orthogonal":
        pointers = orthogonal(protocol.pattern_count, pointer_bits, rng)
    else:
        pointers = with_ones(protocol.pattern_count, pointer_bits, pointer_bits // 2, rng)
    active = protocol.active_lines
    if active is None:
        cued = _cues(protocol, address_bits, "elements")
        cues = _flipped(addresses, cued, seed)
    else:
        cued = _cues(protocol, min(active, address_bits - active), "active fibres")
        cues = _moved(addresses, cued, seed)
    cues[cued.flips < 0] = np.tile(lures, (len(protocol.block), 1))[: (cued.flips < 0).sum()]
    nearest = (cues[:, None, :] != addresses[None, :, :]).sum(axis=-1).argmin(axis=1)
    cued = cued._replace(target=np.where(cued.flips < 0, nearest, cued.target))
    return Patterns(addresses, pointers, cues, cues, *cued, None, sparse=active is not None, balanced=True)


def _digits(protocol: Protocol, address_bits: int, pointer_bits: int, seed: int) -> Patterns:
    from sklearn.datasets import load_digits

    digits, count = load_digits(), protocol.pattern_count
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

    cued = _cues(protocol, images.shape[1], "elements")
    cue_images = _flipped(images[chosen], cued, seed)
    return Patterns(code(images[chosen]), images[chosen], code(cue_images), cue_images, *cued, (8, 8))


def _of_file(protocol: Protocol, described: FilePatterns, address_bits: int, pointer_bits: int) -> Patterns:
    file, path, cues = read_file(described.path), described.path, int(described.cues.number)
    for name, found, wanted in (
        ("addresses", file.addresses.shape, (protocol.pattern_count, address_bits)),
        ("pointers", file.pointers.shape, (protocol.pattern_count, pointer_bits)),
        ("cues", file.cues.shape, (cues, address_bits)),
    ):
        if found != wanted:
            raise ProtocolFileError(
                f"patterns.path: {name} of {path} has shape {found}; protocol and model want {wanted} "
                "(rows as in patterns.count and patterns.cues, columns as the model's address lines and microzones)"
            )
    active = protocol.active_lines
    for name, sets in (("addresses", file.addresses), ("cues", file.cues)):
        if active is not None and (wrong := np.flatnonzero(sets.sum(axis=1) != active)).size:
            raise ProtocolFileError(
                f"patterns.path: {name} of {path}: row {wrong[0]} has {sets[wrong[0]].sum()} fibres on; "
                f"patterns.active wants {active} in each"
            )
    distances = (file.cues[:, None, :] != file.addresses[None, :, :]).sum(axis=-1)
    rows, target, cued, stored = [], [], [], []
    for number, (name, block, written) in enumerate(_cues_of(protocol)):
        own: Ints = np.array(block.shown(cues), dtype=np.int64)
        if not written.any():
            raise ProtocolFileError(f"block.{name}: asks before any pattern has been written")
        nearest = np.where(written, distances[own], address_bits + 1).argmin(axis=1)
        of = nearest if file.target is None else file.target[own]
        if not np.isin(of, np.flatnonzero(written)).all():
            raise ProtocolFileError(
                f"patterns.path: target of {path}: block.{name} asks for patterns that have not been written before"
            )
        rows.append(own)
        target.append(of)
        cued.append(np.full(len(own), number))
        stored.append(written)
    row, goal = _joined(rows), _joined(target)
    flips = distances[row, goal] // (1 if active is None else 2)
    found = _Cues(goal, flips, _joined(cued), _rows(stored, protocol.pattern_count))
    asked, ones = file.cues[row], file.pointers.sum(axis=1)
    halved = active is not None and bool((2 * ones == pointer_bits).all())
    return Patterns(
        file.addresses, file.pointers, asked, asked, *found, None, sparse=active is not None, balanced=halved
    )


class _Cues(NamedTuple):
    """As in `Patterns`."""

    target: Ints
    flips: Ints
    block_of_cue: Ints
    written: Bits


def _cues_of(protocol: Protocol) -> Iterator[tuple[str, Block, Bits]]:
    """Blocks that ask, with their names and which patterns had been written before them, shape (patterns,)."""
    written = np.zeros(protocol.pattern_count, dtype=bool)
    for name, block in protocol.block.items():
        if block.role == "write":
            shown = block.shown(protocol.pattern_count)
            written[shown.start : shown.stop] = True
        if block.over == "cues":
            yield name, block, written.copy()


def _cues(protocol: Protocol, most: int, elements: str) -> _Cues:
    """What the blocks ask: each pattern `cues_per_pattern` times at every noise level, once without noise."""
    target, flips, cued, stored = [], [], [], []
    for number, (_, block, written) in enumerate(_cues_of(protocol)):
        if max(block.noise) > most:
            raise ProtocolFileError(f"noise: found {max(block.noise)} flips; a cue has {most} {elements} to flip")
        for level in block.noise:
            new = np.repeat(np.array(block.shown(protocol.pattern_count)), block.cues_at(level))
            target.append(new)
            flips.append(np.full(len(new), level))
            cued.append(np.full(len(new), number))
        lures = protocol.lures_in(block)
        for values, value in ((target, 0), (flips, -1), (cued, number)):
            values.append(np.full(lures, value))
        stored.append(written)
    return _Cues(_joined(target), _joined(flips), _joined(cued), _rows(stored, protocol.pattern_count))


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.empty(0, np.int64), *parts])


def _rows(stored: list[Bits], patterns: int) -> Bits:
    return np.array(stored, dtype=bool).reshape(len(stored), patterns)


def _flipped(items: Bits, cued: _Cues, seed: int) -> Bits:
    """The cues: items with elements flipped, shape (cues, elements)."""
    cues = items[cued.target].copy()
    rng = generator(seed, "cues")
    for cue, number in zip(cues, cued.flips.clip(0), strict=True):
        chosen = rng.choice(items.shape[1], size=number, replace=False)
        cue[chosen] = ~cue[chosen]
    return cues


def _moved(addresses: Bits, cued: _Cues, seed: int) -> Bits:
    """The cues of a sparse code: addresses with fibres replaced by others, shape (cues, fibres)."""
    cues = addresses[cued.target].copy()
    rng = generator(seed, "cues")
    for cue, number in zip(cues, cued.flips.clip(0), strict=True):
        on, off = np.flatnonzero(cue), np.flatnonzero(~cue)
        cue[rng.choice(on, size=number, replace=False)] = False
        cue[rng.choice(off, size=number, replace=False)] = True
    return cues
