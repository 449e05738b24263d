#include <stdint.h>

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
