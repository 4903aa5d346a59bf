// SPDX-License-Identifier: Apache-2.0
// A borrowed run of bytes, and the fixed-width integer helpers every room of the device core uses.
// Leaves out ownership: whoever holds the bytes (flash, a frame buffer) must outlive the span.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
  const uint8_t* p;
  size_t n;
} bm_span;

static inline bm_span bm_span_of(const void* p, size_t n) {
  bm_span s = {(const uint8_t*)p, n};
  return s;
}

static inline bm_span bm_span_none(void) { return bm_span_of(NULL, 0); }

// bm_text makes a span of a C string, without its terminator.
static inline bm_span bm_text(const char* text) { return bm_span_of(text, strlen(text)); }

static inline bool bm_span_equal(bm_span a, bm_span b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool bm_span_is(bm_span a, const char* text) {
  return bm_span_equal(a, bm_text(text));
}

static inline uint32_t bm_get_u32(const uint8_t* p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void bm_put_u32(uint8_t* p, uint32_t v) {
  p[0] = (uint8_t)v;
  p[1] = (uint8_t)(v >> 8);
  p[2] = (uint8_t)(v >> 16);
  p[3] = (uint8_t)(v >> 24);
}
