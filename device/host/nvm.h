// SPDX-License-Identifier: Apache-2.0
// The emulated non-volatile parts of one device: fuses, NOR flash, private memory, each a mapped
// file in the state folder. Fuses only blow, flash is erased in blocks and programmed by clearing
// bits, and power can be made to go in the middle of the n-th write.
// Leaves out the firmware; both the core's HAL and the programmer's port use this.
#pragma once

#include "device/core/hal.h"

typedef struct {
  const bm_board* board;
  uint8_t* fuses;  // BM_FUSE_BYTES of fuses, then the flash's protection register, then the uid
  uint8_t* flash;
  uint8_t* private_memory;
  uint64_t writes;
  uint64_t cut_after;  // 0: never
} nvm;

enum {
  NVM_PROTECT_AT = BM_FUSE_BYTES,
  NVM_UID_SIZE_AT,
  NVM_UID_AT,
  NVM_FUSE_FILE = BM_FUSE_BYTES + 32
};

// nvm_open maps the state in `folder`, making a blank device where there is none. `uid` may be
// empty: a new device then draws one. Returns NULL, or what is wrong.
const char* nvm_open(nvm* n, const bm_board* board, const char* folder, bm_span uid);

bool nvm_flash_erase(nvm* n, uint32_t offset);
bool nvm_flash_program(nvm* n, uint32_t offset, const uint8_t* data, size_t size);
bool nvm_flash_protect(nvm* n, uint8_t mask);
bool nvm_fuse_blow(nvm* n, unsigned bit);
bool nvm_private_write(nvm* n, uint32_t offset, const uint8_t* data, size_t size);
// nvm_random fills from getrandom(2); a device's keys are never made from --seed.
bool nvm_random(uint8_t* out, size_t size);
