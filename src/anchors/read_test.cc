// SPDX-License-Identifier: Apache-2.0
#include "anchors/read.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <fstream>

#include "anchors/test_tools.h"
#include "cbor/reflect.h"
#include "crypto/cert.h"
#include "crypto/pem.h"
#include "tests/support/temp_dir.h"

namespace birthmark::anchors {
namespace {

using ::birthmark::test::TempDir;
using test::LinesWith;
using test::Present;
using test::ToolOutput;
using ::testing::HasSubstr;

const char* const kBundle = "/etc/ssl/certs/ca-certificates.crt";

std::string ReadCode(const Result<AnchorFacts>& r) { return r ? "" : r.error().code; }

std::string OpensslDate(int64_t seconds) {
  const std::time_t t = static_cast<std::time_t>(seconds);
  std::tm tm{};
  gmtime_r(&t, &tm);
  std::array<char, 64> out{};
  std::strftime(out.data(), out.size(), "%b %e %H:%M:%S %Y GMT", &tm);
  return out.data();
}

// OneCertificate makes a certificate with a tool by others.
std::string OneCertificate(const std::string& key_options) {
  TempDir dir;
  const std::string pem = (dir / "c.pem").string();
  ToolOutput(fmt::format(
      "openssl req -x509 -nodes {} -keyout {} -subj '/O=Ridgeback/CN=Boot anchor' -days 30 -out {}",
      key_options, (dir / "k.pem").string(), pem));
  return ReadTextFile(pem, 1 << 20).value_or("");
}

TEST(ReadAnchors, WebPkiBundleAgreesWithOpenssl) {
  if (!Present(kBundle)) return;
  const std::string listing =
      ToolOutput(fmt::format("openssl storeutl -noout -text -certs {}", kBundle));
  ASSERT_FALSE(listing.empty());
  auto facts = ReadAnchorFile(kBundle);
  ASSERT_TRUE(facts) << facts.error().ToString();
  EXPECT_EQ(facts->kind, FileKind::kCertificateBundle);
  const auto ends = LinesWith(listing, "Not After : ");
  auto starts = LinesWith(listing, "Not Before: ");
  // A privateKeyUsagePeriod has both dates on one line.
  std::erase_if(starts, [](const std::string& s) { return s.find(',') != std::string::npos; });
  const auto bits = LinesWith(listing, "Public-Key: (");
  ASSERT_EQ(facts->entries.size(), ends.size());
  ASSERT_GT(ends.size(), 50u);
  for (size_t i = 0; i < ends.size(); ++i) {
    const AnchorEntry& e = facts->entries[i];
    EXPECT_EQ(OpensslDate(*e.not_after), ends[i]) << e.label;
    EXPECT_EQ(OpensslDate(*e.not_before), starts[i]) << e.label;
    EXPECT_EQ(fmt::format("{} bit)", *e.key_bits), bits[i]) << e.label;
    EXPECT_TRUE(*e.self_signed) << e.label;
  }
  const std::string file_digest = ToolOutput(fmt::format("openssl dgst -sha256 -r {}", kBundle));
  EXPECT_EQ(ToHex(facts->digest), file_digest.substr(0, 64));
}

TEST(ReadAnchors, CertificateFactsAgreeWithOpenssl) {
  if (!Present(kBundle)) return;
  auto facts = ReadAnchorFile(kBundle);
  ASSERT_TRUE(facts);
  TempDir dir;
  const auto blocks = crypto::ReadPem(*ReadTextFile(kBundle, kMaxAnchorFile));
  ASSERT_TRUE(blocks);
  for (size_t i = 0; i < blocks->size(); i += 29) {
    const std::string der = (dir / "c.der").string();
    ASSERT_TRUE(WriteFileAtomic(der, ByteView((*blocks)[i].der)));
    const std::string fingerprint =
        ToolOutput(fmt::format("openssl x509 -inform DER -in {} -noout -fingerprint -sha256", der));
    std::string hex = ToHex(facts->entries[i].fingerprint);
    std::string wanted = LinesWith(fingerprint, "Fingerprint=").at(0);
    std::erase(wanted, ':');
    std::ranges::transform(wanted, wanted.begin(), [](unsigned char c) { return std::tolower(c); });
    EXPECT_EQ(hex, wanted);
    const std::string spki =
        ToolOutput(fmt::format("openssl x509 -inform DER -in {} -noout -pubkey | openssl pkey "
                               "-pubin -outform DER | openssl dgst -sha256 -r",
                               der));
    EXPECT_EQ(ToHex(*facts->entries[i].spki_digest), spki.substr(0, 64));
  }
}

TEST(ReadAnchors, SetDigestIgnoresOrderRepeatsAndComments) {
  if (!Present(kBundle)) return;
  auto blocks = crypto::ReadPem(*ReadTextFile(kBundle, kMaxAnchorFile));
  ASSERT_TRUE(blocks);
  blocks->resize(5);
  auto text = [&] {
    std::string s = "# a comment\n";
    for (const auto& b : *blocks) s += crypto::WritePem(b.label, b.der);
    return s;
  };
  const auto a = ReadAnchors(AsBytes(text()));
  std::ranges::reverse(*blocks);
  blocks->push_back(blocks->front());
  const auto b = ReadAnchors(AsBytes(text()));
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->set_digest, b->set_digest);
  EXPECT_NE(a->digest, b->digest);
  EXPECT_EQ(Summarize(*b).count, 5u);
  ASSERT_EQ(b->notes.size(), 1u);
  EXPECT_EQ(b->notes[0].code, "anchors.entry-twice");
  blocks->resize(4);
  EXPECT_NE(ReadAnchors(AsBytes(text()))->set_digest, a->set_digest);
}

TEST(ReadAnchors, FactsRoundTripThroughCbor) {
  if (!Present(kBundle)) return;
  const auto facts = ReadAnchorFile(kBundle);
  ASSERT_TRUE(facts);
  const auto again = cbor::FromCbor<AnchorFacts>(cbor::ToCbor(*facts));
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(*again, *facts);
  const AnchorSummary summary = Summarize(*facts);
  EXPECT_EQ(*cbor::FromCbor<AnchorSummary>(cbor::ToCbor(summary)), summary);
  EXPECT_LT(cbor::ToCbor(summary).size(), 400u);
}

TEST(ReadAnchors, ExpiryIsCountedAtAGivenTime) {
  if (!Present(kBundle)) return;
  const auto facts = ReadAnchorFile(kBundle);
  ASSERT_TRUE(facts);
  const AnchorSummary s = Summarize(*facts);
  ASSERT_TRUE(s.first_expiry && s.last_expiry);
  EXPECT_LT(*s.first_expiry, *s.last_expiry);
  EXPECT_EQ(ExpiredAt(*facts, TimeFromMillis(*s.first_expiry * 1000)), 0u);
  EXPECT_GE(ExpiredAt(*facts, TimeFromMillis((*s.first_expiry + 1) * 1000)), 1u);
  EXPECT_EQ(ExpiredAt(*facts, TimeFromMillis((*s.last_expiry + 1) * 1000)), facts->entries.size());
}

TEST(ReadAnchors, NamesEveryKindOfKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"-newkey rsa:2048 -sha256", "rsa-2048"},
      {"-newkey ec -pkeyopt ec_paramgen_curve:P-256", "ecdsa-p256"},
      {"-newkey ec -pkeyopt ec_paramgen_curve:P-384", "ecdsa-p384"},
      {"-newkey ec -pkeyopt ec_paramgen_curve:P-521", "ecdsa-p521"},
      {"-newkey ec -pkeyopt ec_paramgen_curve:secp256k1", "ecdsa-secp256k1"},
      {"-newkey ed25519", "ed25519"},
  };
  for (const auto& [options, name] : cases) {
    const auto facts = ReadAnchors(AsBytes(OneCertificate(options)));
    ASSERT_TRUE(facts) << options << ": " << facts.error().ToString();
    EXPECT_EQ(facts->kind, FileKind::kCertificate);
    EXPECT_EQ(facts->entries[0].algorithm, name);
    EXPECT_EQ(facts->entries[0].label, "CN=Boot anchor,O=Ridgeback");
    EXPECT_EQ(facts->entries[0].ca, true);
  }
}

TEST(ReadAnchors, SignatureIsNamed) {
  const auto sha1 = ReadAnchors(AsBytes(OneCertificate("-newkey rsa:2048 -sha1")));
  ASSERT_TRUE(sha1) << sha1.error().ToString();
  EXPECT_EQ(sha1->entries[0].signature, "rsa-pkcs1-sha1");
  EXPECT_EQ(sha1->entries[0].self_signed, true);
  const auto pss =
      ReadAnchors(AsBytes(OneCertificate("-newkey rsa:2048 -sigopt rsa_padding_mode:pss -sha384")));
  ASSERT_TRUE(pss) << pss.error().ToString();
  EXPECT_EQ(pss->entries[0].signature, "rsa-pss-sha384");
}

TEST(ReadAnchors, BrokenSelfSignatureIsNoted) {
  const auto der = crypto::ReadOnePem(OneCertificate("-newkey rsa:2048"), "CERTIFICATE");
  ASSERT_TRUE(der);
  Bytes damaged = *der;
  damaged.back() ^= 1;  // inside the signature
  const auto facts = ReadAnchors(damaged);
  ASSERT_TRUE(facts) << facts.error().ToString();
  EXPECT_EQ(facts->entries[0].self_signed, false);
  ASSERT_EQ(facts->notes.size(), 1u);
  EXPECT_EQ(facts->notes[0].code, "anchors.self-signature-broken");
  EXPECT_TRUE(ReadAnchors(*der)->notes.empty());
}

TEST(ReadAnchors, BareKeyInPemAndDerAreTheSameAnchor) {
  const auto cert =
      crypto::Certificate::FromPem(OneCertificate("-newkey ec -pkeyopt ec_paramgen_curve:P-256"));
  ASSERT_TRUE(cert);
  const ByteView spki = cert->public_key()->spki();
  const auto der = ReadAnchors(spki);
  const auto pem = ReadAnchors(AsBytes(crypto::WritePem("PUBLIC KEY", spki)));
  ASSERT_TRUE(der && pem);
  EXPECT_EQ(der->kind, FileKind::kPublicKey);
  EXPECT_EQ(der->entries, pem->entries);
  EXPECT_EQ(der->entries[0].spki_digest, cert->public_key()->spki_digest());
  const auto pin = ReadAnchors(AsBytes(der->entries[0].label + "\n"));
  ASSERT_TRUE(pin);
  EXPECT_EQ(pin->kind, FileKind::kKeyPins);
  EXPECT_EQ(pin->entries[0].spki_digest, der->entries[0].spki_digest);
}

TEST(ReadAnchors, TwoPinsAndBadPins) {
  const std::string pin = "sha256//" + ToBase64(Bytes(32, 7));
  const auto two = ReadAnchors(AsBytes(pin + ";sha256//" + ToBase64(Bytes(32, 8))));
  ASSERT_TRUE(two);
  EXPECT_EQ(two->entries.size(), 2u);
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(pin + ";"))), "anchors.pin-malformed");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes("sha256//" + ToBase64(Bytes(31, 7))))),
            "anchors.pin-malformed");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(pin + ";sha1//AAAA"))), "anchors.pin-malformed");
}

TEST(ReadAnchors, RefusesWhatIsNoAnchor) {
  const std::string cert = OneCertificate("-newkey ed25519");
  const auto block = crypto::ReadOnePem(cert, "CERTIFICATE");
  ASSERT_TRUE(block);
  const auto spki = crypto::Certificate::FromDer(*block);
  const std::string key = crypto::WritePem("PUBLIC KEY", spki->public_key()->spki());
  EXPECT_EQ(ReadCode(ReadAnchors({})), "anchors.empty");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(cert + key))), "anchors.mixed");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(key + key))), "anchors.mixed");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(cert + crypto::WritePem("PRIVATE KEY", Bytes(48, 1))))),
            "anchors.private-key");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(crypto::WritePem("X509 CRL", Bytes(48, 1))))),
            "anchors.unknown-format");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(crypto::WritePem("CERTIFICATE", Bytes(48, 1))))),
            "anchors.certificate-malformed");
  EXPECT_EQ(ReadCode(ReadAnchors(AsBytes(std::string(100, '\x01')))), "anchors.unknown-format");
  EXPECT_EQ(ReadCode(ReadAnchors(Bytes(kMaxAnchorFile + 1, 0x30))), "anchors.too-large");
}

TEST(ReadAnchors, EveryTruncationOfACertificateIsRefused) {
  const auto der = crypto::ReadOnePem(OneCertificate("-newkey ed25519"), "CERTIFICATE");
  ASSERT_TRUE(der);
  ASSERT_TRUE(ReadAnchors(*der));
  for (size_t n = 0; n < der->size(); ++n) {
    EXPECT_FALSE(ReadAnchors(ByteView(*der).first(n))) << n;
  }
  Bytes longer = *der;
  longer.push_back(0);
  EXPECT_FALSE(ReadAnchors(longer));
}

TEST(ReadAnchorFile, AGigabyteOfZerosIsRefusedUnread) {
  TempDir dir;
  const auto path = dir / "zeros";
  {
    std::ofstream(path).put('\0');
  }
  std::filesystem::resize_file(path, 1ull << 30);  // sparse
  const auto facts = ReadAnchorFile(path);
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().code, "file.too-large");
}

TEST(ReadOpenpgp, DebianKeyringAgreesWithGpg) {
  const char* const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  if (!Present(keyring)) return;
  const auto facts = ReadAnchorFile(keyring);
  ASSERT_TRUE(facts) << facts.error().ToString();
  EXPECT_EQ(facts->kind, FileKind::kOpenpgpKeyring);
  TempDir home;
  const std::string listing = ToolOutput(fmt::format(
      "gpg --homedir {} --batch --show-keys --with-colons {}", home.path().string(), keyring));
  if (listing.empty()) {
    std::printf("not compared: gpg is not installed\n");
    return;
  }
  struct Key {
    std::string record, bits, created, expires, uses, fingerprint;
  };
  std::vector<Key> keys;
  std::istringstream in(listing);
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> f;
    std::istringstream fields(line);
    for (std::string x; std::getline(fields, x, ':');) f.push_back(x);
    if (f[0] == "pub" || f[0] == "sub") keys.push_back({f[0], f[2], f[5], f[6], f.at(11), ""});
    if (f[0] == "fpr") keys.back().fingerprint = f[9];
  }
  ASSERT_EQ(facts->entries.size(), keys.size());
  for (const Key& k : keys) {
    const auto e = std::ranges::find_if(facts->entries, [&](const AnchorEntry& x) {
      return x.fingerprint == FromHex(k.fingerprint);
    });
    ASSERT_NE(e, facts->entries.end()) << k.fingerprint;
    EXPECT_EQ(e->form, k.record == "pub" ? EntryForm::kOpenpgpKey : EntryForm::kOpenpgpSubkey);
    EXPECT_EQ(std::to_string(*e->not_before), k.created) << e->label;
    EXPECT_EQ(e->not_after ? std::to_string(*e->not_after) : "", k.expires) << e->label;
    if (e->algorithm.starts_with("rsa")) {
      EXPECT_EQ(std::to_string(*e->key_bits), k.bits);
    }
    EXPECT_EQ(e->uses->find("sign") != std::string::npos, k.uses.find('s') != std::string::npos)
        << e->label;
  }
}

TEST(ReadOpenpgp, TruncatedAndPrivateKeyringsAreRefused) {
  const char* const keyring = "/usr/share/keyrings/debian-archive-bookworm-stable.gpg";
  if (!Present(keyring)) return;
  const auto data = ReadFile(keyring, kMaxAnchorFile);
  ASSERT_TRUE(data);
  const auto whole = ReadAnchors(*data);
  ASSERT_TRUE(whole) << whole.error().ToString();
  EXPECT_EQ(whole->entries[0].algorithm, "ed25519");
  EXPECT_THAT(whole->entries[0].label, HasSubstr("Debian Stable Release Key (12/bookworm)"));
  for (const size_t n : {size_t{1}, data->size() / 4, data->size() - 1}) {
    EXPECT_EQ(ReadCode(ReadAnchors(ByteView(*data).first(n))), "anchors.openpgp-malformed") << n;
  }
  Bytes secret = *data;
  ASSERT_EQ(secret[0] >> 2 & 0xf, 6) << "an old-format public-key packet";
  secret[0] = static_cast<uint8_t>(secret[0] ^ ((5 ^ 6) << 2));
  EXPECT_EQ(ReadCode(ReadAnchors(secret)), "anchors.private-key");
  secret[0] = static_cast<uint8_t>(0x80 | 13 << 2 | ((*data)[0] & 3));
  EXPECT_EQ(ReadCode(ReadAnchors(secret)), "anchors.openpgp-malformed");
}

}  // namespace
}  // namespace birthmark::anchors
