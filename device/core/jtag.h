// SPDX-License-Identifier: Apache-2.0
// The test access port of a device, as numbers that both ends need: instructions, register widths,
// operations of the debug port (docs/formats/station-protocol.md sections 6 and 9). Leaves out the
// state machine: that is IEEE 1149.1's. Thread rule: const data only.
#pragma once

enum {
  BM_TAP_IDCODE_VALUE = 0x1B17E001,  // version 1, part 0xB17E, no manufacturer; bit 0 is always 1
  BM_TAP_IR_BITS = 5,
  BM_TAP_IR_CAPTURE = 0x01,  // IEEE 1149.1: the two lowest captured bits are 01
};

// Instructions. Each other value selects BYPASS, as IEEE 1149.1 wants it.
enum {
  BM_TAP_IDCODE = 0x01,
  BM_TAP_MAILBOX = 0x10,
  BM_TAP_CONTROL = 0x14,
  BM_TAP_DATA = 0x15,
  BM_TAP_BYPASS = 0x1F,
};

// MAILBOX, lowest byte first. Captured: a mark, how many bytes the device has put there, how many
// it still takes (255: that many or more), the bytes. Updated: another mark, how many bytes the
// station puts there, flag 1 = the captured ones were taken, the bytes. The marks tell a mailbox
// from BYPASS, which gives back what went in, one bit late.
enum {
  BM_MAILBOX_HERE = 0xA5,
  BM_MAILBOX_WRITE = 0x5A,
  BM_MAILBOX_TAKEN = 1,
  BM_MAILBOX_HEAD = 3,
  BM_MAILBOX_DATA = 64,
  BM_MAILBOX_BYTES = BM_MAILBOX_HEAD + BM_MAILBOX_DATA,
};

// CONTROL, lowest byte first. Updated: operation (0: none), u32 address, u32 length. Captured:
// status of what was done last, u32 bytes that wait in DATA, u32 zero.
enum { BM_CONTROL_BYTES = 9 };
// DATA is one page: of a read, the next one is captured; of a program, an update writes it.
enum { BM_DATA_BYTES = 256 };

// Operations of the debug port, and what they end with. The same on the programmer's socket.
enum {
  BM_DEBUG_INFO = 1,
  BM_DEBUG_READ = 2,
  BM_DEBUG_ERASE = 3,
  BM_DEBUG_PROGRAM = 4,
  BM_DEBUG_BLOW = 5,
  BM_DEBUG_READ_FUSES = 6,
  BM_DEBUG_RESET = 7,
  BM_DEBUG_BLANK = 8,
};
enum {
  BM_DEBUG_DONE = 0,
  BM_DEBUG_CLOSED = 1,
  BM_DEBUG_RANGE = 2,
  BM_DEBUG_PROTECTED = 3,
  BM_DEBUG_FAILED = 4,
  BM_DEBUG_UNKNOWN = 5,
  BM_DEBUG_NOT_BLANK = 6,
};
