/* Binary convolution on packed maps: lanes are 32 outputs, tables are made of weights. */
#include "bitwake/bw_planar.h"

#include "bw_planar_count.h"
#include "bw_planar_count_mve.h"

#ifndef BW_HAVE_MVE /* else bw_lane_conv_mve.c */

/* Words [begin, begin + m) of the inputs of every output pixel, with their two top bits gathered in
 * front: index[pixels][1 + m]. Words outside the map are 0. */
static void index_words(const bw_lane_conv *d, const uint32_t *in, uint32_t begin, uint32_t m,
                        uint32_t *index)
{
    const uint32_t pixel_words = (uint32_t)d->in_words * d->groups;
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    uint32_t shift = 30u - 2u * m, done = 0;

    for (uint32_t p = 0; p < pixels; p++) {
        index[p * (m + 1u)] = 0;
    }
    while (done < m) { /* tap by tap, as many words as the chunk takes of each */
        const uint32_t tap = (begin + done) / d->in_words, word = (begin + done) % d->in_words;
        const uint32_t rest = d->in_words - word, n = rest < m - done ? rest : m - done;
        const int32_t dy = (int32_t)(tap / d->k_w * d->dilation_h) - d->pad_top;
        const int32_t dx = (int32_t)(tap % d->k_w * d->dilation_w) - d->pad_left;
        uint32_t *first = index;
        for (int32_t y = dy; y < dy + d->out_h * d->stride_h; y += d->stride_h) {
            for (int32_t x = dx; x < dx + d->out_w * d->stride_w; x += d->stride_w) {
                uint32_t *to = first + 1u + done;
                uint32_t *end = to + n, top = 0;
                if (y >= 0 && y < d->in_h && x >= 0 && x < d->in_w) {
                    const uint32_t at = (uint32_t)y * d->in_w + (uint32_t)x;
                    const uint32_t *from = in + at * pixel_words + word;
                    uint32_t s = shift;
                    do {
                        const uint32_t bits = *from++;
                        top |= bits >> 30 << s;
                        s += 2u;
                        *to++ = bits;
                    } while (to != end);
                    *first |= top;
                } else {
                    do {
                        *to++ = 0;
                    } while (to != end);
                }
                first += m + 1u;
            }
        }
        done += n;
        shift += 2u * n;
    }
}

static void begin_counts(const uint32_t *start, uint32_t *state, uint32_t pixels)
{
    for (uint32_t *end = state + 16u * pixels; state != end; state += 16) {
        for (uint32_t l = 0; l < 16u; l++) {
            state[l] = start[l];
        }
    }
}

void bw_lane_conv_bits(const bw_lane_conv *d, const uint32_t *in, uint32_t *out, void *scratch)
{
    const uint32_t pixels = (uint32_t)d->out_h * d->out_w;
    const uint32_t words = (uint32_t)d->k_h * d->k_w * d->in_words;
    uint32_t *state = scratch;
    uint32_t *index = state + 16u * pixels;
    uint32_t *table = index + (d->chunk + 1u) * pixels;
    const uint32_t *weights = d->weights, *start = d->start;
    bw_count_job job = {
        .table = table,
        .index = index,
        .outputs = pixels,
        .state = state,
        .out_stride = (uint32_t)d->out_words * d->groups,
    };

    for (uint32_t group = 0; group < d->groups; group++, in += d->in_words) {
        for (uint32_t block = 0; block < d->out_words; block++, start += 16) {
            begin_counts(start, state, pixels);
            job.out = out++;
            for (uint32_t begin = 0; begin < words; begin += d->chunk) {
                const uint32_t left = words - begin, m = left < d->chunk ? left : d->chunk;
                index_words(d, in, begin, m, index);
                job.triples = BW_LANE_TRIPLES(m);
                bw_planar_tables(weights, table, job.triples);
                weights += 3u * job.triples;
                job.kind = left > m ? BW_COUNT_MORE : BW_COUNT_LAST;
                bw_planar_count(&job);
            }
        }
    }
}

#endif
