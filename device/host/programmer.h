// SPDX-License-Identifier: Apache-2.0
// The programmer's port: out-of-band access to flash and fuses over a unix socket, as a probe has
// it over JTAG or SWD with the CPU held. It needs no firmware, and it answers nothing but "closed"
// once the port-lock or the seal is blown. It cannot reach private memory. The operations are in
// docs/formats/station-protocol.md.
#pragma once

#include "nvm.h"

enum { PROGRAMMER_MAX_DATA = 65536 };

typedef struct {
  nvm* parts;
  int listener;    // -1: this device has no such port
  int connection;  // -1: nobody is connected
  bool held;       // the CPU is held since the first operation
  uint8_t buffer[9 + PROGRAMMER_MAX_DATA];
  size_t size;
} programmer;

// programmer_listen opens the socket at `path`; false when it cannot.
bool programmer_listen(programmer* p, nvm* parts, const char* path);
void programmer_accept(programmer* p);
// programmer_serve handles what has arrived. Returns true when the CPU is let go and has to reset.
bool programmer_serve(programmer* p);
