// SPDX-License-Identifier: Apache-2.0
#include "disclose/signed.h"

#include <gtest/gtest.h>

#include "cbor/codec.h"
#include "cbor/cose.h"
#include "disclose/test_disclosure.h"
#include "disclose/verify.h"

namespace birthmark::disclose {
namespace {

using test::Chain;
using test::kIssued;
using test::MakeChain;
using test::Sample;

class Signed : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    chain_ = new Chain(MakeChain("Acme disclosure"));
    file_ = new Bytes(SignDisclosure(Sample(), chain_->certificates, *chain_->key).value());
  }
  static void TearDownTestSuite() {
    delete chain_;
    delete file_;
  }
  static Trust Pinned(const Chain& c) { return {{}, c.root().digest()}; }

  // SignPayload puts any octets under the real signer, with headers that fit `d`.
  static Bytes SignPayload(ByteView payload, const Disclosure& d = Sample()) {
    cbor::CoseSigning what;
    what.headers.type = cbor::Value(kDisclosureType);
    what.headers.claims.emplace();
    what.headers.claims->issuer = d.product.manufacturer;
    what.headers.claims->subject = d.product.id;
    what.headers.claims->issued_at = TimeFromMillis(d.issued / 1000 * 1000);
    for (const auto& c : chain_->certificates)
      what.headers.x5chain.emplace_back(c.der().begin(), c.der().end());
    return cbor::EncodeCose(cbor::SignCose(what, payload, *chain_->key).value());
  }
  static std::string Code(ByteView file) {
    auto opened = OpenDisclosure(file);
    return opened ? "" : opened.error().code;
  }

  static Chain* chain_;
  static Bytes* file_;
};
Chain* Signed::chain_ = nullptr;
Bytes* Signed::file_ = nullptr;

TEST_F(Signed, OpensToWhatWasSigned) {
  auto opened = OpenDisclosure(*file_);
  ASSERT_TRUE(opened) << opened.error().ToString();
  EXPECT_EQ(cbor::ToCbor(opened->disclosure), cbor::ToCbor(Sample()));
  EXPECT_EQ(opened->chain.size(), 2u);
  EXPECT_FALSE(opened->newer);
  EXPECT_EQ(Millis(opened->signed_at), kIssued / 1000 * 1000);
}

TEST_F(Signed, CarriesTheHeadersOfAScittStatement) {
  auto m = cbor::ParseCose(*file_).value();
  EXPECT_EQ(m.headers.TypeText(), kDisclosureType);
  EXPECT_EQ(m.headers.claims->issuer, "Acme GmbH");
  EXPECT_EQ(m.headers.claims->subject, "acme-bmc");
  EXPECT_EQ(m.headers.x5chain.size(), 2u);
  EXPECT_TRUE(m.unprotected.empty());
}

TEST_F(Signed, EveryChangedByteIsRefused) {
  const Trust trust = Pinned(*chain_);
  ASSERT_EQ(Verify(*file_, trust).exit, 0);
  for (size_t i = 0; i < file_->size(); ++i) {
    Bytes changed = *file_;
    changed[i] ^= static_cast<uint8_t>(1 << (i % 8));
    const VerifyReport r = Verify(changed, trust);
    ASSERT_NE(r.exit, 0) << "byte " << i;
    ASSERT_FALSE(r.intact) << "byte " << i;
  }
}

TEST_F(Signed, EveryTruncationIsRefused) {
  for (size_t n = 0; n < file_->size(); n += 7) {
    ASSERT_FALSE(OpenDisclosure(ByteView(*file_).first(n))) << n;
  }
  Bytes longer = *file_;
  longer.push_back(0);
  EXPECT_EQ(Code(longer), "cbor.trailing");
}

TEST_F(Signed, ReorderedPartsAreRefused) {
  auto m = cbor::ParseCose(*file_).value();
  std::swap(*m.payload, m.signature);
  EXPECT_FALSE(OpenDisclosure(cbor::EncodeCose(m)));
  Disclosure d = Sample();
  cbor::Value v = cbor::ToValue(d);
  cbor::Map entries = *v.AsMap();
  Bytes payload;  // the same entries, last first
  cbor::Writer w(payload);
  w.MapHead(entries.size());
  for (auto it = entries.rbegin(); it != entries.rend(); ++it) {
    w.Item(it->first);
    w.Item(it->second);
  }
  EXPECT_EQ(Code(SignPayload(payload)), "cbor.key-order");
}

TEST_F(Signed, DuplicateKeysAndIndefiniteLengthsAreRefused) {
  EXPECT_EQ(Code(SignPayload(*FromHex("a2616101616102"))), "cbor.key-duplicate");
  EXPECT_EQ(Code(SignPayload(*FromHex("bf616101ff"))), "cbor.indefinite");
  EXPECT_EQ(Code(*FromHex("d29f40a04040ff")), "cbor.indefinite");
  EXPECT_EQ(Code(*FromHex("d284581840a04040")), "cbor.truncated");
}

TEST_F(Signed, UnknownFieldsAreRefusedAtAnyDepth) {
  cbor::Map top = *cbor::ToValue(Sample()).AsMap();
  top.emplace_back("score", 7);
  EXPECT_EQ(Code(SignPayload(cbor::Encode(cbor::Value(top)))), "disclosure.unknown-field");
  cbor::Map nested = *cbor::ToValue(Sample()).AsMap();
  for (auto& [k, v] : nested) {
    if (k == cbor::Value("product")) {
      cbor::Map product = *v.AsMap();
      product.emplace_back("grade", "A");
      v = cbor::Value(product);
    }
  }
  EXPECT_EQ(Code(SignPayload(cbor::Encode(cbor::Value(nested)))), "disclosure.unknown-field");
}

TEST_F(Signed, ALaterFormatIsShownAsFarAsItIsKnown) {
  cbor::Map top = *cbor::ToValue(Sample()).AsMap();
  for (auto& [k, v] : top) {
    if (k == cbor::Value("format")) v = cbor::Value(uint64_t{kFormat} + 1);
  }
  top.emplace_back("later", 7);
  const Bytes file = SignPayload(cbor::Encode(cbor::Value(top)));
  const VerifyReport r = Verify(file, Pinned(*chain_));
  ASSERT_TRUE(r.intact);
  EXPECT_TRUE(r.opened->newer);
  EXPECT_TRUE(r.findings.Has("disclosure.newer"));
  EXPECT_EQ(r.exit, 0);
  std::erase_if(top, [](const auto& e) { return e.first == cbor::Value("product"); });
  EXPECT_EQ(Code(SignPayload(cbor::Encode(cbor::Value(top)))), "disclosure.format");
}

TEST_F(Signed, AMissingOrWrongFieldIsRefused) {
  cbor::Map top = *cbor::ToValue(Sample()).AsMap();
  std::erase_if(top, [](const auto& e) { return e.first == cbor::Value("marks"); });
  EXPECT_EQ(Code(SignPayload(cbor::Encode(cbor::Value(top)))), "cbor.field-missing");
  top.emplace_back("marks", 1);
  EXPECT_EQ(Code(SignPayload(cbor::Encode(cbor::Value(top)))), "cbor.field-type");
  EXPECT_EQ(Code(SignPayload(cbor::Encode(cbor::Value(1)))), "disclosure.format");
}

TEST_F(Signed, HeadersMustSayWhatThePayloadSays) {
  for (auto change : {+[](Disclosure& d) { d.product.id = "other"; },
                      +[](Disclosure& d) { d.product.manufacturer = "Other"; },
                      +[](Disclosure& d) { d.issued += 5000; }}) {
    Disclosure other = Sample();
    change(other);
    EXPECT_EQ(Code(SignPayload(cbor::ToCbor(Sample()), other)), "disclosure.header");
  }
}

TEST_F(Signed, AnotherKindOfSignedFileIsRefused) {
  cbor::CoseSigning what;
  what.headers.type = cbor::Value("application/vnd.birthmark.evidence+cose");
  auto m = cbor::SignCose(what, cbor::ToCbor(Sample()), *chain_->key).value();
  EXPECT_EQ(Code(cbor::EncodeCose(m)), "disclosure.type");
  what.headers.type = cbor::Value(kDisclosureType);
  m = cbor::SignCose(what, cbor::ToCbor(Sample()), *chain_->key).value();
  EXPECT_EQ(Code(cbor::EncodeCose(m)), "disclosure.chain");
}

TEST_F(Signed, RefusesAChainOfAnotherKey) {
  Chain other = MakeChain("Other");
  EXPECT_EQ(SignDisclosure(Sample(), other.certificates, *chain_->key).error().code,
            "disclosure.chain");
  EXPECT_EQ(SignDisclosure(Sample(), {}, *chain_->key).error().code, "disclosure.chain");
}

TEST_F(Signed, RefusesAFilePastTheLimit) {
  EXPECT_EQ(Code(Bytes(kMaxFileBytes + 1, 0)), "cose.too-large");
  Disclosure d = Sample();
  d.checkpoint = std::string(kMaxFileBytes, 'x');
  EXPECT_EQ(SignDisclosure(d, chain_->certificates, *chain_->key).error().code,
            "disclosure.too-large");
}

TEST_F(Signed, ManyItemsAreRefusedBeforeTheyAreHeld) {
  Bytes payload;
  cbor::Writer w(payload);
  w.ArrayHead(1'000'000);
  payload.resize(payload.size() + 1'000'000);
  EXPECT_EQ(Code(SignPayload(payload)), "cbor.items");
}

TEST_F(Signed, EveryAlgorithmOfASignerWorks) {
  for (auto a :
       {crypto::Algorithm::kEcdsaP384, crypto::Algorithm::kEd25519, crypto::Algorithm::kRsa2048}) {
    Chain c = MakeChain("Acme", pki::DisclosureProfile(), pki::RehearsalMarks(), a);
    auto file = SignDisclosure(Sample(), c.certificates, *c.key);
    ASSERT_TRUE(file) << crypto::ToText(a) << " " << file.error().ToString();
    EXPECT_EQ(Verify(*file, Pinned(c)).exit, 0) << crypto::ToText(a);
  }
}

TEST_F(Signed, VerifySaysIntactAndPinned) {
  const VerifyReport r = Verify(*file_, Pinned(*chain_));
  EXPECT_EQ(r.words,
            "intact · signer as pinned · no contradictions · REHEARSAL: emulated devices, "
            "rehearsal keys");
  EXPECT_EQ(r.exit, 0);
  EXPECT_TRUE(r.findings.Has("verify.revocation"));
  EXPECT_EQ(Verify(*file_, {{chain_->root()}, {}}).exit, 0);
  EXPECT_EQ(Verify(*file_, {{}, chain_->certificates[0].digest()}).exit, 0);
}

TEST_F(Signed, VerifyWithoutANamedSignerExitsOne) {
  const VerifyReport r = Verify(*file_, {});
  EXPECT_TRUE(r.intact);
  EXPECT_EQ(r.signer, SignerState::kNotChecked);
  EXPECT_TRUE(r.words.starts_with("intact · signer not checked"));
  EXPECT_EQ(r.exit, 1);
}

TEST_F(Signed, AForgersOwnChainIsNotTheNamedOne) {
  Chain forger = MakeChain("Acme disclosure");  // same names, other keys
  const Bytes forged = SignDisclosure(Sample(), forger.certificates, *forger.key).value();
  EXPECT_EQ(Verify(forged, Pinned(*chain_)).signer, SignerState::kNotAsNamed);
  EXPECT_EQ(Verify(forged, {{chain_->root()}, {}}).exit, 1);
  // The true root carried along does not help: the forger's certificate is not under it.
  std::vector<crypto::Certificate> mixed = {forger.certificates[0], forger.root(), chain_->root()};
  const Bytes dressed = SignDisclosure(Sample(), mixed, *forger.key).value();
  const VerifyReport r = Verify(dressed, Pinned(*chain_));
  EXPECT_EQ(r.exit, 1);
  EXPECT_FALSE(r.signer_why.empty());
}

TEST_F(Signed, ASignerForAnotherUseIsRefused) {
  Chain c = MakeChain("Acme code", pki::CodeSigningProfile());
  const Bytes file = SignDisclosure(Sample(), c.certificates, *c.key).value();
  EXPECT_EQ(Verify(file, Pinned(c)).signer, SignerState::kNotAsNamed);
}

TEST_F(Signed, ASignerOutOfItsDatesIsRefused) {
  Disclosure d = Sample();
  d.issued += int64_t{2} * 365 * 86'400'000;
  const Bytes file = SignDisclosure(d, chain_->certificates, *chain_->key).value();
  EXPECT_EQ(Verify(file, Pinned(*chain_)).exit, 1);
}

TEST_F(Signed, ARehearsalSignerCannotSignAProductionDisclosure) {
  Disclosure d = Sample();
  d.rehearsal = false;
  d.marks.clear();
  const Bytes file = SignDisclosure(d, chain_->certificates, *chain_->key).value();
  const VerifyReport r = Verify(file, Pinned(*chain_));
  EXPECT_TRUE(r.findings.Has("disclosure.rehearsal-unmarked"));
  EXPECT_EQ(r.exit, 1);
}

TEST_F(Signed, ImpossibleNumbersAreAFindingAndFailWhenTheModelIsStated) {
  Disclosure d = Sample();
  std::erase_if(d.answers,
                [](const auto& a) { return a.question == "identity-shared-split-extra"; });
  d.answers.push_back(
      test::Declared("identity-shared-split-extra", "share-set:root", cbor::Value(2)));
  d.answers.push_back(
      test::Declared("identity-shared-split-continents", "share-set:root", cbor::Value(3)));
  VerifyReport r =
      Verify(SignDisclosure(d, chain_->certificates, *chain_->key).value(), Pinned(*chain_));
  EXPECT_TRUE(r.findings.Has("disclosure.split-impossible"));
  EXPECT_EQ(r.exit, 0);
  d.split_model = "single-set";
  r = Verify(SignDisclosure(d, chain_->certificates, *chain_->key).value(), Pinned(*chain_));
  EXPECT_EQ(r.exit, 1);
}

TEST(ParseFingerprint, TakesAll64DigitsOnly) {
  const std::string hex = ToHex(Digest{0xab});
  EXPECT_EQ(ParseFingerprint(hex).value(), Digest{0xab});
  for (const std::string& s :
       {std::string("51c07be2…a90f3d14"), hex.substr(1), hex + "0", std::string()}) {
    auto r = ParseFingerprint(s);
    ASSERT_FALSE(r) << s;
    EXPECT_EQ(r.error().code, "verify.fingerprint");
    EXPECT_EQ(r.error().kind, ErrorKind::kUsage);
  }
}

}  // namespace
}  // namespace birthmark::disclose
