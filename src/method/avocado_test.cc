// SPDX-License-Identifier: Apache-2.0
// Avocado against a real birthmark-device process: who is refused, what a refusal leaves behind,
// and that no interruption makes a second key or a second certificate.
#include "method/avocado.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "crypto/digest.h"
#include "device/tests/firmware.h"
#include "link/emulator.h"
#include "link/programmer.h"
#include "method/test_desk.h"
#include "tests/support/temp_dir.h"

namespace birthmark::method {
namespace {

using testing::ElementsAre;

// One device that runs its test image and has its private memory; every test gets a copy of it.
class Avocado : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    made_ = new test::TempDir;
    link::Emulator e = Start(*made_ / "unit", {});
    auto port = link::Programmer::Connect(e.programmer());
    ASSERT_TRUE(port) << port.error().ToString();
    device::Firmware firmware = device::MakeFirmware();
    ASSERT_TRUE(
        port->Install(link::FindBoard("bmc")->Find("test-image")->offset, firmware.test_image));
    ASSERT_TRUE(port->Reset());
    auto console = link::DeviceConsole::Open(e.console());
    ASSERT_TRUE(console) << console.error().ToString();
    ASSERT_TRUE(console->InitialisePrivateMemory());
    ASSERT_TRUE(console->SetSerial("BMC-0001"));
  }
  static void TearDownTestSuite() {
    delete made_;
    made_ = nullptr;
  }

  static link::Emulator Start(const fs::path& state, std::vector<std::string> faults) {
    auto e = link::Emulator::Start({.program = BIRTHMARK_DEVICE,
                                    .board = "bmc",
                                    .state = state,
                                    .uid_hex = {},
                                    .programmer_socket = state.string() + ".port",
                                    .lifetime_seconds = 60,
                                    .faults = std::move(faults)});
    if (!e) {
      ADD_FAILURE() << e.error().ToString();
      std::abort();
    }
    return std::move(*e);
  }
  // Copy gives a device of its own in the state that the suite made.
  link::Emulator Copy(const std::string& name, std::vector<std::string> faults = {}) {
    fs::copy(*made_ / "unit", folder_ / name, fs::copy_options::recursive);
    return Start(folder_ / name, std::move(faults));
  }
  Result<Outcome> Provision(link::Emulator& e) {
    BM_TRY(link::DeviceConsole console,
           link::DeviceConsole::Open(e.console(), {.timeout = std::chrono::milliseconds(400)}));
    return ProvisionAvocado(console, desk_, job_, rng_);
  }
  static link::SlotInfo SlotOf(link::Emulator& e) {
    auto console = link::DeviceConsole::Open(e.console());
    if (!console) std::abort();
    auto slot = console->Slot("idevid");
    if (!slot) std::abort();
    return *slot;
  }

  static test::TempDir* made_;
  test::TempDir folder_;
  TestDesk desk_;
  SystemRng rng_;
  Job job_{.unit = "ridgeback-s1/BMC-0001",
           .serial = "BMC-0001",
           .slot = "idevid",
           .subject = "O=Acme,serialNumber=BMC-0001"};
};
test::TempDir* Avocado::made_ = nullptr;

TEST_F(Avocado, ARequestThatNamesAnotherUnitIsRefused) {
  link::Emulator e = Copy("unit");
  job_.subject = "O=Acme,serialNumber=BMC-0002";
  auto done = Provision(e);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "avocado.other-unit");
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
  EXPECT_FALSE(SlotOf(e).certificate);
}

TEST_F(Avocado, ARequestThatNamesNobodyIsRefused) {
  link::Emulator e = Copy("unit");
  job_.subject = "O=Acme";
  auto done = Provision(e);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "avocado.other-unit");
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
}

TEST_F(Avocado, ADeskThatRefusesLeavesNoCertificateInTheDevice) {
  link::Emulator e = Copy("unit");
  desk_.refusal = Error{ErrorKind::kNegative, "desk.retired", "no more", ""};
  auto done = Provision(e);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "desk.retired");
  link::SlotInfo refused = SlotOf(e);
  EXPECT_TRUE(refused.occupied);
  EXPECT_FALSE(refused.certificate);
  desk_.refusal.reset();
  ASSERT_TRUE(Provision(e));
  EXPECT_EQ(SlotOf(e).public_key, refused.public_key);
  EXPECT_EQ(SlotOf(e).generation, 1u);
}

TEST_F(Avocado, ACertificateForAnotherKeyIsNeverInstalled) {
  link::Emulator e = Copy("unit");
  desk_.certify_instead = device::NewKey()->public_key();
  EXPECT_FALSE(Provision(e));
  EXPECT_FALSE(SlotOf(e).certificate);
  EXPECT_THAT(desk_.states, testing::IsEmpty());
}

TEST_F(Avocado, TwiceIsTheSameCertificate) {
  link::Emulator e = Copy("unit");
  auto first = Provision(e);
  ASSERT_TRUE(first) << first.error().ToString();
  auto second = Provision(e);
  ASSERT_TRUE(second) << second.error().ToString();
  ASSERT_EQ(desk_.issued.size(), 1u);
  EXPECT_THAT(desk_.states, ElementsAre("installed"));
  ASSERT_EQ(second->read_backs.size(), 1u);
  EXPECT_EQ(second->read_backs[0].found, desk_.issued[0].certified.certificate.digest());
  EXPECT_EQ(first->read_backs[0].found, second->read_backs[0].found);
  EXPECT_THAT(first->detail, testing::HasSubstr("key made"));
  EXPECT_THAT(second->detail, testing::HasSubstr("key and certificate found"));
  EXPECT_EQ(SlotOf(e).generation, 1u);
}

TEST_F(Avocado, TheOrderSaysHowPossessionWasProven) {
  link::Emulator e = Copy("unit");
  ASSERT_TRUE(Provision(e));
  ASSERT_EQ(desk_.orders.size(), 1u);
  EXPECT_EQ(desk_.orders[0].method, "avocado");
  EXPECT_EQ(desk_.orders[0].proof, "csr-signature");
  EXPECT_TRUE(std::ranges::equal(desk_.orders[0].key.spki(), SlotOf(e).public_key));
}

TEST_F(Avocado, AnUnpluggedDeviceIsTroubleOnTheLine) {
  link::Emulator e = Copy("unit");
  auto console = link::DeviceConsole::Open(e.console());
  ASSERT_TRUE(console);
  e.CutPower();
  auto done = ProvisionAvocado(*console, desk_, job_, rng_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "link.unplugged");
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
}

// The power goes at each write that provisioning makes, one after the other.
TEST_F(Avocado, APowerCutAtAnyWriteIsResumedWithOneKeyAndOneCertificate) {
  size_t cuts = 0, after_issue = 0;
  for (int n = 1; n <= 40; ++n) {
    SCOPED_TRACE(n);
    desk_.issued.clear();
    desk_.states.clear();
    link::Emulator e = Copy("cut-" + std::to_string(n), {"--power-cut-after", std::to_string(n)});
    auto done = Provision(e);
    if (done) break;
    ++cuts;
    EXPECT_TRUE(done.error().code.starts_with("link.")) << done.error().ToString();
    bool was_issued = !desk_.issued.empty();
    after_issue += was_issued ? 1 : 0;
    EXPECT_THAT(desk_.states, testing::IsEmpty());
    ASSERT_TRUE(e.PowerCycle());
    auto again = Provision(e);
    ASSERT_TRUE(again) << again.error().ToString();
    ASSERT_EQ(desk_.issued.size(), 1u);
    EXPECT_THAT(desk_.states, ElementsAre("installed"));
    EXPECT_TRUE(std::ranges::equal(desk_.issued[0].key.spki(), SlotOf(e).public_key));
    EXPECT_TRUE(SlotOf(e).certificate);
  }
  EXPECT_GT(cuts, 2u);
  EXPECT_LT(cuts, 40u);  // the sweep reached a run that was not cut
  EXPECT_GT(after_issue, 0u);
  EXPECT_LT(after_issue, cuts);
}

}  // namespace
}  // namespace birthmark::method
