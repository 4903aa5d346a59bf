// SPDX-License-Identifier: Apache-2.0
// The level of a key in a PKI, as the draft counts it. A value.
#pragma once

#include <compare>

namespace birthmark::pki {

// PkiLevel counts keys on a path, the anchor's being 1: a bare or self-signed key 1, root and end
// entity 2, root, subordinate and end entity 3. Source: the draft, section 5.1.
class PkiLevel {
 public:
  constexpr explicit PkiLevel(int value) : value_(value) {}
  constexpr int value() const { return value_; }
  constexpr auto operator<=>(const PkiLevel&) const = default;

 private:
  int value_;
};

// PathLenFor is the path length that an authority at `level` needs so that end entities come at
// `ee_level` (RFC 5280 section 4.2.1.9 counts the authorities below it).
constexpr int PathLenFor(PkiLevel level, PkiLevel ee_level) {
  return ee_level.value() - level.value() - 1;
}

}  // namespace birthmark::pki
