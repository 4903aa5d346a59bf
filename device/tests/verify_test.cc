// SPDX-License-Identifier: Apache-2.0
// What the device's verifier accepts and refuses, with certificates made by OpenSSL.
#include <gtest/gtest.h>

#include "cbor/codec.h"
#include "device/tests/firmware.h"

extern "C" {
#include "device/core/verify.h"
}

namespace birthmark::device {
namespace {

constexpr const char* kCodeSigning = "1.3.6.1.5.5.7.3.3";

struct Anchor {
  bm_anchor_form form = BM_FORM_SPKI;
  Bytes data;
  cbor::Map policy;
};

bm_verify_result Verify(const Anchor& a, const Bytes& object) {
  static Bytes policy;  // borrowed by the anchor for the length of the call
  policy = cbor::Encode(cbor::Value(a.policy));
  bm_anchor anchor{};
  anchor.form = a.form;
  anchor.data = bm_span_of(a.data.data(), a.data.size());
  if (!a.policy.empty()) anchor.policy = bm_span_of(policy.data(), policy.size());
  bm_verify_result result;
  bm_verify_object(&anchor, bm_span_of(object.data(), object.size()), &result);
  return result;
}

Bytes Spki(const Key& key) {
  ByteView spki = key->public_key().spki();
  return Bytes(spki.begin(), spki.end());
}

Bytes Sign(const Key& key, std::vector<Bytes> chain = {}, bool bare = false) {
  return *link::SignObject(AsBytes("object"), *key, {std::move(chain), bare});
}

// Three levels: root > sub > ee, all P-256 unless told otherwise.
struct Pki {
  explicit Pki(crypto::Algorithm a = crypto::Algorithm::kEcdsaP256)
      : root(NewKey(a)), sub(NewKey(a)), ee(NewKey(a)) {
    root_cert = MakeCertificate({.cn = "root", .ca = true, .key_usage = "keyCertSign"}, *root,
                                *root, "root");
    sub_cert =
        MakeCertificate({.cn = "sub", .ca = true, .path_length = 0, .key_usage = "keyCertSign"},
                        *sub, *root, "root");
    ee_cert = MakeCertificate({.cn = "ee",
                               .key_usage = "digitalSignature",
                               .eku = kCodeSigning,
                               .policy = "1.3.6.1.4.1.32473.1"},
                              *ee, *sub, "sub");
    direct = MakeCertificate({.cn = "direct", .key_usage = "digitalSignature"}, *ee, *root, "root");
  }
  Key root, sub, ee;
  Bytes root_cert, sub_cert, ee_cert, direct;
};

TEST(Verify, LevelsAreCountedFromTheAnchor) {
  Pki p;
  Anchor anchor{.data = Spki(p.root)};
  EXPECT_EQ(Verify(anchor, Sign(p.root)).level, 1u);
  EXPECT_EQ(Verify(anchor, Sign(p.root)).verdict, BM_ACCEPTED);
  auto two = Verify(anchor, Sign(p.ee, {p.direct}));
  EXPECT_EQ(two.verdict, BM_ACCEPTED);
  EXPECT_EQ(two.level, 2u);
  auto three = Verify(anchor, Sign(p.ee, {p.ee_cert, p.sub_cert}));
  EXPECT_EQ(three.verdict, BM_ACCEPTED);
  EXPECT_EQ(three.level, 3u);
  auto with_root = Verify(anchor, Sign(p.ee, {p.ee_cert, p.sub_cert, p.root_cert}));
  EXPECT_EQ(with_root.verdict, BM_ACCEPTED);
  EXPECT_EQ(with_root.level, 3u) << "the anchor's own certificate is no level";
  auto self = Verify(anchor, Sign(p.root, {p.root_cert}));
  EXPECT_EQ(self.verdict, BM_ACCEPTED);
  EXPECT_EQ(self.level, 1u);
}

TEST(Verify, AnchorFormsFindTheSameKey) {
  Pki p;
  Digest digest = p.root->public_key().spki_digest();
  Anchor by_digest{.form = BM_FORM_DIGEST, .data = Bytes(digest.begin(), digest.end())};
  Anchor by_certificate{.form = BM_FORM_CERTIFICATE, .data = p.root_cert};
  EXPECT_EQ(Verify(by_digest, Sign(p.root, {}, true)).verdict, BM_ACCEPTED);
  EXPECT_EQ(Verify(by_digest, Sign(p.ee, {p.ee_cert, p.sub_cert, p.root_cert})).level, 3u);
  EXPECT_EQ(Verify(by_digest, Sign(p.root)).verdict, BM_REFUSED_CHAIN) << "the key did not travel";
  EXPECT_EQ(Verify(by_digest, Sign(p.ee, {}, true)).verdict, BM_REFUSED_CHAIN);
  EXPECT_EQ(Verify(by_certificate, Sign(p.root)).verdict, BM_ACCEPTED);
  EXPECT_EQ(Verify(by_certificate, Sign(p.ee, {p.ee_cert, p.sub_cert})).verdict, BM_ACCEPTED);
  EXPECT_EQ(Verify({.form = BM_FORM_FILE, .data = p.root_cert}, Sign(p.root)).verdict,
            BM_REFUSED_ANCHOR_FORM);
}

TEST(Verify, LockedLevelRefusesTheOthers) {
  Pki p;
  Bytes one = Sign(p.root);
  Bytes two = Sign(p.ee, {p.direct});
  Bytes three = Sign(p.ee, {p.ee_cert, p.sub_cert});
  for (uint64_t level = 1; level <= 3; level++) {
    Anchor anchor{.data = Spki(p.root), .policy = {{"levels", cbor::Array{level}}}};
    EXPECT_EQ(Verify(anchor, one).verdict, level == 1 ? BM_ACCEPTED : BM_REFUSED_LEVEL);
    EXPECT_EQ(Verify(anchor, two).verdict, level == 2 ? BM_ACCEPTED : BM_REFUSED_LEVEL);
    EXPECT_EQ(Verify(anchor, three).verdict, level == 3 ? BM_ACCEPTED : BM_REFUSED_LEVEL);
  }
}

TEST(Verify, PolicyMustBeMet) {
  Pki p;
  Bytes good = Sign(p.ee, {p.ee_cert, p.sub_cert});
  Bytes plain = Sign(p.ee, {p.direct});
  auto under = [&](const char* key, cbor::Value value, const Bytes& object) {
    return Verify({.data = Spki(p.root), .policy = {{key, std::move(value)}}}, object).verdict;
  };
  EXPECT_EQ(under("eku", kCodeSigning, good), BM_ACCEPTED);
  EXPECT_EQ(under("eku", kCodeSigning, plain), BM_REFUSED_EKU);
  EXPECT_EQ(under("eku", kCodeSigning, Sign(p.root)), BM_REFUSED_EKU) << "a bare key has none";
  EXPECT_EQ(under("policy_oid", "1.3.6.1.4.1.32473.1", good), BM_ACCEPTED);
  EXPECT_EQ(under("policy_oid", "1.3.6.1.4.1.32473.2", good), BM_REFUSED_POLICY);
  EXPECT_EQ(under("subject", "ee", good), BM_ACCEPTED);
  EXPECT_EQ(under("subject", "ee", plain), BM_REFUSED_SUBJECT);
  EXPECT_EQ(under("algorithms", cbor::Array{"ES256"}, good), BM_ACCEPTED);
  EXPECT_EQ(under("algorithms", cbor::Array{"ES384", "PS256"}, good), BM_REFUSED_ALGORITHM);
  EXPECT_EQ(under("levels", "3", good), BM_REFUSED_LEVEL) << "an unreadable rule refuses";
}

TEST(Verify, TheNamedAuthorityMustBeOnTheWayAndNamesInside) {
  Pki p;
  Bytes good = Sign(p.ee, {p.ee_cert, p.sub_cert});
  auto under = [&](const char* key, cbor::Value value, const Bytes& object) {
    return Verify({.data = Spki(p.root), .policy = {{key, std::move(value)}}}, object).verdict;
  };
  EXPECT_EQ(under("subordinate", "sub", good), BM_ACCEPTED);
  EXPECT_EQ(under("subordinate", "other", good), BM_REFUSED_SUBORDINATE);
  EXPECT_EQ(under("subordinate", "su", good), BM_REFUSED_SUBORDINATE);
  // Neither the anchor nor the signer is an authority in between.
  Bytes with_root = Sign(p.ee, {p.ee_cert, p.sub_cert, p.root_cert});
  EXPECT_EQ(under("subordinate", "root", with_root), BM_REFUSED_SUBORDINATE);
  EXPECT_EQ(under("subordinate", "ee", good), BM_REFUSED_SUBORDINATE);
  EXPECT_EQ(under("subordinate", "sub", Sign(p.ee, {p.direct})), BM_REFUSED_SUBORDINATE);
  EXPECT_EQ(under("subordinate", "sub", Sign(p.root)), BM_REFUSED_SUBORDINATE);
  EXPECT_EQ(under("subordinate", uint64_t{1}, good), BM_REFUSED_SUBORDINATE);
  Bytes inside =
      MakeCertificate({.cn = "ee", .key_usage = "digitalSignature", .organization = "Acme"}, *p.ee,
                      *p.root, "root");
  EXPECT_EQ(under("organization", "Acme", Sign(p.ee, {inside})), BM_ACCEPTED);
  EXPECT_EQ(under("organization", "Acme Ltd", Sign(p.ee, {inside})), BM_REFUSED_NAMES);
  EXPECT_EQ(under("organization", "Acme", good), BM_REFUSED_NAMES);
  EXPECT_EQ(under("organization", "ee", good), BM_REFUSED_NAMES);
}

TEST(Verify, EveryFlippedBitIsRefused) {
  Pki p;
  Anchor anchor{.data = Spki(p.root)};
  Bytes object = Sign(p.ee, {p.direct});
  for (size_t i = 0; i < object.size(); i += 7) {
    Bytes changed = object;
    changed[i] ^= static_cast<uint8_t>(1 << (i % 8));
    EXPECT_NE(Verify(anchor, changed).verdict, BM_ACCEPTED) << "byte " << i;
  }
}

TEST(Verify, ForeignKeysAndBrokenChainsAreRefused) {
  Pki p;
  Pki other;
  Anchor anchor{.data = Spki(p.root)};
  EXPECT_EQ(Verify(anchor, Sign(other.root)).verdict, BM_REFUSED_SIGNATURE);
  EXPECT_EQ(Verify(anchor, Sign(other.ee, {other.direct})).verdict, BM_REFUSED_CHAIN);
  EXPECT_EQ(Verify(anchor, Sign(p.ee, {p.ee_cert})).verdict, BM_REFUSED_CHAIN);
  EXPECT_EQ(Verify(anchor, Sign(p.ee, {p.ee_cert, other.sub_cert})).verdict, BM_REFUSED_CHAIN);
  EXPECT_EQ(Verify(anchor, Sign(p.sub, {p.ee_cert, p.sub_cert})).verdict, BM_REFUSED_SIGNATURE);
}

TEST(Verify, CertificatesMustBeFitForTheirPlace) {
  Pki p;
  Anchor anchor{.data = Spki(p.root)};
  Key mid = NewKey();
  auto chain = [&](CertificateOptions ee, CertificateOptions sub) {
    ee.cn = "ee";
    sub.cn = "mid";
    return Verify(anchor, Sign(p.ee, {MakeCertificate(ee, *p.ee, *mid, "mid"),
                                      MakeCertificate(sub, *mid, *p.root, "root")}))
        .verdict;
  };
  CertificateOptions ca{.ca = true};
  EXPECT_EQ(chain({}, ca), BM_ACCEPTED);
  EXPECT_EQ(chain({}, {}), BM_REFUSED_CHAIN_RULES) << "an end entity signed a certificate";
  EXPECT_EQ(chain({}, {.ca = true, .key_usage = "cRLSign"}), BM_REFUSED_CHAIN_RULES);
  EXPECT_EQ(chain({.ca = true}, ca), BM_REFUSED_CHAIN_RULES) << "a CA signed the object";
  EXPECT_EQ(chain({.key_usage = "keyAgreement"}, ca), BM_REFUSED_CHAIN_RULES);
  EXPECT_EQ(chain({.critical_unknown = "1.3.6.1.4.1.32473.99"}, ca), BM_REFUSED_CHAIN_RULES);
  EXPECT_EQ(chain({.sha1 = true}, ca), BM_REFUSED_WEAK);
  EXPECT_EQ(chain({.expired = true}, ca), BM_ACCEPTED)
      << "no clock, so no dates; the report says so";
}

TEST(Verify, PathLengthIsRespected) {
  Pki p;
  Key low = NewKey();
  // sub has pathlen 0, so a CA below it is one too many.
  Bytes low_cert = MakeCertificate({.cn = "low", .ca = true}, *low, *p.sub, "sub");
  Bytes ee_cert = MakeCertificate({.cn = "ee"}, *p.ee, *low, "low");
  EXPECT_EQ(Verify({.data = Spki(p.root)}, Sign(p.ee, {ee_cert, low_cert, p.sub_cert})).verdict,
            BM_REFUSED_CHAIN_RULES);
}

TEST(Verify, NamesMustChain) {
  Pki p;
  Bytes wrong = MakeCertificate({.cn = "ee"}, *p.ee, *p.sub, "somebody");
  EXPECT_EQ(Verify({.data = Spki(p.root)}, Sign(p.ee, {wrong, p.sub_cert})).verdict,
            BM_REFUSED_CHAIN);
}

TEST(Verify, AlgorithmsOfTheVerifier) {
  for (auto a : {crypto::Algorithm::kEcdsaP384, crypto::Algorithm::kRsa2048}) {
    Pki p(a);
    auto result = Verify({.data = Spki(p.root)}, Sign(p.ee, {p.ee_cert, p.sub_cert}));
    EXPECT_EQ(result.verdict, BM_ACCEPTED) << crypto::ToText(a);
    EXPECT_STREQ(result.algorithm, a == crypto::Algorithm::kEcdsaP384 ? "ES384" : "RS256");
  }
  for (auto a : {crypto::Algorithm::kRsa3072, crypto::Algorithm::kRsa4096}) {
    Key key = NewKey(a);
    EXPECT_EQ(Verify({.data = Spki(key)}, Sign(key)).verdict, BM_ACCEPTED) << crypto::ToText(a);
  }
  Key ed = NewKey(crypto::Algorithm::kEd25519);
  EXPECT_EQ(Verify({.data = Spki(ed)}, Sign(ed)).verdict, BM_REFUSED_ALGORITHM);
}

// SignPss makes what no signer of ours makes: RSASSA-PSS with the salt length of RFC 8230.
Bytes SignPss(const Key& key, int64_t algorithm, const EVP_MD* md, int salt) {
  Bytes header = cbor::Encode(cbor::Map{{1, algorithm}});
  Bytes payload = {1, 2, 3};
  Bytes tbs = cbor::Encode(cbor::Array{"Signature1", header, Bytes(), payload});
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  EVP_PKEY_CTX* pctx = nullptr;
  size_t n = 512;
  Bytes signature(n);
  EXPECT_EQ(EVP_DigestSignInit(ctx, &pctx, md, nullptr, key->evp()), 1);
  EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
  EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt);
  EXPECT_EQ(EVP_DigestSign(ctx, signature.data(), &n, tbs.data(), tbs.size()), 1);
  EVP_MD_CTX_free(ctx);
  signature.resize(n);
  return cbor::Encode(cbor::Value::Tag(18, cbor::Array{header, cbor::Map{}, payload, signature}));
}

TEST(Verify, PssWithTheSaltOfItsHash) {
  Key key = NewKey(crypto::Algorithm::kRsa2048);
  Anchor anchor{.data = Spki(key)};
  EXPECT_EQ(Verify(anchor, SignPss(key, -37, EVP_sha256(), 32)).verdict, BM_ACCEPTED);
  EXPECT_EQ(Verify(anchor, SignPss(key, -38, EVP_sha384(), 48)).verdict, BM_ACCEPTED);
  EXPECT_EQ(Verify(anchor, SignPss(key, -39, EVP_sha512(), 64)).verdict, BM_ACCEPTED);
  EXPECT_EQ(Verify(anchor, SignPss(key, -37, EVP_sha256(), 20)).verdict, BM_REFUSED_SIGNATURE);
  EXPECT_EQ(Verify(anchor, SignPss(key, -257, EVP_sha256(), 32)).verdict, BM_REFUSED_SIGNATURE);
}

TEST(Verify, MalformedObjectsAreRefused) {
  Pki p;
  Anchor anchor{.data = Spki(p.root)};
  Bytes good = Sign(p.root);
  EXPECT_EQ(Verify(anchor, {}).verdict, BM_REFUSED_FORMAT);
  Bytes shorter(good.begin(), good.end() - 1);
  EXPECT_EQ(Verify(anchor, shorter).verdict, BM_REFUSED_FORMAT);
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(Verify(anchor, longer).verdict, BM_REFUSED_FORMAT);
  Bytes header = cbor::Encode(cbor::Map{{1, -7}, {2, cbor::Array{1}}});
  Bytes critical =
      cbor::Encode(cbor::Value::Tag(18, cbor::Array{header, cbor::Map{}, Bytes(), Bytes(64)}));
  EXPECT_EQ(Verify(anchor, critical).verdict, BM_REFUSED_FORMAT);
  Bytes sha1 = cbor::Encode(cbor::Value::Tag(
      18, cbor::Array{cbor::Encode(cbor::Map{{1, -65535}}), cbor::Map{}, Bytes(), Bytes(256)}));
  EXPECT_EQ(Verify(anchor, sha1).verdict, BM_REFUSED_ALGORITHM);
}

}  // namespace
}  // namespace birthmark::device
