/* Faults on purpose. */
#include "bw_hal.h"
#include "cortexm.h"

#define NO_MEMORY 0xC0000000u /* external device space that no part here decodes */

/* The volatile array stays alive over the inner call, so that it cannot become a loop. */
static __attribute__((noinline)) uint32_t recurse(uint32_t depth) // NOLINT(misc-no-recursion)
{
    volatile uint32_t frame[16];
    frame[depth % 16u] = depth;
    const uint32_t below = depth == UINT32_MAX ? 0 : recurse(depth + 1u);
    return below + frame[depth % 16u];
}

void bw_hal_provoke(bw_hal_fault_kind kind)
{
    switch (kind) {
    case BW_HAL_FAULT_UNDEFINED:
        __asm__ volatile("udf #0");
        break;
    case BW_HAL_FAULT_ADDRESS:
        (void)CM_REG(NO_MEMORY);
        break;
    case BW_HAL_FAULT_STACK:
        (void)recurse(0);
        break;
    case BW_HAL_FAULT_ASSERT:
        bw_hal_panic("assertion");
    }
}
