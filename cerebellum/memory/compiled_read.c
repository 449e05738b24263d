/* Compiled loops of large memories: random words of cells, and a read of few-dendrite cells in one pass. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __AVX512VBMI2__
#include <immintrin.h>
#define EIGHT(n) n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7
static const uint8_t COUNTING[64] __attribute__((aligned(64))) = {
    EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24), EIGHT(32), EIGHT(40), EIGHT(48), EIGHT(56)};
#endif
#define PLANES 5
#define WORDS 4      /* addresses come 256 at a time */
#define ADDRESSES (64 * WORDS)
#define CHUNK 32     /* cells whose hits are listed, then added */
#define FLUSH 256    /* cells after which 16-bit sums go into 64-bit ones: 256 * 127 < 2^15 */
#define LANES 32
#define GROUP (2 * LANES)   /* counters added at a time */
typedef int16_t lanes __attribute__((vector_size(2 * LANES), may_alias));
typedef int8_t bytes __attribute__((vector_size(LANES), aligned(1), may_alias));
typedef uint64_t words __attribute__((vector_size(8 * WORDS), aligned(8), may_alias));

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

/* Which of 256 addresses a cell answers to: at least `threshold` of its fibres fire. fired (2n). */
static inline words answers(const int32_t *restrict fibers, int64_t stride, int64_t dendrites, int64_t threshold,
                            const words *restrict fired)
{
    words all = ~(words){0};
    if (threshold == dendrites) {
        for (int64_t d = 0; d < dendrites; d++)
            all &= fired[fibers[d * stride]];
        return all;
    }
    words plane[PLANES] = {{0}}, greater = {0};
    for (int64_t d = 0; d < dendrites; d++) {
        words carry = fired[fibers[d * stride]];
        for (int p = 0; p < PLANES; p++) {
            words both = plane[p] & carry;
            plane[p] ^= carry;
            carry = both;
        }
    }
    for (int p = PLANES - 1; p >= 0; p--) {
        words bit = threshold >> p & 1 ? ~(words){0} : (words){0};
        greater |= all & plane[p] & ~bit;
        all &= ~(plane[p] ^ bit);
    }
    return greater | all;
}

/* The same for many cells: active (count). fibers (dendrites, stride). */
void answering(const int32_t *restrict fibers, int64_t count, int64_t stride, int64_t dendrites, int64_t threshold,
               const words *restrict fired, words *restrict active)
{
    for (int64_t i = 0; i < count; i++)
        active[i] = answers(fibers + i, stride, dendrites, threshold, fired);
}

/* Places of the bits that are set, 0..255; up to 63 bytes past the last are overwritten. */
static inline int64_t list(words active, uint8_t *restrict hits)
{
    int64_t found = 0;
    for (int w = 0; w < WORDS; w++) {
        uint64_t bits = active[w];
        int64_t end = found + __builtin_popcountll(bits);
#ifdef __AVX512VBMI2__
        __m512i places = _mm512_add_epi8(_mm512_load_si512(COUNTING), _mm512_set1_epi8((char)(64 * w)));
        _mm512_storeu_si512(hits + found, _mm512_maskz_compress_epi8(bits, places));
#else
        do {   /* eight at a time without a branch */
            for (int j = 0; j < 8; j++) {
                hits[found + j] = (uint8_t)(64 * w + __builtin_ctzll(bits | 1ull << 63));
                bits &= bits - 1;
            }
            found += 8;
        } while (found < end);
#endif
        found = end;
    }
    return found;
}

/* Counters of one cell, two vectors of them, added to the sums of the addresses in hits. */
static inline void add(const uint8_t *restrict hits, int64_t count, lanes first, lanes second, lanes *restrict sums)
{
    for (int64_t h = 0; h < count; h++) {
        lanes *into = sums + 2 * hits[h];
        into[0] += first;
        into[1] += second;
    }
}

/* sums[address][output] += counters of the cells that answer to it; sums (256, outputs), counters (count, outputs).
   Cells are taken by chunks: first their hits are listed, then their counters added to 16-bit sums that stay in the
   first-level cache. Returns 0, or -1 without memory. */
int64_t read_few(const int32_t *restrict fibers, int64_t count, int64_t stride, int64_t dendrites, int64_t threshold,
                 const words *restrict fired, const int8_t *restrict counters, int64_t outputs,
                 int64_t *restrict sums)
{
    int64_t groups = (outputs + GROUP - 1) / GROUP, ends[CHUNK];
    uint8_t hits[CHUNK * ADDRESSES + 64];
    lanes *acc = aligned_alloc(64, groups * ADDRESSES * GROUP * sizeof(int16_t));
    if (!acc)
        return -1;
    memset(acc, 0, groups * ADDRESSES * GROUP * sizeof(int16_t));
    for (int64_t start = 0; start < count; start += FLUSH) {
        int64_t stop = start + FLUSH < count ? start + FLUSH : count;
        for (int64_t first = start; first < stop; first += CHUNK) {
            int64_t last = first + CHUNK < stop ? first + CHUNK : stop, found = 0;
            for (int64_t i = first; i < last; i++) {
                found += list(answers(fibers + i, stride, dendrites, threshold, fired), hits + found);
                ends[i - first] = found;
            }
            for (int64_t g = 0; g < groups; g++) {
                int64_t from = 0, size = outputs - g * GROUP < GROUP ? outputs - g * GROUP : GROUP;
                for (int64_t i = first; i < last; from = ends[i - first], i++) {
                    const int8_t *row = counters + i * outputs + g * GROUP;
                    int8_t padded[GROUP];
                    if (size < GROUP)
                        row = memcpy(memset(padded, 0, GROUP), row, size);
                    bytes low = *(const bytes *)row, high = *(const bytes *)(row + LANES);
                    add(hits + from, ends[i - first] - from, __builtin_convertvector(low, lanes),
                        __builtin_convertvector(high, lanes), acc + 2 * ADDRESSES * g);
                }
            }
        }
        for (int64_t g = 0; g < groups; g++)
            for (int64_t a = 0; a < ADDRESSES; a++) {
                int64_t *restrict into = sums + a * outputs + g * GROUP;
                const int16_t *restrict small = (const int16_t *)(acc + 2 * (g * ADDRESSES + a));
                int64_t size = outputs - g * GROUP;
                if (size >= GROUP)
                    for (int64_t o = 0; o < GROUP; o++)
                        into[o] += small[o];
                else
                    for (int64_t o = 0; o < size; o++)
                        into[o] += small[o];
            }
        memset(acc, 0, groups * ADDRESSES * GROUP * sizeof(int16_t));
    }
    free(acc);
    return 0;
}
