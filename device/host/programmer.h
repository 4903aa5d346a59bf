// SPDX-License-Identifier: Apache-2.0
// The programmer's port: the debug port over a unix socket, as a probe has it with the CPU held. It
// needs no firmware. The operations are in docs/formats/station-protocol.md section 6.
#pragma once

#include "debug_port.h"

enum { PROGRAMMER_MAX_DATA = 65536 };

typedef struct {
  debug_port* debug;
  int listener;    // -1: this device has no such port
  int connection;  // -1: nobody is connected
  uint8_t buffer[9 + PROGRAMMER_MAX_DATA];
  size_t size;
} programmer;

// programmer_listen opens the socket at `path`; false when it cannot.
bool programmer_listen(programmer* p, debug_port* debug, const char* path);
void programmer_accept(programmer* p);
// programmer_serve handles what has arrived.
void programmer_serve(programmer* p);
