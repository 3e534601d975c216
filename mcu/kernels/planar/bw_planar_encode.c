/* Bytes to planes, 32 pixels of a phase at a time. */
#include "bitwake/bw_planar.h"

#include <stdbool.h>
#include <string.h>

#include "bw_planar_turn.h"

/* What is the same for all planes of a phase. */
typedef struct {
    const bw_planar_encode *d;
    const uint8_t *in; /* first sample of the channel */
    uint32_t py, px;
    bool flat;            /* not split: pixels follow one another from row to row */
    uint32_t width, rows; /* of a phase; flat: all pixels in one row */
    uint32_t apart;       /* words from plane to plane of a phase */
} bw_phase;

/* The last `left` < 32 samples of a map that is not split; the mask of those that exist. */
static uint32_t gather_last(const uint8_t *from, uint32_t step, uint32_t left, uint8_t *line)
{
    uint8_t *const end = line + left;
    memset(line, 0, 32);
    for (; line != end; from += step) {
        *line++ = *from;
    }
    return (1u << left) - 1u;
}

/* Samples of 32 pixels of a phase from number p on; the mask of those that exist. */
static uint32_t gather(const bw_phase *f, uint32_t p, uint8_t *line)
{
    const bw_planar_encode *d = f->d;
    uint32_t row = p / f->width, column = p % f->width, mask = 0;
    for (uint32_t i = 0; i < 32u; i++) {
        const uint32_t y = row * d->stride_h + f->py, x = column * d->stride_w + f->px;
        line[i] = 0;
        if (row < f->rows && y < d->h && x < d->w) {
            line[i] = f->in[(y * d->w + x) * d->in_c];
            mask |= 1u << i;
        }
        if (++column == f->width) {
            column = 0;
            row++;
        }
    }
    return mask;
}

/* One word of each plane; all eight is the usual number. */
static inline void store(const uint32_t *w, uint32_t planes, uint32_t *to, uint32_t apart)
{
    if (planes == 8u) {
        to[0] = w[0];
        to[apart] = w[1];
        to += 2u * apart;
        to[0] = w[2];
        to[apart] = w[3];
        to += 2u * apart;
        to[0] = w[4];
        to[apart] = w[5];
        to += 2u * apart;
        to[0] = w[6];
        to[apart] = w[7];
        return;
    }
    for (uint32_t m = 0; m < planes; m++, to += apart) {
        *to = w[m];
    }
}

/* The planes of one part of the sample: `out` is the first of them. */
static void encode(const bw_phase *f, const uint8_t *table, uint32_t planes, uint32_t *out)
{
    const bw_planar_encode *d = f->d;
    const uint32_t step = (uint32_t)d->in_c * d->stride_w;
    const uint32_t line_bytes = (uint32_t)d->in_c * d->w * d->stride_h;
    const uint32_t pixels = f->rows * f->width;
    /* Runs of eight pixels that never cross rows or miss a pixel. */
    const bool even =
        d->h % d->stride_h == 0 && d->w % d->stride_w == 0 && (f->flat || f->width % 8u == 0);
    const uint8_t *from = f->in + (f->py * d->w + f->px) * d->in_c;
    const uint32_t back = line_bytes - f->width * step; /* from the end of a row to the next */
    uint32_t column = 0;

#ifdef BW_PLANAR_TURN_MVE
    if (even && f->width % 16u == 0 && pixels % 32u == 0 && step <= 17u) {
        const bw_turn_rows rows = {
            .table = table,
            .from = from,
            .step = step,
            .line = line_bytes,
            .width = f->width,
            .rows = f->rows,
            .planes = planes,
            .out = out,
            .apart = f->apart,
        };
        bw_planar_turn_rows_mve(&rows);
        return;
    }
#endif
    for (uint32_t p = 0; p < pixels; p += 32u, out++) {
        const uint8_t *run[4];
        uint32_t w[8];
        if (f->flat && pixels - p >= 32u) {
            for (uint32_t k = 0; k < 4u; k++) {
                run[k] = from + 8u * k * step;
            }
            from += 32u * step;
            bw_planar_turn(table, run, step, w);
        } else if (even && pixels - p >= 32u) {
            for (uint32_t k = 0; k < 4u; k++) {
                run[k] = from;
                from += 8u * step;
                column += 8u;
                if (column == f->width) {
                    column = 0;
                    from += back;
                }
            }
            bw_planar_turn(table, run, step, w);
        } else {
            uint8_t line[32];
            const uint32_t mask =
                f->flat ? gather_last(from, step, pixels - p, line) : gather(f, p, line);
            for (uint32_t k = 0; k < 4u; k++) {
                run[k] = line + 8u * k;
            }
            bw_planar_turn(table, run, 1, w);
            for (uint32_t m = 0; m < 8u; m++) {
                w[m] &= mask;
            }
        }
        store(w, planes, out, f->apart);
    }
}

void bw_planar_turn_pixels(const uint8_t *table, const uint8_t *in, uint32_t step, uint32_t pixels,
                           uint32_t planes, uint32_t *out, uint32_t apart)
{
    const bw_planar_encode d = {.h = 1, .in_c = (uint16_t)step, .stride_h = 1, .stride_w = 1};
    const bw_phase f = {
        .d = &d, .in = in, .flat = true, .width = pixels, .rows = 1, .apart = apart};
    encode(&f, table, planes, out);
}

void bw_planar_encode_u8(const bw_planar_encode *d, const uint8_t *in, uint32_t *out)
{
    const uint32_t phases = (uint32_t)d->stride_h * d->stride_w;
    const bool flat = phases == 1;
    const uint8_t *table = d->table;
    bw_phase f = {.d = d, .flat = flat, .apart = d->out_stride * phases};

    f.width = flat ? (uint32_t)d->h * d->w : (d->w + d->stride_w - 1u) / d->stride_w;
    f.rows = flat ? 1u : (d->h + d->stride_h - 1u) / d->stride_h;
    for (uint32_t c = 0; c < d->in_c; c++) {
        f.in = in + c;
        for (uint32_t first = 0; first < d->planes; first += 8u, table += 256) {
            const uint32_t left = d->planes - first, planes = left < 8u ? left : 8u;
            for (uint32_t k = 0; k < phases; k++) {
                f.py = k / d->stride_w;
                f.px = k % d->stride_w;
                encode(&f, table, planes,
                       out + ((c * d->planes + first) * phases + k) * d->out_stride);
            }
        }
    }
}
