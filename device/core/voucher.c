// SPDX-License-Identifier: Apache-2.0
#include "voucher.h"

#include <mbedtls/x509_crt.h>

#include "internal.h"

// SIDs of ietf-voucher and ietf-voucher-request (draft-ietf-anima-rfc8366bis); members stand under
// their distance from the container's (RFC 9254 section 4.2).
enum {
  kVoucher = 2451,
  kRequest = 2501,
  kAssertion = 1,
  kCreatedOn = 2,
  kExpiresOn = 4,
  kNonce = 7,
  kPinnedDomainCert = 8,
  kSerialNumber = 11,
  kProximityRegistrarCert = 10,
  kRequestSerialNumber = 13,
  kProximity = 2,
  kCellHead = 48,  // magic 4, sequence 4, size 4, zero 4, SHA-256 of the data
};

static const struct {
  const char* word;
  const char* text;
} kWords[BM_VOUCHER_WORDS] = {
    [BM_VOUCHER_ACCEPTED] = {"accepted", "accepted"},
    [BM_VOUCHER_MALFORMED] = {"malformed", "no voucher in COSE"},
    [BM_VOUCHER_NO_ANCHOR] = {"no-anchor", "no anchor in force verifies this"},
    [BM_VOUCHER_UNKNOWN_MASA] = {"unknown-masa", "the signer does not lead to the anchor"},
    [BM_VOUCHER_SIGNER] = {"signer", "the anchor does not accept this signer"},
    [BM_VOUCHER_SIGNATURE] = {"signature", "the signature is wrong"},
    [BM_VOUCHER_SERIAL] = {"serial", "it is for another serial number"},
    [BM_VOUCHER_NONCE] = {"nonce", "it answers no request that is out: another's, or replayed"},
    [BM_VOUCHER_NONCELESS] = {"nonceless", "without a nonce, it needs an end and a clock here"},
    [BM_VOUCHER_EXPIRED] = {"expired", "it has expired"},
    [BM_VOUCHER_PIN] = {"pin", "it pins no certificate that can be kept"},
};

static bool two_digits(bm_span s, size_t at, int64_t* out) {
  if (at + 2 > s.n || s.p[at] < '0' || s.p[at] > '9' || s.p[at + 1] < '0' || s.p[at + 1] > '9') {
    return false;
  }
  *out = (s.p[at] - '0') * 10 + (s.p[at + 1] - '0');
  return true;
}

int64_t bm_seconds(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute,
                   int64_t second) {
  // Days since 1970-03-01 of a year that begins in March, so that a leap day comes last.
  int64_t y = year - (month <= 2);
  int64_t m = (month + 9) % 12;
  int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

bool bm_date(bm_span s, int64_t* seconds) {
  int64_t century;
  int64_t year;
  int64_t month;
  int64_t day;
  int64_t hour;
  int64_t minute;
  int64_t second;
  if (s.n < 20 || !two_digits(s, 0, &century) || !two_digits(s, 2, &year) || s.p[4] != '-' ||
      !two_digits(s, 5, &month) || s.p[7] != '-' || !two_digits(s, 8, &day) || s.p[10] != 'T' ||
      !two_digits(s, 11, &hour) || s.p[13] != ':' || !two_digits(s, 14, &minute) ||
      s.p[16] != ':' || !two_digits(s, 17, &second) || month < 1 || month > 12 || day < 1 ||
      day > 31 || hour > 23 || minute > 59 || second > 60) {
    return false;
  }
  size_t at = 19;
  if (s.p[at] == '.') {
    at++;
    while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9') at++;
  }
  int64_t offset = 0;
  if (at + 6 == s.n && (s.p[at] == '+' || s.p[at] == '-') && s.p[at + 3] == ':') {
    int64_t hours;
    int64_t minutes;
    if (!two_digits(s, at + 1, &hours) || !two_digits(s, at + 4, &minutes)) return false;
    offset = (hours * 60 + minutes) * (s.p[at] == '+' ? 60 : -60);
  } else if (at + 1 != s.n || s.p[at] != 'Z') {
    return false;
  }
  *seconds = bm_seconds(century * 100 + year, month, day, hour, minute, second) - offset;
  return true;
}

bool bm_clock(const bm_device* d, uint64_t* now) {
  return d->hal.unix_seconds != NULL && d->hal.unix_seconds(d->hal.ctx, now);
}

// ---- The owner's area: two cells; the newer valid one counts, and a cell becomes valid by its
// head, programmed last, as those of factory-data do.

static uint32_t owner_cell(const bm_device* d, unsigned copy) {
  return d->hal.board->owner_offset + copy * (d->hal.board->owner_size / 2);
}

static bool owner_read(const bm_device* d, unsigned copy, bm_span* data, uint32_t* sequence) {
  const uint8_t* p = d->hal.flash + owner_cell(d, copy);
  uint32_t size = bm_get_u32(p + 8);
  uint8_t digest[BM_DIGEST];
  if (memcmp(p, "BMOW", 4) != 0 || size > d->hal.board->owner_size / 2 - kCellHead) return false;
  *data = bm_span_of(p + kCellHead, size);
  *sequence = bm_get_u32(p + 4);
  bm_sha256(*data, digest);
  return memcmp(digest, p + 16, sizeof digest) == 0 && bm_cbor_check(*data) &&
         bm_cbor_kind(*data) == BM_CBOR_MAP;
}

static int owner_newest(const bm_device* d, bm_span* data, uint32_t* sequence) {
  int found = -1;
  *sequence = 0;
  if (d->hal.board->owner_size == 0) return found;
  for (unsigned copy = 0; copy < 2; copy++) {
    bm_span candidate;
    uint32_t number;
    if (owner_read(d, copy, &candidate, &number) && (found < 0 || number > *sequence)) {
      found = (int)copy;
      *data = candidate;
      *sequence = number;
    }
  }
  return found;
}

bool bm_owner_load(const bm_device* d, bm_span* certificates, bm_span* means) {
  bm_span data;
  uint32_t sequence;
  bm_cbor_walk walk;
  return owner_newest(d, &data, &sequence) >= 0 && bm_cbor_find_string(data, "means", means) &&
         bm_cbor_find(data, "certificates", certificates) && bm_cbor_array(*certificates, &walk) &&
         walk.left > 0;
}

static bool owner_save(bm_device* d, bm_span data) {
  bm_span old;
  uint32_t sequence;
  int copy = owner_newest(d, &old, &sequence);
  uint32_t size = d->hal.board->owner_size / 2;
  if (size == 0 || data.n > size - kCellHead) return false;
  uint32_t offset = owner_cell(d, copy == 0 ? 1 : 0);
  uint8_t head[kCellHead] = {'B', 'M', 'O', 'W'};
  bm_put_u32(head + 4, sequence + 1);
  bm_put_u32(head + 8, (uint32_t)data.n);
  bm_sha256(data, head + 16);
  return bm_flash_clear(d, offset, size) && bm_flash_put(d, offset + kCellHead, data.p, data.n) &&
         bm_flash_put(d, offset, head, sizeof head);
}

bool bm_is_certificate(bm_span der) {
  mbedtls_x509_crt c;
  mbedtls_x509_crt_init(&c);
  bool good =
      der.n > 0 && mbedtls_x509_crt_parse_der_nocopy(&c, der.p, der.n) == 0 && c.raw.len == der.n;
  mbedtls_x509_crt_free(&c);
  return good;
}

bool bm_owner_keep(bm_device* d, const char* means, bm_cbor_walk list) {
  bm_cbor_writer w;
  bm_span item;
  bm_cbor_start(&w, d->scratch, sizeof d->scratch);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_text(&w, "means", means);
  bm_cbor_put_text(&w, "certificates");
  bm_cbor_head(&w, BM_CBOR_ARRAY, list.left);
  while (bm_cbor_next(&list, &item)) bm_cbor_put_raw(&w, item);
  bm_cbor_close(&w, map);
  return !w.full && owner_save(d, bm_span_of(w.buffer, w.size));
}

// ---- The request.

static size_t head_size(size_t n) { return n < 24 ? 1 : n < 0x100 ? 2 : n < 0x10000 ? 3 : 5; }

static void write_request(bm_device* d, bm_span registrar, bm_cbor_writer* w) {
  bm_cbor_head(w, BM_CBOR_MAP, 1);
  bm_cbor_put_uint(w, kRequest);
  size_t map = bm_cbor_open(w);
  if (registrar.n > 0) {
    bm_cbor_put_uint(w, kAssertion);
    bm_cbor_put_uint(w, kProximity);
    bm_cbor_put_uint(w, kProximityRegistrarCert);
    bm_cbor_put_bytes(w, registrar);
  }
  bm_cbor_put_uint(w, kNonce);
  bm_cbor_put_bytes(w, bm_span_of(d->pledge.nonce, BM_NONCE));
  bm_cbor_put_uint(w, kRequestSerialNumber);
  bm_cbor_put_string(w, bm_serial(d));
  bm_cbor_close(w, map);
}

bm_status bm_cmd_voucher_request(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span registrar = bm_span_none();
  bm_span only;
  bm_cbor_walk chain;
  if (bm_cbor_find_bytes(args, "registrar", &registrar) &&
      (registrar.n > BM_MAX_REGISTRAR || !bm_is_certificate(registrar))) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"registrar\" is no certificate of 2048 bytes at most");
  }
  bm_identity id;
  bm_identity_load(d, 0, &id);
  bm_status status = BM_OK;
  if (bm_serial(d).n == 0 || !id.certificate) {
    status = bm_fail(d, BM_E_NOT_READY, "the device has no serial number or no identity");
  } else if (bm_rng_fill(d, d->pledge.nonce, BM_NONCE) != 0) {
    status = bm_fail(d, BM_E_HARDWARE, "the random source failed");
  }
  if (status != BM_OK) {
    bm_wipe(id.key, sizeof id.key);
    return status;
  }
  bm_cbor_writer body;
  bm_cbor_writer header;
  bm_cbor_start(&body, d->scratch, sizeof d->scratch);
  write_request(d, registrar, &body);
  bm_cbor_start(&header, d->header, sizeof d->header);
  bm_cbor_head(&header, BM_CBOR_MAP, 2);
  bm_cbor_put_uint(&header, 1);
  bm_cbor_put_int(&header, -7);
  bm_cbor_put_uint(&header, 33);
  // RFC 9360 section 2: one certificate is a byte string, several are an array.
  bool single = bm_cbor_array(id.chain, &chain) && chain.left == 1 && bm_cbor_next(&chain, &only);
  bm_cbor_put_raw(&header, single ? only : id.chain);
  bm_span content = bm_span_of(body.buffer, body.size);
  bm_span protected_header = bm_span_of(header.buffer, header.size);
  uint8_t digest[BM_DIGEST];
  uint8_t signature[64];
  bool good = !body.full && !header.full && bm_cose_digest(protected_header, content, digest) &&
              bm_identity_sign(d, &id, digest, signature);
  bm_wipe(id.key, sizeof id.key);
  if (!good) return bm_fail(d, BM_E_HARDWARE, "the request could not be signed");
  d->pledge.asked = true;
  size_t size = 2 + head_size(header.size) + header.size + 1 + head_size(body.size) + body.size +
                head_size(sizeof signature) + sizeof signature;
  bm_cbor_entry_bytes(out, "nonce", bm_span_of(d->pledge.nonce, BM_NONCE));
  bm_cbor_put_text(out, "request");
  bm_cbor_head(out, BM_CBOR_BYTES, size);
  bm_cbor_head(out, BM_CBOR_TAG, 18);
  bm_cbor_head(out, BM_CBOR_ARRAY, 4);
  bm_cbor_put_bytes(out, protected_header);
  bm_cbor_head(out, BM_CBOR_MAP, 0);
  bm_cbor_put_bytes(out, content);
  bm_cbor_put_bytes(out, bm_span_of(signature, sizeof signature));
  return BM_OK;
}

// ---- The voucher.

static bm_voucher_word word_of(bm_verdict verdict) {
  switch (verdict) {
    case BM_ACCEPTED:
      return BM_VOUCHER_ACCEPTED;
    case BM_REFUSED_FORMAT:
      return BM_VOUCHER_MALFORMED;
    case BM_REFUSED_NO_ANCHOR:
      return BM_VOUCHER_NO_ANCHOR;
    case BM_REFUSED_CHAIN:
      return BM_VOUCHER_UNKNOWN_MASA;
    case BM_REFUSED_SIGNATURE:
      return BM_VOUCHER_SIGNATURE;
    default:
      return BM_VOUCHER_SIGNER;
  }
}

bm_verdict bm_verify_under(bm_device* d, const char* verifies, bm_span object,
                           bm_verify_result* result) {
  bm_verdict verdict = BM_REFUSED_NO_ANCHOR;
  for (unsigned i = 0; i < d->stages; i++) {
    bm_span payload;
    bm_cbor_walk walk;
    bm_anchor anchor;
    bool malformed = false;
    if (!bm_booted_payload(d, &d->stage[i], &payload) || !bm_stage_anchors(payload, &walk)) {
      continue;
    }
    while (bm_anchor_next(&walk, &anchor, &malformed)) {
      if (!bm_span_is(anchor.verifies, verifies)) continue;
      verdict = bm_verify_object(&anchor, object, result);
      if (verdict == BM_ACCEPTED) return verdict;
    }
  }
  return verdict;
}

// fresh checks that a voucher is meant for now: by the nonce of the request that is out, or by a
// clock (RFC 8366 section 5.3, RFC 8995 section 5.6.1).
static bm_voucher_word fresh(bm_device* d, bm_span voucher) {
  bm_span value;
  bm_span nonce;
  uint64_t now = 0;
  int64_t end = 0;
  bool clock = bm_clock(d, &now);
  bool ends = bm_cbor_find_int(voucher, kExpiresOn, &value);
  if (ends && (!bm_cbor_string(value, &value) || !bm_date(value, &end))) {
    return BM_VOUCHER_MALFORMED;
  }
  if (ends && clock && (end < 0 || (uint64_t)end <= now)) return BM_VOUCHER_EXPIRED;
  if (!bm_cbor_find_int(voucher, kNonce, &value)) {
    return ends && clock ? BM_VOUCHER_ACCEPTED : BM_VOUCHER_NONCELESS;
  }
  if (!bm_cbor_bytes(value, &nonce)) return BM_VOUCHER_MALFORMED;
  return d->pledge.asked && bm_span_equal(nonce, bm_span_of(d->pledge.nonce, BM_NONCE))
             ? BM_VOUCHER_ACCEPTED
             : BM_VOUCHER_NONCE;
}

static bm_voucher_word judge_voucher(bm_device* d, bm_span object, bm_span* pin,
                                     bm_verify_result* result) {
  bm_verdict verdict = bm_verify_under(d, "voucher", object, result);
  if (verdict != BM_ACCEPTED) return word_of(verdict);
  bm_span voucher;
  bm_span value;
  bm_span serial;
  if (!bm_cbor_check(result->payload) || bm_cbor_kind(result->payload) != BM_CBOR_MAP ||
      !bm_cbor_find_int(result->payload, kVoucher, &voucher) ||
      bm_cbor_kind(voucher) != BM_CBOR_MAP || !bm_cbor_find_int(voucher, kSerialNumber, &value) ||
      !bm_cbor_string(value, &serial)) {
    return BM_VOUCHER_MALFORMED;
  }
  if (serial.n == 0 || !bm_span_equal(serial, bm_serial(d))) return BM_VOUCHER_SERIAL;
  bm_voucher_word word = fresh(d, voucher);
  if (word != BM_VOUCHER_ACCEPTED) return word;
  bm_span der;
  return bm_cbor_find_int(voucher, kPinnedDomainCert, pin) && bm_cbor_bytes(*pin, &der) &&
                 bm_is_certificate(der)
             ? BM_VOUCHER_ACCEPTED
             : BM_VOUCHER_PIN;
}

static bm_status answer_word(bm_voucher_word word, const bm_verify_result* result,
                             bm_cbor_writer* out) {
  bm_cbor_entry_bool(out, "accepted", word == BM_VOUCHER_ACCEPTED);
  bm_cbor_entry_text(out, "why", kWords[word].word);
  bm_cbor_entry_text(
      out, "text",
      word == BM_VOUCHER_SIGNER ? bm_verdict_text(result->verdict) : kWords[word].text);
  bm_cbor_entry_uint(out, "level", result->level);
  return BM_OK;
}

bm_status bm_cmd_voucher(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span object;
  bm_span pin;
  bm_verify_result result;
  memset(&result, 0, sizeof result);
  if (!bm_cbor_find_bytes(args, "voucher", &object)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"voucher\" is missing");
  }
  bm_voucher_word word = judge_voucher(d, object, &pin, &result);
  if (word == BM_VOUCHER_ACCEPTED) {
    bm_cbor_walk one = {pin, 1};
    if (!bm_owner_keep(d, "voucher", one)) {
      return bm_fail(d, BM_E_HARDWARE, "the owner's certificate could not be kept");
    }
    d->pledge.asked = false;  // a nonce counts once
    bm_wipe(d->pledge.nonce, sizeof d->pledge.nonce);
  }
  return answer_word(word, &result, out);
}

// ---- The owner.

bm_status bm_cmd_owner(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  bm_span certificates;
  bm_span means;
  bool present = bm_owner_load(d, &certificates, &means);
  bm_cbor_entry_bool(out, "present", present);
  bm_cbor_entry_string(out, "means", present ? means : bm_span_none());
  bm_cbor_put_text(out, "certificates");
  if (present) {
    bm_cbor_put_raw(out, certificates);
  } else {
    bm_cbor_head(out, BM_CBOR_ARRAY, 0);
  }
  return BM_OK;
}

// A reset gives the device back to whoever holds it: what its maker put in stays, and the next
// voucher says whose it is. It is for a person at the device: no message of RFC 8995 asks for one,
// and over a network nobody can tell an owner who sells it from a thief.
bm_status bm_cmd_owner_reset(bm_device* d, bm_span args, bm_cbor_writer* out) {
  (void)args;
  if (d->hal.presence == NULL || !d->hal.presence(d->hal.ctx)) {
    return bm_fail(d, BM_E_LOCKED,
                   "nobody holds the device's button: a reset needs a person there");
  }
  bm_span certificates;
  bm_span means;
  bool present = bm_owner_load(d, &certificates, &means);
  if (present) {
    bm_cbor_walk none = {bm_span_none(), 0};
    bm_span data;
    uint32_t sequence;
    if (!bm_owner_keep(d, "reset", none)) {
      return bm_fail(d, BM_E_HARDWARE, "the owner's area refused the write");
    }
    // Of the former owner nothing stays readable; the newer cell counts already.
    int copy = owner_newest(d, &data, &sequence);
    bm_flash_clear(d, owner_cell(d, copy == 0 ? 1 : 0), d->hal.board->owner_size / 2);
  }
  memset(&d->pledge, 0, sizeof d->pledge);  // what was asked for was the former owner's
  bm_tls_free(d);
  bm_cbor_entry_bool(out, "forgotten", present);
  return BM_OK;
}
