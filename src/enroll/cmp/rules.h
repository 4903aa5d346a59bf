// SPDX-License-Identifier: Apache-2.0
// What a verified message asks the desk for, and the rules of the protocol itself on who may ask:
// possession is proved, an update is of the sender's own certificate, a device revokes none but its
// own. The desk decides all else. Free functions; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "crypto/key.h"
#include "enroll/cmp/message.h"
#include "enroll/desk.h"

namespace birthmark::enroll::cmp {

// kBareKeyProfile is the certificate profile of "idevid" whose centrally made key comes as a bare
// OneAsymmetricKey: openssl's client (3.5) reads no AsymmetricKeyPackage (RFC 5958 section 2),
// which RFC 9483 section 4.1.6 has and which is what everybody else gets.
inline constexpr std::string_view kBareKeyProfile = "idevid-bare-key";

// Ask is one certificate that is asked for.
struct Ask {
  Body type{};  // kIr, kCr, kKur or kP10cr
  std::string serial, slot = "idevid", proof;
  crypto::PublicKey key;  // not set for central key generation
  bool renewal = false, central = false;
  bool bare_key = false;  // a key made centrally is wanted without AsymmetricKeyPackage around it
  Bytes subject;          // of the template, a Name; empty when it names none
  Bytes attestation;      // AttestationBundle; empty when there is none
  bool as_asked = true;   // nothing was asked for that only a profile decides

  // id is certReqId: p10cr has none, which answers write as -1.
  int id() const { return type == Body::kP10cr ? -1 : 0; }
  // answer is the body that answers.
  Body answer() const {
    if (type == Body::kIr) return Body::kIp;
    return type == Body::kKur ? Body::kKup : Body::kCp;
  }
};

// ReadAsk reads ir, cr, kur or p10cr and applies the rules. Errors: cmp.bad-data-format,
// cmp.bad-request, and those that a rejected certificate response carries: cmp.bad-pop,
// cmp.bad-template, cmp.bad-cert-id, cmp.not-authorised, cmp.unaccepted-policy.
Result<Ask> ReadAsk(const Message& m, const Caller& caller);

// ReadRevoke reads rr and applies the rules. Errors: cmp.bad-data-format, cmp.bad-request, and
// those that a revocation response carries: cmp.bad-cert-id, cmp.not-authorised.
Result<Revocation> ReadRevoke(const Message& m, const Caller& caller, const std::string& product);

// CheckConfirmation compares what certConf says with what was issued. Errors: cmp.bad-request,
// cmp.bad-cert-id, cmp.bad-alg. Gives whether the certificate is accepted.
Result<bool> CheckConfirmation(ByteView body, int id, ByteView certificate);

}  // namespace birthmark::enroll::cmp
