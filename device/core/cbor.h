// SPDX-License-Identifier: Apache-2.0
// Deterministic CBOR (RFC 8949 section 4.2.1) for a device: a strict reader over borrowed bytes and
// a bounded writer. Leaves out floats, indefinite lengths and tags other than those a caller asks
// for. Reading is in two steps: bm_cbor_check proves an item well formed once, the accessors then
// walk it without checking again. Thread rule: no shared state.
#pragma once

#include "span.h"

enum { BM_CBOR_MAX_DEPTH = 8 };

typedef enum {
  BM_CBOR_UINT = 0,
  BM_CBOR_NEGATIVE = 1,
  BM_CBOR_BYTES = 2,
  BM_CBOR_TEXT = 3,
  BM_CBOR_ARRAY = 4,
  BM_CBOR_MAP = 5,
  BM_CBOR_TAG = 6,
  BM_CBOR_SIMPLE = 7,
} bm_cbor_major;

// bm_cbor_check tells whether `in` is exactly one deterministic item: shortest lengths, definite
// lengths, UTF-8 text, map keys sorted bytewise and unique, depth within BM_CBOR_MAX_DEPTH.
bool bm_cbor_check(bm_span in);

// bm_cbor_prefix returns the length of the deterministic item at the start of `in`, 0 if none.
size_t bm_cbor_prefix(bm_span in);

// The accessors below take one item that bm_cbor_check accepted.
bm_cbor_major bm_cbor_kind(bm_span item);
bool bm_cbor_uint(bm_span item, uint64_t* out);
// bm_cbor_int reads an integer of either sign that fits in 63 bits.
bool bm_cbor_int(bm_span item, int64_t* out);
bool bm_cbor_bool(bm_span item, bool* out);
bool bm_cbor_bytes(bm_span item, bm_span* out);
bool bm_cbor_string(bm_span item, bm_span* out);
// bm_cbor_untag removes the tag `tag` from the item if it is there.
bm_span bm_cbor_untag(bm_span item, uint64_t tag);

// bm_cbor_find looks up a text key in a map.
bool bm_cbor_find(bm_span map, const char* key, bm_span* value);
// bm_cbor_find_int looks up an integer key in a map.
bool bm_cbor_find_int(bm_span map, int64_t key, bm_span* value);
bool bm_cbor_find_uint(bm_span map, const char* key, uint64_t* out);
bool bm_cbor_find_bool(bm_span map, const char* key, bool* out);
bool bm_cbor_find_bytes(bm_span map, const char* key, bm_span* out);
bool bm_cbor_find_string(bm_span map, const char* key, bm_span* out);

// A walk over an array's items. `rest` holds what is still to come.
typedef struct {
  bm_span rest;
  uint64_t left;
} bm_cbor_walk;

bool bm_cbor_array(bm_span item, bm_cbor_walk* walk);
bool bm_cbor_next(bm_cbor_walk* walk, bm_span* item);

// A writer into a caller's buffer. Once something does not fit, `full` stays set and nothing more
// is written, so a caller checks once at the end.
typedef struct {
  uint8_t* buffer;
  size_t capacity;
  size_t size;
  bool full;
} bm_cbor_writer;

void bm_cbor_start(bm_cbor_writer* w, uint8_t* buffer, size_t capacity);
void bm_cbor_head(bm_cbor_writer* w, bm_cbor_major major, uint64_t value);
void bm_cbor_put_raw(bm_cbor_writer* w, bm_span bytes);
void bm_cbor_put_uint(bm_cbor_writer* w, uint64_t value);
void bm_cbor_put_int(bm_cbor_writer* w, int64_t value);
void bm_cbor_put_bool(bm_cbor_writer* w, bool value);
void bm_cbor_put_bytes(bm_cbor_writer* w, bm_span bytes);
void bm_cbor_put_text(bm_cbor_writer* w, const char* text);
void bm_cbor_put_string(bm_cbor_writer* w, bm_span text);

// bm_cbor_open starts a map whose entries may be written in any order; bm_cbor_close counts them
// and sorts them in place, so no caller has to know the canonical order. Returns the map's start.
size_t bm_cbor_open(bm_cbor_writer* w);
void bm_cbor_close(bm_cbor_writer* w, size_t start);
// bm_cbor_open_array and bm_cbor_close_array do the same for an array of unknown length.
size_t bm_cbor_open_array(bm_cbor_writer* w);
void bm_cbor_close_array(bm_cbor_writer* w, size_t start);

// Entry helpers: a text key and its value.
void bm_cbor_entry_uint(bm_cbor_writer* w, const char* key, uint64_t value);
void bm_cbor_entry_bool(bm_cbor_writer* w, const char* key, bool value);
void bm_cbor_entry_bytes(bm_cbor_writer* w, const char* key, bm_span value);
void bm_cbor_entry_text(bm_cbor_writer* w, const char* key, const char* value);
void bm_cbor_entry_string(bm_cbor_writer* w, const char* key, bm_span value);
