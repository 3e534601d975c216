/* Private to the float32 kernels: std::min(std::max(x, low), high), NaN and -0.0 included. */
#ifndef BITWAKE_BW_CLAMP_F32_PRIVATE_H
#define BITWAKE_BW_CLAMP_F32_PRIVATE_H

static inline float bw_within(float x, float low, float high)
{
    x = x < low ? low : x;
    return high < x ? high : x;
}

#endif
