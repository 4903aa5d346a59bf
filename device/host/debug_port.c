// SPDX-License-Identifier: Apache-2.0
#include "debug_port.h"

static bool whole_blocks(uint32_t address, uint32_t length) {
  return address % BM_BLOCK == 0 && length % BM_BLOCK == 0;
}

bool debug_open(const debug_port* d) { return d->unlocked || bm_port_open(d->parts->fuses); }

static bool is_secret(const bm_board* board, uint32_t address, uint32_t length) {
  for (unsigned i = 0; i < BM_PARTITIONS; i++) {
    const bm_partition* p = &board->partition[i];
    if (p->secret && address < p->offset + p->size && p->offset < address + length) return true;
  }
  return false;
}

uint8_t debug_check(const debug_port* d, uint8_t op, uint32_t address, uint32_t length) {
  if (!debug_open(d)) return BM_DEBUG_CLOSED;
  uint32_t flash = d->parts->board->flash_size;
  switch (op) {
    case BM_DEBUG_ERASE:
      if (!whole_blocks(address, length)) return BM_DEBUG_RANGE;
      break;
    case BM_DEBUG_READ:
    case BM_DEBUG_PROGRAM:
    case BM_DEBUG_BLANK:
      if (address > flash || length > flash - address) return BM_DEBUG_RANGE;
      if (!bm_port_open(d->parts->fuses) && is_secret(d->parts->board, address, length)) {
        return BM_DEBUG_PROTECTED;
      }
      break;
    case BM_DEBUG_INFO:
    case BM_DEBUG_BLOW:
    case BM_DEBUG_READ_FUSES:
    case BM_DEBUG_RESET:
      return BM_DEBUG_DONE;
    default:
      return BM_DEBUG_UNKNOWN;
  }
  return address > flash || length > flash - address ? BM_DEBUG_RANGE : BM_DEBUG_DONE;
}

static uint8_t erase(nvm* parts, uint32_t address, uint32_t length) {
  for (uint32_t at = address; at < address + length; at += BM_BLOCK) {
    if (!nvm_flash_erase(parts, at)) return BM_DEBUG_PROTECTED;
  }
  return BM_DEBUG_DONE;
}

static uint8_t program(nvm* parts, uint32_t address, const uint8_t* data, uint32_t length) {
  if (!nvm_flash_program(parts, address, data, length)) return BM_DEBUG_PROTECTED;
  return memcmp(parts->flash + address, data, length) == 0 ? BM_DEBUG_DONE : BM_DEBUG_FAILED;
}

static uint8_t blank(const nvm* parts, uint32_t address, uint32_t length) {
  for (uint32_t i = 0; i < length; i++) {
    if (parts->flash[address + i] != 0xFF) return BM_DEBUG_NOT_BLANK;
  }
  return BM_DEBUG_DONE;
}

static bm_span info(debug_port* d) {
  const nvm* parts = d->parts;
  size_t n = 1u + parts->fuses[NVM_UID_SIZE_AT];
  memcpy(d->answer, parts->fuses + NVM_UID_SIZE_AT, n);
  bm_put_u32(d->answer + n, parts->board->flash_size);
  n += 4;
  size_t name = strlen(parts->board->name);
  memcpy(d->answer + n, parts->board->name, name);
  return bm_span_of(d->answer, n + name);
}

uint8_t debug_run(debug_port* d, uint8_t op, uint32_t address, uint32_t length, const uint8_t* data,
                  bm_span* out) {
  *out = bm_span_none();
  uint8_t status = debug_check(d, op, address, length);
  if (status == BM_DEBUG_CLOSED) return status;
  d->held = true;
  if (status != BM_DEBUG_DONE) return status;
  switch (op) {
    case BM_DEBUG_INFO:
      *out = info(d);
      break;
    case BM_DEBUG_READ:
      *out = bm_span_of(d->parts->flash + address, length);
      break;
    case BM_DEBUG_READ_FUSES:
      *out = bm_span_of(d->parts->fuses, BM_FUSE_BYTES);
      break;
    case BM_DEBUG_ERASE:
      return erase(d->parts, address, length);
    case BM_DEBUG_PROGRAM:
      return program(d->parts, address, data, length);
    case BM_DEBUG_BLANK:
      return blank(d->parts, address, length);
    case BM_DEBUG_BLOW:
      return nvm_fuse_blow(d->parts, address) ? BM_DEBUG_DONE : BM_DEBUG_PROTECTED;
    default:  // reset: debug_check knows no other
      d->held = false;
      d->reset = true;
  }
  return BM_DEBUG_DONE;
}

void debug_detach(debug_port* d) {
  if (d->held) d->reset = true;
  d->held = false;
}
