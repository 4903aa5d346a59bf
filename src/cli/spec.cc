// SPDX-License-Identifier: Apache-2.0
#include "cli/spec.h"

#include <fmt/format.h>

#include <charconv>

namespace birthmark::cli {

Result<uint64_t> Invocation::Number(const std::string& option, uint64_t fallback, uint64_t low,
                                    uint64_t high) const {
  auto it = options.find(option);
  if (it == options.end()) return fallback;
  uint64_t n = 0;
  const std::string& text = it->second;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc() || end != text.data() + text.size() || n < low || n > high) {
    return Usage("cli.number",
                 fmt::format("{} {}: not a whole number from {} to {}", option, text, low, high));
  }
  return n;
}

std::vector<Option> OptionsOf(const Command& c) {
  std::vector<Option> out{{"--json", "", "print JSON"}};
  out.insert(out.end(), c.options.begin(), c.options.end());
  if (c.traits & kChanges)
    out.push_back({"--dry-run", "", "say what would be done, change nothing"});
  if (c.traits & kNeedsKey) {
    out.push_back({"--passphrase-file", "F", "file with the passphrase of the online keys"});
    out.push_back({"--passphrase-fd", "N", "descriptor to read that passphrase from"});
    out.push_back({"--pin-file", "F", "file with the PIN of the module or TPM of the online keys"});
    out.push_back({"--pin-fd", "N", "descriptor to read that PIN from"});
    out.push_back({"--pin-last-try", "", "try the PIN though the module warns of wrong ones"});
  }
  if (c.traits & kOfflineKey) {
    out.push_back(
        {"--offline-passphrase-file", "F", "file with the passphrase of the offline keys"});
    out.push_back({"--offline-passphrase-fd", "N", "descriptor to read that passphrase from"});
    out.push_back(
        {"--offline-pin-file", "F", "file with the PIN of the module or TPM of the offline keys"});
    out.push_back({"--offline-pin-fd", "N", "descriptor to read that PIN from"});
  }
  if (c.traits & kActs)
    out.push_back({"--as", "CREDENTIAL", "act as this credential (default: the local one)"});
  return out;
}

}  // namespace birthmark::cli
