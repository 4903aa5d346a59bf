// SPDX-License-Identifier: Apache-2.0
// The same renderings for programs: JSON with every field of the disclosure, octets in hexadecimal,
// times in milliseconds since 1970 UTC. Written down in docs/formats/disclosure.md. Pure functions.
#pragma once

#include <span>
#include <string>

#include "answer/recompute.h"
#include "disclose/compare.h"
#include "disclose/verify.h"

namespace birthmark::disclose {

// ShowJson is the whole disclosure with its marks, its signer and the SHA-256 of its payload first.
std::string ShowJson(const VerifyReport& report, std::string_view file_name);
// VerifyJson is the report of `verify --json`.
std::string VerifyJson(const VerifyReport& report, std::string_view file_name);
// CompareJson is the comparison: products, anchors and rows, cells in the reader's order.
std::string CompareJson(std::span<const OpenedDisclosure> all);
// RecomputeJson is the outcome of each measured answer.
std::string RecomputeJson(const VerifyReport& report, std::string_view file_name,
                          std::span<const answer::Recomputed> all);

}  // namespace birthmark::disclose
