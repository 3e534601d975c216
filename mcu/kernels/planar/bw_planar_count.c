/* Tables and counting in portable C; see bw_planar_count.h for the scheme. */
#include "bw_planar_count.h"

#define FIELDS 0x11111111u /* 1 in every field of four bits */
#define LOW    0x0f0f0f0fu
#define FOLDS  17u /* ceil(84 / 5) */

void bw_planar_fetch_c(const bw_fetch_job *job)
{
    const uint32_t *plane = job->plane, *end = job->words + job->count;
    const uint16_t *source = job->source;
    const bw_tap *t = job->tap;
    for (uint32_t *words = job->words; words != end; t = job->taps) {
        if (source) {
            plane = job->in + *source++ * (job->stride / 4u);
        }
        while (job->by_threes && t != job->last && words != end) {
            words[0] = bw_planar_tap_word(plane, t);
            words[1] = bw_planar_tap_word(plane, t + 1);
            words[2] = bw_planar_tap_word(plane, t + 2);
            words += 3;
            t += 3;
        }
        while (t != job->last && words != end) {
            *words++ = bw_planar_tap_word(plane, t++);
        }
        plane += job->stride / 4u;
    }
}

/* Word k of the eight entries of a triple; k is a constant where this is used. */
static inline void table_word(uint32_t a, uint32_t b, uint32_t c, uint32_t k, uint32_t *t)
{
    const uint32_t x = (a >> k) & FIELDS, y = (b >> k) & FIELDS;
    const uint32_t one = FIELDS - 2u * x; /* from weight 0 of a to weight 1 */
    const uint32_t next = 2u * (x - y);   /* from weights (1, 0) of a, b to (0, 1) */
    uint32_t e = x + y + ((c >> k) & FIELDS);
    t[k] = e;
    t[k + 4u] = e += one;
    t[k + 8u] = e += next;
    t[k + 12u] = e += one;
    t[k + 16u] = e = 3u * FIELDS - e; /* all three weights change */
    t[k + 20u] = e += one;
    t[k + 24u] = e += next;
    t[k + 28u] = e + one;
}

void bw_planar_tables_c(const uint32_t *inputs, uint32_t *table, uint32_t triples)
{
    for (const uint32_t *end = table + triples * BW_TABLE_WORDS; table != end;
         table += BW_TABLE_WORDS, inputs += 3) {
        const uint32_t a = inputs[0], b = inputs[1], c = inputs[2];
        table_word(a, b, c, 0, table);
        table_word(a, b, c, 1, table);
        table_word(a, b, c, 2, table);
        table_word(a, b, c, 3, table);
    }
}

/* A slot of an index word: the first one of a fold sets the sums, the others add to them. */
#define SLOT(s, how, entry)                                                                        \
    __attribute__((fallthrough));                                                                  \
    case s:                                                                                        \
        do {                                                                                       \
            const uint32_t *e_ = (entry);                                                          \
            a0 how e_[0];                                                                          \
            a1 how e_[1];                                                                          \
            a2 how e_[2];                                                                          \
            a3 how e_[3];                                                                          \
        } while (0)
#define SET     =
#define ADD     +=
#define EVEN(s) (base - 4u - 4u * ((v >> (3u * (s))) & 7u))
#define ODD(s)  (base + 4u * ((v >> (3u * (s))) & 7u))
#define FOLD                                                                                       \
    do {                                                                                           \
        fold[0] = a0;                                                                              \
        fold[1] = a1;                                                                              \
        fold[2] = a2;                                                                              \
        fold[3] = a3;                                                                              \
        fold += 4;                                                                                 \
    } while (0)

/* The eight words of bytes of one output of so many index words. */
static void count(const uint32_t *table, uint32_t triples, const uint32_t *index, uint32_t words,
                  uint32_t *bytes)
{
    uint32_t folds[FOLDS * 4u];
    uint32_t *fold = folds;
    uint32_t a0, a1, a2, a3;
    const uint32_t *last = index + words;
    const uint32_t slot = words * BW_TRIPLES_A_WORD - triples;
    /* End of the table of an even slot, beginning of that of an odd one. */
    const uint32_t *base = table + ((slot & 1u) ? 0u : BW_TABLE_WORDS);
    uint32_t v = *index++;

    a0 = a1 = a2 = a3 = (v >> 31) * FIELDS;
    switch (slot) { /* enters the loop at the slot of the first triple */
    default:
        for (;;) {
            SLOT(0u, SET, EVEN(0u));
            SLOT(1u, ADD, ODD(1u));
            base += 2u * BW_TABLE_WORDS;
            SLOT(2u, ADD, EVEN(2u));
            SLOT(3u, ADD, ODD(3u));
            base += 2u * BW_TABLE_WORDS;
            SLOT(4u, ADD, EVEN(4u));
            FOLD;
            SLOT(5u, SET, ODD(5u));
            base += 2u * BW_TABLE_WORDS;
            SLOT(6u, ADD, EVEN(6u));
            SLOT(7u, ADD, ODD(7u));
            base += 2u * BW_TABLE_WORDS;
            SLOT(8u, ADD, EVEN(8u));
            SLOT(9u, ADD, ODD(9u));
            FOLD;
            base += 2u * BW_TABLE_WORDS;
            if (index == last) {
                break;
            }
            v = *index++;
        }
    }
    for (uint32_t k = 0; k < 4u; k++) {
        const uint32_t *f = folds + k;
        uint32_t sum = 0, high = 0;
        if ((fold - folds) & 4) {
            sum = *f;
            high = (*f >> 4) & LOW;
            f += 4;
        }
        if ((fold - folds) & 8) {
            sum += f[0] + f[4];
            high += ((f[0] >> 4) & LOW) + ((f[4] >> 4) & LOW);
            f += 8;
        }
        for (; f < fold; f += 16) { /* by four: the loop itself is what costs */
            sum += f[0];
            high += (f[0] >> 4) & LOW;
            sum += f[4];
            high += (f[4] >> 4) & LOW;
            sum += f[8];
            high += (f[8] >> 4) & LOW;
            sum += f[12];
            high += (f[12] >> 4) & LOW;
        }
        bytes[k] = sum - (high << 4);
        bytes[4u + k] = high;
    }
}

/* (x + y) / 2 of four bytes, rounded down, each with its carry. */
static uint32_t halves(uint32_t x, uint32_t y)
{
    return (x & y) + (((x ^ y) >> 1) & 0x7f7f7f7fu);
}

/* One bit a lane from eight words of bytes: v + bias > 255, after the mean with `state` if any. */
static uint32_t decide_bytes(const uint32_t *v, const uint32_t *state, uint32_t bias)
{
    uint32_t bits = 0;
    bias |= bias << 16;
    for (uint32_t j = 0; j < 8u; j++) {
        const uint32_t x = state == 0 ? v[j] : halves(v[j], state[j]);
        bits = (halves(x, bias) & 0x80808080u) | (bits >> 1);
    }
    return bits;
}

/* Adds eight words of bytes to sixteen of half-words. */
static void widen(const uint32_t *v, uint32_t *state)
{
    const uint32_t half = 0x00ff00ffu;
    for (const uint32_t *end = v + 8; v != end; v += 4, state += 4) { /* by four, as above */
        state[0] += v[0] & half;
        state[8] += (v[0] >> 8) & half;
        state[1] += v[1] & half;
        state[9] += (v[1] >> 8) & half;
        state[2] += v[2] & half;
        state[10] += (v[2] >> 8) & half;
        state[3] += v[3] & half;
        state[11] += (v[3] >> 8) & half;
    }
}

void bw_planar_count_c(const bw_count_job *job)
{
    const uint32_t words = (job->triples + BW_TRIPLES_A_WORD - 1u) / BW_TRIPLES_A_WORD;
    const uint32_t *index = job->index;
    uint32_t *state = job->state, *out = job->out;
    for (uint32_t o = 0; o < job->outputs; o++, index += words) {
        uint32_t v[8], bits = 0;
        count(job->table, job->triples, index, words, v);
        switch (job->kind) {
        case BW_COUNT_ONLY:
            *out = decide_bytes(v, 0, job->bias[o]);
            out += job->out_stride;
            break;
        case BW_COUNT_KEEP:
            for (uint32_t j = 0; j < 8u; j++) {
                state[j] = v[j];
            }
            state += 8;
            break;
        case BW_COUNT_ADD:
            for (uint32_t j = 0; j < 8u; j++) {
                state[j] += v[j];
            }
            state += 8;
            break;
        case BW_COUNT_PAIR:
            *out = decide_bytes(v, state, job->bias[o]);
            out += job->out_stride;
            state += 8;
            break;
        case BW_COUNT_FIRST:
            for (uint32_t l = 0; l < 16u; l++) {
                state[l] = job->bias[o] * 0x00010001u;
            }
            widen(v, state);
            state += 16;
            break;
        case BW_COUNT_MORE:
            widen(v, state);
            state += 16;
            break;
        case BW_COUNT_LAST:
        default:
            widen(v, state);
            for (uint32_t l = 0; l < 16u; l += 4u) {
                bits = (state[l] & 0x80008000u) | (bits >> 1);
                bits = (state[l + 1u] & 0x80008000u) | (bits >> 1);
                bits = (state[l + 2u] & 0x80008000u) | (bits >> 1);
                bits = (state[l + 3u] & 0x80008000u) | (bits >> 1);
            }
            *out = bits;
            out += job->out_stride;
            state += 16;
            break;
        }
    }
}

#if !defined(__ARM_ARCH_ISA_THUMB) || __ARM_ARCH_ISA_THUMB < 2 /* else bw_planar_count_thumb2.S */
void bw_planar_fetch(const bw_fetch_job *job)
{
    bw_planar_fetch_c(job);
}

void bw_planar_tables(const uint32_t *inputs, uint32_t *table, uint32_t triples)
{
    bw_planar_tables_c(inputs, table, triples);
}

void bw_planar_count(const bw_count_job *job)
{
    bw_planar_count_c(job);
}
#endif
