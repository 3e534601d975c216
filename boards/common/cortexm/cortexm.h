/* What every Cortex-M board shares: start-up, stack, faults, semihosting. A board's own files
 * supply the functions of the second half.
 *
 * Register addresses: Armv7-M Architecture Reference Manual, B3.2.
 */
#ifndef BITWAKE_BOARDS_CORTEXM_H
#define BITWAKE_BOARDS_CORTEXM_H

#include <stdbool.h>
#include <stdint.h>

#define CM_REG(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define CM_NVIC_ISER    (&CM_REG(0xE000E100u))
#define CM_AIRCR        CM_REG(0xE000ED0Cu)
#define CM_SHCSR        CM_REG(0xE000ED24u)
#define CM_CFSR         CM_REG(0xE000ED28u)
#define CM_HFSR         CM_REG(0xE000ED2Cu)
#define CM_MMFAR        CM_REG(0xE000ED34u)
#define CM_BFAR         CM_REG(0xE000ED38u)
#define CM_CPACR        CM_REG(0xE000ED88u)
#define CM_DEMCR        CM_REG(0xE000EDFCu)
#define CM_DWT_CTRL     CM_REG(0xE0001000u)
#define CM_DWT_CYCCNT   CM_REG(0xE0001004u)

/* Symbols of link.ld; only their addresses mean something. */
extern uint32_t __stack_bottom[], __stack_top[];
extern uint32_t __data_load[], __data_start[], __data_end[], __bss_start[], __bss_end[];
extern uint8_t __flash_origin[], __flash_end[], __spare_start[], __ram_end[], __text_end[];

/* Turns fault handlers on; call once early. */
void cm_faults_init(void);

/* Ends the emulator with a status by semihosting SYS_EXIT_EXTENDED; without a debugger on silicon
 * this would be a fault itself. */
_Noreturn void cm_semihosting_exit(uint32_t status);

_Noreturn void cm_system_reset(void);

/* ---- supplied by the board ---- */

/* Interrupt vectors after the sixteen of the core, placed in section .vectors.irq by the board. */

/* Sends one byte without interrupts, in any state of the machine; used by the fault report. */
void board_put_polled(uint8_t byte);

bool board_emulated(void);

/* Busy-waits about this long on silicon. */
void board_delay_ms(uint32_t ms);

#endif
