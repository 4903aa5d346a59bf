// SPDX-License-Identifier: Apache-2.0
#include "keystore/software/box.h"

#include <gtest/gtest.h>

#include "cbor/codec.h"
#include "crypto/digest.h"
#include "crypto/software_signer.h"

namespace birthmark::keystore {
namespace {

SecretBytes Pass(std::string_view s) { return SecretBytes::Take(ToBytes(s)); }
SecretBytes Key() { return SecretBytes::Take(Bytes(32, 7)); }

std::string CodeOf(ByteView file, std::string_view pass = "pass") {
  auto r = OpenStoreKey(file, Pass(pass));
  return r ? "accepted" : r.error().code;
}

// Rewrite changes one field of a sealed store key and mends its digest, as an attacker would.
Bytes Rewrite(ByteView file, const char* field, cbor::Value value) {
  cbor::Map m = *cbor::Decode(file)->AsMap();
  for (auto& [k, v] : m) {
    if (k == cbor::Value(field)) v = value;
    if (k == cbor::Value("digest")) v = cbor::Value(Digest{});
  }
  Digest d = crypto::Sha256(cbor::Encode(cbor::Value(m)));
  for (auto& [k, v] : m) {
    if (k == cbor::Value("digest")) v = cbor::Value(d);
  }
  return cbor::Encode(cbor::Value(m));
}

TEST(Box, StoreKeyRoundTrips) {
  Bytes file = SealStoreKey(Key(), Pass("pass")).value();
  EXPECT_TRUE(OpenStoreKey(file, Pass("pass")).value() == Key());
  EXPECT_EQ(CodeOf(file, "wrong"), "keystore.passphrase");
  EXPECT_NE(SealStoreKey(Key(), Pass("pass")).value(), file);
}

TEST(Box, CutOrDamagedStoreKeyIsCorrupt) {
  Bytes file = SealStoreKey(Key(), Pass("pass")).value();
  for (size_t n = 0; n < file.size(); ++n) {
    EXPECT_EQ(CodeOf(ByteView(file).first(n)), "keystore.corrupt") << n;
  }
  for (size_t i = 0; i < file.size(); ++i) {
    Bytes changed = file;
    changed[i] ^= 1;
    EXPECT_EQ(CodeOf(changed), "keystore.corrupt") << i;
  }
  file.push_back(0);
  EXPECT_EQ(CodeOf(file), "keystore.corrupt");
  EXPECT_EQ(CodeOf(Bytes(kMaxKeyFile + 1)), "keystore.corrupt");
}

TEST(Box, FileCannotChooseItsCost) {
  Bytes file = SealStoreKey(Key(), Pass("pass")).value();
  EXPECT_EQ(CodeOf(Rewrite(file, "n", cbor::Value(1024))), "keystore.corrupt");
  EXPECT_EQ(CodeOf(Rewrite(file, "n", cbor::Value(uint64_t{1} << 40))), "keystore.corrupt");
  EXPECT_EQ(CodeOf(Rewrite(file, "r", cbor::Value(1))), "keystore.corrupt");
  EXPECT_EQ(CodeOf(Rewrite(file, "p", cbor::Value(1000))), "keystore.corrupt");
  EXPECT_EQ(CodeOf(Rewrite(file, "format", cbor::Value("birthmark-store-key-2"))),
            "keystore.corrupt");
  // Within the limits but not what was sealed: the cost is bound to the box.
  EXPECT_EQ(CodeOf(Rewrite(file, "n", cbor::Value(1 << 16))), "keystore.passphrase");
}

TEST(Box, UnknownFieldIsRefused) {
  cbor::Map m = *cbor::Decode(SealStoreKey(Key(), Pass("pass")).value())->AsMap();
  m.emplace_back(cbor::Value("zz"), cbor::Value(1));
  EXPECT_EQ(CodeOf(cbor::Encode(cbor::Value(m))), "keystore.corrupt");
}

TEST(Box, KeyFileIsBoundToItsPublicPart) {
  auto a = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  auto b = crypto::SoftwareSigner::Generate(crypto::Algorithm::kEcdsaP256).value();
  Bytes file = SealKey(Key(), "key", a->public_key(), a->ToPkcs8().value()).value();
  KeyFile f = ReadKeyFile(file, "key").value();
  EXPECT_TRUE(OpenKey(Key(), f).value() == a->ToPkcs8().value());
  EXPECT_EQ(ReadKeyFile(file, "other").error().code, "keystore.corrupt");
  f.spki.assign(b->public_key().spki().begin(), b->public_key().spki().end());
  EXPECT_EQ(OpenKey(Key(), f).error().code, "keystore.corrupt");
  f = ReadKeyFile(file, "key").value();
  f.local = false;
  EXPECT_EQ(OpenKey(Key(), f).error().code, "keystore.corrupt");
}

}  // namespace
}  // namespace birthmark::keystore
