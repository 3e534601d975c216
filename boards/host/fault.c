/* Crashes of the process, reported like those of a board: one line on the serial port, status 70.
 *
 * Under AddressSanitizer the handlers stay out of its way: its own report says more.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unistd.h>

#include "bw_hal.h"
#include "fault_line.h"
#include "host.h"

/* A fault this near to the stack pointer is the stack's own: a guard page and a large frame. */
#define STACK_REACH 65536u

static const int crashes[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};

typedef struct {
    uint64_t pc, lr, sp;
} registers;

static _Noreturn void report(const char *name, registers r, uint64_t address)
{
    static fault_line line;
    static const char end[] = "\r\ne-[fault]\r\n";
    fault_line_begin(&line, name);
    fault_line_register(&line, "pc", r.pc);
    if (r.lr != 0) {
        fault_line_register(&line, "lr", r.lr);
    }
    fault_line_register(&line, "addr", address);
    fault_line_end(&line);
    line_send(line.text, line.used);
    line_send(end, sizeof end - 1u);
    line_drain();
    _exit(FAULT_EXIT);
}

/* Of the interrupted code; zeros on a machine that is not known here. x86-64 has no link register:
 * what lies on top of the stack is a return address only at a function's first instruction, and
 * lr stays 0. */
static registers interrupted(const ucontext_t *context)
{
    registers r = {0, 0, 0};
#if defined(__x86_64__)
    r.pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
    r.sp = (uint64_t)context->uc_mcontext.gregs[REG_RSP];
#elif defined(__aarch64__)
    r.pc = context->uc_mcontext.pc;
    r.lr = context->uc_mcontext.regs[30];
    r.sp = context->uc_mcontext.sp;
#else
    (void)context;
#endif
    return r;
}

static const char *name_of(int number, uint64_t address, uint64_t sp)
{
    switch (number) {
    case SIGILL:
    case SIGTRAP:
        return "undefined-instruction";
    case SIGBUS:
        return "bus-fault";
    case SIGFPE:
        return "arithmetic-fault";
    default:
        return address + STACK_REACH > sp && address < sp + STACK_REACH ? "stack-overflow"
                                                                        : "memory-fault";
    }
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    const registers r = interrupted(context);
    const uint64_t address = number == SIGSEGV || number == SIGBUS ? (uintptr_t)info->si_addr : 0;
    report(name_of(number, address, r.sp), r, address);
}

void faults_init(void)
{
#ifndef __SANITIZE_ADDRESS__
    static _Alignas(16) uint8_t stack[16384]; /* the ordinary one may be what broke */
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    (void)sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        (void)sigaction(crashes[i], &action, NULL);
    }
#else
    (void)crashes;
    (void)on_crash;
#endif
    /* A peer that hangs up shows as an error of write. */
    (void)signal(SIGPIPE, SIG_IGN);
}

const char *bw_hal_last_fault(void)
{
    return NULL; /* a process remembers nothing of the one before */
}

void bw_hal_panic(const char *name)
{
    report(name, (registers){(uintptr_t)__builtin_return_address(0), 0, 0}, 0);
}

void bw_hal_provoke(bw_hal_fault_kind kind)
{
    volatile uintptr_t nowhere = 16;
    switch (kind) {
    case BW_HAL_FAULT_UNDEFINED:
        __builtin_trap();
    case BW_HAL_FAULT_ADDRESS:
        (void)*(volatile uint32_t *)nowhere;
        break;
    case BW_HAL_FAULT_STACK:
        (void)fault_overflow_stack(0);
        break;
    case BW_HAL_FAULT_ASSERT:
        bw_hal_panic("assertion");
    }
}
