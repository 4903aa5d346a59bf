// SPDX-License-Identifier: Apache-2.0
// The binding: the second, small file of a ceremony, which says where its hardware is on this one
// machine. Nothing in it is evidence. Leaves out opening the stores (the caller's OpenStore).
// Values. Source: docs/formats/ceremony.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/findings.h"
#include "ceremony/script.h"

namespace birthmark::ceremony {

inline constexpr size_t kMaxBindingBytes = 16 * 1024;

// BoundStore says where one key of custody pkcs11 or tpm2 is.
struct BoundStore {
  std::string key;       // id of the script
  std::string uri;       // "pkcs11:token=…?module-path=…" (RFC 7512), "tpm2:tcti=…"
  std::string pin_file;  // empty: the PIN is asked for
  int line = 0;
};

struct Binding {
  std::vector<BoundStore> stores;
  std::string shares;  // folder for share files and pages; empty: DIR/shares
  std::string raw;

  const BoundStore* Find(std::string_view key) const;
};

struct ParsedBinding {
  std::optional<Binding> binding;
  Findings findings;
};
// ParseBinding reads the file strictly and compares it with the script it is for. Codes:
// ceremony.*.
ParsedBinding ParseBinding(std::string_view text, const Script& script);
// FormatBinding writes the file to fill in for a script.
std::string FormatBinding(const Script& script);

}  // namespace birthmark::ceremony
