#include "info.h"

#include "bitwake/bw_model.h"
#include "bw_hal.h"
#include "identity.h"
#include "print.h"
#include "rows.h"

static const char *dtype_name(bw_dtype dtype)
{
    switch (dtype) {
    case BW_U8:
        return "u8";
    case BW_I8:
        return "i8";
    case BW_F32:
        return "f32";
    case BW_I32:
        return "i32";
    default:
        return "bits";
    }
}

static const char *kind_name(bw_kind kind)
{
    switch (kind) {
    case BW_KIND_BINARY:
        return "binary";
    case BW_KIND_INT8:
        return "int8";
    default:
        return "other";
    }
}

static void print_tensors(const char *prefix, const bw_tensor *tensors, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        const bw_tensor *t = &tensors[k];
        bw_put(prefix);
        bw_put_number(k);
        bw_put("-[");
        bw_put_foreign(t->name);
        bw_put(",");
        bw_put(dtype_name(t->dtype));
        bw_put(",");
        for (uint32_t d = 0; d < t->rank; d++) {
            bw_put(d > 0 ? "x" : "");
            bw_put_number(t->dims[d]);
        }
        bw_put(",");
        bw_put_number(t->bytes);
        bw_line("]");
    }
}

static void field_number(const char *prefix, uint64_t number)
{
    bw_put(prefix);
    bw_put("[");
    bw_put_number(number);
    bw_line("]");
}

void bw_print_info(void)
{
    const bw_model *model = &bw_linked_model;
    bw_print_identity();
    bw_line_field("p-model-", model->name);
    bw_line_field("p-sha256-", model->sha256);
    field_number("p-weights-", model->weights_bytes);
    field_number("p-runtime-", BW_RUNTIME_VERSION);
    print_tensors("p-input-", model->inputs, model->n_inputs);
    print_tensors("p-output-", model->outputs, model->n_outputs);
    if (bw_rows_fed()) {
        bw_line_field("p-rows-", bw_rows_store() != NULL ? "kept" : "line");
    }
    if (model->labels != NULL && model->n_labels > 0) {
        bw_put("p-labels-[");
        for (uint32_t i = 0; i < model->n_labels; i++) {
            bw_put(i > 0 ? "," : "");
            bw_put_foreign(model->labels[i]);
        }
        bw_line("]");
    }
}

void bw_print_layers(void)
{
    for (uint32_t i = 0; i < bw_linked_model.n_layers; i++) {
        const bw_layer *layer = &bw_linked_model.layers[i];
        bw_put("p-layer-");
        bw_put_number(i);
        bw_put("-[");
        bw_put_foreign(layer->op);
        bw_put(",");
        bw_put(kind_name(layer->kind));
        bw_put(",");
        bw_put_number(layer->macs);
        bw_put(",");
        bw_put_foreign(layer->name);
        bw_line("]");
    }
}

void bw_print_memory(void)
{
    bw_hal_memory memory;
    bw_hal_read_memory(&memory);
    bw_line_number("p-mem-arena-", bw_linked_model.arena_bytes);
    bw_line_number("p-mem-stack-used-", memory.stack_used);
    bw_line_number("p-mem-stack-size-", memory.stack_size);
    bw_line_number("p-mem-flash-", memory.flash);
    bw_line_number("p-mem-ram-", memory.ram);
}
