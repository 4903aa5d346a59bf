// SPDX-License-Identifier: Apache-2.0
// Certificate: one parsed X.509 certificate, immutable, with its facts as plain values. Leaves out
// path validation and profiles (pki). Cheap to copy; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "crypto/key.h"
#include "crypto/openssl.h"

namespace birthmark::crypto {

// CertExtension is one extension as it stands: its OID in dots, and the octets inside the OCTET
// STRING.
struct CertExtension {
  std::string oid;
  bool critical = false;
  Bytes value;
};

class Certificate {
 public:
  // FromDer takes one certificate and nothing after it; at most 64 KiB.
  // Errors: cert.malformed, cert.too-large, cert.extension-twice.
  static Result<Certificate> FromDer(ByteView der);
  // FromPem takes one CERTIFICATE block. Errors: also those of ReadOnePem.
  static Result<Certificate> FromPem(std::string_view text);
  // ManyFromPem takes a file of CERTIFICATE blocks, in order.
  static Result<std::vector<Certificate>> ManyFromPem(std::string_view text);

  ByteView der() const { return d_->der; }
  std::string ToPem() const;
  // digest is SHA-256 of the DER: the fingerprint people compare.
  const Digest& digest() const { return d_->digest; }

  // subject and issuer are RFC 4514 text; the DER forms are for comparing.
  const std::string& subject() const { return d_->subject; }
  const std::string& issuer() const { return d_->issuer; }
  ByteView subject_der() const { return d_->subject_der; }
  ByteView issuer_der() const { return d_->issuer_der; }
  // SubjectAttribute is the first value of an attribute, by OID: "2.5.4.5" is the serialNumber.
  std::optional<std::string> SubjectAttribute(std::string_view oid) const;
  std::optional<std::string> subject_serial_number() const { return SubjectAttribute("2.5.4.5"); }
  std::optional<std::string> common_name() const { return SubjectAttribute("2.5.4.3"); }

  // serial is the certificate's serial number, big-endian without sign octet; serial_hex is it as
  // text.
  const Bytes& serial() const { return d_->serial; }
  const std::string& serial_hex() const { return d_->serial_hex; }
  Time not_before() const { return d_->not_before; }
  Time not_after() const { return d_->not_after; }

  // public_key is refused for kinds that PublicKey does not take; key_text names any kind
  // ("rsa-1024").
  const Result<PublicKey>& public_key() const { return d_->public_key; }
  const std::string& key_text() const { return d_->key_text; }
  const std::string& signature_algorithm() const { return d_->signature_algorithm; }

  bool is_ca() const { return d_->is_ca; }
  std::optional<int> path_len() const { return d_->path_len; }
  // key_usage holds RFC 5280 names ("keyCertSign"); absent when there is no such extension.
  const std::optional<std::vector<std::string>>& key_usage() const { return d_->key_usage; }
  const std::vector<std::string>& eku() const { return d_->eku; }            // OIDs
  const std::vector<std::string>& policies() const { return d_->policies; }  // OIDs
  const std::optional<Bytes>& ski() const { return d_->ski; }
  const std::optional<Bytes>& aki() const { return d_->aki; }
  const std::vector<CertExtension>& extensions() const { return d_->extensions; }
  const CertExtension* Extension(std::string_view oid) const;

  bool IsSelfIssued() const;
  // IsSignedBy checks this certificate's signature alone: no names, no times, no path.
  bool IsSignedBy(const PublicKey& key) const;
  X509* x509() const { return d_->x509.get(); }

 private:
  struct Data {
    X509Ptr x509;
    Bytes der, subject_der, issuer_der, serial;
    Digest digest{};
    std::string subject, issuer, serial_hex, key_text, signature_algorithm;
    std::vector<std::pair<std::string, std::string>> attributes;  // of the subject: OID, UTF-8 text
    Time not_before, not_after;
    Result<PublicKey> public_key = PublicKey();
    bool is_ca = false;
    std::optional<int> path_len;
    std::optional<std::vector<std::string>> key_usage;
    std::vector<std::string> eku, policies;
    std::optional<Bytes> ski, aki;
    std::vector<CertExtension> extensions;
  };
  static Status Fill(Data& d);
  std::shared_ptr<const Data> d_;
};

}  // namespace birthmark::crypto
