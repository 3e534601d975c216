/* The table convolution over random shapes and tables, against bw_level.h written down plainly, on
 * heap blocks of exactly the documented size. */
#include <string.h>

#include "bitwake/bw_kernels.h"
#include "bitwake/bw_level.h"
#include "random_blocks.h"

typedef struct {
    bw_level_conv d;
    uint32_t count, groups; /* taps; pairs and single ones */
    uint8_t *level;
    uint32_t *taps, *tables;
} layer;

static uint32_t spread(uint32_t kernel, uint32_t dilation)
{
    return (kernel - 1u) * dilation;
}

/* Lanes whose sum stays below 2 top, whatever the levels: a group's are at most 2 top / groups.
 * Where they saturate, twice as large. */
static uint32_t random_word(const layer *l)
{
    const uint32_t bits = l->d.wide != 0u ? 16u : 8u, top = 1u << bits;
    const uint32_t most = (l->d.saturates != 0u ? 2u : 1u) * top / l->groups;
    uint32_t word = 0;
    for (uint32_t at = 0; at < 32u; at += bits) {
        word |= below(most < top ? most : top) << at;
    }
    return word;
}

static layer random_layer(void)
{
    layer l = {0};
    bw_level_conv *d = &l.d;
    const int nine = below(3) == 0u; /* the shape that has kernels of its own */
    d->in_c = (uint8_t)(nine ? 1u : between(1, 4));
    do {
        d->k_h = (uint8_t)(nine ? 3u : between(1, 5));
        d->k_w = (uint8_t)(nine ? 3u : between(1, 5));
        l.count = (uint32_t)d->k_h * d->k_w * d->in_c;
    } while (l.count > BW_LEVEL_MOST_TAPS);
    d->dilation_h = (uint8_t)(nine ? 1u : between(1, 2));
    d->dilation_w = (uint8_t)(nine ? 1u : between(1, 2));
    d->stride_h = (uint8_t)between(1, 3);
    d->stride_w = (uint8_t)between(1, 3);
    d->in_h = (uint16_t)between(1, 14);
    d->in_w = (uint16_t)between(1, 14);
    d->pad_top = (int16_t)below(spread(d->k_h, d->dilation_h) + 1u);
    d->pad_left = (int16_t)below(spread(d->k_w, d->dilation_w) + 1u);
    d->out_h = (uint16_t)between(1, 6);
    d->out_w = (uint16_t)between(1, 40);
    d->out_c = (uint8_t)between(1, BW_LEVEL_MOST_CHANNELS);
    d->wide = (uint8_t)(below(4) == 0u);
    d->saturates = (uint8_t)(d->wide == 0u && below(3) == 0u);
    d->levels = (uint16_t)between(1, 6);
    d->pairs = (uint8_t)(nine ? 4u * below(2) : below(l.count / 2u + 1u));
    d->phases_h = (uint8_t)between(1, 3);
    d->phases_w = (uint8_t)between(1, 3);
    l.groups = l.count - d->pairs;
    l.level = block(256u * d->in_c);
    for (uint32_t k = 0; k < 256u * d->in_c; k++) {
        l.level[k] = (uint8_t)(l.level[k] % d->levels);
    }
    l.taps = block(8u * l.count);
    for (uint32_t k = 0; k < l.count; k++) {
        const uint32_t c = k % d->in_c, x = k / d->in_c % d->k_w, y = k / d->in_c / d->k_w;
        l.taps[2u * k] = (y * d->dilation_h * d->in_w + x * d->dilation_w) * d->in_c + c;
        l.taps[2u * k + 1u] = 256u * c;
    }
    const uint32_t singles = l.count - 2u * d->pairs;
    const uint32_t entries = d->levels * (d->levels * (uint32_t)d->pairs + singles);
    const uint32_t words = BW_WORDS(d->out_c) * entries * (d->wide != 0u ? 16u : 8u);
    l.tables = block(4u * words);
    for (uint32_t k = 0; k < words; k++) {
        l.tables[k] = random_word(&l);
    }
    d->level = l.level;
    d->taps = l.taps;
    d->tables = l.tables;
    return l;
}

static uint32_t level_at(const layer *l, const uint8_t *in, uint32_t oy, uint32_t ox, uint32_t tap)
{
    const bw_level_conv *d = &l->d;
    const uint32_t c = tap % d->in_c;
    const int x = (int)(ox * d->stride_w + tap / d->in_c % d->k_w * d->dilation_w) - d->pad_left;
    const int y = (int)(oy * d->stride_h + tap / d->in_c / d->k_w * d->dilation_h) - d->pad_top;
    if (y < 0 || y >= d->in_h || x < 0 || x >= d->in_w) {
        return 0;
    }
    return l->level[256u * c + in[(y * d->in_w + x) * d->in_c + (int)c]];
}

/* The sum of a filter's lanes, one number a group. */
static uint32_t output_bit(const layer *l, const uint8_t *in, uint32_t y, uint32_t x, uint32_t f)
{
    const bw_level_conv *d = &l->d;
    const uint32_t bits = d->wide != 0u ? 16u : 8u, levels = d->levels, pairs = d->pairs;
    const uint32_t singles = l->count - 2u * pairs;
    const uint32_t *table = l->tables + f / 32u * levels * (levels * pairs + singles) * bits;
    const uint32_t word = f % 32u % bits, shift = f % 32u / bits * bits;
    uint32_t sum = 0;
    for (uint32_t g = 0; g < l->groups; g++) {
        uint32_t at;
        if (g < pairs) {
            const uint32_t a = level_at(l, in, y, x, 2u * g);
            const uint32_t b = level_at(l, in, y, x, 2u * g + 1u);
            at = (a * levels + b) * pairs + g;
        } else {
            const uint32_t a = level_at(l, in, y, x, pairs + g);
            at = levels * levels * pairs + a * singles + g - pairs;
        }
        sum += table[at * bits + word] >> shift & ((1u << bits) - 1u);
    }
    const uint32_t top = 1u << bits;
    sum = d->saturates != 0u && sum >= top ? top - 1u : sum;
    return sum >> (bits - 1u) & 1u;
}

static void packed(const layer *l, const uint8_t *in)
{
    const bw_level_conv *d = &l->d;
    const uint32_t words = BW_WORDS(d->out_c), pixels = (uint32_t)d->out_h * d->out_w;
    uint32_t *out = block(4u * pixels * words);
    bw_level_conv_u8(d, in, out);
    for (uint32_t p = 0; p < pixels; p++) {
        for (uint32_t f = 0; f < d->out_c; f++) {
            const uint32_t wanted = output_bit(l, in, p / d->out_w, p % d->out_w, f);
            expect(bit_of(out + p * words, f) == wanted, "bw_level_conv_u8", p);
        }
    }
    free(out);
}

static void planar(layer *l, const uint8_t *in)
{
    bw_level_conv *d = &l->d;
    const uint32_t rows = ((uint32_t)d->out_h + d->phases_h - 1u) / d->phases_h;
    const uint32_t columns = ((uint32_t)d->out_w + d->phases_w - 1u) / d->phases_w;
    const uint32_t phases = (uint32_t)d->phases_h * d->phases_w;
    d->out_stride = BW_WORDS(rows * columns);
    uint32_t *out = block(4u * d->out_c * phases * d->out_stride);
    bw_planar_level_conv_u8(d, in, out);
    for (uint32_t f = 0; f < d->out_c; f++) {
        for (uint32_t p = 0; p < phases; p++) {
            const uint32_t *plane = out + (f * phases + p) * d->out_stride;
            for (uint32_t k = 0; k < 32u * d->out_stride; k++) {
                const uint32_t y = k / columns * d->phases_h + p / d->phases_w;
                const uint32_t x = k % columns * d->phases_w + p % d->phases_w;
                const uint32_t wanted =
                    y < d->out_h && x < d->out_w ? output_bit(l, in, y, x, f) : 0u;
                expect(bit_of(plane, k) == wanted, "bw_planar_level_conv_u8", k);
            }
        }
    }
    free(out);
}

int main(void)
{
    for (int i = 0; i < 150; i++) {
        layer l = random_layer();
        uint8_t *in = block((size_t)l.d.in_h * l.d.in_w * l.d.in_c);
        packed(&l, in);
        planar(&l, in);
        free(in), free(l.level), free(l.taps), free(l.tables);
    }
    printf("%lu checks\n", checks);
    return 0;
}
