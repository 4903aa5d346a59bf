// SPDX-License-Identifier: Apache-2.0
// The strict reader; the writer is in cbor_write.c.
#include "cbor.h"

// head reads one initial byte with its argument. RFC 8949 section 4.2.1: the argument is in its
// shortest form, and additional information 31 (indefinite) is never used.
static size_t head(bm_span in, bm_cbor_major* major, uint64_t* value) {
  if (in.n == 0) return 0;
  *major = (bm_cbor_major)(in.p[0] >> 5);
  unsigned info = in.p[0] & 31u;
  if (info < 24) {
    *value = info;
    return 1;
  }
  if (info > 27) return 0;
  size_t bytes = (size_t)1 << (info - 24);
  if (in.n < 1 + bytes) return 0;
  uint64_t v = 0;
  for (size_t i = 0; i < bytes; i++) v = v << 8 | in.p[1 + i];
  static const uint64_t kSmallest[4] = {24, 0x100, 0x10000, 0x100000000u};
  if (v < kSmallest[info - 24]) return 0;
  *value = v;
  return 1 + bytes;
}

static bool utf8(bm_span s) {
  for (size_t i = 0; i < s.n;) {
    uint8_t c = s.p[i++];
    if (c < 0x80) continue;
    unsigned more = c >= 0xF0 && c < 0xF5 ? 3 : c >= 0xE0 ? 2 : c >= 0xC2 ? 1 : 0;
    if (more == 0 || c >= 0xF5 || s.n - i < more) return false;
    // RFC 3629 section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
    uint8_t second = s.p[i];
    if ((c == 0xE0 && second < 0xA0) || (c == 0xED && second > 0x9F) ||
        (c == 0xF0 && second < 0x90) || (c == 0xF4 && second > 0x8F)) {
      return false;
    }
    while (more-- > 0) {
      if ((s.p[i++] & 0xC0u) != 0x80u) return false;
    }
  }
  return true;
}

static int compare(bm_span a, bm_span b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
  if (order != 0) return order;
  return a.n < b.n ? -1 : a.n > b.n;
}

static size_t check(bm_span in, unsigned depth) {
  bm_cbor_major major;
  uint64_t value;
  size_t at = head(in, &major, &value);
  if (at == 0 || depth > BM_CBOR_MAX_DEPTH) return 0;
  switch (major) {
    case BM_CBOR_UINT:
    case BM_CBOR_NEGATIVE:
      return at;
    case BM_CBOR_BYTES:
    case BM_CBOR_TEXT:
      if (value > in.n - at) return 0;
      if (major == BM_CBOR_TEXT && !utf8(bm_span_of(in.p + at, (size_t)value))) return 0;
      return at + (size_t)value;
    case BM_CBOR_SIMPLE:
      return at == 1 && (value == 20 || value == 21 || value == 22) ? at : 0;
    case BM_CBOR_TAG: {
      size_t n = check(bm_span_of(in.p + at, in.n - at), depth + 1);
      return n == 0 ? 0 : at + n;
    }
    case BM_CBOR_ARRAY:
    case BM_CBOR_MAP:
      break;
  }
  // Every member takes at least one byte, so a huge count is refused before any work is done.
  if (value > in.n - at) return 0;
  bm_span last = bm_span_none();
  for (uint64_t i = 0; i < value; i++) {
    size_t n = check(bm_span_of(in.p + at, in.n - at), depth + 1);
    if (n == 0) return 0;
    if (major == BM_CBOR_MAP) {
      bm_span key = bm_span_of(in.p + at, n);
      if (i > 0 && compare(last, key) >= 0) return 0;
      last = key;
      at += n;
      n = check(bm_span_of(in.p + at, in.n - at), depth + 1);
      if (n == 0) return 0;
    }
    at += n;
  }
  return at;
}

size_t bm_cbor_prefix(bm_span in) { return check(in, 0); }

bool bm_cbor_check(bm_span in) { return in.n > 0 && check(in, 0) == in.n; }

// skip is the length of a checked item.
static size_t skip(bm_span in) {
  size_t at = 0;
  uint64_t items = 1;
  while (items > 0) {
    bm_cbor_major major = BM_CBOR_UINT;
    uint64_t value = 0;
    at += head(bm_span_of(in.p + at, in.n - at), &major, &value);
    items--;
    if (major == BM_CBOR_BYTES || major == BM_CBOR_TEXT) at += (size_t)value;
    if (major == BM_CBOR_ARRAY) items += value;
    if (major == BM_CBOR_MAP) items += 2 * value;
    if (major == BM_CBOR_TAG) items++;
  }
  return at;
}

bm_cbor_major bm_cbor_kind(bm_span item) { return (bm_cbor_major)(item.p[0] >> 5); }

bool bm_cbor_uint(bm_span item, uint64_t* out) {
  bm_cbor_major major;
  return head(item, &major, out) != 0 && major == BM_CBOR_UINT;
}

bool bm_cbor_int(bm_span item, int64_t* out) {
  bm_cbor_major major;
  uint64_t value;
  if (head(item, &major, &value) == 0 || major > BM_CBOR_NEGATIVE || value > INT64_MAX)
    return false;
  *out = major == BM_CBOR_UINT ? (int64_t)value : -1 - (int64_t)value;
  return true;
}

bool bm_cbor_bool(bm_span item, bool* out) {
  if (item.n != 1 || (item.p[0] != 0xF4 && item.p[0] != 0xF5)) return false;
  *out = item.p[0] == 0xF5;
  return true;
}

static bool run(bm_span item, bm_cbor_major wanted, bm_span* out) {
  bm_cbor_major major;
  uint64_t value;
  size_t at = head(item, &major, &value);
  if (at == 0 || major != wanted) return false;
  *out = bm_span_of(item.p + at, (size_t)value);
  return true;
}

bool bm_cbor_bytes(bm_span item, bm_span* out) { return run(item, BM_CBOR_BYTES, out); }

bool bm_cbor_string(bm_span item, bm_span* out) { return run(item, BM_CBOR_TEXT, out); }

bm_span bm_cbor_untag(bm_span item, uint64_t tag) {
  bm_cbor_major major;
  uint64_t value;
  size_t at = head(item, &major, &value);
  if (at == 0 || major != BM_CBOR_TAG || value != tag) return item;
  return bm_span_of(item.p + at, item.n - at);
}

bool bm_cbor_array(bm_span item, bm_cbor_walk* walk) {
  bm_cbor_major major;
  size_t at = head(item, &major, &walk->left);
  if (at == 0 || major != BM_CBOR_ARRAY) return false;
  walk->rest = bm_span_of(item.p + at, item.n - at);
  return true;
}

bool bm_cbor_next(bm_cbor_walk* walk, bm_span* item) {
  if (walk->left == 0) return false;
  size_t n = skip(walk->rest);
  *item = bm_span_of(walk->rest.p, n);
  walk->rest = bm_span_of(walk->rest.p + n, walk->rest.n - n);
  walk->left--;
  return true;
}

// find walks a map's entries; exactly one of `text` and `number` is the wanted key.
static bool find(bm_span map, const char* text, int64_t number, bm_span* value) {
  bm_cbor_walk walk;
  bm_cbor_major major;
  uint64_t count;
  size_t at = head(map, &major, &count);
  if (at == 0 || major != BM_CBOR_MAP) return false;
  walk.rest = bm_span_of(map.p + at, map.n - at);
  walk.left = 2 * count;
  bm_span key;
  while (bm_cbor_next(&walk, &key) && bm_cbor_next(&walk, value)) {
    bm_span string;
    int64_t integer;
    if (text != NULL ? bm_cbor_string(key, &string) && bm_span_is(string, text)
                     : bm_cbor_int(key, &integer) && integer == number) {
      return true;
    }
  }
  return false;
}

bool bm_cbor_find(bm_span map, const char* key, bm_span* value) { return find(map, key, 0, value); }

bool bm_cbor_find_int(bm_span map, int64_t key, bm_span* value) {
  return find(map, NULL, key, value);
}

bool bm_cbor_find_uint(bm_span map, const char* key, uint64_t* out) {
  bm_span v;
  return bm_cbor_find(map, key, &v) && bm_cbor_uint(v, out);
}

bool bm_cbor_find_bool(bm_span map, const char* key, bool* out) {
  bm_span v;
  return bm_cbor_find(map, key, &v) && bm_cbor_bool(v, out);
}

bool bm_cbor_find_bytes(bm_span map, const char* key, bm_span* out) {
  bm_span v;
  return bm_cbor_find(map, key, &v) && bm_cbor_bytes(v, out);
}

bool bm_cbor_find_string(bm_span map, const char* key, bm_span* out) {
  bm_span v;
  return bm_cbor_find(map, key, &v) && bm_cbor_string(v, out);
}
