/* From the numbers and arrays of a case to the descriptor of its kernel. */
#include "bitwake/bw_planar.h"
#include "runner.h"

#define CONV_NUMBERS 21

enum { CONV = 1, SPLIT, MAXPOOL, FROM_PACKED, TO_PACKED, ENCODE, LANES, PAIR };

/* The numbers of a convolution, which are those of pack.fields; its arrays. */
static bw_planar_conv conv(const uint32_t *n, const uint32_t *source, const uint32_t *index,
                           const uint32_t *bias)
{
    const bw_planar_conv d = {
        .in_h = (uint16_t)n[0],
        .in_w = (uint16_t)n[1],
        .out_h = (uint16_t)n[2],
        .out_w = (uint16_t)n[3],
        .in_stride = n[4],
        .out_stride = n[5],
        .in_c = (uint16_t)n[6],
        .out_c = (uint16_t)n[7],
        .groups = (uint16_t)n[8],
        .k_h = (uint8_t)n[9],
        .k_w = (uint8_t)n[10],
        .stride_h = (uint8_t)n[11],
        .stride_w = (uint8_t)n[12],
        .dilation_h = (uint8_t)n[13],
        .dilation_w = (uint8_t)n[14],
        .pad_top = (int16_t)n[15],
        .pad_left = (int16_t)n[16],
        .triples = (uint16_t)n[17],
        .chunk = (uint16_t)n[18],
        .blocks = (uint8_t)n[19],
        .part = (uint16_t)n[20],
        .source = (const uint16_t *)(const void *)source,
        .index = index,
        .bias = (const uint16_t *)(const void *)bias,
    };
    return d;
}

/* Numbers: both branches, then part, blocks and states. Arrays: both maps, both lists of planes,
 * both streams, zeros, factors, limits, table. */
static bw_planar_pair pair(const test_case *c)
{
    const bw_planar_pair d = {
        .a = conv(c->n, c->array[2], c->array[4], c->array[6]),
        .b = conv(c->n + CONV_NUMBERS, c->array[3], c->array[5], c->array[6]),
        .part = (uint16_t)c->n[2 * CONV_NUMBERS],
        .blocks = (uint8_t)c->n[2 * CONV_NUMBERS + 1],
        .states = (uint16_t)c->n[2 * CONV_NUMBERS + 2],
        .factors = (const int16_t *)(const void *)c->array[7],
        .limits = (const int32_t *)(const void *)c->array[8],
        .table = (const int16_t *)(const void *)c->array[9],
    };
    return d;
}

static bw_planar_maxpool maxpool(const test_case *c)
{
    const uint32_t *n = c->n;
    const bw_planar_maxpool d = {
        .in_h = (uint16_t)n[0],
        .in_w = (uint16_t)n[1],
        .out_h = (uint16_t)n[2],
        .out_w = (uint16_t)n[3],
        .in_stride = n[4],
        .out_stride = n[5],
        .planes = (uint16_t)n[6],
        .k_h = (uint8_t)n[7],
        .k_w = (uint8_t)n[8],
        .stride_h = (uint8_t)n[9],
        .stride_w = (uint8_t)n[10],
        .pad_top = (int16_t)n[11],
        .pad_left = (int16_t)n[12],
    };
    return d;
}

static void split(const test_case *c, uint32_t *out)
{
    const uint32_t *n = c->n;
    const bw_planar_split d = {
        .in_h = (uint16_t)n[0],
        .in_w = (uint16_t)n[1],
        .in_stride = n[2],
        .out_stride = n[3],
        .planes = (uint16_t)n[4],
        .stride_h = (uint8_t)n[5],
        .stride_w = (uint8_t)n[6],
        .keep_h = (uint8_t)n[7],
        .keep_w = (uint8_t)n[8],
    };
    bw_planar_split_bits(&d, c->array[0], out);
}

static void encode(const test_case *c, uint32_t *out)
{
    const uint32_t *n = c->n;
    const bw_planar_encode d = {
        .h = (uint16_t)n[0],
        .w = (uint16_t)n[1],
        .in_c = (uint16_t)n[2],
        .planes = (uint8_t)n[3],
        .stride_h = (uint8_t)n[4],
        .stride_w = (uint8_t)n[5],
        .out_stride = n[6],
        .table = (const uint8_t *)c->array[1],
    };
    bw_planar_encode_u8(&d, (const uint8_t *)c->array[0], out);
}

static bw_lane_conv lanes(const test_case *c)
{
    const uint32_t *n = c->n;
    const bw_lane_conv d = {
        .in_h = (uint16_t)n[0],
        .in_w = (uint16_t)n[1],
        .out_h = (uint16_t)n[2],
        .out_w = (uint16_t)n[3],
        .in_words = (uint16_t)n[4],
        .out_words = (uint16_t)n[5],
        .groups = (uint16_t)n[6],
        .k_h = (uint8_t)n[7],
        .k_w = (uint8_t)n[8],
        .stride_h = (uint8_t)n[9],
        .stride_w = (uint8_t)n[10],
        .dilation_h = (uint8_t)n[11],
        .dilation_w = (uint8_t)n[12],
        .pad_top = (int16_t)n[13],
        .pad_left = (int16_t)n[14],
        .chunk = (uint8_t)n[15],
        .blocks = (uint8_t)n[16],
        .weights = c->array[1],
        .start = c->array[2],
    };
    return d;
}

uint32_t need(const test_case *c)
{
    if (c->kind == CONV) {
        const bw_planar_conv d = conv(c->n, 0, 0, 0);
        return bw_planar_conv_scratch(&d);
    }
    if (c->kind == PAIR) {
        const bw_planar_pair d = pair(c);
        return bw_planar_pair_scratch(&d);
    }
    if (c->kind == MAXPOOL) {
        const bw_planar_maxpool d = maxpool(c);
        return bw_planar_maxpool_scratch(&d);
    }
    if (c->kind == LANES) {
        return BW_LANE_SCRATCH(c->n[2] * c->n[3], c->n[15], c->n[16]);
    }
    return 0;
}

bool run_case(const test_case *c, uint32_t *out, void *scratch)
{
    const bw_planar_conv convolution = conv(c->n, c->array[1], c->array[2], c->array[3]);
    const bw_planar_pair both = pair(c);
    const bw_planar_maxpool pooling = maxpool(c);
    const bw_lane_conv outputs = lanes(c);
    const bw_planar_layout layout = {
        .pixels = c->n[0], .channels = (uint16_t)c->n[1], .stride = c->n[2]};
    switch (c->kind) {
    case CONV:
        bw_planar_conv_bits(&convolution, c->array[0], out, scratch);
        return true;
    case PAIR:
        bw_planar_pair_bits(&both, c->array[0], c->array[1], out, scratch);
        return true;
    case LANES:
        bw_lane_conv_bits(&outputs, c->array[0], out, scratch);
        return true;
    case SPLIT:
        split(c, out);
        return true;
    case MAXPOOL:
        bw_planar_maxpool_bits(&pooling, c->array[0], out, scratch);
        return true;
    case FROM_PACKED:
        bw_planar_from_packed(&layout, c->array[0], out);
        return true;
    case TO_PACKED:
        bw_planar_to_packed(&layout, c->array[0], out);
        return true;
    case ENCODE:
        encode(c, out);
        return true;
    default:
        return false;
    }
}
