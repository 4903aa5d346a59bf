// SPDX-License-Identifier: Apache-2.0
// A key pair from the seed that the chip's maker put in, as the Open Profile for DICE derives it:
// whoever else has the seed has the key, unless the chip mixes in entropy of its own. No command
// tells the seed, nor anything computed from it but the public key.
#include <mbedtls/hmac_drbg.h>
#include <mbedtls/md.h>

#include "internal.h"
#include "protocol.h"

enum { kHash = 64, kDerived = 32, kTries = 8 };

// "Cryptography", constants: the salt of every key pair's derivation.
static const uint8_t kAsymSalt[kHash] = {
    0x63, 0xB6, 0xA0, 0x4D, 0x2C, 0x07, 0x7F, 0xC1, 0x0F, 0x63, 0x9F, 0x21, 0xDA, 0x79, 0x38, 0x44,
    0x35, 0x6C, 0xC2, 0xB0, 0xB4, 0x41, 0xB3, 0xA7, 0x71, 0x24, 0x03, 0x5C, 0x03, 0xF8, 0xE1, 0xBE,
    0x60, 0x35, 0xD3, 0x1F, 0x28, 0x28, 0x21, 0xA7, 0x45, 0x0A, 0x02, 0x22, 0x2A, 0xB1, 0xB3, 0xCF,
    0xF1, 0x67, 0x9B, 0x05, 0xAB, 0x1C, 0xA5, 0xD1, 0xAF, 0xFB, 0x78, 0x9C, 0xCD, 0x2B, 0x0B, 0x3B};

// The order of P-256 (SEC 2 section 2.4.2).
static const uint8_t kOrder[BM_P256_KEY] = {
    0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
    0xBC, 0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51};

static const mbedtls_md_info_t* sha512(void) {
  return mbedtls_md_info_from_type(MBEDTLS_MD_SHA512);
}

// kdf is HKDF (RFC 5869) with SHA-512 for 32 octets: one block of the expansion.
static bool kdf(bm_span ikm, bm_span salt, const char* info, uint8_t out[kDerived]) {
  uint8_t block[kHash];
  uint8_t message[16];
  size_t n = strlen(info);
  if (n >= sizeof message) return false;
  memcpy(message, info, n);
  message[n] = 1;
  bool good = mbedtls_md_hmac(sha512(), salt.p, salt.n, ikm.p, ikm.n, block) == 0 &&
              mbedtls_md_hmac(sha512(), block, sizeof block, message, n + 1, block) == 0;
  if (good) memcpy(out, block, kDerived);
  bm_wipe(block, sizeof block);
  return good;
}

// scalar takes the first number below the curve's order from an HMAC_DRBG seeded with `seed`
// ("ECDSA", after RFC 6979 section 3.3).
static bool scalar(const uint8_t seed[kDerived], uint8_t key[BM_P256_KEY]) {
  static const uint8_t kZero[BM_P256_KEY];
  mbedtls_hmac_drbg_context drbg;
  mbedtls_hmac_drbg_init(&drbg);
  bool good = mbedtls_hmac_drbg_seed_buf(&drbg, sha512(), seed, kDerived) == 0;
  bool found = false;
  for (int i = 0; good && !found && i < kTries; i++) {
    good = mbedtls_hmac_drbg_random(&drbg, key, BM_P256_KEY) == 0;
    found = good && memcmp(key, kOrder, BM_P256_KEY) < 0 && memcmp(key, kZero, BM_P256_KEY) != 0;
  }
  mbedtls_hmac_drbg_free(&drbg);
  return found;
}

static bool no_seed(const uint8_t* seed, size_t n) {
  uint8_t any = 0;
  for (size_t i = 0; i < n; i++) any |= seed[i];
  return n < BM_SEED_MIN || n > BM_SEED_MAX || any == 0;
}

// derive makes the private key. Without own entropy the maker's seed is the input as it is; with
// it the input is the profile's "UDS" of both (provisioning scheme 2).
static bool derive(bm_device* d, uint8_t key[BM_P256_KEY]) {
  uint8_t seed[BM_SEED_MAX];
  uint8_t own[kDerived];
  uint8_t derived[kDerived];
  size_t n = d->hal.seed_read(d->hal.ctx, seed);
  bool good = !no_seed(seed, n <= sizeof seed ? n : 0);
  bm_span input = bm_span_of(seed, n);
  if (good && d->hal.seed_own != NULL) {
    good =
        d->hal.seed_own(d->hal.ctx, own) && kdf(bm_span_of(own, sizeof own), input, "UDS", derived);
    memcpy(own, derived, sizeof own);
    input = bm_span_of(own, sizeof own);
  }
  good = good && kdf(input, bm_span_of(kAsymSalt, sizeof kAsymSalt), "Key Pair", derived) &&
         scalar(derived, key);
  bm_wipe(seed, sizeof seed);
  bm_wipe(own, sizeof own);
  bm_wipe(derived, sizeof derived);
  return good;
}

static bool seeded(const bm_device* d) {
  return d->hal.seed_origin != NULL && d->hal.seed_read != NULL;
}

bm_status bm_cmd_seed_facts(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_cbor_entry_bool(out, "present", seeded(d));
  bm_cbor_entry_text(out, "origin", seeded(d) ? d->hal.seed_origin : "");
  bm_cbor_entry_bool(out, "mixes", seeded(d) && d->hal.seed_own != NULL);
  return BM_OK;
}

bm_status bm_cmd_derive(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span name;
  bm_span algorithm;
  int slot = bm_cbor_find_string(args, "slot", &name) ? bm_slot_find(name) : -1;
  if (slot < 0) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"slot\" must be idevid, attestation, decrypt or group");
  }
  // Ed25519 is not in the crypto library of this core.
  if (!bm_cbor_find_string(args, "algorithm", &algorithm) || !bm_span_is(algorithm, "p256")) {
    return bm_fail(d, BM_E_UNSUPPORTED, "\"algorithm\" must be p256");
  }
  if (!seeded(d)) return bm_fail(d, BM_E_NOT_FOUND, "the chip's maker put no seed in");
  uint8_t key[BM_P256_KEY];
  bm_status status = derive(d, key)
                         ? bm_identity_bring(d, (unsigned)slot, bm_span_of(key, sizeof key), false)
                         : bm_fail(d, BM_E_HARDWARE, "the seed is unreadable, too short or zero");
  bm_wipe(key, sizeof key);
  if (status != BM_OK) return status;
  bm_write_slot(d, (unsigned)slot, out);
  bm_cbor_entry_bool(out, "mixed", d->hal.seed_own != NULL);
  return BM_OK;
}
