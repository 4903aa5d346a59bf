// SPDX-License-Identifier: Apache-2.0
// Salak against a real birthmark-device process with swtpm or SoftHSM2 behind it: what is recorded
// of the part's word, who is refused, and that no interruption makes a second key or certificate.
#include "method/salak.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "attest/facts.h"
#include "attest/verify.h"
#include "crypto/digest.h"
#include "device/tests/firmware.h"
#include "element/parts/parts.h"
#include "link/emulator.h"
#include "link/programmer.h"
#include "method/avocado.h"
#include "method/test_desk.h"
#include "tests/support/temp_dir.h"

namespace birthmark::method {
namespace {

using testing::ElementsAre;
using Policy = SalakTerms::Attestation;

class Salak : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    made_ = new test::TempDir;
    link::Emulator e = Start(*made_ / "unit", "", {});
    auto port = link::Programmer::Connect(e.programmer());
    ASSERT_TRUE(port) << port.error().ToString();
    device::Firmware firmware = device::MakeFirmware();
    ASSERT_TRUE(
        port->Install(link::FindBoard("bmc")->Find("test-image")->offset, firmware.test_image));
    ASSERT_TRUE(port->Reset());
    auto console = link::DeviceConsole::Open(e.console());
    ASSERT_TRUE(console) << console.error().ToString();
    ASSERT_TRUE(console->InitialisePrivateMemory());
    ASSERT_TRUE(console->SetSerial("GW-00001"));
    ASSERT_TRUE(element::MakeMaker(*made_ / "maker"));
  }
  static void TearDownTestSuite() {
    delete made_;
    made_ = nullptr;
  }
  void SetUp() override { terms_.roots = {RootOf(*made_ / "maker")}; }

  static crypto::Certificate RootOf(const fs::path& maker) {
    auto pem = ReadTextFile(element::MakerRoot(maker), 65536);
    auto c = crypto::Certificate::FromPem(pem ? *pem : "");
    if (!c) {
      ADD_FAILURE() << c.error().ToString();
      std::abort();
    }
    return *c;
  }
  static link::Emulator Start(const fs::path& state, const std::string& element,
                              std::vector<std::string> faults) {
    auto e = link::Emulator::Start({.program = BIRTHMARK_DEVICE,
                                    .board = "bmc",
                                    .state = state,
                                    .uid_hex = {},
                                    .programmer_socket = state.string() + ".port",
                                    .element = element,
                                    .lifetime_seconds = 60,
                                    .faults = std::move(faults)});
    if (!e) {
      ADD_FAILURE() << e.error().ToString();
      std::abort();
    }
    return std::move(*e);
  }
  // Copy gives a device of its own with a new part behind it.
  link::Emulator Copy(const std::string& name, bool tpm, std::vector<std::string> faults = {}) {
    fs::copy(*made_ / "unit", folder_ / name, fs::copy_options::recursive);
    fs::path part = folder_ / (name + ".part");
    Status made = tpm ? element::MakeTpm(part, *made_ / "maker", name) : element::MakeToken(part);
    if (!made) {
      ADD_FAILURE() << made.error().ToString();
      std::abort();
    }
    return Start(folder_ / name, (tpm ? "swtpm:" : "softhsm:") + part.string(), std::move(faults));
  }
  Result<Outcome> Provision(link::Emulator& e) {
    BM_TRY(link::DeviceConsole console, link::DeviceConsole::Open(e.console()));
    return ProvisionSalak(console, desk_, job_, terms_, rng_);
  }
  static bool Here(bool tpm) {
    if (tpm ? element::TpmToolsHere() : element::TokenToolsHere()) return true;
    std::printf("%s is not here: its tests did not run\n", tpm ? "swtpm" : "SoftHSM2");
    return false;
  }

  static test::TempDir* made_;
  test::TempDir folder_;
  TestDesk desk_;
  SystemRng rng_;
  SalakTerms terms_{.attestation = Policy::kRequired, .roots = {}, .method = "salak", .kind = ""};
  Job job_{.unit = "corvid-g2/GW-00001",
           .serial = "GW-00001",
           .slot = "idevid",
           .subject = "O=Corvid,serialNumber=GW-00001"};
};
test::TempDir* Salak::made_ = nullptr;

TEST_F(Salak, ATpmProvesItsKeyAndKeepsTheCertificate) {
  if (!Here(true)) GTEST_SKIP();
  link::Emulator e = Copy("unit", true);
  auto done = Provision(e);
  ASSERT_TRUE(done) << done.error().ToString();
  ASSERT_EQ(desk_.orders.size(), 1u);
  const Order& order = desk_.orders.front();
  EXPECT_EQ(order.method, "salak");
  ASSERT_TRUE(order.evidence);
  EXPECT_EQ(order.evidence->kind, "tpm2-certify-creation");
  EXPECT_EQ(order.evidence->root, terms_.roots.front().digest());
  // What was recorded can be verified again, by anybody who believes that the desk saw the
  // attestation key activated.
  attest::VerifyOptions again{
      .roots = terms_.roots, .at = desk_.Now(), .nonce = order.evidence->nonce, .activated = {}};
  again.need_binding = false;
  auto verdict = attest::VerifyBundle(*order.evidence->statement, order.key.spki(), again);
  ASSERT_TRUE(verdict) << verdict.error().ToString();
  EXPECT_EQ(attest::LabelsOf(verdict->facts).source, attest::Source::kGeneratedOnDevice);
  EXPECT_EQ(attest::LabelsOf(verdict->facts).protection, attest::Protection::kNonExtractable);
  ASSERT_EQ(done->read_backs.size(), 2u);
  for (const ledger::ReadBack& r : done->read_backs) {
    EXPECT_TRUE(r.equal);
    EXPECT_EQ(r.found, desk_.issued[0].certified.certificate.digest());
  }
  EXPECT_THAT(desk_.states, ElementsAre("installed"));

  // The power goes; the same TPM comes back with the device.
  ASSERT_TRUE(e.PowerCycle());
  auto second = Provision(e);
  ASSERT_TRUE(second) << second.error().ToString();
  EXPECT_EQ(desk_.issued.size(), 1u);
  EXPECT_THAT(second->detail, testing::HasSubstr("found in the element"));

  // The key signs what the device says of itself from now on, and software makes no other.
  auto console = link::DeviceConsole::Open(e.console());
  ASSERT_TRUE(console);
  auto report = console->Report(Bytes(16, 7));
  ASSERT_TRUE(report) << report.error().ToString();
  EXPECT_TRUE(report->is_signed);
  auto slot = console->Generate("idevid", true);
  ASSERT_FALSE(slot);
  EXPECT_EQ(slot.error().code, "device.occupied");
}

TEST_F(Salak, AMakerThatNobodyPinnedIsRefused) {
  if (!Here(true)) GTEST_SKIP();
  link::Emulator e = Copy("unit", true);
  ASSERT_TRUE(element::MakeMaker(folder_ / "other-maker"));
  terms_.roots = {RootOf(folder_ / "other-maker")};
  auto done = Provision(e);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "attest.unknown-root");
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
  // Where proof is optional, one that does not hold is refused all the same.
  terms_.attestation = Policy::kOptional;
  done = Provision(e);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "attest.unknown-root");
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
}

TEST_F(Salak, ForbiddenEvidenceIsNotAskedForAndNotRecorded) {
  if (!Here(true)) GTEST_SKIP();
  link::Emulator e = Copy("unit", true);
  terms_.attestation = Policy::kForbidden;
  auto done = Provision(e);
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_FALSE(desk_.orders.front().evidence);
}

TEST_F(Salak, ATokensWordIsRecordedAsItsWord) {
  if (!Here(false)) GTEST_SKIP();
  link::Emulator e = Copy("unit", false);
  auto refused = Provision(e);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "salak.evidence-missing");
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
  terms_.attestation = Policy::kOptional;
  auto done = Provision(e);
  ASSERT_TRUE(done) << done.error().ToString();
  const Evidence& said = *desk_.orders.front().evidence;
  EXPECT_EQ(said.kind, "pkcs11-attributes");
  EXPECT_FALSE(said.statement);
  EXPECT_FALSE(said.root);
  EXPECT_TRUE(std::ranges::any_of(said.facts, [](const ledger::Fact& f) {
    return f.name == "CKA_NEVER_EXTRACTABLE" && f.value;
  }));
  terms_.kind = "tpm2";
  desk_.states.clear();
  desk_.issued.clear();
  EXPECT_EQ(Provision(e).error().code, "salak.element");
}

TEST_F(Salak, ADeviceWithoutAnElementIsRefused) {
  link::Emulator e = Start(folder_ / "bare", "", {});
  auto done = Provision(e);
  ASSERT_FALSE(done);
  EXPECT_THAT(desk_.orders, testing::IsEmpty());
}

TEST_F(Salak, APowerCutAtAnyWriteIsResumedWithOneKeyAndOneCertificate) {
  if (!Here(false)) GTEST_SKIP();
  terms_.attestation = Policy::kOptional;
  size_t cuts = 0;
  for (int n = 1; n <= 30; ++n) {
    SCOPED_TRACE(n);
    desk_.issued.clear();
    desk_.states.clear();
    link::Emulator e =
        Copy("cut-" + std::to_string(n), false, {"--power-cut-after", std::to_string(n)});
    auto done = Provision(e);
    if (done) break;
    ++cuts;
    EXPECT_TRUE(done.error().code.starts_with("link.")) << done.error().ToString();
    ASSERT_TRUE(e.PowerCycle());
    auto again = Provision(e);
    ASSERT_TRUE(again) << again.error().ToString();
    EXPECT_EQ(desk_.issued.size(), 1u);
    EXPECT_THAT(desk_.states, ElementsAre("installed"));
  }
  EXPECT_GT(cuts, 2u);
  EXPECT_LT(cuts, 30u);  // the sweep reached a run that was not cut
}

}  // namespace
}  // namespace birthmark::method
