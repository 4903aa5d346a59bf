// SPDX-License-Identifier: Apache-2.0
// What both forms of seed files have in common: round trips, recipients, the checks on elements.
#include "seed/read.h"

#include <gtest/gtest.h>

#include <chrono>

#include "crypto/digest.h"
#include "seed/intake.h"
#include "seed/test_files.h"

namespace birthmark::seed {
namespace {

struct Form {
  const char* name;
  bool pskc;
  const Recipient* recipient;
  const char* shared;
  size_t shared_bits;
  bool authenticated;
  const char* protection;
};

std::vector<Form> Forms() {
  return {{"pskc rsa", true, &RsaRecipient(), nullptr, 0, true, "pskc-x509"},
          {"pskc shared 128", true, nullptr, "acme-2026", 128, true, "pskc-shared-key"},
          {"pskc shared 256", true, nullptr, "acme & co", 256, true, "pskc-shared-key"},
          {"pskc plain", true, nullptr, nullptr, 0, true, "none"},
          {"cms rsa gcm", false, &RsaRecipient(), nullptr, 0, true, "cms-auth-enveloped"},
          {"cms rsa cbc", false, &RsaRecipient(), nullptr, 0, false, "cms-enveloped"},
          {"cms p256 gcm", false, &EcRecipient("P-256"), nullptr, 0, true, "cms-auth-enveloped"},
          {"cms p384 cbc", false, &EcRecipient("P-384"), nullptr, 0, false, "cms-enveloped"},
          {"cms plain", false, nullptr, nullptr, 0, true, "none"}};
}

// Both keeps what options point at.
struct Both {
  std::vector<SharedKey> shared;
  WriteOptions write;
  ReadOptions read;
};
std::unique_ptr<Both> OptionsFor(const Form& f) {
  auto b = std::make_unique<Both>();
  b->write.authenticated = f.authenticated;
  b->write.oem = "Silicon & Söhne";
  if (f.shared != nullptr) {
    b->shared.push_back({f.shared, SecretBytes::Take(Bytes(f.shared_bits / 8, 0x31))});
    b->write.shared = &b->shared[0];
    b->read.shared = &b->shared;
  }
  if (f.recipient != nullptr) {
    b->write.recipient = &f.recipient->certificate;
    b->read.key = f.recipient->key.get();
    b->read.certificate = &f.recipient->certificate;
  }
  b->read.allow_unprotected = std::string_view(f.protection) == "none";
  return b;
}

TEST(Read, RoundTripsInEveryForm) {
  Pairs pairs = GoodPairs(40);
  pairs[7].second = SeedNumber(900, 64);
  for (const Form& f : Forms()) {
    SCOPED_TRACE(f.name);
    auto o = OptionsFor(f);
    Outcome got = ReadOctets(Written(f.pskc, o->write, pairs), o->read);
    ASSERT_TRUE(got.summary) << got.summary.error().ToString();
    EXPECT_EQ(got.seeds, pairs);
    EXPECT_EQ(got.indexes.back(), 39u);
    EXPECT_EQ(got.summary->count, 40u);
    EXPECT_EQ(got.summary->refused, 0u);
    EXPECT_EQ(got.summary->format, f.pskc ? "pskc" : "cms");
    EXPECT_EQ(got.summary->protection, f.protection);
    EXPECT_EQ(got.summary->oem, "Silicon & Söhne");
    EXPECT_EQ(got.summary->recipient,
              f.recipient != nullptr ? ToHex(f.recipient->certificate.public_key()->spki_digest())
                                     : (f.shared == nullptr ? "" : f.shared));
    // Without the certificate the recipient is found by trying.
    o->read.certificate = nullptr;
    EXPECT_EQ(ReadOctets(Written(f.pskc, o->write, pairs), o->read).seeds, pairs);
  }
}

TEST(Read, AFileForAnotherKeySaysWhose) {
  for (const Form& f : Forms()) {
    SCOPED_TRACE(f.name);
    if (std::string_view(f.protection) == "none") continue;
    auto o = OptionsFor(f);
    Bytes file = Written(f.pskc, o->write, GoodPairs(3));
    ReadOptions none;
    EXPECT_EQ(ReadOctets(file, none).code(), "seed.key");
    std::vector<SharedKey> others;
    others.push_back({"another", SecretBytes::Take(Bytes(32, 1))});
    for (const Recipient* other :
         {&OtherRsaRecipient(), &EcRecipient("P-384"), &EcRecipient("P-256")}) {
      if (other == f.recipient) continue;
      for (bool with_certificate : {true, false}) {
        ReadOptions wrong{.key = other->key.get(), .shared = &others};
        if (with_certificate) wrong.certificate = &other->certificate;
        Outcome got = ReadOctets(file, wrong);
        EXPECT_EQ(got.code(), "seed.recipient");
        EXPECT_TRUE(got.seeds.empty());
        std::string whose = f.shared == nullptr ? f.recipient->certificate.subject() : "acme";
        EXPECT_NE(got.summary.error().message.find(whose), std::string::npos)
            << got.summary.error().message;
      }
    }
  }
}

TEST(Read, ASharedKeyOfTheRightNameAndTheWrongValueIsRefused) {
  std::vector<SharedKey> right, wrong;
  right.push_back({"k", SecretBytes::Take(Bytes(32, 1))});
  wrong.push_back({"k", SecretBytes::Take(Bytes(32, 2))});
  WriteOptions to;
  to.shared = &right[0];
  Bytes file = Written(true, to, GoodPairs(5));
  // The MAC key comes out wrong: its padding shows it, or each value's code does.
  Outcome got = ReadOctets(file, {.shared = &wrong});
  EXPECT_TRUE(got.seeds.empty());
  EXPECT_TRUE(!got.summary || got.refused.size() == 5);
}

TEST(Read, RefusesElementsAndGoesOn) {
  Pairs pairs = GoodPairs(3);
  pairs.emplace_back("short", SeedNumber(50, 31));
  pairs.emplace_back("long", SeedNumber(51, 65));
  pairs.emplace_back("zero", Bytes(32));
  pairs.emplace_back("twin", SeedNumber(2));
  pairs.emplace_back("chip-1", SeedNumber(60));
  pairs.emplace_back("", SeedNumber(61));
  pairs.emplace_back("a b", SeedNumber(62));
  pairs.emplace_back(std::string(65, 'x'), SeedNumber(63));
  pairs.emplace_back("empty", Bytes());
  pairs.emplace_back("last", SeedNumber(64));
  for (const Form& f : Forms()) {
    SCOPED_TRACE(f.name);
    auto o = OptionsFor(f);
    Outcome got = ReadOctets(Written(f.pskc, o->write, pairs), o->read);
    ASSERT_TRUE(got.summary) << got.summary.error().ToString();
    EXPECT_EQ(got.indexes, (std::vector<uint64_t>{0, 1, 2, 12}));
    std::vector<std::pair<uint64_t, std::string>> want = {
        {3, "seed.short"},    {4, "seed.long"},          {5, "seed.zero"},
        {6, "seed.repeated"}, {7, "seed.chip-repeated"}, {8, "seed.chip"},
        {9, "seed.chip"},     {10, "seed.chip"},         {11, "seed.short"}};
    EXPECT_EQ(got.refused, want);
    EXPECT_EQ(got.summary->refused, 9u);
    EXPECT_EQ(got.summary->count, 4u);
  }
}

TEST(Read, EncryptedWithNothingIsTakenOnlyWhenAllowed) {
  for (bool pskc : {true, false}) {
    Bytes file = Written(pskc, {}, GoodPairs(2));
    Outcome got = ReadOctets(file, {});
    EXPECT_EQ(got.code(), "seed.unprotected");
    EXPECT_TRUE(got.seeds.empty());
  }
}

TEST(Read, ACutFileIsRefusedWhereverItIsCut) {
  for (const Form& f : Forms()) {
    SCOPED_TRACE(f.name);
    auto o = OptionsFor(f);
    Bytes file = Written(f.pskc, o->write, GoodPairs(3));
    if (f.pskc) file.pop_back();  // the line's end is no loss
    for (size_t n = 0; n < file.size(); n += 1 + n / 97) {
      Outcome got = ReadOctets(ByteView(file).first(n), o->read);
      ASSERT_FALSE(got.summary) << n;
      EXPECT_TRUE(got.code() == "seed.truncated" || (n < 4 && got.code() != "")) << n << got.code();
    }
  }
}

TEST(Read, ChangedOctetsNeverGiveAnotherSeedWhereTheFormAuthenticates) {
  Pairs pairs = GoodPairs(3);
  for (const Form& f : Forms()) {
    SCOPED_TRACE(f.name);
    if (std::string_view(f.protection) == "none" || !f.authenticated) continue;
    auto o = OptionsFor(f);
    Bytes file = Written(f.pskc, o->write, pairs);
    for (size_t i = 0; i < file.size(); i += 23) {
      Bytes changed = file;
      changed[i] ^= 0x01;
      for (const auto& [chip, seed] : ReadOctets(changed, o->read).seeds) {
        bool known = false;
        for (const auto& p : pairs) known = known || p.second == seed;
        EXPECT_TRUE(known) << i << " " << chip;
      }
    }
  }
}

TEST(Read, CallbacksStopTheReadingAndLimitsHold) {
  Bytes file = Written(true, {}, GoodPairs(10));
  MemoryInput in(file);
  int calls = 0;
  auto stopped = ReadInput(
      in, {.allow_unprotected = true},
      [&](Element&&) -> Status { return ++calls == 4 ? Refused("test.stop", "stop") : Status{}; },
      nullptr);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(stopped.error().code, "test.stop");
  EXPECT_EQ(ReadOctets(file, {.allow_unprotected = true, .max_elements = 9}).code(),
            "seed.too-large");
  EXPECT_EQ(ReadOctets(file, {.allow_unprotected = true, .max_elements = 10}).code(), "");
}

TEST(Read, WhatIsNoSeedFile) {
  EXPECT_EQ(ReadOctets({}, {}).code(), "seed.empty");
  EXPECT_EQ(ReadOctets(ToBytes("-----BEGIN CMS-----\n"), {}).code(), "seed.format");
  EXPECT_EQ(ReadOctets(ToBytes("<svg/>"), {}).code(), "seed.format");
  for (bool pskc : {true, false}) {
    EXPECT_EQ(ReadOctets(Written(pskc, {}, {}), {.allow_unprotected = true}).code(), "seed.empty");
  }
}

TEST(Read, AFileOnDiskIsReadWithItsDigest) {
  test::TempDir dir;
  fs::path path = dir / "f";
  Bytes file = Written(true, {}, GoodPairs(3));
  ASSERT_TRUE(WriteFileAtomic(path, file));
  auto summary = Inspect(path, {.allow_unprotected = true});
  ASSERT_TRUE(summary) << summary.error().ToString();
  EXPECT_EQ(summary->file, crypto::Sha256(file));
  EXPECT_EQ(summary->count, 3u);
  // Written to while it is read.
  using namespace std::chrono_literals;
  auto changed = Read(
      path, {.allow_unprotected = true},
      [&](Element&& e) {
        if (e.index == 0) fs::last_write_time(path, fs::file_time_type::clock::now() + 5s);
        return Status{};
      },
      nullptr);
  EXPECT_EQ(changed.error().code, "seed.changed");
  EXPECT_EQ(Inspect(dir.path(), {}).error().code, "file.read");
  EXPECT_EQ(Inspect(path.string() + "-none", {}).error().code, "file.missing");
}

TEST(SeenSet, FindsRepeatsAcrossItsGrowth) {
  SeenSet seen;
  for (uint32_t i = 0; i < 5000; ++i) ASSERT_FALSE(seen.Add(SeedNumber(i), i));
  for (uint32_t i = 0; i < 5000; ++i) ASSERT_EQ(seen.Add(SeedNumber(i), 9999), i);
}

}  // namespace
}  // namespace birthmark::seed
