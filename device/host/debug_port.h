// SPDX-License-Identifier: Apache-2.0
// The debug port of the emulated chip: its flash controller and its fuses, worked from outside with
// the CPU held. Both ways in end here: the programmer's socket and the TAP. It answers nothing but
// "closed" once the port-lock or the seal is blown, and it cannot reach private memory. A port that
// was unlocked reads no secret partition: a workshop that repairs a device is not given its keys.
#pragma once

#include "device/core/jtag.h"
#include "nvm.h"

typedef struct {
  nvm* parts;
  bool held;      // the CPU is held since the first operation
  bool reset;     // the CPU was let go and has to reset; the loop clears it
  bool unlocked;  // the firmware opened what the fuses closed, until the next reset
  uint8_t answer[1 + BM_UID_MAX + 4 + 32];
} debug_port;

// debug_run does one operation and returns its status; `out` is what it answers, valid until the
// next. A program compares what it wrote. `data` has `length` bytes for BM_DEBUG_PROGRAM only.
uint8_t debug_run(debug_port* d, uint8_t op, uint32_t address, uint32_t length, const uint8_t* data,
                  bm_span* out);

// debug_open tells whether the port answers: the fuses leave it open, or the firmware opened it.
bool debug_open(const debug_port* d);

// debug_check tells whether the operation may begin: open port, range inside the flash,
// nothing secret.
uint8_t debug_check(const debug_port* d, uint8_t op, uint32_t address, uint32_t length);

// debug_detach is the probe pulled off: a held CPU is let go.
void debug_detach(debug_port* d);
