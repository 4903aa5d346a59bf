// SPDX-License-Identifier: Apache-2.0
// From the octets of a request to what the desk is asked, the same for EST over HTTP and over CoAP.
// Leaves out transports and the decision (desk). Pure functions; thread-safe.
#pragma once

#include <string>

#include "base/error.h"
#include "enroll/desk.h"
#include "enroll/est/request.h"

namespace birthmark::enroll::est {

enum class Kind { kEnrol, kRenew, kServerKey };

// Asking is a request and how it came.
struct Asking {
  Kind kind = Kind::kEnrol;
  std::string product, via;
  ByteView csr;  // PKCS #10 DER
  Binding binding;
  Caller caller;
};

// ReadEnrolment checks proof of possession, channel binding, and that a renewal keeps its name and
// comes from whom it may (RFC 7030 section 4.2.2). Errors: est.binding, est.other-name,
// est.encrypted-key, enroll.not-authorised and those of ReadCsr.
Result<Enrolment> ReadEnrolment(Asking asking);

}  // namespace birthmark::enroll::est
