/* Runs every model once, all on the same bytes of a generator: "model ticks hash" a line. On a core
 * the ticks are SysTick's; on this machine they are 0. */
#include <stddef.h>
#include <stdint.h>

#include "bitwake/bw_model.h"
#include "models.h"

#if defined(__arm__)
void say(const char *text);
#define TICK ((volatile uint32_t *)0xE000E010u)
static void begin(void)
{
    TICK[1] = 0xFFFFFFu;
    TICK[2] = 0;
    TICK[0] = 5;
}
static uint32_t end(void)
{
    return 0xFFFFFFu - TICK[2];
}
#else
#include <stdio.h>
static void say(const char *text)
{
    fputs(text, stdout);
}
static void begin(void)
{
}
static uint32_t end(void)
{
    return 0;
}
#endif

static void number(uint32_t value, const char *behind)
{
    char text[12];
    char *at = text + sizeof text - 1;
    *at = 0;
    do {
        *--at = (char)('0' + value % 10u);
        value /= 10u;
    } while (value != 0u);
    say(at);
    say(behind);
}

/* Bits beyond the last channel are 0. */
static void clear_unused(const bw_tensor *t)
{
    const uint32_t channels = t->dims[t->rank - 1u], words = (channels + 31u) / 32u;
    uint32_t *last = (uint32_t *)(void *)t->data + words - 1u;
    for (uint32_t left = t->bytes / 4u; channels % 32u != 0u && left != 0u; left -= words) {
        *last &= (1u << channels % 32u) - 1u;
        last += words;
    }
}

int main(void)
{
    for (uint32_t k = 0; k < MODELS; k++) {
        const bw_model *m = all_models[k];
        uint32_t noise = 1;
        for (uint32_t i = 0; i < m->n_inputs; i++) {
            for (uint32_t j = 0; j < m->inputs[i].bytes; j++) {
                noise = noise * 1664525u + 1013904223u;
                m->inputs[i].data[j] = (uint8_t)(noise >> 24);
            }
            if (m->inputs[i].dtype == BW_BITS) {
                clear_unused(&m->inputs[i]);
            }
        }
        begin();
        m->run(NULL);
        const uint32_t ticks = end();
        uint32_t hash = 2166136261u;
        for (uint32_t i = 0; i < m->n_outputs; i++) {
            for (uint32_t j = 0; j < m->outputs[i].bytes; j++) {
                hash = (hash ^ m->outputs[i].data[j]) * 16777619u;
            }
        }
        number(k, " ");
        number(ticks, " ");
        number(hash, "\n");
    }
    return 0;
}
