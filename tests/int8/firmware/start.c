/* Start of a program on an emulated Cortex-M, and its two words to the outside: text and the end,
 * both through semihosting. The emulator loads every section to its place; only .bss is cleared. */
#include <stdint.h>

extern uint32_t stack_top[], bss_start[], bss_end[];
int main(void);

static int call(int what, const void *argument)
{
    register int r0 __asm("r0") = what;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void say(const char *text)
{
    call(4, text);
}

void leave(int status)
{
    const uint32_t reason[2] = {0x20026u, (uint32_t)status};
    call(0x20, reason);
    for (;;) {
    }
}

void start(void)
{
    *(volatile uint32_t *)0xE000ED88u |= 0xFu << 20; /* coprocessors: FPU, MVE */
#if defined(__ARM_FEATURE_MVE)
    *(volatile uint32_t *)0xE000ED14u |= 1u << 19; /* low-overhead loops */
#endif
    __asm volatile("dsb\n isb");
    for (uint32_t *p = bss_start; p < bss_end; p++) {
        *p = 0;
    }
    leave(main());
}

static void fault(void)
{
    say("fault\n");
    leave(1);
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_top,     (void *)start, (void *)fault, (void *)fault,
    (void *)fault, (void *)fault, (void *)fault, (void *)fault,
};
