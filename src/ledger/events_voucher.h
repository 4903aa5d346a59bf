// SPDX-License-Identifier: Apache-2.0
// Events of vouchers: which domain a unit was handed to, and who was turned away. A domain is known
// by the identifier of its key, never by a name. Source: docs/formats/events.md.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// VoucherIssued stands in the log before the voucher leaves.
struct VoucherIssued {
  static constexpr std::string_view kType = "voucher.issued";
  std::string form;    // "cms", "cose"
  std::string unit;    // "<product>/<serial>"
  bool claim = false;  // from now on the unit is this domain's alone
  Bytes nonce;         // of the pledge; empty: none
  Bytes domain;        // domainID: key identifier of what is pinned (RFC 8995 section 5.8.2)
  Digest pinned{};     // SHA-256 of the pinned certificate
  std::optional<int64_t> expires;
  Digest request{};  // SHA-256 of the registrar's request
  Digest voucher{};
  std::string assertion;  // "verified", "logged", "proximity"
  Digest registrar{};     // SHA-256 of the registrar's certificate
  template <class V>
  void Fields(V& v) {
    v("form", form);
    v("unit", unit);
    v("claim", claim);
    v("nonce", nonce);
    v("domain", domain);
    v("pinned", pinned);
    v("expires", expires);
    v("request", request);
    v("voucher", voucher);
    v("assertion", assertion);
    v("registrar", registrar);
  }
};

// VoucherRefused is a request that a device of ours had really signed, and that got no voucher.
// What anybody can send unsigned is in the server's log alone.
struct VoucherRefused {
  static constexpr std::string_view kType = "voucher.refused";
  std::string why;  // the code: "voucher.owned"
  std::string unit;
  Bytes domain;
  Digest request{};
  template <class V>
  void Fields(V& v) {
    v("why", why);
    v("unit", unit);
    v("domain", domain);
    v("request", request);
  }
};

}  // namespace birthmark::ledger
