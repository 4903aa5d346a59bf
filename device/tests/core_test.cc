// SPDX-License-Identifier: Apache-2.0
// The pieces under the device: CBOR, frames, fuses, flash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/tests/firmware.h"
#include "device/tests/sim.h"

extern "C" {
#include "device/core/cbor.h"
#include "device/core/frame.h"
}

namespace birthmark::device {
namespace {

bm_span Span(const Bytes& b) { return bm_span_of(b.data(), b.size()); }

bool Accepts(const char* hex) {
  Bytes b = *FromHex(hex);
  return bm_cbor_check(Span(b));
}

TEST(DeviceCbor, AcceptsDeterministicItems) {
  for (const char* hex : {"00", "1818", "20", "40", "6161", "80", "a0", "f4", "f5", "f6",
                          "a2616101616202", "a201026161f5", "d28443a10126a0f640", "820102"}) {
    EXPECT_TRUE(Accepts(hex)) << hex;
  }
}

TEST(DeviceCbor, RefusesEverythingElse) {
  for (const char* hex : {"",
                          "1800",
                          "190000",
                          "1a00000000",
                          "5f",
                          "5f4100ff",
                          "9f00ff",
                          "bf00ff",
                          "a2616201616102",  // keys out of order
                          "a2616101616102",  // the same key twice
                          "a1",
                          "8101ff",
                          "61ff",
                          "62c080",
                          "63eda080",
                          "f7",
                          "f97e00",
                          "fb3ff0000000000000",
                          "fc",
                          "4201",
                          "9b00000000ffffffff",
                          "818181818181818181818100",
                          "0000"}) {
    EXPECT_FALSE(Accepts(hex)) << hex;
  }
}

TEST(DeviceCbor, AgreesWithTheStationsCodec) {
  cbor::Value v = cbor::Map{{"b", 1}, {"aa", cbor::Array{-7, true, Bytes{1, 2}}}, {3, "x"}};
  Bytes encoded = cbor::Encode(v);
  EXPECT_TRUE(bm_cbor_check(Span(encoded)));
  for (size_t i = 0; i < encoded.size(); i++) {
    for (int bit = 0; bit < 8; bit++) {
      Bytes changed = encoded;
      changed[i] ^= static_cast<uint8_t>(1 << bit);
      EXPECT_EQ(bm_cbor_check(Span(changed)), cbor::Decode(changed).has_value()) << ToHex(changed);
    }
  }
}

TEST(DeviceCbor, WriterSortsWhateverOrderItIsGiven) {
  uint8_t buffer[256];
  bm_cbor_writer w;
  bm_cbor_start(&w, buffer, sizeof buffer);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_text(&w, "zz", "last of the short ones");
  bm_cbor_entry_uint(&w, "a", 1);
  bm_cbor_entry_bool(&w, "long", true);
  bm_cbor_entry_uint(&w, "b", 1000000);
  bm_cbor_close(&w, map);
  ASSERT_FALSE(w.full);
  EXPECT_EQ(Bytes(buffer, buffer + w.size),
            cbor::Encode(cbor::Map{
                {"a", 1}, {"b", 1000000}, {"zz", "last of the short ones"}, {"long", true}}));
}

TEST(DeviceCbor, WriterMarksWhatDoesNotFit) {
  uint8_t buffer[8];
  bm_cbor_writer w;
  bm_cbor_start(&w, buffer, sizeof buffer);
  size_t map = bm_cbor_open(&w);
  bm_cbor_entry_text(&w, "key", "value");
  bm_cbor_close(&w, map);
  EXPECT_TRUE(w.full);
}

TEST(Frame, CrcIsTheOneOfTheStandard) {
  const uint8_t nine[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  EXPECT_EQ(bm_crc32(0, nine, sizeof nine), 0xCBF43926u);
  EXPECT_EQ(bm_crc32(bm_crc32(0, nine, 4), nine + 4, 5), 0xCBF43926u);
}

TEST(Frame, KnownBytes) {
  // Hello, first part, sequence 0x7E: the sequence number and nothing else needs an escape here.
  Bytes wire = link::EncodeFrame({.flags = 8, .type = 1, .sequence = 0x7E, .payload = {0xA0}});
  EXPECT_EQ(ToHex(wire).substr(0, 22), "7e0108017d5e000000a0" + ToHex(wire).substr(20, 2));
  EXPECT_EQ(wire.front(), 0x7E);
  EXPECT_EQ(wire.back(), 0x7E);
}

TEST(Frame, EveryFlippedBitIsNoticed) {
  Bytes payload = {0x7E, 0x7D, 0x20, 0x00, 0xFF};
  Bytes wire = link::EncodeFrame({.flags = 8, .type = 5, .sequence = 77, .payload = payload});
  for (size_t i = 0; i < wire.size(); i++) {
    for (int bit = 0; bit < 8; bit++) {
      Bytes changed = wire;
      changed[i] ^= static_cast<uint8_t>(1 << bit);
      link::FrameReader reader;
      link::Frame out;
      for (uint8_t byte : changed) {
        if (reader.Push(byte, &out) == link::FrameReader::Event::kFrame) {
          ADD_FAILURE() << "byte " << i << " bit " << bit;
        }
      }
    }
  }
}

TEST(Frame, AFrameAfterGarbageIsFound) {
  Bytes wire(10'000, 0x55);
  Bytes good = link::EncodeFrame({.flags = 8, .type = 1, .sequence = 1, .payload = {0xA0}});
  wire.insert(wire.end(), good.begin(), good.end());
  link::FrameReader reader;
  link::Frame out;
  int bad = 0;
  int frames = 0;
  for (uint8_t byte : wire) {
    auto event = reader.Push(byte, &out);
    bad += event == link::FrameReader::Event::kBad;
    frames += event == link::FrameReader::Event::kFrame;
  }
  EXPECT_EQ(bad, 1);
  EXPECT_EQ(frames, 1);
}

TEST(Fuses, DigestIsFrozenBySecureBoot) {
  std::array<uint8_t, BM_FUSE_BYTES> fuses{};
  EXPECT_TRUE(bm_fuse_blow_allowed(fuses.data(), 0));
  fuses[BM_FUSE_SECURE_BOOT / 8] |= 0x80;
  EXPECT_FALSE(bm_fuse_blow_allowed(fuses.data(), 0));
  EXPECT_TRUE(bm_fuse_blow_allowed(fuses.data(), BM_FUSE_SEAL));
  EXPECT_FALSE(bm_fuse_blow_allowed(fuses.data(), BM_FUSE_USED));
  EXPECT_FALSE(bm_fuse_blow_allowed(fuses.data(), 1023));
}

TEST(Flash, ProgrammingOnlyClearsBits) {
  Sim sim("bmc", MakeFirmware().test_image);
  sim.PowerOn();
  auto first = sim.Call(BM_CMD_FLASH_WRITE,
                        {{"partition", "store"}, {"offset", 0}, {"data", Bytes{0xF0, 0x0F}}});
  EXPECT_TRUE(first.Done()) << first.text;
  auto again = sim.Call(BM_CMD_FLASH_WRITE,
                        {{"partition", "store"}, {"offset", 0}, {"data", Bytes{0xF0, 0x0F}}});
  EXPECT_TRUE(again.Done()) << again.text;
  auto clear = sim.Call(BM_CMD_FLASH_WRITE,
                        {{"partition", "store"}, {"offset", 0}, {"data", Bytes{0x30, 0x0F}}});
  EXPECT_TRUE(clear.Done()) << clear.text;
  auto set = sim.Call(BM_CMD_FLASH_WRITE,
                      {{"partition", "store"}, {"offset", 0}, {"data", Bytes{0xF0, 0x0F}}});
  EXPECT_EQ(set.refusal, BM_E_MISMATCH);
  EXPECT_EQ(sim.Region("store")[0], 0x30);
}

TEST(Flash, SelfTestPassesAndLeavesScratchBlank) {
  Sim sim("bulb", MakeFirmware().test_image);
  sim.PowerOn();
  auto test = sim.Call(BM_CMD_SELF_TEST);
  ASSERT_TRUE(test.Done()) << test.text;
  EXPECT_TRUE(test.True("pass"));
  for (uint8_t byte : sim.Region("scratch")) ASSERT_EQ(byte, 0xFF);
}

TEST(Rng, AStuckSourceMakesNoKey) {
  Sim sim("bmc", MakeFirmware().test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  sim.random = [](uint8_t* out, size_t n) { memset(out, 7, n); };
  EXPECT_FALSE(sim.Call(BM_CMD_SELF_TEST).True("pass"));
  auto made = sim.Call(BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}});
  EXPECT_EQ(made.refusal, BM_E_HARDWARE);
  EXPECT_FALSE(sim.Call(BM_CMD_SLOT, {{"slot", "idevid"}}).True("occupied"));
}

}  // namespace
}  // namespace birthmark::device
