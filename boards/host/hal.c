/* What is left of the HAL for this machine: clock, stack painting, the end. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "bw_hal.h"
#include "host.h"

#define PAINTED 131072u /* bytes below main's frame; deeper than any board's stack */
#define PATTERN 0xB17A3E55u
#define SPARE   1048576u

static uintptr_t painted; /* lowest address, 0 before painting */

void bw_hal_init(int argc, char **argv)
{
    faults_init();
    line_open(argc, argv);
}

bool bw_hal_emulated(void)
{
    return false;
}

uint32_t bw_hal_ticks(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
}

const char *bw_hal_unit(void)
{
    return "nanoseconds";
}

uint64_t bw_hal_microseconds(uint64_t ticks)
{
    return ticks / 1000u;
}

/* The array takes the place of later frames, and what they overwrite of it was stack in use.
 * AddressSanitizer would move it elsewhere and guard it. */
__attribute__((noinline, no_sanitize("address"))) void bw_hal_stack_paint(void)
{
    volatile uint32_t words[PAINTED / 4u];
    for (uint32_t i = 0; i < PAINTED / 4u; i++) {
        words[i] = PATTERN;
    }
    painted = (uintptr_t)words;
}

__attribute__((no_sanitize("address"))) void bw_hal_read_memory(bw_hal_memory *memory)
{
    const volatile uint32_t *word = (const volatile uint32_t *)painted;
    uint32_t unused = 0;
    while (painted != 0 && unused < PAINTED / 4u && word[unused] == PATTERN) {
        unused++;
    }
    /* A process has no flash, and its RAM says nothing about a board's. */
    *memory = (bw_hal_memory){.stack_size = PAINTED, .stack_used = PAINTED - 4u * unused};
}

uint8_t *bw_hal_spare(uint32_t *bytes)
{
    static _Alignas(8) uint8_t spare[SPARE];
    *bytes = SPARE;
    return spare;
}

bool bw_hal_camera_frame(uint8_t *frame, uint32_t bytes)
{
    (void)frame;
    (void)bytes;
    return false;
}

void bw_hal_exit(uint8_t status)
{
    line_drain();
    exit(status);
}
