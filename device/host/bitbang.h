// SPDX-License-Identifier: Apache-2.0
// The pins of the TAP behind a socket, in the bytes of OpenOCD's remote_bitbang driver: a digit
// sets TCK, TMS and TDI, `R` reads TDO, r s t u set TRST and SRST. One probe at a time.
#pragma once

#include "tap.h"

typedef struct {
  tap* port;
  int listener;    // -1: this device has no TAP
  int connection;  // -1: nobody is connected
  bool srst;       // the chip is held in reset
} bitbang;

// bitbang_listen opens the socket at `path`; false when it cannot.
bool bitbang_listen(bitbang* b, tap* t, const char* path);
void bitbang_accept(bitbang* b);
// bitbang_serve handles what has arrived.
void bitbang_serve(bitbang* b);

// bitbang_feed takes bytes of a probe and gives the answers, at most one a byte, into `out`. False:
// the probe said good-bye, or something that is no byte of this language.
bool bitbang_feed(bitbang* b, const uint8_t* in, size_t size, uint8_t* out, size_t* answers);
