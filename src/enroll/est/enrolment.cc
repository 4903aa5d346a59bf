// SPDX-License-Identifier: Apache-2.0
#include "enroll/est/enrolment.h"

namespace birthmark::enroll::est {

Result<Enrolment> ReadEnrolment(Asking asking) {
  BM_TRY(pki::Csr csr, pki::ReadCsr(asking.csr));
  BM_TRY(Asked asked, ReadAsked(csr.der));
  BM_CHECK(CheckBinding(asked, asking.binding));
  Enrolment e;
  e.product = std::move(asking.product);
  e.via = std::move(asking.via);
  e.serial = csr.subject.Find("serialNumber").value_or("");
  e.key = csr.key;
  e.attestation = std::move(csr.attestation);
  if (asking.kind == Kind::kServerKey && asked.encrypted_key) {
    // RFC 7030 section 4.4.1: what was asked for and cannot be done is an error.
    return Refused("est.encrypted-key", "the private key is not encrypted beyond TLS here",
                   "ask without decryptKeyID and asymmDecryptKeyID");
  }
  const Caller& caller = asking.caller;
  if (asking.kind == Kind::kRenew) {
    e.renewal = true;
    // RFC 7030 section 4.2.2: the holder of the certificate renews it. A station speaks for the
    // unit at it, and a token's holder has shown no certificate.
    if (caller.kind == Caller::Kind::kDevice && caller.certificate) {
      BM_CHECK(CheckSameName(csr, *caller.certificate));
    } else if (caller.kind != Caller::Kind::kStation) {
      return Refused("enroll.not-authorised",
                     "a renewal takes the unit's own certificate, or a station's");
    }
  }
  e.caller = std::move(asking.caller);
  return e;
}

}  // namespace birthmark::enroll::est
