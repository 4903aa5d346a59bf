// SPDX-License-Identifier: Apache-2.0
#include "unlock.h"

#include "internal.h"

static const struct {
  const char* word;
  const char* text;
} kWords[BM_UNLOCK_WORDS] = {
    [BM_UNLOCK_ACCEPTED] = {"accepted", "the port is open until the next restart"},
    [BM_UNLOCK_NO_ANCHOR] = {"no-anchor", "no anchor in force verifies this"},
    [BM_UNLOCK_SIGNER] = {"signer", ""},  // the verifier says why
    [BM_UNLOCK_MALFORMED] = {"malformed", "no answer to a challenge is in it"},
    [BM_UNLOCK_SERIAL] = {"serial", "it is for another serial number"},
    [BM_UNLOCK_NONCE_WORD] = {"nonce",
                              "it answers no challenge that is out: another's, or replayed"},
};

bm_status bm_cmd_debug_challenge(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  if (d->hal.port_unlock == NULL) {
    return bm_fail(d, BM_E_UNSUPPORTED, "the port of this hardware stays closed");
  }
  if (bm_serial(d).n == 0) return bm_fail(d, BM_E_NOT_READY, "the device has no serial number");
  if (bm_rng_fill(d, d->unlock.nonce, BM_UNLOCK_NONCE) != 0) {
    return bm_fail(d, BM_E_HARDWARE, "the random source failed");
  }
  d->unlock.asked = true;
  bm_cbor_entry_bytes(out, "nonce", bm_span_of(d->unlock.nonce, BM_UNLOCK_NONCE));
  bm_cbor_entry_string(out, "serial", bm_serial(d));
  return BM_OK;
}

static bm_unlock_word judge(bm_device* d, bm_span object, bm_verify_result* result) {
  bm_verdict verdict = bm_verify_under(d, "debug-unlock", object, result);
  if (verdict == BM_REFUSED_NO_ANCHOR) return BM_UNLOCK_NO_ANCHOR;
  if (verdict == BM_REFUSED_FORMAT) return BM_UNLOCK_MALFORMED;
  if (verdict != BM_ACCEPTED) return BM_UNLOCK_SIGNER;
  bm_span body = result->payload;
  bm_span does;
  bm_span serial;
  bm_span nonce;
  // What is signed says what it is for, so that no other object of this signer opens a port.
  if (!bm_cbor_check(body) || bm_cbor_kind(body) != BM_CBOR_MAP ||
      !bm_cbor_find_string(body, "does", &does) || !bm_span_is(does, "debug-unlock") ||
      !bm_cbor_find_string(body, "serial", &serial) || !bm_cbor_find_bytes(body, "nonce", &nonce)) {
    return BM_UNLOCK_MALFORMED;
  }
  if (serial.n == 0 || !bm_span_equal(serial, bm_serial(d))) return BM_UNLOCK_SERIAL;
  if (!d->unlock.asked || !bm_span_equal(nonce, bm_span_of(d->unlock.nonce, BM_UNLOCK_NONCE))) {
    return BM_UNLOCK_NONCE_WORD;
  }
  return BM_UNLOCK_ACCEPTED;
}

bm_status bm_cmd_debug_unlock(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span object;
  bm_verify_result result;
  memset(&result, 0, sizeof result);
  if (!bm_cbor_find_bytes(args, "object", &object)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"object\" is missing");
  }
  if (d->hal.port_unlock == NULL) {
    return bm_fail(d, BM_E_UNSUPPORTED, "the port of this hardware stays closed");
  }
  // What cannot be measured is not done: an attestation tells that the port was opened.
  if (!bm_measure_room(d)) return bm_fail(d, BM_E_TOO_LARGE, "the boot log is full: reset first");
  bm_unlock_word word = judge(d, object, &result);
  if (word == BM_UNLOCK_ACCEPTED) {
    uint8_t digest[BM_DIGEST];
    bm_sha256(object, digest);
    bm_measure_event(d, "debug-unlock", digest);
    d->unlock.asked = false;  // a nonce counts once
    d->unlock.open = true;
    bm_wipe(d->unlock.nonce, sizeof d->unlock.nonce);
    d->hal.port_unlock(d->hal.ctx);
  }
  bm_cbor_entry_bool(out, "accepted", word == BM_UNLOCK_ACCEPTED);
  bm_cbor_entry_text(out, "why", kWords[word].word);
  bm_cbor_entry_text(
      out, "text", word == BM_UNLOCK_SIGNER ? bm_verdict_text(result.verdict) : kWords[word].text);
  bm_cbor_entry_uint(out, "level", result.level);
  return BM_OK;
}
