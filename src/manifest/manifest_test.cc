// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <openssl/x509.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "crypto/der.h"
#include "crypto/ecdsa_form.h"
#include "crypto/software_signer.h"
#include "manifest/ek_list.h"
#include "manifest/microchip.h"
#include "manifest/strict_json.h"
#include "pki/issue.h"

namespace birthmark::manifest {
namespace {

using crypto::SoftwareSigner;
using nlohmann::json;
using ::testing::HasSubstr;

// Of gives a text in pieces of a size, as files and pipes come.
Source Of(std::string text, size_t piece = 1 << 16) {
  return [text = std::move(text), piece, at = size_t{0}](std::span<char> out) mutable {
    size_t n = std::min({out.size(), text.size() - at, piece});
    std::copy_n(text.begin() + static_cast<ptrdiff_t>(at), n, out.begin());
    at += n;
    return Result<size_t>(n);
  };
}

std::vector<std::string> Split(const std::string& text, size_t piece, std::string* error) {
  ArraySplitter splitter(Of(text, piece), 64);
  std::vector<std::string> out;
  for (;;) {
    auto next = splitter.Next();
    if (!next) {
      *error = next.error().ToString();
      return out;
    }
    if (!*next) return out;
    out.emplace_back(**next);
  }
}

TEST(ArraySplitter, FindsElementsWhereverTheyAreCut) {
  const std::string text = " [ {\"a\":\"}]\\\"{\"} ,\n{\"b\":[1,{\"c\":{}}]}\r\n] ";
  for (size_t piece : {1, 2, 3, 7, 100}) {
    std::string error;
    EXPECT_THAT(Split(text, piece, &error),
                testing::ElementsAre("{\"a\":\"}]\\\"{\"}", "{\"b\":[1,{\"c\":{}}]}"));
    EXPECT_EQ(error, "");
  }
  std::string error;
  EXPECT_TRUE(Split("[]", 1, &error).empty());
  EXPECT_EQ(error, "");
}

TEST(ArraySplitter, RefusesWhatIsNoArrayOfObjects) {
  for (const char* bad :
       {"", "{}", "[1]", "[{}", "[{},]", "[{} {}]", "[{}] x", "[{\"a\":\"", "[,{}]"}) {
    std::string error;
    Split(bad, 3, &error);
    EXPECT_THAT(error, HasSubstr("manifest.json")) << bad;
  }
  std::string error;
  Split("[{\"a\":\"" + std::string(100, 'x') + "\"}]", 9, &error);
  EXPECT_THAT(error, HasSubstr("manifest.element-large"));
}

TEST(StrictJson, TakesNoNameTwiceAndNoEndlessNesting) {
  EXPECT_TRUE(ParseStrict(R"({"a":[1,-2,3.5,true,null,{"a":"b"}],"b":{}})").has_value());
  EXPECT_FALSE(ParseStrict(R"({"a":1,"a":1})").has_value());
  EXPECT_FALSE(ParseStrict(R"({"a":1} 2)").has_value());
  EXPECT_FALSE(ParseStrict(std::string(40, '[') + std::string(40, ']')).has_value());
  auto same = ParseStrict(R"({"a":[{"b":[1]},{"b":[2]}],"c":"d"})");
  ASSERT_TRUE(same.has_value());
  EXPECT_EQ(same->dump(), R"({"a":[{"b":[1]},{"b":[2]}],"c":"d"})");
}

// RFC 4648 section 10, without padding, and RFC 7515 appendix C.
TEST(Base64Url, HasOneFormForEachValue) {
  EXPECT_EQ(FromBase64Url("Zm9vYg"), ToBytes("foob"));
  EXPECT_EQ(FromBase64Url("Zm9vYmE"), ToBytes("fooba"));
  EXPECT_EQ(FromBase64Url("A-z_4ME"), (Bytes{3, 236, 255, 224, 193}));
  EXPECT_EQ(ToBase64Url(Bytes{3, 236, 255, 224, 193}), "A-z_4ME");
  for (const char* bad : {"Zm9vYg==", "Zm9vYh", "A", "Zm+v", "Zm/v", "Zm v"})
    EXPECT_FALSE(FromBase64Url(bad).has_value()) << bad;
}

// A maker with an authority for chips and a signer of lists.
class MicrochipTest : public testing::Test {
 protected:
  void SetUp() override {
    for (auto* key : {&ca_key_, &list_key_, &chip_key_})
      *key = std::move(*SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256));
    ca_ = Self(*ca_key_, "CA");
    lister_ = Self(*list_key_, "Lister");
    pki::Contents contents;
    contents.subject = *pki::Name::Make({{"O", "Maker"}, {"serialNumber", kUid}});
    contents.key = chip_key_->public_key();
    contents.hardware = pki::HardwareModule{"1.3.6.1.4.1.32473.1.2", ToBytes("x")};
    auto issuer = pki::Issuer::Make(ca_, *ca_key_);
    chip_ = *pki::Issue(*issuer, pki::IDevIdProfile(), pki::RehearsalMarks(), *serials_.Next(),
                        contents);
    head_ = {{"typ", "JWT"},
             {"alg", "ES256"},
             {"kid", ToBase64Url(*lister_.ski())},
             {"x5t#S256", ToBase64Url(lister_.digest())}};
    ByteView point = chip_key_->public_key().spki().last(64);
    payload_ = {{"version", 3},
                {"model", "ATECC608C"},
                {"partNumber", "ATECC608C-MAH22"},
                {"manufacturer", {{"organizationName", "Maker"}}},
                {"provisioner", {{"organizationName", "Maker"}}},
                {"distributor", {{"organizationName", "Shop"}}},
                {"groupId", "R1"},
                {"uniqueId", kUid},
                {"publicKeySet",
                 {{"keys",
                   {{{"kid", "0"},
                     {"kty", "EC"},
                     {"crv", "P-256"},
                     {"x", ToBase64Url(point.first(32))},
                     {"y", ToBase64Url(point.last(32))},
                     {"x5c", {ToBase64(chip_.der()), ToBase64(ca_.der())}}}}}}}};
  }
  crypto::Certificate Self(SoftwareSigner& key, const char* name) {
    pki::Contents contents;
    contents.subject = *pki::Name::Make({{"CN", name}});
    contents.key = key.public_key();
    contents.path_len = 0;
    return *pki::SelfSign(key, pki::RootProfile(), pki::RehearsalMarks(), *serials_.Next(),
                          contents);
  }
  // Jws signs the payload as it stands now.
  json Jws() {
    std::string head = ToBase64Url(AsBytes(head_.dump()));
    std::string body = ToBase64Url(AsBytes(payload_.dump()));
    Bytes raw = *crypto::EcdsaDerToRaw(*list_key_->Sign(AsBytes(head + "." + body)), 32);
    return {{"payload", body},
            {"protected", head},
            {"header", {{"uniqueId", kUid}}},
            {"signature", ToBase64Url(raw)}};
  }
  Result<Part> Read(const json& element) {
    auto reader = MicrochipReader::Make(Of(json::array({element}).dump(), 100), lister_,
                                        ChainChecker({ca_}, clock_.Now()), wanted_);
    if (!reader) return std::unexpected(reader.error());
    auto item = (*reader)->Next();
    if (!item) return std::unexpected(item.error());
    name_ = (*item)->name;
    return std::move((*item)->part);
  }
  std::string CodeOf(const json& element) {
    auto part = Read(element);
    return part ? "taken" : part.error().code;
  }

  static constexpr const char* kUid = "0123f1822c38dd7a01";
  ManualClock clock_{TimeFromMillis(1'800'000'000'000)};
  SystemRng rng_;
  pki::SerialSource serials_{clock_, rng_, clock_.Now()};
  std::unique_ptr<SoftwareSigner> ca_key_, list_key_, chip_key_;
  crypto::Certificate ca_, lister_, chip_;
  json head_, payload_;
  Wanted wanted_;
  std::string name_;
};

TEST_F(MicrochipTest, TakesAnElementWithItsCertificate) {
  auto part = Read(Jws());
  ASSERT_TRUE(part.has_value()) << part.error().ToString();
  EXPECT_EQ(part->uid, kUid);
  EXPECT_EQ(part->reel, "R1");
  EXPECT_EQ(part->slot, "0");
  EXPECT_EQ(part->maker, "Maker");
  EXPECT_EQ(part->key, chip_key_->public_key().spki_digest());
  EXPECT_TRUE(std::ranges::equal(part->cert, chip_.der()));
  EXPECT_THAT(name_, HasSubstr(kUid));
}

TEST_F(MicrochipTest, ReadsEveryVersion) {
  payload_["version"] = 1;
  payload_["distributer"] = payload_["distributor"];
  payload_.erase("distributor");
  payload_["encryptedSecretKeySet"] = {{"keys", {"a.b.c.d.e", "a.b.c.d.e"}}};
  auto one = Read(Jws());
  ASSERT_TRUE(one.has_value()) << one.error().ToString();
  EXPECT_EQ(one->sealed_secrets, 2u);
  payload_["version"] = 2;
  payload_.erase("publicKeySet");
  auto light = Read(Jws());
  ASSERT_TRUE(light.has_value()) << light.error().ToString();
  EXPECT_EQ(light->key, Digest{});
  payload_["version"] = 4;
  EXPECT_EQ(CodeOf(Jws()), "manifest.version");
}

TEST_F(MicrochipTest, PrefersTheKeyThatIsCertified) {
  json bare = payload_["publicKeySet"]["keys"][0];
  bare.erase("x5c");
  json certified = payload_["publicKeySet"]["keys"][0];
  certified["kid"] = "2";
  payload_["publicKeySet"]["keys"] = {bare, certified};
  auto part = Read(Jws());
  ASSERT_TRUE(part.has_value()) << part.error().ToString();
  EXPECT_EQ(part->slot, "2");
}

TEST_F(MicrochipTest, BelievesNothingBeforeItIsChecked) {
  json jws = Jws();
  json bad = jws;
  bad["header"]["uniqueId"] = "0123f1822c38dd7a02";
  EXPECT_EQ(CodeOf(bad), "manifest.unique-id");
  bad = jws;
  bad.erase("header");
  EXPECT_EQ(CodeOf(bad), "manifest.unique-id");
  bad = jws;
  bad["header"]["alg"] = "none";
  EXPECT_EQ(CodeOf(bad), "manifest.unprotected");
  bad = jws;
  bad["signature"] = std::string(bad["signature"]).substr(0, 80);
  EXPECT_EQ(CodeOf(bad), "manifest.signature");
  bad = jws;
  std::string s = bad["signature"];
  s[10] = s[10] == 'A' ? 'B' : 'A';
  bad["signature"] = s;
  EXPECT_EQ(CodeOf(bad), "manifest.signature");
  bad = jws;
  bad["signatures"] = json::array();
  EXPECT_EQ(CodeOf(bad), "manifest.format");
  for (const char* alg : {"none", "HS256", "ES384", "es256", "RS256"}) {
    head_["alg"] = alg;
    EXPECT_EQ(CodeOf(Jws()), "manifest.algorithm") << alg;
  }
  head_["alg"] = "ES256";
  head_["crit"] = {"b64"};
  EXPECT_EQ(CodeOf(Jws()), "manifest.format");
  head_.erase("crit");
  head_["x5t#S256"] = ToBase64Url(ca_.digest());
  EXPECT_EQ(CodeOf(Jws()), "manifest.signer");
}

TEST_F(MicrochipTest, HoldsTheCertificateToThePinnedRoot) {
  json& x5c = payload_["publicKeySet"]["keys"][0]["x5c"];
  const json good = x5c;
  x5c = {good[0], ToBase64(lister_.der())};
  EXPECT_EQ(CodeOf(Jws()), "manifest.chain");  // leads to nobody who is pinned
  x5c = {ToBase64(ca_.der()), ToBase64(ca_.der())};
  EXPECT_EQ(CodeOf(Jws()), "manifest.chain");  // an authority is no chip
  Bytes changed(chip_.der().begin(), chip_.der().end());
  changed[changed.size() / 2] ^= 1;
  x5c = {ToBase64(changed), good[1]};
  EXPECT_EQ(CodeOf(Jws()), "manifest.chain");
  x5c = good;
  ByteView other = ca_key_->public_key().spki().last(64);
  payload_["publicKeySet"]["keys"][0]["x"] = ToBase64Url(other.first(32));
  payload_["publicKeySet"]["keys"][0]["y"] = ToBase64Url(other.last(32));
  EXPECT_EQ(CodeOf(Jws()), "manifest.chain");  // certified for another key than the one listed
}

TEST_F(MicrochipTest, LooksAtKeysAndCustomers) {
  json& key = payload_["publicKeySet"]["keys"][0];
  key.erase("x5c");
  key["d"] = "AAAA";
  EXPECT_EQ(CodeOf(Jws()), "manifest.private-key");
  key.erase("d");
  std::string y = key["y"];
  key["y"] = key["x"];
  EXPECT_EQ(CodeOf(Jws()), "manifest.key");
  key["y"] = y.substr(0, 40);
  EXPECT_EQ(CodeOf(Jws()), "manifest.key");
  key["y"] = y;
  EXPECT_EQ(CodeOf(Jws()), "taken");
  for (Wanted w : {Wanted{.group = "R2", .part_number = "", .provisioner = ""},
                   Wanted{.group = "", .part_number = "X", .provisioner = ""},
                   Wanted{.group = "", .part_number = "", .provisioner = "Somebody"}}) {
    wanted_ = w;
    EXPECT_EQ(CodeOf(Jws()), "manifest.customer");
  }
}

TEST_F(MicrochipTest, RefusesAChipWhoseTimeIsOver) {
  ChainChecker later({ca_}, chip_.not_after() + std::chrono::hours(24));
  const std::vector<Bytes> all = {Bytes(ca_.der().begin(), ca_.der().end())};
  if (chip_.not_after() < TimeFromMillis(253402300799000)) {
    EXPECT_FALSE(later.Check(chip_.der(), all).has_value());
  }
  ChainChecker nobody({}, clock_.Now());
  auto none = nobody.Check(chip_.der(), all);
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message, HasSubstr("no root is pinned"));
}

TEST_F(MicrochipTest, TakesNoTwoKeysForOneSlot) {
  json twice = payload_["publicKeySet"]["keys"][0];
  payload_["publicKeySet"]["keys"].push_back(twice);
  EXPECT_EQ(CodeOf(Jws()), "manifest.format");
  payload_["publicKeySet"]["keys"][1]["kid"] = "1";
  EXPECT_EQ(CodeOf(Jws()), "taken");
}

TEST_F(MicrochipTest, NamesAreTakenWholeOrNotAtAll) {
  // 101 octets, the last two one character: cut after 100 they would be no text any more.
  const std::string large = std::string(99, 'R') + "\u00e4";
  for (const char* member : {"groupId", "partNumber"}) {
    const json good = payload_[member];
    for (const std::string& bad : {large, std::string("R\x1b[2J"), std::string("R\n1")}) {
      payload_[member] = bad;
      EXPECT_EQ(CodeOf(Jws()), "manifest.format") << member;
    }
    payload_[member] = std::string(98, 'R') + "\u00e4";
    EXPECT_EQ(CodeOf(Jws()), "taken");
    payload_[member] = good;
  }
  payload_["manufacturer"]["organizationName"] = large;
  EXPECT_EQ(CodeOf(Jws()), "manifest.format");
  EXPECT_EQ(Shown("a\x1b[2J\xc3\xa4"), "a?[2J??");
}

TEST_F(MicrochipTest, AChipsSignatureIsAsStrongAsItsMakers) {
  auto pkcs8 = ca_key_->ToPkcs8();
  ASSERT_TRUE(pkcs8.has_value());
  ByteView der = pkcs8->Read(SecretAccess());
  const uint8_t* at = der.data();
  crypto::EvpKeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(der.size())));
  auto signed_with = [&](const EVP_MD* hash) {
    crypto::X509Ptr copy(X509_dup(chip_.x509()));
    EXPECT_GT(X509_sign(copy.get(), key.get(), hash), 0);
    uint8_t* out = nullptr;
    int n = i2d_X509(copy.get(), &out);
    Bytes bytes(out, out + n);
    OPENSSL_free(out);
    return bytes;
  };
  ChainChecker checker({ca_}, clock_.Now());
  EXPECT_TRUE(checker.Check(signed_with(EVP_sha256()), {}).has_value());
  EXPECT_TRUE(checker.Check(signed_with(EVP_sha384()), {}).has_value());
  auto weak = checker.Check(signed_with(EVP_sha1()), {});
  ASSERT_FALSE(weak.has_value());
  EXPECT_EQ(weak.error().code, "manifest.chain");
}

TEST_F(MicrochipTest, AMakersNameMayHaveSeveralKeys) {
  const crypto::Certificate older = Self(*list_key_, "CA");
  for (const auto& pinned : {std::vector{older, ca_}, std::vector{ca_, older}}) {
    ChainChecker checker(pinned, clock_.Now());
    EXPECT_TRUE(checker.Check(chip_.der(), {}).has_value());
  }
  ChainChecker other({older}, clock_.Now());
  EXPECT_FALSE(other.Check(chip_.der(), {}).has_value());
}

TEST_F(MicrochipTest, RefusesAChipOfADayToCome) {
  ChainChecker before({ca_}, chip_.not_before() - std::chrono::hours(24));
  auto early = before.Check(chip_.der(), {});
  ASSERT_FALSE(early.has_value());
  EXPECT_EQ(early.error().code, "manifest.chain");
}

// RFC 5280 section 4.1.2.8: no certificate of today has unique identifiers, and behind one a
// critical extension must not go unread.
TEST_F(MicrochipTest, NothingStandsBetweenAChipsKeyAndItsExtensions) {
  auto whole = crypto::DerReader(chip_.der()).Enter();
  ASSERT_TRUE(whole.has_value());
  auto tbs = whole->Enter();
  ASSERT_TRUE(tbs.has_value());
  Bytes changed;
  while (!tbs->AtEnd()) {
    if (tbs->NextIs(crypto::der::Context(3, true)))
      changed.insert(changed.end(), {0x81, 0x02, 0x00, 0x01});
    auto element = tbs->Next();
    ASSERT_TRUE(element.has_value());
    changed.insert(changed.end(), element->whole.begin(), element->whole.end());
  }
  Bytes parts, out;
  crypto::DerWriter(parts).Element(crypto::der::kSequence, changed);
  while (!whole->AtEnd()) {
    auto element = whole->Next();
    ASSERT_TRUE(element.has_value());
    parts.insert(parts.end(), element->whole.begin(), element->whole.end());
  }
  crypto::DerWriter(out).Element(crypto::der::kSequence, parts);
  EXPECT_TRUE(ReadChip(chip_.der()).has_value());
  EXPECT_FALSE(ReadChip(out).has_value());
}

TEST_F(MicrochipTest, ReadsListsOfEndorsementKeys) {
  std::string row = "T1,ecc-p256,000b" + std::string(64, '0') + "," + ToBase64(chip_.der()) +
                    ",https://example.com/ca,R1,2026-10-02T08:00:00Z\n";
  std::string text = std::string(kEkHeader) + "\r\n" + row + "\nT2,des,,,,,\n" + "T3,x\n";
  auto reader = EkCsv(Of(text, 7), ChainChecker({ca_}, clock_.Now()), "");
  auto first = reader->Next();
  ASSERT_TRUE(first.has_value() && first->has_value());
  ASSERT_TRUE((*first)->part.has_value()) << (*first)->part.error().ToString();
  EXPECT_EQ((*first)->part->uid, ToHex(chip_key_->public_key().spki_digest()));
  EXPECT_EQ((*first)->part->slot, "ek");
  for (const char* name : {"line 4 (TPM T2)", "line 5 (TPM T3)"}) {
    auto next = reader->Next();
    ASSERT_TRUE(next.has_value() && next->has_value());
    EXPECT_EQ((*next)->name, name);
    EXPECT_EQ((*next)->part.error().code, "manifest.ek-row");
  }
  EXPECT_FALSE((*reader->Next()).has_value());
  auto other = EkCsv(Of("a,b\n"), ChainChecker({ca_}, clock_.Now()), "");
  EXPECT_EQ(other->Next().error().code, "manifest.ek-list");
}

}  // namespace
}  // namespace birthmark::manifest
