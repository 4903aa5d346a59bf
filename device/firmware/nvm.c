// SPDX-License-Identifier: Apache-2.0
#include "nvm.h"

#include "device/core/hal.h"
#include "port.h"

static bool writable(const bm_board* board, uint32_t offset, size_t size) {
  uint8_t fuses[BM_FUSE_BYTES];
  nvm_fuse_read(fuses);
  return size <= board->flash_size &&
         bm_flash_write_allowed(board, fuses, nvm_flash_protection(), offset, (uint32_t)size);
}

bool nvm_flash_erase(const bm_board* board, uint32_t offset) {
  static const uint8_t kBlank[16] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                     0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  uint8_t block[BM_BLOCK];
  if (offset % BM_BLOCK != 0 || !writable(board, offset, BM_BLOCK)) return false;
  for (size_t i = 0; i < sizeof block; i += sizeof kBlank) memcpy(block + i, kBlank, sizeof kBlank);
  return port_nvm_store(NVM_FLASH_AT + offset, block, sizeof block);
}

bool nvm_flash_program(const bm_board* board, uint32_t offset, const uint8_t* data, size_t size) {
  uint8_t cells[512];
  if (!writable(board, offset, size)) return false;
  const uint8_t* old = port_nvm() + NVM_FLASH_AT + offset;
  for (size_t done = 0; done < size;) {
    size_t n = size - done < sizeof cells ? size - done : sizeof cells;
    for (size_t i = 0; i < n; i++) cells[i] = old[done + i] & data[done + i];
    if (!port_nvm_store(NVM_FLASH_AT + offset + (uint32_t)done, cells, n)) return false;
    done += n;
  }
  return true;
}

bool nvm_flash_protect(uint8_t mask) {
  uint8_t kept = (uint8_t)~mask;
  return port_nvm_store(NVM_PROTECT_AT, &kept, 1);
}

uint8_t nvm_flash_protection(void) { return (uint8_t)~port_nvm()[NVM_PROTECT_AT]; }

void nvm_fuse_read(uint8_t out[BM_FUSE_BYTES]) {
  for (size_t i = 0; i < BM_FUSE_BYTES; i++) out[i] = (uint8_t)~port_nvm()[NVM_FUSES_AT + i];
}

// A fuse here is a bit of ordinary memory that this function alone writes, and only to one value.
bool nvm_fuse_blow(unsigned bit) {
  uint8_t fuses[BM_FUSE_BYTES];
  nvm_fuse_read(fuses);
  if (bit >= BM_FUSE_BITS || !bm_fuse_blow_allowed(fuses, bit)) return false;
  uint8_t kept = (uint8_t)~(fuses[bit / 8] | 0x80u >> bit % 8);
  return port_nvm_store(NVM_FUSES_AT + bit / 8, &kept, 1);
}

void nvm_private_read(uint32_t offset, uint8_t* out, size_t size) {
  memcpy(out, port_nvm() + NVM_PRIVATE_AT + offset, size);
}

bool nvm_private_write(uint32_t offset, const uint8_t* data, size_t size) {
  if (offset > BM_PRIVATE_BYTES || size > BM_PRIVATE_BYTES - offset) return false;
  return port_nvm_store(NVM_PRIVATE_AT + offset, data, size);
}

size_t nvm_uid(uint8_t* out) {
  size_t n = port_nvm()[NVM_UID_SIZE_AT];
  if (n > BM_UID_MAX) return 0;
  memcpy(out, port_nvm() + NVM_UID_AT, n);
  return n;
}
