// SPDX-License-Identifier: Apache-2.0
// A bounded reader and a writer for the TPM's big-endian octets. Inside this room alone.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::attest {

// OctetReader walks from front to end. The first failure sticks: everything after it reads as zero
// and Done says what was missing, so that a structure reads as a list of its fields.
class OctetReader {
 public:
  OctetReader(ByteView data, std::string_view what) : rest_(data), what_(what) {}

  uint8_t U8(std::string_view field) { return static_cast<uint8_t>(Number(1, field)); }
  uint16_t U16(std::string_view field) { return static_cast<uint16_t>(Number(2, field)); }
  uint32_t U32(std::string_view field) { return static_cast<uint32_t>(Number(4, field)); }
  uint64_t U64(std::string_view field) { return Number(8, field); }
  ByteView Take(size_t n, std::string_view field);
  // Sized reads a TPM2B: a 16-bit size and as many octets, at most `max`.
  Bytes Sized(size_t max, std::string_view field);
  // Refuse records that a value is not one that may stand here.
  void Refuse(std::string_view field, std::string_view why);
  bool failed() const { return error_.has_value(); }
  // Done is the first failure, or tpm.trailing when something is left over.
  Status Done() const;

 private:
  uint64_t Number(size_t n, std::string_view field);

  ByteView rest_;
  std::string_view what_;
  std::optional<Error> error_;
};

void PutU16(Bytes& out, uint16_t n);
void PutU32(Bytes& out, uint32_t n);
// PutSized writes a TPM2B. The octets must be fewer than 65 536.
void PutSized(Bytes& out, ByteView b);

}  // namespace birthmark::attest
