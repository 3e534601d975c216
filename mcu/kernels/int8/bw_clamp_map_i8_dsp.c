/* Bounds of a whole map at once: four bytes an instruction, where a kernel that clamps each output
 * takes six instructions for it. */
#include "bw_conv2d_i8.h"
#include "bw_simd32.h"

#if defined(BW_CONV2D_I8_DSP)

#if defined(BW_LOOPS_IN_ASSEMBLY)
/* ssub8 says of each byte whether it is at least the other, sel chooses by that. */
#define CLAMP(x)                                                                                   \
    "ssub8 %[t], " x ", %[low]\n"                                                                  \
    "sel   " x ", " x ", %[low]\n"                                                                 \
    "ssub8 %[t], %[high], " x "\n"                                                                 \
    "sel   " x ", " x ", %[high]\n"

/* Sixteen bytes a turn. */
static int8_t *clamp16(int8_t *at, const int8_t *end, uint32_t low, uint32_t high)
{
    uint32_t t;
    if (at != end) {
        __asm volatile("1:\n"
                       "ldm   %[at], {r4, r5, r6, r8}\n" CLAMP("r4") CLAMP("r5") CLAMP("r6")
                           CLAMP("r8") "stm   %[at]!, {r4, r5, r6, r8}\n"
                                       "cmp   %[at], %[end]\n"
                                       "bne   1b\n"
                       : [at] "+&r"(at), [t] "=&r"(t)
                       : [low] "r"(low), [high] "r"(high), [end] "r"(end)
                       : "r4", "r5", "r6", "r8", "cc", "memory");
    }
    return at;
}
#endif

void bw_clamp_map_i8(const bw_conv2d_i8 *d, int8_t *map)
{
    const uint32_t n = (uint32_t)d->out_h * d->out_w * d->out_c;
    const int8_t *end = map + n;
    if (d->act_min == -128 && d->act_max == 127) {
        return;
    }
#if defined(BW_LOOPS_IN_ASSEMBLY)
    const uint32_t each = 0x01010101u;
    map = clamp16(map, map + (n & ~15u), (uint8_t)d->act_min * each, (uint8_t)d->act_max * each);
#endif
    for (; map != end; map++) {
        *map = bw_clamp_i8(*map, d->act_min, d->act_max);
    }
}

#endif
