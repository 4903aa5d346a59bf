// SPDX-License-Identifier: Apache-2.0
// The non-volatile parts of a device that has one plain memory for all of them: NOR flash, fuses,
// the flash's protection register, the chip's id, private memory. Neither of QEMU's two memories
// keeps the rules of flash and fuses (both take any value over any other), so the rules are kept
// here, in software, and the device's report says so. Thread rule: one loop.
#pragma once

#include "device/core/board.h"

// Where each part is. Blank memory is all ones, so fuses and the register are kept inverted.
// src/line/qemu_device.cc makes images of this layout.
enum {
  NVM_FLASH_AT = 0,  // at most 2 MiB
  NVM_FUSES_AT = 0x200000,
  NVM_PROTECT_AT = NVM_FUSES_AT + BM_FUSE_BYTES,
  NVM_UID_SIZE_AT = NVM_FUSES_AT + 0x100,  // FF: this chip was given no id
  NVM_UID_AT,
  NVM_PRIVATE_AT = 0x210000,
  NVM_SIZE = 0x220000,
};

bool nvm_flash_erase(const bm_board* board, uint32_t offset);
bool nvm_flash_program(const bm_board* board, uint32_t offset, const uint8_t* data, size_t size);
bool nvm_flash_protect(uint8_t mask);
uint8_t nvm_flash_protection(void);
void nvm_fuse_read(uint8_t out[BM_FUSE_BYTES]);
bool nvm_fuse_blow(unsigned bit);
void nvm_private_read(uint32_t offset, uint8_t* out, size_t size);
bool nvm_private_write(uint32_t offset, const uint8_t* data, size_t size);
// nvm_uid copies the chip's id into `out` (16 bytes); returns its size, 0 when it has none.
size_t nvm_uid(uint8_t* out);
