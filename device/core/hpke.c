// SPDX-License-Identifier: Apache-2.0
// Opening what was encrypted to the device: HPKE (RFC 9180) in base mode and a single message, with
// DHKEM(P-256, HKDF-SHA256), HKDF-SHA256 and AES-128-GCM.
#include <mbedtls/ecp.h>
#include <mbedtls/gcm.h>

#include "internal.h"
#include "protocol.h"

enum { kKey = 16, kNonce = 12, kTag = 16, kMaxInfo = 64 };

// Section 4.1 and 5.1: the suites' names for the KEM alone and for the whole.
static const uint8_t kKem[] = {'K', 'E', 'M', 0x00, 0x10};
static const uint8_t kSuite[] = {'H', 'P', 'K', 'E', 0x00, 0x10, 0x00, 0x01, 0x00, 0x01};
static const uint8_t kVersion[] = {'H', 'P', 'K', 'E', '-', 'v', '1'};

#define SPAN_OF(a) bm_span_of((a), sizeof(a))

// labeled_extract and labeled_expand are section 4; no output here is longer than one block.
static bool labeled_extract(bm_span suite, bm_span salt, const char* label, bm_span ikm,
                            uint8_t out[BM_DIGEST]) {
  const bm_span parts[] = {SPAN_OF(kVersion), suite, bm_text(label), ikm};
  return bm_hmac_sha256(salt, parts, 4, out);
}

static bool labeled_expand(bm_span suite, const uint8_t prk[BM_DIGEST], const char* label,
                           bm_span info, uint8_t* out, uint8_t n) {
  const uint8_t length[2] = {0, n};
  const uint8_t one[1] = {1};
  const bm_span parts[] = {SPAN_OF(length), SPAN_OF(kVersion), suite, bm_text(label), info,
                           SPAN_OF(one)};
  uint8_t block[BM_DIGEST];
  bool good = bm_hmac_sha256(bm_span_of(prk, BM_DIGEST), parts, 6, block);
  memcpy(out, block, n);
  bm_wipe(block, sizeof block);
  return good;
}

// shared_point is the x coordinate of key * enc; enc must be a point of the curve (section 7.1.4).
static bool shared_point(bm_device* d, const uint8_t key[BM_P256_KEY], bm_span enc,
                         uint8_t x[BM_P256_KEY]) {
  mbedtls_ecp_keypair own;
  mbedtls_ecp_point product;
  mbedtls_ecp_keypair_init(&own);
  mbedtls_ecp_point_init(&product);
  bool good = mbedtls_ecp_group_load(&own.grp, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
              mbedtls_mpi_read_binary(&own.d, key, BM_P256_KEY) == 0 && enc.n == BM_P256_POINT &&
              mbedtls_ecp_point_read_binary(&own.grp, &own.Q, enc.p, enc.n) == 0 &&
              mbedtls_ecp_check_pubkey(&own.grp, &own.Q) == 0 &&
              mbedtls_ecp_mul(&own.grp, &product, &own.d, &own.Q, bm_rng_fill, d) == 0 &&
              !mbedtls_ecp_is_zero(&product) &&
              mbedtls_mpi_write_binary(&product.X, x, BM_P256_KEY) == 0;
  mbedtls_ecp_point_free(&product);
  mbedtls_ecp_keypair_free(&own);
  return good;
}

// schedule is Decap and KeySchedule (sections 4.1 and 5.1) in mode 0: no pre-shared key.
static bool schedule(bm_device* d, const bm_identity* id, bm_span enc, bm_span info,
                     uint8_t key[kKey], uint8_t nonce[kNonce]) {
  uint8_t x[BM_P256_KEY];
  uint8_t prk[BM_DIGEST];
  uint8_t shared[BM_DIGEST];
  uint8_t context[1 + 2 * BM_DIGEST] = {0};
  uint8_t kem_context[2 * BM_P256_POINT];
  const bm_span none = bm_span_none();
  bool good = shared_point(d, id->key, enc, x);
  if (good) {
    memcpy(kem_context, enc.p, BM_P256_POINT);
    memcpy(kem_context + BM_P256_POINT, id->point, BM_P256_POINT);
  }
  good = good && labeled_extract(SPAN_OF(kKem), none, "eae_prk", SPAN_OF(x), prk) &&
         labeled_expand(SPAN_OF(kKem), prk, "shared_secret", SPAN_OF(kem_context), shared,
                        BM_DIGEST) &&
         labeled_extract(SPAN_OF(kSuite), none, "psk_id_hash", none, context + 1) &&
         labeled_extract(SPAN_OF(kSuite), none, "info_hash", info, context + 1 + BM_DIGEST) &&
         labeled_extract(SPAN_OF(kSuite), SPAN_OF(shared), "secret", none, prk) &&
         labeled_expand(SPAN_OF(kSuite), prk, "key", SPAN_OF(context), key, kKey) &&
         labeled_expand(SPAN_OF(kSuite), prk, "base_nonce", SPAN_OF(context), nonce, kNonce);
  bm_wipe(x, sizeof x);
  bm_wipe(prk, sizeof prk);
  bm_wipe(shared, sizeof shared);
  return good;
}

bm_status bm_cmd_update_open(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span enc;
  bm_span object;
  bm_span info = bm_span_none();
  bm_span aad = bm_span_none();
  if (!bm_cbor_find_bytes(args, "enc", &enc) || !bm_cbor_find_bytes(args, "object", &object) ||
      object.n < kTag || object.n > sizeof d->scratch) {
    return bm_fail(d, BM_E_BAD_REQUEST, "update open needs \"enc\" and an \"object\" with its tag");
  }
  bm_cbor_find_bytes(args, "info", &info);
  bm_cbor_find_bytes(args, "aad", &aad);
  if (info.n > kMaxInfo) return bm_fail(d, BM_E_RANGE, "\"info\" has 64 bytes at most");
  bm_identity id;
  bm_identity_load(d, (unsigned)bm_slot_find(bm_text("decrypt")), &id);
  if (!id.occupied) return bm_fail(d, BM_E_NOT_FOUND, "the device has no key that decrypts");
  uint8_t key[kKey];
  uint8_t nonce[kNonce];
  mbedtls_gcm_context gcm;
  mbedtls_gcm_init(&gcm);
  size_t n = object.n - kTag;
  bool good = schedule(d, &id, enc, info, key, nonce) &&
              mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, 8 * kKey) == 0 &&
              mbedtls_gcm_auth_decrypt(&gcm, n, nonce, kNonce, aad.p, aad.n, object.p + n, kTag,
                                       object.p, d->scratch) == 0;
  mbedtls_gcm_free(&gcm);
  bm_wipe(&id, sizeof id);
  bm_wipe(key, sizeof key);
  bm_wipe(nonce, sizeof nonce);
  bm_cbor_entry_bool(out, "opened", good);
  if (good) {
    uint8_t digest[BM_DIGEST];
    bm_sha256(bm_span_of(d->scratch, n), digest);
    bm_cbor_entry_uint(out, "size", n);
    bm_cbor_entry_bytes(out, "sha256", bm_span_of(digest, sizeof digest));
  }
  bm_wipe(d->scratch, n);
  return BM_OK;
}
