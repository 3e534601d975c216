#include "results.h"

#include <string.h>

#include "print.h"

#define LARGEST 1e30f

float bw_exp_negative(float x)
{
    if (!(x > -87.0f)) {
        return 0.0f;
    }
    /* exp(x) = 2^k exp(r), |r| <= ln(2) / 2; ln(2) in two parts so that k ln(2) loses nothing. */
    const int32_t k = (int32_t)(x * 1.44269504f - 0.5f);
    const float kf = (float)k;
    const float r = (x - kf * 0.693359375f) + kf * 2.12194440e-4f;
    /* Taylor's series: the first term left out is r^7 / 5040 < 2e-7. */
    float sum = 1.0f + r / 6.0f;
    sum = 1.0f + r / 5.0f * sum;
    sum = 1.0f + r / 4.0f * sum;
    sum = 1.0f + r / 3.0f * sum;
    sum = 1.0f + r / 2.0f * sum;
    sum = 1.0f + r * sum;
    const uint32_t bits = (uint32_t)(k + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

static uint32_t elements(const bw_tensor *output)
{
    uint32_t n = 1;
    for (uint32_t i = 0; i < output->rank; i++) {
        n *= output->dims[i];
    }
    return n;
}

static float logit(const bw_tensor *output, uint32_t i)
{
    float value;
    int32_t integer = 0;
    switch (output->dtype) {
    case BW_F32:
        memcpy(&value, output->data + 4u * i, sizeof value);
        break;
    case BW_I32:
        memcpy(&integer, output->data + 4u * i, sizeof integer);
        value = output->scale * ((float)integer - (float)output->zero_point);
        break;
    case BW_I8:
        integer = output->data[i] < 128 ? output->data[i] : output->data[i] - 256;
        value = output->scale * (float)(integer - output->zero_point);
        break;
    default:
        value = output->scale * (float)((int32_t)output->data[i] - output->zero_point);
        break;
    }
    if (!(value > -LARGEST)) { /* also NaN */
        return -LARGEST;
    }
    return value < LARGEST ? value : LARGEST;
}

/* Shares of 1000 in proportion to weight[0..n), whose sum is at least 1; overwrites the weights. */
static void apportion(float *weight, uint32_t n, float sum, uint16_t *thousandths)
{
    int32_t missing = 1000;
    for (uint32_t i = 0; i < n; i++) {
        const float share = 1000.0f * weight[i] / sum;
        thousandths[i] = (uint16_t)share;
        weight[i] = share - (float)thousandths[i]; /* from here on: the remainder */
        missing -= thousandths[i];
    }
    for (; missing > 0; missing--) {
        uint32_t best = 0;
        for (uint32_t i = 1; i < n; i++) {
            best = weight[i] > weight[best] ? i : best;
        }
        thousandths[best]++;
        weight[best] -= 1.0f;
    }
    for (; missing < 0; missing++) { /* rounding of the shares can give one too many */
        uint32_t most = 0;
        for (uint32_t i = 1; i < n; i++) {
            most = thousandths[i] > thousandths[most] ? i : most;
        }
        thousandths[most]--;
    }
}

uint32_t bw_softmax_thousandths(const bw_tensor *output, uint16_t thousandths[BW_CLASSES_MAX])
{
    static float weight[BW_CLASSES_MAX];
    uint32_t n = elements(output);
    if (n == 0 || n > BW_CLASSES_MAX) {
        return 0;
    }
    if (n == 1) { /* softmax of (0, z) is (1 - sigmoid(z), sigmoid(z)) */
        n = 2;
        weight[0] = 0.0f;
        weight[1] = logit(output, 0);
    } else {
        for (uint32_t i = 0; i < n; i++) {
            weight[i] = logit(output, i);
        }
    }
    float most = weight[0];
    for (uint32_t i = 1; i < n; i++) {
        most = weight[i] > most ? weight[i] : most;
    }
    float sum = 0.0f;
    for (uint32_t i = 0; i < n; i++) {
        weight[i] = bw_exp_negative(weight[i] - most);
        sum += weight[i];
    }
    apportion(weight, n, sum, thousandths);
    return n;
}

void bw_print_results(void)
{
    static uint16_t thousandths[BW_CLASSES_MAX];
    const uint32_t n = bw_softmax_thousandths(&bw_linked_model.outputs[0], thousandths);
    bw_put("m-results-[");
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t p = thousandths[i];
        bw_put(i > 0 ? "," : "");
        bw_put_number(p / 1000u);
        bw_put(".");
        bw_put_number(p / 100u % 10u);
        bw_put_number(p / 10u % 10u);
        bw_put_number(p % 10u);
    }
    bw_line("]");
}
