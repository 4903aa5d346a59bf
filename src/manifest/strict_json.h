// SPDX-License-Identifier: Apache-2.0
// JSON as signed data has to be read: a name that stands twice in an object, or nesting without
// end, is refused, since two readers could make two things of it (RFC 7515 section 4). And the
// unpadded base64url of JOSE. Pure; thread-safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::manifest {

inline constexpr size_t kMaxDepth = 16;

// ParseStrict. Errors: manifest.json.
Result<nlohmann::json> ParseStrict(std::string_view text);

// Text is a member that is a text; Object and Array likewise. Nothing when there is none.
const std::string* Text(const nlohmann::json& object, const char* name);
const nlohmann::json* Object(const nlohmann::json& object, const char* name);
const nlohmann::json* Array(const nlohmann::json& object, const char* name);

// FromBase64Url reads RFC 4648 section 5 without padding (RFC 7515 section 2): no other octets, and
// no bits set that mean nothing, so that one value has one form.
std::optional<Bytes> FromBase64Url(std::string_view text);
std::string ToBase64Url(ByteView b);

}  // namespace birthmark::manifest
