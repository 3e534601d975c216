/* Source: Armv7-M Architecture Reference Manual, B3.5, memory protection. */
#include "cortexm.h"

#define REGION_ON      1u
#define NEVER_EXECUTE  (1u << 28)
#define MPU_ON         1u
#define OTHERS_ALLOWED (1u << 2) /* PRIVDEFENA: what no region covers is as without the unit */

void cm_guard(uint32_t base, uint32_t log2_size)
{
    CM_MPU_RNR = 0;
    CM_MPU_RBAR = base;
    CM_MPU_RASR = REGION_ON | (log2_size - 1u) << 1 | NEVER_EXECUTE; /* access bits 0: none */
    CM_MPU_CTRL = MPU_ON | OTHERS_ALLOWED;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}
