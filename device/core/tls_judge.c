// SPDX-License-Identifier: Apache-2.0
// Judging a server's chain: the library validates the path, the anchor's policy comes on top.
#include "internal.h"
#include "policy.h"

#if BM_HAVE_TLS

enum { kPathMax = MBEDTLS_X509_MAX_INTERMEDIATE_CA + 2 };

// The anchors of one judgement. A bare key is put into a certificate that has nothing else: the
// library takes such an issuer from its trusted list (it is of no version that has extensions).
typedef struct {
  mbedtls_x509_crt trusted;
  bool bare;
} anchors;

// What the library showed of the path it found, from the server's certificate upwards.
typedef struct {
  const bm_device* device;
  const mbedtls_x509_crt* trusted;
  const mbedtls_x509_crt* path[kPathMax];
  size_t size;
} walked;

static bm_span key_of(const mbedtls_x509_crt* c) { return bm_span_of(c->pk_raw.p, c->pk_raw.len); }

static bool is_key(const bm_anchor* anchor, bm_span spki) {
  uint8_t digest[BM_DIGEST];
  if (anchor->form == BM_FORM_SPKI) return bm_span_equal(spki, anchor->data);
  bm_sha256(spki, digest);
  return bm_span_equal(bm_span_of(digest, sizeof digest), anchor->data);
}

static bool trust(anchors* a, bm_span der) {
  return mbedtls_x509_crt_parse_der_nocopy(&a->trusted, der.p, der.n) == 0;
}

// trust_key finds the certificate that carries the anchor's key. A key alone that signed the last
// certificate needs none; a digest does, for the key has to travel.
static bm_verdict trust_key(anchors* a, const bm_anchor* anchor, const mbedtls_x509_crt* chain) {
  const mbedtls_x509_crt* last = chain;
  for (const mbedtls_x509_crt* c = chain; c != NULL; c = c->next) {
    last = c;
    if (!is_key(anchor, key_of(c))) continue;
    return trust(a, bm_span_of(c->raw.p, c->raw.len)) ? BM_ACCEPTED : BM_REFUSED_CHAIN_RULES;
  }
  if (anchor->form == BM_FORM_DIGEST) return BM_REFUSED_CHAIN;
  uint8_t* key = (uint8_t*)anchor->data.p;  // the library only reads it
  if (mbedtls_pk_parse_public_key(&a->trusted.pk, key, anchor->data.n) != 0) {
    return BM_REFUSED_ANCHOR_FORM;
  }
  a->trusted.version = 1;
  a->trusted.subject = last->issuer;  // borrowed: forget takes it out again
  a->trusted.subject_raw = last->issuer_raw;
  a->bare = true;
  return BM_ACCEPTED;
}

static void forget(anchors* a) {
  if (a->bare) {
    memset(&a->trusted.subject, 0, sizeof a->trusted.subject);
    memset(&a->trusted.subject_raw, 0, sizeof a->trusted.subject_raw);
  }
  mbedtls_x509_crt_free(&a->trusted);
}

static bm_verdict find_anchors(bm_device* d, anchors* a, const mbedtls_x509_crt* chain,
                               bm_span* policy) {
  bm_tls* s = &d->tls;
  *policy = bm_span_none();
  if (s->owner) {
    bm_span list;
    bm_span means;
    bm_span item;
    bm_span der;
    bm_cbor_walk walk;
    if (!bm_owner_load(d, &list, &means) || !bm_cbor_array(list, &walk)) {
      return BM_REFUSED_NO_ANCHOR;
    }
    while (bm_cbor_next(&walk, &item)) {
      if (!bm_cbor_bytes(item, &der) || !trust(a, der)) return BM_REFUSED_ANCHOR_FORM;
    }
    return BM_ACCEPTED;
  }
  bm_anchor anchor;
  uint8_t digest[BM_DIGEST];
  bool changed;
  if (!bm_anchor_in_force(d, bm_span_of(s->anchor, s->anchor_size), &anchor, digest, &changed)) {
    return BM_REFUSED_NO_ANCHOR;
  }
  *policy = anchor.policy;
  switch (anchor.form) {
    case BM_FORM_CERTIFICATE:
      return trust(a, anchor.data) ? BM_ACCEPTED : BM_REFUSED_ANCHOR_FORM;
    case BM_FORM_SPKI:
    case BM_FORM_DIGEST:
      return trust_key(a, &anchor, chain);
    default:
      return BM_REFUSED_ANCHOR_FORM;
  }
}

static int64_t seconds_of(const mbedtls_x509_time* t) {
  return bm_seconds(t->year, t->mon, t->day, t->hour, t->min, t->sec);
}

// on_certificate is called for the path from the top down. The library looks at the clock of the
// machine it runs on; only the device's own counts, and a device may have none.
static int on_certificate(void* ctx, mbedtls_x509_crt* c, int depth, uint32_t* flags) {
  walked* w = ctx;
  uint64_t now;
  if (depth < 0 || depth >= kPathMax) return MBEDTLS_ERR_X509_FATAL_ERROR;
  w->path[depth] = c;
  if (w->size < (size_t)depth + 1) w->size = (size_t)depth + 1;
  *flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
  for (const mbedtls_x509_crt* t = w->trusted; t != NULL; t = t->next) {
    if (t == c) return 0;  // an anchor is a key with a name (RFC 5280 section 6.1.1 (d))
  }
  if (!bm_clock(w->device, &now)) return 0;
  if ((int64_t)now > seconds_of(&c->valid_to)) *flags |= MBEDTLS_X509_BADCERT_EXPIRED;
  if ((int64_t)now < seconds_of(&c->valid_from)) *flags |= MBEDTLS_X509_BADCERT_FUTURE;
  return 0;
}

static bm_verdict verdict_of(uint32_t flags) {
  if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) return BM_REFUSED_CHAIN;
  if (flags &
      (MBEDTLS_X509_BADCERT_BAD_KEY | MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK)) {
    return BM_REFUSED_WEAK;
  }
  if (flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) return BM_REFUSED_DATE;
  if (flags & ~(uint32_t)MBEDTLS_X509_BADCERT_CN_MISMATCH) return BM_REFUSED_CHAIN_RULES;
  return flags ? BM_REFUSED_HOST : BM_ACCEPTED;
}

// name_of is the COSE name for the server's key, as a policy's "algorithms" has it.
static const char* name_of(const mbedtls_pk_context* pk) {
  if (mbedtls_pk_can_do(pk, MBEDTLS_PK_RSA)) return "RS256";
  if (!mbedtls_pk_can_do(pk, MBEDTLS_PK_ECDSA)) return "";
  switch (mbedtls_pk_ec(*pk)->grp.id) {
    case MBEDTLS_ECP_DP_SECP256R1:
      return "ES256";
    case MBEDTLS_ECP_DP_SECP384R1:
      return "ES384";
    case MBEDTLS_ECP_DP_SECP521R1:
      return "ES512";
    case MBEDTLS_ECP_DP_SECP256K1:
      return "ES256K";
    default:
      return "";
  }
}

bm_verdict bm_tls_judge(bm_device* d, mbedtls_x509_crt* chain, unsigned* level,
                        const char** algorithm) {
  anchors a;
  walked w = {.device = d, .trusted = &a.trusted};
  bm_span policy;
  uint32_t flags = 0;
  mbedtls_x509_crt_init(&a.trusted);
  a.bare = false;
  *level = 0;
  *algorithm = name_of(&chain->pk);
  bm_verdict verdict = find_anchors(d, &a, chain, &policy);
  if (verdict == BM_ACCEPTED) {
    int failed = mbedtls_x509_crt_verify_with_profile(chain, &a.trusted, NULL,
                                                      &mbedtls_x509_crt_profile_default,
                                                      d->tls.host, &flags, on_certificate, &w);
    verdict = failed != 0 && flags == 0 ? BM_REFUSED_CHAIN : verdict_of(flags);
  }
  if (verdict == BM_ACCEPTED || verdict == BM_REFUSED_HOST) {
    // The anchor is the last of the path, unless the server's own key is the anchor.
    *level = (unsigned)w.size;
    size_t below = w.size > 1 ? w.size - 1 : w.size;
    bm_verdict policed = bm_policy_apply(policy, *level, *algorithm, w.path, below);
    if (policed != BM_ACCEPTED) verdict = policed;
  }
  forget(&a);
  return verdict;
}

#endif
