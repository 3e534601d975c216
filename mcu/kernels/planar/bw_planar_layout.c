/* Between packed words and planes. */
#include "bitwake/bw_planar.h"

#include "bw_planar_turn.h"

/* Exchanges bits of words s apart; s is a constant where this is used. */
static inline void exchange(uint32_t *m, uint32_t s, uint32_t mask)
{
    for (const uint32_t *end = m + 32; m != end; m += s) {
        for (const uint32_t *half = m + s; m != half; m++) {
            const uint32_t t = ((m[0] >> s) ^ m[s]) & mask;
            m[s] ^= t;
            m[0] ^= t << s;
        }
    }
}

/* Swaps bit i of word j with bit j of word i. */
static void transpose(uint32_t *m)
{
    exchange(m, 16, 0x0000ffffu);
    exchange(m, 8, 0x00ff00ffu);
    exchange(m, 4, 0x0f0f0f0fu);
    exchange(m, 2, 0x33333333u);
    exchange(m, 1, 0x55555555u);
}

static uint32_t at_most_32(uint32_t n)
{
    return n < 32u ? n : 32u;
}

#define FOUR(n)    (n), (n) + 1, (n) + 2, (n) + 3
#define SIXTEEN(n) FOUR(n), FOUR((n) + 4), FOUR((n) + 8), FOUR((n) + 12)
#define EVERY(n)   SIXTEEN(n), SIXTEEN((n) + 16), SIXTEEN((n) + 32), SIXTEEN((n) + 48)

static const uint8_t same[256] = {EVERY(0), EVERY(64), EVERY(128), EVERY(192)};

/* A byte of every pixel at a time: eight channels cost a quarter of a whole word. */
void bw_planar_from_packed(const bw_planar_layout *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t step = 4u * ((d->channels + 31u) / 32u);
    const uint8_t *bytes = (const uint8_t *)in;
    for (uint32_t c = 0; c < d->channels; c += 8u, bytes++, out += 8u * d->stride) {
        const uint32_t left = d->channels - c;
        bw_planar_turn_pixels(same, bytes, step, d->pixels, left < 8u ? left : 8u, out, d->stride);
    }
}

void bw_planar_to_packed(const bw_planar_layout *d, const uint32_t *in, uint32_t *out)
{
    const uint32_t words = (d->channels + 31u) / 32u;
    for (uint32_t p = 0; p < d->pixels; p += 32u) {
        for (uint32_t w = 0; w < words; w++) {
            const uint32_t pixels = at_most_32(d->pixels - p);
            const uint32_t channels = at_most_32(d->channels - 32u * w);
            uint32_t m[32] = {0};
            for (uint32_t c = 0; c < channels; c++) {
                const uint32_t n = 32u * w + c;
                m[c] = in[(d->source ? d->source[n] : n) * d->stride + p / 32u];
            }
            transpose(m);
            for (uint32_t i = 0; i < pixels; i++) {
                out[(p + i) * words + w] = m[i];
            }
        }
    }
}
