/* Faults on purpose. */
#include "bw_hal.h"
#include "cortexm.h"
#include "fault_line.h"

#define NO_MEMORY 0xE8000000u /* vendor space that no part here decodes */

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
        (void)fault_overflow_stack(0);
        break;
    case BW_HAL_FAULT_ASSERT:
        bw_hal_panic("assertion");
    }
}
