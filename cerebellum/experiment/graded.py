"""Addresses with stated cosines: rings and families, of fibre pairs and of sparse codes.

On a ring every line is on along an arc of places. If m_L arcs of L places begin at each of P places, two addresses d
places apart share sum_L m_L max(0, L - d) lines (d, L <= P / 2), so the second difference of the stated overlaps is the
number of arcs of each length, and every ring that these lines can have is had exactly.
"""

from __future__ import annotations

import numpy as np

from cerebellum.description.patterns import GradedPatterns
from cerebellum.errors import ProtocolFileError
from cerebellum.typing import Bits, Ints


def addresses(described: GradedPatterns, lines: int, rng: np.random.Generator) -> tuple[Bits, Bits]:
    """The patterns' addresses and the lures', shapes (patterns, lines) and (lures, lines).

    Parameters
    ----------
    lines : address lines, pairs of fibres or, of a sparse code, single ones

    Raises
    ------
    ProtocolFileError
        If these lines cannot have the stated cosines.
    """
    active = None if described.active is None else int(described.active.number)
    if active is not None and active >= lines:
        raise ProtocolFileError(f"patterns.active: found {active}; wanted fewer than the {lines} mossy fibres")
    apart = _moved(described, lines if active is None else active, active is None)
    if described.shape == "family":
        centre = rng.random(lines) < 0.5 if active is None else rng.permutation(lines) < active
        made = np.array([_away(centre, moved, active is None, rng) for moved in apart.tolist()])
        return made, centre[None] if described.lures else made[:0]
    ring = _pairs(apart, described.places, lines, rng) if active is None else _sets(apart, described, lines, rng)
    return (ring[::2], ring[1::2]) if described.lures else (ring, ring[:0])


def _moved(described: GradedPatterns, size: int, pairs: bool) -> Ints:
    """Lines that differ at each stated cosine: bits flipped, or fibres replaced by others."""
    wanted = np.array(described.all_cosines())
    exact = (1 - wanted) * size / (2 if pairs else 1)
    moved = np.rint(exact).astype(np.int64)
    if not pairs and wanted.min() < 0:
        raise ProtocolFileError(f"patterns.cosines: found {wanted.min():g}; sparse codes have none below 0")
    if (off := np.abs(exact - moved) > 1e-6).any():
        step = (2 if pairs else 1) / size
        what = f"{size} {'address bits' if pairs else 'active fibres'}"
        found = wanted[off][0]
        near = 1 - np.floor((1 - found) / step) * step
        raise ProtocolFileError(
            f"patterns.cosines: found {found:.6g}; with {what} a cosine is 1 less a multiple of {step:.6g}: the "
            f"nearest are {near:.6g} and {near - step:.6g}"
        )
    return moved


def _away(centre: Bits, moved: int, pairs: bool, rng: np.random.Generator) -> Bits:
    """An address that differs from the centre on so many lines."""
    made = centre.copy()
    if pairs:
        chosen = rng.choice(len(centre), moved, replace=False)
        made[chosen] = ~made[chosen]
        return made
    on, off = np.flatnonzero(centre), np.flatnonzero(~centre)
    if moved > len(off):
        raise ProtocolFileError(
            f"patterns.cosines: a sparse address cannot move {moved} of its fibres: only {len(off)} others are there"
        )
    made[rng.choice(on, moved, replace=False)] = False
    made[rng.choice(off, moved, replace=False)] = True
    return made


def _pairs(apart: Ints, places: int, lines: int, rng: np.random.Generator) -> Bits:
    """A ring of dense addresses: bits that turn on an arc, and back on the rest; shape (places, lines).

    A bit's arc and the rest of the circle are alike, so arcs of half the places, if those are even, begin at half of
    the places only.
    """
    distance = np.concatenate([[0], apart])
    half = len(apart)
    bends = 2 * distance[1:-1] - distance[:-2] - distance[2:]  # at 1 .. half - 1 places
    last = int(distance[half] - distance[half - 1])
    # Past the place opposite the distances come back: an arc of half an odd number of places bends by `last` alone.
    arcs = [*((length, count / 2) for length, count in enumerate(bends.tolist(), 1)), (half, last / 2)]
    blocks = []
    for length, number in arcs:
        starts = places // 2 if 2 * length == places else places
        number *= places // starts
        if number < 0 or number != int(number):
            raise _bent(length)
        blocks += [_arcs(length, starts, places)] * int(number)
    ring = _filled(blocks, places, lines, rng.random(lines) < 0.5)
    return np.asarray((ring ^ (rng.random(lines) < 0.5))[:, rng.permutation(lines)])


def _sets(apart: Ints, described: GradedPatterns, lines: int, rng: np.random.Generator) -> Bits:
    """A ring of sparse addresses, shape (places, lines)."""
    assert described.active is not None
    places, active = described.places, int(described.active.number)
    shared = active - np.concatenate([[0], apart])
    bends = shared[:-2] - 2 * shared[1:-1] + shared[2:]
    arcs = [*enumerate(bends.tolist(), 1), (len(apart), int(shared[-2] - shared[-1]))]
    blocks = []
    for length, number in arcs:
        if number < 0:
            raise _bent(length)
        blocks += [_arcs(length, places, places)] * number
    common = int(shared[-1])
    fixed = np.zeros(lines, dtype=bool)
    fixed[lines - common :] = True
    return _filled(blocks, places, lines, fixed, common)[:, rng.permutation(lines)]


def _arcs(length: int, starts: int, places: int) -> Bits:
    """Lines on along `length` places from each of the first `starts`, shape (places, starts)."""
    return np.asarray((np.arange(places)[:, None] - np.arange(starts)) % places < length)


def _filled(blocks: list[Bits], places: int, lines: int, fixed: Bits, kept: int = 0) -> Bits:
    """Blocks of lines side by side, the rest as `fixed`, of which the last `kept` must stay."""
    used = sum(block.shape[1] for block in blocks)
    if used + kept > lines:
        raise ProtocolFileError(
            f"patterns.cosines: a ring with these cosines wants {used + kept} address lines; the model has {lines}: "
            "fewer patterns, cosines nearer to 1, or fewer active fibres"
        )
    ring = np.tile(fixed, (places, 1))
    if blocks:
        ring[:, :used] = np.concatenate(blocks, axis=1)
    return ring


def _bent(place: int) -> ProtocolFileError:
    return ProtocolFileError(
        f"patterns.cosines: no ring has them: at {place} places apart they bend downwards, or by an odd number of "
        "bits; wanted steps that get no larger with distance, by an even number of bits"
    )
