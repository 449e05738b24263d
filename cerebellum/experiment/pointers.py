"""Pointers of the patterns: balanced draws, and rows of a Hadamard matrix."""

from __future__ import annotations

import numpy as np

from cerebellum.errors import ProtocolFileError
from cerebellum.typing import Bits, Ints


def with_ones(rows: int, bits: int, ones: int, rng: np.random.Generator) -> Bits:
    """Rows with `ones` bits on, drawn evenly."""
    return np.asarray(rng.random((rows, bits)).argsort(axis=1).argsort(axis=1) < ones)


def orthogonal(rows: int, bits: int, rng: np.random.Generator) -> Bits:
    """Pointers as unlike as can be: rows of a Hadamard matrix, none of them constant, columns in a random order.

    Where no matrix has just so many columns, some of a larger one are left out: as -1 and +1, two pointers have a
    product, and a pointer a sum, of at most that many.

    Raises
    ------
    ProtocolFileError
        If there are not so many rows.
    """
    table = hadamard(bits)
    if rows >= len(table):
        raise ProtocolFileError(
            f"patterns.count: found {rows}; of {bits} pointer bits there are {len(table) - 1} orthogonal pointers"
        )
    chosen = table[1 + rng.permutation(len(table) - 1)[:rows]][:, rng.permutation(len(table))[:bits]]
    return np.asarray(chosen * rng.choice([-1, 1], rows)[:, None] > 0)


def hadamard(least: int) -> Ints:
    """The smallest Hadamard matrix here of `least` columns or more, its first row and column all 1.

    Paley (1933) J Math Phys 12:311 gives orders q + 1 for primes q = 3 mod 4, Sylvester (1867) their doubles.
    """
    order = max(4, -(-least // 4) * 4)
    while (found := _of_order(order)) is None:
        order += 4
    found = found * found[0]
    return found * found[:, :1]


def _of_order(order: int) -> Ints | None:
    if order <= 2:
        return np.array([[1, 1], [1, -1]])[:order, :order]
    q = order - 1
    if q % 4 == 3 and all(q % divisor for divisor in range(2, int(q**0.5) + 1)):
        residue = np.full(q, -1)
        residue[np.arange(1, q) ** 2 % q] = 1
        residue[0] = 0
        skew = np.ones((order, order), dtype=np.int64)
        skew[1:, 0] = -1
        skew[0, 0] = 0
        skew[1:, 1:] = residue[(np.arange(q) - np.arange(q)[:, None]) % q]
        return np.asarray(skew + np.eye(order, dtype=np.int64))
    half = _of_order(order // 2) if order % 4 == 0 else None
    return None if half is None else np.block([[half, half], [half, -half]])
