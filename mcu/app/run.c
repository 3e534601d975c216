#include "run.h"

#include "bitwake/bw_model.h"
#include "bw_hal.h"
#include "print.h"
#include "results.h"
#include "rows.h"

#define OUT_BYTES_A_LINE 64u

/* Keeps the compiler from moving the network's memory accesses across a reading of the clock. */
#define BARRIER() __asm__ volatile("" ::: "memory")

typedef struct {
    uint32_t *ticks; /* [n_layers] */
    uint64_t last;
} profile;

static bool has_run;

uint64_t bw_clock(void)
{
    static uint64_t elapsed;
    static uint32_t last;
    const uint32_t now = bw_hal_ticks();
    elapsed += (uint32_t)(now - last);
    last = now;
    return elapsed;
}

/* Ticks of the network: the clock without the waits for rows. */
static uint64_t own_clock(void)
{
    const uint64_t now = bw_clock();
    return now - bw_rows_waited();
}

/* Runs the network; *ticks is how many it took. False, with e-[] printed, when it got no whole
 * picture. */
static bool run_model(const bw_probe *probe, uint64_t *ticks)
{
    const bw_rows *rows = NULL;
    if (bw_rows_fed()) {
        rows = bw_rows_begin();
        if (rows == NULL) {
            return false;
        }
    }
    const uint64_t start = own_clock();
    BARRIER();
    if (rows != NULL) {
        bw_linked_model.run_rows(rows, probe);
    } else {
        bw_linked_model.run(probe);
    }
    BARRIER();
    *ticks = own_clock() - start;
    has_run = rows == NULL || bw_rows_end();
    return has_run;
}

static void lap_unit(void)
{
    if (bw_hal_emulated()) {
        bw_line_field("p-lap-unit-", bw_hal_unit());
    }
}

static void lap(void)
{
    bw_line_number("m-lap-us-", bw_hal_microseconds(bw_clock()));
}

void bw_timestamp(void)
{
    lap_unit();
    lap();
}

void bw_infer(const bw_command *command)
{
    uint64_t ticks;
    if (bw_rows_fed() && bw_rows_store() == NULL) {
        bw_line("e-[infer: no RAM to keep a picture; p-run and p-infer take it by rows]");
        return;
    }
    bw_line_number("m-warmup-start-", command->number[1]);
    for (uint32_t i = 0; i < command->number[1]; i++) {
        (void)run_model(NULL, &ticks);
    }
    bw_line("m-warmup-done");
    bw_line_number("m-infer-start-", command->number[0]);
    lap_unit();
    lap();
    for (uint32_t i = 0; i < command->number[0]; i++) {
        (void)run_model(NULL, &ticks);
    }
    lap();
    bw_line("m-infer-done");
    bw_print_results();
}

void bw_results(void)
{
    if (!has_run) {
        bw_line("e-[results: nothing has been inferred yet]");
        return;
    }
    bw_print_results();
}

static void print_outputs(void)
{
    for (uint32_t k = 0; k < bw_linked_model.n_outputs; k++) {
        const bw_tensor *output = &bw_linked_model.outputs[k];
        for (uint32_t offset = 0; offset < output->bytes; offset += OUT_BYTES_A_LINE) {
            bw_put("p-out-");
            bw_put_number(k);
            bw_put("-");
            if (output->bytes > OUT_BYTES_A_LINE) {
                bw_put_number(offset);
                bw_put("-");
            }
            for (uint32_t i = offset; i < output->bytes && i < offset + OUT_BYTES_A_LINE; i++) {
                bw_put_hex_byte(output->data[i]);
            }
            bw_put_end();
        }
    }
}

static void mark(void *context, uint16_t layer)
{
    profile *p = context;
    const uint64_t now = own_clock();
    if (layer < bw_linked_model.n_layers) {
        p->ticks[layer] += (uint32_t)(now - p->last);
    }
    p->last = now;
}

void bw_run_profiled(void)
{
    const uint32_t n = bw_linked_model.n_layers;
    uint32_t spare;
    /* Aligned by the HAL's contract. */
    profile p = {(uint32_t *)(void *)bw_rows_spare(&spare), 0};
    if (spare / sizeof p.ticks[0] < n) {
        bw_line("e-[p-run: no RAM for the ticks of all layers; p-infer needs none]");
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        p.ticks[i] = 0;
    }
    const bw_probe probe = {mark, &p};
    uint64_t total;
    p.last = own_clock();
    if (!run_model(&probe, &total)) {
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        bw_put("p-layer-");
        bw_put_number(i);
        bw_put("-");
        bw_put_number(p.ticks[i]);
        bw_put_end();
    }
    bw_line_number("p-total-", total);
    print_outputs();
    bw_print_results();
}

void bw_run_once(void)
{
    uint64_t total;
    if (!run_model(NULL, &total)) {
        return;
    }
    bw_line_number("p-total-", total);
    print_outputs();
    bw_print_results();
}
