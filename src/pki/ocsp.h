// SPDX-License-Identifier: Apache-2.0
// OCSP (RFC 6960, its lightweight profile RFC 5019, nonces of RFC 8954): requests read strictly by
// a walk of our own, responses signed by a delegated responder from parts that are encoded once.
// Leaves out what became of a certificate (app/ocsp.h) and HTTP. A responder is as thread-safe as
// its Signer.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "pki/crl.h"

namespace birthmark::pki {

inline constexpr size_t kMaxOcspRequest = 8 * 1024;
inline constexpr size_t kMaxOcspCerts = 32;
inline constexpr size_t kMaxOcspNonce = 128;  // RFC 9654 section 2.1; 32 in RFC 8954

// OcspHash is what a request names the issuer with.
enum class OcspHash { kSha1, kSha256, kSha384, kSha512 };

// OcspCertId is a certificate that is asked about; views into the request.
struct OcspCertId {
  OcspHash hash = OcspHash::kSha1;
  ByteView issuer_name_hash, issuer_key_hash;
  ByteView serial;  // big-endian, without a sign octet
  ByteView whole;   // the CertID, which the answer repeats
};

struct OcspRequest {
  std::vector<OcspCertId> certs;
  ByteView nonce;  // the extension's value; empty: none
};

// ReadOcspRequest reads what a client sent; signatures on requests are not looked at (RFC 5019
// section 2.1.2). Errors: ocsp.too-large, ocsp.malformed, ocsp.nonce (not 1 to 128 octets),
// ocsp.critical (an extension that must not be ignored), ocsp.hash (one that we do not know).
Result<OcspRequest> ReadOcspRequest(ByteView der);

// OcspIssuer is an authority as requests name it.
class OcspIssuer {
 public:
  explicit OcspIssuer(const crypto::Certificate& authority);
  // Matches is true for requests about this authority's certificates.
  bool Matches(const OcspCertId& id) const;
  // CertId encodes a CertID with SHA-1, which RFC 5019 section 2.1.1 asks of every client.
  Bytes CertId(ByteView serial) const;

 private:
  Bytes names_[4], keys_[4];  // by OcspHash
};

// MakeOcspRequest is the request of RFC 5019 section 2.1.1 for one certificate: what a client asks
// with GET.
Bytes MakeOcspRequest(const OcspIssuer& issuer, ByteView serial);

enum class OcspState { kGood, kRevoked, kUnknown };

// OcspAnswer is what is said of one certificate.
struct OcspAnswer {
  ByteView cert_id;  // a whole CertID
  OcspState state = OcspState::kUnknown;
  Time revoked_at{};
  CrlReason reason = CrlReason::kUnspecified;
};

// OcspError is a response without an answer (RFC 6960 section 4.2.1).
enum class OcspError : uint8_t {
  kMalformedRequest = 1,
  kInternalError = 2,
  kTryLater = 3,
  kUnauthorized = 6,
};
Bytes EncodeOcspError(OcspError e);

// OcspResponder signs for one authority with a key that this authority certified for it.
class OcspResponder {
 public:
  // Make checks that the certificate is for this. `signer` must outlive the responder.
  // Errors: pki.issuer-key, ocsp.responder.
  static Result<OcspResponder> Make(const crypto::Certificate& responder, crypto::Signer& signer);

  // Sign gives a whole OCSPResponse. `nonce` is the value of the request's extension, or empty.
  // Errors: those of the Signer.
  Result<Bytes> Sign(std::span<const OcspAnswer> answers, Time this_update,
                     std::optional<Time> next_update, ByteView nonce) const;

 private:
  explicit OcspResponder(crypto::Signer& s) : signer_(&s) {}
  crypto::Signer* signer_;
  Bytes responder_id_;  // [2] KeyHash
  Bytes algorithm_;
  Bytes certs_;  // [0] with the responder's certificate
};

}  // namespace birthmark::pki
