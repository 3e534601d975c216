/* STM32F405: registers used here. Source: ST RM0090, STM32F405 reference manual. */
#ifndef BITWAKE_BOARDS_NETDUINO2PLUS_H
#define BITWAKE_BOARDS_NETDUINO2PLUS_H

#include "cortexm.h"

#define RCC_CR      CM_REG(0x40023800u)
#define RCC_PLLCFGR CM_REG(0x40023804u)
#define RCC_CFGR    CM_REG(0x40023808u)
#define RCC_AHB1ENR CM_REG(0x40023830u)
#define RCC_APB1ENR CM_REG(0x40023840u)
#define RCC_APB2ENR CM_REG(0x40023844u)
#define FLASH_ACR   CM_REG(0x40023C00u)
#define GPIOA_MODER CM_REG(0x40020000u)
#define GPIOA_AFRH  CM_REG(0x40020024u)
#define TIM2_CR1    CM_REG(0x40000000u)
#define TIM2_EGR    CM_REG(0x40000014u)
#define TIM2_CNT    CM_REG(0x40000024u)
#define TIM2_PSC    CM_REG(0x40000028u)
#define TIM2_ARR    CM_REG(0x4000002Cu)
#define USART1_SR   CM_REG(0x40011000u)
#define USART1_DR   CM_REG(0x40011004u)
#define USART1_BRR  CM_REG(0x40011008u)
#define USART1_CR1  CM_REG(0x4001100Cu)
#define USART1_IRQ  37u

/* Clock of USART1 in hertz; set by clock_init, as is board_core_hz. */
extern uint32_t board_usart1_hz;

/* 168 MHz from the internal 16 MHz oscillator, or 16 MHz if the PLL does not lock. */
void clock_init(void);
void ticks_init(void);
void serial_init(void);

#endif
