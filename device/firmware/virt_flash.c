// SPDX-License-Identifier: Apache-2.0
// Bank 1 of virt's flash: two 16-bit chips of the Intel command set side by side, kept by QEMU in
// a file. QEMU's chips store what they are given instead of clearing bits, so a byte can be set
// again without an erase of its 256 KiB sector: nvm.c relies on that, and keeps the rules itself.
// Source: Common Flash Interface, primary command set 1 (write to buffer, read array).
#include "port.h"

enum {
  kBank = 0x04000000,
  kBuffer = 2048,  // bytes of both chips' write buffers
  kWriteToBuffer = 0x00E800E8,
  kConfirm = 0x00D000D0,
  kReadArray = 0x00FF00FF,
  kReady = 0x00800080,
  kFailed = 0x001A001A,  // program error, low voltage, protected
};

const uint8_t* port_nvm(void) { return (const uint8_t*)kBank; }

// The barrier keeps commands and data apart: normal memory may be written in any order.
static void put(volatile uint32_t* at, uint32_t value) {
  *at = value;
  __asm__ volatile("dsb" ::: "memory");
}

static uint32_t when_ready(volatile uint32_t* at) {
  uint32_t status;
  do {
    status = *at;
  } while ((status & kReady) != kReady);
  return status;
}

// write_words programs words that lie within one buffer.
static bool write_words(volatile uint32_t* at, const uint32_t* words, uint32_t n) {
  put(at, kWriteToBuffer);
  when_ready(at);
  put(at, (n - 1) << 16 | (n - 1));
  for (uint32_t i = 0; i < n; i++) put(at + i, words[i]);
  put(at, kConfirm);
  bool good = (when_ready(at) & kFailed) == 0;
  put(at, kReadArray);
  return good;
}

bool port_nvm_store(uint32_t at, const uint8_t* data, size_t n) {
  uint32_t words[kBuffer / 4];
  while (n > 0) {
    size_t part = kBuffer - at % kBuffer;
    if (part > n) part = n;
    uint32_t first = at & ~3u;
    uint32_t size = ((at + (uint32_t)part + 3) & ~3u) - first;
    memcpy(words, port_nvm() + first, size);
    memcpy((uint8_t*)words + (at - first), data, part);
    if (memcmp(port_nvm() + first, words, size) != 0 &&
        !write_words((volatile uint32_t*)(kBank + first), words, size / 4)) {
      return false;
    }
    at += (uint32_t)part;
    data += part;
    n -= part;
  }
  return true;
}
