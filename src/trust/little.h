// SPDX-License-Identifier: Apache-2.0
// Numbers in little endian, as UEFI and MCUboot have them. The caller has checked that the octets
// are there. Internal to trust.
#pragma once

#include "base/bytes.h"

namespace birthmark::trust {

inline uint16_t Little16(ByteView b, size_t at) {
  return static_cast<uint16_t>(b[at] | b[at + 1] << 8);
}
inline uint32_t Little32(ByteView b, size_t at) {
  return Little16(b, at) | static_cast<uint32_t>(Little16(b, at + 2)) << 16;
}
inline uint64_t Little64(ByteView b, size_t at) {
  return Little32(b, at) | static_cast<uint64_t>(Little32(b, at + 4)) << 32;
}
inline void AppendLittle32(Bytes& out, uint32_t n) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<uint8_t>(n >> shift));
}

}  // namespace birthmark::trust
