// SPDX-License-Identifier: Apache-2.0
// Intel HEX, as programmers take it: a writer and a strict reader. Records of data, extended linear
// address and end; nothing else. Contents may be secret. Pure functions; thread-safe.
// Source: Intel, "Hexadecimal Object File Format Specification", revision A.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::link {

struct HexSegment {
  uint32_t address = 0;
  SecretBytes bytes;
};

// HexPart is one stretch to be written.
struct HexPart {
  uint32_t address = 0;
  ByteView bytes;
};

// WriteIntelHex writes the parts in ascending order. Errors: hex.range (beyond 32 bits, or parts
// that overlap or go back).
Result<SecretBytes> WriteIntelHex(const std::vector<HexPart>& parts);

// ReadIntelHex gives the stretches in ascending order, neighbours joined.
// Errors: hex.format with the line, hex.too-large (more than 16 MiB of data).
Result<std::vector<HexSegment>> ReadIntelHex(ByteView text);

}  // namespace birthmark::link
