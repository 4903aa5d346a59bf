// SPDX-License-Identifier: Apache-2.0
#include "link/frame.h"

extern "C" {
#include "device/core/frame.h"
}

namespace birthmark::link {

static_assert(kMaxPayload == BM_FRAME_MAX_PAYLOAD && kFlagResponse == BM_FLAG_RESPONSE &&
              kFlagMore == BM_FLAG_MORE && kFlagError == BM_FLAG_ERROR &&
              kFlagFirst == BM_FLAG_FIRST);

struct FrameReader::State {
  bm_frame_receiver receiver;
};

Bytes EncodeFrame(const Frame& frame) {
  Bytes wire(BM_FRAME_MAX_WIRE);
  bm_frame f = {frame.flags, frame.type, frame.sequence,
                bm_span_of(frame.payload.data(), frame.payload.size()), 0};
  wire.resize(bm_frame_encode(&f, wire.data()));
  return wire;
}

FrameReader::FrameReader() : state_(std::make_unique<State>()) { Clear(); }
FrameReader::~FrameReader() = default;
FrameReader::FrameReader(FrameReader&&) noexcept = default;
FrameReader& FrameReader::operator=(FrameReader&&) noexcept = default;

void FrameReader::Clear() { bm_frame_receiver_clear(&state_->receiver); }

FrameReader::Event FrameReader::Push(uint8_t byte, Frame* out) {
  bm_frame f;
  switch (bm_frame_push(&state_->receiver, byte, &f)) {
    case BM_FRAME_NONE:
      return Event::kNone;
    case BM_FRAME_BAD:
      return Event::kBad;
    case BM_FRAME_READY:
      break;
  }
  *out = {f.flags, f.type, f.sequence, Bytes(f.payload.p, f.payload.p + f.payload.n)};
  return Event::kFrame;
}

}  // namespace birthmark::link
