// SPDX-License-Identifier: Apache-2.0
#include "keystore/software/software_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/files.h"
#include "keystore/contract_test.h"
#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

SecretBytes Secret(std::string_view s) { return SecretBytes::Take(ToBytes(s)); }

class SoftwareUnderTest : public StoreUnderTest {
 public:
  KeyStore& store() override { return *store_; }
  void Reopen() override {
    store_ = SoftwareKeyStore::Unlock(dir_ / "keys", Secret("pass")).value();
  }

 private:
  test::TempDir dir_;
  std::unique_ptr<SoftwareKeyStore> store_ =
      SoftwareKeyStore::Init(dir_ / "keys", Secret("pass")).value();
};

INSTANTIATE_TEST_SUITE_P(Software, KeyStoreContract,
                         testing::Values(ContractCase{
                             "file",
                             [] { return std::make_unique<SoftwareUnderTest>(); },
                             {crypto::Algorithm::kEcdsaP256, crypto::Algorithm::kEcdsaP384,
                              crypto::Algorithm::kEd25519}}));

class SoftwareStoreTest : public testing::Test {
 protected:
  fs::path File(std::string_view name) const { return dir_ / "keys" / name; }
  Bytes Contents(std::string_view name) const { return ReadFile(File(name), 1 << 20).value(); }
  static std::string UnlockCode(const fs::path& folder, std::string_view pass) {
    auto s = SoftwareKeyStore::Unlock(folder, Secret(pass));
    return s ? "accepted" : s.error().code;
  }
  static std::string OpenCode(SoftwareKeyStore& s, std::string_view id) {
    auto k = s.Open(id);
    return k ? "accepted" : k.error().code;
  }
  test::TempDir dir_;
  std::unique_ptr<SoftwareKeyStore> store_ =
      SoftwareKeyStore::Init(dir_ / "keys", Secret("pass")).value();
};

TEST_F(SoftwareStoreTest, WrongPassphraseIsToldFromDamage) {
  EXPECT_EQ(UnlockCode(dir_ / "keys", "pass"), "accepted");
  EXPECT_EQ(UnlockCode(dir_ / "keys", "Pass"), "keystore.passphrase");
  EXPECT_EQ(UnlockCode(dir_ / "elsewhere", "pass"), "keystore.no-store");
  Bytes sealed = Contents("store.sealed");
  sealed[sealed.size() / 2] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(File("store.sealed"), sealed));
  EXPECT_EQ(UnlockCode(dir_ / "keys", "pass"), "keystore.corrupt");
}

TEST_F(SoftwareStoreTest, FilesAreTheirOwnersAlone) {
  ASSERT_TRUE(store_->Create("key", crypto::Algorithm::kEcdsaP256));
  auto mode = [](const fs::path& p) {
    struct stat st{};
    EXPECT_EQ(stat(p.c_str(), &st), 0);
    return st.st_mode & 0777;
  };
  EXPECT_EQ(mode(dir_ / "keys"), 0700u);
  EXPECT_EQ(mode(File("key.key")), 0600u);
  EXPECT_EQ(mode(File("store.sealed")), 0600u);
}

TEST_F(SoftwareStoreTest, NoSecretStandsInAFile) {
  auto signer = store_->Create("key", crypto::Algorithm::kEcdsaP256).value();
  SecretBytes pkcs8 = store_->Export("key").value();
  // RFC 5915: the private scalar's octets stand 36 octets into the PKCS #8 of a P-256 key.
  ByteView scalar = pkcs8.Read(SecretAccess{}).subspan(36, 32);
  for (const char* name : {"key.key", "store.sealed"}) {
    Bytes file = Contents(name);
    EXPECT_EQ(std::search(file.begin(), file.end(), scalar.begin(), scalar.begin() + 8),
              file.end());
  }
}

TEST_F(SoftwareStoreTest, AnyChangedOrCutKeyFileIsCorrupt) {
  ASSERT_TRUE(store_->Create("key", crypto::Algorithm::kEcdsaP256));
  const Bytes good = Contents("key.key");
  auto put = [&](ByteView b) {
    FILE* f = fopen(File("key.key").c_str(), "wb");
    fwrite(b.data(), 1, b.size(), f);
    fclose(f);
  };
  for (size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= static_cast<uint8_t>(1 << (i % 8));
    put(changed);
    EXPECT_EQ(OpenCode(*store_, "key"), "keystore.corrupt") << "octet " << i;
  }
  for (size_t n = 0; n < good.size(); n += 7) {
    put(ByteView(good).first(n));
    EXPECT_EQ(OpenCode(*store_, "key"), "keystore.corrupt") << n;
  }
  put(good);
  EXPECT_EQ(OpenCode(*store_, "key"), "accepted");
}

TEST_F(SoftwareStoreTest, KeyFilesCannotBeExchanged) {
  ASSERT_TRUE(store_->Create("a", crypto::Algorithm::kEcdsaP256));
  ASSERT_TRUE(store_->Create("b", crypto::Algorithm::kEcdsaP256));
  fs::rename(File("a.key"), File("b.key"));
  EXPECT_EQ(OpenCode(*store_, "b"), "keystore.corrupt");
  auto other = SoftwareKeyStore::Init(dir_ / "other", Secret("pass")).value();
  ASSERT_TRUE(other->Create("c", crypto::Algorithm::kEcdsaP256));
  fs::copy(dir_ / "other" / "c.key", File("c.key"));
  EXPECT_EQ(OpenCode(*store_, "c"), "keystore.corrupt");
}

TEST_F(SoftwareStoreTest, LockedStoreListsAndTellsFactsOnly) {
  ASSERT_TRUE(store_->Create("key", crypto::Algorithm::kEd25519));
  auto locked = SoftwareKeyStore::OpenLocked(dir_ / "keys").value();
  EXPECT_EQ(locked->List().value(), std::vector<std::string>{"key"});
  EXPECT_EQ(locked->Facts("key")->algorithm, crypto::Algorithm::kEd25519);
  EXPECT_EQ(OpenCode(*locked, "key"), "keystore.locked");
  EXPECT_EQ(locked->Create("new", crypto::Algorithm::kEd25519).error().code, "keystore.locked");
  EXPECT_EQ(locked->Destroy("key").error().code, "keystore.locked");
  EXPECT_EQ(locked->Export("key").error().code, "keystore.locked");
}

TEST_F(SoftwareStoreTest, SoftwareKeysSaySoInTheirFacts) {
  ASSERT_TRUE(store_->Create("key", crypto::Algorithm::kEcdsaP256));
  KeyFacts f = store_->Facts("key").value();
  EXPECT_FALSE(f.sensitive || f.always_sensitive || f.never_extractable);
  EXPECT_TRUE(f.extractable);
  EXPECT_EQ(f.fixed_to_device, false);
}

TEST_F(SoftwareStoreTest, DestroyOverwritesTheFileInPlace) {
  ASSERT_TRUE(store_->Create("key", crypto::Algorithm::kEcdsaP256));
  fs::create_hard_link(File("key.key"), dir_ / "watched");  // sees what the unlinked inode holds
  ASSERT_TRUE(store_->Destroy("key"));
  EXPECT_FALSE(fs::exists(File("key.key")));
  Bytes left = ReadFile(dir_ / "watched", 1 << 20).value();
  EXPECT_FALSE(left.empty());
  EXPECT_EQ(left, Bytes(left.size()));
}

TEST_F(SoftwareStoreTest, DamagedKeyCanStillBeDestroyed) {
  ASSERT_TRUE(WriteFileAtomic(File("bad.key"), "damaged"));
  EXPECT_EQ(OpenCode(*store_, "bad"), "keystore.corrupt");
  EXPECT_TRUE(store_->Destroy("bad"));
}

TEST_F(SoftwareStoreTest, InitNeverReplacesAStore) {
  Bytes before = Contents("store.sealed");
  EXPECT_EQ(SoftwareKeyStore::Init(dir_ / "keys", Secret("other")).error().code, "keystore.exists");
  EXPECT_EQ(Contents("store.sealed"), before);
}

TEST(SoftwareStore, UriIsTakenApartStrictly) {
  EXPECT_EQ(SoftwareKeyStore::PathOf("file:/srv/keys").value(), "/srv/keys");
  for (const char* bad : {"file:", "pkcs11:x", "/srv/keys", ""}) {
    auto r = SoftwareKeyStore::PathOf(bad);
    ASSERT_FALSE(r) << bad;
    EXPECT_EQ(r.error().code, "keystore.uri");
  }
}

}  // namespace
}  // namespace birthmark::keystore
