// SPDX-License-Identifier: Apache-2.0
// Events of what was met in the field, and of alarms that somebody looked into. Source:
// docs/formats/events.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "cbor/reflect.h"

namespace birthmark::ledger {

// SeenStranger is something that an authority's key of ours signed and that this log knows nothing
// of: a certificate, or an entry of a revocation list.
struct SeenStranger {
  std::string ca;   // whose key signed it
  std::string why;  // "unknown", "other-certificate", "revoked-unasked"
  Bytes cert;       // DER; empty for an entry of a list
  Bytes serial;
  Digest sha256{};  // of the certificate, or of the list
  template <class V>
  void Fields(V& v) {
    v("ca", ca);
    v("why", why);
    v("cert", cert);
    v("serial", serial);
    v("sha256", sha256);
  }
};

// FieldSeen is one look at certificates and lists that came from outside: devices in use, servers,
// captures. It is written only when it found strangers, one event for at most kMaxStrangers.
struct FieldSeen {
  static constexpr std::string_view kType = "field.seen";
  uint64_t known = 0;    // certificates of ours that are here
  uint64_t foreign = 0;  // of other authorities, or that only pretend to be of ours
  uint64_t looked = 0;
  std::vector<SeenStranger> strangers;
  template <class V>
  void Fields(V& v) {
    v("known", known);
    v("looked", looked);
    v("foreign", foreign);
    v("strangers", strangers);
  }
};
inline constexpr size_t kMaxStrangers = 100;  // an event has a megabyte at most

// AlarmExplained ends one alarm of `status`: somebody looked into it. `alarm` is its name there.
struct AlarmExplained {
  static constexpr std::string_view kType = "alarm.explained";
  std::string alarm;   // "event:4711", "seen:" and the SHA-256 and serial number of what was seen
  std::string reason;  // a few words, no person's name
  template <class V>
  void Fields(V& v) {
    v("alarm", alarm);
    v("reason", reason);
  }
};

}  // namespace birthmark::ledger
