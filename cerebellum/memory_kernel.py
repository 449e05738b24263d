"""Compiled loops of large memories: random words of cells, and a read of few-dendrite cells in one pass.

Each function returns None where there is no C compiler; callers then use torch, with the same numbers. The loops are
compiled as `theory.kernel` says.
"""

from __future__ import annotations

import ctypes

import torch

from cerebellum.theory import kernel

WORD = 64  # addresses in one machine word
# A cell's matches are counted in five bit planes.
MOST_DENDRITES = 16
_SOURCE = r"""
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define PLANES 5
#define CHUNK 64     /* cells whose hits are listed, then added: their counters stay in the first-level cache */
#define FLUSH 256    /* cells after which 16-bit sums go into 64-bit ones: 256 * 127 < 2^15 */
#define LANES 32     /* counters added at a time: outputs are padded to a multiple of it */

/* Philox-4x32-10: out[4 * block + word][cell]. */
void philox(const int64_t *restrict cells, int64_t count, int64_t blocks, uint64_t seed, int64_t *restrict out)
{
    for (int64_t block = 0; block < blocks; block++) {
        int64_t *restrict o0 = out + 4 * block * count, *restrict o1 = o0 + count;
        int64_t *restrict o2 = o1 + count, *restrict o3 = o2 + count;
        for (int64_t i = 0; i < count; i++) {
            uint64_t c0 = (uint32_t)cells[i], c1 = (uint64_t)cells[i] >> 32, c2 = (uint64_t)block, c3 = 0;
            uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
            for (int round = 0; round < 10; round++) {
                uint64_t low = c0 * 0xD2511F53u, high = c2 * 0xCD9E8D57u;
                c0 = (high >> 32) ^ c1 ^ k0;
                c1 = (uint32_t)high;
                c2 = (low >> 32) ^ c3 ^ k1;
                c3 = (uint32_t)low;
                k0 += 0x9E3779B9u;
                k1 += 0xBB67AE85u;
            }
            o0[i] = c0; o1[i] = c1; o2[i] = c2; o3[i] = c3;
        }
    }
}

/* Which of the addresses (64 in a word) a cell answers to: at least `threshold` of its fibres fire. */
static inline uint64_t answers(const int32_t *restrict fibers, int64_t stride, int64_t dendrites, int64_t threshold,
                               const uint64_t *restrict fired, int64_t words)
{
    if (threshold == dendrites) {
        uint64_t all = ~0ull;
        for (int64_t d = 0; d < dendrites; d++)
            all &= fired[fibers[d * stride] * words];
        return all;
    }
    uint64_t plane[PLANES] = {0};
    for (int64_t d = 0; d < dendrites; d++) {
        uint64_t carry = fired[fibers[d * stride] * words];
        for (int p = 0; p < PLANES; p++) {
            uint64_t both = plane[p] & carry;
            plane[p] ^= carry;
            carry = both;
        }
    }
    uint64_t greater = 0, equal = ~0ull;
    for (int p = PLANES - 1; p >= 0; p--) {
        uint64_t bit = threshold >> p & 1 ? ~0ull : 0;
        greater |= equal & plane[p] & ~bit;
        equal &= ~(plane[p] ^ bit);
    }
    return greater | equal;
}

/* The addresses each cell answers to, as bits: active (count, words). fibers (dendrites, stride), fired (2n, words). */
void answering(const int32_t *restrict fibers, int64_t count, int64_t stride, int64_t dendrites, int64_t threshold,
               const uint64_t *restrict fired, int64_t words, uint64_t *restrict active)
{
    for (int64_t i = 0; i < count; i++)
        for (int64_t w = 0; w < words; w++)
            active[i * words + w] = answers(fibers + i, stride, dendrites, threshold, fired + w, words);
}

/* sums[address][output] += counters of the cells that answer to it; sums (words * 64, outputs), counters (count,
   outputs). Returns the number of pairs of cell and address, or -1 without memory. */
int64_t read_few(const int32_t *restrict fibers, int64_t count, int64_t stride, int64_t dendrites, int64_t threshold,
                 const uint64_t *restrict fired, int64_t words, const int8_t *restrict counters, int64_t outputs,
                 int64_t *restrict sums)
{
    int64_t width = (outputs + LANES - 1) / LANES * LANES, pairs = 0;
    int16_t *acc = aligned_alloc(64, words * 64 * width * sizeof *acc);
    int16_t *rows = aligned_alloc(64, CHUNK * width * sizeof *rows);
    /* one hit is (address, cell) in 32 bits; the list is written eight at a time, so it may run over by seven a word */
    uint32_t *hits = malloc((CHUNK * words * 64 + 64) * sizeof *hits);
    if (!acc || !rows || !hits) {
        free(acc); free(rows); free(hits);
        return -1;
    }
    memset(acc, 0, words * 64 * width * sizeof *acc);
    memset(rows, 0, CHUNK * width * sizeof *rows);
    for (int64_t start = 0; start < count; start += FLUSH) {
        int64_t stop = start + FLUSH < count ? start + FLUSH : count;
        for (int64_t first = start; first < stop; first += CHUNK) {
            int64_t last = first + CHUNK < stop ? first + CHUNK : stop, found = 0;
            for (int64_t i = first; i < last; i++) {
                for (int64_t w = 0; w < words; w++) {
                    uint64_t bits = answers(fibers + i, stride, dendrites, threshold, fired + w, words);
                    int64_t most = found + __builtin_popcountll(bits);
                    uint32_t tag = (uint32_t)(w * 64) << 8 | (uint32_t)(i - first);
                    while (1) {   /* eight at a time without a branch; what is written past the last is overwritten */
                        for (int j = 0; j < 8; j++) {
                            hits[found + j] = tag + ((uint32_t)(__builtin_ctzll(bits | 1ull << 63)) << 8);
                            bits &= bits - 1;
                        }
                        found += 8;
                        if (found >= most)
                            break;
                    }
                    found = most;
                }
                for (int64_t o = 0; o < outputs; o++)
                    rows[(i - first) * width + o] = counters[i * outputs + o];
            }
            pairs += found;
            for (int64_t h = 0; h < found; h++) {
                int16_t *restrict into = acc + (hits[h] >> 8) * width;
                const int16_t *restrict row = rows + (hits[h] & 255) * width;
                for (int64_t o = 0; o < width; o += LANES)
                    for (int j = 0; j < LANES; j++)
                        into[o + j] += row[o + j];
            }
        }
        for (int64_t a = 0; a < words * 64; a++)
            for (int64_t o = 0; o < outputs; o++) {
                sums[a * outputs + o] += acc[a * width + o];
                acc[a * width + o] = 0;
            }
    }
    free(acc); free(rows); free(hits);
    return pairs;
}

/* The ceiling of such a read: rows of 16-bit counters added to sums in a given order, all in the first-level
   cache. */
int64_t adding(const uint32_t *restrict hits, int64_t count, int64_t repeats, const int16_t *restrict rows,
               int16_t *restrict acc, int64_t width)
{
    for (int64_t r = 0; r < repeats; r++)
        for (int64_t h = 0; h < count; h++) {
            int16_t *restrict into = acc + (hits[h] >> 8) * width;
            const int16_t *restrict row = rows + (hits[h] & 255) * width;
            for (int64_t o = 0; o < width; o += LANES)
                for (int j = 0; j < LANES; j++)
                    into[o + j] += row[o + j];
        }
    return acc[0];
}
"""


def library() -> ctypes.CDLL | None:
    """The compiled loops, built on first use."""
    found = kernel.build("memory", _SOURCE)
    if found is not None:
        found.read_few.restype = found.adding.restype = ctypes.c_int64
    return found


def philox(cells: torch.Tensor, blocks: int, seed: int) -> torch.Tensor | None:
    """`counter_random.philox` on the CPU."""
    lib = library()
    if lib is None:
        return None
    cells = cells.contiguous()
    out = torch.empty((4 * blocks, len(cells)), dtype=torch.int64)
    lib.philox(_at(cells), _whole(len(cells)), _whole(blocks), ctypes.c_uint64(seed), _at(out))
    return out


def answering(fibers: torch.Tensor, threshold: int, fired: torch.Tensor) -> torch.Tensor | None:
    """The addresses each cell answers to, as bits: int64 (cells, words).

    fibers : int32 (dendrites, cells), rows contiguous. fired : int64 (2n, words), see `granule_code.pack`.
    """
    lib = library()
    if lib is None:
        return None
    active = torch.empty((fibers.shape[1], fired.shape[1]), dtype=torch.int64)
    lib.answering(*_cells(fibers, threshold, fired), _at(active))
    return active


def read_few(
    fibers: torch.Tensor, threshold: int, fired: torch.Tensor, counters: torch.Tensor, sums: torch.Tensor
) -> bool:
    """Add to `sums` the counters of the cells that answer to each address; False without a compiler.

    counters : int8 (cells, outputs). sums : int64 (64 words, outputs). The others as in `answering`.
    """
    lib = library()
    if lib is None:
        return False
    pairs = lib.read_few(*_cells(fibers, threshold, fired), _at(counters), _whole(counters.shape[1]), _at(sums))
    return bool(pairs >= 0)


def _cells(fibers: torch.Tensor, threshold: int, fired: torch.Tensor) -> tuple[ctypes.c_void_p | ctypes.c_int64, ...]:
    count, words = fibers.shape[1], fired.shape[1]
    stride = fibers.stride(0)
    numbers = (count, stride, len(fibers), threshold)
    return _at(fibers), *(_whole(number) for number in numbers), _at(fired), _whole(words)


def _at(tensor: torch.Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _whole(number: int) -> ctypes.c_int64:
    return ctypes.c_int64(number)
