/* What every Cortex-M board shares: start-up, stack, faults, serial line, semihosting. A board's
 * own files supply the functions of the second half.
 *
 * Register addresses: Armv7-M Architecture Reference Manual, B3.2. An Armv6-M core has no fault
 * status registers and no cycle counter.
 */
#ifndef BITWAKE_BOARDS_CORTEXM_H
#define BITWAKE_BOARDS_CORTEXM_H

#include <stdbool.h>
#include <stdint.h>

#define CM_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define CM_NVIC_ISER    (&CM_REG(0xE000E100u))
#define CM_NVIC_ICER    (&CM_REG(0xE000E180u))
#define CM_AIRCR        CM_REG(0xE000ED0Cu)
#define CM_SHCSR        CM_REG(0xE000ED24u)
#define CM_CFSR         CM_REG(0xE000ED28u)
#define CM_HFSR         CM_REG(0xE000ED2Cu)
#define CM_MMFAR        CM_REG(0xE000ED34u)
#define CM_BFAR         CM_REG(0xE000ED38u)
#define CM_CPACR        CM_REG(0xE000ED88u)
#define CM_MPU_CTRL     CM_REG(0xE000ED94u)
#define CM_MPU_RNR      CM_REG(0xE000ED98u)
#define CM_MPU_RBAR     CM_REG(0xE000ED9Cu)
#define CM_MPU_RASR     CM_REG(0xE000EDA0u)
#define CM_DEMCR        CM_REG(0xE000EDFCu)
#define CM_DWT_CTRL     CM_REG(0xE0001000u)
#define CM_DWT_CYCCNT   CM_REG(0xE0001004u)

/* Symbols of link.ld; only their addresses mean something. */
extern uint32_t __stack_bottom[], __stack_top[];
extern uint32_t __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[];
extern uint8_t __flash_origin[], __flash_end[], __spare_start[], __ram_end[];
extern uint8_t __text_start[], __text_end[];

/* An entry of the vector table. A board places its interrupts, those behind the core's sixteen, in
 * section .vectors.irq as an array of these; entry 0 is interrupt 0. */
typedef void (*cm_vector)(void);

/* Turns fault handlers on; call once early. */
void cm_faults_init(void);

/* Ends the emulator with a status by semihosting SYS_EXIT_EXTENDED; without a debugger on silicon
 * this would be a fault itself. */
_Noreturn void cm_semihosting_exit(uint32_t status);

_Noreturn void cm_system_reset(void);

/* Forbids all access to 2^log2_size bytes at `base`, a multiple of that size of at least 4096: for
 * boards on which an overflown stack would find memory. Armv7-M with a memory protection unit. */
void cm_guard(uint32_t base, uint32_t log2_size);

/* For the board's receive interrupt: stores a byte. Not to be called when full: the interrupt then
 * turns itself off by cm_receive(false), the emulator waits until there is room again, and silicon
 * drops what comes. */
void cm_line_received(uint8_t byte);
bool cm_line_full(void);
void cm_receive(bool on);

/* ---- supplied by the board ---- */

/* Clock of the core in hertz; without meaning on a board that is always emulated. */
extern uint32_t board_core_hz;

/* Sends one byte without interrupts, in any state of the machine; used by the fault report. Waits,
 * but not for ever. */
void board_put_polled(uint8_t byte);

/* Number of the interrupt that calls cm_line_received. */
extern const uint32_t board_receive_irq;

bool board_emulated(void);

/* Busy-waits about this long on silicon. */
void board_delay_ms(uint32_t ms);

#endif
