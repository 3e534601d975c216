/* Rows that are still needed move to the front of their window. */
#include "bitwake/bw_stream.h"

/* 32 bits of a plane from a bit position on; bits before the plane or at and after `end` are 0. */
static uint32_t window_word(const uint32_t *plane, int32_t bit, uint32_t end)
{
    if (bit < 0) {
        return plane[0] << (uint32_t)-bit; /* bit > -32: origin and `to` are below 32 */
    }
    const uint32_t at = (uint32_t)bit / 32u, shift = (uint32_t)bit % 32u;
    uint32_t word = plane[at] >> shift;
    if (shift != 0u && 32u * (at + 1u) < end) {
        word |= plane[at + 1u] << (32u - shift);
    }
    return word;
}

void bw_slide_planes(const bw_slide *d, uint32_t *window)
{
    const uint32_t first = d->to / 32u, count = (d->to % 32u + d->bits) / 32u;
    const uint32_t end = d->from + d->bits;
    /* Source bit of the first word's bit 0. */
    const int32_t start = (int32_t)d->from - (int32_t)(d->to % 32u);
    for (uint32_t p = 0; p < d->planes; p++, window += d->stride) {
        /* Against the direction of the move, so that no word is written before it is read. */
        for (uint32_t k = 0; k < count; k++) {
            const uint32_t i = d->to <= d->from ? k : count - 1u - k;
            window[first + i] = window_word(window, start + (int32_t)(32u * i), end);
        }
    }
}
