// SPDX-License-Identifier: Apache-2.0
// Private memory: a key cell, and two banks of which one holds the state, encrypted and
// authenticated under that key. A save writes the other bank, reads it back, then scrubs the old
// one, so a power cut leaves either the old state or the new one and no key of the past.
#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

#include "internal.h"

enum {
  kKeyAt = 0,
  kKeyMark = 4,
  kKeySize = 32,
  kBankAt = 1024,
  kBankSize = 1024,
  kNonceAt = 8,
  kNonceSize = 12,
  kTagAt = 20,
  kTagSize = 16,
  kStateAt = 36,
  kBankUsed = kStateAt + sizeof(bm_private_state),
};

_Static_assert(kBankUsed <= kBankSize, "the state fits a bank");
_Static_assert(kBankAt + 2 * kBankSize <= BM_PRIVATE_BYTES, "two banks fit private memory");

static const uint8_t kKeyMagic[kKeyMark] = {'B', 'M', 'P', 'K'};
static const uint8_t kBankMagic[4] = {'B', 'M', 'P', 'S'};

void bm_wipe(void* p, size_t n) { mbedtls_platform_zeroize(p, n); }

static uint32_t bank_at(unsigned bank) { return kBankAt + bank * kBankSize; }

// The state has grown only at its end: a bank that an older core wrote holds the first part of it,
// and what came later begins as zeros, which every such member takes for "never used".
static const size_t kStateSizes[] = {
    sizeof(bm_private_state), offsetof(bm_private_state, update),  // before updates and the TAM
    offsetof(bm_private_state, symmetric),  // before secrets that are no key pair
};

// seal turns the state into a bank's bytes, or back when `open`.
static bool seal(bm_device* d, uint8_t bank[kBankUsed], size_t size, bool open) {
  uint8_t key[kKeySize];
  d->hal.private_read(d->hal.ctx, kKeyAt + kKeyMark, key, sizeof key);
  mbedtls_gcm_context gcm;
  mbedtls_gcm_init(&gcm);
  bool good = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 256) == 0;
  if (good && open) {
    good = mbedtls_gcm_auth_decrypt(&gcm, size, bank + kNonceAt, kNonceSize, bank, 8, bank + kTagAt,
                                    kTagSize, bank + kStateAt, (uint8_t*)&d->state) == 0;
  } else if (good) {
    good = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, size, bank + kNonceAt, kNonceSize,
                                     bank, 8, (const uint8_t*)&d->state, bank + kStateAt, kTagSize,
                                     bank + kTagAt) == 0;
  }
  mbedtls_gcm_free(&gcm);
  bm_wipe(key, sizeof key);
  return good;
}

static bool key_marked(bm_device* d) {
  uint8_t mark[kKeyMark];
  d->hal.private_read(d->hal.ctx, kKeyAt, mark, sizeof mark);
  return memcmp(mark, kKeyMagic, sizeof mark) == 0;
}

// open_bank reads one bank into the state; false leaves the state wiped.
static bool open_bank(bm_device* d, unsigned bank, uint32_t* sequence) {
  uint8_t bytes[kBankUsed];
  d->hal.private_read(d->hal.ctx, bank_at(bank), bytes, sizeof bytes);
  *sequence = bm_get_u32(bytes + 4);
  bm_wipe(&d->state, sizeof d->state);
  if (memcmp(bytes, kBankMagic, sizeof kBankMagic) != 0) return false;
  bool good = false;
  for (size_t i = 0; i < sizeof kStateSizes / sizeof kStateSizes[0] && !good; i++) {
    bm_wipe(&d->state, sizeof d->state);
    good = seal(d, bytes, kStateSizes[i], true) && d->state.format == 1;
  }
  if (!good) bm_wipe(&d->state, sizeof d->state);
  return good;
}

void bm_private_load(bm_device* d) {
  bm_wipe(&d->state, sizeof d->state);
  d->private_sequence = 0;
  d->private_bank = 1;
  d->private_health = BM_PRIVATE_EMPTY;
  if (!key_marked(d)) return;
  uint32_t sequence[2];
  bool valid[2];
  for (unsigned bank = 0; bank < 2; bank++) valid[bank] = open_bank(d, bank, &sequence[bank]);
  if (!valid[0] && !valid[1]) {
    // The mark is written after the first bank, so this is damage and never a fresh device.
    d->private_health = BM_PRIVATE_DAMAGED;
    return;
  }
  unsigned newest = valid[1] && (!valid[0] || sequence[1] > sequence[0]) ? 1 : 0;
  if (!open_bank(d, newest, &d->private_sequence)) return;
  d->private_bank = newest;
  d->private_health = BM_PRIVATE_READY;
}

static bool write_bank(bm_device* d) {
  unsigned bank = 1 - d->private_bank;
  uint8_t bytes[kBankUsed];
  uint8_t back[kBankUsed];
  memcpy(bytes, kBankMagic, sizeof kBankMagic);
  bm_put_u32(bytes + 4, d->private_sequence + 1);
  // A random nonce: after a torn write the same sequence number seals another state.
  if (bm_rng_fill(d, bytes + kNonceAt, kNonceSize) != 0 ||
      !seal(d, bytes, sizeof d->state, false)) {
    return false;
  }
  if (!d->hal.private_write(d->hal.ctx, bank_at(bank), bytes, sizeof bytes)) return false;
  d->hal.private_read(d->hal.ctx, bank_at(bank), back, sizeof back);
  if (memcmp(bytes, back, sizeof bytes) != 0) return false;
  d->private_bank = bank;
  d->private_sequence++;
  return true;
}

bool bm_private_save(bm_device* d) {
  if (d->private_health != BM_PRIVATE_READY || !write_bank(d)) {
    bm_private_load(d);
    return false;
  }
  uint8_t zero[kBankUsed];
  memset(zero, 0, sizeof zero);
  return d->hal.private_write(d->hal.ctx, bank_at(1 - d->private_bank), zero, sizeof zero);
}

bool bm_private_initialise(bm_device* d) {
  uint8_t key[kKeySize];
  if (d->private_health != BM_PRIVATE_EMPTY) return false;
  bool good = bm_rng_fill(d, key, sizeof key) == 0 &&
              d->hal.private_write(d->hal.ctx, kKeyAt + kKeyMark, key, sizeof key);
  bm_wipe(key, sizeof key);
  memset(&d->state, 0, sizeof d->state);
  d->state.format = 1;
  d->private_bank = 1;
  d->private_sequence = 0;
  good = good && write_bank(d) &&
         d->hal.private_write(d->hal.ctx, kKeyAt, kKeyMagic, sizeof kKeyMagic);
  bm_private_load(d);
  return good && d->private_health == BM_PRIVATE_READY;
}
