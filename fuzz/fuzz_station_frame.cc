// SPDX-License-Identifier: Apache-2.0
// Bytes from a wire into the frame reader: whatever is found must encode again to what is found
// again.
#include "fuzz/fuzz.h"
#include "link/frame.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using birthmark::link::FrameReader;
  FrameReader reader;
  birthmark::link::Frame frame;
  for (size_t i = 0; i < size; i++) {
    if (reader.Push(data[i], &frame) != FrameReader::Event::kFrame) continue;
    FrameReader second;
    birthmark::link::Frame again;
    bool found = false;
    for (uint8_t byte : birthmark::link::EncodeFrame(frame)) {
      found = second.Push(byte, &again) == FrameReader::Event::kFrame;
    }
    FUZZ_CHECK(found && again.flags == frame.flags && again.type == frame.type &&
               again.sequence == frame.sequence && again.payload == frame.payload);
  }
  return 0;
}
