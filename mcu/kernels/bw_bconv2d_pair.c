/* Two binary convolutions and the sign of their sum, packed layout, portable C. */
#include "bw_bconv2d.h"

/* One branch at one output pixel: the patch of the group at hand, or NULL where both patches
 * together would take more stack than one convolution does; the reference counts then. */
typedef struct {
    const bw_bconv2d *d;
    const uint32_t *in;
    uint32_t words, per_group;
    const uint32_t *weights;
    bool fits;
    uint32_t *patch;
} branch;

/* Takes what a patch needs of the `room` words from `patch` on; returns how many. */
static uint32_t begin(branch *b, const bw_bconv2d *d, const uint32_t *in, uint32_t *patch,
                      uint32_t room)
{
    *b = (branch){.d = d, .in = in};
    if (d->k_h != 0u) {
        b->words = (uint32_t)d->k_h * d->k_w * BW_WORDS((uint32_t)d->in_c / d->groups);
        b->per_group = (uint32_t)d->out_c / d->groups;
        b->patch = b->words <= room ? patch : 0;
    }
    return b->patch != 0 ? b->words : 0u;
}

/* Products that are -1 for output o, outputs of a pixel in order from 0. */
static int32_t count(branch *b, uint32_t y, uint32_t x, uint32_t o)
{
    const bw_bconv2d *d = b->d;
    if (d->k_h == 0u) {
        const uint32_t pixel = y * d->out_w + x;
        return (int32_t)(b->in[pixel * BW_WORDS((uint32_t)d->out_c) + o / 32u] >> (o & 31u) & 1u);
    }
    if (o == 0u) {
        b->weights = d->weights;
    }
    if (o % b->per_group == 0u) {
        b->fits = b->patch != 0 && bw_bconv2d_patch(d, b->in, y, x, o / b->per_group, b->patch);
    }
    const uint32_t *weights = b->weights;
    b->weights += b->words;
    return b->fits ? (int32_t)bw_xor_count(b->patch, weights, b->words)
                   : bw_bconv2d_count_ref(d, b->in, y, x, o);
}

void bw_bconv2d_pair_bits(const bw_bconv2d_pair *d, const uint32_t *in_a, const uint32_t *in_b,
                          uint32_t *out)
{
    const uint32_t out_c = d->a.out_c;
    uint32_t patches[BW_PATCH_WORDS];
    branch a, b;
    const uint32_t taken = begin(&a, &d->a, in_a, patches, BW_PATCH_WORDS);

    (void)begin(&b, &d->b, in_b, patches + taken, BW_PATCH_WORDS - taken);
    for (uint32_t y = 0; y < d->a.out_h; y++) {
        for (uint32_t x = 0; x < d->a.out_w; x++) {
            const int16_t *factors = d->factors, *table = d->table;
            uint32_t word = 0;
            for (uint32_t o = 0; o < out_c; o++) {
                const int32_t acc_a = count(&a, y, x, o), acc_b = count(&b, y, x, o);
                bool bit;
                if (factors != 0) {
                    bit = factors[0] * acc_a + factors[1] * acc_b > d->limits[o];
                    factors += 2;
                } else {
                    /* A map from outside may break its promise of clear bits behind the last
                     * channel, and then counts too much: wrong bits, but no wrong address. */
                    bit = acc_a > table[acc_b < d->states ? acc_b : d->states - 1];
                    table += d->states;
                }
                word |= (uint32_t)bit << (o & 31u);
                if ((o & 31u) == 31u || o + 1u == out_c) {
                    *out++ = word;
                    word = 0;
                }
            }
        }
    }
}
