// SPDX-License-Identifier: Apache-2.0
// The factory-data partition. On a board that makes its own keys it holds two cells a slot for the
// certificate chain: the newer valid cell counts, and a cell becomes valid by its head, programmed
// last. On a board whose identity arrives in the image it holds one "BMFD" record.
#include "internal.h"

enum {
  kCell = 2 * BM_BLOCK,
  kHead = 48,        // magic 4, sequence 4, size 4, zero 4, SHA-256 of the data
  kRecordHead = 40,  // magic 4, size 4, SHA-256 of the data
};

static uint32_t cell_offset(const bm_device* d, unsigned slot, unsigned copy) {
  return d->hal.board->partition[BM_FACTORY_DATA].offset + (2 * slot + copy) * kCell;
}

static bool cell_read(const bm_device* d, unsigned slot, unsigned copy, bm_span* data,
                      uint32_t* sequence) {
  const uint8_t* p = d->hal.flash + cell_offset(d, slot, copy);
  uint32_t size = bm_get_u32(p + 8);
  if (memcmp(p, "BMFC", 4) != 0 || size > kCell - kHead) return false;
  uint8_t digest[32];
  *data = bm_span_of(p + kHead, size);
  *sequence = bm_get_u32(p + 4);
  bm_sha256(*data, digest);
  return memcmp(digest, p + 16, sizeof digest) == 0;
}

// newest returns the copy that counts, -1 when neither is valid.
static int newest(const bm_device* d, unsigned slot, bm_span* data, uint32_t* sequence) {
  int found = -1;
  *sequence = 0;
  for (unsigned copy = 0; copy < 2; copy++) {
    bm_span candidate;
    uint32_t number;
    if (cell_read(d, slot, copy, &candidate, &number) && (found < 0 || number > *sequence)) {
      found = (int)copy;
      *data = candidate;
      *sequence = number;
    }
  }
  return found;
}

bool bm_factory_record(const bm_device* d, bm_span* map) {
  bm_span region = bm_region(d, BM_FACTORY_DATA);
  uint32_t size = bm_get_u32(region.p + 4);
  if (memcmp(region.p, "BMFD", 4) != 0 || size > region.n - kRecordHead) return false;
  uint8_t digest[32];
  *map = bm_span_of(region.p + kRecordHead, size);
  bm_sha256(*map, digest);
  return memcmp(digest, region.p + 8, sizeof digest) == 0 && bm_cbor_check(*map) &&
         bm_cbor_kind(*map) == BM_CBOR_MAP;
}

bool bm_chain_load(const bm_device* d, unsigned slot, bm_span* chain_cbor) {
  uint32_t sequence;
  return !d->hal.board->key_in_factory_data && newest(d, slot, chain_cbor, &sequence) >= 0 &&
         bm_cbor_check(*chain_cbor);
}

bool bm_chain_save(bm_device* d, unsigned slot, bm_span chain_cbor) {
  bm_span old;
  uint32_t sequence;
  int copy = newest(d, slot, &old, &sequence);
  if (copy >= 0 && bm_span_equal(old, chain_cbor)) return true;
  uint32_t offset = cell_offset(d, slot, copy == 0 ? 1 : 0);
  uint8_t head[kHead] = {'B', 'M', 'F', 'C'};
  bm_put_u32(head + 4, sequence + 1);
  bm_put_u32(head + 8, (uint32_t)chain_cbor.n);
  bm_sha256(chain_cbor, head + 16);
  return chain_cbor.n <= kCell - kHead && bm_flash_clear(d, offset, kCell) &&
         bm_flash_put(d, offset + kHead, chain_cbor.p, chain_cbor.n) &&
         bm_flash_put(d, offset, head, sizeof head);
}
