/* The ceilings of a read, all in the first-level cache: additions alone, and finding the addresses alone. Compiled after
   cerebellum/memory/compiled_read.c, in one file with it. */
int64_t adding(const uint8_t *restrict hits, int64_t count, int64_t repeats)
{
    static int16_t acc[ADDRESSES * GROUP] __attribute__((aligned(64)));
    lanes one = {1}, two = {2};
    for (int64_t r = 0; r < repeats; r++)
        add(hits, count, one, two, (lanes *)acc);
    return acc[0];
}

int64_t finding(const int32_t *restrict fibers, int64_t count, int64_t stride, int64_t dendrites, int64_t threshold,
                const words *restrict fired, int64_t repeats)
{
    words all = {0};
    for (int64_t r = 0; r < repeats; r++)
        for (int64_t i = 0; i < count; i++)
            all ^= answers(fibers + i, stride, dendrites, threshold, fired);
    return (int64_t)(all[0] ^ all[1] ^ all[2] ^ all[3]);
}
