// SPDX-License-Identifier: Apache-2.0
// The desk behind every enrolment protocol: what EST, CMP, SCEP and EST-coaps ask of the factory.
// Protocols know bytes and proofs; who may have what is decided here, once for all of them.
// Leaves out the wire (est, cmp, scep) and the ledger (app implements Desk).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/cert.h"
#include "crypto/key.h"

namespace birthmark::enroll {

// Caller is who asks, as the transport proved it. A certificate that leads to none of our anchors
// never gets this far.
struct Caller {
  enum class Kind {
    kNobody,
    kToken,    // knows a token's secret; id is the token's
    kStation,  // a station's credential; id is its pseudonym
    kPerson,   // a person's credential; id is the pseudonym
    kDevice,   // one of our units by its own identity; id is "<product>/<serial>"
  };
  Kind kind = Kind::kNobody;
  std::string id;
  std::optional<crypto::Certificate> certificate;  // what it proved, absent for a token
};

// Enrolment asks for a certificate for a key that its holder has proved possession of.
struct Enrolment {
  std::string product;  // the URL's label; empty means the only product
  std::string via;      // "est", "cmp", "scep", "est-coaps"
  Caller caller;
  std::string serial;  // manufacturer's serial number, from the request's subject; may be empty for
                       // a token bound to a unit
  std::string slot = "idevid";
  crypto::PublicKey key;
  std::string proof = "csr-signature";
  bool renewal = false;  // a new certificate for a unit that has one: the old one is superseded
  Bytes attestation;     // AttestationBundle of the request; empty when it has none
};

// Granted is a certificate whose event is durable. Bytes and no parsed certificate: parsing costs
// more than signing, and most protocols only pass it on.
struct Granted {
  Bytes certificate;         // DER
  std::vector<Bytes> above;  // DER, its issuer first, without the root
  bool existed = false;      // a retry got the same certificate again
};

// GrantedKey is the same with a private key that was made for the unit (bamboo).
struct GrantedKey {
  Granted granted;
  // Whoever holds a copy of the private key in the clear holds this too, and lets go of it when the
  // copy is wiped: the last one to let go makes the desk record the key's end. It stands before the
  // key, so that it goes after it.
  std::shared_ptr<const void> copy;
  SecretBytes private_key;  // PKCS #8 (RFC 5958) DER; the desk keeps no copy
};

// NonceRequest asks for a nonce that evidence will hold. With an endorsement key's certificate and
// an attestation key's public area it comes inside a credential that only their TPM opens, and so
// proves that the two belong together.
struct NonceRequest {
  std::string product;
  Caller caller;
  Bytes ek_certificate;  // DER; empty: a bare nonce
  Bytes ak_public;       // TPMT_PUBLIC or TPM2B_PUBLIC
};
struct GivenNonce {
  Bytes nonce;          // empty when it is in the credential
  Bytes credential;     // as tpm2_activatecredential reads it
  int64_t seconds = 0;  // it is good for
};

// Revocation asks to end a certificate. A device may end its own; stations and people what their
// role allows.
struct Revocation {
  std::string product;
  std::string via;
  Caller caller;
  Bytes serial;        // of the certificate, big-endian without sign octet
  std::string issuer;  // RFC 4514, as the request has it; empty when the protocol does not say
  int reason = 0;      // CRLReason, RFC 5280 section 5.3.1; 6 is certificateHold
};

// RequestTemplate is what a unit's request should hold (RFC 9908): the desk knows it already, so
// that clients need not.
struct RequestTemplate {
  std::string key_algorithm;  // "ecdsa-p256"
  std::string organization;   // subject O
  std::string serial_number;  // subject serialNumber; empty unless the caller's unit is known
  std::string hardware_type;  // OID of HardwareModuleName's hwType
  std::string masa_url, mud_url;
};

// Authorities is what /cacerts and its like give away.
struct Authorities {
  crypto::Certificate issuer;       // issues now
  std::vector<Bytes> certificates;  // DER: issuer first, up to and with the root
};

// Ra is a key that answers for the desk: it signs CMP and SCEP replies, and SCEP requests are
// encrypted to it. Its certificate comes from the issuing authority.
struct Ra {
  crypto::Certificate certificate;
  EVP_PKEY* key = nullptr;  // lives as long as the desk; never leaves the process
};

// Desk. Any thread may call any function; callbacks come once, on any thread, when everything that
// must be durable is. Errors that a protocol tells apart, by code:
//   enroll.wait           come again later (no authority now, the lot is held, approval pending)
//   enroll.not-authorised the caller may not have this
//   enroll.locked         the unit's identity slot is locked or taken: no second key
//   enroll.bad-request    the request itself cannot be served (serial, key, product)
//   enroll.unknown        no such certificate or unit (revocation, confirmation)
// Everything else is the factory's own trouble: answer "server error" and log it.
class Desk {
 public:
  virtual ~Desk() = default;
  virtual void Enrol(Enrolment e, std::function<void(Result<Granted>)> done) = 0;
  // EnrolServerKey makes the key here; `e.key` and `e.proof` are not looked at.
  virtual void EnrolServerKey(Enrolment e, std::function<void(Result<GrantedKey>)> done) = 0;
  // Confirm tells that the holder has its certificate in place (accepted) or does not want it. It
  // is named by its serial number, big-endian without sign octet: decoding one takes longer than
  // all else about a confirmation.
  virtual void Confirm(const std::string& via, const Caller& caller, const Bytes& serial,
                       bool accepted, std::function<void(Status)> done) = 0;
  virtual void Revoke(Revocation r, std::function<void(Status)> done) = 0;

  virtual Result<Authorities> AuthoritiesOf(const std::string& product) = 0;
  virtual Result<RequestTemplate> TemplateOf(const std::string& product, const Caller& caller) = 0;
  // TokenSecret gives the secret of a token that can still be used. Errors: enroll.not-authorised,
  // the same for an unknown, a used-up and an expired one.
  virtual Result<SecretBytes> TokenSecret(const std::string& id) = 0;
  // AttestationNonce gives a nonce once. Errors: enroll.not-authorised, enroll.bad-request (no such
  // keys, or a desk that looks at no attestation), enroll.wait.
  virtual Result<GivenNonce> AttestationNonce(const NonceRequest&) {
    return Refused("enroll.bad-request", "no attestation is looked at here");
  }
  // CallerOf says whose a certificate is. It must lead to one of our anchors, be within its time
  // and not revoked. Errors: enroll.not-authorised.
  virtual Result<Caller> CallerOf(const crypto::Certificate& c,
                                  const std::vector<crypto::Certificate>& others) = 0;
  // EcRa signs CMP replies; RsaRa signs and opens SCEP messages.
  virtual Result<Ra> EcRa(const std::string& product) = 0;
  virtual Result<Ra> RsaRa(const std::string& product) = 0;
};

}  // namespace birthmark::enroll
