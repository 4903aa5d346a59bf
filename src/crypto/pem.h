// SPDX-License-Identifier: Apache-2.0
// PEM (RFC 7468): labelled base64 blocks, many in one file. Strict and bounded; encapsulated
// headers
// ("Proc-Type") and so encrypted blocks are refused. Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::crypto {

struct PemBlock {
  std::string label;  // "CERTIFICATE"
  Bytes der;
};

// ReadPem gives all blocks in order; text between blocks is skipped (RFC 7468 section 5.2).
// Errors: pem.malformed (with its line), pem.none, pem.too-many.
Result<std::vector<PemBlock>> ReadPem(std::string_view text, size_t max_blocks = 4096);
// ReadOnePem gives the only block, which must have this label. Errors: those above and pem.label.
Result<Bytes> ReadOnePem(std::string_view text, std::string_view label);
std::string WritePem(std::string_view label, ByteView der);

}  // namespace birthmark::crypto
