// SPDX-License-Identifier: Apache-2.0
#include "verify.h"

#include <mbedtls/ecdsa.h>
#include <mbedtls/md.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>

#include "policy.h"

typedef struct {
  int64_t id;
  const char* name;
  mbedtls_md_type_t md;
  mbedtls_pk_type_t key;
  mbedtls_ecp_group_id curve;
} algorithm;

// COSE algorithms (RFC 9053 section 2, RFC 8812 section 2, RFC 8230). SHA-1 (RS1) is left out on
// purpose; EdDSA is not in this crypto library. A curve is bound to each ECDSA algorithm, stricter
// than RFC 9053, so that the algorithm names in a policy say which keys are meant.
static const algorithm kAlgorithms[] = {
    {-7, "ES256", MBEDTLS_MD_SHA256, MBEDTLS_PK_ECDSA, MBEDTLS_ECP_DP_SECP256R1},
    {-35, "ES384", MBEDTLS_MD_SHA384, MBEDTLS_PK_ECDSA, MBEDTLS_ECP_DP_SECP384R1},
    {-257, "RS256", MBEDTLS_MD_SHA256, MBEDTLS_PK_RSA, MBEDTLS_ECP_DP_NONE},
    {-258, "RS384", MBEDTLS_MD_SHA384, MBEDTLS_PK_RSA, MBEDTLS_ECP_DP_NONE},
    {-259, "RS512", MBEDTLS_MD_SHA512, MBEDTLS_PK_RSA, MBEDTLS_ECP_DP_NONE},
    {-37, "PS256", MBEDTLS_MD_SHA256, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_ECP_DP_NONE},
    {-38, "PS384", MBEDTLS_MD_SHA384, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_ECP_DP_NONE},
    {-39, "PS512", MBEDTLS_MD_SHA512, MBEDTLS_PK_RSASSA_PSS, MBEDTLS_ECP_DP_NONE},
};

const char* bm_verdict_text(bm_verdict verdict) {
  static const char* const kTexts[BM_VERDICTS] = {
      [BM_ACCEPTED] = "accepted",
      [BM_NOT_VERIFIED] = "not verified: secure boot is off",
      [BM_REFUSED_FORMAT] = "malformed object",
      [BM_REFUSED_ALGORITHM] = "algorithm not accepted",
      [BM_REFUSED_ANCHOR_FORM] = "the anchor holds no key that can verify",
      [BM_REFUSED_NO_ANCHOR] = "no anchor for this object",
      [BM_REFUSED_CHAIN] = "the chain does not lead to the anchor",
      [BM_REFUSED_CHAIN_RULES] = "a certificate of the chain may not be used here",
      [BM_REFUSED_WEAK] = "key or hash too weak",
      [BM_REFUSED_LEVEL] = "signed at a level the anchor does not accept",
      [BM_REFUSED_EKU] = "the signer lacks the extended key usage",
      [BM_REFUSED_POLICY] = "the signer lacks the certificate policy",
      [BM_REFUSED_SUBJECT] = "the signer is not the named subject",
      [BM_REFUSED_SUBORDINATE] = "the chain does not pass through the named authority",
      [BM_REFUSED_NAMES] = "the signer's name lies outside the anchor's constraints",
      [BM_REFUSED_SIGNATURE] = "the signature is wrong",
      [BM_REFUSED_IMAGE_DIGEST] = "the image is not the one that was signed",
      [BM_REFUSED_IMAGE_SIZE] = "the image is shorter than its manifest says",
      [BM_REFUSED_IMAGE_KIND] = "the image is of another kind",
      [BM_REFUSED_VERSION] = "this version has been retired by fuse",
      [BM_REFUSED_EMPTY] = "nothing is installed",
      [BM_REFUSED_OLDER] = "older than what is installed",
      [BM_REFUSED_NONE_LEFT] = "would leave no anchor to verify with",
      [BM_REFUSED_ROLLBACK] = "rolled back: older than what this device has taken",
      [BM_REFUSED_PRIVILEGE] = "the manifest of the TAM does not give this privilege",
      [BM_REFUSED_UNKNOWN_ANCHOR] = "there is no anchor of that id to change",
      [BM_REFUSED_KNOWN_ANCHOR] = "an anchor of that id is there already",
      [BM_REFUSED_OTHER_DEVICE] = "it is for another device",
      [BM_REFUSED_PRODUCT] = "it is for another product",
      [BM_REFUSED_HOST] = "the certificate is not for this host name",
      [BM_REFUSED_DATE] = "a certificate of the chain is not valid now",
      [BM_REFUSED_HANDSHAKE] = "no TLS session: key or signature not accepted, or none in common",
  };
  return verdict < BM_VERDICTS ? kTexts[verdict] : "unknown verdict";
}

void bm_sha256(bm_span in, uint8_t out[32]) { mbedtls_sha256_ret(in.p, in.n, out, 0); }

static const algorithm* algorithm_of(int64_t id) {
  for (size_t i = 0; i < sizeof kAlgorithms / sizeof kAlgorithms[0]; i++) {
    if (kAlgorithms[i].id == id) return &kAlgorithms[i];
  }
  return NULL;
}

static bool strong(const mbedtls_pk_context* pk) {
  if (mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA)) {
    size_t bits = mbedtls_pk_get_bitlen(pk);
    return bits == 2048 || bits == 3072 || bits == 4096;
  }
  if (!mbedtls_pk_can_do(pk, MBEDTLS_PK_ECDSA)) return false;
  mbedtls_ecp_group_id curve = mbedtls_pk_ec(*pk)->grp.id;
  return curve == MBEDTLS_ECP_DP_SECP256R1 || curve == MBEDTLS_ECP_DP_SECP384R1;
}

// The working set of one verification.
typedef struct {
  mbedtls_pk_context anchor_pk;
  mbedtls_x509_crt anchor_certificate;  // when the anchor is stored as a certificate
  bm_span anchor_spki;
  bm_span anchor_name;  // encoded subject, empty for a bare key
  mbedtls_x509_crt chain;
  const mbedtls_x509_crt* path[BM_MAX_CHAIN];  // the signer's first; empty when a bare key signs
  size_t path_size;
  const mbedtls_pk_context* signer_pk;
} work;

static bm_span spki_of(const mbedtls_x509_crt* c) { return bm_span_of(c->pk_raw.p, c->pk_raw.len); }

static bool digest_is(bm_span spki, bm_span digest) {
  uint8_t d[32];
  bm_sha256(spki, d);
  return bm_span_equal(bm_span_of(d, sizeof d), digest);
}

// find_by_digest finds the key an anchor names by the SHA-256 of its SPKI: it has to travel with
// the object, bare or in the chain.
static bm_span find_by_digest(const work* w, const bm_cose* cose, bm_span digest) {
  if (cose->spki.n > 0 && digest_is(cose->spki, digest)) return cose->spki;
  if (cose->chain_size == 0) return bm_span_none();
  for (const mbedtls_x509_crt* c = &w->chain; c != NULL; c = c->next) {
    if (digest_is(spki_of(c), digest)) return spki_of(c);
  }
  return bm_span_none();
}

static bm_verdict load_chain(work* w, const bm_cose* cose) {
  for (size_t i = 0; i < cose->chain_size; i++) {
    bm_span der = cose->chain[i];
    // The parser refuses unknown critical extensions (RFC 5280 section 4.2).
    if (mbedtls_x509_crt_parse_der_nocopy(&w->chain, der.p, der.n) != 0) {
      return BM_REFUSED_CHAIN_RULES;
    }
  }
  size_t i = 0;
  for (const mbedtls_x509_crt* c = &w->chain; i < cose->chain_size; c = c->next, i++) {
    if (c->raw.len != cose->chain[i].n) return BM_REFUSED_FORMAT;
  }
  return BM_ACCEPTED;
}

static bm_verdict load_anchor(work* w, const bm_anchor* anchor, const bm_cose* cose) {
  switch (anchor->form) {
    case BM_FORM_FILE:
      return BM_REFUSED_ANCHOR_FORM;
    case BM_FORM_SPKI:
      w->anchor_spki = anchor->data;
      break;
    case BM_FORM_DIGEST:
      if (anchor->data.n != 32) return BM_REFUSED_ANCHOR_FORM;
      w->anchor_spki = find_by_digest(w, cose, anchor->data);
      if (w->anchor_spki.n == 0) return BM_REFUSED_CHAIN;
      break;
    case BM_FORM_CERTIFICATE:
      if (mbedtls_x509_crt_parse_der_nocopy(&w->anchor_certificate, anchor->data.p,
                                            anchor->data.n) != 0) {
        return BM_REFUSED_ANCHOR_FORM;
      }
      w->anchor_spki = spki_of(&w->anchor_certificate);
      w->anchor_name =
          bm_span_of(w->anchor_certificate.subject_raw.p, w->anchor_certificate.subject_raw.len);
      break;
  }
  if (mbedtls_pk_parse_public_key(&w->anchor_pk, w->anchor_spki.p, w->anchor_spki.n) != 0) {
    return BM_REFUSED_ANCHOR_FORM;
  }
  return strong(&w->anchor_pk) ? BM_ACCEPTED : BM_REFUSED_WEAK;
}

static bm_verdict check_signed(const mbedtls_x509_crt* c, mbedtls_pk_context* issuer) {
  if (c->sig_md != MBEDTLS_MD_SHA256 && c->sig_md != MBEDTLS_MD_SHA384 &&
      c->sig_md != MBEDTLS_MD_SHA512) {
    return BM_REFUSED_WEAK;
  }
  const mbedtls_md_info_t* md = mbedtls_md_info_from_type(c->sig_md);
  uint8_t hash[MBEDTLS_MD_MAX_SIZE];
  if (md == NULL || mbedtls_md(md, c->tbs.p, c->tbs.len, hash) != 0) return BM_REFUSED_WEAK;
  int failed = mbedtls_pk_verify_ext(c->sig_pk, c->sig_opts, issuer, c->sig_md, hash,
                                     mbedtls_md_get_size(md), c->sig.p, c->sig.len);
  return failed ? BM_REFUSED_CHAIN : BM_ACCEPTED;
}

// walk_chain checks the chain from the end entity up to the anchor and counts the level.
static bm_verdict walk_chain(work* w, size_t given, unsigned* level) {
  w->signer_pk = &w->anchor_pk;
  *level = 1;
  if (given == 0) {
    if (w->anchor_certificate.raw.len > 0) w->path[w->path_size++] = &w->anchor_certificate;
    return BM_ACCEPTED;
  }
  mbedtls_x509_crt* certificate[BM_MAX_CHAIN];
  size_t n = 0;
  for (mbedtls_x509_crt* c = &w->chain; c != NULL && n < given; c = c->next) certificate[n++] = c;
  bm_span top_name = w->anchor_name;
  w->path[w->path_size++] = certificate[0];
  // The anchor itself may travel as the last certificate; it is not a level of its own.
  if (bm_span_equal(spki_of(certificate[n - 1]), w->anchor_spki)) {
    n--;
    if (top_name.n == 0) {
      top_name = bm_span_of(certificate[n]->subject_raw.p, certificate[n]->subject_raw.len);
    }
  }
  for (size_t i = 0; i < n; i++) {
    bool top = i + 1 == n;
    mbedtls_x509_crt* c = certificate[i];
    if (!strong(&c->pk)) return BM_REFUSED_WEAK;
    bm_span issuer_name =
        top ? top_name
            : bm_span_of(certificate[i + 1]->subject_raw.p, certificate[i + 1]->subject_raw.len);
    // RFC 5280 section 6.1.3 (a)(4). A bare key has no name to compare with.
    if (issuer_name.n > 0 &&
        !bm_span_equal(bm_span_of(c->issuer_raw.p, c->issuer_raw.len), issuer_name)) {
      return BM_REFUSED_CHAIN;
    }
    bm_verdict verdict = check_signed(c, top ? &w->anchor_pk : &certificate[i + 1]->pk);
    if (verdict != BM_ACCEPTED) return verdict;
    if (i > 0) w->path[w->path_size++] = c;
    if (i == 0) {
      if (c->ca_istrue || mbedtls_x509_crt_check_key_usage(c, MBEDTLS_X509_KU_DIGITAL_SIGNATURE)) {
        return BM_REFUSED_CHAIN_RULES;
      }
      continue;
    }
    // RFC 5280 section 6.1.4 (k), (m), (n). max_pathlen counts one more than the RFC, 0 = no limit.
    if (!c->ca_istrue || mbedtls_x509_crt_check_key_usage(c, MBEDTLS_X509_KU_KEY_CERT_SIGN) ||
        (c->max_pathlen > 0 && i > (size_t)c->max_pathlen)) {
      return BM_REFUSED_CHAIN_RULES;
    }
  }
  if (n > 0) w->signer_pk = &certificate[0]->pk;
  *level = (unsigned)n + 1;
  return BM_ACCEPTED;
}

// hash_to_be_signed hashes the Sig_structure of RFC 9052 section 4.4 without building it:
// ["Signature1", protected, h'', payload].
static bool hash_to_be_signed(bm_span protected_header, bm_span payload,
                              const mbedtls_md_info_t* md, uint8_t* hash) {
  uint8_t buffer[32];
  bm_cbor_writer w;
  mbedtls_md_context_t ctx;
  mbedtls_md_init(&ctx);
  bool good = mbedtls_md_setup(&ctx, md, 0) == 0 && mbedtls_md_starts(&ctx) == 0;
  bm_cbor_start(&w, buffer, sizeof buffer);
  bm_cbor_head(&w, BM_CBOR_ARRAY, 4);
  bm_cbor_put_text(&w, "Signature1");
  bm_cbor_head(&w, BM_CBOR_BYTES, protected_header.n);
  good = good && mbedtls_md_update(&ctx, buffer, w.size) == 0 &&
         mbedtls_md_update(&ctx, protected_header.p, protected_header.n) == 0;
  bm_cbor_start(&w, buffer, sizeof buffer);
  bm_cbor_put_bytes(&w, bm_span_none());
  bm_cbor_head(&w, BM_CBOR_BYTES, payload.n);
  good = good && mbedtls_md_update(&ctx, buffer, w.size) == 0 &&
         mbedtls_md_update(&ctx, payload.p, payload.n) == 0 && mbedtls_md_finish(&ctx, hash) == 0;
  mbedtls_md_free(&ctx);
  return good;
}

bool bm_cose_digest(bm_span protected_header, bm_span payload, uint8_t out[32]) {
  const mbedtls_md_info_t* md = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);
  return md != NULL && hash_to_be_signed(protected_header, payload, md, out);
}

static bool ecdsa_good(const mbedtls_ecp_keypair* key, const uint8_t* hash, size_t hash_size,
                       bm_span signature) {
  size_t half = (key->grp.pbits + 7) / 8;
  if (signature.n != 2 * half) return false;
  mbedtls_mpi r;
  mbedtls_mpi s;
  mbedtls_mpi_init(&r);
  mbedtls_mpi_init(&s);
  mbedtls_ecp_group group;  // verification caches a table in the group, so it works on a copy
  mbedtls_ecp_group_init(&group);
  bool good = mbedtls_ecp_group_load(&group, key->grp.id) == 0 &&
              mbedtls_mpi_read_binary(&r, signature.p, half) == 0 &&
              mbedtls_mpi_read_binary(&s, signature.p + half, half) == 0 &&
              mbedtls_ecdsa_verify(&group, hash, hash_size, &key->Q, &r, &s) == 0;
  mbedtls_ecp_group_free(&group);
  mbedtls_mpi_free(&r);
  mbedtls_mpi_free(&s);
  return good;
}

static bm_verdict check_signature(const work* w, const bm_cose* cose, const algorithm* a) {
  mbedtls_pk_context* pk = (mbedtls_pk_context*)w->signer_pk;  // the library's verify is not const
  bool ec = a->key == MBEDTLS_PK_ECDSA;
  if (!mbedtls_pk_can_do(pk, ec ? MBEDTLS_PK_ECDSA : MBEDTLS_PK_RSA)) return BM_REFUSED_SIGNATURE;
  const mbedtls_md_info_t* md = mbedtls_md_info_from_type(a->md);
  uint8_t hash[MBEDTLS_MD_MAX_SIZE];
  if (md == NULL || !hash_to_be_signed(cose->protected_header, cose->payload, md, hash))
    return BM_REFUSED_ALGORITHM;
  size_t size = mbedtls_md_get_size(md);
  bool good;
  if (ec) {
    const mbedtls_ecp_keypair* key = mbedtls_pk_ec(*pk);
    good = key->grp.id == a->curve && ecdsa_good(key, hash, size, cose->signature);
  } else if (a->key == MBEDTLS_PK_RSASSA_PSS) {
    // RFC 8230 section 2: the salt is as long as the hash.
    mbedtls_pk_rsassa_pss_options options = {a->md, (int)size};
    good = mbedtls_pk_verify_ext(MBEDTLS_PK_RSASSA_PSS, &options, pk, a->md, hash, size,
                                 cose->signature.p, cose->signature.n) == 0;
  } else {
    good = mbedtls_pk_verify(pk, a->md, hash, size, cose->signature.p, cose->signature.n) == 0;
  }
  return good ? BM_ACCEPTED : BM_REFUSED_SIGNATURE;
}

static bm_verdict verify(work* w, const bm_anchor* anchor, const bm_cose* cose,
                         bm_verify_result* result) {
  const algorithm* a = algorithm_of(cose->algorithm);
  if (a == NULL) return BM_REFUSED_ALGORITHM;
  result->algorithm = a->name;
  bm_verdict verdict = load_chain(w, cose);
  if (verdict == BM_ACCEPTED) verdict = load_anchor(w, anchor, cose);
  if (verdict == BM_ACCEPTED) verdict = walk_chain(w, cose->chain_size, &result->level);
  if (verdict == BM_ACCEPTED) {
    verdict = bm_policy_apply(anchor->policy, result->level, a->name, w->path, w->path_size);
  }
  if (verdict == BM_ACCEPTED) verdict = check_signature(w, cose, a);
  return verdict;
}

bm_verdict bm_verify_object(const bm_anchor* anchor, bm_span object, bm_verify_result* result) {
  memset(result, 0, sizeof *result);
  bm_cose cose;
  result->verdict = BM_REFUSED_FORMAT;
  if (!bm_cose_parse(object, &cose)) return result->verdict;
  result->payload = cose.payload;
  work w;
  memset(&w, 0, sizeof w);
  mbedtls_pk_init(&w.anchor_pk);
  mbedtls_x509_crt_init(&w.anchor_certificate);
  mbedtls_x509_crt_init(&w.chain);
  result->verdict = verify(&w, anchor, &cose, result);
  mbedtls_x509_crt_free(&w.chain);
  mbedtls_x509_crt_free(&w.anchor_certificate);
  mbedtls_pk_free(&w.anchor_pk);
  return result->verdict;
}
