// SPDX-License-Identifier: Apache-2.0
// Certificate serial numbers: the minute of issue, then 96 random bits. Ordered, so that an index
// of millions stays fast; no counter, so that nobody reads a volume from them. Not thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"

namespace birthmark::pki {

// SerialNumber is 16 octets, big endian: 32 bits of minutes since 1970 and 96 random bits. Positive
// and of minimal length as a DER INTEGER (RFC 5280 section 4.1.2.2: positive, at most 20 octets).
struct SerialNumber {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const SerialNumber&) const = default;
  std::string ToHex() const { return birthmark::ToHex(bytes); }
};

// Stamp is a serial number and the moment it was drawn, which is the certificate's notBefore.
struct Stamp {
  SerialNumber serial;
  Time at{};
};

// SerialSource draws serial numbers and refuses to do so behind the last event.
class SerialSource {
 public:
  // `last_event` is the time of the newest event in the ledger; clock and rng must outlive this.
  SerialSource(const Clock& clock, Rng& rng, Time last_event)
      : clock_(clock), rng_(rng), last_(last_event) {}
  // Next draws one. Errors: pki.clock-behind, pki.clock-range.
  Result<Stamp> Next();
  // Saw moves the limit forward to an event recorded meanwhile.
  void Saw(Time event) { last_ = std::max(last_, event); }

 private:
  const Clock& clock_;
  Rng& rng_;
  Time last_;
};

}  // namespace birthmark::pki
