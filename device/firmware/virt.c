// SPDX-License-Identifier: Apache-2.0
// QEMU's "virt" machine with a Cortex-A15: UART (PL011), interrupt controller (GICv2), generic
// timer, MMU. Flash and random source are in virt_flash.c and virt_rng.c. Addresses and interrupt
// numbers are the machine's own map; the firmware does not read the device tree.
// Source: PL011 TRM (ARM DDI 0183) chapter 3; GIC architecture v2 (ARM IHI 0048) chapter 4;
// ARM DDI 0406 B3.5 (short descriptors), B8 (generic timer); PSCI (ARM DEN 0022) 5.11.
#include "port.h"

#define REG(address) (*(volatile uint32_t*)(address))

enum {
  kUart = 0x09000000,
  kUartData = kUart,
  kUartFlags = kUart + 0x18,
  kUartTxFull = 1 << 5,
  kUartRxEmpty = 1 << 4,
  kUartLine = kUart + 0x2C,
  kUartControl = kUart + 0x30,
  kUartMask = kUart + 0x38,
  kUartRxInterrupts = 1 << 4 | 1 << 6,
  kUartSpi = 33,
  kGicDistributor = 0x08000000,
  kGicCpu = 0x08010000,
};

// ---- memory: a flat map, so that RAM and flash are normal memory (unaligned reads are defined
// there) and a null pointer faults.
static uint32_t table[4096] __attribute__((aligned(16384)));

enum {
  kSection = 2 | 3 << 10,  // a 1 MiB section, read and write
  kNormal = kSection | 1 << 12 | 1 << 3 | 1 << 2,
  kUncached = kSection | 1 << 12 | 1 << 4,  // never executed
  kDevice = kSection | 1 << 2 | 1 << 4,
};

static void map(uint32_t from, uint32_t megabytes, uint32_t kind) {
  for (uint32_t i = 0; i < megabytes; i++) table[(from >> 20) + i] = (from + (i << 20)) | kind;
}

static void mmu_on(void) {
  map(0x04000000, 64, kUncached);  // flash bank 1
  map(0x08000000, 128, kDevice);
  map(0x40000000, 64, kNormal);
  __asm__ volatile(
      "mcr p15, 0, %0, c2, c0, 0\n"  // TTBR0
      "mcr p15, 0, %1, c2, c0, 2\n"  // TTBCR: the short format, all from TTBR0
      "mcr p15, 0, %2, c3, c0, 0\n"  // domain 0: check permissions
      "mcr p15, 0, %1, c8, c7, 0\n"  // forget old translations
      "dsb\n isb\n"
      "mrc p15, 0, r0, c1, c0, 0\n"
      "orr r0, r0, %3\n"
      "mcr p15, 0, r0, c1, c0, 0\n isb" ::"r"(table),
      "r"(0), "r"(1), "r"(1 | 1 << 2 | 1 << 12)  // MMU, data and instruction caches
      : "r0", "memory");
}

void port_start(void) {
  mmu_on();
  REG(kUartControl) = 0;
  REG(kUartLine) = 3 << 5 | 1 << 4;  // 8 bits, FIFOs
  REG(kUartMask) = kUartRxInterrupts;
  REG(kUartControl) = 1 << 9 | 1 << 8 | 1;
  REG(kGicDistributor + 0x100 + kUartSpi / 32 * 4) = 1u << kUartSpi % 32;
  REG(kGicDistributor) = 1;
  REG(kGicCpu + 4) = 0xF0;  // every priority
  REG(kGicCpu) = 1;
}

size_t port_console_rx(uint8_t* out, size_t capacity) {
  size_t n = 0;
  while (n < capacity && (REG(kUartFlags) & kUartRxEmpty) == 0) out[n++] = (uint8_t)REG(kUartData);
  return n;
}

void port_console_tx(const uint8_t* data, size_t n) {
  for (size_t i = 0; i < n; i++) {
    while ((REG(kUartFlags) & kUartTxFull) != 0) {
    }
    REG(kUartData) = data[i];
  }
}

// The interrupt is a level: it is there as long as bytes are waiting.
void port_arm(void) {}

// Interrupts stay masked; one that is pending ends the wait all the same (ARM DDI 0406 B1.8.14).
void port_wait(void) { __asm__ volatile("dsb\n wfi" ::: "memory"); }

uint32_t port_millis(void) {
  uint32_t per_second;
  uint32_t low;
  uint32_t high;
  __asm__ volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(per_second));
  __asm__ volatile("isb\n mrrc p15, 1, %0, %1, c14" : "=r"(low), "=r"(high));
  return (uint32_t)(((uint64_t)high << 32 | low) / (per_second / 1000));
}

void port_reset(void) {
  register uint32_t function __asm__("r0") = 0x84000009;  // SYSTEM_RESET
  __asm__ volatile(".arch_extension virt\n hvc #0" ::"r"(function) : "memory");
  for (;;) {
  }
}
