// SPDX-License-Identifier: Apache-2.0
#include "crypto/cert.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/der.h"
#include "crypto/digest.h"
#include "crypto/pem.h"

namespace birthmark::crypto {
namespace {

constexpr size_t kMaxCertificate = 64 * 1024;

std::unexpected<Error> Malformed(std::string what) {
  ERR_clear_error();
  return Refused("cert.malformed", std::move(what));
}

std::string OidText(const ASN1_OBJECT* o) {
  return OidToText({OBJ_get0_data(o), OBJ_length(o)}).value_or("?");
}

Bytes Octets(const ASN1_STRING* s) {
  const uint8_t* p = ASN1_STRING_get0_data(s);
  return Bytes(p, p + ASN1_STRING_length(s));
}

Result<Time> TimeOf(const ASN1_TIME* t) {
  struct tm tm{};
  if (ASN1_TIME_to_tm(t, &tm) != 1) return Malformed("a time that is not one");
  return Time(std::chrono::seconds(timegm(&tm)));
}

// Multi-byte UTF-8 stays readable; control characters and RFC 4514's special ones are escaped.
std::string NameText(const X509_NAME* name) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  char* p = nullptr;
  long n = BIO_get_mem_data(bio.get(), &p);
  return std::string(p, static_cast<size_t>(std::max(0L, n)));
}

Bytes NameDer(X509_NAME* name) {
  const uint8_t* p = nullptr;
  size_t n = 0;
  X509_NAME_get0_der(name, &p, &n);
  return Bytes(p, p + n);
}

std::string KeyText(X509* x, const Result<PublicKey>& key) {
  if (key) return std::string(ToText(key->algorithm()));
  EVP_PKEY* evp = X509_get0_pubkey(x);
  if (evp == nullptr) {
    ERR_clear_error();
    X509_ALGOR* algorithm = nullptr;
    X509_PUBKEY_get0_param(nullptr, nullptr, nullptr, &algorithm, X509_get_X509_PUBKEY(x));
    const ASN1_OBJECT* oid = nullptr;
    X509_ALGOR_get0(&oid, nullptr, nullptr, algorithm);
    return OidText(oid);
  }
  switch (EVP_PKEY_get_base_id(evp)) {
    case EVP_PKEY_RSA:
      return fmt::format("rsa-{}", EVP_PKEY_get_bits(evp));
    case EVP_PKEY_EC: {
      char group[64] = {};
      size_t n = 0;
      EVP_PKEY_get_group_name(evp, group, sizeof group, &n);
      return fmt::format("ec-{}", std::string_view(group, n));
    }
    default: {
      const char* name = EVP_PKEY_get0_type_name(evp);
      return fmt::format("{}-{}", name != nullptr ? name : "key", EVP_PKEY_get_bits(evp));
    }
  }
}

std::vector<std::string> UsageNames(uint32_t bits) {
  static constexpr std::pair<uint32_t, const char*> kBits[] = {
      {KU_DIGITAL_SIGNATURE, "digitalSignature"},
      {KU_NON_REPUDIATION, "nonRepudiation"},
      {KU_KEY_ENCIPHERMENT, "keyEncipherment"},
      {KU_DATA_ENCIPHERMENT, "dataEncipherment"},
      {KU_KEY_AGREEMENT, "keyAgreement"},
      {KU_KEY_CERT_SIGN, "keyCertSign"},
      {KU_CRL_SIGN, "cRLSign"},
      {KU_ENCIPHER_ONLY, "encipherOnly"},
      {KU_DECIPHER_ONLY, "decipherOnly"}};
  std::vector<std::string> out;
  for (const auto& [bit, name] : kBits) {
    if ((bits & bit) != 0) out.emplace_back(name);
  }
  return out;
}

}  // namespace

Status Certificate::Fill(Data& d) {
  X509* x = d.x509.get();
  // This also makes OpenSSL cache the extensions, after which it only reads them.
  if ((X509_get_extension_flags(x) & EXFLAG_INVALID) != 0) {
    return Malformed("an extension of this certificate is malformed");
  }
  d.digest = Sha256(d.der);
  X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
  d.subject = NameText(subject);
  d.issuer = NameText(issuer);
  d.subject_der = NameDer(subject);
  d.issuer_der = NameDer(issuer);
  for (int i = 0; i < X509_NAME_entry_count(subject); ++i) {
    X509_NAME_ENTRY* e = X509_NAME_get_entry(subject, i);
    uint8_t* utf8 = nullptr;
    int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e));
    if (n < 0) return Malformed("a subject attribute that is not text");
    d.attributes.emplace_back(OidText(X509_NAME_ENTRY_get_object(e)), std::string(utf8, utf8 + n));
    OPENSSL_free(utf8);
  }
  const ASN1_INTEGER* serial = X509_get0_serialNumber(x);
  d.serial = Octets(serial);
  if (d.serial.empty()) d.serial.push_back(0);
  // RFC 5280 section 4.1.2.2 asks for positive serials; a negative one is shown as such, not
  // refused here.
  d.serial_hex = (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER ? "-" : "") + ToHex(d.serial);
  BM_TRY(d.not_before, TimeOf(X509_get0_notBefore(x)));
  BM_TRY(d.not_after, TimeOf(X509_get0_notAfter(x)));

  uint8_t* spki = nullptr;
  int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &spki);
  if (n <= 0) return Malformed("a certificate without a public key");
  d.public_key = PublicKey::FromSpki({spki, static_cast<size_t>(n)});
  OPENSSL_free(spki);
  d.key_text = KeyText(x, d.public_key);
  const ASN1_OBJECT* sig_oid = nullptr;
  const X509_ALGOR* sig_alg = nullptr;
  X509_get0_signature(nullptr, &sig_alg, x);
  X509_ALGOR_get0(&sig_oid, nullptr, nullptr, sig_alg);
  int nid = OBJ_obj2nid(sig_oid);
  d.signature_algorithm = nid == NID_undef ? OidText(sig_oid) : OBJ_nid2sn(nid);

  for (int i = 0; i < X509_get_ext_count(x); ++i) {
    X509_EXTENSION* e = X509_get_ext(x, i);
    CertExtension ext{OidText(X509_EXTENSION_get_object(e)), X509_EXTENSION_get_critical(e) == 1,
                      Octets(X509_EXTENSION_get_data(e))};
    for (const CertExtension& o : d.extensions) {
      // RFC 5280 section 4.2: not more than one instance of an extension.
      if (o.oid == ext.oid) {
        return Refused("cert.extension-twice", fmt::format("extension {} stands twice", ext.oid));
      }
    }
    d.extensions.push_back(std::move(ext));
  }
  d.is_ca = (X509_get_extension_flags(x) & EXFLAG_CA) != 0;
  if (long len = X509_get_pathlen(x); len >= 0) d.path_len = static_cast<int>(len);
  if (uint32_t bits = X509_get_key_usage(x); bits != UINT32_MAX) d.key_usage = UsageNames(bits);
  if (const auto* id = X509_get0_subject_key_id(x)) d.ski = Octets(id);
  if (const auto* id = X509_get0_authority_key_id(x)) d.aki = Octets(id);
  using EkuPtr = Owned<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
  EkuPtr eku(
      static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x, NID_ext_key_usage, nullptr, nullptr)));
  for (int i = 0; eku != nullptr && i < sk_ASN1_OBJECT_num(eku.get()); ++i) {
    d.eku.push_back(OidText(sk_ASN1_OBJECT_value(eku.get(), i)));
  }
  using PoliciesPtr = Owned<CERTIFICATEPOLICIES, CERTIFICATEPOLICIES_free>;
  PoliciesPtr policies(static_cast<CERTIFICATEPOLICIES*>(
      X509_get_ext_d2i(x, NID_certificate_policies, nullptr, nullptr)));
  for (int i = 0; policies != nullptr && i < sk_POLICYINFO_num(policies.get()); ++i) {
    d.policies.push_back(OidText(sk_POLICYINFO_value(policies.get(), i)->policyid));
  }
  return {};
}

Result<Certificate> Certificate::FromDer(ByteView der) {
  if (der.size() > kMaxCertificate) {
    return Refused("cert.too-large", fmt::format("a certificate of {} octets; {} are allowed",
                                                 der.size(), kMaxCertificate));
  }
  if (Status s = CheckDer(der); !s) return Malformed("not DER: " + s.error().message);
  auto d = std::make_shared<Data>();
  const uint8_t* p = der.data();
  d->x509.reset(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
  if (d->x509 == nullptr || p != der.data() + der.size())
    return Malformed("not an X.509 certificate");
  d->der.assign(der.begin(), der.end());
  BM_CHECK(Fill(*d));
  ERR_clear_error();
  Certificate c;
  c.d_ = std::move(d);
  return c;
}

Result<Certificate> Certificate::FromPem(std::string_view text) {
  BM_TRY(Bytes der, ReadOnePem(text, "CERTIFICATE"));
  return FromDer(der);
}

Result<std::vector<Certificate>> Certificate::ManyFromPem(std::string_view text) {
  BM_TRY(std::vector<PemBlock> blocks, ReadPem(text));
  std::vector<Certificate> out;
  for (const PemBlock& b : blocks) {
    std::string where = fmt::format("block {}", out.size() + 1);
    if (b.label != "CERTIFICATE") {
      return Refused("pem.label",
                     fmt::format("{}: a {} where a CERTIFICATE is due", where, b.label));
    }
    auto c = FromDer(b.der);
    if (!c) return std::unexpected(std::move(c).error().Context(where));
    out.push_back(std::move(*c));
  }
  return out;
}

std::string Certificate::ToPem() const { return WritePem("CERTIFICATE", d_->der); }

std::optional<std::string> Certificate::SubjectAttribute(std::string_view oid) const {
  for (const auto& [o, value] : d_->attributes) {
    if (o == oid) return value;
  }
  return std::nullopt;
}

const CertExtension* Certificate::Extension(std::string_view oid) const {
  for (const CertExtension& e : d_->extensions) {
    if (e.oid == oid) return &e;
  }
  return nullptr;
}

bool Certificate::IsSelfIssued() const { return d_->subject_der == d_->issuer_der; }

bool Certificate::IsSignedBy(const PublicKey& key) const {
  bool ok = key.evp() != nullptr && X509_verify(d_->x509.get(), key.evp()) == 1;
  if (!ok) ERR_clear_error();
  return ok;
}

}  // namespace birthmark::crypto
