// SPDX-License-Identifier: Apache-2.0
// The emulated serial console: a raw pty, with the faults a long cable has, on request.
#pragma once

#include "device/core/span.h"

typedef struct {
  int master;
  int slave;  // kept open, so that a station may come and go
  char path[64];
  double noise;         // probability that a byte is changed, in both directions
  uint64_t seed;        // of the noise, nothing else
  uint64_t cut_frame;   // this outgoing frame is cut in half; 0: none
  uint64_t drop_frame;  // this outgoing frame is lost; 0: none
  uint64_t frames;
  uint64_t boot_log;  // this many bytes of text are printed at each boot, before the first frame
  // A receiver with so many bytes of FIFO (0: no limit), emptied at so many bytes a millisecond;
  // what finds it full is lost.
  uint64_t fifo;
  uint64_t rate;
  uint64_t level_us;  // how long it takes to empty what is in the FIFO, in microseconds
  uint64_t read_at;
} console_pty;

bool console_open(console_pty* c);
size_t console_read(console_pty* c, uint8_t* out, size_t capacity);
void console_write(console_pty* c, const uint8_t* data, size_t size);
// console_boot_log prints what a boot loader prints, with the frames' own delimiters in it.
void console_boot_log(console_pty* c);
