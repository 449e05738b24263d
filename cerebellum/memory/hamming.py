"""Packed bits, and the search for all neurons whose address lies within a Hamming radius of a query."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal

import numpy as np

from cerebellum.errors import ArgumentError
from cerebellum.memory import hamming_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Neurons per pass of the numpy search: 256 KiB of addresses and as much of differences stay in the second-level cache.
_BLOCK = 32768


def pack(bits: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Bits (rows, n) as words (rows, ceil(n / 64)), the first bit lowest, unused bits 0."""
    rows, n = bits.shape
    octets = np.packbits(bits, axis=1, bitorder="little")
    padded = np.zeros((rows, -(-n // 64) * 8), dtype=np.uint8)
    padded[:, : octets.shape[1]] = octets
    return padded.view(np.uint64)


def unpack(words: NDArray[np.uint64], n: int) -> NDArray[np.bool_]:
    """The inverse of `pack`."""
    octets = np.ascontiguousarray(words).view(np.uint8)
    return np.unpackbits(octets, axis=1, count=n, bitorder="little").astype(bool)


def by_word(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Packed addresses (neurons, words) in the order of the search: (words, neurons padded to a multiple of 64)."""
    neurons, count = words.shape
    ordered = np.zeros((count, -(-neurons // hamming_kernel.LANES) * hamming_kernel.LANES), dtype=np.uint64)
    ordered[:, :neurons] = words.T
    return ordered


def within(
    addresses: NDArray[np.uint64],
    neurons: int,
    queries: NDArray[np.uint64],
    radius: int,
    threads: int = 1,
    method: Literal["auto", "compiled", "numpy"] = "auto",
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The neurons within `radius` of each query.

    Parameters
    ----------
    addresses : of the neurons, as `by_word` gives them. queries : packed, shape (count, words).
    threads : the queries are shared out among so many.
    method : "compiled" (see `kernel`), "numpy", or the first that is available.

    Returns
    -------
    indices : of the active neurons, all queries one after the other, ascending within a query.
    offsets : where each query's begin, and the end, shape (count + 1,).
    """
    if method == "compiled" and hamming_kernel.library() is None:
        raise ArgumentError("method", method, "needs a C compiler, and none was found or it failed")
    compiled = method == "compiled" or (method == "auto" and hamming_kernel.library() is not None)
    shares = [np.ascontiguousarray(share) for share in np.array_split(queries, max(1, min(threads, len(queries))))]

    def search(share: NDArray[np.uint64]) -> list[NDArray[np.int32]]:
        found = hamming_kernel.search(addresses, neurons, share, radius) if compiled else None
        return _search(addresses, neurons, share, radius) if found is None else found

    if len(shares) == 1:
        rows = search(shares[0])
    else:
        with ThreadPoolExecutor(len(shares)) as pool:
            rows = [row for part in pool.map(search, shares) for row in part]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    indices = np.concatenate(rows, dtype=np.int64) if rows else np.empty(0, dtype=np.int64)
    return indices, offsets


def _search(
    addresses: NDArray[np.uint64], neurons: int, queries: NDArray[np.uint64], radius: int
) -> list[NDArray[np.int32]]:
    """The search by whole-array operations on blocks of neurons; the buffers are made once and stay in the cache."""
    words, stride = addresses.shape
    size = min(_BLOCK, stride)
    differ, counts = np.empty(size, np.uint64), np.empty(size, np.uint8)
    distance, hit = np.empty(size, np.uint16), np.zeros(size, bool)
    groups, lanes = hit.view(np.uint64), hit.reshape(-1, 8)
    found: list[list[NDArray[np.int64]]] = [[] for _ in queries]
    for start in range(0, stride, size):
        block = addresses[:, start : start + size]
        k = block.shape[1]
        hit[k:] = False
        for query, rows in zip(queries, found, strict=True):
            for word in range(words):
                np.bitwise_xor(block[word], query[word], out=differ[:k])
                np.bitwise_count(differ[:k], out=counts[:k])
                if words > 1:
                    np.add(distance[:k] if word else 0, counts[:k], out=distance[:k])
            np.less_equal(counts[:k] if words == 1 else distance[:k], radius, out=hit[:k])
            # Hits are rare: look for them eight neurons at a time.
            group = np.flatnonzero(groups)
            if group.size:
                member, lane = np.nonzero(lanes[group])
                rows.append(start + group[member] * 8 + lane)
    joined = [np.concatenate(rows) if rows else np.empty(0, np.int64) for rows in found]
    return [row[: np.searchsorted(row, neurons)].astype(np.int32) for row in joined]
