/* Class probabilities of the first output, for m-results. */
#ifndef BITWAKE_APP_RESULTS_H
#define BITWAKE_APP_RESULTS_H

#include <stdint.h>

#include "bitwake/bw_model.h"

#define BW_CLASSES_MAX 128u /* a longer output prints an empty m-results; p-out has all of it */

/* Softmax over the elements of `output` in thousandths, which sum to exactly 1000 (largest
 * remainder, ties to the lower class). A single logit z gives the pair (1 - s, s) with the sigmoid
 * s of z. Integers are dequantised with the tensor's scale and zero point. NaN counts as minus
 * infinity, and logits beyond +-1e30 as +-1e30.
 * Returns the number of classes, 0 when there are more than BW_CLASSES_MAX. */
uint32_t bw_softmax_thousandths(const bw_tensor *output, uint16_t thousandths[BW_CLASSES_MAX]);

/* exp(x) for x <= 0, relative error below 1e-6; 0 below -87. */
float bw_exp_negative(float x);

/* Prints m-results-[p0,p1,...] for the linked model's first output. */
void bw_print_results(void);

#endif
