// SPDX-License-Identifier: Apache-2.0
// What one machine gives the firmware: a UART, a clock, a random source, bytes that outlast the
// power. One of virt*.c and mps2.c is linked. Thread rule: one core, no interrupt handlers; an
// interrupt only ends port_wait.
#pragma once

#include "device/core/span.h"

// port_start brings up the UART and what wakes port_wait.
void port_start(void);

// port_nvm is the non-volatile memory as it is mapped for reading (nvm.h has its layout).
const uint8_t* port_nvm(void);
// port_nvm_store makes the n bytes at `at` hold `data`, whatever was there. The rules of flash and
// fuses are not the port's: see nvm.c.
bool port_nvm_store(uint32_t at, const uint8_t* data, size_t n);

// port_random draws from the random source; false when there is none or it does not answer.
bool port_random(uint8_t* out, size_t n);
// port_random_is_test tells that the source is a fixed sequence, so that no key made from it is
// secret.
extern const bool port_random_is_test;

size_t port_console_rx(uint8_t* out, size_t capacity);
void port_console_tx(const uint8_t* data, size_t n);

// port_arm forgets wake-ups of the past; port_wait sleeps until a byte has arrived since.
void port_arm(void);
void port_wait(void);

uint32_t port_millis(void);
_Noreturn void port_reset(void);
