// SPDX-License-Identifier: Apache-2.0
// What every KeyStore must do. A store's test includes this once and instantiates it:
//   INSTANTIATE_TEST_SUITE_P(Software, KeyStoreContract, testing::Values(ContractCase{"file", Make,
//   {…}}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "crypto/pss.h"
#include "keystore/keystore.h"

namespace birthmark::keystore {

// StoreUnderTest owns one unlocked, empty store and its medium.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;
  virtual KeyStore& store() = 0;
  // Reopen forgets all memory and opens the same medium again.
  virtual void Reopen() = 0;
};

struct ContractCase {
  std::string scheme;
  std::function<std::unique_ptr<StoreUnderTest>()> make;
  std::vector<crypto::Algorithm> algorithms;
  friend void PrintTo(const ContractCase& c, std::ostream* os) { *os << c.scheme; }
};

class KeyStoreContract : public testing::TestWithParam<ContractCase> {
 protected:
  KeyStore& store() { return under_test_->store(); }
  crypto::Algorithm AnyAlgorithm() const { return GetParam().algorithms.at(0); }
  template <class T>
  static std::string CodeOf(const T& r) {
    return r ? "accepted" : r.error().code;
  }
  std::unique_ptr<StoreUnderTest> under_test_ = GetParam().make();
};

TEST_P(KeyStoreContract, CreatedKeySignsAndSoDoesItReopened) {
  for (crypto::Algorithm a : GetParam().algorithms) {
    SCOPED_TRACE(crypto::ToText(a));
    auto created = store().Create("key", a);
    ASSERT_TRUE(created) << created.error().ToString();
    crypto::PublicKey pub = (*created)->public_key();
    EXPECT_EQ(pub.algorithm(), a);
    EXPECT_TRUE(pub.Verify(ToBytes("m"), (*created)->Sign(ToBytes("m")).value()));
    const bool rsa = crypto::ToText(a).starts_with("rsa");
    for (crypto::PssSalt salt : {crypto::PssSalt::kDigest, crypto::PssSalt::kLongest}) {
      auto pss = crypto::SignPss(**created, ToBytes("m"), salt);
      if (!rsa || GetParam().scheme == "tpm2") {
        EXPECT_EQ(CodeOf(pss), "key.pss");
        continue;
      }
      ASSERT_TRUE(pss) << pss.error().ToString();
      EXPECT_TRUE(crypto::VerifyPss(pub, ToBytes("m"), *pss, salt));
      EXPECT_TRUE(crypto::VerifyPss(pub, ToBytes("m"), *pss, std::nullopt));
      EXPECT_FALSE(crypto::VerifyPss(pub, ToBytes("n"), *pss, salt));
      EXPECT_FALSE(pub.Verify(ToBytes("m"), *pss));
    }
    created->reset();
    under_test_->Reopen();
    auto opened = store().Open("key");
    ASSERT_TRUE(opened) << opened.error().ToString();
    EXPECT_EQ((*opened)->public_key().spki_digest(), pub.spki_digest());
    EXPECT_TRUE(pub.Verify(ToBytes("m"), (*opened)->Sign(ToBytes("m")).value()));
    opened->reset();
    EXPECT_TRUE(store().Destroy("key"));
  }
}

TEST_P(KeyStoreContract, TwoKeysDiffer) {
  auto a = store().Create("a", AnyAlgorithm()).value();
  auto b = store().Create("b", AnyAlgorithm()).value();
  EXPECT_NE(a->public_key().spki_digest(), b->public_key().spki_digest());
  EXPECT_EQ(store().Open("a").value()->public_key().spki_digest(), a->public_key().spki_digest());
}

TEST_P(KeyStoreContract, NameIsUsedOnceAtATime) {
  Digest first = store().Create("key", AnyAlgorithm()).value()->public_key().spki_digest();
  EXPECT_EQ(CodeOf(store().Create("key", AnyAlgorithm())), "keystore.exists");
  EXPECT_EQ(store().Facts("key")->spki_digest, first);
  ASSERT_TRUE(store().Destroy("key"));
  EXPECT_NE(store().Create("key", AnyAlgorithm()).value()->public_key().spki_digest(), first);
}

TEST_P(KeyStoreContract, FactsAreTrueOfTheKeyAndOfEachOther) {
  Digest spki = store().Create("key", AnyAlgorithm()).value()->public_key().spki_digest();
  under_test_->Reopen();
  KeyFacts f = store().Facts("key").value();
  EXPECT_EQ(f.scheme, GetParam().scheme);
  EXPECT_TRUE(store().uri().starts_with(f.scheme + ":"));
  EXPECT_EQ(f.algorithm, AnyAlgorithm());
  EXPECT_EQ(f.spki_digest, spki);
  EXPECT_TRUE(f.local);
  EXPECT_TRUE(!f.always_sensitive || f.sensitive);
  EXPECT_TRUE(!f.never_extractable || !f.extractable);
}

TEST_P(KeyStoreContract, DestroyedKeyIsGoneAlsoAfterReopening) {
  store().Create("keep", AnyAlgorithm()).value();
  store().Create("gone", AnyAlgorithm()).value();
  ASSERT_TRUE(store().Destroy("gone"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(CodeOf(store().Open("gone")), "keystore.missing");
    EXPECT_EQ(CodeOf(store().Facts("gone")), "keystore.missing");
    EXPECT_EQ(CodeOf(store().Destroy("gone")), "keystore.missing");
    EXPECT_EQ(store().List().value(), std::vector<std::string>{"keep"});
    under_test_->Reopen();
  }
}

TEST_P(KeyStoreContract, ListIsSorted) {
  EXPECT_TRUE(store().List().value().empty());
  for (const char* id : {"b", "a", "c.1"}) ASSERT_TRUE(store().Create(id, AnyAlgorithm()));
  EXPECT_EQ(store().List().value(), (std::vector<std::string>{"a", "b", "c.1"}));
}

TEST_P(KeyStoreContract, NamesThatCouldEscapeAreRefused) {
  for (const char* id : {"", ".", "..", "../x", "a/b", "A", ".hidden", "-x", "a b", "a\n"}) {
    EXPECT_EQ(CodeOf(store().Create(id, AnyAlgorithm())), "keystore.key-id") << id;
    EXPECT_EQ(CodeOf(store().Open(id)), "keystore.key-id") << id;
    EXPECT_EQ(CodeOf(store().Facts(id)), "keystore.key-id") << id;
    EXPECT_EQ(CodeOf(store().Destroy(id)), "keystore.key-id") << id;
  }
  EXPECT_EQ(CodeOf(store().Create(std::string(65, 'a'), AnyAlgorithm())), "keystore.key-id");
}

}  // namespace birthmark::keystore
