// SPDX-License-Identifier: Apache-2.0
#include "policy.h"

#include <mbedtls/oid.h>

static bool sequence_has(const mbedtls_x509_sequence* list, bm_span oid_text) {
  for (; list != NULL && list->buf.p != NULL; list = list->next) {
    char text[128];
    int n = mbedtls_oid_get_numeric_string(text, sizeof text, &list->buf);
    if (n > 0 && bm_span_equal(bm_span_of(text, (size_t)n), oid_text)) return true;
  }
  return false;
}

static bool has_attribute(const mbedtls_x509_crt* c, const char* oid, size_t oid_size,
                          bm_span text) {
  for (const mbedtls_x509_name* name = &c->subject; name != NULL; name = name->next) {
    if (bm_span_equal(bm_span_of(name->oid.p, name->oid.len), bm_span_of(oid, oid_size)) &&
        bm_span_equal(bm_span_of(name->val.p, name->val.len), text)) {
      return true;
    }
  }
  return false;
}

static bool has_common_name(const mbedtls_x509_crt* c, bm_span text) {
  return has_attribute(c, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN), text);
}

static bool subject_is(const mbedtls_x509_crt* c, bm_span text) {
  return has_common_name(c, text) ||
         has_attribute(c, MBEDTLS_OID_AT_SERIAL_NUMBER,
                       MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_SERIAL_NUMBER), text);
}

// passes_through finds an authority of this common name between the anchor and the signer.
static bool passes_through(const mbedtls_x509_crt* const* path, size_t size, bm_span text) {
  for (size_t i = 1; i < size; i++) {
    if (has_common_name(path[i], text)) return true;
  }
  return false;
}

static uint8_t lower(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

// lies_within compares a name with a subtree as RFC 5280 section 4.2.1.10 does for dNSName: the
// same name, or labels added to its left.
static bool lies_within(bm_span name, bm_span subtree) {
  if (subtree.n == 0 || name.n < subtree.n) return false;
  size_t more = name.n - subtree.n;
  if (more > 0 && subtree.p[0] != '.' && name.p[more - 1] != '.') return false;
  for (size_t i = 0; i < subtree.n; i++) {
    if (lower(name.p[more + i]) != lower(subtree.p[i])) return false;
  }
  return true;
}

// names_within tells whether the signer has DNS names, and all of them lie in one of the subtrees.
static bool names_within(const mbedtls_x509_crt* c, bm_span value) {
  bool any = false;
  for (const mbedtls_x509_sequence* san = &c->subject_alt_names; san != NULL; san = san->next) {
    // The library's parser keeps each GeneralName; [2] is dNSName.
    if (san->buf.p == NULL || (san->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) != 2) continue;
    any = true;
    bm_span item;
    bm_span subtree;
    bm_cbor_walk walk;
    bool inside = false;
    if (!bm_cbor_array(value, &walk)) return false;
    while (!inside && bm_cbor_next(&walk, &item)) {
      inside = bm_cbor_string(item, &subtree) &&
               lies_within(bm_span_of(san->buf.p, san->buf.len), subtree);
    }
    if (!inside) return false;
  }
  return any;
}

static bool list_has_level(bm_cbor_walk walk, unsigned level) {
  bm_span item;
  uint64_t value;
  while (bm_cbor_next(&walk, &item)) {
    if (bm_cbor_uint(item, &value) && value == level) return true;
  }
  return false;
}

static bool list_has_text(bm_cbor_walk walk, const char* text) {
  bm_span item;
  bm_span value;
  while (bm_cbor_next(&walk, &item)) {
    if (bm_cbor_string(item, &value) && bm_span_is(value, text)) return true;
  }
  return false;
}

bm_verdict bm_policy_apply(bm_span policy, unsigned level, const char* algorithm,
                           const mbedtls_x509_crt* const* path, size_t path_size) {
  if (policy.n == 0) return BM_ACCEPTED;
  const mbedtls_x509_crt* signer = path_size > 0 ? path[0] : NULL;
  bm_span value;
  bm_span text;
  bm_cbor_walk walk;
  if (bm_cbor_find(policy, "algorithms", &value) &&
      (!bm_cbor_array(value, &walk) || !list_has_text(walk, algorithm))) {
    return BM_REFUSED_ALGORITHM;
  }
  if (bm_cbor_find(policy, "levels", &value) &&
      (!bm_cbor_array(value, &walk) || !list_has_level(walk, level))) {
    return BM_REFUSED_LEVEL;
  }
  if (bm_cbor_find(policy, "eku", &value) && (!bm_cbor_string(value, &text) || signer == NULL ||
                                              !sequence_has(&signer->ext_key_usage, text))) {
    return BM_REFUSED_EKU;
  }
  if (bm_cbor_find(policy, "policy_oid", &value) &&
      (!bm_cbor_string(value, &text) || signer == NULL ||
       !sequence_has(&signer->certificate_policies, text))) {
    return BM_REFUSED_POLICY;
  }
  if (bm_cbor_find(policy, "subject", &value) &&
      (!bm_cbor_string(value, &text) || signer == NULL || !subject_is(signer, text))) {
    return BM_REFUSED_SUBJECT;
  }
  if (bm_cbor_find(policy, "organization", &value) &&
      (!bm_cbor_string(value, &text) || signer == NULL ||
       !has_attribute(signer, MBEDTLS_OID_AT_ORGANIZATION,
                      MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION), text))) {
    return BM_REFUSED_NAMES;
  }
  if (bm_cbor_find(policy, "dns", &value) && (signer == NULL || !names_within(signer, value))) {
    return BM_REFUSED_NAMES;
  }
  if (bm_cbor_find(policy, "subordinate", &value) &&
      (!bm_cbor_string(value, &text) || !passes_through(path, path_size, text))) {
    return BM_REFUSED_SUBORDINATE;
  }
  return BM_ACCEPTED;
}
