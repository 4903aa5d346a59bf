// SPDX-License-Identifier: Apache-2.0
// What a voucher and a voucher request say, as values, and their two encodings: JSON as in RFC 8366
// section 5.2, and CBOR with the identifiers of draft-ietf-anima-rfc8366bis. Leaves out signatures
// (message.h) and what is to be believed (verify.h, app/masa.h). Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace birthmark::voucher {

inline constexpr size_t kMaxMessage = size_t{128} * 1024;
inline constexpr size_t kMaxSerial = 64;                // as the device keeps it
inline constexpr size_t kMinNonce = 8, kMaxNonce = 32;  // RFC 8366 section 5.3

// Kind is which of the two containers of the YANG modules it is.
enum class Kind { kVoucher, kRequest };
std::string_view ToText(Kind k);

// Assertion is how the MASA came to its word, by the numbers of the YANG enumeration.
enum class Assertion { kVerified = 0, kLogged = 1, kProximity = 2, kAgentProximity = 3 };
std::string_view ToText(Assertion a);
bool FromText(std::string_view s, Assertion& a);

// Statement is one voucher or one request. What is empty was not said.
struct Statement {
  Kind kind = Kind::kVoucher;
  std::optional<Assertion> assertion;
  std::optional<Time> created_on, expires_on, last_renewal_date;
  std::string serial_number;
  Bytes idevid_issuer;
  Bytes nonce;
  std::string nonce_text;  // as it stood in JSON: some write another alphabet, and it is given back
  Bytes pinned_domain_cert, pinned_domain_pubk, pinned_domain_pubk_sha256;
  std::optional<bool> domain_cert_revocation_checks;
  // Of a request alone.
  Bytes prior_signed_request;
  Bytes proximity_registrar_cert, proximity_registrar_pubk, proximity_registrar_pubk_sha256;
  std::vector<std::string> others;  // names of members that are not understood here
};

// ReadJson and ReadCbor are strict about what they know. Errors: voucher.malformed, voucher.member
// (a known member of a wrong type or size, named), those of cbor::Decode.
Result<Statement> ReadJson(ByteView text);
Result<Statement> ReadCbor(ByteView item);
std::string WriteJson(const Statement& s);
Bytes WriteCbor(const Statement& s);

// ReadDate reads yang:date-and-time (RFC 6991 section 3), which may have a numeric offset.
std::optional<Time> ReadDate(std::string_view text);

// NonceText is a nonce as people see and type it: what stood in JSON, else base64.
std::string NonceText(const Statement& s);
// NonceIs tells whether what somebody typed is this nonce: base64, hexadecimal or as it stood.
bool NonceIs(const Statement& s, std::string_view typed);

}  // namespace birthmark::voucher
