// SPDX-License-Identifier: Apache-2.0
// Identity slots: keys made here or brought in factory-data, requests, chains, signatures. No
// function gives a private key to a caller that could send it anywhere: only the signer reads it.
#include <mbedtls/ecdsa.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>

#include "internal.h"

const char* const bm_slot_names[BM_SLOTS] = {"idevid", "attestation", "decrypt", "group"};

int bm_slot_find(bm_span name) {
  for (int i = 0; i < BM_SLOTS; i++) {
    if (bm_span_is(name, bm_slot_names[i])) return i;
  }
  return -1;
}

// SubjectPublicKeyInfo of a P-256 point, RFC 5480 section 2: everything before the point is fixed.
static const uint8_t kSpkiHead[26] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48,
                                      0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
                                      0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00};

void bm_spki_of(const uint8_t point[BM_P256_POINT], uint8_t out[BM_P256_SPKI]) {
  memcpy(out, kSpkiHead, sizeof kSpkiHead);
  memcpy(out + sizeof kSpkiHead, point, BM_P256_POINT);
}

// leaf_has tells whether the first certificate of the chain holds the public key.
static bool leaf_has(bm_span chain, const uint8_t point[BM_P256_POINT]) {
  bm_cbor_walk walk;
  bm_span item;
  bm_span der;
  if (!bm_cbor_array(chain, &walk) || !bm_cbor_next(&walk, &item) || !bm_cbor_bytes(item, &der)) {
    return false;
  }
  uint8_t spki[BM_P256_SPKI];
  bm_spki_of(point, spki);
  mbedtls_x509_crt leaf;
  mbedtls_x509_crt_init(&leaf);
  bool good =
      mbedtls_x509_crt_parse_der_nocopy(&leaf, der.p, der.n) == 0 &&
      bm_span_equal(bm_span_of(leaf.pk_raw.p, leaf.pk_raw.len), bm_span_of(spki, sizeof spki));
  mbedtls_x509_crt_free(&leaf);
  return good;
}

static bool point_of(bm_device* d, const uint8_t key[BM_P256_KEY], uint8_t point[BM_P256_POINT]) {
  mbedtls_ecp_keypair pair;
  mbedtls_ecp_keypair_init(&pair);
  size_t n = 0;
  bool good = mbedtls_ecp_group_load(&pair.grp, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
              mbedtls_mpi_read_binary(&pair.d, key, BM_P256_KEY) == 0 &&
              mbedtls_ecp_check_privkey(&pair.grp, &pair.d) == 0 &&
              mbedtls_ecp_mul(&pair.grp, &pair.Q, &pair.d, &pair.grp.G, bm_rng_fill, d) == 0 &&
              mbedtls_ecp_point_write_binary(&pair.grp, &pair.Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n,
                                             point, BM_P256_POINT) == 0;
  mbedtls_ecp_keypair_free(&pair);
  return good;
}

static void load_from_factory_data(bm_device* d, unsigned slot, bm_identity* out) {
  bm_span map;
  bm_span slots;
  bm_span item;
  bm_cbor_walk walk;
  if (!bm_factory_record(d, &map) || !bm_cbor_find(map, "slots", &slots) ||
      !bm_cbor_array(slots, &walk)) {
    return;
  }
  while (bm_cbor_next(&walk, &item)) {
    bm_span name;
    bm_span key;
    bm_span chain;
    if (!bm_cbor_find_string(item, "slot", &name) || !bm_span_is(name, bm_slot_names[slot]) ||
        !bm_cbor_find_bytes(item, "key", &key) || key.n != BM_P256_KEY ||
        !point_of(d, key.p, out->point)) {
      continue;
    }
    memcpy(out->key, key.p, BM_P256_KEY);
    out->occupied = true;
    out->generation = 1;
    if (bm_cbor_find(item, "chain", &chain) && bm_cbor_kind(chain) == BM_CBOR_ARRAY) {
      out->chain = chain;
    }
    return;
  }
}

void bm_identity_load(bm_device* d, unsigned slot, bm_identity* out) {
  memset(out, 0, sizeof *out);
  // An element that came with its identity holds the IDevID, whatever else the board could do.
  if (slot == 0 && d->hal.chip_uid.n > 0) {
    out->chip = true;
    out->occupied = d->hal.chip_point.n == BM_P256_POINT;
    out->generation = 1;
    if (out->occupied) memcpy(out->point, d->hal.chip_point.p, BM_P256_POINT);
    out->chain = d->hal.chip_chain;
  } else if (d->hal.board->key_in_factory_data) {
    load_from_factory_data(d, slot, out);
  } else if (d->state.slot[slot].occupied) {
    out->occupied = true;
    out->generation = bm_get_u32(d->state.slot[slot].generation);
    memcpy(out->key, d->state.slot[slot].key, BM_P256_KEY);
    memcpy(out->point, d->state.slot[slot].point, BM_P256_POINT);
    if (d->state.slot[slot].occupied == BM_SLOT_IN_ELEMENT && d->hal.element != NULL) {
      out->element = bm_slot_names[slot];
    }
    bm_chain_load(d, slot, &out->chain);
  }
  if (out->occupied && out->chain.n > 0) {
    out->certificate = leaf_has(out->chain, out->point);
    out->mismatch = !out->certificate;
  }
}

bm_status bm_identity_ready(bm_device* d) {
  if (d->hal.board->key_in_factory_data) {
    return bm_fail(d, BM_E_UNSUPPORTED, "this board takes its identity from factory-data");
  }
  if (d->private_health == BM_PRIVATE_DAMAGED) {
    return bm_fail(d, BM_E_HARDWARE, "private memory is damaged");
  }
  if (d->private_health != BM_PRIVATE_READY) {
    return bm_fail(d, BM_E_NOT_READY, "initialise private memory first");
  }
  return BM_OK;
}

bm_status bm_identity_generate(bm_device* d, unsigned slot, bool restart) {
  bm_status status = bm_identity_ready(d);
  if (status != BM_OK) return status;
  bm_identity now;
  bm_identity_load(d, slot, &now);
  bm_wipe(now.key, sizeof now.key);
  if (now.element != NULL) return bm_fail(d, BM_E_OCCUPIED, "the slot's key is in the element");
  if (now.occupied && (!restart || now.certificate)) {
    return bm_fail(d, BM_E_OCCUPIED,
                   now.certificate ? "the slot has a certificate" : "the slot has a key");
  }
  bm_rng_test(d);
  if (!d->rng.pass) return bm_fail(d, BM_E_HARDWARE, "the random source failed its health test");
  mbedtls_ecp_keypair pair;
  mbedtls_ecp_keypair_init(&pair);
  size_t n = 0;
  bool good = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, &pair, bm_rng_fill, d) == 0 &&
              mbedtls_mpi_write_binary(&pair.d, d->state.slot[slot].key, BM_P256_KEY) == 0 &&
              mbedtls_ecp_point_write_binary(&pair.grp, &pair.Q, MBEDTLS_ECP_PF_UNCOMPRESSED, &n,
                                             d->state.slot[slot].point, BM_P256_POINT) == 0;
  mbedtls_ecp_keypair_free(&pair);
  d->state.slot[slot].occupied = 1;
  bm_put_u32(d->state.slot[slot].generation, now.generation + 1);
  if (!good) {
    bm_private_load(d);
    return bm_fail(d, BM_E_HARDWARE, "key generation failed");
  }
  return bm_private_save(d) ? BM_OK : bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
}

bm_status bm_identity_bring(bm_device* d, unsigned slot, bm_span key, bool replace) {
  bm_status status = bm_identity_ready(d);
  if (status != BM_OK) return status;
  uint8_t point[BM_P256_POINT];
  if (key.n != BM_P256_KEY || !point_of(d, key.p, point)) {
    return bm_fail(d, BM_E_RANGE, "the key is no P-256 private key");
  }
  bm_identity now;
  bm_identity_load(d, slot, &now);
  bm_wipe(now.key, sizeof now.key);
  if (now.occupied && memcmp(now.point, point, sizeof point) == 0) return BM_OK;
  if (now.occupied && !replace) return bm_fail(d, BM_E_OCCUPIED, "the slot has another key");
  memcpy(d->state.slot[slot].key, key.p, BM_P256_KEY);
  memcpy(d->state.slot[slot].point, point, BM_P256_POINT);
  d->state.slot[slot].occupied = 1;
  bm_put_u32(d->state.slot[slot].generation, now.generation + 1);
  return bm_private_save(d) ? BM_OK : bm_fail(d, BM_E_HARDWARE, "private memory refused the write");
}

static bool load_pair(const uint8_t key[BM_P256_KEY], const uint8_t* point,
                      mbedtls_ecp_keypair* pair) {
  return mbedtls_ecp_group_load(&pair->grp, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
         mbedtls_mpi_read_binary(&pair->d, key, BM_P256_KEY) == 0 &&
         (point == NULL ||
          mbedtls_ecp_point_read_binary(&pair->grp, &pair->Q, point, BM_P256_POINT) == 0);
}

// attribute_list tells whether every part between unescaped commas has a '='. The library's parser
// silently drops a part that has none.
static bool attribute_list(const char* text) {
  bool assigned = false;
  for (; *text != 0; text++) {
    if (*text == '\\' && text[1] != 0) {
      text++;
    } else if (*text == '=') {
      assigned = true;
    } else if (*text == ',') {
      if (!assigned) return false;
      assigned = false;
    }
  }
  return assigned;
}

bm_status bm_identity_csr(bm_device* d, unsigned slot, bm_span subject, bm_span nonce,
                          bm_span* der) {
  bm_identity id;
  bm_identity_load(d, slot, &id);
  if (!id.occupied) return bm_fail(d, BM_E_NOT_FOUND, "the slot has no key");
  char name[256];
  if (subject.n == 0 || subject.n >= sizeof name || memchr(subject.p, 0, subject.n) != NULL) {
    bm_wipe(&id, sizeof id);
    return bm_fail(d, BM_E_RANGE, "the subject must have 1 to 255 bytes");
  }
  memcpy(name, subject.p, subject.n);
  name[subject.n] = 0;
  if (id.element != NULL || nonce.n > 0) {
    bm_wipe(&id, sizeof id);
    return attribute_list(name)
               ? bm_element_csr(d, slot, name, nonce, der)
               : bm_fail(d, BM_E_BAD_REQUEST, "the subject is not a list of attributes");
  }
  mbedtls_pk_context pk;
  mbedtls_x509write_csr csr;
  mbedtls_pk_init(&pk);
  mbedtls_x509write_csr_init(&csr);
  mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
  mbedtls_x509write_csr_set_key(&csr, &pk);
  bm_status status = BM_OK;
  int written = 0;
  if (mbedtls_pk_setup(&pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) != 0 ||
      !load_pair(id.key, id.point, mbedtls_pk_ec(pk))) {
    status = bm_fail(d, BM_E_HARDWARE, "the slot's key cannot be loaded");
  } else if (!attribute_list(name) || mbedtls_x509write_csr_set_subject_name(&csr, name) != 0) {
    status = bm_fail(d, BM_E_BAD_REQUEST, "the subject is not a list of attributes");
  } else {
    // The writer fills the buffer from its end.
    written = mbedtls_x509write_csr_der(&csr, d->scratch, sizeof d->scratch, bm_rng_fill, d);
    if (written <= 0) status = bm_fail(d, BM_E_HARDWARE, "the request could not be signed");
  }
  if (status == BM_OK) {
    *der = bm_span_of(d->scratch + sizeof d->scratch - written, (size_t)written);
  }
  mbedtls_x509write_csr_free(&csr);
  mbedtls_pk_free(&pk);
  bm_wipe(&id, sizeof id);
  return status;
}

bm_status bm_identity_put_chain(bm_device* d, unsigned slot, bm_span chain, bool replace) {
  bm_status status = bm_identity_ready(d);
  if (status != BM_OK) return status;
  bm_identity id;
  bm_identity_load(d, slot, &id);
  bm_wipe(id.key, sizeof id.key);
  if (!id.occupied) return bm_fail(d, BM_E_NOT_FOUND, "the slot has no key");
  bm_cbor_walk walk;
  bm_span item;
  if (!bm_cbor_array(chain, &walk) || walk.left == 0 || walk.left > BM_MAX_CHAIN ||
      chain.n > BM_MAX_CHAIN_BYTES) {
    return bm_fail(d, BM_E_RANGE, "the chain must have 1 to 5 certificates and fit 8128 bytes");
  }
  while (bm_cbor_next(&walk, &item)) {
    if (bm_cbor_kind(item) != BM_CBOR_BYTES) {
      return bm_fail(d, BM_E_BAD_REQUEST, "the chain holds something else than DER");
    }
  }
  if (!leaf_has(chain, id.point)) {
    return bm_fail(d, BM_E_MISMATCH,
                   "the first certificate is unreadable or not for this slot's key");
  }
  if (id.certificate && !replace && !bm_span_equal(id.chain, chain)) {
    return bm_fail(d, BM_E_OCCUPIED, "the slot has another certificate");
  }
  if (id.element != NULL && (status = bm_element_put_leaf(d, &id, chain)) != BM_OK) return status;
  return bm_chain_save(d, slot, chain)
             ? BM_OK
             : bm_fail(d, BM_E_HARDWARE, "factory-data refused the write");
}

bool bm_identity_sign(bm_device* d, const bm_identity* id, const uint8_t digest[32],
                      uint8_t signature[64]) {
  const bm_element* element = d->hal.element;
  if (id->element != NULL) return element->sign(element->ctx, id->element, digest, signature);
  return id->chip ? d->hal.chip_sign(d->hal.ctx, digest, signature)
                  : bm_sign_es256(d, id->key, digest, signature);
}

bool bm_sign_es256(bm_device* d, const uint8_t key[BM_P256_KEY], const uint8_t digest[32],
                   uint8_t signature[64]) {
  mbedtls_ecp_keypair pair;
  mbedtls_mpi r;
  mbedtls_mpi s;
  mbedtls_ecp_keypair_init(&pair);
  mbedtls_mpi_init(&r);
  mbedtls_mpi_init(&s);
  // Deterministic (RFC 6979): a weak moment of the random source must not leak the key.
  bool good = load_pair(key, NULL, &pair) &&
              mbedtls_ecdsa_sign_det_ext(&pair.grp, &r, &s, &pair.d, digest, 32, MBEDTLS_MD_SHA256,
                                         bm_rng_fill, d) == 0 &&
              mbedtls_mpi_write_binary(&r, signature, 32) == 0 &&
              mbedtls_mpi_write_binary(&s, signature + 32, 32) == 0;
  mbedtls_mpi_free(&r);
  mbedtls_mpi_free(&s);
  mbedtls_ecp_keypair_free(&pair);
  return good;
}

bm_span bm_serial(bm_device* d) {
  bm_span map;
  bm_span serial;
  if (d->hal.board->key_in_factory_data) {
    return bm_factory_record(d, &map) && bm_cbor_find_string(map, "serial", &serial)
               ? serial
               : bm_span_none();
  }
  return bm_span_of(d->state.serial, d->state.serial_size);
}
