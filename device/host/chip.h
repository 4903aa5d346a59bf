// SPDX-License-Identifier: Apache-2.0
// The emulated secure element of another maker, as it comes from that maker's factory: a file
// "element" in the device's state folder with its identifier, key, certificates and password
// (docs/sapodilla.md). Without the file the board has no such element.
#pragma once

#include "device/core/hal.h"

enum { CHIP_CHAIN = 8000, CHIP_PASSWORD = 64 };

typedef struct {
  char path[512];
  uint8_t uid[BM_UID_MAX];
  size_t uid_size;
  uint8_t key[32];
  uint8_t point[65];
  uint8_t chain[CHIP_CHAIN];  // a CBOR array
  size_t chain_size;
  char password[CHIP_PASSWORD + 1];
  bool active;
} chip;

// chip_open reads the element, if there is one. Returns NULL, or what is wrong.
const char* chip_open(chip* c, const char* folder);
bool chip_activate(chip* c, bm_span password);
bool chip_sign(chip* c, const uint8_t digest[32], uint8_t signature[64]);
