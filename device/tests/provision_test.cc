// SPDX-License-Identifier: Apache-2.0
// A device's whole birth, its locks, its boot chain, and power cuts at every write of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "cbor/cose.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "device/tests/station.h"
#include "link/console.h"

namespace birthmark::device {
namespace {

TEST(Provision, FromBlankToSealed) {
  Station station(MakeFirmware());
  Sim sim("bmc");
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("running"), "rom");
  EXPECT_EQ(sim.Call(BM_CMD_SLOT, {{"slot", "idevid"}}).refusal, BM_E_NO_FIRMWARE);
  sim.Install("test-image", station.firmware.test_image);
  sim.PowerOn();
  ASSERT_TRUE(station.Work(sim)) << station.refusal;

  auto answer = sim.Call(BM_CMD_REPORT, {{"nonce", Bytes(16, 5)}});
  ASSERT_TRUE(answer.Done()) << answer.text;
  ASSERT_TRUE(answer.True("signed"));
  Bytes bytes = answer.Octets("report");
  auto cose = cbor::ParseCose(bytes);
  ASSERT_TRUE(cose) << cose.error().ToString();
  auto key = crypto::PublicKey::FromSpki(station.told_keys.back());
  ASSERT_TRUE(key);
  EXPECT_TRUE(cbor::VerifyCose(*cose, *key));
  EXPECT_THAT(cose->headers.x5chain,
              testing::ElementsAre(station.issued.at(station.told_keys.back())));
  auto report = link::DecodeReport(bytes);
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_EQ(report->serial, "BM-0001");
  EXPECT_EQ(report->nonce, Bytes(16, 5));
  EXPECT_EQ(report->running, "application");
  EXPECT_TRUE(report->test_image_erased);
  EXPECT_TRUE(report->locks.identity_fuse && report->locks.first_stage_fuse && report->locks.port &&
              report->locks.sealed && report->locks.secure_boot);
  EXPECT_FALSE(report->validity_dates_checked);
  ASSERT_EQ(report->boot.size(), 3u);
  for (const auto& stage : report->boot) {
    EXPECT_TRUE(stage.verified) << stage.partition << ": " << stage.text;
    EXPECT_EQ(stage.level, 1u);
  }
  EXPECT_EQ(report->boot[0].anchor, "fuse");
  EXPECT_EQ(report->boot[1].anchor, "second");
  EXPECT_EQ(report->boot[2].anchor, "update");
  Digest image = crypto::Sha256(station.firmware.application);
  EXPECT_EQ(report->boot[2].sha256, Bytes(image.begin(), image.end()));
  EXPECT_EQ(report->digests.size(), size_t{BM_PARTITIONS});
}

TEST(Provision, SealedDeviceRefusesRework) {
  Station station(MakeFirmware(1, true));
  Sim sim("bmc", station.firmware.test_image);
  sim.PowerOn();
  ASSERT_TRUE(station.Work(sim)) << station.refusal;
  EXPECT_EQ(sim.Call(BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}}).refusal,
            BM_E_SEALED);
  EXPECT_EQ(sim.Call(BM_CMD_UNCONFIGURE).refusal, BM_E_SEALED);
  EXPECT_EQ(sim.Call(BM_CMD_FLASH_ERASE, {{"partition", "application"}}).refusal, BM_E_SEALED);
  EXPECT_EQ(sim.Call(BM_CMD_BLOW, {{"fuse", "retire-1"}}).refusal, BM_E_SEALED);
  EXPECT_TRUE(sim.Call(BM_CMD_BLOW, {{"fuse", "seal"}}).True("already"));
  EXPECT_TRUE(sim.Call(BM_CMD_SELF_TEST).True("pass"));
  EXPECT_FALSE(bm_port_open(sim.fuses().data()));
}

// The sweep: for every write of the whole birth, the power goes in the middle of it once.
TEST(Provision, PowerMayGoAtEveryWrite) {
  Station pattern(MakeFirmware());
  Sim dry("bmc", pattern.firmware.test_image);
  dry.PowerOn();
  ASSERT_TRUE(pattern.Work(dry)) << pattern.refusal;
  std::vector<Op> writes = dry.writes();
  ASSERT_GT(writes.size(), 30u);
  unsigned resumed = 0;
  for (size_t cut = 1; cut <= writes.size(); cut++) {
    // The digest's bits are over a hundred alike; the first, the last and every sixteenth will do.
    bool inside = cut > 1 && cut < writes.size() && writes[cut - 2] == Op::kFuse &&
                  writes[cut - 1] == Op::kFuse && writes[cut] == Op::kFuse;
    if (inside && cut % 16 != 0) continue;
    SCOPED_TRACE("cut at write " + std::to_string(cut));
    Station station(pattern.firmware);
    station.ca = pattern.ca;
    Sim sim("bmc", station.firmware.test_image);
    sim.PowerOn();
    sim.CutAt(cut);
    station.Work(sim);
    ASSERT_FALSE(sim.powered());
    auto told = station.told_keys;
    bool stored = station.certificate_stored;

    sim.PowerOn();
    bool done = station.Work(sim);
    // The erase of the test image may leave a device that boots the production image; it must be
    // possible to go on from there too.
    ASSERT_TRUE(done) << station.refusal;
    resumed++;
    // A key that was ever told is still the key, and there is one certificate in the slot.
    if (!told.empty()) {
      EXPECT_EQ(station.told_keys.back(), told.back());
    }
    EXPECT_LE(station.issued.size(), 1u);
    auto slot = sim.Call(BM_CMD_SLOT, {{"slot", "idevid"}});
    EXPECT_TRUE(slot.True("certificate"));
    if (stored) {
      EXPECT_EQ(slot.Octets("public_key"), told.back());
    }
    EXPECT_EQ(slot.Number("generation"), 1u);
    EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("running"), "application");
  }
  EXPECT_GE(resumed, 20u);
}

TEST(Identity, SecondKeyIsRefusedAndRestartOnlyWithoutCertificate) {
  Station station(MakeFirmware());
  Sim sim("bmc", station.firmware.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  cbor::Map generate = {{"slot", "attestation"}, {"algorithm", "p256"}};
  auto first = sim.Call(BM_CMD_GENERATE, generate);
  ASSERT_TRUE(first.Done());
  EXPECT_EQ(sim.Call(BM_CMD_GENERATE, generate).refusal, BM_E_OCCUPIED);
  generate.emplace_back("restart", true);
  auto second = sim.Call(BM_CMD_GENERATE, generate);
  ASSERT_TRUE(second.Done()) << second.text;
  EXPECT_NE(second.Octets("public_key"), first.Octets("public_key"));
  EXPECT_EQ(second.Number("generation"), 2u);
}

TEST(Identity, NoTraceOfAReplacedKeyStays) {
  Station station(MakeFirmware());
  Sim sim("bmc", station.firmware.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  cbor::Map generate = {{"slot", "idevid"}, {"algorithm", "p256"}, {"restart", true}};
  ASSERT_TRUE(sim.Call(BM_CMD_GENERATE, generate).Done());
  auto bank = [&](size_t n) {
    return Bytes(sim.private_memory().begin() + 1024 + static_cast<ptrdiff_t>(n) * 1024,
                 sim.private_memory().begin() + 2048 + static_cast<ptrdiff_t>(n) * 1024);
  };
  auto blank = [](const Bytes& b) { return std::ranges::all_of(b, [](uint8_t x) { return !x; }); };
  EXPECT_NE(blank(bank(0)), blank(bank(1))) << "one bank holds the state, the other is scrubbed";
  // In memory outside the die there would be ciphertext only.
  Bytes key(sim.device().state.slot[0].key, sim.device().state.slot[0].key + 32);
  EXPECT_EQ(std::ranges::search(sim.private_memory(), key).begin(), sim.private_memory().end());
}

TEST(Identity, CertificateOfAnotherKeyIsRefused) {
  Station station(MakeFirmware());
  Sim sim("bmc", station.firmware.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  ASSERT_TRUE(sim.Call(BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}}).Done());
  Key other = NewKey();
  Bytes foreign = MakeCertificate({.cn = "x"}, *other, *station.ca, "ca");
  auto put =
      sim.Call(BM_CMD_PUT_CERTIFICATE, {{"slot", "idevid"}, {"chain", cbor::Array{foreign}}});
  EXPECT_EQ(put.refusal, BM_E_MISMATCH);
  EXPECT_EQ(sim.Call(BM_CMD_GET_CERTIFICATE, {{"slot", "idevid"}}).refusal, BM_E_NOT_FOUND);
}

TEST(Identity, SerialIsSetOnce) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_SET_SERIAL, {{"serial", "A"}}).refusal, BM_E_NOT_READY);
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  EXPECT_TRUE(sim.Call(BM_CMD_SET_SERIAL, {{"serial", "A"}}).Done());
  EXPECT_TRUE(sim.Call(BM_CMD_SET_SERIAL, {{"serial", "A"}}).Done());
  EXPECT_EQ(sim.Call(BM_CMD_SET_SERIAL, {{"serial", "B"}}).refusal, BM_E_OCCUPIED);
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("serial"), "A");
}

TEST(Identity, CsrProofTiesTheChallengeToTheKey) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  auto made = sim.Call(BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}});
  Bytes challenge(16, 0x42);
  auto csr = sim.Call(BM_CMD_CSR, {{"slot", "idevid"},
                                   {"subject", "serialNumber=BM-1,CN=a\\, comma"},
                                   {"challenge", challenge}});
  ASSERT_TRUE(csr.Done()) << csr.text;
  auto key = crypto::PublicKey::FromSpki(made.Octets("public_key"));
  auto der = crypto::EcdsaRawToDer(csr.Octets("proof"));
  ASSERT_TRUE(key && der);
  Digest digest = crypto::Sha256(csr.Octets("csr"));
  EXPECT_TRUE(key->Verify(link::CsrProofMessage(challenge, digest), *der));
  challenge[0] ^= 1;
  EXPECT_FALSE(key->Verify(link::CsrProofMessage(challenge, digest), *der));
  EXPECT_EQ(sim.Call(BM_CMD_CSR,
                     {{"slot", "idevid"}, {"subject", "no attributes"}, {"challenge", challenge}})
                .refusal,
            BM_E_BAD_REQUEST);
}

TEST(Locks, SoftwareLockHoldsAndItsOpeningIsCounted) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  ASSERT_TRUE(sim.Call(BM_CMD_LOCK, {{"which", "identity"}, {"by", "software"}}).Done());
  ASSERT_TRUE(sim.Call(BM_CMD_LOCK, {{"which", "first-stage"}, {"by", "software"}}).Done());
  sim.PowerOn();
  cbor::Map generate = {{"slot", "idevid"}, {"algorithm", "p256"}};
  EXPECT_EQ(sim.Call(BM_CMD_GENERATE, generate).refusal, BM_E_LOCKED);
  EXPECT_FALSE(bm_flash_write_allowed(&sim.board(), sim.fuses().data(),
                                      sim.device().hal.flash_protection(sim.device().hal.ctx),
                                      sim.board().partition[BM_FIRST_STAGE].offset, 1))
      << "the programmer's port sees the same lock";
  EXPECT_EQ(sim.Call(BM_CMD_UNCONFIGURE).Number("unconfigure_count"), 1u);
  EXPECT_TRUE(sim.Call(BM_CMD_GENERATE, generate).Done());
  EXPECT_EQ(sim.Call(BM_CMD_UNCONFIGURE).refusal, BM_E_NOT_FOUND);
  auto report = sim.Call(BM_CMD_REPORT, {{"nonce", Bytes(8)}});
  EXPECT_EQ(link::DecodeReport(report.Octets("report"))->unconfigure_count, 1u);
}

TEST(Locks, FuseLockCannotBeOpened) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  ASSERT_TRUE(sim.Call(BM_CMD_LOCK, {{"which", "first-stage"}, {"by", "fuse"}}).Done());
  EXPECT_EQ(sim.Call(BM_CMD_FLASH_ERASE, {{"partition", "first-stage"}}).refusal, BM_E_LOCKED);
  EXPECT_EQ(sim.Call(BM_CMD_FLASH_WRITE,
                     {{"partition", "first-stage"}, {"offset", 0}, {"data", Bytes{0}}})
                .refusal,
            BM_E_LOCKED);
  ASSERT_TRUE(sim.Call(BM_CMD_LOCK, {{"which", "identity"}, {"by", "fuse"}}).Done());
  EXPECT_EQ(sim.Call(BM_CMD_GENERATE, {{"slot", "idevid"}, {"algorithm", "p256"}}).refusal,
            BM_E_LOCKED);
  EXPECT_EQ(sim.Call(BM_CMD_UNCONFIGURE).refusal, BM_E_LOCKED);
}

TEST(Locks, DamagedPrivateMemoryCountsAsLocked) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  ASSERT_TRUE(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).Done());
  for (size_t i = 1024; i < 3072; i++) sim.private_memory()[i] ^= 0x5A;
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("private_memory"), "damaged");
  EXPECT_EQ(sim.Call(BM_CMD_PRIVATE_MEMORY_INIT).refusal, BM_E_LOCKED);
}

TEST(Boot, AWrongImageStopsTheChainAndSaysWhy) {
  Firmware f = MakeFirmware();
  Firmware forger = MakeFirmware();
  auto boot = [&](const Bytes& first, const Bytes& second, const Bytes& application) {
    Sim sim("bmc");
    sim.Install("first-stage", first);
    sim.Install("second-stage", second);
    sim.Install("application", application);
    std::ranges::copy(f.boot_anchor, sim.fuses().begin());
    sim.Blow(BM_FUSE_SECURE_BOOT);
    sim.PowerOn();
    auto answer = sim.Call(BM_CMD_BOOT_REPORT);
    const cbor::Value& last = answer["boot"].AsArray()->back();
    return sim.Call(BM_CMD_HELLO).Text("running") + " " +
           std::to_string(*last.Find("verdict")->AsUint());
  };
  EXPECT_EQ(boot(f.first_stage, f.second_stage, f.application), "application 0");
  EXPECT_EQ(boot(forger.first_stage, f.second_stage, f.application), "rom 6");
  EXPECT_EQ(boot(f.first_stage, forger.second_stage, f.application), "first-stage 13");
  EXPECT_EQ(boot(f.first_stage, f.second_stage, forger.application), "second-stage 13");
  EXPECT_EQ(boot(f.first_stage, f.application, f.application), "first-stage 16");
  Bytes flipped = f.application;
  flipped.back() ^= 1;
  EXPECT_EQ(boot(f.first_stage, f.second_stage, flipped), "second-stage 14");
  EXPECT_EQ(boot(f.first_stage, {}, f.application), "first-stage 18");
}

TEST(Boot, RetiredVersionsDoNotStart) {
  Firmware f = MakeFirmware(1);
  Sim sim("bmc");
  sim.Install("first-stage", f.first_stage);
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("running"), "first-stage");
  sim.Blow(BM_FUSE_RETIRE);
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("running"), "first-stage") << "version 1 is still good";
  sim.Blow(BM_FUSE_RETIRE + 1);
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("running"), "rom");
}

TEST(Boot, AnUnverifiedStartIsCalledUnverified) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  auto answer = sim.Call(BM_CMD_BOOT_REPORT);
  const cbor::Value& stage = answer["boot"].AsArray()->front();
  EXPECT_FALSE(*stage.Find("verified")->AsBool());
  EXPECT_EQ(*stage.Find("verdict")->AsUint(), uint64_t{BM_NOT_VERIFIED});
}

TEST(Trial, AsksTheAnchorAsItStands) {
  Firmware f = MakeFirmware(1, true);
  Sim sim("bmc");
  sim.Install("first-stage", f.first_stage);
  sim.Install("second-stage", f.second_stage);
  sim.Install("application", f.application);
  std::ranges::copy(f.boot_anchor, sim.fuses().begin());
  sim.PowerOn();
  auto trial = [&](const Bytes& object, const char* anchor) {
    return sim.Call(BM_CMD_TRIAL, {{"object", object}, {"anchor", anchor}});
  };
  EXPECT_TRUE(trial(f.application, "update").True("accepted"));
  EXPECT_TRUE(trial(f.first_stage, "fuse").True("accepted"));
  EXPECT_EQ(trial(f.first_stage, "update").Number("verdict"), uint64_t{BM_REFUSED_SIGNATURE});
  Bytes changed = f.application;
  changed.back() ^= 1;
  EXPECT_EQ(trial(changed, "update").Number("verdict"), uint64_t{BM_REFUSED_IMAGE_DIGEST});
  EXPECT_EQ(trial(f.application, "nobody").refusal, BM_E_NOT_FOUND);
  ASSERT_TRUE(sim.Call(BM_CMD_FLASH_ERASE, {{"partition", "second-stage"}}).Done());
  auto gone = trial(f.application, "update");
  EXPECT_EQ(gone.refusal, BM_E_NOT_FOUND);
  EXPECT_THAT(gone.text, testing::HasSubstr("reset"));
}

TEST(Erase, IsReal) {
  Firmware f = MakeFirmware();
  Sim sim("bmc", f.test_image);
  sim.PowerOn();
  auto erased = sim.Call(BM_CMD_FLASH_ERASE, {{"partition", "test-image"}});
  ASSERT_TRUE(erased.Done()) << erased.text;
  Bytes blank(sim.board().partition[BM_TEST_IMAGE].size, 0xFF);
  Digest digest = crypto::Sha256(blank);
  EXPECT_EQ(erased.Octets("sha256"), Bytes(digest.begin(), digest.end()));
  EXPECT_TRUE(std::ranges::equal(sim.Region("test-image"), blank));
  sim.PowerOn();
  EXPECT_EQ(sim.Call(BM_CMD_HELLO).Text("running"), "rom");
}

// The bulb: one image brings key, certificate and anchors; the console never reads the key out.
TEST(Bamboo, OneWriteMakesADevice) {
  Firmware f = MakeFirmware();
  Key ca = NewKey();
  Key key = NewKey();
  Bytes leaf = MakeCertificate({.cn = "bulb"}, *key, *ca, "ca");
  BIGNUM* scalar = nullptr;
  ASSERT_EQ(EVP_PKEY_get_bn_param(key->evp(), "priv", &scalar), 1);
  SecretBytes secret(32);
  BN_bn2binpad(scalar, secret.Write(SecretAccess()).data(), 32);
  BN_clear_free(scalar);
  std::vector<link::FactoryIdentity> identities;
  identities.push_back({"idevid", std::move(secret), {leaf}});
  SecretBytes record = link::EncodeFactoryRecord("BULB-7", identities);
  auto flash =
      link::ComposeFlash(*link::FindBoard("bulb"), {{"first-stage", f.first_stage},
                                                    {"application", f.application},
                                                    {"factory-data", record.Read(SecretAccess())}});
  ASSERT_TRUE(flash) << flash.error().ToString();
  Sim sim("bulb");
  std::ranges::copy(flash->Read(SecretAccess()), sim.flash().begin());
  std::ranges::copy(f.boot_anchor, sim.fuses().begin());
  sim.Blow(BM_FUSE_SECURE_BOOT);
  sim.PowerOn();
  auto hello = sim.Call(BM_CMD_HELLO);
  EXPECT_EQ(hello.Text("running"), "application") << "the erased second stage is skipped";
  EXPECT_EQ(hello.Text("serial"), "BULB-7");
  auto slot = sim.Call(BM_CMD_SLOT, {{"slot", "idevid"}});
  EXPECT_TRUE(slot.True("certificate"));
  ByteView spki = key->public_key().spki();
  EXPECT_EQ(slot.Octets("public_key"), Bytes(spki.begin(), spki.end()));
  auto report = sim.Call(BM_CMD_REPORT, {{"nonce", Bytes(8, 1)}});
  auto cose = cbor::ParseCose(report.Octets("report"));
  ASSERT_TRUE(cose);
  EXPECT_TRUE(cbor::VerifyCose(*cose, key->public_key()));
  EXPECT_EQ(
      sim.Call(BM_CMD_FLASH_READ, {{"partition", "factory-data"}, {"offset", 0}, {"size", 64}})
          .refusal,
      BM_E_PRIVATE);
  EXPECT_EQ(
      sim.Call(BM_CMD_FLASH_DIGEST, {{"partition", "factory-data"}, {"offset", 40}, {"size", 1}})
          .refusal,
      BM_E_PRIVATE);
  EXPECT_TRUE(sim.Call(BM_CMD_FLASH_DIGEST, {{"partition", "factory-data"}}).Done());
}

}  // namespace
}  // namespace birthmark::device
