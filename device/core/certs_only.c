// SPDX-License-Identifier: Apache-2.0
#include "certs_only.h"

#include <mbedtls/asn1.h>

enum {
  kSequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
  kSet = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET,
  kContext0 = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0,
  kContext1 = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 1,
};

static const uint8_t kSignedData[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02};
static const uint8_t kData[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x01};

// enter reads one element's head; `inside` gets its content, `in` what follows it.
static bool enter(bm_span* in, int tag, bm_span* inside) {
  if (in->n == 0) return false;
  uint8_t* p = (uint8_t*)in->p;  // the library only reads it
  const uint8_t* end = in->p + in->n;
  size_t n;
  if (mbedtls_asn1_get_tag(&p, end, &n, tag) != 0 || n > (size_t)(end - p)) return false;
  *inside = bm_span_of(p, n);
  *in = bm_span_of(p + n, (size_t)(end - p) - n);
  return true;
}

static bool is_oid(bm_span* in, const uint8_t* oid, size_t size) {
  bm_span value;
  return enter(in, MBEDTLS_ASN1_OID, &value) && bm_span_equal(value, bm_span_of(oid, size));
}

bool bm_certs_only(bm_span der, bm_span* certificates, size_t capacity, size_t* count) {
  bm_span content;
  bm_span wrapped;
  bm_span data;
  bm_span part;
  bm_span list;
  *count = 0;
  if (!enter(&der, kSequence, &content) || der.n != 0 ||
      !is_oid(&content, kSignedData, sizeof kSignedData) || !enter(&content, kContext0, &wrapped) ||
      content.n != 0 || !enter(&wrapped, kSequence, &data) || wrapped.n != 0) {
    return false;
  }
  // version 1 (3 where a certificate is of another kind, which is none of ours), no digest
  // algorithms, no content.
  if (!enter(&data, MBEDTLS_ASN1_INTEGER, &part) || part.n != 1 || part.p[0] != 1 ||
      !enter(&data, kSet, &part) || part.n != 0 || !enter(&data, kSequence, &part) ||
      !is_oid(&part, kData, sizeof kData) || part.n != 0 || !enter(&data, kContext0, &list)) {
    return false;
  }
  bm_span signers = data;
  if (enter(&data, kContext1, &part)) signers = data;  // revocation lists are not looked at
  if (!enter(&signers, kSet, &part) || part.n != 0 || signers.n != 0) return false;
  while (list.n > 0) {
    const uint8_t* start = list.p;
    if (*count == capacity || !enter(&list, kSequence, &part)) return false;
    certificates[(*count)++] = bm_span_of(start, (size_t)(part.p + part.n - start));
  }
  return *count > 0;
}
