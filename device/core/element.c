// SPDX-License-Identifier: Apache-2.0
// A secure element behind the processor: keys that it makes and signs with for the core, its own
// statements passed on as they are. Only the request and its subject are put together here.
#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509.h>

#include "internal.h"
#include "protocol.h"

enum { kFirstPart = BM_MAX_MESSAGE / 2 };

static bm_status refused(bm_device* d) {
  const char* text = d->hal.element->why(d->hal.element->ctx);
  return bm_fail(d, BM_E_HARDWARE, text == NULL ? "the element refused" : text);
}

static bm_status there(bm_device* d) {
  return d->hal.element != NULL ? BM_OK
                                : bm_fail(d, BM_E_NOT_FOUND, "this board has no secure element");
}

// slot_of finds the slot of a request and, where `made`, that its key is in the element.
static bm_status slot_of(bm_device* d, bm_span args, bool made, unsigned* slot) {
  bm_status status = there(d);
  if (status != BM_OK) return status;
  bm_span name;
  int found = bm_cbor_find_string(args, "slot", &name) ? bm_slot_find(name) : -1;
  if (found < 0) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"slot\" must be idevid, attestation, decrypt or group");
  }
  *slot = (unsigned)found;
  if (!made) return BM_OK;
  bm_identity id;
  bm_identity_load(d, *slot, &id);
  bm_wipe(id.key, sizeof id.key);
  return id.element != NULL ? BM_OK
                            : bm_fail(d, BM_E_NOT_FOUND, "the slot's key is not in the element");
}

static bm_status ask(bm_device* d, bm_element_ask what, const char* slot, bm_span args,
                     bm_cbor_writer* out) {
  // The port writes behind what is there, and the answer is one map in the map of this answer.
  size_t size = 0;
  if (!d->hal.element->ask(d->hal.element->ctx, what, slot, args.p, args.n, d->header,
                           sizeof d->header, &size)) {
    return refused(d);
  }
  bm_span answer = bm_span_of(d->header, size);
  if (!bm_cbor_check(answer) || bm_cbor_kind(answer) != BM_CBOR_MAP) {
    return bm_fail(d, BM_E_HARDWARE, "the element's driver gave no map");
  }
  bm_cbor_put_text(out, "element");
  bm_cbor_put_raw(out, answer);
  bm_wipe(d->header, sizeof d->header);
  return BM_OK;
}

bm_status bm_cmd_element_info(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_status status = there(d);
  return status == BM_OK ? ask(d, BM_ELEMENT_INFO, "", args, out) : status;
}

bm_status bm_cmd_element_facts(bm_device* d, bm_span args, bm_cbor_writer* out) {
  unsigned slot;
  bm_status status = slot_of(d, args, true, &slot);
  return status == BM_OK ? ask(d, BM_ELEMENT_FACTS, bm_slot_names[slot], args, out) : status;
}

bm_status bm_cmd_element_activate(bm_device* d, bm_span args, bm_cbor_writer* out) {
  bm_status status = there(d);
  return status == BM_OK ? ask(d, BM_ELEMENT_ACTIVATE, "", args, out) : status;
}

// element_make takes a key that the element has already: a device that lost its memory, or a power
// cut between the two, must not cost the part.
bm_status bm_cmd_element_make(bm_device* d, bm_span args, bm_cbor_writer* out) {
  unsigned slot;
  bool restart = false;
  bm_status status = slot_of(d, args, false, &slot);
  if (status == BM_OK) status = bm_identity_ready(d);
  if (status != BM_OK) return status;
  bm_cbor_find_bool(args, "restart", &restart);
  bm_identity now;
  bm_identity_load(d, slot, &now);
  bm_wipe(now.key, sizeof now.key);
  if (now.occupied && now.element == NULL) {
    return bm_fail(d, BM_E_OCCUPIED, "the slot has a key that is not in the element");
  }
  if (restart && now.certificate) {
    return bm_fail(d, BM_E_OCCUPIED, "the slot has a certificate");
  }
  uint8_t point[BM_P256_POINT];
  const bm_element* element = d->hal.element;
  if (!element->make(element->ctx, bm_slot_names[slot], restart, point)) return refused(d);
  if (!now.occupied || memcmp(point, now.point, sizeof point) != 0) {
    memset(d->state.slot[slot].key, 0, BM_P256_KEY);
    memcpy(d->state.slot[slot].point, point, sizeof point);
    d->state.slot[slot].occupied = BM_SLOT_IN_ELEMENT;
    bm_put_u32(d->state.slot[slot].generation, now.generation + 1);
    if (!bm_private_save(d)) return bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
  }
  bm_write_slot(d, slot, out);
  return BM_OK;
}

static bm_status attest(bm_device* d, unsigned slot, bm_span nonce, bm_span* bundle) {
  const bm_element* element = d->hal.element;
  size_t size = 0;
  if (nonce.n < 8 || nonce.n > BM_ELEMENT_NONCE_MAX) {
    return bm_fail(d, BM_E_BAD_REQUEST, "\"nonce\" must have 8 to 64 bytes");
  }
  if (!element->attest(element->ctx, bm_slot_names[slot], nonce.p, nonce.n, d->header,
                       sizeof d->header, &size)) {
    return refused(d);
  }
  *bundle = bm_span_of(d->header, size);
  return BM_OK;
}

bm_status bm_cmd_element_attest(bm_device* d, bm_span args, bm_cbor_writer* out) {
  unsigned slot;
  bm_span nonce;
  bm_span bundle;
  bm_status status = slot_of(d, args, true, &slot);
  if (status != BM_OK) return status;
  if (!bm_cbor_find_bytes(args, "nonce", &nonce)) nonce = bm_span_none();
  status = attest(d, slot, nonce, &bundle);
  if (status == BM_OK) bm_cbor_entry_bytes(out, "bundle", bundle);
  return status;
}

// wrap writes tag and length in front of what stands between *p and `end`.
static bool wrap(uint8_t** p, uint8_t* start, const uint8_t* end, uint8_t tag) {
  return mbedtls_asn1_write_len(p, start, (size_t)(end - *p)) > 0 &&
         mbedtls_asn1_write_tag(p, start, tag) > 0;
}

static bool put(uint8_t** p, uint8_t* start, const uint8_t* bytes, size_t size) {
  return mbedtls_asn1_write_raw_buffer(p, start, bytes, size) == (int)size;
}

// put_attribute writes the attribute that carries an attestation bundle in a request.
// Source: draft-ietf-lamps-csr-attestation, id-aa-attestation.
static bool put_attribute(uint8_t** p, uint8_t* start, bm_span bundle) {
  static const uint8_t kOid[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x02, 0x3B};
  const uint8_t* end = *p;
  return put(p, start, bundle.p, bundle.n) &&
         wrap(p, start, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET) &&
         mbedtls_asn1_write_oid(p, start, (const char*)kOid, sizeof kOid) > 0 &&
         wrap(p, start, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
}

// put_info writes the CertificationRequestInfo, from its end (RFC 2986 section 4.1).
static bool put_info(uint8_t** p, uint8_t* start, const char* subject,
                     const uint8_t point[BM_P256_POINT], bm_span bundle) {
  uint8_t spki[BM_P256_SPKI];
  bm_spki_of(point, spki);
  const uint8_t* end = *p;
  mbedtls_asn1_named_data* names = NULL;
  bool good =
      (bundle.n == 0 || put_attribute(p, start, bundle)) &&
      wrap(p, start, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_CONTEXT_SPECIFIC) &&
      put(p, start, spki, sizeof spki) && mbedtls_x509_string_to_names(&names, subject) == 0 &&
      mbedtls_x509_write_names(p, start, names) > 0 && mbedtls_asn1_write_int(p, start, 0) > 0 &&
      wrap(p, start, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
  mbedtls_asn1_free_named_data_list(&names);
  return good;
}

// put_half writes one half of a signature as an INTEGER: no zeros in front but for the sign.
static bool put_half(uint8_t** p, uint8_t* start, const uint8_t half[32]) {
  size_t skip = 0;
  while (skip < 31 && half[skip] == 0) skip++;
  const uint8_t* end = *p;
  uint8_t zero = 0;
  return put(p, start, half + skip, 32 - skip) &&
         ((half[skip] & 0x80) == 0 || put(p, start, &zero, 1)) &&
         wrap(p, start, end, MBEDTLS_ASN1_INTEGER);
}

// put_signature writes signatureAlgorithm and signature: ecdsa-with-SHA256 (RFC 5758 section 3.2).
static bool put_signature(uint8_t** p, uint8_t* start, const uint8_t signature[64]) {
  static const uint8_t kAlgorithm[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86,
                                       0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
  const uint8_t* end = *p;
  uint8_t no_unused_bits = 0;
  return put_half(p, start, signature + 32) && put_half(p, start, signature) &&
         wrap(p, start, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE) &&
         put(p, start, &no_unused_bits, 1) && wrap(p, start, end, MBEDTLS_ASN1_BIT_STRING) &&
         put(p, start, kAlgorithm, sizeof kAlgorithm);
}

bm_status bm_element_csr(bm_device* d, unsigned slot, const char* subject, bm_span nonce,
                         bm_span* der) {
  bm_identity id;
  bm_span bundle = bm_span_none();
  bm_identity_load(d, slot, &id);
  if (id.element == NULL) {
    bm_wipe(id.key, sizeof id.key);
    return bm_fail(d, BM_E_UNSUPPORTED, "only a key in an element can be attested");
  }
  if (nonce.n > 0) {
    bm_status status = attest(d, slot, nonce, &bundle);
    if (status != BM_OK) return status;
  }
  uint8_t digest[BM_DIGEST];
  uint8_t signature[64];
  // The signed part is as long whatever its signature, and stands in front: it is written once into
  // the first half to be signed, then moved before the signature.
  uint8_t* info_end = d->scratch + kFirstPart;
  uint8_t* info = info_end;
  if (!put_info(&info, d->scratch, subject, id.point, bundle)) {
    return bm_fail(d, BM_E_TOO_LARGE, "the request does not fit, or its subject does not read");
  }
  size_t info_size = (size_t)(info_end - info);
  bm_sha256(bm_span_of(info, info_size), digest);
  if (!bm_identity_sign(d, &id, digest, signature)) return refused(d);
  uint8_t* end = d->scratch + sizeof d->scratch;
  uint8_t* p = end;
  if (!put_signature(&p, info_end, signature) || !put(&p, info_end, info, info_size) ||
      !wrap(&p, info_end, end, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)) {
    return bm_fail(d, BM_E_TOO_LARGE, "the request does not fit");
  }
  *der = bm_span_of(p, (size_t)(end - p));
  return BM_OK;
}

bm_status bm_element_put_leaf(bm_device* d, const bm_identity* id, bm_span chain) {
  bm_cbor_walk walk;
  bm_span item;
  bm_span leaf;
  if (!bm_cbor_array(chain, &walk) || !bm_cbor_next(&walk, &item) || !bm_cbor_bytes(item, &leaf)) {
    return bm_fail(d, BM_E_BAD_REQUEST, "the chain is empty");
  }
  const bm_element* element = d->hal.element;
  return element->put_certificate(element->ctx, id->element, leaf.p, leaf.n) ? BM_OK : refused(d);
}

bm_status bm_element_get_leaf(bm_device* d, const bm_identity* id, bm_cbor_writer* out) {
  if (id->element == NULL) {
    return bm_fail(d, BM_E_NOT_FOUND, "the slot's key is not in the element");
  }
  const bm_element* element = d->hal.element;
  size_t size = 0;
  if (!element->get_certificate(element->ctx, id->element, d->header, sizeof d->header, &size)) {
    return refused(d);
  }
  bm_cbor_put_text(out, "chain");
  bm_cbor_head(out, BM_CBOR_ARRAY, 1);
  bm_cbor_put_bytes(out, bm_span_of(d->header, size));
  return BM_OK;
}
