// SPDX-License-Identifier: Apache-2.0
// Bamboo: what the record carries, and what becomes of a key and its identity in every way this can
// end.
#include "method/bamboo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cbor/codec.h"
#include "crypto/digest.h"
#include "method/test_desk.h"

namespace birthmark::method {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr size_t kRecordHead = 40;  // "BMFD", length, SHA-256: docs/formats/device-image.md

class Bamboo : public testing::Test {
 protected:
  Result<BambooKey> Make() { return BambooKey::Make(desk_, job_, "station burner"); }
  BambooKey MustMake() {
    auto key = Make();
    if (!key) {
      ADD_FAILURE() << key.error().ToString();
      std::abort();
    }
    return std::move(*key);
  }
  TestDesk desk_;
  Job job_{
      .unit = "lumo-a19/LUMO-000001", .serial = "LUMO-000001", .slot = "idevid", .subject = ""};
};

// OneKey is a pool that holds one key, made and certified before.
class OneKey : public Pool {
 public:
  OneKey(TestDesk& desk, const Job& job) {
    signer_ = std::move(*crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    certified = *desk.Issue(
        {.job = job, .key = signer_->public_key(), .method = "bamboo", .proof = "made-by-us"});
  }
  Result<std::optional<MadeAhead>> Release(const Job&) override {
    MadeAhead out{.scalar = {}, .made = TimeFromMillis(1000), .released = TimeFromMillis(2000)};
    if (!std::exchange(released, true)) out.scalar = std::move(*signer_->ToP256Scalar());
    return out;
  }
  Certified certified;
  bool released = false;

 private:
  std::unique_ptr<crypto::SoftwareSigner> signer_;
};

TEST_F(Bamboo, ThePoolsKeyIsTakenAndNobodyCertifiesAnother) {
  OneKey pool(desk_, job_);
  desk_.refusal = Error{ErrorKind::kNegative, "desk.retired", "no more", ""};
  auto key = BambooKey::Make(desk_, job_, "station burner", &pool);
  ASSERT_TRUE(key) << key.error().ToString();
  EXPECT_EQ(key->certified().certificate.digest(), pool.certified.certificate.digest());
  ASSERT_TRUE(key->Installed(desk_));
  ASSERT_EQ(desk_.lives.size(), 1u);
  ASSERT_EQ(desk_.lives[0].places.size(), 2u);
  EXPECT_EQ(desk_.lives[0].places[0].place, "pool");
  EXPECT_EQ(desk_.lives[0].places[0].form, "sealed file");
  EXPECT_EQ(desk_.lives[0].places[0].from, 1000);
  EXPECT_EQ(desk_.lives[0].places[1].from, 2000);
  EXPECT_THAT(desk_.lives[0].destroyed, HasSubstr("overwritten"));
}

TEST_F(Bamboo, APoolsKeyThatWasReleasedAndLostIsVoidAndNeverUsed) {
  OneKey pool(desk_, job_);
  pool.released = true;
  auto key = BambooKey::Make(desk_, job_, "station burner", &pool);
  ASSERT_TRUE(key) << key.error().ToString();
  EXPECT_EQ(desk_.issued[0].certified.state, "void");
  ASSERT_EQ(desk_.issued.size(), 2u);
  EXPECT_EQ(desk_.LiveCount(), 1u);
  ASSERT_EQ(desk_.lives.size(), 1u);
  EXPECT_THAT(desk_.lives[0].destroyed, HasSubstr("lost"));
  ASSERT_TRUE(key->Installed(desk_));
  EXPECT_EQ(desk_.lives[1].places.size(), 1u);  // the new key was in no pool
}

TEST_F(Bamboo, WithoutAnAuthorityALostPoolKeyIsTheUnitsEndAndNotTheLines) {
  OneKey pool(desk_, job_);
  pool.released = true;
  desk_.refusal = Error{ErrorKind::kNegative, "desk.retired", "no more", ""};
  auto key = BambooKey::Make(desk_, job_, "station burner", &pool);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, "bamboo.pool-lost");
  EXPECT_EQ(desk_.LiveCount(), 0u);
}

TEST_F(Bamboo, AKeyThatIsNotTheCertificatesIsRefused) {
  OneKey pool(desk_, job_), other(desk_, {.unit = "x/1", .serial = "1", .slot = "idevid"});
  auto key = BambooKey::Make(desk_, job_, "station burner", &other);
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, "pool.damaged");
}

TEST_F(Bamboo, AnInstalledIdentityIsRefused) {
  ASSERT_TRUE(MustMake().Installed(desk_));
  auto again = Make();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "bamboo.installed");
  EXPECT_EQ(desk_.issued.size(), 1u);
}

TEST_F(Bamboo, ADeskThatRefusesGivesNoKey) {
  desk_.refusal = Error{ErrorKind::kNegative, "desk.retired", "no more", ""};
  auto key = Make();
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, "desk.retired");
}

TEST_F(Bamboo, AKeyLostWithAnEarlierProcessIsVoidedBeforeTheNext) {
  {
    BambooKey lost = MustMake();
  }
  BambooKey key = MustMake();
  ASSERT_EQ(desk_.issued.size(), 2u);
  EXPECT_EQ(desk_.issued[0].certified.state, "void");
  EXPECT_THAT(desk_.reasons, ElementsAre(HasSubstr("lost")));
  EXPECT_EQ(desk_.issued[1].certified.state, "issued");
  EXPECT_EQ(desk_.LiveCount(), 1u);
  EXPECT_NE(desk_.issued[0].key.spki_digest(), desk_.issued[1].key.spki_digest());
}

TEST_F(Bamboo, TheRecordCarriesTheKeyOfTheCertificateAndItsChain) {
  BambooKey key = MustMake();
  SecretBytes record = key.FactoryRecord();
  ByteView bytes = record.Read(SecretAccess());
  ASSERT_GT(bytes.size(), kRecordHead);
  ByteView body = bytes.subspan(kRecordHead);
  Digest digest = crypto::Sha256(body);
  EXPECT_TRUE(std::ranges::equal(digest, bytes.subspan(8, 32)));
  auto v = cbor::Decode(body);
  ASSERT_TRUE(v) << v.error().ToString();
  EXPECT_EQ(*v->Find("serial")->AsText(), "LUMO-000001");
  const auto* slots = v->Find("slots")->AsArray();
  ASSERT_EQ(slots->size(), 1u);
  const cbor::Value& slot = slots->front();
  EXPECT_EQ(*slot.Find("slot")->AsText(), "idevid");
  auto signer = crypto::SoftwareSigner::FromP256Scalar(
      SecretBytes::Take(Bytes(*slot.Find("key")->AsBytes())));
  ASSERT_TRUE(signer) << signer.error().ToString();
  EXPECT_EQ((*signer)->public_key().spki_digest(),
            key.certified().certificate.public_key()->spki_digest());
  const auto* chain = slot.Find("chain")->AsArray();
  ASSERT_EQ(chain->size(), key.certified().chain.size());
  EXPECT_EQ(*chain->front().AsBytes(), key.certified().chain.front());
}

TEST_F(Bamboo, InstalledWipesTheKeyAndRecordsItsLifeOutside) {
  BambooKey key = MustMake();
  Time made = desk_.Now();
  desk_.clock.Advance(std::chrono::seconds(7));
  ASSERT_TRUE(key.Installed(desk_));
  EXPECT_THAT(desk_.states, ElementsAre("installed"));
  ASSERT_EQ(desk_.lives.size(), 1u);
  const ledger::KeyOutside& life = desk_.lives[0];
  EXPECT_EQ(life.spki, desk_.issued[0].key.spki_digest());
  EXPECT_EQ(life.unit, job_.unit);
  EXPECT_EQ(life.slot, "idevid");
  EXPECT_FALSE(life.destroyed.empty());
  ASSERT_EQ(life.places.size(), 1u);
  EXPECT_EQ(life.places[0].place, "station burner process");
  EXPECT_EQ(life.places[0].from, Millis(made));
  EXPECT_EQ(life.places[0].to, Millis(made) + 7000);
  // What is left of the key makes a record without one.
  SecretBytes record = key.FactoryRecord();
  auto v = cbor::Decode(record.Read(SecretAccess()).subspan(kRecordHead));
  ASSERT_TRUE(v);
  EXPECT_THAT(*v->Find("slots")->AsArray()->front().Find("key")->AsBytes(), IsEmpty());
}

TEST_F(Bamboo, AbandonVoidsAndTellsWhy) {
  BambooKey key = MustMake();
  ASSERT_TRUE(key.Abandon(desk_, "the image was not written"));
  EXPECT_THAT(desk_.states, ElementsAre("void"));
  EXPECT_THAT(desk_.reasons, ElementsAre("the image was not written"));
  EXPECT_EQ(desk_.LiveCount(), 0u);
  ASSERT_EQ(desk_.lives.size(), 1u);
  EXPECT_THAT(desk_.lives[0].destroyed, HasSubstr("the image was not written"));
  BambooKey next = MustMake();
  EXPECT_EQ(desk_.LiveCount(), 1u);
}

TEST_F(Bamboo, TheOrderSaysThatWeMadeTheKey) {
  BambooKey key = MustMake();
  ASSERT_EQ(desk_.orders.size(), 1u);
  EXPECT_EQ(desk_.orders[0].method, "bamboo");
  EXPECT_EQ(desk_.orders[0].proof, "made-by-us");
}

}  // namespace
}  // namespace birthmark::method
