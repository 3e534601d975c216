/* Private to the operators of two int8 maps. */
#ifndef BITWAKE_BW_BINARY_I8_PRIVATE_H
#define BITWAKE_BW_BINARY_I8_PRIVATE_H

#include <stdbool.h>

#include "bitwake/bw_int8.h"
#include "bw_add_i8.h"

/* The innermost dimension of ADD (sign 1) or SUB (-1); false where no fast kernel takes it. */
bool bw_add_row_i8(const bw_binary_i8 *d, const int8_t *a, const int8_t *b, int8_t *out,
                   int32_t sign);

#endif
