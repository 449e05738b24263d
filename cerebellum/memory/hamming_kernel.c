/* The inner loop of a Hamming-ball search. */
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
