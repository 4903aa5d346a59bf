// SPDX-License-Identifier: Apache-2.0
#include "attest/octets.h"

#include <fmt/format.h>

namespace birthmark::attest {

uint64_t OctetReader::Number(size_t n, std::string_view field) {
  uint64_t v = 0;
  for (uint8_t b : Take(n, field)) v = v << 8 | b;
  return v;
}

ByteView OctetReader::Take(size_t n, std::string_view field) {
  if (error_) return {};
  if (n > rest_.size()) {
    error_ =
        Refused("tpm.truncated", fmt::format("{} ends inside its field {}: {} octets are missing",
                                             what_, field, n - rest_.size()))
            .error();
    return {};
  }
  ByteView taken = rest_.first(n);
  rest_ = rest_.subspan(n);
  return taken;
}

Bytes OctetReader::Sized(size_t max, std::string_view field) {
  uint16_t n = U16(field);
  if (n > max) {
    Refuse(field, fmt::format("{} octets, more than the {} that it can have", n, max));
    return {};
  }
  ByteView b = Take(n, field);
  return Bytes(b.begin(), b.end());
}

void OctetReader::Refuse(std::string_view field, std::string_view why) {
  if (error_) return;
  error_ = Refused("tpm.value", fmt::format("{}, field {}: {}", what_, field, why)).error();
}

Status OctetReader::Done() const {
  if (error_) return std::unexpected(*error_);
  if (!rest_.empty()) {
    return Refused("tpm.trailing",
                   fmt::format("{} octets are left over after {}", rest_.size(), what_));
  }
  return {};
}

void PutU16(Bytes& out, uint16_t n) {
  out.push_back(static_cast<uint8_t>(n >> 8));
  out.push_back(static_cast<uint8_t>(n));
}

void PutU32(Bytes& out, uint32_t n) {
  PutU16(out, static_cast<uint16_t>(n >> 16));
  PutU16(out, static_cast<uint16_t>(n));
}

void PutSized(Bytes& out, ByteView b) {
  PutU16(out, static_cast<uint16_t>(b.size()));
  out.insert(out.end(), b.begin(), b.end());
}

}  // namespace birthmark::attest
