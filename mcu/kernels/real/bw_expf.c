/* e^x in float32, through double precision.
 *
 * Method, polynomial and range limits are those of expf in Arm Optimized Routines (MIT licence),
 * which glibc uses, because TFLite's reference calls that function and its last bit is to be met:
 * x * 32 / ln 2 = k + r with whole k and |r| <= 1/2; e^x = 2^(k/32) * 2^(r/32), the first factor
 * from a table of 32 entries, the second a polynomial of degree 3.
 */
#include <string.h>

#include "bitwake/bw_real.h"

#define SHIFT 0x1.8p+52 /* adding it leaves the nearest whole number in the low bits */

/* Bits of 2^(i/32) minus i << 47, so that k << 47 can be added for exponent and index alike. */
static const uint64_t powers[32] = {
    0x3ff0000000000000u, 0x3fefd9b0d3158574u, 0x3fefb5586cf9890fu, 0x3fef9301d0125b51u,
    0x3fef72b83c7d517bu, 0x3fef54873168b9aau, 0x3fef387a6e756238u, 0x3fef1e9df51fdee1u,
    0x3fef06fe0a31b715u, 0x3feef1a7373aa9cbu, 0x3feedea64c123422u, 0x3feece086061892du,
    0x3feebfdad5362a27u, 0x3feeb42b569d4f82u, 0x3feeab07dd485429u, 0x3feea47eb03a5585u,
    0x3feea09e667f3bcdu, 0x3fee9f75e8ec5f74u, 0x3feea11473eb0187u, 0x3feea589994cce13u,
    0x3feeace5422aa0dbu, 0x3feeb737b0cdc5e5u, 0x3feec49182a3f090u, 0x3feed503b23e255du,
    0x3feee89f995ad3adu, 0x3feeff76f2fb5e47u, 0x3fef199bdd85529cu, 0x3fef3720dcef9069u,
    0x3fef5818dcfba487u, 0x3fef7c97337b9b5fu, 0x3fefa4afa2a490dau, 0x3fefd0765b6e4540u,
};

float bw_expf(float x)
{
    if (x != x) {
        return x + x;
    }
    if (x > 0x1.62e42ep6f) { /* ln of the largest float */
        float infinite;
        const uint32_t bits = 0x7f800000u;
        memcpy(&infinite, &bits, sizeof infinite);
        return infinite;
    }
    if (x < -0x1.9fe368p6f) { /* ln of half the smallest float */
        return 0.0f;
    }
    const double z = 0x1.71547652b82fep+5 * (double)x;
    const double shifted = z + SHIFT;
    uint64_t k;
    memcpy(&k, &shifted, sizeof k);
    const double r = z - (shifted - SHIFT);
    const uint64_t bits = powers[k & 31u] + (k << 47);
    double scale;
    memcpy(&scale, &bits, sizeof scale);
    const double high = 0x1.c6af84b912394p-20 * r + 0x1.ebfce50fac4f3p-13;
    const double low = 0x1.62e42ff0c52d6p-6 * r + 1.0;
    return (float)((high * (r * r) + low) * scale);
}
