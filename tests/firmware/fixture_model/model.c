/* A network written by hand: 32x32 grey pixels, a sign at 128, a binary convolution, a second one
 * with real output that serves as two logits. Small enough to check by hand and to send as text.
 *
 * On Arm, layers of op "loop" follow: each goes as many times through two instructions as its
 * `macs` says, to check what the board counts. */
#include "bitwake/bw_kernels.h"
#include "bitwake/bw_model.h"

#if BW_RUNTIME_VERSION != 1
#error The fixture was written for runtime version 1.
#endif

#define SIDE   32u
#define PIXELS (SIDE * SIDE)
#define INNER  (SIDE - 2u)

static struct {
    _Alignas(8) uint8_t picture[PIXELS];
    _Alignas(8) uint32_t bits[PIXELS];
    _Alignas(8) uint32_t map[INNER * INNER];
    _Alignas(8) float logits[2];
} arena;

static const uint16_t first_word[1] = {0};
/* Channel 0 is -1 (bit 1) for bytes below 128; the others are constant. */
static const uint32_t table[256] = {
#define ROW8(v)  v, v, v, v, v, v, v, v
#define ROW64(v) ROW8(v), ROW8(v), ROW8(v), ROW8(v), ROW8(v), ROW8(v), ROW8(v), ROW8(v)
    ROW64(1u), ROW64(1u), ROW64(0u), ROW64(0u)};
static const bw_encode encode = {PIXELS, 1, 1, 1, first_word, table};

/* All weights +1: the accumulator counts the dark pixels under the 3x3 window. */
static const uint32_t weights1[9];
static const int32_t thresholds[1] = {4};
static const bw_bconv2d conv1 = {.in_h = SIDE,
                                 .in_w = SIDE,
                                 .in_c = 1,
                                 .out_h = INNER,
                                 .out_w = INNER,
                                 .out_c = 1,
                                 .groups = 1,
                                 .k_h = 3,
                                 .k_w = 3,
                                 .stride_h = 1,
                                 .stride_w = 1,
                                 .dilation_h = 1,
                                 .dilation_w = 1,
                                 .weights = weights1,
                                 .thresholds = thresholds};

/* acc = number of windows that are mostly dark; logits are +-(0.01 * 2 acc - 9). */
static const uint32_t weights2[2 * INNER * INNER];
static const float multiplier[2] = {-0.01f, 0.01f};
static const float bias[2] = {9.0f, -9.0f};
static const bw_bconv2d conv2 = {.in_h = INNER,
                                 .in_w = INNER,
                                 .in_c = 1,
                                 .out_h = 1,
                                 .out_w = 1,
                                 .out_c = 2,
                                 .groups = 1,
                                 .k_h = INNER,
                                 .k_w = INNER,
                                 .stride_h = 1,
                                 .stride_w = 1,
                                 .dilation_h = 1,
                                 .dilation_w = 1,
                                 .weights = weights2,
                                 .multiplier = multiplier,
                                 .bias = bias,
                                 .clamp_min = INT32_MIN,
                                 .clamp_max = INT32_MAX};

static const bw_layer layers[] = {
    {"sign", "encode_u8", BW_KIND_OTHER, 0},
    {"dark/window", "bconv2d_bits", BW_KIND_BINARY, 9u * INNER *INNER},
    {"dark/count", "bconv2d_f32", BW_KIND_BINARY, 2u * INNER *INNER},
#ifdef __arm__
    {"loop/a", "loop", BW_KIND_OTHER, 1},
    {"loop/b", "loop", BW_KIND_OTHER, 2},
    {"loop/c", "loop", BW_KIND_OTHER, 3},
    {"loop/d", "loop", BW_KIND_OTHER, 10},
    {"loop/e", "loop", BW_KIND_OTHER, 997},
    {"loop/f", "loop", BW_KIND_OTHER, 65536},
    {"loop/g", "loop", BW_KIND_OTHER, 1000003},
#endif
};
#define LAYERS (sizeof layers / sizeof layers[0])

static const bw_tensor inputs[1] = {
    {"picture", BW_U8, 3, {SIDE, SIDE, 1, 1}, PIXELS, arena.picture, 1.0f, 0}};
static const bw_tensor outputs[1] = {
    {"logits", BW_F32, 1, {2, 1, 1, 1}, 8, (uint8_t *)arena.logits, 1.0f, 0}};
static const char *const labels[2] = {"bright", "dark"};

static void mark(const bw_probe *probe, uint16_t layer)
{
    if (probe != (const bw_probe *)0) {
        probe->mark(probe->context, layer);
    }
}

static void loop(uint32_t times)
{
#ifdef __arm__
    __asm__ volatile(".syntax unified\n"
                     "1:\tsubs %0, %0, #1\n\t"
                     "bne 1b"
                     : "+l"(times)
                     :
                     : "cc", "memory");
#else
    (void)times;
#endif
}

static void run(const bw_probe *probe)
{
    bw_encode_u8(&encode, arena.picture, arena.bits);
    mark(probe, 0);
    bw_bconv2d_bits(&conv1, arena.bits, arena.map);
    mark(probe, 1);
    bw_bconv2d_f32(&conv2, arena.map, arena.logits);
    mark(probe, 2);
    for (uint16_t i = 3; i < LAYERS; i++) {
        loop(layers[i].macs);
        mark(probe, i);
    }
}

const bw_model bw_linked_model = {
    .name = "fixture",
    .sha256 = "0000000000000000000000000000000000000000000000000000000000000000",
    .labels = labels,
    .n_labels = 2,
    .inputs = inputs,
    .outputs = outputs,
    .n_inputs = 1,
    .n_outputs = 1,
    .layers = layers,
    .n_layers = LAYERS,
    .arena_bytes = sizeof arena,
    .weights_bytes = sizeof table + sizeof weights1 + sizeof weights2,
    .run = run};
