// SPDX-License-Identifier: Apache-2.0
#include "cbor/cose.h"

#include <gtest/gtest.h>

#include "cbor/codec.h"
#include "cbor/cose_headers.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"

namespace birthmark::cbor {
namespace {

using crypto::Algorithm;
using crypto::SoftwareSigner;

CoseSigning FullHeaders() {
  CoseSigning s;
  s.headers.content_type = Value("application/cbor");
  s.headers.type = Value("application/vnd.example+cose");
  s.headers.claims =
      CwtClaims{"https://maker.example", "bmc-1", TimeFromMillis(1'764'000'000'000), {}};
  s.headers.x5chain = {Bytes{1, 2, 3}, Bytes{4, 5}};
  s.headers.x5t = crypto::Sha256(Bytes{1, 2, 3});
  s.headers.other = {{Value("maker"), Value(7)}};
  s.unprotected = {{Value(394), Value(Array{Bytes{9}})}};
  return s;
}

std::string CodeOf(const Result<CoseSign1>& r) { return r ? "accepted" : r.error().code; }
std::string CodeOf(const Status& s) { return s ? "accepted" : s.error().code; }

// WithHeader is a well-formed message whose protected header is `protected_map`.
Bytes WithHeader(const Map& protected_map, const Map& unprotected = {}, size_t signature = 64) {
  return Encode(Value::Tag(
      18, Array{Encode(Value(protected_map)), unprotected, Bytes{1}, Bytes(signature, 1)}));
}

class CoseAlgorithms : public testing::TestWithParam<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Algorithms, CoseAlgorithms,
                         testing::Values(Algorithm::kEcdsaP256, Algorithm::kEcdsaP384,
                                         Algorithm::kRsa2048, Algorithm::kEd25519));

TEST_P(CoseAlgorithms, WhatIsSignedIsReadAndVerifies) {
  auto signer = SoftwareSigner::Generate(GetParam()).value();
  Bytes message = EncodeCose(SignCose(FullHeaders(), ToBytes("payload"), *signer).value());
  CoseSign1 m = ParseCose(message).value();
  EXPECT_TRUE(VerifyCose(m, signer->public_key()));
  EXPECT_EQ(m.headers.algorithm, CoseAlgorithm(GetParam()));
  EXPECT_EQ(m.headers.TypeText(), "application/vnd.example+cose");
  EXPECT_EQ(m.headers.content_type, Value("application/cbor"));
  EXPECT_EQ(m.headers.claims->issuer, "https://maker.example");
  EXPECT_EQ(m.headers.claims->subject, "bmc-1");
  EXPECT_EQ(Millis(*m.headers.claims->issued_at), 1'764'000'000'000);
  EXPECT_EQ(m.headers.x5chain, (std::vector<Bytes>{Bytes{1, 2, 3}, Bytes{4, 5}}));
  EXPECT_EQ(m.headers.x5t, crypto::Sha256(Bytes{1, 2, 3}));
  EXPECT_EQ(m.headers.other, (Map{{Value("maker"), Value(7)}}));
  EXPECT_EQ(m.payload, ToBytes("payload"));
  EXPECT_EQ(EncodeCose(m), message);
}

class CoseTest : public testing::Test {
 protected:
  std::unique_ptr<SoftwareSigner> signer_ = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  const crypto::PublicKey& key() const { return signer_->public_key(); }
};

TEST_F(CoseTest, AnyFlippedBitIsRefusedExceptInTheUnprotectedHeader) {
  CoseSign1 m = SignCose(FullHeaders(), ToBytes("payload"), *signer_).value();
  Bytes message = EncodeCose(m);
  // Tag, array head, head and octets of the protected header come before the unprotected one.
  size_t begin = Encode(Value(m.protected_bytes)).size() + 2;
  size_t end = begin + Encode(Value(m.unprotected)).size();
  size_t still_good = 0;
  for (size_t i = 0; i < message.size() * 8; ++i) {
    Bytes changed = message;
    changed[i / 8] ^= static_cast<uint8_t>(1 << (i % 8));
    auto parsed = ParseCose(changed);
    bool ok = parsed && VerifyCose(*parsed, key());
    bool outside = i / 8 < begin || i / 8 >= end;
    EXPECT_FALSE(ok && outside) << "bit " << i;
    still_good += ok;
  }
  EXPECT_GT(still_good, 0u);  // the unprotected header is free to change, as documented
}

TEST_F(CoseTest, CutAndPaddedMessagesAreRefused) {
  Bytes message = EncodeCose(SignCose(FullHeaders(), ToBytes("p"), *signer_).value());
  for (size_t n = 0; n < message.size(); ++n) {
    EXPECT_FALSE(ParseCose(ByteView(message).first(n))) << n;
  }
  message.push_back(0);
  EXPECT_EQ(CodeOf(ParseCose(message)), "cbor.trailing");
}

TEST_F(CoseTest, ExternalDataIsBound) {
  CoseSigning s;
  s.external_aad = ToBytes("context");
  CoseSign1 m = SignCose(s, ToBytes("p"), *signer_).value();
  EXPECT_TRUE(VerifyCose(m, key(), AsBytes("context")));
  EXPECT_EQ(CodeOf(VerifyCose(m, key(), AsBytes("contexu"))), "cose.signature");
  EXPECT_EQ(CodeOf(VerifyCose(m, key())), "cose.signature");
}

TEST_F(CoseTest, DetachedPayloadMustBeGivenOnce) {
  CoseSigning s;
  s.detached = true;
  Bytes message = EncodeCose(SignCose(s, ToBytes("p"), *signer_).value());
  CoseSign1 m = ParseCose(message).value();
  EXPECT_FALSE(m.payload);
  EXPECT_TRUE(VerifyCose(m, key(), {}, AsBytes("p")));
  EXPECT_EQ(CodeOf(VerifyCose(m, key(), {}, AsBytes("q"))), "cose.signature");
  EXPECT_EQ(CodeOf(VerifyCose(m, key())), "cose.payload");
  m.payload = ToBytes("p");
  EXPECT_EQ(CodeOf(VerifyCose(m, key(), {}, AsBytes("p"))), "cose.payload");
}

TEST_F(CoseTest, AnotherKeyOrKindOfKeyIsRefused) {
  CoseSign1 m = SignCose({}, ToBytes("p"), *signer_).value();
  auto other = SoftwareSigner::Generate(Algorithm::kEcdsaP256).value();
  auto ed = SoftwareSigner::Generate(Algorithm::kEd25519).value();
  EXPECT_EQ(CodeOf(VerifyCose(m, other->public_key())), "cose.signature");
  EXPECT_EQ(CodeOf(VerifyCose(m, ed->public_key())), "cose.algorithm");
}

TEST_F(CoseTest, ChainOfOneIsAByteString) {
  CoseHeaders h;
  h.x5chain = {Bytes{1}};
  EXPECT_EQ(*Decode(EncodeHeaders(h))->Find(Value(33)), Value(Bytes{1}));
  EXPECT_EQ(EncodeHeaders({}), Bytes());
}

TEST_F(CoseTest, WrongShapesAreRefused) {
  EXPECT_EQ(CodeOf(ParseCose(WithHeader({{Value(1), Value(-7)}}))), "accepted");
  EXPECT_EQ(CodeOf(ParseCose(Encode(Value::Tag(17, Array{})))), "cose.tag");
  EXPECT_EQ(CodeOf(ParseCose(Encode(Value(Array{})))), "cose.tag");
  EXPECT_EQ(CodeOf(ParseCose(Encode(Value::Tag(18, Array{Bytes{}, Map{}, Bytes{}})))),
            "cose.shape");
  EXPECT_EQ(CodeOf(ParseCose(Encode(Value::Tag(18, Array{Bytes{}, Bytes{}, Bytes{}, Bytes{}})))),
            "cose.shape");
  EXPECT_EQ(CodeOf(ParseCose(Encode(Value::Tag(18, Array{Bytes{}, Map{}, Bytes{}, Bytes{}})))),
            "cose.algorithm");
  EXPECT_EQ(CodeOf(ParseCose(Bytes(1000), {.max_bytes = 999})), "cose.too-large");
}

TEST_F(CoseTest, WrongHeadersAreRefused) {
  auto code = [](Map extra) {
    extra.emplace_back(1, -7);
    return CodeOf(ParseCose(WithHeader(extra)));
  };
  EXPECT_EQ(CodeOf(ParseCose(WithHeader({{Value(1), Value("ES256")}}))), "cose.header");
  EXPECT_EQ(CodeOf(ParseCose(WithHeader({{Value(1), Value(-999)}}))), "cose.algorithm");
  EXPECT_EQ(code({{Value(2), Value(Array{})}}), "cose.header");
  EXPECT_EQ(code({{Value(2), Value(Array{Value(99)})}}), "cose.header");
  EXPECT_EQ(code({{Value(2), Value(Array{Value(99)})}, {Value(99), Value(1)}}), "cose.critical");
  EXPECT_EQ(code({{Value(2), Value(Array{Value("x")})}, {Value("x"), Value(1)}}), "cose.critical");
  EXPECT_EQ(code({{Value(2), Value(Array{Value(16)})}, {Value(16), Value("t")}}), "accepted");
  EXPECT_EQ(code({{Value(3), Value(Bytes{})}}), "cose.header");
  EXPECT_EQ(code({{Value(15), Value("x")}}), "cose.header");
  EXPECT_EQ(code({{Value(15), Value(Map{{Value(1), Value(1)}})}}), "cose.header");
  EXPECT_EQ(code({{Value(15), Value(Map{{Value(6), Value(int64_t{253402300800})}})}}),
            "cose.header");
  EXPECT_EQ(code({{Value(16), Value(-1)}}), "cose.header");
  EXPECT_EQ(code({{Value(33), Value(Array{Bytes{1}})}}), "cose.header");
  EXPECT_EQ(code({{Value(33), Value(Array(17, Value(Bytes{1})))}}), "cose.header");
  EXPECT_EQ(code({{Value(34), Value(Array{Value(-16), Bytes(31)})}}), "cose.header");
  EXPECT_EQ(code({{Value(33), Value(Bytes{1})}, {Value(34), Value(Array{Value(-16), Bytes(32)})}}),
            "cose.header");
  EXPECT_EQ(code({{Value(Bytes{1}), Value(1)}}), "cose.header");
  EXPECT_EQ(CodeOf(ParseCose(WithHeader({{Value(1), Value(-7)}}, {{Value(1), Value(-7)}}))),
            "cose.header");
  EXPECT_EQ(
      CodeOf(ParseCose(WithHeader({{Value(1), Value(-7)}}, {{Value(2), Value(Array{Value(1)})}}))),
      "cose.header");
}

TEST_F(CoseTest, SignatureLengthFollowsTheAlgorithm) {
  for (auto [alg, good, bad] :
       {std::tuple{-7, 64u, 63u}, {-35, 96u, 64u}, {-8, 64u, 65u}, {-257, 256u, 255u}}) {
    EXPECT_EQ(CodeOf(ParseCose(WithHeader({{Value(1), Value(alg)}}, {}, good))), "accepted") << alg;
    EXPECT_EQ(CodeOf(ParseCose(WithHeader({{Value(1), Value(alg)}}, {}, bad))),
              "cose.signature-length");
  }
}

TEST_F(CoseTest, NestedGarbageInTheProtectedHeaderIsRefused) {
  Bytes duplicate = FromHex("a201260126").value();
  EXPECT_EQ(CodeOf(ParseCose(Encode(Value::Tag(18, Array{duplicate, Map{}, Bytes{}, Bytes(64)})))),
            "cbor.key-duplicate");
}

}  // namespace
}  // namespace birthmark::cbor
