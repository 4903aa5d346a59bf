// SPDX-License-Identifier: Apache-2.0
// pkcs11: URIs (RFC 7512), read strictly: what this program would not look at is refused, because a
// URI that names less than its writer thinks may open another token. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace birthmark::hardware {

inline constexpr size_t kMaxPkcs11Uri = 4096;

// Pkcs11Uri is what a URI says; absent attributes match anything.
struct Pkcs11Uri {
  std::optional<std::string> token, manufacturer, serial, model;
  std::optional<uint64_t> slot_id;
  std::optional<std::string> object;
  std::optional<Bytes> id;
  std::string module_path;
  std::optional<std::string> pin_source;  // a file: URI, or a path
};

// ParsePkcs11Uri reads one. Errors: pkcs11.uri (malformed, an attribute twice, one that is unknown
// or not used here), pkcs11.uri-pin (the PIN itself stands in it), pkcs11.uri-module (no
// module-path). Source: RFC 7512 sections 2.3 and 2.4.
Result<Pkcs11Uri> ParsePkcs11Uri(std::string_view text);

// PinPath is the path of a pin-source: "file:/path" or "/path". Errors: pkcs11.uri.
Result<std::string> PinPath(std::string_view pin_source);

}  // namespace birthmark::hardware
