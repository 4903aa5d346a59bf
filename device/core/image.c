// SPDX-License-Identifier: Apache-2.0
#include "image.h"

bool bm_container_parse(bm_span region, bm_container* out) {
  if (region.n < 8 || memcmp(region.p, "BMI1", 4) != 0) return false;
  uint32_t size = bm_get_u32(region.p + 4);
  if (size == 0 || size > BM_MAX_ENVELOPE || size > region.n - 8) return false;
  out->envelope = bm_span_of(region.p + 8, size);
  out->rest = bm_span_of(region.p + 8 + size, region.n - 8 - size);
  return true;
}

// chain reads header 33 (RFC 9360 section 2): one certificate as a byte string, or an array of at
// least two.
static bool chain(bm_span value, bm_cose* out) {
  bm_cbor_walk walk;
  if (bm_cbor_bytes(value, &out->chain[0])) {
    out->chain_size = 1;
    return true;
  }
  if (!bm_cbor_array(value, &walk) || walk.left < 2 || walk.left > BM_MAX_CHAIN) return false;
  bm_span item;
  while (bm_cbor_next(&walk, &item)) {
    if (!bm_cbor_bytes(item, &out->chain[out->chain_size++])) return false;
  }
  return true;
}

bool bm_cose_parse(bm_span in, bm_cose* out) {
  memset(out, 0, sizeof *out);
  if (!bm_cbor_check(in)) return false;
  bm_cbor_walk walk;
  bm_span item;
  if (!bm_cbor_array(bm_cbor_untag(in, 18), &walk) || walk.left != 4) return false;
  bm_cbor_next(&walk, &item);
  if (!bm_cbor_bytes(item, &out->protected_header)) return false;
  bm_cbor_next(&walk, &item);
  if (bm_cbor_kind(item) != BM_CBOR_MAP) return false;
  bm_cbor_next(&walk, &item);
  if (!bm_cbor_bytes(item, &out->payload)) return false;
  bm_cbor_next(&walk, &item);
  if (!bm_cbor_bytes(item, &out->signature)) return false;

  bm_span header = out->protected_header;
  bm_span value;
  if (!bm_cbor_check(header) || bm_cbor_kind(header) != BM_CBOR_MAP) return false;
  if (!bm_cbor_find_int(header, 1, &value) || !bm_cbor_int(value, &out->algorithm)) return false;
  // RFC 9052 section 3.1: a critical header that is not understood makes the object unusable, and
  // this verifier understands none beyond those it reads anyway.
  if (bm_cbor_find_int(header, 2, &value)) return false;
  if (bm_cbor_find_int(header, 33, &value) && !chain(value, out)) return false;
  if (bm_cbor_find(header, "spki", &value) && !bm_cbor_bytes(value, &out->spki)) return false;
  return true;
}

bool bm_manifest_parse(bm_span in, bm_manifest* out) {
  memset(out, 0, sizeof *out);
  bm_cbor_walk walk;
  return bm_cbor_check(in) && bm_cbor_find_string(in, "kind", &out->kind) &&
         bm_cbor_find_string(in, "name", &out->name) &&
         bm_cbor_find_uint(in, "version", &out->version) &&
         bm_cbor_find_uint(in, "size", &out->size) &&
         bm_cbor_find_bytes(in, "sha256", &out->sha256) && out->sha256.n == 32 &&
         bm_cbor_find_bool(in, "factory_commands", &out->factory_commands) &&
         (!bm_cbor_find(in, "privileges", &out->privileges) ||
          bm_cbor_array(out->privileges, &walk)) &&
         (!bm_cbor_find(in, "product", &out->product) || bm_cbor_kind(out->product) == BM_CBOR_MAP);
}

bool bm_stage_anchors(bm_span payload, bm_cbor_walk* walk) {
  bm_span anchors;
  return bm_cbor_check(payload) && bm_cbor_find(payload, "anchors", &anchors) &&
         bm_cbor_array(anchors, walk);
}

static bool form_of(bm_span name, bm_anchor_form* out) {
  static const char* const kForms[] = {"spki", "certificate", "digest", "file"};
  for (unsigned i = 0; i < 4; i++) {
    if (bm_span_is(name, kForms[i])) {
      *out = (bm_anchor_form)i;
      return true;
    }
  }
  return false;
}

bool bm_anchor_next(bm_cbor_walk* walk, bm_anchor* out, bool* malformed) {
  bm_span item;
  bm_span form;
  if (!bm_cbor_next(walk, &item)) return false;
  memset(out, 0, sizeof *out);
  bool good = bm_cbor_find_string(item, "id", &out->id) &&
              bm_cbor_find_string(item, "kind", &out->kind) &&
              bm_cbor_find_string(item, "verifies", &out->verifies) &&
              bm_cbor_find_string(item, "form", &form) && form_of(form, &out->form) &&
              bm_cbor_find_bytes(item, "data", &out->data);
  if (good && bm_cbor_find(item, "policy", &out->policy)) {
    good = bm_cbor_kind(out->policy) == BM_CBOR_MAP;
  }
  if (!good) *malformed = true;
  return good;
}
