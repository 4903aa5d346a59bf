// SPDX-License-Identifier: Apache-2.0
// Events of upkeep: an authority's turn (waiting, active, retired, compromised) and the revocation
// lists it signed. Source: docs/formats/events.md.
#pragma once

#include <string>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// CaState is an authority's turn. An authority of which nothing was said is active.
struct CaState {
  static constexpr std::string_view kType = "ca.state";
  std::string id;
  std::string state;             // "waiting", "active", "retired", "compromised"
  std::optional<int64_t> until;  // of an active one: the end of its issuing window
  std::string reason;            // "signed ahead", "time", "count", a word of RFC 5280's reasons
  template <class V>
  void Fields(V& v) {
    v("id", id);
    v("state", state);
    v("until", until);
    v("reason", reason);
  }
};

// CrlSigned stands in the log before the list leaves. The list says what this log said up to event
// `upto`, that one left out.
struct CrlSigned {
  static constexpr std::string_view kType = "crl.signed";
  std::string ca;
  uint64_t upto = 0;
  uint64_t count = 0;    // entries
  uint64_t number = 0;   // cRLNumber
  Digest sha256{};       // of the list's DER
  Digest signer{};       // SHA-256 of the SubjectPublicKeyInfo that verifies it
  bool reserve = false;  // kept back until this_update
  int64_t next_update = 0;
  int64_t this_update = 0;
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("upto", upto);
    v("count", count);
    v("number", number);
    v("sha256", sha256);
    v("signer", signer);
    v("reserve", reserve);
    v("next_update", next_update);
    v("this_update", this_update);
  }
};

}  // namespace birthmark::ledger
