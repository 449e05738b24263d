/* Steps of the rate circuit, all populations and static synapses in one call (rate/fused.py; `real` comes before).

   An array over the cells of a population has `width` numbers for each, realizations side by side: a lane is
   cell * width + number. Lanes come in blocks of LANES, which the compiler turns into vector code; the last block is
   padded. Nothing here decides what the torch path does not: it is the same step, and tests hold the two together. */
#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif
#if defined __AVX512F__ && defined __GNUC__ && !defined __clang__
#pragma GCC target("prefer-vector-width=512")   /* a block of floats in one register, which gcc would halve */
#endif
#define LANES 16
#define GROUP 8                 /* blocks that are looked up one right after the other */
#define NO_MASS ((real)1e-12)   /* probability that counts as none */
#define SPARSE 8                /* with fewer than one source in so many active, its synapses are walked from it */
#define EACH _Pragma("GCC unroll 1") for (int i = 0; i < LANES; i++)

enum { GIVEN, RELAYED, EXPECTED, DRAWN };
enum { ABOVE, BELOW, DRIVE, ADAP_SUM, DEP_SUM, V_MIN, ADAP_KEEP, ADAP_GAIN, TWICE_E_L, DEP_KEEP, THRESHOLD, RESET,
       A1, A2, BESIDE, NUMBERS };
/* First and second state and mean of a receptor, from first, second and rate; twice its reversal and its tonic part. */
enum { FF, FS, FR, SF, SS, SR, MF, MS, MR, TWICE_REVERSAL, TONIC };
enum { SCALE, LOW, TO_ROW, LAST_ROW, LEFT, TO_COLUMN, LAST_COLUMN, QUIET, NIL };   /* of a table */

typedef struct {                /* spikes that the protocol gives */
    const int64_t *begins;      /* of each step's, [steps + 1] */
    const int64_t *lane;
    const real *value;          /* Hz, or S Hz */
    real *into;
    const int64_t *now, *past;  /* step of the spikes that come in each, and in the one before; -1 for none: [steps] */
    int64_t outside;            /* whether they come through outside fibres, not from the population */
} Events;

typedef struct {                /* what reaches a population through one projection */
    real *arriving;             /* a ring of delay slots, [delay][padded lanes] */
    uint8_t *filled;            /* [delay]; whether there is anything in the slot */
    int64_t delay, lanes;       /* of the target, padded */
    double weight;
} Input;

typedef struct {                /* receptor: two states, linear in them and in the rate that arrives */
    Input **input;
    int64_t inputs;
    real *first, *second;       /* [lanes] */
    const real *step;           /* [STEP][LANES] */
} Port;

typedef struct {
    int64_t kind, cells, lanes, blocks, classes, hold, period, ports, inputs, wide, per, windows;
    real *rates, *rate, *state; /* Hz, [chunk][blocks + 1][LANES]; of one step; states of each block */
    const real *numbers;        /* [NUMBERS][LANES], or so for each block if `wide` */
    const uint8_t *leaves;      /* [period][classes]; which classes hand on */
    const real *table;          /* ln of the chance of a spike in a step, [rows][columns] */
    int64_t columns;
    const real *axes;           /* [NIL + 1] */
    uint64_t key;               /* of the draws */
    Port *port;
    Input **input;              /* of relays */
    int64_t *active;            /* sources that are not silent, [cells / SPARSE + 1] */
    int64_t actives;            /* how many, -1: too many to list */
    double *mean;               /* [steps], sums over cells */
    float *kept;                /* [bins of `per` steps][cells] */
    const double *within;       /* [steps][windows] */
    double *counts;             /* [windows][cells] */
} Population;

typedef struct {
    Input arrive;
    Population *source, *target;
    int64_t blocks;             /* of runs of synapses (width 1) */
    const int32_t *run;         /* their targets, [blocks][LANES] */
    const int64_t *first;       /* of each block of runs (width 1) or each target cell, in `column` */
    const int32_t *column;
    const real *value;          /* contacts, or none */
    const int64_t *begin;       /* of each source cell, in `row` */
    const int32_t *row;
    const real *onto;           /* contacts in that order */
    real *used, *recovered, *sent;   /* Tsodyks-Markram state, or none */
    const real *U, *keep_used, *keep_recovered;   /* of each source cell */
} Projection;

typedef struct {
    int64_t populations, projections, events, width;
    int64_t chunk;              /* steps that cells may take before what they send is on its way */
    int64_t behind;             /* steps that the state has not lived through: trials that begin in an earlier one */
    double bin;
    Population *population;
    Projection *projection;
    Events *event;
} Circuit;

static inline real least(real a, real b) { return a < b ? a : b; }
static inline real most(real a, real b) { return a > b ? a : b; }

#ifdef SINGLE
/* ln and exp to a few units in the last place, without branches (Cephes' polynomials). */
static inline float ln(float x)
{
    union { float f; int32_t i; } u = {x}, m;
    int32_t e = (u.i - 0x3f3504f3) >> 23;
    m.i = u.i - (int32_t)((uint32_t)e << 23);
    float z = m.f - 1.0f, s = z * z, y = 7.0376836292e-2f;
    y = y * z - 1.1514610310e-1f; y = y * z + 1.1676998740e-1f; y = y * z - 1.2420140846e-1f;
    y = y * z + 1.4249322787e-1f; y = y * z - 1.6668057665e-1f; y = y * z + 2.0000714765e-1f;
    y = y * z - 2.4999993993e-1f; y = y * z + 3.3333331174e-1f;
    return e * 0.693147181f + ((y * z - 0.5f) * s + z);
}
static inline float power_of_e(float x)   /* |x| < 80 */
{
    union { float f; int32_t i; } near = {x * 1.44269504f + 0x1.8p23f};   /* in its last bits the nearest integer */
    float n = near.f - 0x1.8p23f, r = x - n * 0.693359375f + n * 2.12194440e-4f, y = 1.9875691500e-4f;
    y = y * r + 1.3981999507e-3f; y = y * r + 8.3334519073e-3f; y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f; y = y * r + 5.0000001201e-1f;
    union { int32_t i; float f; } two = {(int32_t)((uint32_t)near.i + 127) << 23};
    return (y * r * r + r + 1.0f) * two.f;
}
#else
static inline double ln(double x) { return log(x); }
static inline double power_of_e(double x) { return exp(x); }
#endif
#ifdef SINGLE
#define ROOT sqrtf
#define MAGNITUDE fabsf
#define SIGNED copysignf
#else
#define ROOT sqrt
#define MAGNITUDE fabs
#define SIGNED copysign
#endif

/* Place of a voltage in a table's axis of `count` points, even in asinh. */
static inline real place(real volts, real scale, real low, real per, real last)
{
    real x = volts * scale, size = MAGNITUDE(x);
    real at = (SIGNED(ln(size + ROOT(size * size + 1)), x) - low) * per;
    return least(most(at, 0), last);
}

#ifdef SINGLE
typedef uint64_t __attribute__((aligned(4), may_alias)) Beside;
/* A number and the one beside it, in one load: half the gathers (of a little-endian machine). */
static inline void pair(const float *from, float *one, float *next)
{
    const uint64_t both = *(const Beside *)from;
    union { uint32_t i; float f; } low = {(uint32_t)both}, high = {(uint32_t)(both >> 32)};
    *one = low.f;
    *next = high.f;
}
#else
static inline void pair(const double *from, double *one, double *next) { *one = from[0]; *next = from[1]; }
#endif

/* Chance of a spike in a step, of some blocks that end it so far above threshold, after such a change; three loops, in
   each of which one block need not wait for another, and blocks of silent cells take no part. */
static void chances(const Population *p, int64_t blocks, real (*restrict distance)[LANES], real (*restrict change)[LANES],
                    real (*restrict chance)[LANES])
{
    const real *restrict axes = p->axes, *restrict table = p->table;
    const real scale = axes[SCALE], low = axes[LOW], to_row = axes[TO_ROW], last_row = axes[LAST_ROW];
    const real left = axes[LEFT], to_column = axes[TO_COLUMN], last_column = axes[LAST_COLUMN], quiet = axes[QUIET];
    const int32_t columns = p->columns;
    int32_t at[GROUP][LANES];
    int64_t loud[GROUP], number = 0;
    for (int64_t k = 0; k < blocks; k++) {
        int32_t any = 0;
        EACH any |= distance[k][i] > quiet;
        if (any)
            loud[number++] = k;
        else
            EACH chance[k][i] = axes[NIL];
    }
    for (int64_t n = 0; n < number; n++) {
        const int64_t k = loud[n];
        EACH {
            real r = place(distance[k][i], scale, low, to_row, last_row);
            real c = place(change[k][i], scale, left, to_column, last_column);
            int32_t row = (int32_t)r, column = (int32_t)c;
            at[k][i] = row * columns + column;
            distance[k][i] = r - row;
            change[k][i] = c - column;
        }
    }
    for (int64_t n = 0; n < number; n++) {
        const int64_t k = loud[n];
        EACH {
            real a, b, c, d;
            pair(table + at[k][i], &a, &b);
            pair(table + at[k][i] + columns, &c, &d);
            real upper = a + change[k][i] * (b - a), lower = c + change[k][i] * (d - c);
            chance[k][i] = upper + distance[k][i] * (lower - upper);
        }
    }
    for (int64_t n = 0; n < number; n++)
        EACH chance[loud[n]][i] = least(power_of_e(chance[loud[n]][i]), 1);
}

/* What a block's receptors pass in this step, and their states after it. */
static inline void conduct(Population *p, int64_t block, int64_t step, const real *restrict n, real *restrict total,
                           real *restrict drive)
{
    EACH total[i] = n[BESIDE * LANES + i];
    EACH drive[i] = n[DRIVE * LANES + i];
    for (int64_t k = 0; k < p->ports; k++) {
        const Port *port = p->port + k;
        const real *restrict by = port->step;
        real mean[LANES] = {0};
        if (port->inputs) {
            real rate[LANES] = {0};
            for (int64_t j = 0; j < port->inputs; j++) {
                const Input *input = port->input[j];
                const int64_t slot = step % input->delay;
                if (!input->filled[slot])
                    continue;
                const real *restrict arriving = input->arriving + slot * input->lanes + block * LANES;
                const real weight = input->weight;
                EACH rate[i] += weight * arriving[i];
            }
            real *restrict f = port->first + block * LANES, *restrict s = port->second + block * LANES;
            EACH {
                real g = f[i], h = s[i];
                mean[i] = by[MF * LANES + i] * g + by[MS * LANES + i] * h + by[MR * LANES + i] * rate[i];
                f[i] = by[FF * LANES + i] * g + by[FS * LANES + i] * h + by[FR * LANES + i] * rate[i];
                s[i] = by[SF * LANES + i] * g + by[SS * LANES + i] * h + by[SR * LANES + i] * rate[i];
            }
        }
        EACH {
            real g = mean[i] + by[TONIC * LANES + i];
            total[i] += g;
            drive[i] += by[TWICE_REVERSAL * LANES + i] * g;
        }
    }
}

static inline void own_step(const real *restrict n, const real *restrict above, const real *restrict over,
                            const real *restrict drive, const real *restrict v, const real *restrict a,
                            const real *restrict d, real *restrict moved)
{
    EACH {
        real aim = drive[i] + v[i] * above[i] - n[ADAP_SUM * LANES + i] * a[i] + n[DEP_SUM * LANES + i] * d[i];
        moved[i] = most(aim * over[i], n[V_MIN * LANES + i]);
    }
}

static inline void slow_step(const real *restrict n, const real *restrict v, const real *restrict moved,
                             real *restrict a, real *restrict d)
{
    EACH {
        a[i] = n[ADAP_KEEP * LANES + i] * a[i] + n[ADAP_GAIN * LANES + i] * (v[i] + moved[i] - n[TWICE_E_L * LANES + i]);
        d[i] = n[DEP_KEEP * LANES + i] * d[i];
    }
}

/* What classes of age hand on to the next, and give to spikes. */
typedef struct {
    int handed;
    real mass[LANES], v[LANES], a[LANES], d[LANES], born[LANES], born_a[LANES];
} Passing;

/* A class loses what spikes, and mixes what stays with what the class before hands on. */
static inline void pass(Passing *by, real *restrict states, const real *restrict moved, const real *restrict chance, int leaves)
{
    real *restrict m = states, *restrict v = m + LANES, *restrict a = v + LANES, *restrict d = a + LANES;
    const real stays = leaves ? 0 : 1;
    const int handed = by->handed;
    EACH {
        real fired = chance[i] * m[i], left = m[i] - fired, mine_v = moved[i], mine_a = a[i], mine_d = d[i];
        by->born[i] += fired;
        by->born_a[i] += fired * mine_a;
        if (handed) {
            real mass = stays * left + by->mass[i], share = by->mass[i] / most(mass, NO_MASS);
            m[i] = mass;
            v[i] = mine_v + share * (by->v[i] - mine_v);
            a[i] = mine_a + share * (by->a[i] - mine_a);
            d[i] = mine_d + share * (by->d[i] - mine_d);
        } else {
            m[i] = stays * left;
            v[i] = mine_v;
        }
        by->mass[i] = left;
        by->v[i] = mine_v;
        by->a[i] = mine_a;
        by->d[i] = mine_d;
    }
    by->handed = leaves;
}

/* A step of a block's classes of age (rate/refractory_density.py), one after the other: mass, v, I_adap, I_dep. */
static void age(Population *p, int64_t block, int64_t step, real bin, real *restrict rate)
{
    const uint8_t *leaves = p->leaves + step % p->period * p->classes;
    const real *restrict n = p->numbers + (p->wide ? block * NUMBERS * LANES : 0);
    real *restrict states = p->state + block * p->classes * 4 * LANES;
    real total[LANES], drive[LANES], above[LANES], over[LANES], moved[GROUP][LANES], chance[GROUP][LANES] = {0};
    Passing by = {0};
    conduct(p, block, step, n, total, drive);
    EACH above[i] = n[ABOVE * LANES + i] - total[i];
    EACH over[i] = 1 / (n[BELOW * LANES + i] + total[i]);
    for (int64_t c = 0; c < p->hold; c++) {
        real *restrict v = states + (4 * c + 1) * LANES;
        EACH moved[0][i] = n[RESET * LANES + i];
        slow_step(n, v, moved[0], v + LANES, v + 2 * LANES);
        pass(&by, v - LANES, moved[0], chance[0], leaves[c]);
    }
    for (int64_t first = p->hold; first < p->classes; first += GROUP) {
        const int64_t group = p->classes - first < GROUP ? p->classes - first : GROUP;
        real distance[GROUP][LANES], change[GROUP][LANES];
        for (int64_t k = 0; k < group; k++) {
            real *restrict v = states + (4 * (first + k) + 1) * LANES, *restrict a = v + LANES, *restrict d = a + LANES;
            own_step(n, above, over, drive, v, a, d, moved[k]);
            EACH distance[k][i] = moved[k][i] - n[THRESHOLD * LANES + i];
            EACH change[k][i] = moved[k][i] - v[i];
            slow_step(n, v, moved[k], a, d);
        }
        chances(p, group, distance, change, chance);
        for (int64_t k = 0; k < group; k++)
            pass(&by, states + 4 * (first + k) * LANES, moved[k], chance[k], leaves[first + k]);
    }
    real *restrict m = states, *restrict v = m + LANES, *restrict a = v + LANES, *restrict d = a + LANES;
    EACH {   /* the youngest class gets the reborn */
        real mass = m[i] + by.born[i], share = by.born[i] / most(mass, NO_MASS);
        real reborn = by.born_a[i] / most(by.born[i], NO_MASS) + n[A2 * LANES + i];
        m[i] = mass;
        v[i] += share * (n[RESET * LANES + i] - v[i]);
        a[i] += share * (reborn - a[i]);
        d[i] += share * (n[A1 * LANES + i] - d[i]);
        rate[i] = by.born[i] / bin;
    }
}

/* Upper half of each product; by hand, where gcc would multiply 64 bits by 64. */
static inline void upper(const uint32_t *x, uint32_t by, uint32_t *out)
{
#ifdef __AVX512F__
    const __m512i factor = _mm512_set1_epi32((int)by);
    for (int i = 0; i < 2 * LANES; i += 16) {
        const __m512i all = _mm512_loadu_si512(x + i), odd = _mm512_mul_epu32(_mm512_srli_epi64(all, 32), factor);
        const __m512i even = _mm512_srli_epi64(_mm512_mul_epu32(all, factor), 32);
        _mm512_storeu_si512(out + i, _mm512_mask_blend_epi32(0xAAAA, even, odd));
    }
#else
    for (int i = 0; i < 2 * LANES; i++)
        out[i] = (uint64_t)x[i] * by >> 32;
#endif
}

/* Philox-4x32-10 of as many counters (low, high, 0, 0) as 8 blocks use words of: out[word][counter]. */
static void words(uint64_t first, uint64_t high, uint64_t key, uint32_t out[4][2 * LANES])
{
    uint32_t c0[2 * LANES], c1[2 * LANES], c2[2 * LANES], c3[2 * LANES], k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int i = 0; i < 2 * LANES; i++) {
        c0[i] = (uint32_t)first + i;
        c1[i] = (uint32_t)high;
        c2[i] = c3[i] = 0;
    }
    for (int round = 0; round < 10; round++) {
        uint32_t low[2 * LANES], up[2 * LANES];
        upper(c0, 0xD2511F53u, low);
        upper(c2, 0xCD9E8D57u, up);
        for (int i = 0; i < 2 * LANES; i++) {
            uint32_t before = c0[i];
            c0[i] = up[i] ^ c1[i] ^ k0;
            c1[i] = c2[i] * 0xCD9E8D57u;
            c2[i] = low[i] ^ c3[i] ^ k1;
            c3[i] = before * 0xD2511F53u;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    memcpy(out[0], c0, sizeof c0);
    memcpy(out[1], c1, sizeof c1);
    memcpy(out[2], c2, sizeof c2);
    memcpy(out[3], c3, sizeof c3);
}

/* A step of eight blocks of cells that spike or do not (rate/sampled_cells.py): v, I_adap, I_dep and the steps still held. */
static void draw(Population *p, int64_t first, int64_t step, int64_t number, real bin, real *restrict rates)
{
    const int64_t blocks = p->blocks - first < GROUP ? p->blocks - first : GROUP;
    const real hold = p->hold, spike = 1 / bin;
    uint32_t random[4][2 * LANES];
    real moved[GROUP][LANES], distance[GROUP][LANES], change[GROUP][LANES], chance[GROUP][LANES];
    words((uint64_t)(first / 4) * LANES, (uint64_t)number, p->key, random);
    for (int64_t k = 0; k < blocks; k++) {
        const real *restrict n = p->numbers + (p->wide ? (first + k) * NUMBERS * LANES : 0);
        real *restrict v = p->state + (first + k) * 4 * LANES, *restrict a = v + LANES, *restrict d = a + LANES;
        const real *restrict held = d + LANES;
        real total[LANES], drive[LANES], above[LANES], over[LANES];
        conduct(p, first + k, step, n, total, drive);
        EACH above[i] = n[ABOVE * LANES + i] - total[i];
        EACH over[i] = 1 / (n[BELOW * LANES + i] + total[i]);
        own_step(n, above, over, drive, v, a, d, moved[k]);
        EACH {
            real reset = n[RESET * LANES + i], free = moved[k][i];
            moved[k][i] = held[i] > 0 ? reset : free;
        }
        EACH distance[k][i] = moved[k][i] - n[THRESHOLD * LANES + i];
        EACH change[k][i] = moved[k][i] - v[i];
        slow_step(n, v, moved[k], a, d);
    }
    chances(p, blocks, distance, change, chance);
    for (int64_t k = 0; k < blocks; k++) {
        const real *restrict n = p->numbers + (p->wide ? (first + k) * NUMBERS * LANES : 0);
        real *restrict v = p->state + (first + k) * 4 * LANES, *restrict a = v + LANES, *restrict d = a + LANES;
        real *restrict held = d + LANES, *restrict rate = rates + k * LANES;
        const uint32_t *restrict word = random[k % 4] + k / 4 * LANES;
        EACH {
            real reset = n[RESET * LANES + i], a1 = n[A1 * LANES + i], a2 = n[A2 * LANES + i], risk = chance[k][i];
            real free = moved[k][i], left = held[i], adap = a[i], dep = d[i];
            int32_t fires = (real)(int32_t)(word[i] >> 8) * (real)0x1p-24 < (left > 0 ? 0 : risk);
            v[i] = fires ? reset : free;
            a[i] = fires ? adap + a2 : adap;
            d[i] = fires ? a1 : dep;
            held[i] = fires ? hold : most(left - 1, 0);
            rate[i] = fires ? spike : 0;
        }
    }
}

/* Some steps of all cells of a population, block by block, so that a block's state is fetched once. */
static void advance(Population *p, int64_t step, int64_t behind, int64_t steps, real bin)
{
    const int64_t each = p->kind == DRAWN ? GROUP : 1, stride = (p->blocks + 1) * LANES;
    for (int64_t block = 0; block < p->blocks; block += each)
        for (int64_t k = 0; k < steps; k++) {
            real *rate = p->rates + k * stride + block * LANES;
            if (p->kind == DRAWN)
                draw(p, block, step + k - behind, step + k, bin, rate);
            else
                age(p, block, step + k - behind, bin, rate);
        }
}

static void relayed(Population *p, int64_t step)
{
    memset(p->rate, 0, sizeof(real) * p->blocks * LANES);
    for (int64_t j = 0; j < p->inputs; j++) {
        const Input *input = p->input[j];
        const int64_t slot = step % input->delay;
        if (!input->filled[slot])
            continue;
        const real *restrict arriving = input->arriving + slot * input->lanes;
        real *restrict rate = p->rate;
        for (int64_t i = 0; i < p->lanes; i++)
            rate[i] += arriving[i];
    }
}

/* Lists the source cells that are not silent, if they are few. */
static void list_active(Population *p, int64_t width)
{
    const int64_t limit = p->cells / SPARSE;
    p->actives = 0;
    for (int64_t block = 0; block < p->blocks; block++) {
        const real *restrict rate = p->rate + block * LANES;
        int32_t any = 0;
        EACH any |= rate[i] != 0;
        if (!any)
            continue;
        for (int64_t i = 0; i < LANES; i++) {
            const int64_t lane = block * LANES + i, cell = lane / width;
            if (lane >= p->lanes || rate[i] == 0 || (p->actives && p->active[p->actives - 1] == cell))
                continue;
            if (p->actives == limit) {
                p->actives = -1;
                return;
            }
            p->active[p->actives++] = cell;
        }
    }
}

/* Tsodyks-Markram (rate/synapses.py): spikes of one step come one after another. */
static void release(Projection *j, real bin)
{
    const real *restrict U = j->U, *restrict keep_used = j->keep_used, *restrict keep_recovered = j->keep_recovered;
    const real *restrict rate = j->source->rate;
    real *restrict used = j->used, *restrict recovered = j->recovered, *restrict sent = j->sent;
    for (int64_t i = 0; i < j->source->lanes; i++) {
        real left = rate[i] * bin, u = used[i] * keep_used[i], x = 1 + (recovered[i] - 1) * keep_recovered[i], sum = 0;
        do {
            real spikes = least(left, 1), then = u + U[i] * (1 - u), out = spikes * then * x;
            u += spikes * (then - u);
            x -= out;
            left -= spikes;
            sum += out;
        } while (left > 0);
        used[i] = u;
        recovered[i] = x;
        sent[i] = sum / bin;
    }
}

/* Sixteen runs of synapses at a time; a shorter one gets 0 from the number after the last source. */
static void gather_single(const Projection *j, const real *restrict x, real *restrict out)
{
    memset(out, 0, sizeof(real) * j->arrive.lanes);
    for (int64_t block = 0; block < j->blocks; block++) {
        real sum[LANES] = {0};
        for (int64_t k = j->first[block]; k < j->first[block + 1]; k++) {
            const int32_t *restrict column = j->column + k * LANES;
            if (j->value) {
                const real *restrict value = j->value + k * LANES;
                EACH sum[i] += value[i] * x[column[i]];
            } else
                EACH sum[i] += x[column[i]];
        }
        EACH out[j->run[block * LANES + i]] += sum[i];
    }
}

/* Some numbers of each cell (`wide` of `width`), from all sources to one target cell after the other. */
static inline void gather(const Projection *j, const real *restrict x, real *restrict out, const int64_t wide,
                          const int64_t width)
{
    for (int64_t cell = 0; cell < j->target->cells; cell++) {
        real sum[LANES] = {0};
        for (int64_t k = j->first[cell]; k < j->first[cell + 1]; k++) {
            const real value = j->value ? j->value[k] : 1, *restrict from = x + j->column[k] * width;
            for (int64_t b = 0; b < wide; b++)
                sum[b] += value * from[b];
        }
        for (int64_t b = 0; b < wide; b++)
            out[cell * width + b] = sum[b];
    }
}

/* The same to all targets from one source cell after the other; from those that are listed, or all. */
static inline void scatter(const Projection *j, const real *restrict x, real *restrict out, const int64_t wide,
                           const int64_t width)
{
    const int64_t listed = j->source->actives, cells = listed < 0 ? j->source->cells : listed;
    for (int64_t n = 0; n < cells; n++) {
        const int64_t cell = listed < 0 ? n : j->source->active[n];
        real from[LANES];
        for (int64_t b = 0; b < wide; b++)
            from[b] = x[cell * width + b];
        for (int64_t k = j->begin[cell]; k < j->begin[cell + 1]; k++) {
            const real value = j->onto ? j->onto[k] : 1;
            real *restrict to = out + j->row[k] * width;
            for (int64_t b = 0; b < wide; b++)
                to[b] += value * from[b];
        }
    }
}

/* All numbers of each cell, sixteen or fewer at a time; the side with fewer cells is the one that is jumped about in. */
static void walk(const Projection *j, const real *x, real *out, int64_t width)
{
    const int from_source = j->source->actives >= 0 || (width > 1 && j->source->cells > j->target->cells);
    if (!from_source && width == 1) {
        gather_single(j, x, out);
        return;
    }
    if (from_source)
        memset(out, 0, sizeof(real) * j->arrive.lanes);
#define WALK(wide, width) (from_source ? scatter : gather)(j, x + b, out + b, wide, width)
    for (int64_t b = 0; b < width; b += LANES)
        if (width == 8)
            WALK(8, 8);
        else if (width == LANES)
            WALK(LANES, LANES);
        else
            WALK(width - b < LANES ? width - b : LANES, width);
#undef WALK
}

/* Put this step's rates of the source on their way: into the slot that was just read. */
static void send(Projection *j, int64_t step, int64_t width, real bin)
{
    const int64_t slot = step % j->arrive.delay;
    real *out = j->arrive.arriving + slot * j->arrive.lanes;
    const real *x = j->source->rate;
    if (j->used) {
        release(j, bin);
        x = j->sent;
    }
    j->arrive.filled[slot] = j->source->actives != 0;
    if (j->source->actives)
        walk(j, x, out, width);
}

/* Keep the rates, of realizations the mean: the mean over cells, and sums of bins and of windows over time. */
static void record(Population *p, int64_t step, int64_t width, double bin)
{
    double *mean = p->mean + step;
    float *restrict bins = p->kept + step / p->per * p->cells;
    const real *restrict rate = p->rate;
    if (p->actives >= 0) {
        for (int64_t n = 0; n < p->actives; n++)
            for (int64_t b = 0; b < width; b++) {
                const real r = rate[p->active[n] * width + b] / width;
                bins[p->active[n]] += r;
                *mean += r;
            }
    } else if (width == 1) {
        double sum[LANES] = {0};
        for (int64_t i = 0; i + LANES <= p->lanes; i += LANES)
            for (int k = 0; k < LANES; k++) {
                bins[i + k] += rate[i + k];
                sum[k] += rate[i + k];
            }
        for (int64_t i = p->lanes / LANES * LANES; i < p->lanes; i++) {
            bins[i] += rate[i];
            sum[0] += rate[i];
        }
        EACH *mean += sum[i];
    } else
        for (int64_t i = 0; i < p->cells; i++)
            for (int64_t b = 0; b < width; b++) {
                const real r = rate[i * width + b] / width;
                bins[i] += r;
                *mean += r;
            }
    for (int64_t w = 0; w < p->windows; w++) {
        const double part = p->within[step * p->windows + w] * bin / width;
        if (part != 0)
            for (int64_t i = 0; i < p->cells; i++)
                for (int64_t b = 0; b < width; b++)
                    p->counts[w * p->cells + i] += part * rate[i * width + b];
    }
}

/* Take up the spikes that are given for a step; what was given for the one before has gone. */
static void give(const Events *e, int64_t step)
{
    const int64_t now = e->now[step], past = e->past[step];
    if (past >= 0)
        for (int64_t n = e->begins[past]; n < e->begins[past + 1]; n++)
            e->into[e->lane[n]] = 0;
    if (now >= 0)
        for (int64_t n = e->begins[now]; n < e->begins[now + 1]; n++)
            e->into[e->lane[n]] += e->value[n];
}

/* Steps `first` to before `last`. */
void steps(Circuit *c, int64_t first, int64_t last)
{
#ifdef __SSE2__
    const unsigned int before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);   /* numbers too small to be normal are 0, or a silent circuit would be slow */
#endif
    const real bin = c->bin;
    Population *const end = c->population + c->populations;
    for (int64_t begin = first; begin < last; begin += c->chunk) {
        const int64_t number = c->chunk < last - begin ? c->chunk : last - begin;
        for (int64_t k = 0; k < c->events; k++)   /* where there are outside fibres, a chunk is a step */
            if (c->event[k].outside)
                give(c->event + k, begin);
        for (Population *p = c->population; p < end; p++)
            if (p->kind == EXPECTED || p->kind == DRAWN)
                advance(p, begin, c->behind, number, bin);
        for (int64_t step = begin; step < begin + number; step++) {
            for (int64_t k = 0; k < c->events; k++)
                if (!c->event[k].outside)
                    give(c->event + k, step);
            for (Population *p = c->population; p < end; p++) {
                if (p->kind == RELAYED)
                    relayed(p, step - c->behind);
                else if (p->kind != GIVEN)
                    p->rate = p->rates + (step - begin) * (p->blocks + 1) * LANES;
                list_active(p, c->width);
                record(p, step, c->width, c->bin);
            }
            for (int64_t k = 0; k < c->projections; k++)
                send(c->projection + k, step - c->behind, c->width, bin);
        }
    }
#ifdef __SSE2__
    _mm_setcsr(before);
#endif
}
