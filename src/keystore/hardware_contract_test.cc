// SPDX-License-Identifier: Apache-2.0
// The contract of all key stores, held against SoftHSM2 and swtpm.
#include "base/files.h"
#include "element/parts/parts.h"
#include "keystore/contract_test.h"
#include "keystore/pkcs11/pkcs11_store.h"
#include "keystore/tpm2/tpm2_store.h"
#include "tests/support/temp_dir.h"

namespace birthmark::keystore {
namespace {

class TokenUnderTest : public StoreUnderTest {
 public:
  TokenUnderTest() {
    Status made = element::MakeToken(dir_ / "part");
    if (!made) ADD_FAILURE() << made.error().ToString();
    Reopen();
  }
  KeyStore& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    store_ =
        Pkcs11KeyStore::Open("pkcs11:token=birthmark?module-path=/usr/lib/softhsm/libsofthsm2.so",
                             {.read = [pin = dir_ / "part" / "pin"]() -> Result<SecretBytes> {
                               BM_TRY(Bytes octets, ReadFile(pin, 256));
                               return SecretBytes::Take(std::move(octets));
                             }})
            .value();
  }

 private:
  test::TempDir dir_;
  std::unique_ptr<Pkcs11KeyStore> store_;
};

class TpmUnderTest : public StoreUnderTest {
 public:
  TpmUnderTest() {
    Status made = element::MakeMaker(dir_ / "maker");
    if (made) made = element::MakeTpm(dir_ / "part", dir_ / "maker", "CA-1");
    if (!made) ADD_FAILURE() << made.error().ToString();
    tpm_ = std::make_unique<element::RunningTpm>(element::RunningTpm::Start(dir_ / "part").value());
    Reopen();
  }
  KeyStore& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    store_ =
        Tpm2KeyStore::Open(
            "tpm2:tcti=" + tpm_->tcti(), dir_ / "keys",
            {.read =
                 [] { return Result<SecretBytes>(SecretBytes::Take(ToBytes("pin of the CA"))); }})
            .value();
  }

 private:
  test::TempDir dir_;
  std::unique_ptr<element::RunningTpm> tpm_;
  std::unique_ptr<Tpm2KeyStore> store_;
};

// Where an emulation is not installed there is nothing to hold the contract against.
std::vector<ContractCase> HardwareCases() {
  using crypto::Algorithm;
  std::vector<ContractCase> cases;
  if (element::TokenToolsHere()) {
    cases.push_back(
        {"pkcs11",
         [] { return std::make_unique<TokenUnderTest>(); },
         {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kEd25519}});
  }
  if (element::TpmToolsHere()) {
    cases.push_back(
        {"tpm2",
         [] { return std::make_unique<TpmUnderTest>(); },
         {Algorithm::kEcdsaP256, Algorithm::kEcdsaP384, Algorithm::kRsa2048, Algorithm::kRsa3072}});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Hardware, KeyStoreContract, testing::ValuesIn(HardwareCases()));
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(KeyStoreContract);

}  // namespace
}  // namespace birthmark::keystore
