// SPDX-License-Identifier: Apache-2.0
// The bounded writer; the strict reader is in cbor.c.
#include "cbor.h"

void bm_cbor_start(bm_cbor_writer* w, uint8_t* buffer, size_t capacity) {
  w->buffer = buffer;
  w->capacity = capacity;
  w->size = 0;
  w->full = false;
}

void bm_cbor_put_raw(bm_cbor_writer* w, bm_span bytes) {
  if (w->full || bytes.n > w->capacity - w->size) {
    w->full = true;
    return;
  }
  if (bytes.n > 0) memcpy(w->buffer + w->size, bytes.p, bytes.n);
  w->size += bytes.n;
}

void bm_cbor_head(bm_cbor_writer* w, bm_cbor_major major, uint64_t value) {
  uint8_t out[9];
  unsigned bytes = value < 24 ? 0 : value < 0x100 ? 1 : value < 0x10000 ? 2 : value >> 32 ? 8 : 4;
  unsigned info = bytes == 0   ? (unsigned)value
                  : bytes == 1 ? 24
                  : bytes == 2 ? 25
                  : bytes == 4 ? 26
                               : 27;
  out[0] = (uint8_t)((unsigned)major << 5 | info);
  for (unsigned i = 0; i < bytes; i++) out[1 + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
  bm_cbor_put_raw(w, bm_span_of(out, 1 + bytes));
}

void bm_cbor_put_uint(bm_cbor_writer* w, uint64_t value) { bm_cbor_head(w, BM_CBOR_UINT, value); }

void bm_cbor_put_int(bm_cbor_writer* w, int64_t value) {
  if (value >= 0) {
    bm_cbor_head(w, BM_CBOR_UINT, (uint64_t)value);
  } else {
    bm_cbor_head(w, BM_CBOR_NEGATIVE, (uint64_t)(-1 - value));
  }
}

void bm_cbor_put_bool(bm_cbor_writer* w, bool value) {
  bm_cbor_head(w, BM_CBOR_SIMPLE, value ? 21 : 20);
}

void bm_cbor_put_bytes(bm_cbor_writer* w, bm_span bytes) {
  bm_cbor_head(w, BM_CBOR_BYTES, bytes.n);
  bm_cbor_put_raw(w, bytes);
}

void bm_cbor_put_string(bm_cbor_writer* w, bm_span text) {
  bm_cbor_head(w, BM_CBOR_TEXT, text.n);
  bm_cbor_put_raw(w, text);
}

void bm_cbor_put_text(bm_cbor_writer* w, const char* text) { bm_cbor_put_string(w, bm_text(text)); }

size_t bm_cbor_open(bm_cbor_writer* w) {
  size_t start = w->size;
  bm_cbor_head(w, BM_CBOR_MAP, 0);
  return start;
}

size_t bm_cbor_open_array(bm_cbor_writer* w) {
  size_t start = w->size;
  bm_cbor_head(w, BM_CBOR_ARRAY, 0);
  return start;
}

static void reverse(uint8_t* p, size_t n) {
  for (size_t i = 0; i < n / 2; i++) {
    uint8_t t = p[i];
    p[i] = p[n - 1 - i];
    p[n - 1 - i] = t;
  }
}

// set_count patches the one-byte head written by an open. No message of this device has a
// container of more than 23 members; one that did would be marked as not fitting.
static void set_count(bm_cbor_writer* w, size_t start, size_t count) {
  if (count > 23) {
    w->full = true;
    return;
  }
  w->buffer[start] = (uint8_t)(w->buffer[start] | count);
}

static size_t item_at(const bm_cbor_writer* w, size_t at) {
  return bm_cbor_prefix(bm_span_of(w->buffer + at, w->size - at));
}

void bm_cbor_close(bm_cbor_writer* w, size_t start) {
  if (w->full) return;
  size_t count = 0;
  for (size_t at = start + 1; at < w->size; count++) {
    size_t key = item_at(w, at);
    size_t value = key == 0 ? 0 : item_at(w, at + key);
    if (value == 0) {
      w->full = true;  // text that is not UTF-8 is not CBOR; the whole message is dropped
      return;
    }
    size_t entry = key + value;
    // Insertion into the sorted part: three reversals move the entry without a second buffer.
    for (size_t to = start + 1; to < at;) {
      size_t other = item_at(w, to);
      size_t n = key < other ? key : other;
      int order = memcmp(w->buffer + at, w->buffer + to, n);
      if (order < 0 || (order == 0 && key < other)) {
        reverse(w->buffer + to, at - to);
        reverse(w->buffer + at, entry);
        reverse(w->buffer + to, at + entry - to);
        break;
      }
      to += other;
      to += item_at(w, to);
    }
    at += entry;
  }
  set_count(w, start, count);
}

void bm_cbor_close_array(bm_cbor_writer* w, size_t start) {
  if (w->full) return;
  size_t count = 0;
  for (size_t at = start + 1; at < w->size; count++) {
    size_t item = item_at(w, at);
    if (item == 0) {
      w->full = true;
      return;
    }
    at += item;
  }
  set_count(w, start, count);
}

void bm_cbor_entry_uint(bm_cbor_writer* w, const char* key, uint64_t value) {
  bm_cbor_put_text(w, key);
  bm_cbor_put_uint(w, value);
}

void bm_cbor_entry_bool(bm_cbor_writer* w, const char* key, bool value) {
  bm_cbor_put_text(w, key);
  bm_cbor_put_bool(w, value);
}

void bm_cbor_entry_bytes(bm_cbor_writer* w, const char* key, bm_span value) {
  bm_cbor_put_text(w, key);
  bm_cbor_put_bytes(w, value);
}

void bm_cbor_entry_text(bm_cbor_writer* w, const char* key, const char* value) {
  bm_cbor_put_text(w, key);
  bm_cbor_put_text(w, value);
}

void bm_cbor_entry_string(bm_cbor_writer* w, const char* key, bm_span value) {
  bm_cbor_put_text(w, key);
  bm_cbor_put_string(w, value);
}
