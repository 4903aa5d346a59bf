// SPDX-License-Identifier: Apache-2.0
// Any command of the station protocol with any arguments, at a device in its test image that has a
// seed, a key and private memory: each request gets one answer in deterministic CBOR, and none
// holds the seed.
#include <algorithm>

#include "cbor/codec.h"
#include "device/tests/firmware.h"
#include "device/tests/sim.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace birthmark;
  using namespace birthmark::device;
  static const Firmware firmware = MakeFirmware();
  static const Bytes seed =
      *FromHex("00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f");
  if (size == 0 || size > 1 + link::kMaxPayload) return 0;
  Sim sim("bmc", firmware.test_image);
  sim.seed = seed;
  sim.PowerOn();
  FUZZ_CHECK(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  FUZZ_CHECK(sim.Call(BM_CMD_DERIVE, {{"slot", "decrypt"}, {"algorithm", "p256"}}).Done());
  const link::Frame request{.flags = link::kFlagFirst,
                            .type = data[0],
                            .sequence = sim.next_sequence++,
                            .payload = Bytes(data + 1, data + size)};
  auto frames = sim.Raw(link::EncodeFrame(request));
  FUZZ_CHECK(frames.size() == 1);
  const Bytes& answer = frames[0].payload;
  FUZZ_CHECK((frames[0].flags & link::kFlagMore) != 0 || cbor::Decode(answer).has_value());
  FUZZ_CHECK(std::search(answer.begin(), answer.end(), seed.begin(), seed.begin() + 8) ==
             answer.end());
  return 0;
}
