// SPDX-License-Identifier: Apache-2.0
// The test access port of the emulated chip: the sixteen states of IEEE 1149.1, an instruction
// register of five bits, and behind it IDCODE, BYPASS, the mailbox that running code of the device
// reads and writes, and the debug port. Whether the port is closed is sensed at reset; then only
// IDCODE and BYPASS are left. Leaves out how the pins are reached (bitbang.h).
// Thread rule: one loop owns the struct.
#pragma once

#include "debug_port.h"

typedef enum {
  TAP_RESET,
  TAP_IDLE,
  TAP_SELECT_DR,
  TAP_CAPTURE_DR,
  TAP_SHIFT_DR,
  TAP_EXIT1_DR,
  TAP_PAUSE_DR,
  TAP_EXIT2_DR,
  TAP_UPDATE_DR,
  TAP_SELECT_IR,
  TAP_CAPTURE_IR,
  TAP_SHIFT_IR,
  TAP_EXIT1_IR,
  TAP_PAUSE_IR,
  TAP_EXIT2_IR,
  TAP_UPDATE_IR,
} tap_state;

enum { MAILBOX_CAPACITY = 16384 };

// One direction of the mailbox: bytes in their order.
typedef struct {
  uint8_t bytes[MAILBOX_CAPACITY];
  size_t at;
  size_t size;
} mailbox_queue;

typedef struct {
  debug_port* debug;
  bool closed;
  tap_state state;
  uint8_t ir;
  uint8_t ir_shift;
  uint8_t dr[BM_DATA_BYTES];
  unsigned dr_bits;
  unsigned dr_at;  // the register is a ring: the next bit out, and the place of the next bit in
  bool tck;
  bool tdo;

  mailbox_queue to_device;
  mailbox_queue to_station;
  unsigned captured;  // bytes of to_station that the capture showed

  // The debug port's transfer: what an operation left to read, or the range still to program.
  bm_span reading;
  uint32_t program_at;
  uint32_t program_left;
  uint8_t status;
} tap;

// tap_sense is the chip's reset: it looks whether the port is closed for good. The state machine
// stays where the probe believes it to be.
void tap_sense(tap* t);
// tap_reset is the reset of the test logic alone: power-on and TRST.
void tap_reset(tap* t);
// tap_pins sets the three inputs; the state machine moves with the rising edge of `tck`, `tdo`
// with the falling one.
void tap_pins(tap* t, bool tck, bool tms, bool tdi);

// mailbox_take and mailbox_put are the device's side: registers that running code reads and writes.
// Put gives how many bytes had room.
size_t mailbox_take(tap* t, uint8_t* out, size_t capacity);
size_t mailbox_put(tap* t, const uint8_t* data, size_t size);
