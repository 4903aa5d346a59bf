// SPDX-License-Identifier: Apache-2.0
// What only a TPM has: a counter of wrong PINs, files that it alone can load.
#include "keystore/tpm2/tpm2_store.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/files.h"
#include "element/parts/parts.h"
#include "keystore/tpm2/blob.h"
#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

Pin TpmPin(std::string pin, bool last_try = false) {
  return {.read = [pin]() -> Result<SecretBytes> { return SecretBytes::Take(ToBytes(pin)); },
          .last_try = last_try};
}

// Machine is one emulated TPM that runs.
struct Machine {
  test::TempDir dir;
  std::optional<element::RunningTpm> tpm;
  Machine() {
    Status made = element::MakeMaker(dir / "maker");
    if (made) made = element::MakeTpm(dir / "part", dir / "maker", "CA-1");
    if (!made) {
      ADD_FAILURE() << made.error().ToString();
      std::abort();
    }
    tpm = element::RunningTpm::Start(dir / "part").value();
  }
  std::unique_ptr<Tpm2KeyStore> Store(Pin pin, const std::string& folder = "keys") {
    return Tpm2KeyStore::Open("tpm2:tcti=" + tpm->tcti(), dir / folder, std::move(pin)).value();
  }
};

class Tpm2Test : public testing::Test {
 protected:
  void SetUp() override {
    if (!element::TpmToolsHere()) GTEST_SKIP() << "swtpm is not here";
    machine_ = std::make_unique<Machine>();
  }
  static std::string SignCode(Tpm2KeyStore& s) {
    auto key = s.Open("ca");
    if (!key) return key.error().code;
    auto signature = (*key)->Sign(ToBytes("m"));
    return signature ? "accepted" : signature.error().code;
  }
  std::unique_ptr<Machine> machine_;
};

TEST_F(Tpm2Test, TheTpmItselfSaysWhatTheKeyIs) {
  auto store = machine_->Store(TpmPin("1234"));
  ASSERT_TRUE(store->Create("ca", crypto::Algorithm::kEcdsaP256));
  KeyFacts f = store->Facts("ca").value();
  EXPECT_TRUE(f.local && f.sensitive && f.always_sensitive && f.never_extractable);
  EXPECT_FALSE(f.extractable);
  EXPECT_EQ(f.fixed_to_device, true);
  EXPECT_EQ(store->Create("no", crypto::Algorithm::kEd25519).error().code, "keystore.unsupported");
}

TEST_F(Tpm2Test, WrongPinsStopBeforeTheTpmLocks) {
  {
    auto store = machine_->Store(TpmPin("1234"));
    ASSERT_TRUE(store->Create("ca", crypto::Algorithm::kEcdsaP256));
  }
  int wrong = 0;
  std::string code;
  for (; wrong < 40; ++wrong) {
    auto store = machine_->Store(TpmPin("guess"));
    code = SignCode(*store);
    if (code != "keystore.pin") break;
    EXPECT_EQ(SignCode(*store), "keystore.pin") << "one store gives a wrong PIN once";
  }
  EXPECT_EQ(code, "keystore.pin-last-try") << "after " << wrong;
  // It stopped while the right PIN still works, for a person who says so.
  {
    auto store = machine_->Store(TpmPin("1234"));
    EXPECT_EQ(SignCode(*store), "keystore.pin-last-try");
  }
  {
    auto store = machine_->Store(TpmPin("1234", /*last_try=*/true));
    EXPECT_EQ(SignCode(*store), "accepted");
  }
  {
    auto store = machine_->Store(TpmPin("guess", /*last_try=*/true));
    EXPECT_EQ(SignCode(*store), "keystore.pin");
  }
  auto store = machine_->Store(TpmPin("1234", /*last_try=*/true));
  EXPECT_EQ(SignCode(*store), "keystore.pin-locked");
}

TEST_F(Tpm2Test, AChangedFileAndAnotherTpmsAreCorrupt) {
  Bytes good;
  {
    auto store = machine_->Store(TpmPin("1234"));
    ASSERT_TRUE(store->Create("ca", crypto::Algorithm::kEcdsaP256));
    good = ReadFile(machine_->dir / "keys" / "ca.tpm", kMaxTpmKeyFile).value();
    TpmKeyFile file = ReadTpmKeyFile(good, "ca").value();
    for (Bytes* part : {&file.public_area, &file.private_area}) {
      part->back() ^= 1;
      ASSERT_TRUE(WriteFileAtomic(machine_->dir / "keys" / "ca.tpm", WriteTpmKeyFile(file)));
      EXPECT_EQ(SignCode(*store), "keystore.corrupt");
      part->back() ^= 1;
    }
    for (size_t n : {size_t{0}, size_t{1}, good.size() - 1}) {
      ASSERT_TRUE(WriteFileAtomic(machine_->dir / "keys" / "ca.tpm", ByteView(good).first(n)));
      EXPECT_EQ(SignCode(*store), "keystore.corrupt");
    }
    ASSERT_TRUE(WriteFileAtomic(machine_->dir / "keys" / "ca.tpm", good));
    EXPECT_EQ(SignCode(*store), "accepted");
  }
  Machine other;
  auto store = other.Store(TpmPin("1234"));
  ASSERT_TRUE(WriteFileAtomic(other.dir / "keys" / "ca.tpm", good));
  EXPECT_EQ(SignCode(*store), "keystore.corrupt");
}

TEST_F(Tpm2Test, MoreSignersThanTheTpmHasRoomFor) {
  auto store = machine_->Store(TpmPin("1234"));
  std::vector<std::unique_ptr<crypto::Signer>> all;
  for (int i = 0; i < 5; ++i) {
    all.push_back(store->Create("ca-" + std::to_string(i), crypto::Algorithm::kEcdsaP256).value());
  }
  for (auto& s : all)
    EXPECT_TRUE(s->public_key().Verify(ToBytes("m"), s->Sign(ToBytes("m")).value()));
}

TEST_F(Tpm2Test, APinThatATpmWouldCutIsRefused) {
  for (const std::string& pin : {std::string(33, '1'), std::string("1234\0", 5)}) {
    auto store = machine_->Store(TpmPin(pin));
    EXPECT_EQ(store->Create("ca", crypto::Algorithm::kEcdsaP256).error().code,
              "keystore.pin-length");
  }
}

TEST(TpmKeyFile, IsReadStrictly) {
  Bytes good =
      WriteTpmKeyFile({.id = "ca", .format = "", .public_area = {1, 2}, .private_area = {3, 4}});
  EXPECT_TRUE(ReadTpmKeyFile(good, "ca"));
  EXPECT_EQ(ReadTpmKeyFile(good, "cb").error().code, "keystore.corrupt");
  for (size_t n = 0; n < good.size(); ++n)
    EXPECT_EQ(ReadTpmKeyFile(ByteView(good).first(n), "ca").error().code, "keystore.corrupt");
  EXPECT_EQ(ReadTpmKeyFile(Bytes(kMaxTpmKeyFile + 1), "ca").error().code, "keystore.corrupt");
}

}  // namespace
}  // namespace birthmark::keystore
