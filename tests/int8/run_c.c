/* Runs compiled models on inputs from a file: for each record {model, runs}, runs times all inputs;
 * writes all outputs. Native byte order. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bitwake/bw_model.h"
#include "models.h"

static void transfer(const bw_tensor *list, unsigned n, int in)
{
    for (unsigned i = 0; i < n; i++) {
        const size_t done = in ? fread(list[i].data, 1, list[i].bytes, stdin)
                               : fwrite(list[i].data, 1, list[i].bytes, stdout);
        if (done != list[i].bytes) {
            exit(3);
        }
    }
}

int main(void)
{
    uint32_t head[2];
    while (fread(head, sizeof head, 1, stdin) == 1) {
        const bw_model *m = all_models[head[0]];
        for (uint32_t r = 0; r < head[1]; r++) {
            transfer(m->inputs, m->n_inputs, 1);
            m->run(NULL);
            transfer(m->outputs, m->n_outputs, 0);
        }
    }
    return 0;
}
