// SPDX-License-Identifier: Apache-2.0
// QEMU's mps2-an385, a Cortex-M3: UART 0, the board's 100 Hz counter, PSRAM that QEMU keeps in a
// file as non-volatile memory. This machine has no random source at all. The one here is a fixed
// sequence, for runs of the protocol and the cryptography only; the device says "test" about it,
// and a station issues no identity for a key made from it.
// Source: CMSDK TRM (ARM DDI 0479) 4.3 (UART); AN385 (ARM DAI 0385) 3.2, 4.5; ARMv7-M (ARM DDI
// 0403) B3.2.
#include "port.h"

#define REG(address) (*(volatile uint32_t*)(address))

enum {
  kUart = 0x40004000,
  kUartData = kUart,
  kUartState = kUart + 4,
  kUartTxFull = 1,
  kUartRxFull = 2,
  kUartControl = kUart + 8,
  kUartInterrupt = kUart + 0xC,
  kUartDivider = kUart + 0x10,
  kCounter100Hz = 0x40028014,
  kPsram = 0x21000000,
};
#define NVIC_ENABLE REG(0xE000E100)
#define NVIC_FORGET REG(0xE000E280)
#define APPLICATION_RESET REG(0xE000ED0C)

const bool port_random_is_test = true;

extern uint32_t stack_top[];
extern uint32_t data_start[];
extern uint32_t data_end[];
extern uint32_t data_load[];
extern uint32_t bss_start[];
extern uint32_t bss_end[];
int main(void);
void start(void);

void start(void) {
  memcpy(data_start, data_load, (size_t)((uint8_t*)data_end - (uint8_t*)data_start));
  memset(bss_start, 0, (size_t)((uint8_t*)bss_end - (uint8_t*)bss_start));
  main();
}

// A fault stops the core: the station sees a device that does not answer.
static void fault(void) {
  for (;;) __asm__ volatile("wfi");
}

__attribute__((section(".vectors"), used)) static void (*const kVectors[16])(void) = {
    (void (*)(void))stack_top, start, fault, fault, fault, fault, fault};

void port_start(void) {
  __asm__ volatile("cpsid i" ::: "memory");
  REG(kUartDivider) = 217;                  // 25 MHz / 115200
  REG(kUartControl) = 1 | 1 << 1 | 1 << 3;  // send, receive, interrupt on receive
  (void)REG(kUartData);  // tells QEMU's UART, too, that it may deliver from now on
  NVIC_ENABLE = 1;
}

const uint8_t* port_nvm(void) { return (const uint8_t*)kPsram; }

bool port_nvm_store(uint32_t at, const uint8_t* data, size_t n) {
  memcpy((uint8_t*)kPsram + at, data, n);
  return true;
}

bool port_random(uint8_t* out, size_t n) {
  static uint64_t state;
  for (size_t i = 0; i < n; i++) {
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    out[i] = (uint8_t)(z ^ z >> 31);
  }
  return true;
}

size_t port_console_rx(uint8_t* out, size_t capacity) {
  size_t n = 0;
  while (n < capacity && (REG(kUartState) & kUartRxFull) != 0) out[n++] = (uint8_t)REG(kUartData);
  return n;
}

void port_console_tx(const uint8_t* data, size_t n) {
  for (size_t i = 0; i < n; i++) {
    while ((REG(kUartState) & kUartTxFull) != 0) {
    }
    REG(kUartData) = data[i];
  }
}

void port_arm(void) {
  REG(kUartInterrupt) = 2;
  NVIC_FORGET = 1;
}

// PRIMASK keeps the handler away; a pending interrupt ends the wait all the same (B1.5.17).
void port_wait(void) { __asm__ volatile("dsb\n wfi" ::: "memory"); }

uint32_t port_millis(void) { return REG(kCounter100Hz) * 10; }

void port_reset(void) {
  while ((REG(kUartState) & kUartTxFull) != 0) {
  }
  APPLICATION_RESET = 0x05FA0004;
  for (;;) {
  }
}
