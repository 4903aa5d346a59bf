// SPDX-License-Identifier: Apache-2.0
// The Trusted Application Manager, the measured boot, updates in two buffers and in place, and the
// token a device signs about all that; power cuts at each write of them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mbedtls/gcm.h>

#include "cbor/cose.h"
#include "crypto/digest.h"
#include "device/tests/station.h"

extern "C" {
#include "device/core/internal.h"
}

namespace birthmark::device {
namespace {

Bytes Spki(const crypto::SoftwareSigner& key) {
  ByteView spki = key.public_key().spki();
  return Bytes(spki.begin(), spki.end());
}

// Chain is firmware with a TAM: the second stage holds the update anchor and the TAM's.
struct Chain {
  Firmware f = MakeFirmware(3, false);
  Key tam = NewKey(), wallet = NewKey();
  Bytes second, image;

  explicit Chain(const std::vector<std::string>& privileges, size_t anchors = 1) {
    link::Stage stage{.code = Bytes(600, 0x35), .anchors = {}};
    stage.anchors.push_back(
        {"update", "software-update", "application", "spki", Spki(*f.update), {.levels = {1}}});
    stage.anchors.push_back({"tam", "tam", "tam", "spki", Spki(*tam), {.levels = {1}}});
    second = MustImage({.kind = "second-stage", .name = "second", .version = 3},
                       link::EncodeStage(stage), *f.update);
    link::Stage trusted{.code = Bytes(500, 0x36), .anchors = {}};
    for (size_t i = 0; i < anchors; i++) trusted.anchors.push_back(Anchor(fmt::format("w{}", i)));
    image = MustImage(
        {.kind = "tam", .name = "manager", .version = 1, .privileges = privileges, .product = {}},
        link::EncodeStage(trusted), *tam);
  }
  link::StageAnchor Anchor(const std::string& id) const {
    return {id, "private-cloud", "tls-server", "spki", Spki(*wallet), {.levels = {1}}};
  }
  Bytes Application(uint64_t version, crypto::SoftwareSigner* by = nullptr,
                    const std::string& model = "minnow-p1",
                    std::vector<link::StageAnchor> anchors = {}) const {
    link::Stage stage{.code = Bytes(2000, static_cast<uint8_t>(version)),
                      .anchors = std::move(anchors)};
    return MustImage({.kind = "application",
                      .name = "product",
                      .version = version,
                      .product = link::Manifest::Product{32473, model, "p1"}},
                     link::EncodeStage(stage), by ? *by : *f.update);
  }
  // Born is a device with the whole chain, secure boot on and an identity, without factory doors.
  std::unique_ptr<Sim> Born(bool identity = true) const {
    auto sim = std::make_unique<Sim>("bmc", f.test_image);
    sim->PowerOn();
    if (identity) {
      EXPECT_TRUE(sim->Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
      EXPECT_TRUE(sim->Call(BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}}).Done());
    }
    std::ranges::fill(sim->Region("test-image"), uint8_t{0xFF});
    sim->Install("first-stage", f.first_stage);
    sim->Install("second-stage", second);
    sim->Install("tam", image);
    sim->Install("application", Application(3));
    std::ranges::copy(f.boot_anchor, sim->fuses().begin());
    sim->Blow(BM_FUSE_SECURE_BOOT);
    sim->PowerOn();
    EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application");
    return sim;
  }
  Bytes Message(uint64_t sequence, cbor::Map body, crypto::SoftwareSigner* by = nullptr,
                const char* type = "application/vnd.birthmark.tam-message+cbor") const {
    body.emplace_back("sequence", sequence);
    cbor::CoseSigning what;
    what.headers.type = cbor::Value(type);
    auto signed_one =
        cbor::SignCose(what, cbor::Encode(cbor::Value(std::move(body))), by ? *by : *tam);
    EXPECT_TRUE(signed_one);
    return cbor::EncodeCose(*signed_one);
  }
};

cbor::Value AnchorMap(const link::StageAnchor& a) {
  link::Stage stage{.code = {}, .anchors = {a}};
  return (*cbor::Decode(link::EncodeStage(stage))->Find("anchors")->AsArray())[0];
}

cbor::Map Adds(const link::StageAnchor& a) {
  return {{"do", "anchor-add"}, {"anchor", AnchorMap(a)}};
}
cbor::Map Removes(const std::string& id) { return {{"do", "anchor-remove"}, {"id", id}}; }

uint64_t Offer(Sim& sim, const Bytes& message) {
  Answer a = sim.Call(BM_CMD_TAM_MESSAGE, {{"object", message}});
  return a.Done() ? a.Number("verdict") : 1000 + a.refusal;
}

bool InForce(Sim& sim, const std::string& id) {
  Answer a = sim.Call(BM_CMD_TRIAL, {{"object", Bytes{0x80}}, {"anchor", id}});
  return a.Done();
}

struct Log {
  std::vector<Bytes> entries;
  Bytes shown;
  Digest Replay() const {
    Digest r{};
    for (const Bytes& e : entries) r = crypto::Sha256(r, crypto::Sha256(e));
    return r;
  }
};
Log ReadLog(Sim& sim) {
  Log log;
  Answer a = sim.Call(BM_CMD_BOOT_LOG);
  for (const cbor::Value& e : *a["log"].AsArray()) log.entries.push_back(*e.AsBytes());
  log.shown = a.Octets("register");
  return log;
}
bool Replays(const Log& log) { return std::ranges::equal(log.Replay(), log.shown); }

TEST(Tam, MessagesActWithinTheManifestAndSurviveARestart) {
  Chain chain({"change-anchors"});
  auto sim = chain.Born();
  EXPECT_TRUE(InForce(*sim, "w0"));
  Bytes add = chain.Message(5, Adds(chain.Anchor("w1")));
  EXPECT_EQ(Offer(*sim, add), uint64_t{BM_ACCEPTED});
  EXPECT_EQ(Offer(*sim, add), uint64_t{BM_ACCEPTED}) << "a repeat does no harm";
  EXPECT_EQ(Offer(*sim, chain.Message(6, Removes("w0"))), uint64_t{BM_ACCEPTED});
  sim->PowerOn();
  EXPECT_TRUE(InForce(*sim, "w1"));
  EXPECT_FALSE(InForce(*sim, "w0"));
  cbor::Map replace = {
      {"do", "anchor-replace"}, {"id", "w1"}, {"anchor", AnchorMap(chain.Anchor("w2"))}};
  EXPECT_EQ(Offer(*sim, chain.Message(7, replace)), uint64_t{BM_ACCEPTED});
  EXPECT_TRUE(InForce(*sim, "w2"));
  EXPECT_FALSE(InForce(*sim, "w1"));
}

TEST(Tam, RefusalsHaveNames) {
  Chain chain({"change-anchors"});
  auto sim = chain.Born();
  Key other = NewKey();
  auto add = [&](const char* id) { return Adds(chain.Anchor(id)); };
  ASSERT_EQ(Offer(*sim, chain.Message(5, add("w1"))), uint64_t{BM_ACCEPTED});
  EXPECT_EQ(Offer(*sim, chain.Message(5, add("w2"))), uint64_t{BM_REFUSED_ROLLBACK});
  EXPECT_EQ(Offer(*sim, chain.Message(6, add("w1"))), uint64_t{BM_REFUSED_KNOWN_ANCHOR});
  EXPECT_EQ(Offer(*sim, chain.Message(6, Removes("zz"))), uint64_t{BM_REFUSED_UNKNOWN_ANCHOR});
  EXPECT_EQ(Offer(*sim, chain.Message(6, add("w2"), other.get())), uint64_t{BM_REFUSED_SIGNATURE});
  EXPECT_EQ(Offer(*sim, chain.Message(6, add("w2"), nullptr, "application/other")),
            uint64_t{BM_REFUSED_FORMAT});
  EXPECT_EQ(Offer(*sim, chain.Message(6, {{"do", "reboot"}})), uint64_t{BM_REFUSED_FORMAT});
  EXPECT_EQ(Offer(*sim, chain.Message(6, {{"do", "read-private"}})),
            uint64_t{BM_REFUSED_PRIVILEGE});
  EXPECT_EQ(Offer(*sim, chain.Message(6, {{"do", "retire-application"}, {"version", 3}})),
            uint64_t{BM_REFUSED_PRIVILEGE});
  cbor::Map elsewhere = add("w2");
  elsewhere.emplace_back("uid", Bytes(8, 9));
  EXPECT_EQ(Offer(*sim, chain.Message(6, elsewhere)), uint64_t{BM_REFUSED_OTHER_DEVICE});
  EXPECT_EQ(Offer(*sim, chain.Message(6, Removes("w0"))), uint64_t{BM_ACCEPTED});
  EXPECT_EQ(Offer(*sim, chain.Message(7, Removes("w1"))), uint64_t{BM_REFUSED_NONE_LEFT});
  EXPECT_TRUE(InForce(*sim, "w1"));
}

TEST(Tam, PrivilegesAreThoseOfTheManifest) {
  Chain chain({"read-private", "update-application"});
  auto sim = chain.Born();
  EXPECT_EQ(Offer(*sim, chain.Message(1, Adds(chain.Anchor("w1")))),
            uint64_t{BM_REFUSED_PRIVILEGE});
  Answer read =
      sim->Call(BM_CMD_TAM_MESSAGE, {{"object", chain.Message(1, {{"do", "read-private"}})}});
  ASSERT_TRUE(read.True("accepted")) << read.text;
  EXPECT_NE(read["counters"].Find("floor"), nullptr);
  // A version above the one that runs would leave nothing to start.
  EXPECT_EQ(Offer(*sim, chain.Message(2, {{"do", "retire-application"}, {"version", 4}})),
            uint64_t{1000 + BM_E_RANGE});
  EXPECT_EQ(Offer(*sim, chain.Message(2, {{"do", "retire-application"}, {"version", 3}})),
            uint64_t{BM_ACCEPTED});
  sim->Install("application", chain.Application(2));
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "second-stage");
}

TEST(Tam, ARefusedManagerIsOutOfUseAndTheBootGoesOn) {
  Chain chain({"change-anchors"});
  auto sim = chain.Born();
  sim->Region("tam")[chain.image.size() - 1] ^= 1;
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application");
  EXPECT_FALSE(InForce(*sim, "w0"));
  EXPECT_EQ(sim->Call(BM_CMD_TAM_MESSAGE, {{"object", chain.Message(1, Removes("w0"))}}).refusal,
            BM_E_NOT_FOUND);
  // Flash alone cannot bring back anchors of the past: what counts is in private memory.
  auto good = chain.Born();
  ASSERT_EQ(Offer(*good, chain.Message(1, Adds(chain.Anchor("w1")))), uint64_t{BM_ACCEPTED});
  Bytes old(good->Region("tam-store").begin(), good->Region("tam-store").end());
  ASSERT_EQ(Offer(*good, chain.Message(2, Removes("w1"))), uint64_t{BM_ACCEPTED});
  std::ranges::copy(old, good->Region("tam-store").begin());
  good->PowerOn();
  EXPECT_FALSE(InForce(*good, "w1"));
}

TEST(Tam, PowerMayGoAtEveryWrite) {
  Chain chain({"change-anchors"});
  auto dry = chain.Born();
  size_t before = dry->writes().size();
  ASSERT_EQ(Offer(*dry, chain.Message(1, Adds(chain.Anchor("w1")))), uint64_t{BM_ACCEPTED});
  size_t writes = dry->writes().size() - before;
  ASSERT_GE(writes, 3u);
  for (size_t cut = 1; cut <= writes; cut++) {
    SCOPED_TRACE("cut at write " + std::to_string(cut));
    auto sim = chain.Born();
    sim->CutAt(cut);
    Bytes message = chain.Message(1, Adds(chain.Anchor("w1")));
    Offer(*sim, message);
    ASSERT_FALSE(sim->powered());
    sim->PowerOn();
    EXPECT_TRUE(InForce(*sim, "w0"));
    EXPECT_EQ(Offer(*sim, message), uint64_t{BM_ACCEPTED});
    EXPECT_TRUE(InForce(*sim, "w1"));
  }
}

TEST(MeasuredBoot, EachStageIsInTheLogAndNothingTakesItOut) {
  Chain chain({"change-anchors"});
  auto sim = chain.Born();
  Log log = ReadLog(*sim);
  ASSERT_EQ(log.entries.size(), 5u);  // the ROM, three stages, the TAM
  EXPECT_TRUE(Replays(log));
  auto second = cbor::Decode(log.entries[2]);
  ASSERT_TRUE(second);
  EXPECT_EQ(*second->Find("partition")->AsText(), "second-stage");
  Digest image = crypto::Sha256(chain.second);
  EXPECT_EQ(*second->Find("sha256")->AsBytes(), Bytes(image.begin(), image.end()));
  // A stage that lies can say more afterwards; what was said before stays as it was.
  uint8_t lie[32] = {1};
  bm_measure_event(&sim->device(), "rom", lie);
  Log later = ReadLog(*sim);
  ASSERT_EQ(later.entries.size(), 6u);
  EXPECT_TRUE(std::ranges::equal(log.entries, std::span(later.entries).first(5)));
  EXPECT_NE(later.shown, log.shown);
  EXPECT_TRUE(Replays(later));
  for (size_t i = 0; i < later.entries.size(); i++) {
    Log forged = later;
    forged.entries[i].back() ^= 1;
    EXPECT_FALSE(Replays(forged)) << i;
  }
  while (bm_measure_room(&sim->device())) bm_measure_event(&sim->device(), "more", lie);
  EXPECT_EQ(Offer(*sim, chain.Message(1, Adds(chain.Anchor("w1")))), 1000u + BM_E_TOO_LARGE);
  sim->PowerOn();
  EXPECT_EQ(ReadLog(*sim).shown, log.shown) << "the same boot measures the same";
}

// Update streams a new application; false when the device refused or the power went.
bool Update(Sim& sim, const Bytes& image, const char* policy, uint64_t* verdict = nullptr) {
  uint64_t none;
  if (verdict == nullptr) verdict = &none;
  auto decoded = link::DecodeImage(image);
  Answer a = sim.Call(BM_CMD_UPDATE_BEGIN, {{"envelope", decoded->envelope}, {"policy", policy}});
  *verdict = a.Done() ? a.Number("verdict") : 1000 + a.refusal;
  if (!a.True("accepted")) return false;
  for (size_t at = 0; at < decoded->payload.size(); at += 1024) {
    size_t n = std::min<size_t>(1024, decoded->payload.size() - at);
    auto from = decoded->payload.begin() + static_cast<ptrdiff_t>(at);
    Bytes part(from, from + static_cast<ptrdiff_t>(n));
    if (!sim.Call(BM_CMD_UPDATE_WRITE, {{"offset", at}, {"data", part}}).Done()) return false;
  }
  a = sim.Call(BM_CMD_UPDATE_FINISH);
  *verdict = a.Done() ? a.Number("verdict") : 1000 + a.refusal;
  return a.True("accepted");
}

uint64_t Runs(Sim& sim) {
  Answer hello = sim.Call(BM_CMD_HELLO);
  return hello.Text("running").starts_with("application") ? hello.Number("version") : 0;
}

TEST(Update, TrialIsKeptWhenConfirmedAndFallsBackWhenNot) {
  Chain chain({});
  auto sim = chain.Born();
  ASSERT_TRUE(Update(*sim, chain.Application(4), "double-buffer"));
  EXPECT_EQ(Runs(*sim), 3u) << "nothing changes before the restart";
  EXPECT_EQ(sim->Call(BM_CMD_UPDATE_CONFIRM).refusal, BM_E_NOT_READY);
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application-b");
  EXPECT_EQ(Runs(*sim), 4u);
  sim->PowerOn();  // it did not confirm itself
  EXPECT_EQ(Runs(*sim), 3u);
  EXPECT_TRUE(sim->Call(BM_CMD_UPDATE_STATE).True("fell_back"));
  ASSERT_TRUE(Update(*sim, chain.Application(4), "double-buffer"));
  sim->PowerOn();
  uint64_t verdict;
  EXPECT_FALSE(Update(*sim, chain.Application(5), "double-buffer", &verdict));
  EXPECT_EQ(verdict, 1000u + BM_E_NOT_READY) << "one trial at a time";
  Answer confirmed = sim->Call(BM_CMD_UPDATE_CONFIRM);
  ASSERT_TRUE(confirmed.Done()) << confirmed.text;
  EXPECT_EQ(confirmed.Number("floor"), 4u);
  sim->PowerOn();
  EXPECT_EQ(Runs(*sim), 4u);
  ASSERT_TRUE(Update(*sim, chain.Application(5), "double-buffer")) << "back into the first buffer";
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application");
  EXPECT_EQ(Runs(*sim), 5u);
}

// OfferWhole offers an application in one message.
uint64_t OfferWhole(Sim& sim, const Bytes& image, const char* policy = "double-buffer") {
  Answer a = sim.Call(BM_CMD_IMAGE_OFFER,
                      {{"partition", "application"}, {"image", image}, {"policy", policy}});
  return a.Done() ? a.Number("verdict") : 1000 + a.refusal;
}

TEST(Update, AnOfferedApplicationGoesIntoTheOtherBufferToo) {
  Chain chain({});
  auto sim = chain.Born();
  const Bytes before(sim->Region("application").begin(), sim->Region("application").end());
  ASSERT_EQ(OfferWhole(*sim, chain.Application(4)), uint64_t{BM_ACCEPTED});
  EXPECT_TRUE(std::ranges::equal(sim->Region("application"), before));
  EXPECT_EQ(OfferWhole(*sim, chain.Application(5)), 1000u + BM_E_NOT_READY) << "one at a time";
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application-b");
  EXPECT_EQ(Runs(*sim), 4u);
  auto measured = [&] {
    const Log log = ReadLog(*sim);
    return std::ranges::any_of(log.entries, [](const Bytes& e) {
      const cbor::Value v = *cbor::Decode(e);
      const cbor::Value* partition = v.Find("partition");
      return partition && *partition == cbor::Value("application-b") &&
             *v.Find("version") == cbor::Value(uint64_t{4});
    });
  };
  EXPECT_TRUE(measured());
  ASSERT_TRUE(sim->Call(BM_CMD_UPDATE_CONFIRM).Done());
  EXPECT_EQ(OfferWhole(*sim, chain.Application(3)), uint64_t{BM_REFUSED_ROLLBACK});
  ASSERT_EQ(OfferWhole(*sim, chain.Application(5)), uint64_t{BM_ACCEPTED});
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application") << "back into the first";
  sim->PowerOn();
  EXPECT_EQ(Runs(*sim), 4u) << "it was not confirmed";
  ASSERT_EQ(OfferWhole(*sim, chain.Application(5), "in-place"), uint64_t{BM_ACCEPTED});
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "application-b");
  EXPECT_EQ(Runs(*sim), 5u);
  EXPECT_EQ(OfferWhole(*sim, chain.Application(4)), uint64_t{BM_REFUSED_OLDER});
  EXPECT_EQ(OfferWhole(*sim, chain.Application(6), "somewhere"), 1000u + BM_E_BAD_REQUEST);
}

TEST(Update, PowerMayGoAtEveryWriteOfAnOffer) {
  Chain chain({});
  for (size_t cut = 1;; cut++) {
    SCOPED_TRACE(cut);
    auto sim = chain.Born();
    sim->CutAt(cut);
    OfferWhole(*sim, chain.Application(4));
    if (sim->powered()) {
      EXPECT_GE(cut, 4u);
      break;
    }
    sim->PowerOn();
    EXPECT_TRUE(Runs(*sim) == 3 || Runs(*sim) == 4);
  }
}

TEST(Update, WhatIsForAnotherProductOrLeavesNoAnchorIsRefused) {
  Chain chain({});
  auto sim = chain.Born();
  const link::StageAnchor bundle{"b", "root-store", "bundle", "spki", Spki(*chain.wallet), {}};
  uint64_t verdict;
  for (const char* policy : {"double-buffer", "in-place"}) {
    EXPECT_FALSE(Update(*sim, chain.Application(4, nullptr, "carp-1"), policy, &verdict));
    EXPECT_EQ(verdict, uint64_t{BM_REFUSED_PRODUCT});
    EXPECT_EQ(OfferWhole(*sim, chain.Application(4, nullptr, "carp-1"), policy),
              uint64_t{BM_REFUSED_PRODUCT});
  }
  ASSERT_TRUE(Update(*sim, chain.Application(4, nullptr, "minnow-p1", {bundle}), "in-place"));
  sim->PowerOn();
  ASSERT_EQ(Runs(*sim), 4u);
  EXPECT_FALSE(Update(*sim, chain.Application(5), "double-buffer", &verdict));
  EXPECT_EQ(verdict, uint64_t{BM_REFUSED_NONE_LEFT});
  EXPECT_EQ(OfferWhole(*sim, chain.Application(5)), uint64_t{BM_REFUSED_NONE_LEFT});
  sim->PowerOn();
  EXPECT_EQ(Runs(*sim), 4u);
}

// An older core's bank holds the first part of what is kept now.
TEST(PrivateMemory, OfAnOlderCoreIsReadAndWhatCameLaterBeginsAsNothing) {
  for (size_t size : {offsetof(bm_private_state, update), offsetof(bm_private_state, symmetric)}) {
    SCOPED_TRACE(size);
    Chain chain({});
    auto sim = chain.Born();
    const Bytes key = sim->Call(BM_CMD_SLOT, {{"slot", "idevid"}}).Octets("public_key");
    uint8_t* bank = sim->private_memory().data() + 1024 + sim->device().private_bank * 1024;
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    ASSERT_EQ(
        mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, sim->private_memory().data() + 4, 256), 0);
    ASSERT_EQ(mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, size, bank + 8, 12, bank, 8,
                                        reinterpret_cast<const uint8_t*>(&sim->device().state),
                                        bank + 36, 16, bank + 20),
              0);
    mbedtls_gcm_free(&gcm);
    std::fill(bank + 36 + size, bank + 1024, uint8_t{0});
    sim->PowerOn();
    EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("private_memory"), "ready");
    EXPECT_EQ(sim->Call(BM_CMD_SLOT, {{"slot", "idevid"}}).Octets("public_key"), key);
    ASSERT_TRUE(Update(*sim, chain.Application(4), "double-buffer"));
    sim->PowerOn();
    ASSERT_TRUE(sim->Call(BM_CMD_UPDATE_CONFIRM).Done());
    sim->PowerOn();
    EXPECT_EQ(Runs(*sim), 4u) << "and it was saved as it is kept now";
    sim->private_memory()[1024 + sim->device().private_bank * 1024 + 40] ^= 1;
    sim->PowerOn();
    EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("private_memory"), "damaged");
  }
}

TEST(Update, RefusalsHaveNamesAndTouchNothing) {
  Chain chain({});
  auto sim = chain.Born();
  Key other = NewKey();
  for (const char* policy : {"double-buffer", "in-place"}) {
    size_t writes = sim->writes().size();
    uint64_t verdict;
    EXPECT_FALSE(Update(*sim, chain.Application(2), policy, &verdict));
    EXPECT_EQ(verdict, uint64_t{BM_REFUSED_ROLLBACK});
    EXPECT_FALSE(Update(*sim, chain.Application(4, other.get()), policy, &verdict));
    EXPECT_EQ(verdict, uint64_t{BM_REFUSED_SIGNATURE});
    EXPECT_FALSE(Update(*sim, chain.second, policy, &verdict));
    EXPECT_EQ(verdict, uint64_t{BM_REFUSED_IMAGE_KIND});
    EXPECT_EQ(sim->writes().size(), writes);
  }
  // The right envelope and another payload: the buffer is wiped again.
  auto good = link::DecodeImage(chain.Application(4));
  ASSERT_TRUE(sim->Call(BM_CMD_UPDATE_BEGIN, {{"envelope", good->envelope}}).True("accepted"));
  Bytes bad = good->payload;
  bad[40] ^= 1;
  ASSERT_TRUE(sim->Call(BM_CMD_UPDATE_WRITE, {{"offset", 0}, {"data", bad}}).Done());
  EXPECT_EQ(sim->Call(BM_CMD_UPDATE_WRITE, {{"offset", bad.size()}, {"data", Bytes{1}}}).refusal,
            BM_E_RANGE);
  EXPECT_EQ(sim->Call(BM_CMD_UPDATE_FINISH).Number("verdict"), uint64_t{BM_REFUSED_IMAGE_DIGEST});
  EXPECT_TRUE(
      std::ranges::all_of(sim->Region("application-b"), [](uint8_t b) { return b == 255; }));
  sim->PowerOn();
  EXPECT_EQ(Runs(*sim), 3u);
  // What was confirmed does not come back by a flash programmer either.
  ASSERT_TRUE(Update(*sim, chain.Application(4), "in-place"));
  sim->PowerOn();
  ASSERT_TRUE(sim->Call(BM_CMD_UPDATE_CONFIRM).Done());
  sim->Install("application", chain.Application(3));
  sim->PowerOn();
  EXPECT_EQ(sim->Call(BM_CMD_HELLO).Text("running"), "second-stage");
  EXPECT_EQ(*sim->Call(BM_CMD_BOOT_REPORT)["boot"].AsArray()->back().Find("verdict")->AsUint(),
            uint64_t{BM_REFUSED_ROLLBACK});
}

TEST(Update, PowerMayGoAtEveryWrite) {
  Chain chain({});
  for (const char* policy : {"double-buffer", "in-place"}) {
    bool in_place = std::string(policy) == "in-place";
    auto whole = [&](Sim& sim) {
      if (!Update(sim, chain.Application(4), policy)) return;
      if (sim.powered()) sim.PowerOn();
      sim.Call(BM_CMD_UPDATE_CONFIRM);
    };
    auto dry = chain.Born();
    size_t before = dry->writes().size();
    whole(*dry);
    size_t writes = dry->writes().size() - before;
    ASSERT_EQ(Runs(*dry), 4u);
    ASSERT_GE(writes, 6u);
    for (size_t cut = 1; cut <= writes; cut++) {
      SCOPED_TRACE(fmt::format("{}, cut at write {}", policy, cut));
      auto sim = chain.Born();
      sim->CutAt(cut);
      whole(*sim);
      ASSERT_FALSE(sim->powered());
      sim->PowerOn();
      Answer hello = sim->Call(BM_CMD_HELLO);
      ASSERT_TRUE(hello.answered);
      // In place, the stage before is what runs and takes the update again.
      EXPECT_TRUE(Runs(*sim) != 0 || (in_place && hello.Text("running") == "second-stage"))
          << hello.Text("running");
      if (sim->Call(BM_CMD_UPDATE_STATE).Text("trial") == "begun") {
        EXPECT_EQ(Runs(*sim), 4u);
      } else if (Runs(*sim) != 4) {
        ASSERT_TRUE(Update(*sim, chain.Application(4), policy));
        sim->PowerOn();
      }
      EXPECT_EQ(Runs(*sim), 4u);
      EXPECT_TRUE(sim->Call(BM_CMD_UPDATE_CONFIRM).Done());
      sim->PowerOn();
      EXPECT_EQ(Runs(*sim), 4u);
    }
  }
}

TEST(Token, SaysWhatBootedOverTheNonce) {
  Chain chain({});
  auto sim = chain.Born();
  EXPECT_EQ(sim->Call(BM_CMD_TOKEN, {{"nonce", Bytes(7)}}).refusal, BM_E_BAD_REQUEST);
  Answer a = sim->Call(BM_CMD_TOKEN, {{"nonce", Bytes(16, 7)}});
  ASSERT_TRUE(a.Done()) << a.text;
  EXPECT_EQ(a.Text("slot"), "idevid");
  auto cose = cbor::ParseCose(a.Octets("token"));
  ASSERT_TRUE(cose) << cose.error().ToString();
  Bytes spki = sim->Call(BM_CMD_SLOT, {{"slot", "idevid"}}).Octets("public_key");
  EXPECT_TRUE(cbor::VerifyCose(*cose, *crypto::PublicKey::FromSpki(spki)));
  EXPECT_EQ(cose->headers.TypeText(), "application/eat+cwt");
  auto claims = cbor::Decode(*cose->payload);
  ASSERT_TRUE(claims);
  EXPECT_EQ(*claims->Find(10)->AsBytes(), Bytes(16, 7));
  EXPECT_EQ(claims->Find(256)->AsBytes()->size(), 33u);
  EXPECT_EQ(*claims->Find(263)->AsUint(), 0u) << "the port is open";
  EXPECT_TRUE(*claims->Find(262)->AsBool());
  EXPECT_EQ(*claims->Find(270)->AsText(), "product");
  sim->Blow(BM_FUSE_PORT_LOCK);
  // A changed application does not run, and the token says so.
  sim->Region("application")[chain.Application(3).size() - 1] ^= 1;
  sim->PowerOn();
  a = sim->Call(BM_CMD_TOKEN, {{"nonce", Bytes(16, 7)}});
  claims = cbor::Decode(*cbor::ParseCose(a.Octets("token"))->payload);
  EXPECT_EQ(*claims->Find(263)->AsUint(), 4u);
  EXPECT_EQ(*claims->Find(270)->AsText(), "second");
  EXPECT_EQ(chain.Born(false)->Call(BM_CMD_TOKEN, {{"nonce", Bytes(8)}}).refusal, BM_E_NOT_READY);
}

}  // namespace
}  // namespace birthmark::device
