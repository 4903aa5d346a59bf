// SPDX-License-Identifier: Apache-2.0
// The console: frames in, one answer each. A request that arrives twice is answered twice and done
// once, because the last answer is kept until the next request.
#include "internal.h"
#include "protocol.h"

static void send(bm_device* d, const bm_frame* frame) {
  size_t n = bm_frame_encode(frame, d->wire);
  d->hal.console_tx(d->hal.ctx, d->wire, n);
}

static void answer(bm_device* d, const bm_frame* request, uint8_t flags, bm_span payload) {
  d->last.flags = BM_FLAG_RESPONSE | flags;
  d->last.type = request->type;
  d->last.sequence = request->sequence;
  d->last.payload = payload;
  d->last_sequence = request->sequence;
  d->last_crc = request->crc;
  d->answered = true;
  send(d, &d->last);
}

// answer_next sends the next part of the response buffer.
static void answer_next(bm_device* d, const bm_frame* request, uint8_t flags) {
  size_t left = d->response_size - d->response_sent;
  size_t n = left < BM_FRAME_MAX_PAYLOAD ? left : BM_FRAME_MAX_PAYLOAD;
  bm_span part = bm_span_of(d->response + d->response_sent, n);
  d->response_sent += n;
  answer(d, request, left > n ? flags | BM_FLAG_MORE : flags, part);
}

static void answer_error(bm_device* d, const bm_frame* request, bm_status status,
                         const char* text) {
  bm_cbor_writer w;
  bm_cbor_start(&w, d->response, sizeof d->response);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_uint(&w, "code", status);
  bm_cbor_entry_text(&w, "text", text);
  bm_cbor_close(&w, map);
  d->response_size = w.size;
  d->response_sent = 0;
  answer_next(d, request, BM_FLAG_ERROR);
}

static void run(bm_device* d, const bm_frame* request) {
  bm_span args = bm_span_of(d->request, d->request_size);
  if (!bm_cbor_check(args) || bm_cbor_kind(args) != BM_CBOR_MAP) {
    answer_error(d, request, BM_E_BAD_REQUEST, "the request is not a deterministic CBOR map");
    return;
  }
  bm_cbor_writer w;
  bm_cbor_start(&w, d->response, sizeof d->response);
  size_t map = bm_cbor_open(&w);
  bm_status status = bm_run_command(d, request->type, args, &w);
  bm_cbor_close(&w, map);
  if (status == BM_OK && w.full) status = bm_fail(d, BM_E_TOO_LARGE, "the answer does not fit");
  if (status != BM_OK) {
    answer_error(d, request, status, d->error_text);
    return;
  }
  d->response_size = w.size;
  d->response_sent = 0;
  answer_next(d, request, 0);
}

// collect appends a part of a request; true when it is whole.
static bool collect(bm_device* d, const bm_frame* frame) {
  if ((frame->flags & BM_FLAG_FIRST) != 0) {
    d->request_size = 0;
    d->request_type = frame->type;
    d->request_open = true;
  } else if (!d->request_open || frame->type != d->request_type ||
             frame->sequence != d->last_sequence + 1) {
    // The beginning was lost, for instance by a reset of the device.
    d->request_open = false;
    answer_error(d, frame, BM_E_BAD_REQUEST, "part of a request without its beginning");
    return false;
  }
  if (frame->payload.n > sizeof d->request - d->request_size) {
    d->request_open = false;
    answer_error(d, frame, BM_E_TOO_LARGE, "the request is larger than 16384 bytes");
    return false;
  }
  memcpy(d->request + d->request_size, frame->payload.p, frame->payload.n);
  d->request_size += frame->payload.n;
  if ((frame->flags & BM_FLAG_MORE) != 0) {
    answer(d, frame, 0, bm_span_none());
    return false;
  }
  d->request_open = false;
  return true;
}

static void take(bm_device* d, const bm_frame* frame) {
  if ((frame->flags & (BM_FLAG_RESPONSE | BM_FLAG_ERROR)) != 0) return;  // not meant for a device
  if (d->answered && frame->sequence == d->last_sequence && frame->crc == d->last_crc) {
    send(d, &d->last);
    return;
  }
  if (frame->type == BM_CMD_CONTINUE) {
    if (d->response_sent < d->response_size) {
      answer_next(d, frame, 0);
    } else {
      answer_error(d, frame, BM_E_BAD_REQUEST, "nothing to continue");
    }
    return;
  }
  if (collect(d, frame)) run(d, frame);
}

size_t bm_device_poll(bm_device* d) {
  uint8_t bytes[512];
  size_t total = 0;
  size_t n;
  while (!d->reset_wanted && (n = d->hal.console_rx(d->hal.ctx, bytes, sizeof bytes)) > 0) {
    total += n;
    for (size_t i = 0; i < n && !d->reset_wanted; i++) {
      bm_frame frame;
      bm_frame_event event = bm_frame_push(&d->receiver, bytes[i], &frame);
      if (event == BM_FRAME_READY) take(d, &frame);
      if (event == BM_FRAME_BAD) {
        // Said at once, so that the station resends without waiting for its timeout.
        d->bad_frames++;
        bm_frame bad = {BM_FLAG_RESPONSE | BM_FLAG_ERROR, BM_CMD_BAD_FRAME, 0, bm_span_none(), 0};
        send(d, &bad);
      }
    }
  }
  if (d->reset_wanted) {
    d->reset_wanted = false;
    d->hal.reset(d->hal.ctx);
  }
  return total;
}
