// SPDX-License-Identifier: Apache-2.0
// What the bodies of CMP requests hold (RFC 9810 section 5.3, RFC 4211): certificate requests with
// their proof of possession, revocations, confirmations, polls, general questions. Views into the
// message. Leaves out who may ask for what (rules.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "enroll/cmp/names.h"

namespace birthmark::enroll::cmp {

// CertName is a certificate by issuer and number.
struct CertName {
  ByteView issuer;  // Name, DER
  ByteView serial;  // big-endian without sign octet
};

// Template is CertTemplate (RFC 4211 section 5), as far as a factory listens to it.
struct Template {
  ByteView serial, issuer, subject;  // empty when absent; names are DER
  Bytes spki;                        // SubjectPublicKeyInfo; empty when absent or without a key
  ByteView attestation;              // the value of an attestation extension; empty when absent
  bool wishes = false;               // asks for extensions or times, which the profile decides
};

// Proof is how a request proves that its sender has the private key.
enum class Proof { kNone, kRaVerified, kSignature, kOther };

// CertRequest is the one request in ir, cr or kur.
struct CertRequest {
  int id = 0;
  Template wanted;
  std::optional<CertName> old;  // control oldCertID
  Proof proof = Proof::kNone;
  ByteView request;              // CertRequest, whole: what POPOSigningKey signs
  ByteView signature_algorithm;  // AlgorithmIdentifier, whole
  ByteView signature;
};
// ReadCertRequest takes CertReqMessages of one request, as RFC 9483 section 4.1 has it. Errors:
// cmp.bad-request (several), cmp.bad-data-format, cmp.bad-pop (a POPOSigningKeyInput, which only a
// template without subject needs).
Result<CertRequest> ReadCertRequest(ByteView body);

// CertRevocation is the one request in rr.
struct CertRevocation {
  Template which;
  int reason = 0;
};
// ReadRevocation takes RevReqContent of one request (RFC 9483 section 4.2). Errors:
// cmp.bad-request, cmp.bad-data-format.
Result<CertRevocation> ReadRevocation(ByteView body);

// Confirmation is CertStatus; an empty CertConfirmContent declines (RFC 9810 section 5.3.18).
struct Confirmation {
  bool empty = false;
  int id = 0;
  ByteView hash;
  bool accepted = true;
  ByteView hash_algorithm;  // AlgorithmIdentifier, whole; empty when absent
};
// ReadConfirmation takes CertConfirmContent. Errors: cmp.bad-request, cmp.bad-data-format.
Result<Confirmation> ReadConfirmation(ByteView body);

// ReadPoll takes PollReqContent of one number and gives it. Errors: cmp.bad-request,
// cmp.bad-data-format.
Result<int> ReadPoll(ByteView body);

// Question is one InfoTypeAndValue.
struct Question {
  ByteView type;   // OID's octets
  ByteView value;  // whole element; empty when absent
};
// ReadQuestions takes GenMsgContent. Errors: cmp.bad-data-format.
Result<std::vector<Question>> ReadQuestions(ByteView body);

// CertFacts is what CMP wants to know of a certificate that was issued, without decoding it.
struct CertFacts {
  Bytes serial;                  // big-endian without sign octet
  ByteView subject;              // Name, DER
  ByteView signature_algorithm;  // AlgorithmIdentifier, whole
};
Result<CertFacts> ReadCertFacts(ByteView certificate);

}  // namespace birthmark::enroll::cmp
