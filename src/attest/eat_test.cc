// SPDX-License-Identifier: Apache-2.0
// Tokens read and compared: what a device claims that lies about its provenance or its kind.
#include "attest/eat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "attest/eat_check.h"
#include "cbor/codec.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"

namespace birthmark::attest {
namespace {

using cbor::Array;
using cbor::Map;
using cbor::Value;

Digest Image(int n) { return crypto::Sha256(Bytes(4, static_cast<uint8_t>(n))); }

// Story is what a device says; a test changes one thing.
struct Story {
  std::string model = "minnow-p1", hardware = "p1-eu", software = "minnow-p1 application";
  std::string type{kTokenType}, profile{kTokenProfile};
  uint64_t oem = 32473, debug = 4, app_verdict = 0;
  bool oemboot = true, port_lock = true, app_usable = true;
  Bytes nonce = Bytes(32, 7);
  Digest ueid = Image(99), application = Image(3);
  std::string tam;  // a fourth stage
  Bytes boot_register;
  bool without_log = false;
  std::vector<std::pair<int, Value>> more;  // claims in place of ours, or beside them

  std::vector<Bytes> Log() const {
    std::vector<Bytes> log;
    log.push_back(cbor::Encode(Map{{"event", "rom"},
                                   {"board", "bmc"},
                                   {"fuse_form", "hardware"},
                                   {"boot_anchor", Image(0)},
                                   {"secure_boot", true},
                                   {"port_lock", port_lock},
                                   {"seal", false},
                                   {"retired", 0}}));
    auto stage = [&](const std::string& name, const Digest& image, bool usable, uint64_t verdict) {
      log.push_back(cbor::Encode(Map{{"event", "stage"},
                                     {"partition", name},
                                     {"name", "minnow-p1 " + name},
                                     {"anchor", "a"},
                                     {"version", 1},
                                     {"verdict", verdict},
                                     {"usable", usable},
                                     {"sha256", image}}));
    };
    stage("first-stage", Image(1), true, 0);
    stage("second-stage", Image(2), true, 0);
    if (!tam.empty()) stage(tam, Image(4), true, 0);
    stage("application", application, app_usable, app_verdict);
    return log;
  }
  Bytes Claims() const {
    Array log;
    Digest r{};
    for (const Bytes& e : Log()) {
      log.emplace_back(e);
      r = crypto::Sha256(r, crypto::Sha256(e));
    }
    Bytes reg = boot_register.empty() ? Bytes(r.begin(), r.end()) : boot_register;
    Bytes measured = cbor::Encode(Map{{"log", std::move(log)}, {"register", reg}});
    Bytes id = {1};
    id.insert(id.end(), ueid.begin(), ueid.end());
    std::map<int, Value> m = {{10, nonce},
                              {256, id},
                              {258, oem},
                              {259, ToBytes(model)},
                              {260, Array{hardware}},
                              {262, oemboot},
                              {263, debug},
                              {265, profile},
                              {270, software},
                              {271, Array{"1", 4}},
                              {273, Array{Array{60, measured}}}};
    for (const auto& [key, value] : more) m[key] = value;
    if (without_log) m.erase(273);
    Map out;
    for (auto& [key, value] : m) out.emplace_back(key, std::move(value));
    return cbor::Encode(Value(std::move(out)));
  }
  Bytes Token(crypto::SoftwareSigner& key) const {
    cbor::CoseSigning what;
    what.headers.type = Value(type);
    return cbor::EncodeCose(*cbor::SignCose(what, Claims(), key));
  }
};

Records Meant() {
  Records r;
  r.unit = "minnow-p1/P1-000001";
  r.signer = {.whose = Signer::Whose::kThisUnit, .unit = r.unit, .slot = "attestation"};
  r.nonce = Bytes(32, 7);
  r.idevid = Image(99);
  r.oem = 32473;
  r.product = "minnow-p1";
  r.hardware = "p1-eu";
  r.debug_closed = true;
  r.stages = {"first-stage", "second-stage", "application"};
  r.released = {{"first-stage", Image(1), "1"},
                {"second-stage", Image(2), "1"},
                {"tam", Image(4), "1"},
                {"application", Image(3), "1"}};
  return r;
}

class Eat : public testing::Test {
 protected:
  std::unique_ptr<crypto::SoftwareSigner> key_ =
      std::move(*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
  // Differs lists "claim code" of all that differs.
  std::vector<std::string> Differs(const Story& s, const Records& r) {
    auto token = ReadToken(s.Token(*key_));
    EXPECT_TRUE(token) << token.error().ToString();
    std::vector<std::string> out;
    for (const Row& row : Compare(*token, r)) {
      if (row.is == Row::Is::kDiffers) out.push_back(row.claim + " " + row.code);
    }
    return out;
  }
  std::string Refused(const Story& s) {
    auto token = ReadToken(s.Token(*key_));
    return token ? "accepted" : token.error().code;
  }
};

TEST_F(Eat, AnHonestDeviceAgrees) {
  EXPECT_THAT(Differs({}, Meant()), testing::IsEmpty());
  Records tam = Meant();
  tam.stages.push_back("tam");
  EXPECT_THAT(Differs({.tam = "tam"}, tam), testing::IsEmpty());
  Records offline = Meant();
  offline.nonce.reset();
  EXPECT_THAT(Differs({.nonce = Bytes(8)}, offline), testing::IsEmpty());
}

TEST_F(Eat, EachLieHasItsName) {
  using testing::ElementsAre;
  Records r = Meant();
  EXPECT_THAT(Differs({.model = "corvid-g2"}, r), ElementsAre("hwmodel eat.kind"));
  EXPECT_THAT(Differs({.hardware = "rev-b"}, r), ElementsAre("hwversion eat.kind"));
  EXPECT_THAT(Differs({.oem = 9}, r), ElementsAre("oemid eat.maker"));
  EXPECT_THAT(Differs({.nonce = Bytes(32, 8)}, r), ElementsAre("eat_nonce eat.replayed"));
  EXPECT_THAT(Differs({.ueid = Image(98)}, r), ElementsAre("ueid eat.other-unit"));
  EXPECT_THAT(Differs({.application = Image(77)}, r), ElementsAre("application eat.firmware"));
  EXPECT_THAT(Differs({.boot_register = Bytes(32, 1)}, r), ElementsAre("boot log eat.boot-log"));
  EXPECT_THAT(Differs({.debug = 0, .port_lock = false}, r), ElementsAre("dbgstat eat.debug"));
  // Claims that the device's own log does not bear out.
  EXPECT_THAT(Differs({.port_lock = false}, r), ElementsAre("claims beside log eat.boot-log"));
  EXPECT_THAT(Differs({.software = "minnow-p1 second-stage"}, r),
              ElementsAre("claims beside log eat.boot-log"));
  EXPECT_THAT(Differs({.oemboot = false}, r), ElementsAre("oemboot eat.boot"));
  EXPECT_THAT(
      Differs({.software = "minnow-p1 second-stage", .app_verdict = 14, .app_usable = false}, r),
      ElementsAre("application eat.boot", "application eat.boot"));
  r.signer = {.whose = Signer::Whose::kOtherUnit, .unit = "minnow-p1/P1-000002", .slot = "idevid"};
  EXPECT_THAT(Differs({}, r), ElementsAre("signature eat.other-unit"));
  r.signer = {};
  EXPECT_THAT(Differs({}, r), ElementsAre("signature eat.provenance"));
  r = Meant();
  r.seen_before = true;
  EXPECT_THAT(Differs({}, r), ElementsAre("eat_nonce eat.replayed"));
  r = Meant();
  r.stages.push_back("tam");
  EXPECT_THAT(Differs({}, r), ElementsAre("tam eat.boot"));
}

TEST_F(Eat, ADisclosureIsComparedToo) {
  Records r = Meant();
  r.disclosed = {.signer = "CN=Minnow Disclosures",
                 .ours = true,
                 .product = "minnow-p1",
                 .hardware = "p1-eu",
                 .application = Image(3)};
  EXPECT_THAT(Differs({}, r), testing::IsEmpty());
  r.disclosed->application = Image(5);
  r.disclosed->ours = false;
  EXPECT_THAT(Differs({}, r), testing::ElementsAre("disclosure: signer eat.disclosure",
                                                   "disclosure: firmware eat.disclosure"));
}

TEST_F(Eat, WhatIsNoTokenIsRefused) {
  EXPECT_EQ(Refused({}), "accepted");
  EXPECT_EQ(Refused({.type = "application/other"}), "eat.type");
  EXPECT_EQ(Refused({.profile = "tag:example,2026:x"}), "eat.profile");
  EXPECT_EQ(Refused({.debug = 5}), "eat.claims");
  EXPECT_EQ(Refused({.nonce = Bytes(7)}), "eat.claims");
  EXPECT_EQ(Refused({.nonce = Bytes(65)}), "eat.claims");
  EXPECT_EQ(Refused({.without_log = true}), "eat.claims");
  EXPECT_EQ(Refused({.boot_register = Bytes(31)}), "eat.claims");
  EXPECT_EQ(Refused({.model = std::string(33, 'x')}), "eat.claims");
  for (int key : {256, 258, 260, 262, 270, 271}) {
    EXPECT_EQ(Refused({.more = {{key, Value(Array{})}}}), "eat.claims") << key;
  }
  EXPECT_EQ(Refused({.more = {{273, Array{Array{60, cbor::Encode(Map{})}}}}}), "eat.claims");
  EXPECT_FALSE(ReadToken(Bytes{0x80}));
  Bytes whole = Story{}.Token(*key_);
  whole.pop_back();
  EXPECT_FALSE(ReadToken(whole));
}

}  // namespace
}  // namespace birthmark::attest
