// SPDX-License-Identifier: Apache-2.0
// What the line finds of a device that enrolled by itself, against a real birthmark-device process:
// the test plays the device's own software and the desk it enrolled at.
#include "method/enrolled.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/software_signer.h"
#include "device/tests/firmware.h"
#include "link/emulator.h"
#include "link/programmer.h"
#include "method/test_desk.h"
#include "tests/support/temp_dir.h"

namespace birthmark::method {
namespace {

using testing::ElementsAre;

class Enrolled : public testing::Test {
 protected:
  void SetUp() override {
    auto started = link::Emulator::Start({.program = BIRTHMARK_DEVICE,
                                          .board = "bmc",
                                          .state = folder_ / "unit",
                                          .uid_hex = {},
                                          .programmer_socket = (folder_ / "port").string(),
                                          .element = "",
                                          .lifetime_seconds = 60,
                                          .faults = {}});
    ASSERT_TRUE(started) << started.error().ToString();
    device_.emplace(std::move(*started));
    auto port = link::Programmer::Connect(device_->programmer());
    ASSERT_TRUE(port) << port.error().ToString();
    ASSERT_TRUE(port->Install(link::FindBoard("bmc")->Find("test-image")->offset,
                              device::MakeFirmware().test_image));
    ASSERT_TRUE(port->Reset());
    auto console = link::DeviceConsole::Open(device_->console());
    ASSERT_TRUE(console) << console.error().ToString();
    console_.emplace(std::move(*console));
    ASSERT_TRUE(console_->InitialisePrivateMemory());
    ASSERT_TRUE(console_->SetSerial("GW-00001"));
    ASSERT_TRUE(console_->AddEntropy(Bytes(48, 1)));
  }

  crypto::PublicKey MakeKey() {
    auto slot = console_->Generate("idevid");
    EXPECT_TRUE(slot) << slot.error().ToString();
    return *crypto::PublicKey::FromSpki(slot->public_key);
  }
  // Enrol is what a server did for whoever showed the unit's token.
  Certified Enrol(const crypto::PublicKey& key) {
    return *desk_.Issue({.job = job_, .key = key, .method = "salak", .proof = "csr-signature"});
  }
  Result<Outcome> Confirm() { return ConfirmEnrolled(*console_, desk_, job_, false, rng_); }
  std::string Refusal() {
    auto r = Confirm();
    return r ? "" : r.error().code;
  }

  test::TempDir folder_;
  std::optional<link::Emulator> device_;
  std::optional<link::DeviceConsole> console_;
  TestDesk desk_;
  SystemRng rng_;
  Job job_{.unit = "corvid-g2/GW-00001",
           .serial = "GW-00001",
           .slot = "idevid",
           .subject = "O=Corvid,serialNumber=GW-00001"};
};

TEST_F(Enrolled, WaitsUntilTheDeviceEnrolledAndKeepsItsCertificate) {
  EXPECT_EQ(Refusal(), "enrolled.waiting");
  Certified c = Enrol(MakeKey());
  EXPECT_EQ(Refusal(), "enrolled.waiting");
  EXPECT_TRUE(desk_.states.empty());
  ASSERT_TRUE(console_->PutCertificate("idevid", c.chain));
  auto done = Confirm();
  ASSERT_TRUE(done) << done.error().ToString();
  ASSERT_EQ(done->read_backs.size(), 2u);
  EXPECT_EQ(done->read_backs[0].what, "key:idevid");
  EXPECT_EQ(done->read_backs[1].what, "certificate:idevid");
  EXPECT_EQ(done->read_backs[1].found, c.certificate.digest());
  EXPECT_THAT(desk_.states, ElementsAre("installed"));
  // A visit that begins anew finds all this as it is, and records it once.
  EXPECT_TRUE(Confirm());
  EXPECT_THAT(desk_.states, ElementsAre("installed"));
}

TEST_F(Enrolled, AnotherDeviceThatUsedTheUnitsTokenIsFound) {
  MakeKey();
  auto stranger = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  ASSERT_TRUE(stranger);
  Enrol((*stranger)->public_key());
  EXPECT_EQ(Refusal(), "enrolled.other-key");
  EXPECT_TRUE(desk_.states.empty());
}

TEST_F(Enrolled, ADeviceThatHoldsNoKeyWaits) {
  auto elsewhere = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  ASSERT_TRUE(elsewhere);
  Enrol((*elsewhere)->public_key());
  EXPECT_EQ(Refusal(), "enrolled.waiting");
}

TEST_F(Enrolled, AnotherCertificateForTheSameKeyIsNotTheRecordedOne) {
  crypto::PublicKey key = MakeKey();
  Certified first = Enrol(key);
  ASSERT_TRUE(console_->PutCertificate("idevid", first.chain));
  desk_.issued.front().certified.state = "void";
  Enrol(key);
  EXPECT_EQ(Refusal(), "enrolled.read-back");
}

TEST_F(Enrolled, ADeviceOfAnotherNumberIsNotTheUnit) {
  Certified c = Enrol(MakeKey());
  ASSERT_TRUE(console_->PutCertificate("idevid", c.chain));
  // The request that it signs for the station names what the station asks for: another unit.
  job_.subject = "O=Corvid,serialNumber=GW-00002";
  EXPECT_EQ(Refusal(), "enrolled.other-unit");
}

}  // namespace
}  // namespace birthmark::method
