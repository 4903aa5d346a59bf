// SPDX-License-Identifier: Apache-2.0
// Secrets that are no key pair of the device's own making: a symmetric secret, a password, a key
// shared by a batch. They come in over the console and never leave; what answers a question about
// them is a check value, or whether a guess was right.
#include <mbedtls/md.h>

#include "internal.h"
#include "protocol.h"

enum {
  kSymmetricMin = 16,
  kPasswordMin = 8,
  kPasswordMax = 64,
  // Enough to slow a reader of this memory down; the passwords made by the line have 80 bits and
  // would do without.
  kIterations = 10000,
};

bool bm_hmac_sha256(bm_span key, const bm_span* parts, size_t count, uint8_t out[BM_DIGEST]) {
  mbedtls_md_context_t md;
  mbedtls_md_init(&md);
  bool good = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1) == 0 &&
              mbedtls_md_hmac_starts(&md, key.p, key.n) == 0;
  for (size_t i = 0; good && i < count; i++) {
    good = parts[i].n == 0 || mbedtls_md_hmac_update(&md, parts[i].p, parts[i].n) == 0;
  }
  good = good && mbedtls_md_hmac_finish(&md, out) == 0;
  mbedtls_md_free(&md);
  return good;
}

// pbkdf2 is RFC 8018 section 5.2 with HMAC-SHA-256 and an output of one block.
static bool pbkdf2(bm_span password, const uint8_t salt[BM_SALT], uint32_t iterations,
                   uint8_t out[BM_DIGEST]) {
  static const uint8_t kFirst[4] = {0, 0, 0, 1};
  const bm_span first[2] = {bm_span_of(salt, BM_SALT), bm_span_of(kFirst, sizeof kFirst)};
  uint8_t u[BM_DIGEST];
  bool good = bm_hmac_sha256(password, first, 2, u);
  memcpy(out, u, BM_DIGEST);
  for (uint32_t i = 1; good && i < iterations; i++) {
    const bm_span again = bm_span_of(u, sizeof u);
    good = bm_hmac_sha256(password, &again, 1, u);
    for (size_t b = 0; b < BM_DIGEST; b++) out[b] ^= u[b];
  }
  bm_wipe(u, sizeof u);
  return good;
}

static bool equal(const uint8_t* a, const uint8_t* b, size_t n) {
  uint8_t difference = 0;
  for (size_t i = 0; i < n; i++) difference |= (uint8_t)(a[i] ^ b[i]);
  return difference == 0;
}

static bool password_is(const bm_device* d, bm_span guess, bool* match) {
  uint8_t hash[BM_DIGEST];
  bool good = pbkdf2(guess, d->state.password.salt, bm_get_u32(d->state.password.iterations), hash);
  *match = good && equal(hash, d->state.password.hash, sizeof hash);
  bm_wipe(hash, sizeof hash);
  return good;
}

static bm_status save(bm_device* d) {
  return bm_private_save(d) ? BM_OK : bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
}

static bm_status put_symmetric(bm_device* d, bm_span secret, bool replace) {
  if (secret.n < kSymmetricMin || secret.n > BM_SYMMETRIC_MAX) {
    return bm_fail(d, BM_E_RANGE, "a symmetric secret has 16 to 32 bytes");
  }
  if (d->state.symmetric.size > 0) {
    if (d->state.symmetric.size == secret.n &&
        equal(d->state.symmetric.value, secret.p, secret.n)) {
      return BM_OK;
    }
    if (!replace) return bm_fail(d, BM_E_OCCUPIED, "the slot has another secret");
  }
  memset(d->state.symmetric.value, 0, sizeof d->state.symmetric.value);
  memcpy(d->state.symmetric.value, secret.p, secret.n);
  d->state.symmetric.size = (uint8_t)secret.n;
  return save(d);
}

static bm_status put_password(bm_device* d, bm_span secret, bool replace) {
  if (secret.n < kPasswordMin || secret.n > kPasswordMax) {
    return bm_fail(d, BM_E_RANGE, "a password has 8 to 64 bytes");
  }
  if (d->state.password.set) {
    bool match = false;
    if (!password_is(d, secret, &match)) return bm_fail(d, BM_E_HARDWARE, "hashing failed");
    if (match) return BM_OK;
    if (!replace) return bm_fail(d, BM_E_OCCUPIED, "the slot has another password");
  }
  if (bm_rng_fill(d, d->state.password.salt, BM_SALT) != 0 ||
      !pbkdf2(secret, d->state.password.salt, kIterations, d->state.password.hash)) {
    bm_private_load(d);
    return bm_fail(d, BM_E_HARDWARE, "hashing failed");
  }
  bm_put_u32(d->state.password.iterations, kIterations);
  d->state.password.set = 1;
  return save(d);
}

static void write_status(bm_device* d, bm_span slot, bm_cbor_writer* out) {
  bm_cbor_entry_string(out, "slot", slot);
  if (bm_span_is(slot, "password")) {
    bm_cbor_entry_bool(out, "occupied", d->state.password.set != 0);
    return;
  }
  bm_cbor_entry_bool(out, "occupied", d->state.symmetric.size > 0);
  if (d->state.symmetric.size == 0) return;
  static const char kLabel[] = "birthmark key check 1";
  const bm_span label = bm_span_of((const uint8_t*)kLabel, sizeof kLabel - 1);
  uint8_t check[BM_DIGEST];
  if (bm_hmac_sha256(bm_span_of(d->state.symmetric.value, d->state.symmetric.size), &label, 1,
                     check)) {
    bm_cbor_entry_bytes(out, "check", bm_span_of(check, sizeof check));
  }
}

bm_status bm_cmd_put_secret(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span slot;
  bm_span secret;
  bool replace = false;
  if (!bm_cbor_find_string(args, "slot", &slot) || !bm_cbor_find_bytes(args, "secret", &secret)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "put secret needs \"slot\" and \"secret\"");
  }
  bm_cbor_find_bool(args, "replace", &replace);
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "initialise private memory first");
  }
  bm_status status;
  if (bm_span_is(slot, "symmetric")) {
    status = put_symmetric(d, secret, replace);
  } else if (bm_span_is(slot, "password")) {
    status = put_password(d, secret, replace);
  } else if (bm_span_is(slot, "group")) {
    status = bm_identity_bring(d, (unsigned)bm_slot_find(slot), secret, replace);
    if (status == BM_OK) bm_write_slot(d, (unsigned)bm_slot_find(slot), out);
    return status;
  } else {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"slot\" must be symmetric, password or group");
  }
  if (status == BM_OK) write_status(d, slot, out);
  return status;
}

bm_status bm_cmd_secret_check(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span slot;
  bm_span guess;
  if (!bm_cbor_find_string(args, "slot", &slot) ||
      !(bm_span_is(slot, "symmetric") || bm_span_is(slot, "password"))) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"slot\" must be symmetric or password");
  }
  write_status(d, slot, out);
  if (bm_span_is(slot, "password") && d->state.password.set &&
      bm_cbor_find_bytes(args, "guess", &guess)) {
    bool match = false;
    if (guess.n > kPasswordMax) return bm_fail(d, BM_E_RANGE, "a password has 8 to 64 bytes");
    if (!password_is(d, guess, &match)) return bm_fail(d, BM_E_HARDWARE, "hashing failed");
    bm_cbor_entry_bool(out, "match", match);
  }
  return BM_OK;
}
