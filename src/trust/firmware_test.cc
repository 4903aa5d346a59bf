// SPDX-License-Identifier: Apache-2.0
// Stores inside firmware: UEFI's lists and variables, U-Boot's tree, MCUboot's keys and images.
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/files.h"
#include "crypto/digest.h"
#include "trust/detect.h"
#include "trust/esl.h"
#include "trust/fit.h"
#include "trust/little.h"
#include "trust/mcuboot.h"
#include "trust/test_anchors.h"
#include "trust/varstore.h"

namespace birthmark::trust {
namespace {

using crypto::Algorithm;
using test::CodeOf;
using test::Codes;
using test::KeysOf;
using test::Strings;
using test::TestAnchor;
using test::TestKey;

constexpr std::string_view kOwner = "77fa9abd-0359-4d32-bd60-28f4e78f784b";

void Put16(Bytes& b, uint16_t n) {
  b.push_back(static_cast<uint8_t>(n));
  b.push_back(static_cast<uint8_t>(n >> 8));
}
void PutAll(Bytes& b, ByteView more) { b.insert(b.end(), more.begin(), more.end()); }

TEST(Guid, IsLittleEndianInItsFirstFields) {
  const Bytes octets = *GuidOctets(kOwner);
  EXPECT_EQ(ToHex(octets), "bd9afa775903324dbd6028f4e78f784b");
  EXPECT_EQ(GuidText(octets), kOwner);
  for (const char* bad :
       {"", "77fa9abd-0359-4d32-bd60-28f4e78f784", "77fa9abd00359-4d32-bd60-28f4e78f784b",
        "g7fa9abd-0359-4d32-bd60-28f4e78f784b"})
    EXPECT_FALSE(GuidOctets(bad)) << bad;
}

TEST(SignatureLists, WrittenAndRead) {
  TrustAnchor image;
  image.form = Form::kImageDigest;
  image.digest = Bytes(32, 1);
  const TrustAnchor cert = TestAnchor(), rsa = TestKey(Algorithm::kRsa2048);
  const Bytes lists = WriteSignatureLists({cert, rsa, image}, kOwner).value();
  EXPECT_EQ(DetectFormat(lists), Format::kSignatureList);
  const Store store = ReadSignatureLists(lists, "dbx").value();
  ASSERT_EQ(store.anchors.size(), 3u);
  EXPECT_EQ(store.anchors[0].certificate, cert.certificate);
  EXPECT_EQ(store.anchors[0].owner, kOwner);
  EXPECT_TRUE(store.anchors[0].rejected);
  EXPECT_EQ(store.anchors[1].spki, rsa.spki);
  EXPECT_EQ(store.anchors[2].digest, image.digest);
  EXPECT_TRUE(store.findings.empty());
  const Bytes digests = WriteSha256Lists({cert, cert}, kOwner).value();
  EXPECT_EQ(digests.size(), 28u + 2 * 64);
  const Store hashed = ReadSignatureLists(digests).value();
  ASSERT_EQ(hashed.anchors.size(), 2u);
  EXPECT_EQ(hashed.anchors[0].form, Form::kCertificateDigest);
  EXPECT_FALSE(hashed.anchors[0].rejected);
  for (Algorithm a : {Algorithm::kEd25519, Algorithm::kEcdsaP256, Algorithm::kRsa3072})
    EXPECT_EQ(CodeOf(WriteSignatureLists({TestKey(a)}, kOwner)), "trust.cannot-carry");
  EXPECT_EQ(CodeOf(WriteSignatureLists({cert}, "me")), "trust.esl-owner");
  EXPECT_EQ(CodeOf(WriteSha256Lists({rsa}, kOwner)), "trust.cannot-carry");
}

TEST(SignatureLists, MalformedOnesAreNamedAndTheRestIsRead) {
  const TrustAnchor cert = TestAnchor();
  const Bytes good = WriteSignatureLists({cert}, kOwner).value();
  for (size_t n : {1u, 27u, 28u, 60u})
    EXPECT_EQ(CodeOf(ReadSignatureLists(ByteView(good).first(n))), "trust.esl-malformed") << n;
  for (size_t field : {16u, 20u, 24u}) {  // each size too large
    Bytes bad = good;
    bad[field + 3] = 0xff;
    EXPECT_EQ(CodeOf(ReadSignatureLists(bad)), "trust.esl-malformed") << field;
  }
  Bytes mixed = good;
  mixed[28 + 16] ^= 1;  // no certificate any more
  PutAll(mixed, good);
  Bytes unknown = good;
  unknown[0] ^= 1;
  PutAll(mixed, unknown);
  PutAll(mixed, ByteView(good).first(40));
  const Store store = ReadSignatureLists(mixed).value();
  EXPECT_EQ(store.anchors.size(), 1u);
  EXPECT_EQ(Codes(store),
            (Strings{"trust.certificate-malformed", "trust.esl-kind", "trust.esl-malformed"}));
  Bytes wrapped(16);  // EFI_TIME, then a signature of 8 octets
  AppendLittle32(wrapped, 24 + 8);
  Put16(wrapped, 0x0200);
  Put16(wrapped, 0x0ef1);
  PutAll(wrapped, *GuidOctets("4aafd29d-68df-49ee-8aa9-347d375665a7"));
  wrapped.resize(wrapped.size() + 8);
  PutAll(wrapped, good);
  EXPECT_EQ(ReadStore(*DetectFormat(wrapped), wrapped).value().anchors.size(), 1u);
}

// PutVariable appends an authenticated variable of this state.
void PutVariable(Bytes& b, std::string_view name, uint8_t state, ByteView data) {
  Put16(b, 0x55aa);
  b.push_back(state);
  b.push_back(0);
  AppendLittle32(b, 0x27);
  b.resize(b.size() + 8 + 16 + 4);
  AppendLittle32(b, static_cast<uint32_t>(2 * name.size() + 2));
  AppendLittle32(b, static_cast<uint32_t>(data.size()));
  PutAll(b, *GuidOctets("d719b2cb-3d3a-4596-a3bc-dad00e67656f"));
  for (char c : name) Put16(b, static_cast<uint8_t>(c));
  Put16(b, 0);
  PutAll(b, data);
  while (b.size() % 4 != 0) b.push_back(0xff);
}

// VariableImage is a volume of 64 KiB with these variables and a right checksum.
Bytes VariableImage(ByteView variables) {
  Bytes b(16);
  PutAll(b, *GuidOctets("fff12b8d-7696-4c8b-a985-2747075b4f50"));
  AppendLittle32(b, 0x10000);
  AppendLittle32(b, 0);
  PutAll(b, AsBytes("_FVH"));
  AppendLittle32(b, 0x4feff);
  Put16(b, 72);
  Put16(b, 0);  // the checksum
  b.resize(72);
  uint16_t sum = 0;
  for (size_t i = 0; i < 72; i += 2) sum = static_cast<uint16_t>(sum + Little16(b, i));
  b[50] = static_cast<uint8_t>(-sum);
  b[51] = static_cast<uint8_t>(-sum >> 8);
  PutAll(b, *GuidOctets("aaf32c78-947b-439a-a180-2e144ec37792"));
  AppendLittle32(b, 0x10000 - 72);
  PutAll(b, *FromHex("5afe000000000000"));
  PutAll(b, variables);
  b.resize(0x10000, 0xff);
  return b;
}

TEST(VariableStore, WhatIsInForceIsRead) {
  const Bytes lists = WriteSignatureLists({TestAnchor()}, kOwner).value();
  Bytes variables;
  PutVariable(variables, "PK", 0x3d, lists);  // deleted
  PutVariable(variables, "PK", 0x3f, lists);
  PutVariable(variables, "db", 0x3e, lists);   // on its way out, its successor never came
  PutVariable(variables, "dbx", 0x3e, lists);  // replaced by the next
  PutVariable(variables, "dbx", 0x3f, lists);
  PutVariable(variables, "KEK", 0x7f, lists);  // never whole
  PutVariable(variables, "Boot0000", 0x3f, ToBytes("x"));
  PutVariable(variables, "dbt", 0x3f, ToBytes("x"));
  const Bytes image = VariableImage(variables);
  EXPECT_EQ(DetectFormat(image), Format::kVariableStore);
  const VariableStore read = ReadVariables(image).value();
  EXPECT_EQ(read.variables.size(), 5u);
  EXPECT_EQ(read.deleted, 3u);
  const Store store = ReadVariableStore(image).value();
  Strings places;
  for (const TrustAnchor& a : store.anchors) places.push_back(a.place);
  EXPECT_EQ(places, (Strings{"PK", "dbx", "db"}));
  EXPECT_EQ(Codes(store), Strings{"trust.esl-malformed"});
  EXPECT_EQ(Codes(ReadVariableStore(VariableImage({})).value()), Strings{"trust.setup-mode"});
  Bytes bad = image;
  bad[48] = 74;
  EXPECT_EQ(CodeOf(ReadVariables(bad)), "trust.varstore-malformed");
  bad = image;
  bad[33] = 2;  // longer than the image
  EXPECT_EQ(CodeOf(ReadVariables(bad)), "trust.varstore-malformed");
  Bytes huge = variables;
  huge[36 + 3] = 0xff;  // the first name's size
  EXPECT_TRUE(ReadVariables(VariableImage(huge)).value().findings.Has("trust.varstore-malformed"));
}

TEST(VariableStore, OvmfWithMicrosoftsKeys) {
  const fs::path file = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd";
  if (!fs::exists(file)) GTEST_SKIP() << "the package ovmf is not installed";
  const Store store = ReadVariableStore(ReadFile(file, kMaxStore).value()).value();
  std::map<std::string, int> count;
  for (const TrustAnchor& a : store.anchors) count[a.place]++;
  EXPECT_EQ(count["PK"], 1);
  EXPECT_GE(count["KEK"], 1);
  EXPECT_GE(count["db"], 2);
  EXPECT_FALSE(store.findings.Has("trust.setup-mode"));
  EXPECT_TRUE(std::ranges::any_of(store.anchors, [](const TrustAnchor& a) {
    return a.place == "db" && a.title == "Microsoft Corporation UEFI CA 2011";
  }));
}

TEST(FitKeys, WrittenAndRead) {
  std::vector<TrustAnchor> keys = {TestKey(Algorithm::kRsa2048, "dev"),
                                   TestKey(Algorithm::kEcdsaP256, "Acme / root"),
                                   TestKey(Algorithm::kEcdsaP384, "dev")};
  const Bytes tree = WriteFitKeys(keys, FitRequired::kConfiguration).value();
  EXPECT_EQ(DetectFormat(tree), Format::kFit);
  const Store store = ReadFitKeys(tree).value();
  EXPECT_EQ(KeysOf(store.anchors), KeysOf(keys));
  EXPECT_EQ(store.anchors.at(1).place, "/signature/key-Acme---root");
  EXPECT_EQ(store.anchors.at(1).owner, "conf");
  EXPECT_TRUE(store.findings.empty());
  EXPECT_EQ(Codes(ReadFitKeys(WriteFitKeys(keys, FitRequired::kNothing).value()).value()),
            (Strings(3, "trust.fit-not-required")));
  EXPECT_EQ(CodeOf(WriteFitKeys({TestKey(Algorithm::kEd25519)}, FitRequired::kImage)),
            "trust.cannot-carry");
  for (size_t n : {0u, 39u, 100u})
    EXPECT_EQ(CodeOf(ReadFitKeys(ByteView(tree).first(n))), "trust.fit-malformed") << n;
  // The node's own name for its curve is another.
  Bytes curve = WriteFitKeys({TestKey(Algorithm::kEcdsaP256)}, FitRequired::kImage).value();
  const std::string_view name = "prime256v1";
  const auto at = std::search(curve.begin(), curve.end(), name.begin(), name.end());
  ASSERT_NE(at, curve.end());
  *at ^= 1;
  EXPECT_EQ(Codes(ReadFitKeys(curve).value()), Strings{"trust.fit-key"});
  Bytes bad = tree;
  std::fill(bad.begin() + 56, bad.begin() + 90, 0xee);
  EXPECT_EQ(CodeOf(ReadFitKeys(bad)), "trust.fit-malformed");
}

// McubootFile makes an image of one TLV for the hash and those given.
Bytes McubootFile(ByteView body, const std::vector<std::pair<uint16_t, Bytes>>& tlvs,
                  ByteView protected_tlvs = {}) {
  Bytes b;
  AppendLittle32(b, kMcubootMagic);
  AppendLittle32(b, 0);
  Put16(b, 32);
  Put16(b, static_cast<uint16_t>(protected_tlvs.size()));
  AppendLittle32(b, static_cast<uint32_t>(body.size()));
  AppendLittle32(b, 0);
  PutAll(b, *FromHex("0102030004000000"));
  AppendLittle32(b, 0);
  PutAll(b, body);
  PutAll(b, protected_tlvs);
  Bytes area;
  for (const auto& [type, value] : tlvs) {
    Put16(area, type);
    Put16(area, static_cast<uint16_t>(value.size()));
    PutAll(area, value);
  }
  Put16(b, kMcubootTlvMagic);
  Put16(b, static_cast<uint16_t>(area.size() + 4));
  PutAll(b, area);
  return b;
}

Bytes McubootSignature(crypto::SoftwareSigner& key, uint16_t type, const Digest& digest) {
  crypto::EvpMdCtxPtr md(EVP_MD_CTX_new());
  if (type == McubootTlv::kEd25519) return key.Sign(digest).value();
  crypto::EvpKeyCtxPtr c(EVP_PKEY_CTX_new(key.evp(), nullptr));
  EVP_PKEY_sign_init(c.get());
  EVP_PKEY_CTX_set_signature_md(c.get(), EVP_sha256());
  if (type != McubootTlv::kEcdsa) {
    EVP_PKEY_CTX_set_rsa_padding(c.get(), RSA_PKCS1_PSS_PADDING);
    EVP_PKEY_CTX_set_rsa_pss_saltlen(c.get(), RSA_PSS_SALTLEN_DIGEST);
  }
  Bytes out(512);
  size_t n = out.size();
  EXPECT_EQ(EVP_PKEY_sign(c.get(), out.data(), &n, digest.data(), digest.size()), 1);
  out.resize(n);
  return out;
}

TEST(Mcuboot, WhoseKeySignedIt) {
  const Bytes body = ToBytes("code"), unsigned_image = McubootFile(body, {});
  const McubootImage frame = ParseMcubootImage(unsigned_image).value();
  EXPECT_EQ(frame.version, "1.2.3+4");
  EXPECT_EQ(frame.size, unsigned_image.size());
  const Digest digest = crypto::Sha256(frame.hashed);
  const Bytes hash(digest.begin(), digest.end());
  std::vector<TrustAnchor> anchors;
  for (const auto& [algorithm, type] : {std::pair{Algorithm::kRsa2048, McubootTlv::kRsa2048Pss},
                                        {Algorithm::kRsa3072, McubootTlv::kRsa3072Pss},
                                        {Algorithm::kEcdsaP256, McubootTlv::kEcdsa},
                                        {Algorithm::kEd25519, McubootTlv::kEd25519}}) {
    crypto::SoftwareSigner& key = test::NewKey(algorithm);
    anchors.insert(anchors.begin(), AnchorOfKey(key.public_key().spki()).value());
    Bytes signature = McubootSignature(key, type, digest);
    if (type == McubootTlv::kEcdsa) signature.resize(72 + 8);  // filled up as imgtool once did
    const Bytes key_der = McubootKeyDer(anchors[0]).value();
    Bytes image = McubootFile(
        body, {{McubootTlv::kSha256, hash}, {McubootTlv::kPublicKey, key_der}, {type, signature}});
    const McubootImage parsed = ParseMcubootImage(image).value();
    EXPECT_EQ(SignerOfMcubootImage(parsed, anchors), &anchors[0]);
    const Digest key_hash = crypto::Sha256(key_der);
    EXPECT_EQ(KeyOfMcubootImage(parsed), Bytes(key_hash.begin(), key_hash.end()));
    const Store store = ReadMcubootImage(image).value();
    EXPECT_EQ(KeysOf(store.anchors), KeysOf({anchors[0]}));
    EXPECT_TRUE(store.findings.empty());
    image[33] ^= 1;  // the code
    EXPECT_EQ(SignerOfMcubootImage(ParseMcubootImage(image).value(), anchors), nullptr);
    EXPECT_EQ(Codes(ReadMcubootImage(image).value()), (Strings(2, "trust.mcuboot-hash")));
  }
  EXPECT_EQ(Codes(ReadMcubootImage(unsigned_image).value()), Strings{"trust.mcuboot-unsigned"});
}

TEST(Mcuboot, MalformedImagesAreRefused) {
  Bytes protected_area;
  Put16(protected_area, kMcubootProtectedTlvMagic);
  Put16(protected_area, 12);
  Put16(protected_area, McubootTlv::kSecurityCounter);
  Put16(protected_area, 4);
  AppendLittle32(protected_area, 7);
  const Bytes good = McubootFile(ToBytes("code"), {{0x10, Bytes(32)}}, protected_area);
  const McubootImage image = ParseMcubootImage(good).value();
  EXPECT_TRUE(image.tlvs.at(0).is_protected);
  EXPECT_EQ(image.hashed.size(), 32u + 4 + 12);
  for (size_t n = 0; n < good.size(); ++n)
    EXPECT_EQ(CodeOf(ParseMcubootImage(ByteView(good).first(n))), "trust.mcuboot-malformed") << n;
  for (size_t at : {8u, 10u, 12u, 38u, 42u, 50u, 54u}) {  // each length and magic
    Bytes bad = good;
    bad[at] ^= 0x40;
    EXPECT_EQ(CodeOf(ParseMcubootImage(bad)), "trust.mcuboot-malformed") << at;
  }
}

TEST(Mcuboot, KeysAsSource) {
  std::vector<TrustAnchor> keys = {TestKey(Algorithm::kRsa2048), TestKey(Algorithm::kEcdsaP256),
                                   TestKey(Algorithm::kEd25519)};
  const std::string source = WriteMcubootKeys(keys).value();
  EXPECT_NE(source.find("const int bootutil_key_cnt = 3;"), std::string::npos);
  const Store store = ReadMcubootKeys(AsBytes(source)).value();
  EXPECT_EQ(KeysOf(store.anchors), KeysOf(keys));
  EXPECT_EQ(store.anchors.at(0).title, "key_dev_1");
  EXPECT_EQ(KeysOf(ReadMcubootKeys(McubootKeyDer(keys[0]).value()).value().anchors),
            KeysOf({keys[0]}));
  EXPECT_EQ(CodeOf(ReadMcubootKeys(AsBytes("int x[] = { 0x30, 0x00 };"))),
            "trust.mcuboot-malformed");
  EXPECT_EQ(CodeOf(WriteMcubootKeys({TestKey(Algorithm::kRsa4096)})), "trust.cannot-carry");
}

}  // namespace
}  // namespace birthmark::trust
