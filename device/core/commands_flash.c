// SPDX-License-Identifier: Apache-2.0
// Commands on flash, the self-test, and the two functions through which the core writes flash.
#include "internal.h"

enum { kMaxTransfer = 12288 };

static bool writable(bm_device* d, uint32_t offset, uint32_t size) {
  uint8_t fuses[BM_FUSE_BYTES];
  d->hal.fuse_read(d->hal.ctx, fuses);
  return bm_flash_write_allowed(d->hal.board, fuses, d->hal.flash_protection(d->hal.ctx), offset,
                                size);
}

bool bm_flash_put(bm_device* d, uint32_t offset, const uint8_t* data, size_t size) {
  return writable(d, offset, (uint32_t)size) &&
         d->hal.flash_program(d->hal.ctx, offset, data, size) &&
         memcmp(d->hal.flash + offset, data, size) == 0;
}

bool bm_flash_clear(bm_device* d, uint32_t offset, uint32_t size) {
  if (!writable(d, offset, size)) return false;
  for (uint32_t at = offset; at < offset + size; at += BM_BLOCK) {
    // An erase wears the block and takes long, so what is blank is left alone.
    if (bm_erased(bm_span_of(d->hal.flash + at, BM_BLOCK))) continue;
    if (!d->hal.flash_erase(d->hal.ctx, at)) return false;
  }
  return bm_erased(bm_span_of(d->hal.flash + offset, size));
}

static bm_status partition_argument(bm_device* d, bm_span args, bm_partition_id* id) {
  bm_span name;
  *id = bm_cbor_find_string(args, "partition", &name) ? bm_partition_find(d->hal.board, name)
                                                      : BM_NO_PARTITION;
  return *id == BM_NO_PARTITION ? bm_fail(d, BM_E_NOT_FOUND, "no partition of that name") : BM_OK;
}

// range_argument reads the optional "offset" and "size" within a partition.
static bm_status range_argument(bm_device* d, bm_span args, bm_partition_id id, uint64_t* offset,
                                uint64_t* size) {
  uint64_t whole = d->hal.board->partition[id].size;
  *offset = 0;
  bm_cbor_find_uint(args, "offset", offset);
  if (*offset > whole) return bm_fail(d, BM_E_RANGE, "the range leaves the partition");
  *size = whole - *offset;
  bm_cbor_find_uint(args, "size", size);
  return *size <= whole - *offset ? BM_OK
                                  : bm_fail(d, BM_E_RANGE, "the range leaves the partition");
}

bm_status bm_cmd_flash_write(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_partition_id id;
  uint64_t offset;
  uint64_t rest;
  bm_span data;
  bm_status status = partition_argument(d, args, &id);
  if (status == BM_OK) status = range_argument(d, args, id, &offset, &rest);
  if (status != BM_OK) return status;
  if (!bm_cbor_find_bytes(args, "data", &data) || data.n == 0 || data.n > rest) {
    return bm_fail(d, BM_E_RANGE, "\"data\" must be bytes that fit the partition");
  }
  uint32_t at = d->hal.board->partition[id].offset + (uint32_t)offset;
  if (!writable(d, at, (uint32_t)data.n)) {
    return bm_fail(d, BM_E_LOCKED, "the partition is write-protected");
  }
  // Programming only clears bits. What is already there needs no second programming, so a repeat
  // after a lost answer succeeds; anything else needs an erase first.
  const uint8_t* cell = d->hal.flash + at;
  for (size_t i = 0; i < data.n; i++) {
    if ((data.p[i] & ~cell[i]) != 0) {
      return bm_fail(d, BM_E_MISMATCH, "the flash is not blank there: erase first");
    }
  }
  bool same = memcmp(cell, data.p, data.n) == 0;
  if (!same && !bm_flash_put(d, at, data.p, data.n)) {
    return bm_fail(d, BM_E_HARDWARE, "the flash reads back wrong");
  }
  bm_cbor_entry_uint(out, "written", data.n);
  return BM_OK;
}

bm_status bm_cmd_flash_erase(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_partition_id id;
  bm_status status = partition_argument(d, args, &id);
  if (status != BM_OK) return status;
  // Removing the test image only closes a door, so any image may do it until the seal: after a
  // power cut in the middle of it, the production image finishes it.
  if (id != BM_TEST_IMAGE && !bm_factory_mode(d)) {
    return bm_factory_image(d)
               ? bm_fail(d, BM_E_LOCKED, "the identity lock is closed")
               : bm_fail(d, BM_E_NOT_FACTORY, "the running image has no factory commands");
  }
  const bm_partition* p = &d->hal.board->partition[id];
  if (!writable(d, p->offset, p->size)) {
    return bm_fail(d, BM_E_LOCKED, "the partition is write-protected");
  }
  if (!bm_flash_clear(d, p->offset, p->size)) {
    return bm_fail(d, BM_E_HARDWARE, "the flash does not read back blank");
  }
  uint8_t digest[BM_DIGEST];
  bm_sha256(bm_region(d, id), digest);
  bm_cbor_entry_bytes(out, "sha256", bm_span_of(digest, sizeof digest));
  bm_cbor_entry_bool(out, "erased", true);
  return BM_OK;
}

bm_status bm_cmd_flash_digest(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_partition_id id;
  uint64_t offset;
  uint64_t size;
  bm_status status = partition_argument(d, args, &id);
  if (status == BM_OK) status = range_argument(d, args, id, &offset, &size);
  if (status != BM_OK) return status;
  // A digest of a few chosen bytes would read a secret partition byte by byte.
  if (d->hal.board->partition[id].secret && size != d->hal.board->partition[id].size) {
    return bm_fail(d, BM_E_PRIVATE, "this partition is digested whole or not at all");
  }
  uint8_t digest[BM_DIGEST];
  bm_span range = bm_span_of(bm_region(d, id).p + offset, (size_t)size);
  bm_sha256(range, digest);
  bm_cbor_entry_bytes(out, "sha256", bm_span_of(digest, sizeof digest));
  bm_cbor_entry_bool(out, "erased", bm_erased(range));
  bm_cbor_entry_uint(out, "size", size);
  return BM_OK;
}

bm_status bm_cmd_flash_read(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_partition_id id;
  uint64_t offset;
  uint64_t size;
  bm_status status = partition_argument(d, args, &id);
  if (status == BM_OK) status = range_argument(d, args, id, &offset, &size);
  if (status != BM_OK) return status;
  if (d->hal.board->partition[id].secret) {
    return bm_fail(d, BM_E_PRIVATE, "this partition is never read out");
  }
  if (size > kMaxTransfer) return bm_fail(d, BM_E_TOO_LARGE, "ask for 12288 bytes at most");
  bm_cbor_entry_bytes(out, "data", bm_span_of(bm_region(d, id).p + offset, (size_t)size));
  return BM_OK;
}

// flash_pattern proves on the scratch block that erase sets all bits and programming only clears.
static bool flash_pattern(bm_device* d) {
  uint32_t at = d->hal.board->partition[BM_SCRATCH].offset;
  const uint8_t* cell = d->hal.flash + at;
  uint8_t pattern[64];
  if (!d->hal.flash_erase(d->hal.ctx, at) || !bm_erased(bm_span_of(cell, BM_BLOCK))) return false;
  memset(pattern, 0x55, sizeof pattern);
  if (!bm_flash_put(d, at, pattern, sizeof pattern)) return false;
  memset(pattern, 0xAA, sizeof pattern);
  if (!d->hal.flash_program(d->hal.ctx, at, pattern, sizeof pattern)) return false;
  for (size_t i = 0; i < sizeof pattern; i++) {
    if (cell[i] != 0) return false;
  }
  return d->hal.flash_erase(d->hal.ctx, at) && bm_erased(bm_span_of(cell, BM_BLOCK));
}

static bool fuses_sane(bm_device* d) {
  uint8_t first[BM_FUSE_BYTES];
  uint8_t second[BM_FUSE_BYTES];
  d->hal.fuse_read(d->hal.ctx, first);
  d->hal.fuse_read(d->hal.ctx, second);
  if (memcmp(first, second, sizeof first) != 0) return false;
  for (unsigned bit = BM_FUSE_USED; bit < BM_FUSE_BITS; bit++) {
    if (bm_fuse(first, bit)) return false;
  }
  return true;
}

bm_status bm_cmd_self_test(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_rng_test(d);
  bool flash = flash_pattern(d);
  bool fuses = fuses_sane(d);
  bm_cbor_entry_bool(out, "flash", flash);
  bm_cbor_entry_bool(out, "fuses", fuses);
  bm_cbor_entry_bool(out, "pass", flash && fuses && d->rng.pass);
  bm_cbor_put_text(out, "rng");
  bm_write_rng(d, out);
  return BM_OK;
}
