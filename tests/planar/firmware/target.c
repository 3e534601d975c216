/* The runner on an emulated Arm MPS2 or MPS3 board: cases linked in, text by semihosting.
 *
 * With -icount shift=10 an instruction takes 1024 ns of the board's time. MPS2: CMSDK timer 0
 * counts down at 25 MHz, 25.6 ticks an instruction. MPS3 (Cortex-M55): the counter of the FPGA's
 * I/O block counts up at 20 MHz, 20.48 ticks.
 */
#include <stddef.h>

#include "runner.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#ifdef __ARM_FEATURE_MVE
#define COUNTER()              REGISTER(0x59302018u)
#define START()                (REGISTER(0x5930201cu) = 0)
#define INSTRUCTIONS(from, to) ((uint32_t)((uint64_t)((to) - (from)) * 25u / 512u))
#else
#define COUNTER()              REGISTER(0x40000004u)
#define START()                (REGISTER(0x40000008u) = COUNTER() = UINT32_MAX, REGISTER(0x40000000u) = 1)
#define INSTRUCTIONS(from, to) ((uint32_t)((uint64_t)((from) - (to)) * 10u / 256u))
#endif
#define GUARD 0x5afe5afeu

extern uint32_t _estack[], _sdata[], _edata[], _sidata[], _sbss[], _ebss[];
extern const uint32_t bw_cases[];
int main(void);
void reset(void);

static uint32_t memory[256u * 1024u];

static int semihost(int operation, const void *argument)
{
    register int r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = argument;
    __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static void text(const char *s)
{
    semihost(4, s);
}

static void number(uint32_t v)
{
    char digits[12];
    char *p = digits + sizeof digits - 1;
    *p = 0;
    do {
        *--p = (char)('0' + v % 10u);
        v /= 10u;
    } while (v != 0);
    text(p);
}

static void leave(uint32_t reason)
{
    semihost(0x18, (const void *)(uintptr_t)reason);
    for (;;) {
    }
}

static void fault(void)
{
    text("fault\n");
    leave(0x20023u);
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {_estack,
                                                                             (void *)reset,
                                                                             (void *)fault,
                                                                             (void *)fault,
                                                                             (void *)fault,
                                                                             (void *)fault,
                                                                             (void *)fault,
                                                                             0,
                                                                             0,
                                                                             0,
                                                                             0,
                                                                             (void *)fault,
                                                                             0,
                                                                             0,
                                                                             (void *)fault,
                                                                             (void *)fault};

static __attribute__((noinline, noreturn)) void start(void)
{
    for (uint32_t *to = _sdata, *from = _sidata; to < _edata;) {
        *to++ = *from++;
    }
    for (uint32_t *to = _sbss; to < _ebss;) {
        *to++ = 0;
    }
    leave(main() == 0 ? 0x20026u : 0x20023u);
    for (;;) {
    }
}

void reset(void)
{
#ifdef __ARM_FEATURE_MVE
    REGISTER(0xe000ed88u) |= 0xfu << 20; /* coprocessors 10 and 11: the vector registers */
    __asm volatile("dsb\n isb" ::: "memory");
#endif
    start();
}

int main(void)
{
    const uint32_t *p = bw_cases;
    const uint32_t cases = *p++;
    START();
    for (uint32_t i = 0; i < cases; i++) {
        test_case c = {.kind = *p++};
        const uint32_t numbers = *p++;
        for (uint32_t k = 0; k < numbers; k++) {
            c.n[k] = *p++;
        }
        c.arrays = *p++;
        for (uint32_t k = 0; k < c.arrays; k++) {
            c.words[k] = *p++;
            c.array[k] = c.words[k] ? p : NULL;
            p += c.words[k];
        }
        const uint32_t last = c.arrays - 1u, words = c.words[last];
        const uint32_t used = words + 1u + (need(&c) + 3u) / 4u;
        if (used >= sizeof memory / sizeof *memory) {
            return 1;
        }
        for (uint32_t k = 0; k < words; k++) {
            memory[k] = 0xa5a5a5a5u;
        }
        memory[words] = memory[used] = GUARD;
        const uint32_t before = COUNTER();
        if (!run_case(&c, memory, memory + words + 1)) {
            return 1;
        }
        const uint32_t after = COUNTER();
        uint32_t wrong = memory[words] != GUARD || memory[used] != GUARD;
        for (uint32_t k = 0; k < words; k++) {
            wrong += memory[k] != c.array[last][k];
        }
        text("case ");
        number(i);
        text(" ");
        number(wrong);
        text(" ");
        number(INSTRUCTIONS(before, after));
        text("\n");
    }
    return 0;
}
