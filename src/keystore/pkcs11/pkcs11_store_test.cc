// SPDX-License-Identifier: Apache-2.0
// What only a module has: PINs that are counted, attributes that it tells.
#include "keystore/pkcs11/pkcs11_store.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "element/parts/parts.h"
#include "hardware/pkcs11/session.h"
#include "keystore/pkcs11/data_object.h"
#include "keystore/pkcs11/objects.h"
#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

constexpr const char* kUri = "pkcs11:token=birthmark?module-path=/usr/lib/softhsm/libsofthsm2.so";

Pin PinOf(const std::filesystem::path& part, int* asked = nullptr) {
  return {.read = [part, asked]() -> Result<SecretBytes> {
    if (asked != nullptr) ++*asked;
    BM_TRY(Bytes pin, ReadFile(part / "pin", 256));
    return SecretBytes::Take(std::move(pin));
  }};
}
Pin Wrong(bool last_try = false) {
  return {.read = [] { return Result<SecretBytes>(SecretBytes::Take(ToBytes("wrong-pin"))); },
          .last_try = last_try};
}

class Pkcs11Test : public testing::Test {
 protected:
  void SetUp() override {
    if (!element::TokenToolsHere()) GTEST_SKIP() << "SoftHSM2 is not here";
    Status made = element::MakeToken(dir_ / "part");
    ASSERT_TRUE(made) << made.error().ToString();
  }
  std::unique_ptr<Pkcs11KeyStore> Store(Pin pin, const std::string& uri = kUri) {
    return Pkcs11KeyStore::Open(uri, std::move(pin)).value();
  }
  static std::string CreateCode(Pkcs11KeyStore& s, const char* id) {
    auto r = s.Create(id, crypto::Algorithm::kEcdsaP256);
    return r ? "accepted" : r.error().code;
  }
  test::TempDir dir_;
};

TEST_F(Pkcs11Test, TheModuleItselfSaysWhatTheKeyIs) {
  auto store = Store(PinOf(dir_ / "part"));
  ASSERT_TRUE(store->Create("ca", crypto::Algorithm::kEcdsaP256));
  KeyFacts f = store->Facts("ca").value();
  EXPECT_TRUE(f.local && f.sensitive && f.always_sensitive && f.never_extractable);
  EXPECT_FALSE(f.extractable);
  EXPECT_EQ(f.fixed_to_device, std::nullopt);
}

TEST_F(Pkcs11Test, KeepsSomethingSealedAsAPrivateObject) {
  const std::string uri = std::string("pkcs11:token=birthmark;object=my-share?") +
                          std::string(kUri).substr(std::string_view(kUri).find('?') + 1);
  const Bytes value(700, 7);
  const auto code = [](const auto& r) { return r ? "accepted" : r.error().code; };
  EXPECT_EQ(code(GetDataObject(uri, PinOf(dir_ / "part"))), "keystore.missing");
  EXPECT_EQ(code(PutDataObject(uri, value, PinOf(dir_ / "part"))), "accepted");
  EXPECT_EQ(GetDataObject(uri, PinOf(dir_ / "part")).value(), value);
  EXPECT_EQ(code(PutDataObject(uri, value, PinOf(dir_ / "part"))), "keystore.exists");
  EXPECT_EQ(code(PutDataObject(uri, {}, PinOf(dir_ / "part"))), "keystore.data");
  EXPECT_EQ(code(PutDataObject(uri, Bytes(kMaxDataObject + 1), PinOf(dir_ / "part"))),
            "keystore.data");
  // Nobody who has not logged in finds it.
  auto stranger = hardware::Session::Open(hardware::ParsePkcs11Uri(uri).value()).value();
  EXPECT_FALSE(stranger->Find(CKO_DATA, "my-share").value());
  stranger.reset();
  EXPECT_EQ(code(GetDataObject(uri, Wrong())), "keystore.pin");
  EXPECT_EQ(code(GetDataObject(uri, PinOf(dir_ / "part"))), "keystore.pin-last-try");
  EXPECT_EQ(code(GetDataObject(std::string(kUri), PinOf(dir_ / "part"))), "pkcs11.uri");
}

TEST_F(Pkcs11Test, AWrongPinIsTriedOnceAndThenNobodyTriesUnasked) {
  {
    auto store = Store(Wrong());
    EXPECT_EQ(CreateCode(*store, "ca"), "keystore.pin");
    EXPECT_EQ(CreateCode(*store, "ca"), "keystore.pin") << "the same again, and no second try";
  }
  int asked = 0;
  {
    // The token now says that a wrong one came: not even the right one is given to it unasked.
    auto store = Store(PinOf(dir_ / "part", &asked));
    EXPECT_EQ(CreateCode(*store, "ca"), "keystore.pin-last-try");
  }
  {
    auto store = Store(Wrong(/*last_try=*/true));
    EXPECT_EQ(CreateCode(*store, "ca"), "keystore.pin");
  }
  Pin sure = PinOf(dir_ / "part");
  sure.last_try = true;
  {
    auto store = Store(sure);
    EXPECT_EQ(CreateCode(*store, "ca"), "accepted");
  }
  auto store = Store(PinOf(dir_ / "part"));
  EXPECT_TRUE(store->Open("ca")) << "a good PIN clears the token's warning";
}

TEST_F(Pkcs11Test, ThePinIsAskedForOnceAndOnlyForAKey) {
  int asked = 0;
  auto store = Store(PinOf(dir_ / "part", &asked));
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(CreateCode(*store, "a"), "accepted");
  EXPECT_EQ(CreateCode(*store, "b"), "accepted");
  EXPECT_EQ(asked, 1);
}

TEST_F(Pkcs11Test, StoresWithPrefixesDoNotSeeEachOthersKeys) {
  std::string uri(kUri);
  uri.insert(uri.find('?'), ";object=acme");
  auto acme = Store(PinOf(dir_ / "part"), uri);
  auto all = Store(PinOf(dir_ / "part"));
  EXPECT_EQ(CreateCode(*acme, "ca"), "accepted");
  EXPECT_EQ(CreateCode(*all, "ca"), "accepted");
  EXPECT_EQ(acme->List().value(), std::vector<std::string>{"ca"});
  EXPECT_EQ(all->List().value(), (std::vector<std::string>{"acme-ca", "ca"}));
  ASSERT_TRUE(acme->Destroy("ca"));
  EXPECT_TRUE(all->Open("ca"));
}

TEST_F(Pkcs11Test, ASignerOutlivesItsStore) {
  auto store = Store(PinOf(dir_ / "part"));
  auto signer = store->Create("ca", crypto::Algorithm::kEcdsaP256).value();
  store.reset();
  EXPECT_TRUE(signer->public_key().Verify(ToBytes("m"), signer->Sign(ToBytes("m")).value()));
}

TEST(Pkcs11Objects, PublicKeysAreReadStrictly) {
  Bytes params = pkcs11::CurveParams(crypto::Algorithm::kEcdsaP256);
  EXPECT_FALSE(pkcs11::EcKey(params, Bytes{0x04, 0x01, 0x00}));
  EXPECT_FALSE(pkcs11::EcKey(Bytes{0x13, 0x01, 'x'}, Bytes{0x04, 0x00}));
  Bytes off_curve = {0x04, 0x41, 0x04};
  off_curve.resize(67, 7);
  EXPECT_FALSE(pkcs11::EcKey(params, off_curve));
  EXPECT_FALSE(pkcs11::RsaKey(Bytes(128, 0xff), Bytes{1, 0, 1})) << "1024 bits are weak";
  EXPECT_FALSE(pkcs11::FromToken(crypto::Algorithm::kEcdsaP256, Bytes(63, 1)));
}

}  // namespace
}  // namespace birthmark::keystore
