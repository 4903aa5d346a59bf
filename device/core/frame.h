// SPDX-License-Identifier: Apache-2.0
// The wire form of one frame of the station protocol (docs/formats/station-protocol.md): byte
// stuffing, header, CRC-32. Leaves out what the frames mean. Thread rule: no shared state.
#pragma once

#include "span.h"

enum {
  BM_FRAME_VERSION = 1,
  BM_FRAME_MAX_PAYLOAD = 4096,
  BM_FRAME_HEADER = 7,
  BM_FRAME_MAX_BODY = BM_FRAME_HEADER + BM_FRAME_MAX_PAYLOAD + 4,
  // Every byte may need an escape, and there is a delimiter at each end.
  BM_FRAME_MAX_WIRE = 2 * BM_FRAME_MAX_BODY + 2,
  BM_FRAME_DELIMITER = 0x7E,
  BM_FRAME_ESCAPE = 0x7D,
};

enum {
  BM_FLAG_RESPONSE = 1,
  BM_FLAG_MORE = 2,
  BM_FLAG_ERROR = 4,
  BM_FLAG_FIRST = 8,
  BM_FLAG_ALL = 15,
};

typedef struct {
  uint8_t flags;
  uint8_t type;
  uint32_t sequence;
  bm_span payload;
  uint32_t crc;
} bm_frame;

// bm_crc32 is the CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320). It continues from the
// CRC of the bytes before; start with 0.
uint32_t bm_crc32(uint32_t before, const uint8_t* p, size_t n);

// bm_frame_encode writes the stuffed frame into `out` (BM_FRAME_MAX_WIRE bytes); returns its size.
size_t bm_frame_encode(const bm_frame* frame, uint8_t* out);

typedef enum {
  BM_FRAME_NONE,   // no frame is complete yet
  BM_FRAME_READY,  // `frame` holds one; its payload points into the receiver
  BM_FRAME_BAD,    // something frame-like ended here and was dropped
} bm_frame_event;

// The receiver collects bytes between delimiters; it never holds more than one frame.
typedef struct {
  uint8_t body[BM_FRAME_MAX_BODY];
  size_t size;
  bool escaped;
  bool overflow;
} bm_frame_receiver;

void bm_frame_receiver_clear(bm_frame_receiver* r);
bm_frame_event bm_frame_push(bm_frame_receiver* r, uint8_t byte, bm_frame* frame);
