// SPDX-License-Identifier: Apache-2.0
#include "frame.h"

uint32_t bm_crc32(uint32_t before, const uint8_t* p, size_t n) {
  static const uint32_t kNibble[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC,
                                       0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                       0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C,
                                       0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
  uint32_t crc = ~before;
  for (size_t i = 0; i < n; i++) {
    crc = crc >> 4 ^ kNibble[(crc ^ p[i]) & 15u];
    crc = crc >> 4 ^ kNibble[(crc ^ (uint32_t)(p[i] >> 4)) & 15u];
  }
  return ~crc;
}

static size_t stuff(uint8_t* out, size_t at, uint8_t byte) {
  if (byte == BM_FRAME_DELIMITER || byte == BM_FRAME_ESCAPE) {
    out[at++] = BM_FRAME_ESCAPE;
    byte ^= 0x20;
  }
  out[at++] = byte;
  return at;
}

size_t bm_frame_encode(const bm_frame* frame, uint8_t* out) {
  uint8_t header[BM_FRAME_HEADER] = {BM_FRAME_VERSION, frame->flags, frame->type, 0, 0, 0, 0};
  bm_put_u32(header + 3, frame->sequence);
  uint8_t crc[4];
  bm_put_u32(crc, bm_crc32(bm_crc32(0, header, sizeof header), frame->payload.p, frame->payload.n));
  size_t at = 0;
  out[at++] = BM_FRAME_DELIMITER;
  for (size_t i = 0; i < sizeof header; i++) at = stuff(out, at, header[i]);
  for (size_t i = 0; i < frame->payload.n; i++) at = stuff(out, at, frame->payload.p[i]);
  for (size_t i = 0; i < sizeof crc; i++) at = stuff(out, at, crc[i]);
  out[at++] = BM_FRAME_DELIMITER;
  return at;
}

void bm_frame_receiver_clear(bm_frame_receiver* r) {
  r->size = 0;
  r->escaped = false;
  r->overflow = false;
}

static bool parse(const bm_frame_receiver* r, bm_frame* frame) {
  if (r->overflow || r->escaped || r->size < BM_FRAME_HEADER + 4u) return false;
  frame->crc = bm_get_u32(r->body + r->size - 4);
  if (bm_crc32(0, r->body, r->size - 4) != frame->crc) return false;
  if (r->body[0] != BM_FRAME_VERSION || (r->body[1] & ~BM_FLAG_ALL) != 0) return false;
  frame->flags = r->body[1];
  frame->type = r->body[2];
  frame->sequence = bm_get_u32(r->body + 3);
  frame->payload = bm_span_of(r->body + BM_FRAME_HEADER, r->size - BM_FRAME_HEADER - 4);
  return true;
}

bm_frame_event bm_frame_push(bm_frame_receiver* r, uint8_t byte, bm_frame* frame) {
  if (byte == BM_FRAME_DELIMITER) {
    // Two delimiters in a row are an idle line, not a bad frame.
    bool empty = r->size == 0 && !r->overflow && !r->escaped;
    bool good = !empty && parse(r, frame);
    bm_frame_receiver_clear(r);
    return good ? BM_FRAME_READY : empty ? BM_FRAME_NONE : BM_FRAME_BAD;
  }
  if (r->overflow) return BM_FRAME_NONE;
  if (byte == BM_FRAME_ESCAPE) {
    if (r->escaped) r->overflow = true;  // two escapes in a row are never sent
    r->escaped = true;
    return BM_FRAME_NONE;
  }
  if (r->size == BM_FRAME_MAX_BODY) {
    r->overflow = true;
    return BM_FRAME_NONE;
  }
  r->body[r->size++] = r->escaped ? byte ^ 0x20 : byte;
  r->escaped = false;
  return BM_FRAME_NONE;
}
