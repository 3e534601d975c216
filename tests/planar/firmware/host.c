/* The runner on this machine: every array in an allocation of exactly its size. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner.h"

static void *exactly(size_t bytes)
{
    void *memory = malloc(bytes ? bytes : 1u);
    if (memory == NULL) {
        exit(3);
    }
    memset(memory, 0xa5, bytes);
    return memory;
}

static uint32_t word(FILE *file)
{
    uint32_t value = 0;
    if (fread(&value, sizeof value, 1, file) != 1) {
        exit(4);
    }
    return value;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        return 2;
    }
    const uint32_t cases = word(file);
    for (uint32_t i = 0; i < cases; i++) {
        test_case c = {.kind = word(file)};
        uint32_t *arrays[MAX_ARRAYS];
        const uint32_t numbers = word(file);
        for (uint32_t k = 0; k < numbers; k++) {
            c.n[k] = word(file);
        }
        c.arrays = word(file);
        for (uint32_t k = 0; k < c.arrays; k++) {
            c.words[k] = word(file);
            arrays[k] = exactly(4u * (size_t)c.words[k]);
            if (fread(arrays[k], 4, c.words[k], file) != c.words[k]) {
                return 4;
            }
            c.array[k] = c.words[k] ? arrays[k] : NULL;
        }
        const uint32_t last = c.arrays - 1u;
        uint32_t *out = exactly(4u * (size_t)c.words[last]);
        void *scratch = exactly(need(&c));
        if (!run_case(&c, out, scratch)) {
            return 5;
        }
        uint32_t wrong = 0;
        for (uint32_t k = 0; k < c.words[last]; k++) {
            wrong += out[k] != arrays[last][k];
        }
        printf("case %u %u 0\n", (unsigned)i, (unsigned)wrong);
        for (uint32_t k = 0; k < c.arrays; k++) {
            free(arrays[k]);
        }
        free(out);
        free(scratch);
    }
    fclose(file);
    return 0;
}
