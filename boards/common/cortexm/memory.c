/* Stack painting, and sizes from the linker. */
#include "bw_hal.h"
#include "cortexm.h"

#define PATTERN 0xB17A3E55u

/* Bytes under the stack pointer left alone: frames that live while the stack is painted. */
#define MARGIN 64u

static uint32_t distance(const void *from, const void *to)
{
    return (uint32_t)((uintptr_t)to - (uintptr_t)from);
}

void bw_hal_stack_paint(void)
{
    uintptr_t sp;
    __asm__ volatile("mov %0, sp" : "=r"(sp));
    volatile uint32_t *word = __stack_bottom;
    while ((uintptr_t)word < sp - MARGIN) {
        *word = PATTERN;
        word++;
    }
}

void bw_hal_read_memory(bw_hal_memory *memory)
{
    const volatile uint32_t *word = __stack_bottom;
    while (word < __stack_top && *word == PATTERN) {
        word++;
    }
    memory->stack_used = (uint32_t)((uintptr_t)__stack_top - (uintptr_t)word);
    memory->stack_size = distance(__stack_bottom, __stack_top);
    memory->flash = distance(__flash_origin, __flash_end);
    memory->ram = distance(__data_start, __bss_end);
}

uint8_t *bw_hal_spare(uint32_t *bytes)
{
    *bytes = distance(__spare_start, __ram_end);
    return __spare_start;
}
