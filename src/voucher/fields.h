// SPDX-License-Identifier: Apache-2.0
// The members of vouchers and requests as one table, from which both encodings are read and
// written. Internal to this room. Source: RFC 8366 section 5.3, RFC 8995 section 3.4; numbers of
// ietf-voucher and ietf-voucher-request, draft-ietf-anima-rfc8366bis.
#pragma once

#include <span>
#include <variant>

#include "voucher/voucher.h"

namespace birthmark::voucher {

inline constexpr uint64_t kVoucherSid = 2451, kRequestSid = 2501;

using Member =
    std::variant<std::optional<Assertion> Statement::*, std::optional<Time> Statement::*,
                 std::optional<bool> Statement::*, Bytes Statement::*, std::string Statement::*>;

// Field is one member. Its SID is the container's plus the number here; 0: the container has none.
struct Field {
  std::string_view name;
  int in_voucher, in_request;
  Member member;
};

std::span<const Field> Fields();
// Number is a field's distance from its container's SID.
inline int Number(const Field& f, Kind k) {
  return k == Kind::kVoucher ? f.in_voucher : f.in_request;
}
// CheckMembers holds what was read to the sizes and the company that the YANG modules ask for.
Status CheckMembers(const Statement& s);

}  // namespace birthmark::voucher
