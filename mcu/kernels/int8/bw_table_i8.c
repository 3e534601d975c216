/* A map through a table of 256 entries. */
#include "bitwake/bw_int8.h"

void bw_table_u8_i8(const bw_table_i8 *d, const uint8_t *in, int8_t *out)
{
    const int8_t *table = d->table;
    for (uint32_t n = d->count; n > 0; n--) {
        *out++ = table[*in++];
    }
}

void bw_table_i8_run(const bw_table_i8 *d, const int8_t *in, int8_t *out)
{
    bw_table_u8_i8(d, (const uint8_t *)in, out);
}
