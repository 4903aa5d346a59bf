// SPDX-License-Identifier: Apache-2.0
// What the core asks of the hardware. A port fills the struct: the host emulator with files and a
// pty, firmware with registers. Every writer may lose power half way; the core is written so that
// no such half write costs more than the operation it belonged to.
// Thread rule: all calls come from the one loop that calls bm_device_poll.
#pragma once

#include "board.h"
#include "element.h"

enum { BM_UID_MAX = 16, BM_SEED_MIN = 32, BM_SEED_MAX = 64 };

typedef struct bm_hal {
  void* ctx;
  const bm_board* board;
  uint8_t uid[BM_UID_MAX];
  size_t uid_size;

  // What this hardware lacks, so that the device never claims more than there is. Fuses in software
  // are bits of ordinary memory behind code that only sets them; the two locks then have their
  // software form alone.
  bool fuses_in_software;
  // The random source is a fixed sequence for tests: no key made from it is secret.
  bool random_is_test;

  // NOR flash is memory-mapped for reading, as a controller with execute-in-place does it.
  const uint8_t* flash;
  // Sets the block at `offset` (a multiple of BM_BLOCK) to 0xFF.
  bool (*flash_erase)(void* ctx, uint32_t offset);
  // Clears bits: the cell becomes old AND new.
  bool (*flash_program)(void* ctx, uint32_t offset, const uint8_t* data, size_t size);
  // Writes the flash's non-volatile protection register: bit n protects partition n.
  bool (*flash_protect)(void* ctx, uint8_t partition_mask);
  uint8_t (*flash_protection)(void* ctx);

  void (*fuse_read)(void* ctx, uint8_t out[BM_FUSE_BYTES]);
  // Blows one bit 0 -> 1; a blown bit stays.
  bool (*fuse_blow)(void* ctx, unsigned bit);

  // Non-volatile memory on the die that only privileged code of the device reads.
  void (*private_read)(void* ctx, uint32_t offset, uint8_t* out, size_t size);
  bool (*private_write)(void* ctx, uint32_t offset, const uint8_t* data, size_t size);

  // The raw hardware random source.
  bool (*random)(void* ctx, uint8_t* out, size_t size);

  // Returns how many bytes were waiting, at most `capacity`; never blocks.
  size_t (*console_rx)(void* ctx, uint8_t* out, size_t capacity);
  void (*console_tx)(void* ctx, const uint8_t* data, size_t size);

  // A secure element beside the processor that came with its key and certificate from its maker's
  // factory: what it says of itself, and its two commands. chip_uid is empty where there is none.
  bm_span chip_uid;
  bm_span chip_point;  // its public key, an uncompressed P-256 point
  bm_span chip_chain;  // a CBOR array of DER, its own certificate first; empty: it has none
  // Opens the element for good. The password is the same for a whole order and stands in the
  // firmware: it is no secret.
  bool (*chip_activate)(void* ctx, bm_span password);
  bool (*chip_active)(void* ctx);
  // Signs with the key that never leaves the element; fails until it was activated.
  bool (*chip_sign)(void* ctx, const uint8_t digest[32], uint8_t signature[64]);

  // A seed that the chip's maker put in before the chip was sold. seed_origin says where it is kept
  // ("fuses", "tpm", "secure-element", "puf"); NULL: there is none. seed_read gives its size.
  const char* seed_origin;
  size_t (*seed_read)(void* ctx, uint8_t out[BM_SEED_MAX]);
  // Entropy that the chip drew once by itself and keeps beside the seed: nobody else can derive its
  // key then. NULL: the seed alone is what keys come from.
  bool (*seed_own)(void* ctx, uint8_t out[32]);

  // A secure element behind the processor; NULL: there is none. What it points to outlives the
  // device.
  const bm_element* element;

  // A button, a jumper: whether somebody who has the device in hand holds it now. NULL: there is
  // none.
  bool (*presence)(void* ctx);

  // Opens the closed programmer's port until the next reset; NULL: what is closed stays closed.
  void (*port_unlock)(void* ctx);

  // Asks for a reset; the port calls bm_device_start again.
  void (*reset)(void* ctx);
  uint32_t (*millis)(void* ctx);
  // Seconds since 1970 by a clock that runs on without power; NULL: there is none.
  bool (*unix_seconds)(void* ctx, uint64_t* out);
} bm_hal;
