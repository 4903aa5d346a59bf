// SPDX-License-Identifier: Apache-2.0
#include "keystore/routed.h"

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

SecretBytes Passphrase() { return SecretBytes::Take(ToBytes("pass")); }

class RoutedTest : public testing::Test {
 protected:
  // Other is a second store of files, standing for a module.
  Routes ToOther() {
    return {.scheme_of = [this](std::string_view id) -> Result<std::string> {
              ++asked_;
              return id == "ca" ? "pkcs11" : "";
            },
            .open = [this](std::string_view scheme) -> Result<std::unique_ptr<KeyStore>> {
              ++opened_;
              EXPECT_EQ(scheme, "pkcs11");
              return SoftwareKeyStore::Unlock(dir_ / "other", Passphrase());
            }};
  }
  RoutedKeyStore Routed(Routes routes) {
    auto files = SoftwareKeyStore::Unlock(dir_ / "keys", Passphrase()).value();
    return RoutedKeyStore(std::move(*files), std::move(routes));
  }
  void SetUp() override {
    ASSERT_TRUE(SoftwareKeyStore::Init(dir_ / "keys", Passphrase()));
    ASSERT_TRUE(SoftwareKeyStore::Init(dir_ / "other", Passphrase()));
  }
  test::TempDir dir_;
  int asked_ = 0, opened_ = 0;
};

TEST_F(RoutedTest, EachKeyComesFromTheStoreItWasMadeIn) {
  Digest spki{};
  {
    RoutedKeyStore made = Routed(ToOther());
    spki = made.CreateIn("pkcs11", "ca", crypto::Algorithm::kEcdsaP256)
               .value()
               ->public_key()
               .spki_digest();
    // Before any log tells of it, the one that made it finds it.
    EXPECT_EQ(made.Open("ca").value()->public_key().spki_digest(), spki);
    EXPECT_EQ(asked_, 0);
    ASSERT_TRUE(made.CreateIn("file", "log", crypto::Algorithm::kEd25519));
  }
  RoutedKeyStore again = Routed(ToOther());
  EXPECT_EQ(again.Open("ca").value()->public_key().spki_digest(), spki);
  EXPECT_EQ(again.Facts("ca")->spki_digest, spki);
  EXPECT_TRUE(again.Open("log"));
  EXPECT_EQ(again.Facts("nobody").error().code, "keystore.missing");
  EXPECT_EQ(opened_, 2) << "a store is opened once";
  EXPECT_EQ(again.List().value(), std::vector<std::string>{"log"});
  ASSERT_TRUE(again.Destroy("ca"));
  EXPECT_EQ(again.Open("ca").error().code, "keystore.missing");
}

TEST_F(RoutedTest, AKeyWithAFileIsNeverLookedForElsewhere) {
  RoutedKeyStore keys = Routed(ToOther());
  ASSERT_TRUE(keys.Create("log", crypto::Algorithm::kEd25519));
  EXPECT_TRUE(keys.Open("log"));
  EXPECT_EQ(asked_ + opened_, 0);
  EXPECT_EQ(keys.CreateIn("pkcs11", "log", crypto::Algorithm::kEcdsaP256).error().code,
            "keystore.exists");
}

TEST_F(RoutedTest, AStoreThatNobodyNamedIsAskedFor) {
  RoutedKeyStore keys = Routed({});
  EXPECT_EQ(keys.In("tpm2").error().code, "keystore.not-configured");
  EXPECT_EQ(keys.Open("ca").error().code, "keystore.missing");
}

}  // namespace
}  // namespace birthmark::keystore
