// SPDX-License-Identifier: Apache-2.0
// The console's rules: a resend is answered and not done again, parts, refusals, hostile input.
#include <gtest/gtest.h>

#include <random>

#include "device/tests/firmware.h"
#include "device/tests/sim.h"

namespace birthmark::device {
namespace {

struct Protocol : testing::Test {
  Protocol() : sim("bmc", MakeFirmware().test_image) { sim.PowerOn(); }
  Sim sim;
};

TEST_F(Protocol, AResendIsAnsweredButNotDoneAgain) {
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  Bytes request = cbor::Encode(cbor::Map{{"seed", Bytes(32, 1)}});
  Bytes wire = link::EncodeFrame(
      {.flags = link::kFlagFirst, .type = BM_CMD_ENTROPY, .sequence = 500, .payload = request});
  auto first = sim.Raw(wire);
  auto again = sim.Raw(wire);
  ASSERT_EQ(first.size(), 1u);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(first[0].payload, again[0].payload);
  EXPECT_EQ(bm_get_u32(sim.device().state.contributions), 1u);
}

TEST_F(Protocol, AnUnreadableFrameIsSaidAtOnce) {
  Bytes wire =
      link::EncodeFrame({.flags = 8, .type = BM_CMD_HELLO, .sequence = 1, .payload = {0xA0}});
  wire[5] ^= 1;
  auto frames = sim.Raw(wire);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].type, BM_CMD_BAD_FRAME);
}

TEST_F(Protocol, PartsWithoutTheirBeginningAreRefused) {
  auto frames =
      sim.Raw(link::EncodeFrame({.type = BM_CMD_HELLO, .sequence = 9, .payload = {0xA0}}));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].flags, link::kFlagResponse | link::kFlagError);
  frames = sim.Raw(link::EncodeFrame({.flags = 8, .type = BM_CMD_CONTINUE, .sequence = 10}));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].flags, link::kFlagResponse | link::kFlagError);
}

TEST_F(Protocol, RequestsTooLargeAreRefused) {
  EXPECT_EQ(sim.Call(BM_CMD_FLASH_WRITE, {{"data", Bytes(17000)}}).refusal, BM_E_TOO_LARGE);
  EXPECT_TRUE(sim.Call(BM_CMD_HELLO).Done());
}

TEST_F(Protocol, LongAnswersComeInParts) {
  auto read =
      sim.Call(BM_CMD_FLASH_READ, {{"partition", "application"}, {"offset", 0}, {"size", 12288}});
  ASSERT_TRUE(read.Done()) << read.text;
  EXPECT_EQ(read.Octets("data"), Bytes(12288, 0xFF));
}

TEST_F(Protocol, UnknownAndMalformedRequestsAreRefused) {
  EXPECT_EQ(sim.Call(99).refusal, BM_E_UNKNOWN_COMMAND);
  auto frames = sim.Raw(
      link::EncodeFrame({.flags = 8, .type = BM_CMD_HELLO, .sequence = 4, .payload = {0x80}}));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_TRUE(frames[0].flags & link::kFlagError);
  EXPECT_EQ(sim.Call(BM_CMD_FLASH_READ,
                     {{"partition", "application"}, {"offset", uint64_t{UINT64_MAX}}, {"size", 1}})
                .refusal,
            BM_E_RANGE);
  EXPECT_EQ(sim.Call(BM_CMD_FLASH_READ,
                     {{"partition", "application"}, {"offset", 1}, {"size", uint64_t{UINT64_MAX}}})
                .refusal,
            BM_E_RANGE);
}

// Random requests of the right form: whatever comes, the device answers and its memory stays its
// own (the sanitizer build watches).
TEST_F(Protocol, RandomArgumentsNeverSilenceTheDevice) {
  std::mt19937 random(7);
  const char* names[] = {"slot",  "partition", "offset", "size",   "data",
                         "chain", "seed",      "object", "anchor", "fuse",
                         "which", "by",        "digest", "nonce",  "subject"};
  auto value = [&]() -> cbor::Value {
    switch (random() % 6) {
      case 0:
        return uint64_t{random()};
      case 1:
        return Bytes(random() % 200, static_cast<uint8_t>(random()));
      case 2:
        return std::string(random() % 20, 'x');
      case 3:
        return cbor::Array{Bytes(3), "idevid"};
      case 4:
        return "idevid";
      default:
        return random() % 2 == 0;
    }
  };
  for (int i = 0; i < 3000; i++) {
    cbor::Map args;
    for (const char* name : names) {
      if (random() % 3 == 0) args.emplace_back(name, value());
    }
    uint8_t type = 1 + random() % 24;
    EXPECT_TRUE(sim.Call(type, std::move(args)).answered) << int{type};
  }
}

}  // namespace
}  // namespace birthmark::device
