// SPDX-License-Identifier: Apache-2.0
// The key from the maker's seed: the same on both sides, refused where it must be, and nothing that
// the device says holds the seed. The other side is the station's own derivation over OpenSSL.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "device/tests/firmware.h"
#include "device/tests/sim.h"
#include "device/tests/station.h"
#include "seed/derive.h"
#include "seed/hkdf512.h"
#include "tests/support/temp_dir.h"

extern "C" {
#include "device/host/seed.h"
}

namespace birthmark::device {
namespace {

constexpr uint8_t kAllCommands = 127;

Bytes Seed(uint8_t first = 1) {
  Bytes seed(32);
  for (size_t i = 0; i < seed.size(); ++i) seed[i] = static_cast<uint8_t>(first + 7 * i);
  return seed;
}

Bytes Expected(ByteView seed) {
  auto d = seed::Derive(SecretBytes::Take(Bytes(seed.begin(), seed.end())),
                        crypto::Algorithm::kEcdsaP256);
  ByteView spki = d.value().public_key.spki();
  return Bytes(spki.begin(), spki.end());
}

// NewDevice is one that came from the chip's maker and has its private memory initialised.
std::unique_ptr<Sim> NewDevice(const Bytes& seed, const Bytes& own = {}) {
  static const Firmware firmware = MakeFirmware();
  auto sim = std::make_unique<Sim>("bmc", firmware.test_image);
  sim->seed = seed;
  sim->own_entropy = own;
  sim->PowerOn();
  EXPECT_TRUE(sim->Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  return sim;
}

const cbor::Map kDerive = {{"slot", "idevid"}, {"algorithm", "p256"}};

TEST(DeviceSeed, BothSidesDeriveTheSameKey) {
  for (uint8_t i = 0; i < 20; ++i) {
    Bytes seed = Seed(i);
    seed.resize(32 + i % 3 * 16, i);
    auto sim = NewDevice(seed);
    Answer a = sim->Call(BM_CMD_DERIVE, kDerive);
    ASSERT_TRUE(a.Done()) << a.text;
    EXPECT_EQ(ToHex(a.Octets("public_key")), ToHex(Expected(seed)));
    EXPECT_FALSE(a.True("mixed"));
    EXPECT_EQ(a.Number("generation"), 1u);
  }
}

TEST(DeviceSeed, RepeatingItChangesNothingAndPowerCutsDoNot) {
  auto sim = NewDevice(Seed());
  Bytes key = sim->Call(BM_CMD_DERIVE, kDerive).Octets("public_key");
  Answer again = sim->Call(BM_CMD_DERIVE, kDerive);
  EXPECT_EQ(again.Octets("public_key"), key);
  EXPECT_EQ(again.Number("generation"), 1u);
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_SLOT, {{"slot", "idevid"}}).Octets("public_key"), key);
  for (uint64_t cut = 1; cut <= 3; ++cut) {
    auto other = NewDevice(Seed());
    other->CutAt(cut);
    other->Call(BM_CMD_DERIVE, kDerive);
    other->PowerOn();
    other->CutAt(0);
    EXPECT_EQ(other->Call(BM_CMD_DERIVE, kDerive).Octets("public_key"), key) << cut;
  }
}

TEST(DeviceSeed, ItsKeySignsARequest) {
  auto sim = NewDevice(Seed());
  sim->Call(BM_CMD_DERIVE, kDerive);
  Answer csr = sim->Call(
      BM_CMD_CSR,
      {{"slot", "idevid"}, {"subject", "serialNumber=ECU-1"}, {"challenge", Bytes(16, 3)}});
  ASSERT_TRUE(csr.Done()) << csr.text;
  const Bytes request = csr.Octets("csr"), spki = Expected(Seed());
  EXPECT_NE(std::search(request.begin(), request.end(), spki.begin(), spki.end()), request.end());
}

TEST(DeviceSeed, OwnEntropyGivesAKeyThatTheSeedAloneDoesNot) {
  const Bytes own(32, 0x77);
  auto sim = NewDevice(Seed(), own);
  Answer facts = sim->Call(BM_CMD_SEED_FACTS);
  EXPECT_TRUE(facts.True("present") && facts.True("mixes"));
  Answer a = sim->Call(BM_CMD_DERIVE, kDerive);
  ASSERT_TRUE(a.Done()) << a.text;
  EXPECT_TRUE(a.True("mixed"));
  EXPECT_NE(a.Octets("public_key"), Expected(Seed()));
  // Scheme 2 of the profile: UDS = KDF(32, internal, external, "UDS").
  Bytes uds(32);
  seed::HkdfSha512(own, seed::HmacSha512(Seed()), "UDS", uds);
  EXPECT_EQ(ToHex(a.Octets("public_key")), ToHex(Expected(uds)));
}

TEST(DeviceSeed, FactsSayWhatThereIs) {
  auto sim = NewDevice(Seed());
  Answer facts = sim->Call(BM_CMD_SEED_FACTS);
  ASSERT_TRUE(facts.Done());
  EXPECT_TRUE(facts.True("present"));
  EXPECT_EQ(facts.Text("origin"), "fuses");
  EXPECT_FALSE(facts.True("mixes"));
  auto none = NewDevice({});
  facts = none->Call(BM_CMD_SEED_FACTS);
  EXPECT_TRUE(facts.Done());
  EXPECT_FALSE(facts.True("present"));
  EXPECT_EQ(none->Call(BM_CMD_DERIVE, kDerive).refusal, BM_E_NOT_FOUND);
}

TEST(DeviceSeed, Refusals) {
  auto refusal = [](const Bytes& seed, cbor::Map args) {
    return NewDevice(seed)->Call(BM_CMD_DERIVE, std::move(args)).refusal;
  };
  EXPECT_EQ(refusal(Bytes(32), kDerive), BM_E_HARDWARE);
  EXPECT_EQ(refusal(Bytes(31, 1), kDerive), BM_E_HARDWARE);
  EXPECT_EQ(refusal(Bytes(65, 1), kDerive), BM_E_HARDWARE);
  EXPECT_EQ(refusal(Seed(), {{"slot", "idevid"}, {"algorithm", "ed25519"}}), BM_E_UNSUPPORTED);
  EXPECT_EQ(refusal(Seed(), {{"slot", "idevid"}}), BM_E_UNSUPPORTED);
  EXPECT_EQ(refusal(Seed(), {{"slot", "nothing"}, {"algorithm", "p256"}}), BM_E_BAD_REQUEST);
  EXPECT_EQ(refusal(Seed(), {}), BM_E_BAD_REQUEST);
  auto made = NewDevice(Seed());
  ASSERT_TRUE(made->Call(BM_CMD_GENERATE, kDerive).Done());
  EXPECT_EQ(made->Call(BM_CMD_DERIVE, kDerive).refusal, BM_E_OCCUPIED);
  auto locked = NewDevice(Seed());
  ASSERT_TRUE(locked->Call(BM_CMD_LOCK, {{"which", "identity"}, {"by", "software"}}).Done());
  EXPECT_EQ(locked->Call(BM_CMD_DERIVE, kDerive).refusal, BM_E_LOCKED);
}

TEST(DeviceSeed, NoCommandTellsTheSeed) {
  const Bytes seed = Seed();
  auto sim = NewDevice(seed);
  sim->Call(BM_CMD_DERIVE, kDerive);
  const std::vector<cbor::Map> all = {{},
                                      kDerive,
                                      {{"slot", "idevid"}},
                                      {{"partition", "test-image"}, {"offset", 0}, {"size", 64}},
                                      {{"nonce", Bytes(16, 1)}}};
  for (uint8_t command = 1; command < kAllCommands; ++command) {
    if (command == BM_CMD_RESET) continue;
    for (const cbor::Map& args : all) {
      Bytes answer = cbor::Encode(sim->Call(command, args).value);
      EXPECT_EQ(std::search(answer.begin(), answer.end(), seed.begin(), seed.begin() + 8),
                answer.end())
          << int{command};
    }
  }
  const Bytes& memory = sim->private_memory();
  EXPECT_EQ(std::search(memory.begin(), memory.end(), seed.begin(), seed.end()), memory.end());
}

TEST(EmulatedSeed, IsPutInOnceAndKept) {
  test::TempDir dir;
  const std::string folder = dir.path().string(), file = (dir / "s").string();
  auto open = [&](chip_seed* s, ByteView content, const char* origin, bool mixes) -> std::string {
    EXPECT_TRUE(WriteFileAtomic(file, content));
    const char* wrong = chip_seed_open(s, folder.c_str(), file.c_str(), origin, mixes);
    return wrong == nullptr ? "" : wrong;
  };
  chip_seed s;
  EXPECT_EQ(chip_seed_open(&s, folder.c_str(), nullptr, "fuses", false), nullptr);
  EXPECT_EQ(s.size, 0u);
  EXPECT_NE(open(&s, Bytes(31, 1), "fuses", false), "");
  EXPECT_NE(open(&s, Bytes(65, 1), "fuses", false), "");
  EXPECT_NE(open(&s, ToBytes(ToHex(Bytes(31, 1))), "fuses", false), "") << "not 62 octets";
  EXPECT_NE(open(&s, Seed(), "a drawer", false), "");
  EXPECT_EQ(open(&s, ToBytes(ToHex(Seed()) + "\n"), "puf", true), "");
  EXPECT_EQ(open(&s, Seed(), "puf", true), "") << "the same, as octets";
  const chip_seed first = s;
  EXPECT_NE(open(&s, Seed(2), "puf", true), "");
  EXPECT_NE(open(&s, Seed(), "fuses", true), "");
  EXPECT_NE(open(&s, Seed(), "puf", false), "");
  EXPECT_EQ(chip_seed_open(&s, folder.c_str(), nullptr, "fuses", false), nullptr);
  EXPECT_EQ(Bytes(s.seed, s.seed + s.size), Seed());
  EXPECT_EQ(std::string(s.origin), "puf");
  EXPECT_TRUE(s.mixes);
  EXPECT_EQ(Bytes(s.own, s.own + 32), Bytes(first.own, first.own + 32));
  EXPECT_NE(Bytes(s.own, s.own + 32), Bytes(32));
}

}  // namespace
}  // namespace birthmark::device
