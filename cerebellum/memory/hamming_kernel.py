"""The compiled inner loop of a Hamming-ball search: XOR and population count, at the processor's integer throughput.

numpy has both operations but needs a pass through memory for each, and counts bits one word per cycle; fused and
vectorised by a C compiler the search is several times faster. It is compiled once into the user's cache folder, as
Brian2 does with its own code; without a compiler `search` is None and callers use numpy.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy as np

from cerebellum.machine.compiler import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LANES = 64  # neurons that the loop handles at a time: addresses are padded to a multiple of it
_SOURCE = r"""
#include <stdint.h>
#include <string.h>
#define LANES 64
#define BLOCK 2048   /* neurons whose addresses stay in the first-level cache while all queries pass over them */

/* Neurons within `radius` of each query. addresses: (words, stride), queries: (count, words), found: (count, capacity).
   counts goes on counting when a row of found is full, so that the caller can make room and call again. */
void search(const uint64_t *restrict addresses, int64_t neurons, int64_t stride, int64_t words,
            const uint64_t *restrict queries, int64_t count, int64_t radius,
            int32_t *restrict found, int64_t capacity, int64_t *restrict counts)
{
    memset(counts, 0, count * sizeof *counts);
    for (int64_t start = 0; start < neurons; start += BLOCK) {
        int64_t end = start + BLOCK < neurons ? start + BLOCK : neurons;
        for (int64_t q = 0; q < count; q++) {
            const uint64_t *query = queries + q * words;
            int32_t *row = found + q * capacity;
            int64_t total = counts[q];
            for (int64_t i = start; i < end; i += LANES) {
                uint64_t distance[LANES], least = ~0ull;
                for (int j = 0; j < LANES; j++)
                    distance[j] = __builtin_popcountll(addresses[i + j] ^ query[0]);
                for (int64_t w = 1; w < words; w++)
                    for (int j = 0; j < LANES; j++)
                        distance[j] += __builtin_popcountll(addresses[w * stride + i + j] ^ query[w]);
                for (int j = 0; j < LANES; j++)
                    least = distance[j] < least ? distance[j] : least;
                if (least > (uint64_t)radius)
                    continue;
                int lanes = end - i < LANES ? (int)(end - i) : LANES;
                if (total + LANES <= capacity)
                    for (int j = 0; j < lanes; j++) {   /* without a branch: store always, advance on a hit */
                        row[total] = (int32_t)(i + j);
                        total += distance[j] <= (uint64_t)radius;
                    }
                else
                    for (int j = 0; j < lanes; j++)
                        total += distance[j] <= (uint64_t)radius;
            }
            counts[q] = total;
        }
    }
}

/* The ceiling of such a search: XOR and population count of words in the first-level cache, and nothing else. */
uint64_t throughput(const uint64_t *words, int64_t count, int64_t repeats)
{
    uint64_t all = 0;
    for (int64_t r = 0; r < repeats; r++) {
        uint64_t sum = 0;
        for (int64_t i = 0; i < count; i++)
            sum += __builtin_popcountll(words[i] ^ (uint64_t)r);
        all ^= sum;
    }
    return all;
}
"""


def library() -> ctypes.CDLL | None:
    """The compiled loops, built on first use; None where there is no C compiler or it fails."""
    return build("hamming", _SOURCE)


def search(
    addresses: NDArray[np.uint64], neurons: int, queries: NDArray[np.uint64], radius: int
) -> list[NDArray[np.int32]] | None:
    """Indices of the neurons within `radius` of each query, ascending; None without a compiled library.

    addresses : (words, neurons padded to a multiple of `LANES`), C order. queries : (count, words), C order.
    """
    lib = library()
    if lib is None:
        return None
    count, words = queries.shape
    counts = np.zeros(count, dtype=np.int64)
    capacity = max(1024, 2 * LANES + neurons // 256)
    while True:
        found = np.empty((count, capacity), dtype=np.int32)
        _call(
            lib.search, addresses, neurons, addresses.shape[1], words, queries, count, radius, found, capacity, counts
        )
        most = int(counts.max(initial=0))
        if most + LANES <= capacity:
            return [row[:size] for row, size in zip(found, counts, strict=True)]
        capacity = most + LANES


def _call(function: Callable[..., object], *arguments: int | NDArray[np.generic]) -> None:
    function(*(ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else ctypes.c_int64(a) for a in arguments))
