// SPDX-License-Identifier: Apache-2.0
// The commands on a secure element that came with its key and certificate from its maker's factory.
// The firmware can read what the element says and have it sign; it cannot get at the key.
#include "internal.h"
#include "protocol.h"

static bool there(bm_device* d) {
  if (d->hal.chip_uid.n > 0) return true;
  d->error_text = "this board has no secure element";
  return false;
}

bm_status bm_cmd_chip(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  if (!there(d)) return BM_E_NOT_FOUND;
  uint8_t spki[BM_P256_SPKI];
  bm_spki_of(d->hal.chip_point.p, spki);
  bm_cbor_entry_bytes(out, "uid", d->hal.chip_uid);
  bm_cbor_entry_bytes(out, "public_key", bm_span_of(spki, sizeof spki));
  bm_cbor_put_text(out, "chain");
  if (d->hal.chip_chain.n > 0) {
    bm_cbor_put_raw(out, d->hal.chip_chain);
  } else {
    bm_cbor_head(out, BM_CBOR_ARRAY, 0);
  }
  return BM_OK;
}

bm_status bm_cmd_chip_activate(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span password;
  if (!there(d)) return BM_E_NOT_FOUND;
  if (!bm_cbor_find_string(args, "password", &password) || password.n > 64) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"password\" must have 64 bytes at most");
  }
  bool active = d->hal.chip_activate(d->hal.ctx, password);
  bm_cbor_entry_bool(out, "active", active);
  return BM_OK;
}

// chip_proof signs the station's challenge and the element's own identifier, under a prefix that
// nothing else this key signs can begin with.
bm_status bm_cmd_chip_proof(bm_device* d, bm_span args, bm_cbor_writer* out) {
  static const char kPrefix[] = "birthmark element proof 1";
  bm_span challenge;
  if (!there(d)) return BM_E_NOT_FOUND;
  if (!bm_cbor_find_bytes(args, "challenge", &challenge) || challenge.n < 16 || challenge.n > 64) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"challenge\" must have 16 to 64 bytes");
  }
  uint8_t message[sizeof kPrefix - 1 + 1 + 64 + BM_UID_MAX];
  uint8_t digest[32];
  uint8_t signature[64];
  size_t n = sizeof kPrefix - 1;
  memcpy(message, kPrefix, n);
  message[n++] = (uint8_t)challenge.n;
  memcpy(message + n, challenge.p, challenge.n);
  n += challenge.n;
  memcpy(message + n, d->hal.chip_uid.p, d->hal.chip_uid.n);
  n += d->hal.chip_uid.n;
  bm_sha256(bm_span_of(message, n), digest);
  if (!d->hal.chip_sign(d->hal.ctx, digest, signature)) {
    return bm_fail(d, BM_E_NOT_READY, "the secure element does not sign: it is not activated");
  }
  bm_cbor_entry_bytes(out, "proof", bm_span_of(signature, sizeof signature));
  return BM_OK;
}
