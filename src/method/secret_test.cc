// SPDX-License-Identifier: Apache-2.0
// Secrets against a real birthmark-device process: what it has is what was meant, and an
// interruption at any point leaves one secret, known to whoever has to know it.
#include "method/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "crypto/digest.h"
#include "crypto/software_signer.h"
#include "device/tests/firmware.h"
#include "link/emulator.h"
#include "link/programmer.h"
#include "method/avocado.h"
#include "method/test_desk.h"
#include "tests/support/temp_dir.h"

namespace birthmark::method {
namespace {

SecretBytes SecretCopy(const SecretBytes& s) {
  ByteView v = s.Read(SecretAccess());
  return SecretBytes::Take(Bytes(v.begin(), v.end()));
}

// TestSecrets keeps everything in memory; what it gave it gives again, as the real one does.
class TestSecrets : public SecretDesk {
 public:
  Result<std::optional<Known>> Find(const Job& job) override {
    for (auto it = records.rbegin(); it != records.rend(); ++it) {
      if (it->unit == job.unit && it->slot == job.slot)
        return Known{.check = it->check, .batch = it->batch.value_or("")};
    }
    return std::nullopt;
  }
  Result<SecretBytes> Symmetric(const Job&, size_t size, bool) override {
    if (kept.size() != size) {
      kept = SecretBytes(size);
      SystemRng().Fill(kept.Write(SecretAccess()));
    }
    return SecretCopy(kept);
  }
  Result<SecretBytes> Password(const Job&, bool) override {
    ++drawn;
    SystemRng rng;
    return MakePassword(rng);
  }
  Result<Group> GroupFor(const Job&) override {
    Group out{.id = group_id, .spki = group->public_key().spki_digest(), .scalar = {}, .chain = {}};
    BM_TRY(out.scalar, group->ToP256Scalar());
    return out;
  }
  Result<std::optional<Digest>> GroupKey(const std::string& id) override {
    if (id != group_id) return std::nullopt;
    return group->public_key().spki_digest();
  }
  Status Record(const ledger::SecretProvisioned& body) override {
    if (die) return Environment("test.died", "the process ended here");
    records.push_back(body);
    return {};
  }
  Status RecordEnd(const ledger::KeyOutside& body) override {
    ends.push_back(body);
    return {};
  }
  Time Now() const override { return TimeFromMillis(1'800'000'000'000); }

  SecretBytes kept;
  int drawn = 0;
  bool die = false;  // before a record is made
  std::string group_id = "phone-group-1";
  std::unique_ptr<crypto::SoftwareSigner> group =
      *crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  std::vector<ledger::SecretProvisioned> records;
  std::vector<ledger::KeyOutside> ends;
};

class TestPrinter : public Printer {
 public:
  Result<SecretBytes> Printed(const Job&) override {
    return SecretBytes::Take(ToBytes(smudged ? "SMUD-GED2-SMUD-GED2" : text));
  }
  Status Print(const Job&, const SecretBytes& password) override {
    text = AsText(password.Read(SecretAccess()));
    return {};
  }
  std::string text;
  bool smudged = false;
};

class Secret : public testing::Test {
 protected:
  void SetUp() override {
    auto e = link::Emulator::Start({.program = BIRTHMARK_DEVICE,
                                    .board = "bmc",
                                    .state = folder_ / "unit",
                                    .uid_hex = {},
                                    .programmer_socket = (folder_ / "unit").string() + ".port",
                                    .lifetime_seconds = 60});
    ASSERT_TRUE(e) << e.error().ToString();
    emulator_.emplace(std::move(*e));
    auto port = link::Programmer::Connect(emulator_->programmer());
    ASSERT_TRUE(port) << port.error().ToString();
    ASSERT_TRUE(port->Install(link::FindBoard("bmc")->Find("test-image")->offset,
                              device::MakeFirmware().test_image));
    ASSERT_TRUE(port->Reset());
    auto console = link::DeviceConsole::Open(emulator_->console());
    ASSERT_TRUE(console) << console.error().ToString();
    console_.emplace(std::move(*console));
    ASSERT_TRUE(console_->InitialisePrivateMemory());
    ASSERT_TRUE(console_->SetSerial("P1-000001"));
  }
  Job JobFor(const std::string& slot) {
    return {.unit = "phone/P1-000001",
            .serial = "P1-000001",
            .slot = slot,
            .subject = "O=Acme,serialNumber=P1-000001"};
  }

  test::TempDir folder_;
  std::optional<link::Emulator> emulator_;
  std::optional<link::DeviceConsole> console_;
  TestSecrets desk_;
  SystemRng rng_;
};

TEST_F(Secret, ASymmetricSecretIsCheckedAndOneInterruptionMakesNoSecond) {
  desk_.die = true;
  EXPECT_EQ(ProvisionSymmetric(*console_, desk_, JobFor("symmetric"), 16, false).error().code,
            "test.died");
  desk_.die = false;
  const Digest meant = link::KeyCheck(desk_.kept);
  for (int i = 0; i < 2; ++i) {
    auto done = ProvisionSymmetric(*console_, desk_, JobFor("symmetric"), 16, false);
    ASSERT_TRUE(done) << done.error().ToString();
    EXPECT_EQ(done->detail, "generated secret of 128 bits found");
    EXPECT_EQ(done->read_backs.at(0).found, meant);
  }
  ASSERT_EQ(desk_.records.size(), 1u);
  EXPECT_EQ(desk_.records[0].check, meant);
  EXPECT_EQ(desk_.records[0].bits, 128u);
}

TEST_F(Secret, ASecretThatNobodyHasIsReplacedAndRecorded) {
  ASSERT_TRUE(ProvisionSymmetric(*console_, desk_, JobFor("symmetric"), 32, true));
  desk_.kept.Clear();
  auto done = ProvisionSymmetric(*console_, desk_, JobFor("symmetric"), 32, true);
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_THAT(done->detail, testing::HasSubstr("in place of one that nobody has"));
  ASSERT_EQ(desk_.records.size(), 2u);
  EXPECT_NE(desk_.records[0].check, desk_.records[1].check);
}

TEST_F(Secret, TheDeviceRefusesAnotherSecretUnlessItIsToReplace) {
  SecretBytes one(16), other(16), small(15), large(33);
  other.Write(SecretAccess())[0] = 1;
  ASSERT_TRUE(console_->PutSecret("symmetric", one));
  EXPECT_TRUE(console_->PutSecret("symmetric", one));
  EXPECT_EQ(console_->PutSecret("symmetric", other).error().code, "device.occupied");
  EXPECT_EQ(console_->PutSecret("symmetric", small, true).error().code, "device.range");
  EXPECT_EQ(console_->PutSecret("symmetric", large, true).error().code, "device.range");
  EXPECT_FALSE(console_->PutSecret("idevid", one));
  auto held = console_->CheckSecret("symmetric");
  ASSERT_TRUE(held);
  EXPECT_EQ(ToHex(held->check), ToHex(link::KeyCheck(one)));
}

TEST_F(Secret, APasswordIsOnTheLabelInTheDeviceAndNowhereElse) {
  TestPrinter printer;
  auto done = ProvisionPassword(*console_, desk_, JobFor("password"), "station bench", &printer);
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_EQ(printer.text.size(), 19u);
  SecretBytes right = SecretBytes::Take(ToBytes(printer.text));
  SecretBytes wrong = SecretBytes::Take(ToBytes("AAAA-AAAA-AAAA-AAAA"));
  EXPECT_TRUE(console_->CheckSecret("password", &right)->match);
  EXPECT_FALSE(console_->CheckSecret("password", &wrong)->match);
  ASSERT_EQ(desk_.records.size(), 1u);
  EXPECT_FALSE(desk_.records[0].check);
  EXPECT_EQ(desk_.records[0].bits, 80u);
  ASSERT_EQ(desk_.ends.size(), 1u);
  EXPECT_EQ(desk_.ends[0].destroyed, "memory wiped after the label was printed and read back");
  EXPECT_EQ(done->detail.find(printer.text), std::string::npos);
  // Again: nothing is drawn, put or recorded.
  ASSERT_TRUE(ProvisionPassword(*console_, desk_, JobFor("password"), "station bench", &printer));
  EXPECT_EQ(desk_.drawn, 1);
  EXPECT_EQ(desk_.records.size(), 1u);
}

TEST_F(Secret, APasswordSurvivesAnInterruptionOnItsLabelAlone) {
  TestPrinter printer;
  desk_.die = true;
  EXPECT_FALSE(ProvisionPassword(*console_, desk_, JobFor("password"), "station b", &printer));
  desk_.die = false;
  const std::string label = printer.text;
  ASSERT_TRUE(ProvisionPassword(*console_, desk_, JobFor("password"), "station b", &printer));
  EXPECT_EQ(printer.text, label);
  EXPECT_EQ(desk_.drawn, 1);
  // The label is lost: another password takes its place, and that is recorded.
  printer.text.clear();
  auto again = ProvisionPassword(*console_, desk_, JobFor("password"), "station b", &printer);
  ASSERT_TRUE(again);
  EXPECT_THAT(again->detail, testing::HasSubstr("in place of one that nobody has"));
  EXPECT_EQ(desk_.records.size(), 2u);
}

TEST_F(Secret, ALabelThatReadsAsAnotherPasswordStopsTheUnit) {
  class Smudging : public TestPrinter {
   public:
    Status Print(const Job& job, const SecretBytes& password) override {
      smudged = true;
      return TestPrinter::Print(job, password);
    }
    Result<SecretBytes> Printed(const Job& job) override {
      if (!smudged) return SecretBytes();
      return TestPrinter::Printed(job);
    }
  } printer;
  EXPECT_EQ(
      ProvisionPassword(*console_, desk_, JobFor("password"), "station b", &printer).error().code,
      "secret.label");
  EXPECT_FALSE(console_->CheckSecret("password")->occupied);
}

TEST_F(Secret, AGroupKeyIsTheBatchesAndIsTakenOnce) {
  desk_.die = true;
  EXPECT_FALSE(ProvisionGroup(*console_, desk_, JobFor("group")));
  desk_.die = false;
  auto done = ProvisionGroup(*console_, desk_, JobFor("group"));
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_EQ(done->detail, "key of phone-group-1 found");
  auto slot = console_->Slot("group");
  EXPECT_EQ(crypto::Sha256(slot->public_key), desk_.group->public_key().spki_digest());
  ASSERT_EQ(desk_.records.size(), 1u);
  EXPECT_EQ(desk_.records[0].batch, "phone-group-1");
  ASSERT_TRUE(ProvisionGroup(*console_, desk_, JobFor("group")));
  EXPECT_EQ(desk_.records.size(), 1u);
}

TEST_F(Secret, TheUpdateKeyOpensWhatIsEncryptedToItAlone) {
  TestDesk certifying;
  Job job = JobFor("decrypt");
  auto made = ProvisionAvocado(*console_, certifying, job, rng_);
  ASSERT_TRUE(made) << made.error().ToString();
  auto tried = TryDecrypt(*console_, job, certifying.issued.at(0).key, rng_);
  ASSERT_TRUE(tried) << tried.error().ToString();
  auto other = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256);
  EXPECT_EQ(TryDecrypt(*console_, job, (*other)->public_key(), rng_).error().code, "decrypt.trial");
}

TEST(MakePassword, HasNoLetterThatIsMistakenForAnother) {
  SystemRng rng;
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    SecretBytes p = MakePassword(rng);
    std::string text(AsText(p.Read(SecretAccess())));
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHJKLMNPQRSTUVWXYZ23456789-"), std::string::npos);
    EXPECT_EQ(text[4], '-');
    seen.insert(text);
  }
  EXPECT_EQ(seen.size(), 200u);
}

}  // namespace
}  // namespace birthmark::method
