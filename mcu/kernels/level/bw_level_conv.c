/* Bytes -> bits of a binary convolution by tables of counts, several filters a word.
 *
 * For an output pixel every group of taps picks an entry; the words of the entries are added, and
 * the upper bit of each lane of a sum is an output. No lane carries into the next, see bw_level.h.
 */
#include "bw_level_conv.h"

#include <stdbool.h>

#include "bw_level_sum.h"

/* The tables of a block: entries of all pairs lie side by side, and so do those of single taps.
 * `first`, `second`, `single`: bytes from one level of a pair's first or second tap, or of a single
 * tap, to the next. */
typedef struct {
    const uint32_t *pairs, *singles;
    uint32_t groups;
    uint32_t first, second, single;
    uint32_t block; /* words */
} layout;

static inline layout layout_of(const bw_level_conv *d, const uint32_t *table)
{
    const uint32_t bytes = d->wide != 0u ? 64u : 32u, levels = d->levels, pairs = d->pairs;
    const uint32_t singles = (uint32_t)d->k_h * d->k_w * d->in_c - 2u * pairs;
    const uint32_t second = bytes * pairs, first = second * levels, single = bytes * singles;
    return (layout){.pairs = table,
                    .singles = table + first * levels / 4u,
                    .groups = pairs + singles,
                    .first = first,
                    .second = second,
                    .single = single,
                    .block = (first + single) * levels / 4u};
}

static inline const uint32_t *behind(const uint32_t *table, uint32_t bytes)
{
    return (const uint32_t *)(const void *)((const uint8_t *)table + bytes);
}

static inline const uint32_t *pair_entry(const layout *t, const uint32_t *table, uint32_t a,
                                         uint32_t b)
{
    return behind(behind(table, a * t->first), b * t->second);
}

/* A pixel whose taps have these levels. */
static void decide(const bw_level_conv *d, const uint8_t *level, uint32_t *out)
{
    const layout t = layout_of(d, d->tables);
    const uint32_t words = d->wide != 0u ? 16u : 8u;
    const uint32_t mask = d->wide != 0u ? BW_LEVEL_HALVES : BW_LEVEL_BYTES;
    const uint32_t *entry[BW_LEVEL_MOST_TAPS], *table = t.pairs;
    uint32_t n = 0;
    for (; n < d->pairs; n++, level += 2, table += words) {
        entry[n] = pair_entry(&t, table, level[0], level[1]);
    }
    for (table = t.singles; n < t.groups; n++, table += words) {
        entry[n] = behind(table, *level++ * t.single);
    }
    for (uint32_t left = BW_WORDS((uint32_t)d->out_c), at = 0; left > 0; left--, at += t.block) {
        uint32_t bits = 0;
        for (uint32_t half = at; half < at + words; half += 8u) {
            bw_level_sum v = bw_level_first(entry[0] + half);
            for (uint32_t k = 1; k < t.groups; k++) {
                if (d->wide != 0u) {
                    bw_level_add_halves(&v, entry[k] + half);
                } else if (d->saturates != 0u) {
                    bw_level_add_clipped(&v, entry[k] + half);
                } else {
                    bw_level_add(&v, entry[k] + half);
                }
            }
            bits = bw_level_collect(bits, &v, mask);
        }
        *out++ = bits;
    }
}

/* A pixel some of whose taps lie outside the picture. */
static void decide_edge(const bw_level_conv *d, const uint8_t *in, int32_t y0, int32_t x0,
                        uint32_t *out)
{
    uint8_t level[BW_LEVEL_MOST_TAPS], *to = level;
    const uint32_t in_w = d->in_w, in_c = d->in_c, right = d->dilation_w;
    uint32_t y = (uint32_t)y0; /* one before the picture is large too */
    for (uint32_t ky = d->k_h; ky > 0; ky--, y += d->dilation_h) {
        const uint32_t inside = y < d->in_h ? in_w : 0u, row = y * in_w;
        uint32_t x = (uint32_t)x0;
        for (uint32_t kx = d->k_w; kx > 0; kx--, x += right) {
            const uint8_t *table = d->level;
            for (uint32_t c = 0; c < in_c; c++, table += 256) {
                *to++ = x < inside ? table[in[(row + x) * in_c + c]] : 0;
            }
        }
    }
    decide(d, level, out);
}

/* Pixels all of whose taps lie inside, `step` bytes of the picture apart; `in` is the first tap. */
static void decide_gathered(const bw_level_conv *d, const uint8_t *in, uint32_t step,
                            uint32_t count, uint32_t *out)
{
    uint8_t level[BW_LEVEL_MOST_TAPS];
    const uint32_t taps = (uint32_t)d->k_h * d->k_w * d->in_c, words = BW_WORDS((uint32_t)d->out_c);
    for (; count > 0; count--, in += step, out += words) {
        for (uint32_t k = 0; k < taps; k++) {
            level[k] = d->level[d->taps[2u * k + 1u] + in[d->taps[2u * k]]];
        }
        decide(d, level, out);
    }
}

/* The same for one block of filters in byte lanes: entries are added as levels are read. Tables of
 * the block, and words between outputs. */
typedef void row_kernel(const bw_level_conv *d, const uint32_t *tables, const uint8_t *in,
                        uint32_t step, uint32_t count, uint32_t *out, uint32_t words);

static void decide_bytes(const bw_level_conv *d, const uint32_t *tables, const uint8_t *in,
                         uint32_t step, uint32_t count, uint32_t *out, uint32_t words)
{
    const layout t = layout_of(d, tables);
    const uint32_t *const pairs_end = behind(t.pairs, t.second);
    const uint32_t *const singles_end = behind(t.singles, t.single);
    const uint8_t *level = d->level;
    for (; count > 0; count--, in += step, out += words) {
        const uint32_t *tap = d->taps;
        const uint32_t *table = t.pairs;
        bw_level_sum v;
        if (table != pairs_end) {
            const uint32_t a = level[tap[1] + in[tap[0]]];
            const uint32_t b = level[tap[3] + in[tap[2]]];
            v = bw_level_first(pair_entry(&t, table, a, b));
            for (tap += 4, table += 8; table != pairs_end; tap += 4, table += 8) {
                const uint32_t c = level[tap[1] + in[tap[0]]];
                const uint32_t e = level[tap[3] + in[tap[2]]];
                bw_level_add(&v, pair_entry(&t, table, c, e));
            }
            table = t.singles;
        } else {
            table = t.singles;
            v = bw_level_first(behind(table, level[tap[1] + in[tap[0]]] * t.single));
            tap += 2;
            table += 8;
        }
        for (; table != singles_end; table += 8, tap += 2) {
            bw_level_add(&v, behind(table, level[tap[1] + in[tap[0]]] * t.single));
        }
        *out = bw_level_collect(0, &v, BW_LEVEL_BYTES);
    }
}

/* And for 3x3 taps side by side of a gray picture, as four pairs and a single one. */
static inline void four_pairs(const bw_level_conv *d, const uint32_t *tables, const uint8_t *in,
                              uint32_t step, uint32_t count, uint32_t *out, uint32_t words)
{
    const layout t = layout_of(d, tables);
    const uint32_t *const table = t.pairs, *const singles = t.singles;
    const uint32_t width = d->in_w;
    const uint8_t *const level = d->level;
    for (const uint32_t *end = out + count * words; out != end; in += step, out += words) {
        const uint8_t *m = in + width, *l = m + width;
        const uint32_t *p = pair_entry(&t, table, level[in[0]], level[in[1]]);
        const uint32_t *q = pair_entry(&t, table, level[in[2]], level[m[0]]);
        const uint32_t *r = pair_entry(&t, table, level[m[1]], level[m[2]]);
        const uint32_t *s = pair_entry(&t, table, level[l[0]], level[l[1]]);
        const uint32_t *u = behind(singles, (uint32_t)level[l[2]] << 5);
        *out = bw_level_five(p, q + 8, r + 16, s + 24, u);
    }
}

/* One block is the usual number, and an address less to keep. */
static void decide_pairs(const bw_level_conv *d, const uint32_t *tables, const uint8_t *in,
                         uint32_t step, uint32_t count, uint32_t *out, uint32_t words)
{
    if (words == 1u) {
        four_pairs(d, tables, in, step, count, out, 1);
    } else {
        four_pairs(d, tables, in, step, count, out, words);
    }
}

/* The same as nine single ones. */
static void decide_singles(const bw_level_conv *d, const uint32_t *table, const uint8_t *in,
                           uint32_t step, uint32_t count, uint32_t *out, uint32_t words)
{
    const uint32_t width = d->in_w;
    const uint8_t *const level = d->level;
    for (const uint32_t *end = out + count * words; out != end; in += step, out += words) {
        const uint8_t *m = in + width, *l = m + width;
        bw_level_sum v = bw_level_first(table + 72u * level[in[0]]);
        bw_level_add(&v, table + 72u * level[in[1]] + 8);
        bw_level_add(&v, table + 72u * level[in[2]] + 16);
        bw_level_add(&v, table + 72u * level[m[0]] + 24);
        bw_level_add(&v, table + 72u * level[m[1]] + 32);
        bw_level_add(&v, table + 72u * level[m[2]] + 40);
        bw_level_add(&v, table + 72u * level[l[0]] + 48);
        bw_level_add(&v, table + 72u * level[l[1]] + 56);
        bw_level_add(&v, table + 72u * level[l[2]] + 64);
        *out = bw_level_collect(0, &v, BW_LEVEL_BYTES);
    }
}

static row_kernel *choose(const bw_level_conv *d)
{
    const bool nine =
        d->k_h == 3u && d->k_w == 3u && d->in_c == 1u && d->dilation_h == 1u && d->dilation_w == 1u;
    if (nine && d->pairs == 4u) {
        return decide_pairs;
    }
    return nine && d->pairs == 0u ? decide_singles : decide_bytes;
}

/* Pixels of a row all of whose taps lie inside, `step` bytes apart. */
static void decide_inside(const bw_level_conv *d, const uint8_t *in, uint32_t step, uint32_t count,
                          uint32_t *out)
{
    if (d->wide != 0u || (!BW_LEVEL_SATURATES && d->saturates != 0u)) {
        decide_gathered(d, in, step, count, out);
        return;
    }
    row_kernel *const kernel = choose(d);
    const uint32_t words = BW_WORDS((uint32_t)d->out_c);
    const uint32_t block = words > 1u ? layout_of(d, d->tables).block : 0u;
    for (uint32_t w = 0; w < words; w++) {
        kernel(d, d->tables + w * block, in, step, count, out + w, words);
    }
}

void bw_level_conv_run(const bw_level_conv *d, const uint8_t *in, uint32_t y, uint32_t x,
                       uint32_t step, uint32_t count, uint32_t *out)
{
    const uint32_t words = BW_WORDS((uint32_t)d->out_c);
    const int32_t y0 = (int32_t)(y * d->stride_h) - d->pad_top;
    const int32_t high = (int32_t)((d->k_h - 1u) * d->dilation_h);
    const int32_t wide = (int32_t)((d->k_w - 1u) * d->dilation_w);
    const int32_t x_step = (int32_t)(step * d->stride_w);
    const bool inside = y0 >= 0 && y0 + high < d->in_h;
    int32_t x0 = (int32_t)(x * d->stride_w) - d->pad_left;
    for (uint32_t n = 0; n < count;) {
        uint32_t many = 1;
        if (inside && x0 >= 0 && x0 + wide < d->in_w) {
            const uint32_t fit = (uint32_t)((d->in_w - 1 - wide - x0) / x_step) + 1u;
            const uint8_t *from = in + ((uint32_t)y0 * d->in_w + (uint32_t)x0) * d->in_c;
            many = fit < count - n ? fit : count - n;
            decide_inside(d, from, (uint32_t)x_step * d->in_c, many, out);
        } else {
            decide_edge(d, in, y0, x0, out);
        }
        n += many;
        x0 += (int32_t)many * x_step;
        out += many * words;
    }
}

void bw_level_conv_u8(const bw_level_conv *d, const uint8_t *in, uint32_t *out)
{
    const uint32_t words = BW_WORDS((uint32_t)d->out_c);
    for (uint32_t y = 0; y < d->out_h; y++, out += d->out_w * words) {
        bw_level_conv_run(d, in, y, 0, 1, d->out_w, out);
    }
}
