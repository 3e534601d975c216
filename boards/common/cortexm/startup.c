/* Reset: floating-point unit on, variables in place, main. */
#include "cortexm.h"

int main(int argc, char **argv);
void Reset_Handler(void);
void cm_fault_entry(void);

static void unexpected(void)
{
    __asm__ volatile("udf #1"); /* ends in the fault report, whose pc says so */
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t *stack;
    cm_vector handlers[15];
} vectors = {
    __stack_top,
    /* Reset, NMI, hard, memory, bus, usage; the others are never enabled. */
    {Reset_Handler, unexpected, cm_fault_entry, cm_fault_entry, cm_fault_entry, cm_fault_entry,
     unexpected, unexpected, unexpected, unexpected, unexpected, unexpected, unexpected, unexpected,
     unexpected},
};

/* Loops, not memcpy: the compiler must not call code that may not be there yet. */
__attribute__((optimize("no-tree-loop-distribute-patterns"))) void Reset_Handler(void)
{
#ifdef __ARM_FP
    CM_CPACR |= 0xFu << 20;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
#endif
    const uint32_t *from = __data_load;
    for (uint32_t *to = __data_start; to < __data_end; to++) {
        *to = *from;
        from++;
    }
    for (uint32_t *to = __bss_start; to < __bss_end; to++) {
        *to = 0;
    }
    (void)main(0, (char **)0);
    cm_system_reset();
}
