// SPDX-License-Identifier: Apache-2.0
// The emulated chip's seed, as its maker puts it in before the chip is sold: a file "seed" in the
// device's state folder, written once and never again. Without the file the chip has no seed.
#pragma once

#include "device/core/hal.h"

typedef struct {
  char origin[16];  // where a real chip would keep it; "": there is none
  uint8_t seed[BM_SEED_MAX];
  size_t size;
  bool mixes;  // the chip drew entropy of its own, which nobody was told
  uint8_t own[32];
} chip_seed;

// chip_seed_open reads the chip's seed. Where `file` names one (32 to 64 octets, as they are or in
// hexadecimal), it is put in first; a chip that has another one is refused. Returns NULL, or what
// is wrong.
const char* chip_seed_open(chip_seed* s, const char* folder, const char* file, const char* origin,
                           bool mixes);
