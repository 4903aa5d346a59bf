// SPDX-License-Identifier: Apache-2.0
// An Entity Attestation Token (RFC 9711): what the device is, what it runs, how it booted, over a
// verifier's nonce. Signed with the attestation key where there is one, else with the IDevID's
// (docs/attestation-token.md).
#include "internal.h"

// RFC 9782 section 3: an EAT in CWT form.
static const char kTokenType[] = "application/eat+cwt";
static const char kProfile[] = "tag:birthmark.example,2026:eat/device/1";

// Claim keys: RFC 9711 section 10.2 and the IANA registry of CWT claims.
enum {
  kNonce = 10,
  kUeid = 256,
  kOemId = 258,
  kHwModel = 259,
  kHwVersion = 260,
  kOemBoot = 262,
  kDebugStatus = 263,
  kProfileClaim = 265,
  kSwName = 270,
  kSwVersion = 271,
  kMeasurements = 273,
  kContentCbor = 60,  // CoAP content format of application/cbor
  kDecimal = 4,       // version scheme of CoSWID, RFC 9393 section 4.1
};

enum { kIdevid = 0, kAttestation = 1 };

// The UEID is of type RAND (RFC 9711 section 4.2.1.1): 256 bits that come from the device's own
// key pair, so that the maker's records lead to it and nobody else chooses it.
static void put_ueid(bm_device* d, bm_cbor_writer* w) {
  uint8_t ueid[1 + BM_DIGEST] = {1};
  uint8_t spki[BM_P256_SPKI];
  bm_identity id;
  bm_identity_load(d, kIdevid, &id);
  bm_wipe(id.key, sizeof id.key);
  if (!id.occupied) return;
  bm_spki_of(id.point, spki);
  bm_sha256(bm_span_of(spki, sizeof spki), ueid + 1);
  bm_cbor_put_uint(w, kUeid);
  bm_cbor_put_bytes(w, bm_span_of(ueid, sizeof ueid));
}

// hardware is the stage whose word on the hardware counts: the first one that started.
static const bm_stage* hardware(const bm_device* d) {
  for (unsigned i = 0; i < d->stages; i++) {
    if (d->stage[i].usable) return &d->stage[i];
  }
  return NULL;
}

static void put_hardware(const bm_stage* s, bm_cbor_writer* w) {
  uint8_t digest[BM_DIGEST];
  if (s == NULL || s->oem == 0) return;
  bm_cbor_put_uint(w, kOemId);
  bm_cbor_put_uint(w, s->oem);
  // hwmodel has 1 to 32 bytes (RFC 9711 section 4.2.4): a longer name is told by its digest.
  bm_span model = bm_span_of(s->model, s->model_size);
  if (model.n > BM_DIGEST) {
    bm_sha256(model, digest);
    model = bm_span_of(digest, BM_DIGEST);
  }
  bm_cbor_put_uint(w, kHwModel);
  bm_cbor_put_bytes(w, model);
  bm_cbor_put_uint(w, kHwVersion);
  bm_cbor_head(w, BM_CBOR_ARRAY, 1);
  bm_cbor_put_string(w, bm_span_of(s->hardware, s->hardware_size));
}

static void put_decimal(uint64_t value, bm_cbor_writer* w) {
  char text[21];
  size_t at = sizeof text - 1;
  text[at] = 0;
  do {
    text[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  bm_cbor_head(w, BM_CBOR_ARRAY, 2);
  bm_cbor_put_text(w, text + at);
  bm_cbor_put_uint(w, kDecimal);
}

// debug_status is dbgstat (RFC 9711 section 4.2.9): with the bits in real fuses not even the maker
// opens the port again, unless an anchor of his can; in memory behind software, the maker's
// software could.
static unsigned debug_status(bm_device* d, const bm_locks* locks) {
  bm_verify_result result;
  if (d->unlock.open || (!locks->port && !locks->sealed)) return 0;  // enabled
  bool opens = d->hal.port_unlock != NULL &&
               bm_verify_under(d, "debug-unlock", bm_span_none(), &result) != BM_REFUSED_NO_ANCHOR;
  return d->hal.fuses_in_software || opens ? 3 : 4;
}

static bool all_verified(const bm_device* d) {
  for (unsigned i = 0; i < d->stages; i++) {
    if (d->stage[i].usable && !d->stage[i].verified) return false;
  }
  return true;
}

static void write_claims(bm_device* d, bm_span nonce, bm_cbor_writer* w) {
  uint8_t log[BM_MAX_BOOT_LOG + 128];
  bm_cbor_writer measured;
  bm_locks locks;
  bm_locks_read(d, &locks);
  const bm_stage* running = &d->stage[d->running];
  size_t map = bm_cbor_open(w);
  bm_cbor_put_uint(w, kNonce);
  bm_cbor_put_bytes(w, nonce);
  put_ueid(d, w);
  put_hardware(hardware(d), w);
  bm_cbor_put_uint(w, kOemBoot);
  bm_cbor_put_bool(w, locks.secure_boot && all_verified(d));
  bm_cbor_put_uint(w, kDebugStatus);
  bm_cbor_put_uint(w, debug_status(d, &locks));
  bm_cbor_put_uint(w, kProfileClaim);
  bm_cbor_put_text(w, kProfile);
  bm_cbor_put_uint(w, kSwName);
  bm_cbor_put_string(w, bm_span_of(running->name, running->name_size));
  bm_cbor_put_uint(w, kSwVersion);
  put_decimal(running->version, w);
  bm_cbor_start(&measured, log, sizeof log);
  size_t inner = bm_cbor_open(&measured);
  bm_write_boot_log(d, &measured);
  bm_cbor_close(&measured, inner);
  bm_cbor_put_uint(w, kMeasurements);
  bm_cbor_head(w, BM_CBOR_ARRAY, 1);
  bm_cbor_head(w, BM_CBOR_ARRAY, 2);
  bm_cbor_put_uint(w, kContentCbor);
  bm_cbor_put_bytes(w, bm_span_of(log, measured.size));
  bm_cbor_close(w, map);
  w->full = w->full || measured.full;
}

bm_status bm_cmd_token(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_span nonce;
  // RFC 9711 section 4.1: 8 to 64 bytes.
  if (!bm_cbor_find_bytes(args, "nonce", &nonce) || nonce.n < 8 || nonce.n > 64) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"nonce\" must have 8 to 64 bytes");
  }
  bm_identity id;
  unsigned slot = kAttestation;
  bm_identity_load(d, slot, &id);
  if (!id.certificate) {
    bm_wipe(id.key, sizeof id.key);
    slot = kIdevid;
    bm_identity_load(d, slot, &id);
  }
  bm_status status = BM_OK;
  if (!id.occupied || (id.chip && !d->hal.chip_active(d->hal.ctx))) {
    status = bm_fail(d, BM_E_NOT_READY, "no key to sign a token with");
  }
  bm_cbor_writer body;
  bm_cbor_start(&body, d->scratch, sizeof d->scratch);
  if (status == BM_OK) write_claims(d, nonce, &body);
  if (body.full) status = bm_fail(d, BM_E_TOO_LARGE, "the token does not fit");
  if (status == BM_OK) {
    bm_cbor_entry_text(out, "slot", bm_slot_names[slot]);
    status = bm_write_signed(d, &id, kTokenType, bm_span_of(body.buffer, body.size), "token", out);
  }
  bm_wipe(id.key, sizeof id.key);
  return status;
}
