// SPDX-License-Identifier: Apache-2.0
// A share of a secret scalar, and what a ceremony keeps to check shares against. Leaves out how
// shares come about (sharing.h), files (share_file.h) and words (words.h). Values;
// thread-compatible.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::custody {

inline constexpr size_t kSetIdSize = 16;
inline constexpr uint16_t kMaxHolders = 255;
inline constexpr uint32_t kMaxGeneration = 65535;
// kShareOctets is the one length of every share's octets, whatever k and n are.
inline constexpr size_t kShareOctets = 84;

// Share is what one holder has. It says neither k nor n nor whose it is.
struct Share {
  Bytes set;                // 16 random octets, the same for all shares and re-sharings of a secret
  uint32_t generation = 1;  // one more with each re-sharing
  uint16_t index = 0;       // 1..255: the place at which the polynomial was evaluated
  SecretBytes value;        // 32 octets: the scalar
  Bytes key;                // 32 octets: the secret times the generator, the group's public key
};

// HolderKey is a share's public counterpart: its value times the generator.
struct HolderKey {
  uint16_t index = 0;
  Bytes point;
  bool operator==(const HolderKey&) const = default;
  template <class V>
  void Fields(V& v) {
    v("index", index);
    v("point", point);
  }
};

// ShareSet is what shares are checked against. It tells k and n: sealed data, which never leaves a
// ceremony.
struct ShareSet {
  Bytes set;
  uint32_t generation = 1;
  uint16_t threshold = 0;  // k
  Bytes key;
  std::vector<HolderKey> holders;  // n, in the order of their indices

  // Find gives a holder's point, or null.
  const HolderKey* Find(uint16_t index) const;
  bool operator==(const ShareSet&) const = default;
  template <class V>
  void Fields(V& v) {
    v("key", key);
    v("set", set);
    v("holders", holders);
    v("threshold", threshold);
    v("generation", generation);
  }
};

// Dealt is a new sharing: the set for the sealed record, a share for each holder.
struct Dealt {
  ShareSet set;
  std::vector<Share> shares;
};

// CheckNumbers refuses a k below 2 (each holder alone would have the secret) or above n, and an n
// above 255. Errors: share.threshold.
Status CheckNumbers(uint16_t threshold, uint16_t count);
// CheckIndices wants indices from 1 to 255 in ascending order, none twice. Errors: custody.index.
Status CheckIndices(std::span<const uint16_t> indices);
// CheckSet finds out whether a set holds together: its numbers, its points, and that all points lie
// on one polynomial of degree k-1 with the key at zero. Errors: share.threshold, share.set,
// custody.point.
Status CheckSet(const ShareSet& set);
// CheckShape looks at a share by itself. Errors: share.mistyped.
Status CheckShape(const Share& share);

// ToOctets is set, generation (2 octets), index (2), value and key, always 84 octets; FromOctets
// reads it. Errors of FromOctets: share.mistyped.
Result<SecretBytes> ToOctets(const Share& share);
Result<Share> FromOctets(ByteView octets);

// ShortId is the first 8 hexadecimal digits of a set's id, for people.
std::string ShortId(ByteView set);

}  // namespace birthmark::custody
