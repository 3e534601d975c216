/* From the numbers and arrays of a case to the descriptor of its kernel. */
#include "bitwake/bw_planar.h"
#include "runner.h"

enum { CONV = 1 };

static bw_planar_conv conv(const test_case *c)
{
    const uint32_t *n = c->n;
    const bw_planar_conv d = {
        .in_h = (uint16_t)n[0],
        .in_w = (uint16_t)n[1],
        .in_stride = n[2],
        .out_h = (uint16_t)n[3],
        .out_w = (uint16_t)n[4],
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
        .source = (const uint16_t *)(const void *)c->array[1],
        .index = c->array[2],
        .bias = (const uint16_t *)(const void *)c->array[3],
    };
    return d;
}

uint32_t need(const test_case *c)
{
    if (c->kind == CONV) {
        const bw_planar_conv d = conv(c);
        return bw_planar_conv_scratch(&d);
    }
    return 0;
}

bool run_case(const test_case *c, uint32_t *out, void *scratch)
{
    if (c->kind == CONV) {
        const bw_planar_conv d = conv(c);
        bw_planar_conv_bits(&d, c->array[0], out, scratch);
        return true;
    }
    return false;
}
