/* Two inputs of odd sizes and two outputs, so that every border of the copying code is near. The
 * tensors are objects of their own: AddressSanitizer watches both ends of each. */
#include <string.h>

#include "bitwake/bw_model.h"

static _Alignas(8) uint8_t image[37], mask[5];
static _Alignas(8) uint8_t scores[3], trace[70];

static const bw_tensor inputs[2] = {{"image", BW_U8, 1, {37, 1, 1, 1}, 37, image, 1.0f, 0},
                                    {"mask", BW_I8, 1, {5, 1, 1, 1}, 5, mask, 1.0f, 0}};
static const bw_tensor outputs[2] = {{"scores", BW_I8, 1, {3, 1, 1, 1}, 3, scores, 0.5f, -7},
                                     {"trace", BW_U8, 1, {70, 1, 1, 1}, 70, trace, 1.0f, 0}};
static const bw_layer layers[2] = {{"a\r\nm-ready\xff", "copy", BW_KIND_OTHER, 5},
                                   {"b]", "sum", BW_KIND_INT8, 37}};
static const char *const labels[3] = {"x", "y\n", "z"};

static void run(const bw_probe *probe)
{
    memcpy(scores, image, sizeof scores);
    memset(trace, mask[4], sizeof trace);
    if (probe != NULL) {
        probe->mark(probe->context, 0);
    }
    scores[0] = (uint8_t)(scores[0] + mask[0]);
    if (probe != NULL) {
        probe->mark(probe->context, 1);
    }
}

const bw_model bw_linked_model = {.name = "tiny",
                                  .sha256 = "00",
                                  .labels = labels,
                                  .n_labels = 3,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .n_inputs = 2,
                                  .n_outputs = 2,
                                  .layers = layers,
                                  .n_layers = 2,
                                  .arena_bytes =
                                      sizeof image + sizeof mask + sizeof scores + sizeof trace,
                                  .weights_bytes = 0,
                                  .run = run};
