// SPDX-License-Identifier: Apache-2.0
// What the tests of custody share: copies of shares, codes of errors.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "custody/seeded_rng.h"
#include "custody/sharing.h"

namespace birthmark::custody {

template <class T>
std::string CodeOf(const T& r) {
  return r ? "accepted" : r.error().code;
}
template <class T>
std::string MessageOf(const T& r) {
  return r ? "accepted" : r.error().message;
}

inline Share CopyOf(const Share& s) {
  const ByteView value = s.value.Read(SecretAccess());
  return {.set = s.set,
          .generation = s.generation,
          .index = s.index,
          .value = SecretBytes::Take(Bytes(value.begin(), value.end())),
          .key = s.key};
}

// Pick copies the shares at these places of a list.
inline std::vector<Share> Pick(const std::vector<Share>& shares, const std::vector<size_t>& at) {
  std::vector<Share> out;
  for (size_t i : at) out.push_back(CopyOf(shares.at(i)));
  return out;
}

// Wrong changes a share's value to another number below the order.
inline Share Wrong(const Share& s) {
  Share out = CopyOf(s);
  out.value.Write(SecretAccess())[0] ^= 1;
  return out;
}

inline SecretBytes Secret(std::string_view text) { return SecretBytes::Take(ToBytes(text)); }

}  // namespace birthmark::custody
