// SPDX-License-Identifier: Apache-2.0
#include "trust/store.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <array>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/openssl.h"
#include "trust/x509_frame.h"

namespace birthmark::trust {
namespace {

namespace der = crypto::der;
using crypto::DerReader;

constexpr size_t kMaxTitle = 256;

constexpr std::array<std::string_view, 8> kForms = {
    "certificate",        "trust-anchor-info", "public-key", "key-digest",
    "certificate-digest", "image-digest",      "dnskey",     "ds"};
constexpr std::array<std::string_view, 18> kFormats = {"pem",
                                                       "pkcs12",
                                                       "java-keystore",
                                                       "p11-kit",
                                                       "esl",
                                                       "esl-sha256",
                                                       "uefi-variables",
                                                       "fit",
                                                       "mcuboot",
                                                       "mcuboot-image",
                                                       "pinned",
                                                       "dnssec",
                                                       "root-anchors-xml",
                                                       "est-cacerts",
                                                       "truststore-json",
                                                       "cose-keyset",
                                                       "rfc5914",
                                                       "rfc5914-cms"};

// TitleOfName is the common name, or the whole name where there is none.
std::string TitleOfName(ByteView name) {
  const uint8_t* p = name.data();
  crypto::Owned<X509_NAME, X509_NAME_free> x(
      d2i_X509_NAME(nullptr, &p, static_cast<long>(name.size())));
  if (!x) {
    ERR_clear_error();
    return "";
  }
  std::string out;
  const int at = X509_NAME_get_index_by_NID(x.get(), NID_commonName, -1);
  if (at >= 0) {
    unsigned char* utf8 = nullptr;
    const int n =
        ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(x.get(), at)));
    if (n > 0) out.assign(reinterpret_cast<char*>(utf8), static_cast<size_t>(n));
    OPENSSL_free(utf8);
  }
  if (out.empty()) {
    crypto::BioPtr bio(BIO_new(BIO_s_mem()));
    char* text = nullptr;
    X509_NAME_print_ex(bio.get(), x.get(), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    const long n = BIO_get_mem_data(bio.get(), &text);
    if (n > 0) out.assign(text, static_cast<size_t>(n));
  }
  ERR_clear_error();
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (out.size() > kMaxTitle) {
    out.resize(kMaxTitle);
    while (!out.empty() && !IsUtf8(out)) out.pop_back();
  }
  return IsUtf8(out) ? out : "";
}

// KeyBits is the content of the BIT STRING without the octet that counts unused bits.
Result<ByteView> KeyBits(ByteView spki) {
  DerReader file(spki);
  BM_TRY(DerReader info, file.Enter());
  BM_CHECK(file.End());
  BM_CHECK(info.Expect(der::kSequence));
  BM_TRY(ByteView bits, info.BitStringOctets());
  BM_CHECK(info.End());
  return bits;
}

}  // namespace

std::string_view ToText(Form f) { return kForms[static_cast<size_t>(f)]; }
std::string_view ToText(Format f) { return kFormats[static_cast<size_t>(f)]; }

bool FromText(std::string_view s, Format& f) {
  for (size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i] != s) continue;
    f = static_cast<Format>(i);
    return true;
  }
  return false;
}

Bytes KeyIdOf(ByteView spki) {
  auto bits = KeyBits(spki);
  if (!bits) return {};
  const auto sha1 = crypto::Sha1ForKeyId(*bits);
  return Bytes(sha1.begin(), sha1.end());
}

Result<TrustAnchor> AnchorOfKey(ByteView spki) {
  TrustAnchor a;
  a.form = Form::kPublicKey;
  if (spki.size() > kMaxAnchorSize || !KeyBits(spki)) {
    return Refused("trust.key-malformed", "not one DER SubjectPublicKeyInfo",
                   "export the key with openssl pkey -pubout");
  }
  a.spki.assign(spki.begin(), spki.end());
  a.key_id = KeyIdOf(spki);
  return a;
}

Result<TrustAnchor> AnchorOfCertificate(ByteView certificate) {
  BM_TRY(CertFrame frame, FrameOfCertificate(certificate));
  auto key = AnchorOfKey(frame.spki);
  if (!key) {
    return Refused("trust.certificate-malformed", "not a certificate: its key is malformed",
                   "take the certificate from its issuer again");
  }
  TrustAnchor a = std::move(*key);
  a.form = Form::kCertificate;
  a.certificate.assign(certificate.begin(), certificate.end());
  a.name.assign(frame.subject.begin(), frame.subject.end());
  a.title = TitleOfName(frame.subject);
  // RFC 5280 section 4.2.1.2: the certificate's own word about its key comes first.
  auto ski = ExtensionValue(frame.extensions, "2.5.29.14");
  if (ski && *ski) {
    DerReader r(**ski);
    auto id = r.Expect(der::kOctetString);
    if (id && r.AtEnd() && !id->empty()) a.key_id.assign(id->begin(), id->end());
  }
  return a;
}

Bytes KeyDigestOf(const TrustAnchor& a) {
  if (a.spki.empty()) return a.form == Form::kKeyDigest ? a.digest : Bytes{};
  const Digest d = crypto::Sha256(a.spki);
  return Bytes(d.begin(), d.end());
}

std::unexpected<Error> CannotCarry(Format format, const TrustAnchor& a, std::string_view why,
                                   std::string_view fix) {
  return Refused("trust.cannot-carry",
                 fmt::format("{} cannot hold {} \"{}\": {}", ToText(format), ToText(a.form),
                             a.title.empty() ? a.place : a.title, why),
                 std::string(fix));
}

}  // namespace birthmark::trust
