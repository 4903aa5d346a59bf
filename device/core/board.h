// SPDX-License-Identifier: Apache-2.0
// What differs between boards, as const tables: partitions, where the identity lives, the fuse
// map. The write-protection rule is here too, because hardware (the programmer's port) and firmware
// (the console) must obey the same one. Thread rule: const data only.
#pragma once

#include "span.h"

enum {
  BM_BLOCK = 4096,
  BM_FUSE_BITS = 1024,
  BM_FUSE_BYTES = BM_FUSE_BITS / 8,
  BM_PRIVATE_BYTES = 4096,
  BM_DIGEST = 32,
};

typedef enum {
  BM_FIRST_STAGE,
  BM_SECOND_STAGE,
  BM_APPLICATION,
  BM_TEST_IMAGE,
  BM_FACTORY_DATA,
  BM_STORE,
  BM_SCRATCH,
  BM_TAM,
  BM_TAM_STORE,      // the anchors the TAM has changed
  BM_APPLICATION_B,  // the other buffer of an update
  BM_PARTITIONS,
  BM_NO_PARTITION = BM_PARTITIONS,
} bm_partition_id;

// Fuse bits. The map is part of docs/formats/station-protocol.md.
enum {
  BM_FUSE_BOOT_ANCHOR =
      0,  // 256 bits: SHA-256 of the boot anchor's SPKI DER, bit 0 = 0x80 of byte 0
  BM_FUSE_SECURE_BOOT = 256,
  BM_FUSE_IDENTITY_LOCK = 257,
  BM_FUSE_FIRST_STAGE_LOCK = 258,
  BM_FUSE_PORT_LOCK = 259,
  BM_FUSE_SEAL = 260,
  BM_FUSE_RETIRE = 264,  // 4 bits: each raises the lowest first-stage version the ROM accepts by 1
  BM_FUSE_RETIRE_BITS = 4,
  BM_FUSE_USED = 268,
};

typedef struct {
  const char* name;
  uint32_t offset;
  uint32_t size;
  bool internal;  // on the die; false: an external spi-nor chip
  bool secret;    // never read out by the console
} bm_partition;

typedef struct bm_board {
  const char* name;
  uint32_t flash_size;
  bm_partition partition[BM_PARTITIONS];
  // The identity keys are made outside and arrive in factory-data (bamboo); otherwise they are made
  // here and kept in private memory (avocado).
  bool key_in_factory_data;
  // An erased second stage is skipped and the first stage verifies the application.
  bool second_stage_optional;
  // Where the owner's certificates are kept, in no partition: two cells (voucher.c). size 0:
  // nowhere.
  uint32_t owner_offset;
  uint32_t owner_size;
} bm_board;

// bm_board_find returns the board of that name, NULL if there is none.
const bm_board* bm_board_find(bm_span name);

// bm_partition_find returns the index of the partition of that name, BM_NO_PARTITION if none.
bm_partition_id bm_partition_find(const bm_board* board, bm_span name);

static inline bool bm_fuse(const uint8_t fuses[BM_FUSE_BYTES], unsigned bit) {
  return (fuses[bit / 8] & (0x80u >> (bit % 8))) != 0;
}

// bm_fuse_find returns the bit of a single-bit fuse by name, -1 if there is none of that name.
int bm_fuse_find(bm_span name);

// bm_fuse_blow_allowed tells whether the fuse array itself still takes that bit: the boot anchor's
// digest is frozen by the secure-boot bit, unassigned bits are not connected.
bool bm_fuse_blow_allowed(const uint8_t fuses[BM_FUSE_BYTES], unsigned bit);

// bm_flash_write_allowed tells whether the flash controller lets [offset, offset+size) be erased or
// programmed, given the fuses and the flash chip's own status register (one bit a partition).
bool bm_flash_write_allowed(const bm_board* board, const uint8_t fuses[BM_FUSE_BYTES],
                            uint8_t protect_mask, uint32_t offset, uint32_t size);

// bm_port_open tells whether the programmer's port still answers.
bool bm_port_open(const uint8_t fuses[BM_FUSE_BYTES]);
