/* A model that takes its picture by rows: 6 rows of 7 bytes, two at a time, the last pair unasked
 * for. With enough spare RAM the app keeps the picture, with less it takes rows from the line. */
#include <string.h>

#include "bitwake/bw_model.h"

#define ROW 7u

static _Alignas(8) uint8_t sums[3];

static const bw_tensor inputs[1] = {{"image", BW_U8, 3, {6, ROW, 1, 1}, 42, NULL, 1.0f, 0}};
static const bw_tensor outputs[1] = {{"sums", BW_I8, 1, {3, 1, 1, 1}, 3, sums, 0.5f, -7}};
static const bw_layer layers[2] = {{"a", "sum", BW_KIND_OTHER, 14}, {"b", "sum", BW_KIND_INT8, 14}};

static void run_rows(const bw_rows *rows, const bw_probe *probe)
{
    for (uint16_t pair = 0; pair < 2; pair++) {
        const uint8_t *bytes = rows->get(rows->context, (uint16_t)(2u * pair), 2);
        sums[pair] = 0;
        for (uint32_t i = 0; i < 2u * ROW; i++) {
            sums[pair] = (uint8_t)(sums[pair] + bytes[i]);
        }
        if (probe != NULL) {
            probe->mark(probe->context, pair);
        }
    }
}

const bw_model bw_linked_model = {.name = "fed",
                                  .sha256 = "00",
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .n_inputs = 1,
                                  .n_outputs = 1,
                                  .layers = layers,
                                  .n_layers = 2,
                                  .arena_bytes = sizeof sums,
                                  .weights_bytes = 0,
                                  .run_rows = run_rows,
                                  .rows_most = 2};
