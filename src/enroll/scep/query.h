// SPDX-License-Identifier: Apache-2.0
// The query of a SCEP URL (RFC 8894 section 4.1): operation and message. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::enroll::scep {

struct Query {
  std::string operation;
  std::string message;  // percent-decoded; "+" stays, for base64 has it and some do not escape it
};

// ReadQuery takes a query apart; other parameters are ignored. Errors: scep.query (a parameter
// twice, a broken escape, no operation).
Result<Query> ReadQuery(std::string_view query);

// MessageOf decodes the message of a GET PKIOperation. Errors: scep.query.
Result<Bytes> MessageOf(const Query& query);

}  // namespace birthmark::enroll::scep
