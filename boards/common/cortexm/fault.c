/* The fault report: one line on the serial port, kept over a reset for the next boot's banner.
 *
 * Works with a broken stack: it has its own, prints by polling and uses nothing of the app.
 * Register bits: Armv7-M Architecture Reference Manual, B3.2.15 and B3.2.16.
 */
#include "bw_hal.h"
#include "cortexm.h"
#include "fault_line.h"

#define KEPT_MAGIC  0xFA017E57u
#define FRAME_WORDS 8u                   /* r0-r3, r12, lr, pc, xpsr, pushed by the core */
#define STACKING    (1u << 4 | 1u << 12) /* CFSR: MSTKERR, STKERR */
#define MMAR_VALID  (1u << 7)
#define BFAR_VALID  (1u << 15)
#define STACK_WORDS 128u

static __attribute__((section(".noinit"))) struct {
    uint32_t magic;
    fault_line line;
} kept;

static bool kept_is_ours;

/* Not static: cm_fault_entry names it. */
uint32_t cm_fault_stack[STACK_WORDS] __attribute__((aligned(8)));

typedef struct {
    const char *name;
    uint32_t pc, lr, xpsr;
} fault;

static void put_line(const char *text)
{
    while (*text != '\0') {
        board_put_polled((uint8_t)*text);
        text++;
    }
    board_put_polled('\r');
    board_put_polled('\n');
}

#ifdef __ARM_ARCH_6M__
/* The core knows one fault and does not say why. */
static uint32_t status(void)
{
    return 0;
}

static void add_status(fault_line *line)
{
    (void)line;
}
#else
static uint32_t status(void)
{
    return CM_CFSR;
}

static void add_status(fault_line *line)
{
    const uint32_t cfsr = CM_CFSR;
    const uint32_t address = (cfsr & BFAR_VALID) != 0   ? CM_BFAR
                             : (cfsr & MMAR_VALID) != 0 ? CM_MMFAR
                                                        : 0;
    fault_line_register(line, "cfsr", cfsr);
    fault_line_register(line, "hfsr", CM_HFSR);
    fault_line_register(line, "addr", address);
}
#endif

/* 0 stands for unknown. */
static void add_known(fault_line *line, const char *name, uint32_t value)
{
    if (value != 0) {
        fault_line_register(line, name, value);
    }
}

static _Noreturn void report(const fault *f)
{
    fault_line_begin(&kept.line, f->name);
    add_known(&kept.line, "pc", f->pc);
    add_known(&kept.line, "lr", f->lr);
    add_status(&kept.line);
    add_known(&kept.line, "xpsr", f->xpsr);
    fault_line_end(&kept.line);
    kept.magic = KEPT_MAGIC;
    put_line(kept.line.text);
    put_line("e-[fault]");
    if (board_emulated()) {
        cm_semihosting_exit(FAULT_EXIT);
    }
    board_delay_ms(1000);
    cm_system_reset();
}

/* Whether execution can return to `word`: a Thumb address in code, behind a call. Call
 * instructions: BLX register 0100 0111 1xxx x000; BL 1111 0xxx xxxx xxxx 11x1 xxxx xxxx xxxx. */
static bool is_return_address(uint32_t word)
{
    if ((word & 1u) == 0 || word < (uintptr_t)__text_start + 4u || word >= (uintptr_t)__text_end) {
        return false;
    }
    const uint16_t *next = (const uint16_t *)(uintptr_t)(word - 1u);
    return (next[-1] & 0xFF87u) == 0x4780u ||
           ((next[-2] & 0xF800u) == 0xF000u && (next[-1] & 0xD000u) == 0xD000u);
}

/* The lowest return address in an overflown stack: into the function that ate it. */
static uint32_t deepest_return_address(void)
{
    for (const uint32_t *word = __stack_bottom; word < __stack_top; word++) {
        if (is_return_address(*word)) {
            return *word;
        }
    }
    return 0;
}

static const char *name_of(uint32_t exception, uint32_t cfsr)
{
    if ((cfsr & 0xFFFF0000u) != 0) {
        return "usage-fault";
    }
    if ((cfsr & 0xFF00u) != 0) {
        return "bus-fault";
    }
    if ((cfsr & 0xFFu) != 0) {
        return "memory-fault";
    }
    return exception == 3u ? "hard-fault" : "unexpected-exception";
}

/* `frame`: what the core pushed, if it could. */
__attribute__((used)) _Noreturn void cm_fault_report(const uint32_t *frame)
{
    fault f = {"stack-overflow", 0, 0, 0};
    uint32_t exception;
    __asm__ volatile("mrs %0, ipsr" : "=r"(exception));
    const bool whole = (uintptr_t)frame >= (uintptr_t)__stack_bottom &&
                       (uintptr_t)frame <= (uintptr_t)__stack_top - 4u * FRAME_WORDS;
    if (whole && (status() & STACKING) == 0) {
        f.name = name_of(exception, status());
        f.lr = frame[5];
        f.pc = frame[6];
        f.xpsr = frame[7];
    } else {
        /* Nothing was pushed, so pc is lost. */
        f.lr = deepest_return_address();
    }
    report(&f);
}

/* Leaves the stack, which may be what broke, before any C runs. */
__attribute__((naked)) void cm_fault_entry(void);
__attribute__((naked)) void cm_fault_entry(void)
{
    __asm__ volatile("cpsid i\n\t"
                     "mrs r0, msp\n\t"
                     "ldr r1, =cm_fault_stack + %c0\n\t"
                     "msr msp, r1\n\t"
                     "ldr r2, =cm_fault_report\n\t"
                     "bx r2\n\t"
                     ".ltorg" ::"i"(STACK_WORDS * 4u));
}

void cm_faults_init(void)
{
    kept_is_ours = kept.magic == KEPT_MAGIC;
    kept.line.text[FAULT_LINE_LENGTH - 1u] = '\0';
    kept.magic = 0;
#ifndef __ARM_ARCH_6M__
    CM_SHCSR |= 7u << 16; /* memory, bus and usage faults apart from the hard fault */
#endif
}

const char *bw_hal_last_fault(void)
{
    return kept_is_ours ? kept.line.text : (const char *)0;
}

void bw_hal_panic(const char *name)
{
    const fault f = {name, (uint32_t)(uintptr_t)__builtin_return_address(0), 0, 0};
    report(&f);
}

void cm_semihosting_exit(uint32_t status)
{
    const uint32_t block[2] = {0x20026u /* ADP_Stopped_ApplicationExit */, status};
    register uint32_t operation __asm__("r0") = 0x20u; /* SYS_EXIT_EXTENDED */
    register const void *argument __asm__("r1") = block;
    __asm__ volatile("bkpt 0xAB" : "+r"(operation) : "r"(argument) : "memory");
    for (;;) {
    }
}

void cm_system_reset(void)
{
    __asm__ volatile("dsb" ::: "memory");
    CM_AIRCR = 0x05FA0004u; /* key, SYSRESETREQ */
    for (;;) {
    }
}
